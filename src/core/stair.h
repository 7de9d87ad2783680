/* How the latency of a random chase grows with its footprint on one machine: what share of the
 * waits is memory. */
#ifndef CXMS_CORE_STAIR_H
#define CXMS_CORE_STAIR_H

#include <stdint.h>

#include "trace/event.h"

/** struct cxms_stair - value; latency rises with footprint from the LLC's to the memory's */
struct cxms_stair {
	double mem_ps, llc_ps;
	double llc_bytes; /* > 0: use the capacity rule instead of the measured steps */
	unsigned n;
	double bytes[CXMS_STAIR_MAX], ps[CXMS_STAIR_MAX];
};

/**
 * cxms_stair_init() - from a recording's facts
 * @llc_bytes: the LLC share to assume, 0 = the measured staircase; without one, the LLC's nominal
 * size
 */
void cxms_stair_init(struct cxms_stair *s, const struct cxms_facts *facts, uint64_t llc_bytes);

/**
 * cxms_stair_memory_share() - share of the waiting *time* of a uniform random access over
 * @footprint that is memory
 *
 * Formula: lat(F) by the staircase (log-linear in F); miss ratio m = (lat - L_llc)/(L_mem - L_llc);
 *          share = m L_mem / (m L_mem + (1 - m) L_llc). Capacity rule: m = max(0, 1 - C/F).
 * Range:   0 .. 1, rising with @footprint_bytes
 */
double cxms_stair_memory_share(const struct cxms_stair *s, double footprint_bytes);

#endif

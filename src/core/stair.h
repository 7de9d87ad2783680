/*
 * The latency staircase of one machine: how the latency of a random chase grows with its footprint.
 * It tells which uses of a line miss the caches, and what page walks add.
 */
#ifndef CXMS_CORE_STAIR_H
#define CXMS_CORE_STAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/event.h"

/** struct cxms_stair - value; latency rises with footprint from the LLC's to the memory's */
struct cxms_stair {
	double mem_ps, llc_ps;
	double llc_bytes; /* > 0: a cache of that size, in place of the measured steps */
	double span;	  /* the cache may hold so many times more or less; >= 1 */
	unsigned n;	  /* steps */
	double bytes[CXMS_STAIR_MAX], ps[CXMS_STAIR_MAX];
	double walk_ps; /* page walk on base pages, where none was measured by footprint */
	unsigned n_walk;
	double walk_bytes[CXMS_STAIR_MAX], walk_step_ps[2][CXMS_STAIR_MAX]; /* base, huge pages */
	double walk_high_ps[2][CXMS_STAIR_MAX]; /* upper quartile of these measurements */
};

/**
 * cxms_stair_init() - from the facts of a recording
 * @llc_bytes: size of the cache to assume; 0 = that given when recording, else the measured
 *             staircase, or where none was measured the nominal size of the LLC
 */
void cxms_stair_init(struct cxms_stair *s, const struct cxms_facts *facts, uint64_t llc_bytes);

/**
 * cxms_stair_miss_ratio() - chance that a use misses when @between_bytes of other lines were used
 * since the last use of its line
 *
 * Formula: the chase of the staircase comes back to each line after exactly its footprint, so
 *          m = (lat(F) - L_llc)/(L_mem - L_llc), lat log-linear between the steps. Capacity rule: a
 *          step from 0 to 1 beyond the capacity (least recently used).
 * Range:   0 .. 1, rising with @between_bytes
 */
double cxms_stair_miss_ratio(const struct cxms_stair *s, double between_bytes);
/** cxms_stair_time_share() - share of the time of uses that is memory's, where @miss of them miss
 * Formula: m L_mem/(m L_mem + (1 - m) L_llc), m = @miss, 0 .. 1 */
double cxms_stair_time_share(const struct cxms_stair *s, double miss);

/**
 * cxms_stair_walk_ps() - what page walks add to a use at random within @bytes
 *
 * Formula: log-linear between the measured steps, constant outside of them, never falling; without
 *          steps walk_ps on base pages, and none on huge ones
 */
double cxms_stair_walk_ps(const struct cxms_stair *s, double bytes, bool huge);
/** cxms_stair_walk_high_ps() - its upper quartile: walks change with what else the machine does */
double cxms_stair_walk_high_ps(const struct cxms_stair *s, double bytes, bool huge);

/** cxms_stair_mean_miss() - mean of the miss ratio over from .. to bytes, from <= to */
double cxms_stair_mean_miss(const struct cxms_stair *s, double from, double to);

/**
 * cxms_stair_llc_bytes() - what the cache holds, as the staircase sees it
 *
 * Formula: integral of 1 - m over the footprint, from 0 to the last step
 */
double cxms_stair_llc_bytes(const struct cxms_stair *s);

#endif

/*
 * This machine: CPU, caches and kernel, as /proc and /sys tell them; and its memory latency, page
 * walks and what a sample costs, which are measured once and kept.
 */
#ifndef CXMS_SOURCE_MACHINE_H
#define CXMS_SOURCE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/event.h"

struct cxms_err;
struct cxms_log;

/** struct cxms_machine_cfg - 0 = measure (or take from the cache) */
struct cxms_machine_cfg {
	uint64_t mem_latency_ps, walk_ps;
	uint64_t llc_bytes; /* the LLC share to assume; 0 = the staircase decides */
	bool remeasure;	    /* do not use the cache */
	struct cxms_log *log;
};
/** cxms_machine_identify() - fill what /proc, /sys (re-rootable) and uname say; an unknown CPU is
 * no error */
void cxms_machine_identify(struct cxms_facts *facts);
/**
 * cxms_machine_measure() - fill the latencies of @facts, and the cost of a sample and of a stop
 *
 * Latency is that of a dependent chase over 256 MiB, or an eighth of the free memory, and over a
 * staircase of smaller footprints, made monotone:
 * - window by window, so that page walks hardly count: the least of several medians. The first step
 *   above the L2 is llc_latency_ps;
 * - at random, for each page size. What that takes longer is page walks. They drift, so it is the
 *   median and the upper quartile of three rounds some seconds apart.
 * Where perf_event_open works, what one CPU-clock sample costs a random chase is measured; where
 * ptrace does, what a stop costs: the least of a set in each of three rounds.
 * It takes about ten seconds. The result is kept below $XDG_CACHE_HOME/cxlmemsim, else ~/.cache,
 * with the machine's identity; where that cannot be written there is only a line in the log. Where
 * both latencies are given, and nothing is kept, nothing is measured, and there is no staircase.
 * Return: 0, -ENOMEM, -ENOTSUP
 */
int cxms_machine_measure(struct cxms_facts *facts, const struct cxms_machine_cfg *cfg,
			 struct cxms_err *err);
/** cxms_machine_synthetic() - the machine of sources that are not live: memory 100 ns, page walk 20
 * ns, LLC 16 MiB. Overwrites all of @facts */
void cxms_machine_synthetic(struct cxms_facts *facts, const struct cxms_machine_cfg *cfg);

#endif

/* This machine: CPU, caches, kernel, and its memory latency and page-walk cost, measured once and
 * cached. */
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
/** cxms_machine_identify() - fills what /proc, /sys and uname say (re-rootable); never fails on
 * unknown CPUs */
void cxms_machine_identify(struct cxms_facts *facts);
/**
 * cxms_machine_measure() - latency by a dependent chase over 256 MiB (or an eighth of free memory)
 *
 * Where perf_event_open works, what one CPU-clock sample costs a random chase is measured as
 * well; where ptrace does, what a stop costs: the least of a set in each of three rounds some
 * seconds apart. Window by window, so that page walks hardly count, and at random per page size,
 * which tells the walks: each over a staircase of footprints, made monotone. By windows the minimum
 * of several medians; of the walks, which drift, the median and the upper quartile of three rounds
 * some seconds apart. llc_latency_ps is the first step above the L2. Nothing is measured when both
 * latencies are given and no cache is there: no staircase then. Cached under
 * $XDG_CACHE_HOME/cxlmemsim (or ~/.cache) with the machine's identity; a cache that cannot be
 * written is only a log line. Takes about ten seconds without a cache. Return: 0, -ENOMEM, -ENOTSUP
 */
int cxms_machine_measure(struct cxms_facts *facts, const struct cxms_machine_cfg *cfg,
			 struct cxms_err *err);
/** the fixed machine of sources that are not live: 100 ns, 20 ns a walk, 16 MiB LLC; overwrites all
 * of @facts */
void cxms_machine_synthetic(struct cxms_facts *facts, const struct cxms_machine_cfg *cfg);

#endif

/*
 * From hardware counters and sampled misses to waits: how many, how long, within which bounds.
 * Three terms: waits for memory, for caches, and of stores. MODELS: counters.
 */
#ifndef CXMS_CORE_HW_WAIT_H
#define CXMS_CORE_HW_WAIT_H

#include "core/demand.h"
#include "core/predict.h"

/** struct cxms_hw_in - one thread in one stretch of time */
struct cxms_hw_in {
	struct cxms_counts counts;
	const struct cxms_predictor *p; /* NULL = no calibration */
	double time_ps;			/* T: in user code */
	double misses;			/* lines that loads fetched from memory; < 0 = not known */
	double mem_ps, llc_ps;		/* latencies as seen then, page walks included */
};

/** struct cxms_hw_term - the waits of one term, by end of the span */
struct cxms_hw_term {
	double stall_ps[CXMS_SPAN_COUNT];
	double most_waits;		   /* there are no more waits; INFINITY = no bound */
	double predicted[CXMS_SPAN_COUNT]; /* waits by calibration; [0] < 0 = none */
	double lines;			   /* lines filled meanwhile; < 0 = not known */
};

/**
 * cxms_hw_terms() - the three terms of one stretch
 *
 * Formula, with M = misses and L = mem_ps:
 * Memory: S = T stalls_l3/cycles. MLP, the misses in flight together, follows from Little's law:
 *   demand_rd_cycles MLP = M L + (demand_rd - M) L_llc. There are at most M/MLP waits, and at most
 *   T/L. Where no stalls were counted: between M/16 (line fill buffers) and M waits of L each, no
 *   longer than T together.
 * Cache: S = T (stalls_l1d - stalls_l2)/cycles x fb_hit/(fb_hit + l1_miss) x the share of the
 *   prefetches that leave the chip.
 * Store: S = T bound_on_stores/cycles x the share that leaves the LLC.
 *   Where a share was not counted it is between 0 and 1; its middle is that of the L1 prefetches,
 *   else M/demand_rd, else a half.
 * With calibration: waits = (cxms_predict() -+ 1.645 residuals) T / added latency, the ends of a
 *   90 % interval.
 * Source: MODELS, counters.
 */
void cxms_hw_terms(const struct cxms_hw_in *in, struct cxms_hw_term out[CXMS_TERM_COUNT]);

/**
 * cxms_hw_waits() - exposed waits of a term
 * @wait: how its loads wait (cxms_wait_model())
 * Formula: what is predicted; else S/(L - h), between S/L and most_waits, which is the upper end
 *   where it is known
 */
void cxms_hw_waits(const struct cxms_hw_term *t, const struct cxms_wait *wait,
		   double waits[CXMS_SPAN_COUNT]);

#endif

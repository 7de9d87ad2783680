/* From counters and sampled misses to waits: how many, how long, and between which bounds. */
#ifndef CXMS_CORE_HW_WAIT_H
#define CXMS_CORE_HW_WAIT_H

#include "core/demand.h"
#include "core/predict.h"

/** struct cxms_hw_in - one thread in one stretch of time */
struct cxms_hw_in {
	struct cxms_counts counts;	/* < 0 where not counted */
	const struct cxms_predictor *p; /* NULL = no calibration */
	double time_ps;			/* T: in user code */
	double misses;			/* lines that loads fetched from memory; < 0 = not known */
	double mem_ps, llc_ps;		/* latencies as seen then, page walks included */
};

/** struct cxms_hw_term - what one term waits; by span end */
struct cxms_hw_term {
	double stall_ps[CXMS_SPAN_COUNT];
	double most_waits;		   /* exposed waits cannot be more; INFINITY = no bound */
	double predicted[CXMS_SPAN_COUNT]; /* exposed waits by calibration; [0] < 0 = none */
	double lines;			   /* filled meanwhile; < 0 = not known */
};

/**
 * cxms_hw_terms() - the three terms of one stretch
 *
 * Memory: S = T stalls_l3 / cycles. Parallelism by Little: demand_rd_cycles MLP = M L + (demand_rd
 * - M) L_llc; waits <= M / MLP and <= T / L. Without stall counters: waits between M / 16 (line
 * fill buffers) and M, each of them L long, cut at T. Cache: S = T (stalls_l1d - stalls_l2)/cycles
 * x fb_hit/(fb_hit + l1_miss) x off-chip share of the prefetches. Store: S = T bound_on_stores /
 * cycles x share that leaves the LLC. Those shares are between 0 and 1; the middle is the share of
 * the L1 prefetches, or M / demand_rd, or else a half. With calibration: waits = (cxms_predict()
 * -+ 1.645 residuals) T / added latency, at the ends of a 90 % interval. Source: MODELS, hardware
 * sampling.
 */
void cxms_hw_terms(const struct cxms_hw_in *in, struct cxms_hw_term out[CXMS_TERM_COUNT]);

/**
 * cxms_hw_waits() - exposed waits of a term
 * @wait: how its loads wait (cxms_wait_model())
 * Formula: predicted, else S/(L - h) between S/L and most_waits; the upper end is most_waits where
 * that is known
 */
void cxms_hw_waits(const struct cxms_hw_term *t, const struct cxms_wait *wait,
		   double waits[CXMS_SPAN_COUNT]);

#endif

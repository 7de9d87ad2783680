/* Turns of a loop: how often it goes round, from a register that each turn adds a constant to. */
#ifndef CXMS_CORE_TURNS_H
#define CXMS_CORE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct cxms_turn_point - one sample in the loop */
struct cxms_turn_point {
	uint64_t time_ns, count; /* CPU time of the thread; the register */
	uint64_t outer;		 /* that of the loop around it; 0 without one */
	double weight_ns;	 /* CPU time the sample stands for */
	uint32_t thread;
	uint32_t sleeps; /* of the thread before: pairs lie between two of them */
};

/** struct cxms_turns - value; found false: the register does not tell */
struct cxms_turns {
	bool found;
	double per_ns;	     /* turns in a nanosecond while the loop runs, calls in it included */
	double spread_ratio; /* half the interquartile range over the median, of the pairs */
	double time_ns;	     /* in the loop, all threads */
	double turns;	     /* per_ns x time_ns */
	size_t pairs;	     /* neighbours that agree */
	double run_turns;    /* of one run of an inner loop; 0 = not known */
};

/* A turn takes a cycle at least; clocks end below 6 GHz. */
#define CXMS_TURNS_MOST_PER_NS 6.0
/* Most pairs that the median is taken over. */
#define CXMS_TURNS_MAX_PAIRS 4096u

/**
 * cxms_turns_fit() - rate of a loop (MODELS, stall sampling 6)
 * @point:      n samples, by thread and then in time order
 * @step:       of the register in a turn, not 0
 * @max_gap_ns: neighbours further apart are not taken for the same run of the loop
 * @work:       scratch for CXMS_TURNS_MAX_PAIRS numbers
 *
 * A pair counts where the register moved by whole steps in the right direction. Of the pairs that
 * count, six in ten must lie within a factor 1.5 of their median, and these must be four in ten of
 * all: where each sample falls into another run of the loop, half of the pairs count and a third of
 * those are near. Rate: turns over time of those that agree. Time: of each sample its weight, or
 * the time since the last where the two agree (what the loop calls is sampled elsewhere), and where
 * they do not, as where the loop began anew, its weight times what the others have for theirs.
 */
void cxms_turns_fit(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		    double *work, struct cxms_turns *out);

/**
 * cxms_turns_fit_nested() - the same of an inner loop too short to be met twice in one run of it
 * @point:      as above; restored at the end
 * @outer_step: of the register of the loop around it, whose turns are counted as above
 *
 * In a turn of the outer loop the inner register moves by S, 0 where it begins anew: over all pairs
 * that agree, in whole steps, and in what less than a line beside these most pairs agree on (an
 * address that counts itself, set anew for each column). Less that, where samples fall on any turn
 * alike and each run has M, it is spread evenly over M steps: M from the span of its 5th to 95th
 * percentile. Found where the median lies in the middle (where M varies it lies below: samples see
 * each run up to its own end) and where neighbours span as much as all (else runs begin anywhere).
 * Rate: M turns in each outer turn.
 */
void cxms_turns_fit_nested(struct cxms_turn_point *point, size_t n, int64_t step,
			   int64_t outer_step, double max_gap_ns, double *work,
			   struct cxms_turns *out);

#endif

/*
 * Turns of a loop: how often it goes round, told by a register to which each turn adds the same.
 * Two samples in one run of the loop show how far the register moved, and so how many turns lie
 * between them.
 */
#ifndef CXMS_CORE_TURNS_H
#define CXMS_CORE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct cxms_turn_point - one sample in the loop */
struct cxms_turn_point {
	uint64_t time_ns, count; /* CPU time of the thread; value of the register */
	uint64_t outer;		 /* value of the register of the loop around it; 0 = none */
	double weight_ns;	 /* CPU time the sample stands for */
	uint32_t thread;
	uint32_t sleeps; /* how often the thread has slept before: no pair lies across a sleep */
};

/** struct cxms_turns - value; found false: the register does not tell */
struct cxms_turns {
	bool found;
	double per_ns;	     /* turns in a nanosecond while the loop runs, calls in it included */
	double spread_ratio; /* half the interquartile range over the median, of the pairs */
	double time_ns;	     /* time in the loop, of all threads */
	double turns;	     /* per_ns x time_ns */
	size_t pairs;	     /* of neighbouring samples that agree */
	/* of one run of an inner loop; also where how many runs there are is not; 0 = not known */
	double run_turns;
};

/* A turn takes at least a cycle, and no clock reaches 6 GHz. */
#define CXMS_TURNS_MOST_PER_NS 6.0
/* Turns of a string instruction: bytes at least, and up to a line of them a cycle. */
#define CXMS_TURNS_MOST_STRING_PER_NS (64 * CXMS_TURNS_MOST_PER_NS)
/* Most pairs that the median is taken over. */
#define CXMS_TURNS_MAX_PAIRS 4096u

/**
 * cxms_turns_fit() - how fast a loop goes round (MODELS, stall sampling 7)
 * @point:      [n] samples, by thread and then in order of time
 * @step:       what a turn adds to the register, not 0
 * @max_gap_ns: samples further apart are not taken for one run of the loop
 * @work:       scratch for CXMS_TURNS_MAX_PAIRS numbers
 *
 * A pair of neighbours counts where the register moved by whole steps in the right direction. Six
 * in ten of those must lie within a factor of 1.5 of their median, and must be four in ten of all
 * pairs. (Where each sample falls into another run of the loop, half of the pairs count by chance,
 * and a third of those lie near the median.) Rate: turns over time of the pairs that agree. Time in
 * the loop: where a sample and the one before agree, the time between them, as what the loop calls
 * is sampled elsewhere; where they do not (the loop began anew), the sample's weight, stretched as
 * that of the others is on average. Those others are the nearer ones. So where the loop calls
 * others it is stretched further, if all runs seem to begin at the register's least value: since
 * then as many turns have passed as it has counted, and as many follow behind the last sample of a
 * run.
 */
void cxms_turns_fit(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		    double *work, struct cxms_turns *out);

/**
 * cxms_turns_fit_around() - the same by all samples in the loop, those of its inner loops as well
 * @point:      as above; overwritten
 *
 * An inner loop may take longer than a period: of the samples in one turn the first counts, and the
 * time of the others is between it and that of the next turn.
 */
void cxms_turns_fit_around(struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
			   double *work, struct cxms_turns *out);

/**
 * cxms_turns_fit_nested() - the same for an inner loop, too short for two samples in one run of it
 * @point:      as above; changed meanwhile, and restored at the end
 * @outer_step: what a turn of the loop around it adds to outer; those turns are counted as above
 *
 * How many turns M has a run of the inner loop? From one outer turn to the next the inner register
 * moves by S: 0 where it begins anew, else whole steps, and perhaps less than a line beside them
 * (an address that counts itself, set anew for each column). S is what most pairs agree on. Without
 * S the register is spread evenly over M steps, if every run has M turns and samples fall on any
 * turn alike: M follows from the span between its 5th and 95th percentile. Found where the median
 * lies in the middle of that span (where M varies it lies below, as samples see each run up to its
 * own end), and where neighbouring samples span as much as all (else runs begin anywhere). Rate: M
 * turns in each outer turn. Why: adr/0039.
 */
void cxms_turns_fit_nested(struct cxms_turn_point *point, size_t n, int64_t step,
			   int64_t outer_step, double max_gap_ns, double *work,
			   struct cxms_turns *out);

/**
 * cxms_turns_fit_left() - the same of an inner loop whose register tells how many turns are left
 * (a string instruction with rep), wherever in a run the time goes
 * @outer_step: 0 = no loop around it is known
 *
 * Where two samples lie in one run they tell, as above. Else by the outer loop.
 * Turns of a run: twice the mean of what is left, as if samples fell on any turn alike, but no more
 * than the 95th percentile, which all runs begin with where they are alike. (Of runs of several
 * lengths the mean is by time, as long ones are seen more.) Known of ten samples and more, also
 * where no loop around tells how many runs there are.
 */
void cxms_turns_fit_left(struct cxms_turn_point *point, size_t n, int64_t outer_step,
			 double max_gap_ns, double *work, struct cxms_turns *out);

#endif

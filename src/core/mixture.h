/*
 * How unevenly waits fall on lines, from how often lines were sampled. Lines are described as a
 * mixture of classes; within a class all lines are waited for equally often.
 */
#ifndef CXMS_CORE_MIXTURE_H
#define CXMS_CORE_MIXTURE_H

#include "core/collide.h"

/* Steps of 1.7 from a part of 2^34 lines (1 TiB) to one line that takes all samples. */
#define CXMS_MIX_MAX 56

/* A mixture that cxms_mixture_least() finds has more than the least by less than this. */
#define CXMS_MIX_GAP 0.004

/** struct cxms_mixture - classes of lines by how often they are waited for */
struct cxms_mixture {
	unsigned n;
	double touched_lines;	/* the lines of all classes together are no more */
	double p[CXMS_MIX_MAX]; /* chance that a sample falls on one given line of it; rising */
	double w[CXMS_MIX_MAX]; /* share of the samples that fall on the class; sum 1 */
};

/** cxms_mixture_lines() - lines of a class: w/p */
double cxms_mixture_lines(const struct cxms_mixture *m, unsigned class);

/**
 * cxms_mixture_fit() - the mixture that makes what was seen most likely
 * @touched_lines: in the memory areas that are reached, > 0
 * @prior: what is believed as long as little was seen, over the same touched lines; NULL = all
 *         touched lines alike
 *
 * Formula: lines seen j times are Poisson with mean E_j = W sum (w_i/p_i) P(j; n p_i) in W windows
 * of n samples. The maximum of their log-likelihood plus sum prior_i log w_i, under sum w_i = 1 and
 *   sum w_i/p_i <= touched lines, is unique: found by Newton's method from inside (barriers).
 */
void cxms_mixture_fit(const struct cxms_seen *seen, double touched_lines,
		      const struct cxms_mixture *prior, struct cxms_mixture *out);

/**
 * cxms_mixture_least() - the least that a mean over the samples can be, by what was seen
 * @value: [class], 0 .. 1: what the mean is of, for example the share of the waiting for memory
 * @at:    out, the mixture whose mean that is; NULL = not wanted
 *
 * Formula: minimum of sum w_i value_i over all mixtures whose log-likelihood is within 1.35 of the
 *   fit's (half of the 90 % quantile of chi^2 with one degree of freedom), a convex problem; less
 *   the 0.4 % to which it is solved. Lines that were seen once bound it from one side (Good and
 *   Turing), pairs from the other.
 */
double cxms_mixture_least(const struct cxms_seen *seen, const struct cxms_mixture *fit,
			  const double *value, struct cxms_mixture *at);

/** cxms_mixture_mean() - sum of w_i value_i */
double cxms_mixture_mean(const struct cxms_mixture *m, const double *value);

#endif

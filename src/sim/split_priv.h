/* A row under way: what cxms_split_run() finds, and how it becomes a result. */
#ifndef CXMS_SIM_SPLIT_PRIV_H
#define CXMS_SIM_SPLIT_PRIV_H

#include <stdbool.h>

#include "sim/split.h"

/* Slowdown against all-local, at the middle and at the outermost of the model's ends. */
struct slow {
	double mid, lo, hi;
};

/* A slowdown with its interval and what makes it wide. */
struct judged {
	double mid, lo, hi, sampling, model;
};

/* One program of a row; of policies that rank, by the half that is judged. */
struct part {
	struct cxms_stage *stage;
	struct cxms_placement place[2];
	struct cxms_phases change[2];	   /* n 0: the placement holds throughout */
	struct cxms_world_phase *phase[2]; /* their demand; one at least */
	size_t n_phase[2];
	struct slow slow, other;
	double error;
	double gain; /* the most that latencies below the local one can save, relatively; 0 .. 1 */
	double contention, alone; /* sums over the halves */
	const struct cxms_world *base, *whole;
	struct judged judged;
	double time_ns;
	double moved_bytes;
	uint64_t promotions, demotions;
};

struct row {
	size_t n;
	struct part *part;
	struct cxms_world *world[2]; /* by half: [part] */
	unsigned n_half;
	struct cxms_check check;
	struct cxms_warnings *warnings;
};

/** cxms_row_ratio() - one time over another; 1 where the other is 0 */
double cxms_row_ratio(double time_ns, double base_ns);
/** cxms_row_slowdown() - of @w against @base, at the middle and at the ends of the model's span */
struct slow cxms_row_slowdown(const struct cxms_stage *s, const struct cxms_world *w,
			      const struct cxms_world *base);
/**
 * cxms_row_gain() - the most that the run can be faster than with everything local
 * Return: share of the time, 0 .. 1; 0 where no page is faster away and local memory not relieved
 */
double cxms_row_gain(const struct part *p, int half, const struct cxms_world *w,
		     const struct cxms_world *base);
/**
 * cxms_row_resample() - the error that chance in the samples leaves (bootstrap.h)
 * @slow:  in and out: the bias of its maxima is taken off
 * @error: out, standard deviation of the slowdown
 * Return: 0 or -ENOMEM
 */
int cxms_row_resample(const struct cxms_stage *s, const struct cxms_world *w,
		      const struct cxms_world *base, struct slow *slow, double *error,
		      struct cxms_err *err);
/**
 * cxms_row_judge() - the 90 % interval around a slowdown
 * @error, @gain: of cxms_row_resample() and cxms_row_gain()
 * Formula: sampling error and model's span as independent, root of the sum of squares at each end
 */
struct judged cxms_row_judge(const struct cxms_stage *s, const struct cxms_placement *p,
			     const struct cxms_world *w, double error, double gain, struct slow r);

/** arrays of @out for the row. 0 or -ENOMEM */
int cxms_row_allocate(const struct row *r, struct cxms_split_result *out);
/** all figures of @out; its arrays are allocated */
void cxms_row_fill(const struct row *r, struct cxms_split_result *out);
/** warnings that the figures call for, the failed self-check among them */
void cxms_row_warn(const struct row *r, struct cxms_split_result *out);

#endif

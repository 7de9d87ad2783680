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

/** arrays of @out for the row. 0 or -ENOMEM */
int cxms_row_allocate(const struct row *r, struct cxms_split_result *out);
/** all figures of @out; its arrays are allocated */
void cxms_row_fill(const struct row *r, struct cxms_split_result *out);
/** warnings that the figures call for, the failed self-check among them */
void cxms_row_warn(const struct row *r, struct cxms_split_result *out);

#endif

/* What chance in the samples does to the program's slowdown: its error and its bias. */
#ifndef CXMS_SIM_BOOTSTRAP_H
#define CXMS_SIM_BOOTSTRAP_H

#include "sim/replay.h"

struct cxms_cells;
struct cxms_err;
struct cxms_recording;
struct cxms_world;

/** struct cxms_bootstrap - of a ratio of two program times */
struct cxms_bootstrap {
	double ratio; /* without its bias */
	double bias;  /* what was taken off for that */
	double sd;    /* standard deviation of the ratio */
};

/** struct cxms_bootstrap_in - what is compared; all borrowed */
struct cxms_bootstrap_in {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_world *world, *base; /* of the same samples */
	enum cxms_blocked blocked;
};

/**
 * cxms_bootstrap_run() - the ratio of @in->world's program time to @in->base's
 *
 * The times of cells are moved at random, by as much as sim/noise.h says that chance moves them,
 * and the time line is laid again, many times. For the error all cells of an epoch move together,
 * by one standard deviation up or down. For the bias each cell moves by itself: a program waits for
 * the slowest of its threads, and the maximum of n equal times with error s is c(n) s too high.
 * Noise as large as the error makes that c(n) sqrt(2) s, so the bias is (mean over draws -
 * ratio)/(sqrt(2) - 1). Source: jackknife extrapolation from half the samples (Schucany, Gray,
 * Owen, JASA 66, 1971) for a bias that falls with the root of their number. The draws are always
 * the same. Return: 0 or -ENOMEM
 */
int cxms_bootstrap_run(const struct cxms_bootstrap_in *in, struct cxms_bootstrap *out,
		       struct cxms_err *err);

#endif

/* Kernels measured in fast and in slow memory, and the predictor fitted to them. */
#ifndef CXMS_SIM_CALIBRATE_H
#define CXMS_SIM_CALIBRATE_H

#include <stddef.h>

#include "core/predict.h"

struct cxms_buf;
struct cxms_err;

#define CXMS_CALIB_NAME_MAX 32
#define CXMS_CALIB_ROWS_MAX 256u

/** struct cxms_calib_row - one kernel */
struct cxms_calib_row {
	char kernel[CXMS_CALIB_NAME_MAX];
	enum cxms_term term;	   /* what it is made to show */
	double fast_ns, slow_ns;   /* time of the same work in either memory */
	struct cxms_counts counts; /* in the fast one */
};
struct cxms_calib {
	double fast_ps, slow_ps; /* idle latencies of the two memories */
	size_t n;
	struct cxms_calib_row row[CXMS_CALIB_ROWS_MAX];
};

/**
 * cxms_calib_parse() - rows of CSV text
 * First line the names of columns: kernel, term (memory, cache, store), fast_ns, slow_ns,
 * fast_latency_ns, slow_latency_ns, and counters by name (hw_events.h); others are passed over. One
 * line for each kernel. Lines that begin with '#' are comments.
 * Return: 0, -EINVAL ("line N: what, and what is allowed"). *out is written in either case
 */
int cxms_calib_parse(const char *text, struct cxms_calib *out, struct cxms_err *err);
/** cxms_calib_fit() - cxms_predictor_fit() on the rows; errors of that */
int cxms_calib_fit(const struct cxms_calib *c, struct cxms_predictor *out, struct cxms_err *err);
/** a table of measured and fitted slowdowns, and the coefficients, appended to @out */
void cxms_calib_print(const struct cxms_calib *c, const struct cxms_predictor *p,
		      struct cxms_buf *out);

#endif

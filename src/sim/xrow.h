/* Rows of exact recordings, of one host or several: what both read off an engine. In xreplay.c. */
#ifndef CXMS_SIM_XROW_H
#define CXMS_SIM_XROW_H

#include <stddef.h>

struct cxms_fabric;
struct cxms_facts;
struct cxms_split_result;
struct cxms_warnings;
struct cxms_xengine;
struct cxms_xtarget_sum;

/** log2 of the page size of the recording's TLB */
unsigned cxms_xrow_page_shift(const struct cxms_facts *facts);
/** the time of the threads on @host by cause, as shares of out->time_ns */
void cxms_xrow_causes(const struct cxms_xengine *e, unsigned lane, size_t host,
		      struct cxms_split_result *out);
/** out->target[t] but its bytes and utilisation; @repeat: times the whole run of what was timed */
void cxms_xrow_target(const struct cxms_fabric *f, size_t t, const struct cxms_xtarget_sum *s,
		      double repeat, struct cxms_split_result *out);
/** warns where a target is asked to hold more than it can */
void cxms_xrow_capacity(const char *name, double bytes, double capacity, struct cxms_warnings *out);
/** what nine of ten points of the reference lie within */
double cxms_xrow_model_half_width(double slowdown);
void cxms_xrow_bounds(double slowdown, double half_width, double *lo, double *hi);

#endif

/* From engines to rows of the result, for exact recordings of one host and of several. In
 * xreplay.c. */
#ifndef CXMS_SIM_XROW_H
#define CXMS_SIM_XROW_H

#include <stddef.h>
#include <stdint.h>

struct cxms_fabric;
struct cxms_facts;
struct cxms_split_result;
struct cxms_warnings;
struct cxms_xengine;
struct cxms_xtarget_sum;

/** cxms_xrow_page_shift() - log2 of the page size of the recording's TLB */
unsigned cxms_xrow_page_shift(const struct cxms_facts *facts);
/** cxms_xrow_causes() - where the time of the threads on @host went, dealt out to out->time_ns */
void cxms_xrow_causes(const struct cxms_xengine *e, unsigned lane, size_t host,
		      struct cxms_split_result *out);
/** cxms_xrow_target() - out->target[t] without bytes and utilisation; @repeat: the whole run over
 * the part that was timed */
void cxms_xrow_target(const struct cxms_fabric *f, size_t t, const struct cxms_xtarget_sum *s,
		      double repeat, struct cxms_split_result *out);
/** cxms_xrow_capacity() - warn where a target is asked to hold more than it can */
void cxms_xrow_capacity(const char *name, double bytes, double capacity, struct cxms_warnings *out);
/** cxms_xrow_late() - warn where @late of @served requests lay too far back to be put in order */
void cxms_xrow_late(uint64_t late, uint64_t served, struct cxms_warnings *out);
/** cxms_xrow_model_half_width() - nine of ten points of the cycle-level reference lie within this
 * of its slowdown */
double cxms_xrow_model_half_width(double slowdown);
/** cxms_xrow_bounds() - the ends of an interval of that half width */
void cxms_xrow_bounds(double slowdown, double half_width, double *lo, double *hi);

#endif

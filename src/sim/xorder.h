/*
 * Threads of an exact recording in the order of simulated time. The tool runs one thread at a time,
 * for long. Here each engine takes the next step of the thread that is furthest behind in its time,
 * so that the threads meet at the fabric as they would on CPUs of their own.
 */
#ifndef CXMS_SIM_XORDER_H
#define CXMS_SIM_XORDER_H

#include <stddef.h>
#include <stdint.h>

#include "sim/xengine.h"

struct cxms_err;
struct cxms_xorder;

/** cxms_xorder_new() - @engine: [n_engine], borrowed, of one lane each. 0 or -ENOMEM. Owner:
 * cxms_xorder_free() */
int cxms_xorder_new(struct cxms_xengine *engine, size_t n_engine, struct cxms_xorder **out,
		    struct cxms_err *err);
void cxms_xorder_free(struct cxms_xorder *o);
/** cxms_xorder_run(), cxms_xorder_control() - the next of the stream, copied; whatever can be
 * simulated by now is. 0 or -ENOMEM */
int cxms_xorder_run(struct cxms_xorder *o, uint32_t space, const struct cxms_xruns *runs,
		    struct cxms_err *err);
int cxms_xorder_control(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *control,
			struct cxms_err *err);
/** cxms_xorder_hosts() - there are threads of @n_host programs; that of a space is space % n_host
 */
int cxms_xorder_hosts(struct cxms_xorder *o, size_t n_host, struct cxms_err *err);
/** cxms_xorder_end_host() - nothing more comes of @host: the others need not wait for it */
void cxms_xorder_end_host(struct cxms_xorder *o, size_t host);
/** cxms_xorder_kept() - steps of @host that are not yet simulated */
size_t cxms_xorder_kept(const struct cxms_xorder *o, size_t host);
/** cxms_xorder_finish() - nothing more comes: simulate the rest */
int cxms_xorder_finish(struct cxms_xorder *o, struct cxms_err *err);

#endif

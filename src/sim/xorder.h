/* Threads of an exact recording in the order of simulated time. The tool runs them one at a time
 * for long; here each of several engines takes from all of them, the one that is behind first, so
 * that they meet at the fabric as they would. */
#ifndef CXMS_SIM_XORDER_H
#define CXMS_SIM_XORDER_H

#include <stddef.h>
#include <stdint.h>

#include "sim/xengine.h"

struct cxms_err;
struct cxms_xorder;

/** @engine: borrowed, one lane each. Owner: cxms_xorder_free() */
int cxms_xorder_new(struct cxms_xengine *engine, size_t n_engine, struct cxms_xorder **out,
		    struct cxms_err *err);
void cxms_xorder_free(struct cxms_xorder *o);
/** in stream order; copied. 0 or -ENOMEM. What may be simulated by now is. */
int cxms_xorder_run(struct cxms_xorder *o, uint32_t space, const struct cxms_xrun *run,
		    struct cxms_err *err);
int cxms_xorder_control(struct cxms_xorder *o, uint32_t space, const struct cxms_xcontrol *control,
			struct cxms_err *err);
/** threads are those of @n_host programs, of which space % n_host is the number */
int cxms_xorder_hosts(struct cxms_xorder *o, size_t n_host, struct cxms_err *err);
/** nothing more comes of a host: the others need not wait for it */
void cxms_xorder_end_host(struct cxms_xorder *o, size_t host);
/** steps of a host that are not yet simulated */
size_t cxms_xorder_kept(const struct cxms_xorder *o, size_t host);
/** nothing more comes: simulates the rest */
int cxms_xorder_finish(struct cxms_xorder *o, struct cxms_err *err);

#endif

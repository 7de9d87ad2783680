/* What a recording cost and what was taken from it, between two moments. */
#ifndef CXMS_SOURCE_METER_H
#define CXMS_SOURCE_METER_H

#include <stdint.h>

#include "trace/event.h"

struct cxms_child;

struct cxms_meter {
	uint64_t cpu_ns, steal_ns; /* at the beginning */
};
void cxms_meter_begin(struct cxms_meter *m);
/** fills exit status, CPU times, peak memory, steal and the tool's CPU time; @child has ended */
void cxms_meter_end(const struct cxms_meter *m, const struct cxms_child *child,
		    struct cxms_totals *out);

#endif

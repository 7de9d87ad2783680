/* What the sources pebs and ibs share: the clock source, with accesses sampled by the hardware. */
#ifndef CXMS_SOURCE_HW_SOURCE_H
#define CXMS_SOURCE_HW_SOURCE_H

#include "source/hw.h"

struct cxms_err;
struct cxms_source;

/** cxms_hw_plan_pebs() or cxms_hw_plan_ibs() */
typedef int cxms_hw_plan_fn(const struct cxms_hw_ask *ask, struct cxms_hw_plan *out,
			    struct cxms_err *err);

/** the default events of @plan can be opened, and so can those of the clock source */
int cxms_hw_probe(cxms_hw_plan_fn *plan, struct cxms_err *err);
/** open() of a source whose private state is struct clock */
int cxms_hw_source_open(struct cxms_source *s, cxms_hw_plan_fn *plan, struct cxms_err *err);

#endif

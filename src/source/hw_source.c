#include "source/hw_source.h"

#include "base/err.h"
#include "source/clock_priv.h"
#include "source/sample_cost.h"

#include <errno.h>
#include <stdlib.h>

int cxms_hw_probe(cxms_hw_plan_fn *make, struct cxms_err *err)
{
	const struct cxms_hw_ask ask = {.cost_ns = CXMS_ASSUMED_SAMPLE_COST_NS,
					.budget_ppm = CXMS_SAMPLE_BUDGET_PPM / 2};
	struct cxms_hw_plan *plan = calloc(1, sizeof(*plan));
	int rc = plan ? make(&ask, plan, err) : cxms_fail(err, ENOMEM, "out of memory for events");

	if (!rc)
		rc = cxms_hw_negotiate(plan, err);
	free(plan);
	return rc ? rc : clock_probe(err);
}

/* The program was not started: none of these is about it (contract of open()). */
static int not_the_program(int rc, struct cxms_err *err)
{
	if (rc != -ENOENT && rc != -EACCES)
		return rc;
	rc = rc == -ENOENT ? -EINVAL : -EPERM;
	if (err)
		err->code = -rc;
	return rc;
}

/* Half of the budget is for the hardware's samples, half for those of the CPU clock. */
int cxms_hw_source_open(struct cxms_source *s, cxms_hw_plan_fn *make, struct cxms_err *err)
{
	struct clock *c = s->priv;
	uint32_t budget = s->cfg.budget_ppm ? s->cfg.budget_ppm : CXMS_SAMPLE_BUDGET_PPM;
	const struct cxms_hw_ask ask = {.events = s->cfg.events,
					.cost_ns = clock_cost_ns(s),
					.budget_ppm = budget / 2 ? budget / 2 : 1};
	int rc = make(&ask, &c->hw, err);

	if (!rc)
		rc = cxms_hw_negotiate(&c->hw, err);
	if (rc)
		return not_the_program(rc, err);
	if (!cxms_hw_has_phys(&c->hw))
		s->caps &= ~(unsigned)CXMS_SRC_PHYS;
	s->mem_min_cyc = c->hw.min_cyc;
	s->core_hz = c->hw.core_hz;
	if (s->cfg.warnings)
		cxms_hw_warn(&c->hw, s->cfg.warnings);
	return clock_watch(s, ask.budget_ppm, err);
}

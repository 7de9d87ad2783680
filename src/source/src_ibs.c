/* Source `ibs`: see hw_source.h. */
#include "source/clock_priv.h"
#include "source/hw_source.h"

static int ibs_probe(struct cxms_err *err)
{
	return cxms_hw_probe(cxms_hw_plan_ibs, err);
}

static int ibs_open(struct cxms_source *s, struct cxms_err *err)
{
	return cxms_hw_source_open(s, cxms_hw_plan_ibs, err);
}

const struct cxms_source_ops cxms_source_ibs = {
	.abi = CXMS_SOURCE_ABI,
	.name = "ibs",
	.summary = "loads and stores sampled by the CPU (AMD IBS), besides clock's samples",
	.caps = CXMS_SRC_LIVE | CXMS_SRC_STORES | CXMS_SRC_FAULTS | CXMS_SRC_SWITCHES |
		CXMS_SRC_LATENCY | CXMS_SRC_PHYS | CXMS_SRC_MEM,
	.default_period_ns = CXMS_CLOCK_PERIOD_NS,
	.takes_budget = true,
	.priv_size = sizeof(struct clock),
	.probe = ibs_probe,
	.open = ibs_open,
	.start = clock_start,
	.read = clock_read,
	.stop = clock_stop,
	.close = clock_close,
};

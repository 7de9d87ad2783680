/* Accesses that the hardware sampled, into events. */
#include "source/clock_priv.h"

#include "base/err.h"

int clock_access(struct clock *c, const struct cxms_clock_ring *ring,
		 const struct perf_event_header *h, struct cxms_err *err)
{
	struct cxms_event ev = {.kind = CXMS_EV_MEM};
	struct cxms_perf_sample s;
	int rc = 0;

	if (!cxms_perf_sample_parse(&ring->hw->attr, h, &s))
		return 0;
	/* A task past its end has no numbers any more. */
	if (!s.pid || !s.tid || s.pid == UINT32_MAX || s.tid == UINT32_MAX)
		return 0;
	if (!cxms_hw_access(ring->hw, &s, &ev.mem))
		return 0;
	c->mem_samples++;
	ev.pid = s.pid;
	ev.tid = s.tid;
	ev.time_ns = clock_rel_ns(c, s.time_ns);
	ev.mem.cpu = (uint16_t)s.cpu;
	if (!(ev.mem.flags & CXMS_MEM_KERNEL))
		rc = cxms_analyze_site(&c->analyzer, &ev, s.ip, &c->out, &ev.mem.site, err);
	if (!rc)
		cxms_evq_push(&c->out, &ev);
	return rc;
}

#include "source/hw.h"

#include "base/err.h"
#include "base/warn.h"
#include "source/perf_open.h"

#include <errno.h>
#include <unistd.h>

int cxms_hw_open(const struct cxms_hw_event *ev, pid_t pid, int cpu, uint32_t wake_bytes,
		 uint64_t read_format, int *leader_fd, struct cxms_err *err)
{
	struct perf_event_attr attr = ev->attr;
	int lead = -1, fd;

	attr.wakeup_watermark = wake_bytes;
	attr.read_format = read_format;
	if (ev->has_leader) {
		lead = cxms_perf_open(&ev->leader, pid, cpu, err);
		if (lead < 0)
			return lead;
	}
	fd = cxms_perf_open_in(&attr, pid, cpu, lead, err);
	if (fd < 0 && lead >= 0)
		close(lead);
	*leader_fd = fd < 0 ? -1 : lead;
	return fd;
}

/* Give up what the error @rc is likely about; false when there is nothing left. */
static bool step_down(struct perf_event_attr *a, int rc)
{
	bool denied = rc == -EACCES || rc == -EPERM;
	bool wants_phys = a->sample_type & PERF_SAMPLE_PHYS_ADDR;
	bool in_parts = a->sample_type & PERF_SAMPLE_WEIGHT_STRUCT;

	if (denied && wants_phys) {
		a->sample_type &= ~(uint64_t)PERF_SAMPLE_PHYS_ADDR;
		return true;
	}
	if (rc != -EINVAL && rc != -EOPNOTSUPP)
		return false;
	if (rc == -EINVAL && in_parts) { /* before Linux 5.12 */
		a->sample_type &= ~(uint64_t)PERF_SAMPLE_WEIGHT_STRUCT;
		a->sample_type |= PERF_SAMPLE_WEIGHT;
		return true;
	}
	if (a->precise_ip <= 1)
		return false;
	a->precise_ip = (a->precise_ip - 1u) & 3u;
	return true;
}

static int negotiate_event(struct cxms_hw_event *ev, struct cxms_err *err)
{
	struct cxms_err why = {0};
	int cpu = ev->pmu.n_range ? (int)ev->pmu.range[0].first : -1, leader = -1, fd;

	do {
		cxms_err_clear(&why);
		fd = cxms_hw_open(ev, 0, cpu, 1, 0, &leader, &why);
	} while (fd < 0 && step_down(&ev->attr, fd));
	if (fd < 0 && ev->is_ibs && !ev->attr.exclude_kernel && (fd == -EACCES || fd == -EPERM))
		return cxms_fail(err, -fd,
				 "ibs_op of this kernel cannot leave the kernel out; set "
				 "kernel.perf_event_paranoid to 1 or lower, or use Linux 6.14");
	if (fd == -EINVAL && ev->is_ibs)
		return cxms_fail(err, EINVAL,
				 "ibs_op of this kernel cannot follow a program; use Linux 6.2 or "
				 "later");
	if (fd < 0)
		return cxms_fail(err, -fd, "event '%s': %s", ev->name, why.msg);
	close(fd);
	if (leader >= 0)
		close(leader);
	return 0;
}

int cxms_hw_negotiate(struct cxms_hw_plan *plan, struct cxms_err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < plan->n && !rc; i++)
		rc = negotiate_event(&plan->ev[i], err);
	return rc;
}

void cxms_hw_warn(const struct cxms_hw_plan *plan, struct cxms_warnings *warnings)
{
	if (plan->is_generic)
		cxms_warn(warnings, CXMS_W_GENERIC_EVENTS,
			  "this CPU model is not known: the kernel's general event for LLC misses "
			  "is sampled");
	for (unsigned i = 0; i < plan->n; i++) {
		unsigned got = (unsigned)plan->ev[i].attr.precise_ip;

		if (!plan->ev[i].is_ibs && got < CXMS_HW_PRECISE)
			cxms_warn(warnings, CXMS_W_PRECISE,
				  "event '%s' is sampled with precision %u of %u", plan->ev[i].name,
				  got, CXMS_HW_PRECISE);
	}
}

bool cxms_hw_has_phys(const struct cxms_hw_plan *plan)
{
	for (unsigned i = 0; i < plan->n; i++)
		if (!(plan->ev[i].attr.sample_type & PERF_SAMPLE_PHYS_ADDR))
			return false;
	return plan->n > 0;
}

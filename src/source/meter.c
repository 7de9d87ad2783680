#include "source/meter.h"

#include "base/buf.h"
#include "base/sys.h"
#include "source/child.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define STAT_MAX (16u << 20)

/* Time the host took from all CPUs since boot: the eighth figure of the first line of /proc/stat.
 */
static uint64_t steal_ns(void)
{
	struct cxms_buf text = {0};
	uint64_t ticks = 0;

	if (cxms_sys_read("/proc/stat", STAT_MAX, &text, NULL) ||
	    sscanf(cxms_buf_text(&text), "cpu %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &ticks) != 1)
		ticks = 0;
	cxms_buf_fini(&text);
	return ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

void cxms_meter_begin(struct cxms_meter *m)
{
	m->cpu_ns = cxms_cpu_self_ns();
	m->steal_ns = steal_ns();
}

static uint64_t timeval_ns(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * 1000000000ull + (uint64_t)tv.tv_usec * 1000ull;
}

void cxms_meter_end(const struct cxms_meter *m, const struct cxms_child *child,
		    struct cxms_totals *out)
{
	uint64_t steal = steal_ns();

	out->exit_status = child->status;
	out->exit_known = child->ended;
	out->user_ns = timeval_ns(child->usage.ru_utime);
	out->system_ns = timeval_ns(child->usage.ru_stime);
	out->peak_rss_bytes = (uint64_t)child->usage.ru_maxrss * 1024;
	out->tool_cpu_ns = cxms_cpu_self_ns() - m->cpu_ns;
	out->steal_ns = steal > m->steal_ns ? steal - m->steal_ns : 0;
}

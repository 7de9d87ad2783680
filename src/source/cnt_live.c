#include "source/cnt_live.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "source/perf_open.h"

/* As PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING gives it. */
struct reading {
	uint64_t value, enabled_ns, running_ns;
};

struct counter {
	struct cxms_cnt_event ev;
	int fd;
	bool leads;
	struct reading last;
	uint64_t last_ns;
};

struct cxms_cnt_live {
	size_t n;
	struct counter *counter;
};

void cxms_cnt_attr(const struct cxms_cnt_event *ev, bool leads, bool of_program,
		   struct perf_event_attr *out)
{
	bool box = ev->scope == CXMS_SCOPE_BOX;

	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	out->type = ev->type;
	out->config = ev->config[0];
	out->config1 = ev->config[1];
	out->config2 = ev->config[2];
	out->read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	if (box)
		return; /* units know neither user code nor inheritance */
	out->exclude_kernel = 1;
	out->exclude_hv = 1;
	out->inherit = of_program;
	out->disabled = leads;
	out->enable_on_exec = leads && of_program;
}

static int open_one(struct cxms_cnt_live *c, struct counter *k, int leader_fd, pid_t pid,
		    struct cxms_err *err)
{
	struct perf_event_attr attr;
	bool box = k->ev.scope == CXMS_SCOPE_BOX;

	cxms_cnt_attr(&k->ev, k->leads, pid != 0, &attr);
	k->fd = cxms_perf_open_in(&attr, box ? -1 : pid, box ? k->ev.cpu : -1, leader_fd, err);
	if (k->fd >= 0)
		c->n++;
	else
		cxms_err_prefix(err, "cannot count '%s'", k->ev.name);
	return k->fd < 0 ? k->fd : 0;
}

int cxms_cnt_live_open(const struct cxms_cnt_event *ev, size_t n, pid_t pid,
		       struct cxms_cnt_live **out, struct cxms_err *err)
{
	struct cxms_cnt_live *c = calloc(1, sizeof(*c));
	int rc = 0, leader_fd = -1;

	if (c)
		c->counter = calloc(n + 1, sizeof(*c->counter));
	if (!c || !c->counter) {
		cxms_cnt_live_free(c);
		return cxms_fail(err, ENOMEM, "no memory for %zu counters", n);
	}
	cxms_allow_files((unsigned)n); /* units of a large machine are hundreds */
	for (size_t i = 0; i < n && !rc; i++) {
		struct counter *k = &c->counter[i];

		k->ev = ev[i];
		k->leads = i == 0 || ev[i].group != ev[i - 1].group;
		rc = open_one(c, k, k->leads ? -1 : leader_fd, pid, err);
		if (k->leads)
			leader_fd = k->fd;
	}
	if (rc) {
		cxms_cnt_live_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void cxms_cnt_live_free(struct cxms_cnt_live *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		close(c->counter[i].fd);
	free(c->counter);
	free(c);
}

size_t cxms_cnt_live_count(const struct cxms_cnt_live *c)
{
	return c->n;
}

void cxms_cnt_live_define(const struct cxms_cnt_live *c, uint32_t first, struct cxms_event *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct cxms_cnt_event *ev = &c->counter[i].ev;

		out[i] = (struct cxms_event){.kind = CXMS_EV_COUNTER};
		out[i].counter = (struct cxms_counter){.id = first + (uint32_t)i,
						       .scope = ev->scope,
						       .unit = ev->unit,
						       .name = ev->name};
	}
}

/* The kernel's times are sums over threads while they run: only their ratio is of use. */
static uint64_t running_ns(const struct counter *k, const struct reading *r, uint64_t now_ns)
{
	uint64_t enabled = r->enabled_ns - k->last.enabled_ns;
	uint64_t running = r->running_ns - k->last.running_ns;
	uint64_t wall = now_ns - k->last_ns;

	if (enabled == 0 || running >= enabled)
		return wall;
	return (uint64_t)((double)wall * (double)running / (double)enabled);
}

void cxms_cnt_live_read(struct cxms_cnt_live *c, uint64_t now_ns, uint32_t first,
			struct cxms_event *out, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < c->n; i++) {
		struct counter *k = &c->counter[i];
		struct reading r;

		if (read(k->fd, &r, sizeof(r)) != (ssize_t)sizeof(r))
			continue;
		struct cxms_event *ev = &out[(*n)++];
		*ev = (struct cxms_event){.kind = CXMS_EV_COUNT, .time_ns = now_ns};
		ev->count = (struct cxms_count){.value = r.value - k->last.value,
						.enabled_ns = now_ns - k->last_ns,
						.running_ns = running_ns(k, &r, now_ns),
						.counter = first + (uint32_t)i,
						.cpu = k->ev.box};
		k->last = r;
		k->last_ns = now_ns;
	}
}

static int control(struct cxms_cnt_live *c, unsigned long request)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->counter[i].leads &&
		    ioctl(c->counter[i].fd, request, PERF_IOC_FLAG_GROUP) < 0)
			return -errno;
	return 0;
}

int cxms_cnt_live_enable(struct cxms_cnt_live *c)
{
	return control(c, PERF_EVENT_IOC_ENABLE);
}

int cxms_cnt_live_disable(struct cxms_cnt_live *c)
{
	return control(c, PERF_EVENT_IOC_DISABLE);
}

/*
 * Source `clock`: CPU-clock samples with user registers, page faults, and the kernel's notes on
 * mappings, tasks and context switches. Of page faults one after the other along the addresses part
 * is recorded (thin.h). Needs no PMU and no privileges at perf_event_paranoid <= 2.
 *
 * Records of all rings are put in time order: those before the beginning of a round of draining are
 * complete in it, later ones wait for the next. Children that outlive the program are not waited
 * for.
 */
#include "source/source.h"

#include "base/err.h"
#include "base/sys.h"
#include "base/warn.h"
#include "source/clock_priv.h"
#include "source/perf_open.h"
#include "source/sample_cost.h"
#include "source/tasks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS	      90
#define WAIT_WATCH_MS 20 /* a word is watched soon after it was waited for */
#define WAIT_THIN_MS  2	 /* where one fault in many is recorded, what follows may need each */
/* After the program's end, how long for the last records of children that end with it. */
#define LINGER_NS 200000000ull
/* Between two looks at the counters of sampled accesses: a few microseconds each. */
#define CHECK_NS 500000000ull
/* Rings are emptied between batches of events, so that a burst waits in our memory and is not lost;
 * up to this much of it. */
#define BACKLOG_BYTES (8u << 20)
/* Code is decoded when an instruction is sampled first, which takes tens of microseconds: after
 * that many the rings are looked at again. */
#define NEW_SITES_PER_ROUND 16u

int clock_probe(struct cxms_err *err)
{
#if defined(__x86_64__)
	struct perf_event_attr attr;
	int fd;

	cxms_perf_attr(CXMS_PERF_SAMPLES, CXMS_CLOCK_PERIOD_NS, 0, false, &attr);
	fd = cxms_perf_open(&attr, 0, -1, err);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
#else
	return cxms_fail(err, ENOTSUP,
			 "samples are decoded on x86-64 only; record there and replay here");
#endif
}

void clock_close(struct cxms_source *s)
{
	struct clock *c = s->priv;

	cxms_clock_rings_close(&c->rings);
	cxms_child_fini(&c->child);
	cxms_order_fini(&c->order);
	cxms_evq_fini(&c->out);
	clock_tasks_fini(c);
	cxms_analyzer_fini(&c->analyzer);
	cxms_areas_fini(&c->areas);
	cxms_wp_set_fini(&c->wp);
	free(c->loss);
	c->loss = NULL;
	c->n_loss = 0;
}

uint64_t clock_cost_ns(const struct cxms_source *s)
{
	return s->cfg.sample_cost_ns ? s->cfg.sample_cost_ns : CXMS_ASSUMED_SAMPLE_COST_NS;
}

int clock_watch(struct cxms_source *s, uint32_t budget_ppm, struct cxms_err *err)
{
	struct clock *c = s->priv;
	uint64_t balancing = 0;
	int rc;

	(void)cxms_sys_read_u64("/proc/sys/kernel/numa_balancing", &balancing, NULL);
	c->has_numa_hints = balancing != 0;
	c->warnings = s->cfg.warnings;
	c->sample_cost_ns = clock_cost_ns(s);
	if (!s->cfg.period_ns)
		s->cfg.period_ns = cxms_sample_period_ns(s->ops->default_period_ns,
							 s->cfg.sample_cost_ns, budget_ppm);
	c->period_ns = s->cfg.period_ns;
	if (c->period_ns > UINT32_MAX)
		return cxms_fail(err, EINVAL, "period is longer than 4 s; lower --period");
	rc = cxms_child_start(&c->child, s->cfg.argv, err);
	s->pid = c->child.pid;
	if (!rc)
		rc = cxms_clock_rings_open(&c->rings, c->child.pid, c->period_ns, &c->hw,
					   c->warnings, err);
	if (!rc)
		rc = clock_loss_init(c, err);
	if (!rc)
		rc = cxms_order_init(&c->order, c->rings.n + 1, c->hw.n ? BACKLOG_BYTES : 0, err);
	return rc;
}

static int clock_open(struct cxms_source *s, struct cxms_err *err)
{
	uint32_t budget = s->cfg.budget_ppm ? s->cfg.budget_ppm : CXMS_SAMPLE_BUDGET_PPM;
	int rc = clock_probe(err);

	if (rc)
		return rc;
	if (s->cfg.watchpoints) {
		struct clock *c = s->priv;

		cxms_wp_set_init(&c->wp, &cxms_wp_perf, NULL, &c->out, s->cfg.seed);
		s->caps |= CXMS_SRC_WATCH;
	}
	return clock_watch(s, budget, err);
}

int clock_start(struct cxms_source *s, struct cxms_err *err)
{
	struct clock *c = s->priv;
	uint32_t pid = (uint32_t)c->child.pid;
	struct cxms_event ev = {.kind = CXMS_EV_FORK, .pid = pid, .tid = pid};
	struct clock_task *t = clock_task_get(c, pid, pid);

	if (!t)
		return cxms_fail(err, ENOMEM, "out of memory for tasks");
	if (cxms_task_ready_ns(pid, pid, &t->ready_ns))
		t->ready_from_ns = t->ready_ns;
	cxms_evq_push(&c->out, &ev);
	c->is_live = true;
	cxms_meter_begin(&c->meter);
	c->base_ns = c->wp.base_ns = cxms_now_ns();
	return cxms_child_release(&c->child, s->cfg.argv[0], err);
}

/* A look at an area takes its place among the records. */
static void area_found(void *arg, uint32_t pid, const struct cxms_area *area)
{
	struct clock *c = arg;
	struct cxms_event ev = {.kind = CXMS_EV_AREA, .pid = pid, .tid = pid};
	uint64_t now_ns = cxms_now_ns();

	ev.time_ns = clock_rel_ns(c, now_ns);
	ev.area = *area;
	/* Without memory it is left out: the next look tells again. */
	(void)cxms_order_push(&c->order, c->rings.n, now_ns, &ev, sizeof(ev), NULL);
}

/* Said once: it concerns all that comes. */
static void check_counters(struct clock *c, uint64_t now_ns)
{
	const struct cxms_clock_ring *ring;

	if (!c->hw.n || !c->warnings || now_ns < c->check_ns)
		return;
	c->check_ns = now_ns + CHECK_NS;
	ring = cxms_clock_rings_stopped(&c->rings);
	if (!ring)
		return;
	cxms_warn(c->warnings, CXMS_W_NO_COUNTER, "event '%s' found no free counter on CPU %u",
		  ring->hw->name, ring->cpu);
	c->check_ns = UINT64_MAX;
}

/* Switches between each page fault and one in many. Where we are late, by what was handled: what
 * waits to be is of another time. */
static void choose_faults(struct clock *c)
{
	uint64_t first_ns = cxms_order_first_ns(&c->order);

	cxms_thin_round(&c->thin, first_ns < c->cut_ns ? first_ns : c->cut_ns);
	if (c->thin.wants_thin == c->thin.is_thin)
		return;
	cxms_clock_rings_record_faults(&c->rings, !c->thin.wants_thin);
	cxms_thin_switch(&c->thin, cxms_now_ns());
}

static int wait_ms(const struct clock *c)
{
	return c->thin.is_thin ? WAIT_THIN_MS : c->wp.ops ? WAIT_WATCH_MS : WAIT_MS;
}

/* Nothing is drained any more. */
static int begin_last_round(struct clock *c, struct cxms_err *err)
{
	c->is_last_round = true;
	return cxms_clock_rings_tell_lost(&c->rings, &c->order, err);
}

/* What the rings hold now; all of it that is older than the round's beginning is complete. */
static int drain_round(struct clock *c, struct cxms_err *err)
{
	uint64_t now_ns = cxms_now_ns();
	bool ended = cxms_child_poll(&c->child);
	int rc;

	cxms_child_forward_signals(&c->child);
	rc = cxms_clock_rings_drain(&c->rings, &c->order, err);
	if (rc)
		return rc;
	c->cut_ns = now_ns;
	if (!ended) {
		check_counters(c, now_ns);
		cxms_areas_poll(&c->areas, now_ns, area_found, c);
		return 0;
	}
	if (!c->seen_end_ns)
		c->seen_end_ns = now_ns;
	return now_ns - c->seen_end_ns >= LINGER_NS ? begin_last_round(c, err) : 0;
}

static bool may_drain(const struct clock *c)
{
	return c->order.bytes < BACKLOG_BYTES || cxms_order_first_ns(&c->order) >= c->cut_ns;
}

static int handle_ready(struct clock *c, size_t cap, struct cxms_err *err)
{
	uint64_t before = c->is_last_round ? UINT64_MAX : c->cut_ns, time_ns;
	uint32_t first_site = c->analyzer.n_site;
	const void *rec;
	unsigned stream;
	size_t len;
	int rc = 0;

	while (!rc && c->out.len - c->out.head < cap &&
	       c->analyzer.n_site - first_site < NEW_SITES_PER_ROUND &&
	       (rec = cxms_order_pop(&c->order, before, &stream, &time_ns, &len))) {
		if (stream == c->rings.n)
			cxms_evq_push(&c->out, rec);
		else
			rc = clock_handle(c, &c->rings.ring[stream], rec, err);
	}
	if (!rc && c->out.failed)
		rc = cxms_fail(err, ENOMEM, "out of memory for events");
	return rc;
}

static int check_end(struct clock *c, struct cxms_err *err)
{
	if (!c->seen_end_ns || cxms_order_first_ns(&c->order) < c->cut_ns)
		return 0;
	if (!c->is_last_round && !c->tasks.n)
		return begin_last_round(c, err);
	if (!c->is_last_round || c->order.n_heap)
		return 0;
	clock_loss_end(c, c->cut_ns);
	clock_end_root(c, c->seen_end_ns);
	clock_close_slices(c, c->cut_ns);
	cxms_wp_end(&c->wp, c->cut_ns);
	c->is_done = true;
	return 0;
}

int clock_read(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n, bool *end,
	       struct cxms_err *err)
{
	struct clock *c = s->priv;
	int rc = 0;

	*n = 0;
	*end = false;
	cxms_evq_recycle(&c->out);
	if (!c->is_done && !c->is_last_round && may_drain(c))
		rc = drain_round(c, err);
	if (!rc && cxms_evq_is_empty(&c->out) && !c->is_last_round && !c->is_done &&
	    cxms_order_first_ns(&c->order) >= c->cut_ns && (!c->seen_end_ns || c->tasks.n)) {
		cxms_clock_rings_wait(&c->rings, c->child.signal_fd,
				      c->seen_end_ns ? -1 : c->child.pid_fd, wait_ms(c));
		rc = drain_round(c, err);
	}
	if (!rc && !c->is_done) {
		rc = handle_ready(c, cap, err);
		choose_faults(c);
		if (cxms_order_first_ns(&c->order) >= c->cut_ns && !c->seen_end_ns) {
			clock_look_at_sleepers(c);
			clock_look_at_ready(c);
			cxms_wp_round(&c->wp);
		}
		if (!rc)
			rc = check_end(c, err);
	}
	if (rc)
		return rc;
	*n = cxms_evq_pop(&c->out, buf, cap);
	*end = !*n && c->is_done;
	return 0;
}

static void warn_watchpoints(const struct clock *c)
{
	if (c->wp.refused && c->warnings)
		cxms_warn(c->warnings, CXMS_W_WATCHPOINTS,
			  "%" PRIu64 " of %" PRIu64 " watchpoints could not be set (%s)",
			  c->wp.refused, c->wp.refused + c->wp.watches,
			  strerrordesc_np(-c->wp.refused_rc));
}

int clock_stop(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err)
{
	struct clock *c = s->priv;
	uint64_t end_ns = c->root_end_ns ? c->root_end_ns : c->seen_end_ns;

	(void)err;
	*out = (struct cxms_totals){
		.duration_ns = clock_rel_ns(c, end_ns),
		.samples = c->samples,
		.lost_samples = c->lost_samples,
		.lost_faults = c->lost_faults,
		.throttled = c->throttled,
		.mem_samples = c->mem_samples,
		.lost_mem = c->lost_mem,
		.sample_cost_ns = c->sample_cost_ns,
	};
	cxms_meter_end(&c->meter, &c->child, out);
	warn_watchpoints(c);
	return 0;
}

const struct cxms_source_ops cxms_source_clock = {
	.abi = CXMS_SOURCE_ABI,
	.name = "clock",
	.summary = "CPU-clock samples with user registers, and page faults; any machine, no PMU",
	.caps = CXMS_SRC_LIVE | CXMS_SRC_STORES | CXMS_SRC_FAULTS | CXMS_SRC_SWITCHES,
	.default_period_ns = CXMS_CLOCK_PERIOD_NS,
	.takes_budget = true,
	.takes_watchpoints = true,
	.priv_size = sizeof(struct clock),
	.probe = clock_probe,
	.open = clock_open,
	.start = clock_start,
	.read = clock_read,
	.stop = clock_stop,
	.close = clock_close,
};

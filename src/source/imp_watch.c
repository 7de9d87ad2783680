#include "source/imp_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/perf_sample.h"

/* The last reading of a counter. */
struct reading {
	uint64_t value, enabled_ns, running_ns;
	uint64_t time_ns; /* when, since the recording began */
};

/* Without records of switches: unsampled for this many periods, a thread was off CPU. One period is
 * what it takes to be sampled again, half of one is for the timer's unrest. */
#define CXMS_ASSUMED_GAP_PERIODS_X2 3u

void cxms_imp_watch_init(struct cxms_imp_watch *w, const struct cxms_imp_watch_cfg *cfg)
{
	*w = (struct cxms_imp_watch){.cfg = *cfg};
	w->c.period_ns = cfg->period_ns;
	if (!cfg->has_switches)
		w->c.gap_ns = cfg->period_ns * CXMS_ASSUMED_GAP_PERIODS_X2 / 2;
	w->c.analyzer.maps.is_offline = true;
	w->c.has_numa_hints = true; /* nobody tells whether it has */
	w->c.analyzer.maps.symfs = cfg->symfs;
	w->c.analyzer.maps.cache = cfg->cache;
}

static void free_values(struct cxms_idmap *m)
{
	size_t pos = 0;
	void *p;

	while ((p = cxms_idmap_next(m, &pos)))
		free(p);
	cxms_idmap_fini(m);
}

void cxms_imp_watch_fini(struct cxms_imp_watch *w)
{
	free_values(&w->counts);
	free(w->cpu_lost);
	cxms_evq_fini(&w->c.out);
	clock_tasks_fini(&w->c);
	cxms_analyzer_fini(&w->c.analyzer);
	cxms_areas_fini(&w->c.areas);
}

/* Records without a time are perf's own, of what was there before. */
static void see_time(struct cxms_imp_watch *w, uint64_t time_ns)
{
	if (!time_ns)
		return;
	if (!w->has_base)
		w->c.base_ns = time_ns;
	w->has_base = true;
	if (time_ns > w->last_ns)
		w->last_ns = time_ns;
}

/* A task whose beginning was not recorded begins with its first record. */
static int see_task(struct cxms_imp_watch *w, uint32_t pid, uint32_t tid, uint64_t time_ns,
		    struct cxms_err *err)
{
	struct cxms_event ev = {.kind = CXMS_EV_FORK, .pid = pid, .tid = tid};

	if (!pid || !tid || pid == UINT32_MAX || tid == UINT32_MAX ||
	    cxms_idmap_get(&w->c.tasks, tid))
		return 0;
	if (!clock_task_get(&w->c, pid, tid))
		return cxms_fail(err, ENOMEM, "out of memory for tasks");
	if (!w->c.child.pid)
		w->c.child.pid = (pid_t)pid;
	ev.time_ns = clock_rel_ns(&w->c, time_ns);
	cxms_evq_push(&w->c.out, &ev);
	return 0;
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static int out_of_events(const struct cxms_imp_watch *w, struct cxms_err *err)
{
	return w->c.out.failed ? cxms_fail(err, ENOMEM, "out of memory for events") : 0;
}

static int buffer_lost(struct cxms_imp_watch *w, const struct cxms_perf_rec *r,
		       struct cxms_err *err)
{
	uint16_t cpu = (uint16_t)r->cpu;

	if (cxms_array_grow((void **)&w->cpu_lost, &w->cap_cpu, cpu + 1u, sizeof(*w->cpu_lost)))
		return cxms_fail(err, ENOMEM, "out of memory for lost records");
	while (w->n_cpu <= cpu)
		w->cpu_lost[w->n_cpu++] = 0;
	w->cpu_lost[cpu] = sum_of(w->cpu_lost[cpu], r->lost);
	return 0;
}

void cxms_imp_watch_event_lost(struct cxms_imp_watch *w, enum cxms_lost_what what, uint64_t count)
{
	w->event_lost[what] = sum_of(w->event_lost[what], count);
}

static void count_came(struct cxms_imp_watch *w, enum cxms_perf_event event,
		       const struct cxms_perf_rec *r)
{
	if (!r->time_ns) /* perf's own */
		return;
	if (r->type != PERF_RECORD_SAMPLE)
		w->came[CXMS_LOST_OTHER]++;
	else
		w->came[event == CXMS_PERF_SAMPLES ? CXMS_LOST_SAMPLES : CXMS_LOST_FAULTS]++;
}

int cxms_imp_watch_record(struct cxms_imp_watch *w, enum cxms_perf_event event,
			  const struct cxms_perf_rec *r, struct cxms_err *err)
{
	bool is_map = r->type == PERF_RECORD_MMAP2;
	int rc = 0;

	if (!r->time_ns && !is_map)
		return 0;
	see_time(w, r->time_ns);
	if (r->type == PERF_RECORD_LOST)
		return buffer_lost(w, r, err);
	count_came(w, event, r);
	if (!is_map && r->type != PERF_RECORD_FORK && r->type != PERF_RECORD_THROTTLE)
		rc = see_task(w, r->pid, r->tid, r->time_ns, err);
	if (!rc)
		rc = clock_apply(&w->c, event, r, err);
	return rc ? rc : out_of_events(w, err);
}

static uint16_t flags_of(const struct cxms_imp_watch *w, const struct cxms_imp_access *a)
{
	return (uint16_t)((a->has_addr ? CXMS_MEM_ADDR : 0u) | (a->phys ? CXMS_MEM_PHYS : 0u) |
			  (a->is_kernel ? CXMS_MEM_KERNEL : 0u) |
			  (a->has_exact_ip ? CXMS_MEM_EXACT_IP : 0u) |
			  (w->cfg.is_amd ? CXMS_MEM_LAT_FILL : 0u));
}

int cxms_imp_watch_access(struct cxms_imp_watch *w, const struct cxms_imp_access *a,
			  struct cxms_err *err)
{
	const union perf_mem_data_src d = {.val = a->data_src};
	bool is_store = cxms_perf_is_store(a->data_src);
	struct cxms_event ev = {.kind = CXMS_EV_MEM, .pid = a->pid, .tid = a->tid};
	uint32_t site = CXMS_NO_SITE;
	int rc;

	if (!a->time_ns || !a->pid || a->pid == UINT32_MAX ||
	    !(d.mem_op & (PERF_MEM_OP_LOAD | PERF_MEM_OP_STORE)))
		return 0;
	see_time(w, a->time_ns);
	rc = see_task(w, a->pid, a->tid, a->time_ns, err);
	ev.time_ns = clock_rel_ns(&w->c, a->time_ns);
	if (!rc && !a->is_kernel)
		rc = cxms_analyze_site(&w->c.analyzer, &ev, a->ip, &w->c.out, &site, err);
	if (rc)
		return rc;
	ev.mem = (struct cxms_mem){
		.addr = a->has_addr ? a->addr : 0,
		.phys = a->phys,
		.period = a->period,
		.site = site,
		.latency_cyc = a->latency_cyc,
		.flags = flags_of(w, a),
		.cpu = (uint16_t)a->cpu,
		.what = is_store ? CXMS_MEM_STORE : CXMS_MEM_LOAD,
	};
	cxms_perf_data_source(a->data_src, &ev.mem);
	cxms_evq_push(&w->c.out, &ev);
	w->c.mem_samples++;
	w->came[CXMS_LOST_MEM]++;
	return out_of_events(w, err);
}

static uint64_t growth(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

int cxms_imp_watch_count(struct cxms_imp_watch *w, const struct cxms_perf_sample *at,
			 const struct cxms_perf_read *read, uint32_t counter,
			 const struct cxms_perf_count *count, bool by_thread, struct cxms_err *err)
{
	uint64_t key = count->id ^ (by_thread ? (uint64_t)at->tid << 40 : 0);
	struct reading *last = cxms_idmap_get(&w->counts, key);
	struct cxms_event ev = {.kind = CXMS_EV_COUNT, .pid = at->pid, .tid = at->tid};

	if (!last) {
		last = calloc(1, sizeof(*last));
		if (!last || cxms_idmap_put(&w->counts, key, last)) {
			free(last);
			return cxms_fail(err, ENOMEM, "out of memory for counters");
		}
	}
	see_time(w, at->time_ns);
	ev.time_ns = clock_rel_ns(&w->c, at->time_ns);
	ev.count = (struct cxms_count){
		.value = growth(count->value, last->value),
		.enabled_ns = growth(read->enabled_ns, last->enabled_ns),
		.running_ns = growth(read->running_ns, last->running_ns),
		.counter = counter,
	};
	if (!read->enabled_ns) /* perf record asks for no times of a group: counted all along */
		ev.count.enabled_ns = ev.count.running_ns = growth(ev.time_ns, last->time_ns);
	*last = (struct reading){count->value, read->enabled_ns, read->running_ns, ev.time_ns};
	cxms_evq_push(&w->c.out, &ev);
	return out_of_events(w, err);
}

/* Of a count by weight, what falls to those up to @upto. */
static uint64_t part_of(uint64_t count, double upto, double all)
{
	return upto < all ? (uint64_t)((double)count * (upto / all)) : count;
}

static uint64_t total(const uint64_t *count, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = sum_of(sum, count[i]);
	return sum;
}

static void tell_lost(struct cxms_imp_watch *w, unsigned what, uint32_t cpu, uint64_t count)
{
	static const enum cxms_perf_event event[] = {[CXMS_LOST_SAMPLES] = CXMS_PERF_SAMPLES,
						     [CXMS_LOST_FAULTS] = CXMS_PERF_FAULTS,
						     [CXMS_LOST_OTHER] = CXMS_PERF_SIDE};

	if (count && what == CXMS_LOST_MEM)
		clock_lost_accesses(&w->c, w->last_ns, cpu, count);
	else if (count)
		clock_lost(&w->c, event[what], w->last_ns, cpu, count);
}

/* Events say how many they lost, buffers on which CPU. */
static void tell_all_lost(struct cxms_imp_watch *w)
{
	uint64_t by_cpu = total(w->cpu_lost, w->n_cpu);
	uint64_t by_event = total(w->event_lost, CXMS_IMP_LOST_KINDS);
	const uint64_t *weight = by_event ? w->event_lost : w->came;
	double all = (double)total(weight, CXMS_IMP_LOST_KINDS), upto = 0, cpus;
	uint64_t count = by_event ? by_event : by_cpu, before = 0, told, now;

	for (unsigned what = 0; what < CXMS_IMP_LOST_KINDS; what++) {
		upto += (double)weight[what];
		now = part_of(count, upto, all);
		told = 0;
		cpus = 0;
		for (uint32_t cpu = 0; cpu < w->n_cpu; cpu++) {
			cpus += (double)w->cpu_lost[cpu];
			uint64_t here = part_of(now - before, cpus, (double)by_cpu);
			tell_lost(w, what, cpu, here - told);
			told = here;
		}
		tell_lost(w, what, 0, now - before - told);
		before = now;
	}
}

void cxms_imp_watch_end(struct cxms_imp_watch *w)
{
	struct clock_task *t;
	size_t pos = 0;

	/* Unsampled to the end, a thread was off CPU. */
	while (w->c.gap_ns && (t = cxms_idmap_next(&w->c.tasks, &pos)))
		if (w->last_ns > t->sampled_ns + w->c.gap_ns)
			clock_close_slice(&w->c, t, t->sampled_ns);
	clock_close_slices(&w->c, w->last_ns);
	tell_all_lost(w);
}

size_t cxms_imp_watch_unread(const struct cxms_imp_watch *w, const char **path)
{
	size_t n = 0;

	/* Accesses have their address all the same. */
	if (!w->c.samples)
		return 0;
	for (const struct cxms_module *m = w->c.analyzer.maps.modules; m; m = m->next) {
		bool is_other = m->id.build_id_len && !m->fd_verified;

		if (m->kind != CXMS_MODULE_FILE || !m->sites.n || (m->fd >= 0 && !is_other))
			continue;
		*path = m->path;
		n++;
	}
	return n;
}

void cxms_imp_watch_totals(const struct cxms_imp_watch *w, struct cxms_totals *out)
{
	const struct clock *c = &w->c;

	*out = (struct cxms_totals){
		.duration_ns = clock_rel_ns(c, c->root_end_ns ? c->root_end_ns : w->last_ns),
		.samples = c->samples,
		.lost_samples = c->lost_samples,
		.lost_faults = c->lost_faults,
		.throttled = c->throttled,
		.mem_samples = c->mem_samples,
		.lost_mem = c->lost_mem,
	};
}

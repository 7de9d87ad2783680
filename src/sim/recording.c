#include "sim/recording.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "place/pagemap.h"
#include "sim/hw_cells.h"
#include "trace/trace.h"

#define BATCH 4096u
/* Where less than one sample of a thousand came through, the rest is not made up from it. */
#define MAX_LOSS_SCALE 1000.0

/* Loading state: thread look-up and loss per CPU. */
struct loader {
	struct cxms_recording *rec;
	struct cxms_pagemap by_tid;
	uint64_t *got, *lost; /* samples by CPU */
	size_t n_cpu, cap_got, cap_lost;
	uint64_t last_ns;
};

static int no_memory(struct cxms_err *err)
{
	return cxms_fail(err, ENOMEM, "out of memory for the recording");
}

static int add_thread(struct loader *l, const struct cxms_event *ev, uint32_t parent, uint32_t *out)
{
	struct cxms_recording *rec = l->rec;
	if (cxms_array_grow((void **)&rec->thread, &rec->cap_thread, rec->n_thread + 1,
			    sizeof(*rec->thread)) ||
	    cxms_pagemap_set(&l->by_tid, ev->pid, ev->tid, (uint32_t)rec->n_thread))
		return -ENOMEM;
	rec->thread[rec->n_thread] = (struct cxms_rec_thread){.pid = ev->pid,
							      .tid = ev->tid,
							      .parent = parent,
							      .birth_ns = ev->time_ns,
							      .fault_page = CXMS_NO_PAGE};
	if (rec->n_thread == 0)
		rec->thread[0].birth_ns = 0;
	if (ev->pid == ev->tid)
		rec->n_process++;
	*out = (uint32_t)rec->n_thread++;
	return 0;
}

static int thread_of(struct loader *l, const struct cxms_event *ev, uint32_t *out)
{
	*out = cxms_pagemap_get(&l->by_tid, ev->pid, ev->tid);
	return *out != CXMS_NO_PAGE ? 0 : add_thread(l, ev, CXMS_NO_THREAD, out);
}

static int count_cpu(struct loader *l, uint16_t cpu, uint64_t got, uint64_t lost)
{
	while (l->n_cpu <= cpu) {
		if (cxms_array_grow((void **)&l->got, &l->cap_got, l->n_cpu + 1, sizeof(*l->got)) ||
		    cxms_array_grow((void **)&l->lost, &l->cap_lost, l->n_cpu + 1,
				    sizeof(*l->lost)))
			return -ENOMEM;
		l->got[l->n_cpu] = l->lost[l->n_cpu] = 0;
		l->n_cpu++;
	}
	l->got[cpu] += got;
	l->lost[cpu] += lost;
	return 0;
}

static int on_sample(struct loader *l, const struct cxms_event *ev, uint32_t thread)
{
	struct cxms_recording *rec = l->rec;
	if (cxms_array_grow((void **)&rec->sample, &rec->cap_sample, rec->n_sample + 1,
			    sizeof(*rec->sample)))
		return -ENOMEM;
	if (rec->n_sample && ev->sample.weight_ns != rec->sample[rec->n_sample - 1].weight_ns)
		rec->own_weights = true;
	rec->sample[rec->n_sample++] = (struct cxms_rec_sample){
		.time_ns = ev->time_ns,
		.addr = ev->sample.addr,
		.thread = thread,
		.site = ev->sample.site,
		.page = cxms_pages_last(rec->pages),
		.flags = ev->sample.flags & (uint16_t)~CXMS_REC_ZERO_PAGE,
		.cpu = ev->sample.cpu,
		.weight_ns = ev->sample.weight_ns,
		.count = ev->sample.count,
		.outer = ev->sample.outer,
	};
	return count_cpu(l, ev->sample.cpu, 1, 0);
}

static int on_run(struct loader *l, const struct cxms_event *ev, uint32_t thread)
{
	struct cxms_recording *rec = l->rec;
	if (cxms_array_grow((void **)&rec->run, &rec->cap_run, rec->n_run + 1, sizeof(*rec->run)))
		return -ENOMEM;
	rec->run[rec->n_run++] = (struct cxms_rec_run){
		.thread = thread,
		.cpu = ev->run.cpu,
		.waited = ev->run.waited < CXMS_WAIT_END ? ev->run.waited : CXMS_WAIT_UNKNOWN,
		.preempted = ev->run.end == CXMS_RUN_PREEMPTED,
		.start_ns = ev->time_ns,
		.dur_ns = ev->run.dur_ns};
	rec->thread[thread].run_ns += ev->run.dur_ns;
	if (ev->time_ns + ev->run.dur_ns > l->last_ns)
		l->last_ns = ev->time_ns + ev->run.dur_ns;
	return 0;
}

/* A read of a fresh page and then a write to it are two faults, of which the second fills it. */
static int on_fault(struct loader *l, const struct cxms_event *ev)
{
	struct cxms_recording *rec = l->rec;
	uint32_t thread = cxms_pagemap_get(&l->by_tid, ev->pid, ev->tid);
	uint32_t page = cxms_pages_last(rec->pages);
	if (thread == CXMS_NO_PAGE || page == CXMS_NO_PAGE ||
	    rec->thread[thread].fault_page == page)
		return 0;
	if (cxms_array_grow((void **)&rec->fault, &rec->cap_fault, rec->n_fault + 1,
			    sizeof(*rec->fault)))
		return -ENOMEM;
	rec->thread[thread].fault_page = page;
	rec->fault[rec->n_fault++] =
		(struct cxms_rec_fault){.time_ns = ev->time_ns, .thread = thread, .page = page};
	return 0;
}

static size_t keep_name(struct cxms_recording *rec, const char *name)
{
	size_t at = rec->names.len;
	cxms_buf_put(&rec->names, name ? name : "", name ? strlen(name) + 1 : 1);
	return at;
}

static int on_site(struct loader *l, const struct cxms_event *ev)
{
	struct cxms_recording *rec = l->rec;
	size_t id = ev->site.id;
	if (id > rec->n_site + 65536u) /* ids are dense: this is not one of ours */
		return -EINVAL;
	if (cxms_array_grow((void **)&rec->site, &rec->cap_site, id + 1, sizeof(*rec->site)))
		return -ENOMEM;
	for (; rec->n_site <= id; rec->n_site++)
		rec->site[rec->n_site] = (struct cxms_rec_site){.kind = CXMS_SITE_UNDECODED};
	rec->site[id] = (struct cxms_rec_site){.ip = ev->site.ip,
					       .pid = ev->pid,
					       .flags = ev->site.flags,
					       .loop_insns = ev->site.loop_insns,
					       .kind = ev->site.kind,
					       .loop_ip = ev->site.loop_ip,
					       .count_reg = ev->site.count_reg,
					       .base = ev->site.base,
					       .index = ev->site.index,
					       .scale = ev->site.scale,
					       .stride = ev->site.stride,
					       .turn_lines = ev->site.turn_lines,
					       .access_bytes = ev->site.access_bytes,
					       .disp = ev->site.disp,
					       .step = ev->site.step,
					       .outer_reg = ev->site.outer_reg,
					       .outer_step = ev->site.outer_step,
					       .outer_back = ev->site.outer_back,
					       .made_at = ev->site.made_at,
					       .ahead_ip = ev->site.ahead_ip,
					       .ahead_bytes = ev->site.ahead_bytes,
					       .function_off = ev->site.function_off,
					       .object_off = ev->site.object_off,
					       .function = keep_name(rec, ev->site.function),
					       .object = keep_name(rec, ev->site.object)};
	return rec->names.failed ? -ENOMEM : 0;
}

/* An address of an event that is no sample, looked up as that of one. */
static int page_of(struct loader *l, const struct cxms_event *ev, uint64_t addr, uint32_t *page)
{
	struct cxms_event at = {.kind = CXMS_EV_SAMPLE,
				.pid = ev->pid,
				.tid = ev->tid,
				.time_ns = ev->time_ns,
				.sample = {.addr = addr, .flags = CXMS_SAMPLE_ADDR}};
	int rc = cxms_pages_event(l->rec->pages, &at, NULL);
	*page = rc ? CXMS_NO_PAGE : cxms_pages_last(l->rec->pages);
	return rc;
}

static int on_mem(struct loader *l, const struct cxms_event *ev, uint32_t thread)
{
	uint32_t page = CXMS_NO_PAGE;
	if (ev->mem.flags & CXMS_MEM_ADDR && page_of(l, ev, ev->mem.addr, &page))
		return -ENOMEM;
	return cxms_hw_add_mem(&l->rec->hw, ev, thread, page);
}

static int on_watch(struct loader *l, const struct cxms_event *ev, uint32_t thread)
{
	struct cxms_recording *rec = l->rec;
	uint32_t page;
	if (page_of(l, ev, ev->watch.addr, &page) ||
	    cxms_array_grow((void **)&rec->watch, &rec->cap_watch, rec->n_watch + 1,
			    sizeof(*rec->watch)))
		return -ENOMEM;
	rec->watch[rec->n_watch++] = (struct cxms_rec_watch){.addr = ev->watch.addr,
							     .set_ns = ev->time_ns,
							     .first_ns = ev->watch.first_ns,
							     .reuse_ns = ev->watch.reuse_ns,
							     .again_ns = ev->watch.again_ns,
							     .thread = thread,
							     .site = ev->watch.site,
							     .page = page,
							     .stands = ev->watch.stands,
							     .uses = ev->watch.uses};
	return 0;
}

/* Counts of no thread, and of no single one, are the program's. */
static int on_count(struct loader *l, const struct cxms_event *ev)
{
	uint32_t thread = CXMS_NO_THREAD;
	if (ev->pid && ev->tid) {
		int rc = thread_of(l, ev, &thread);
		if (rc)
			return rc;
	}
	return cxms_hw_add_count(&l->rec->hw, ev, thread);
}

static int on_lost(struct loader *l, const struct cxms_event *ev)
{
	if (ev->lost.what == CXMS_LOST_MEM)
		l->rec->hw.lost_mem += ev->lost.count;
	if (ev->lost.what == CXMS_LOST_FAULTS)
		l->rec->lost_faults += ev->lost.count;
	if (ev->lost.what != CXMS_LOST_SAMPLES)
		return 0;
	l->rec->lost_samples += ev->lost.count;
	return count_cpu(l, ev->lost.cpu, 0, ev->lost.count);
}

static int on_thread_event(struct loader *l, const struct cxms_event *ev)
{
	uint32_t thread, parent = CXMS_NO_THREAD;
	if (ev->kind == CXMS_EV_FORK) {
		uint32_t p = cxms_pagemap_get(&l->by_tid, ev->fork.parent_pid, ev->fork.parent_tid);
		if (p != CXMS_NO_PAGE)
			parent = p;
		return add_thread(l, ev, parent, &thread);
	}
	int rc = thread_of(l, ev, &thread);
	if (rc)
		return rc;
	if (ev->kind == CXMS_EV_SAMPLE)
		return on_sample(l, ev, thread);
	if (ev->kind == CXMS_EV_MEM)
		return on_mem(l, ev, thread);
	if (ev->kind == CXMS_EV_WATCH)
		return on_watch(l, ev, thread);
	if (ev->kind == CXMS_EV_RUN)
		return on_run(l, ev, thread);
	if (ev->kind == CXMS_EV_EXIT) {
		l->rec->thread[thread].exit_ns = ev->time_ns;
		l->rec->thread[thread].exited = true;
		l->rec->thread[thread].ready_ns = ev->exit.ready_ns;
	}
	return 0;
}

static bool is_timely(const struct cxms_event *ev)
{
	return ev->time_ns < CXMS_RECORDING_MAX_NS &&
	       (ev->kind != CXMS_EV_RUN || ev->run.dur_ns < CXMS_RECORDING_MAX_NS);
}

/* -EINVAL: of a site or counter whose number is out of sequence. */
static int keep_event(struct loader *l, const struct cxms_event *ev)
{
	switch (ev->kind) {
	case CXMS_EV_SAMPLE:
	case CXMS_EV_RUN:
	case CXMS_EV_EXIT:
	case CXMS_EV_FORK:
	case CXMS_EV_MEM:
	case CXMS_EV_WATCH:
		return on_thread_event(l, ev);
	case CXMS_EV_COUNTER:
		return cxms_hw_add_counter(&l->rec->hw, &ev->counter);
	case CXMS_EV_COUNT:
		return on_count(l, ev);
	case CXMS_EV_FAULT:
		return on_fault(l, ev);
	case CXMS_EV_SITE:
		return on_site(l, ev);
	case CXMS_EV_LOST:
		return on_lost(l, ev);
	default:
		return 0;
	}
}

static int out_of_sequence(const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t number = ev->kind == CXMS_EV_SITE	? ev->site.id
			  : ev->kind == CXMS_EV_COUNTER ? ev->counter.id
							: ev->count.counter;

	return cxms_fail(err, EINVAL, "%s number %u out of sequence; record again",
			 ev->kind == CXMS_EV_SITE ? "site" : "counter", number);
}

static int load_event(struct loader *l, const struct cxms_event *ev, struct cxms_err *err)
{
	if (!is_timely(ev))
		return cxms_fail(err, EINVAL,
				 "an event at %llu ns is no time of a recording; "
				 "record again",
				 (unsigned long long)ev->time_ns);
	int rc = cxms_pages_event(l->rec->pages, ev, err);
	if (rc)
		return rc;
	if (ev->time_ns > l->last_ns)
		l->last_ns = ev->time_ns;
	rc = keep_event(l, ev);
	if (rc == -EINVAL)
		return out_of_sequence(ev, err);
	return rc ? no_memory(err) : 0;
}

/*
 * A source that samples kernel time too covers all time on CPU: what its samples miss of a thread's
 * slices (the tail of a short thread) is taken to be like what they saw.
 */
static int scale_to_runs(struct cxms_recording *rec, struct cxms_err *err)
{
	double *seen = calloc(rec->n_thread + 1, sizeof(*seen));
	if (!seen)
		return no_memory(err);
	for (size_t i = 0; i < rec->n_sample; i++)
		seen[rec->sample[i].thread] += rec->sample[i].weight_ns;
	for (size_t i = 0; i < rec->n_sample; i++) {
		struct cxms_rec_sample *s = &rec->sample[i];
		double run = (double)rec->thread[s->thread].run_ns;
		if (run > 0 && seen[s->thread] > 0)
			s->weight_ns *= run / seen[s->thread];
	}
	free(seen);
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* A live source is told of every exit up to the end of the program, and for some time after it:
 * what ran on counts as long as it was watched. */
static int count_outlived(struct cxms_recording *rec, struct cxms_err *err)
{
	uint32_t *pid;
	size_t n = 0;
	if (!(rec->facts.source_caps & CXMS_SRC_LIVE) || !rec->thread[0].exited)
		return 0;
	pid = calloc(rec->n_thread, sizeof(*pid));
	if (!pid)
		return no_memory(err);
	for (size_t i = 1; i < rec->n_thread; i++)
		if (!rec->thread[i].exited && rec->thread[i].pid != rec->thread[0].pid)
			pid[n++] = rec->thread[i].pid;
	qsort(pid, n, sizeof(*pid), by_pid);
	for (size_t i = 0; i < n; i++)
		rec->n_outlived += i == 0 || pid[i] != pid[i - 1];
	free(pid);
	uint64_t end_ns = 0;
	for (size_t i = 0; i < rec->n_thread; i++)
		if (rec->thread[i].pid == rec->thread[0].pid && rec->thread[i].exit_ns > end_ns)
			end_ns = rec->thread[i].exit_ns;
	rec->ran_on_ns = rec->duration_ns - end_ns;
	return 0;
}

/* Scale each CPU's samples for those it lost; close threads that never exited. */
static void finish(struct loader *l)
{
	struct cxms_recording *rec = l->rec;
	rec->duration_ns = 0;
	for (size_t i = 0; i < rec->n_thread; i++) {
		struct cxms_rec_thread *t = &rec->thread[i];
		if (!t->exited || t->exit_ns < t->birth_ns)
			t->exit_ns = l->last_ns > t->birth_ns ? l->last_ns : t->birth_ns;
		if (t->exit_ns > rec->duration_ns)
			rec->duration_ns = t->exit_ns;
	}
	for (size_t i = 0; i < rec->n_sample; i++) {
		struct cxms_rec_sample *s = &rec->sample[i];
		s->weight_ns *= fmin(MAX_LOSS_SCALE,
				     1.0 + (double)l->lost[s->cpu] / (double)l->got[s->cpu]);
		if (s->site >= rec->n_site)
			s->site = CXMS_NO_SITE;
	}
}

static int settle_pages(struct cxms_recording *rec, struct cxms_err *err)
{
	const uint32_t *remap;
	size_t n;
	int rc = cxms_pages_settle(rec->pages, &remap, &n, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < rec->n_sample; i++)
		if (rec->sample[i].page < n) {
			rec->sample[i].page = remap[rec->sample[i].page];
			if (rec->sample[i].page == CXMS_NO_PAGE)
				rec->sample[i].flags |= CXMS_REC_ZERO_PAGE;
		}
	for (size_t i = 0; i < rec->hw.n_mem; i++)
		if (rec->hw.mem[i].page < n)
			rec->hw.mem[i].page = remap[rec->hw.mem[i].page];
	for (size_t i = 0; i < rec->n_watch; i++)
		if (rec->watch[i].page < n)
			rec->watch[i].page = remap[rec->watch[i].page];
	size_t filled = 0;
	for (size_t i = 0; i < rec->n_fault; i++) {
		struct cxms_rec_fault f = rec->fault[i];
		f.page = remap[f.page];
		if (f.page != CXMS_NO_PAGE)
			rec->fault[filled++] = f;
	}
	rec->n_fault = filled;
	return 0;
}

static int read_all(struct loader *l, struct cxms_trace_reader *r, struct cxms_err *err)
{
	struct cxms_event *buf = malloc(BATCH * sizeof(*buf));
	size_t n;
	int rc = buf ? 0 : no_memory(err);
	while (!rc) {
		rc = cxms_trace_read(r, buf, BATCH, &n, err);
		if (rc || n == 0)
			break;
		for (size_t i = 0; i < n && !rc; i++)
			rc = load_event(l, &buf[i], err);
	}
	free(buf);
	return rc;
}

int cxms_recording_load(struct cxms_trace_reader *r, struct cxms_recording *out,
			struct cxms_err *err)
{
	*out = (struct cxms_recording){.facts = cxms_trace_reader_head(r)->facts};
	struct loader l = {.rec = out};
	int rc = cxms_pages_new(out->facts.page_bytes, out->facts.huge_bytes, &out->pages, err);
	if (!rc)
		rc = read_all(&l, r, err);
	if (!rc && out->n_thread == 0)
		rc = cxms_fail(
			err, ENODATA,
			"no thread ran in this recording; record a program that runs longer");
	if (!rc) {
		finish(&l);
		out->totals = *cxms_trace_reader_totals(r);
		out->cut = cxms_trace_reader_state(r) == CXMS_TRACE_CUT;
		rc = count_outlived(out, err);
	}
	if (!rc)
		rc = settle_pages(out, err);
	if (!rc && out->facts.source_caps & CXMS_SRC_KERNEL)
		rc = scale_to_runs(out, err);
	if (!rc) {
		cxms_hw_finish(&out->hw);
		rc = cxms_hw_derive(out, err);
	}
	cxms_pagemap_fini(&l.by_tid);
	free(l.got);
	free(l.lost);
	if (rc)
		cxms_recording_fini(out);
	return rc;
}

void cxms_recording_fini(struct cxms_recording *rec)
{
	free(rec->thread);
	free(rec->run);
	free(rec->sample);
	free(rec->fault);
	free(rec->watch);
	free(rec->site);
	cxms_buf_fini(&rec->names);
	cxms_pages_free(rec->pages);
	cxms_hw_fini(&rec->hw);
	*rec = (struct cxms_recording){0};
}

/* Numbers [first[t], first[t + 1]) of @out are those of thread t. */
static void order_slices(const struct cxms_recording *rec, size_t *first, uint32_t *out)
{
	memset(first, 0, (rec->n_thread + 2) * sizeof(*first));
	for (size_t i = 0; i < rec->n_run; i++)
		first[rec->run[i].thread + 2]++;
	for (size_t t = 2; t < rec->n_thread + 2; t++)
		first[t] += first[t - 1];
	for (size_t i = 0; i < rec->n_run; i++)
		out[first[rec->run[i].thread + 1]++] = (uint32_t)i;
}

static void order_samples(const struct cxms_recording *rec, size_t *first, uint32_t *out)
{
	memset(first, 0, (rec->n_thread + 2) * sizeof(*first));
	for (size_t i = 0; i < rec->n_sample; i++)
		first[rec->sample[i].thread + 2]++;
	for (size_t t = 2; t < rec->n_thread + 2; t++)
		first[t] += first[t - 1];
	for (size_t i = 0; i < rec->n_sample; i++)
		out[first[rec->sample[i].thread + 1]++] = (uint32_t)i;
}

/* A thread's slices, walked along with its samples, both in time order. */
struct walk {
	const size_t *first; /* by thread, of @slice */
	const uint32_t *slice;
	uint32_t thread;
	size_t at;
	double before_ns; /* on CPU before slice @at; with weights of their own, up to the sample */
	uint32_t sleeps;  /* slices before @at at whose end it left the CPU by itself */
};

static uint64_t cpu_time(const struct cxms_recording *rec, const struct cxms_rec_sample *s,
			 struct walk *w)
{
	size_t end = w->first[s->thread + 1];
	if (s->thread != w->thread)
		*w = (struct walk){w->first, w->slice, s->thread, w->first[s->thread], 0, 0};
	if (rec->own_weights)
		return (uint64_t)(w->before_ns += s->weight_ns);
	if (w->first[s->thread] == end)
		return s->time_ns;
	for (; w->at < end; w->at++) {
		const struct cxms_rec_run *r = &rec->run[w->slice[w->at]];
		if (r->start_ns + r->dur_ns > s->time_ns)
			break;
		w->before_ns += (double)r->dur_ns;
		w->sleeps += !r->preempted;
	}
	uint64_t start = w->at < end ? rec->run[w->slice[w->at]].start_ns : s->time_ns;
	return (uint64_t)w->before_ns + (start < s->time_ns ? s->time_ns - start : 0);
}

int cxms_rec_order_init(const struct cxms_recording *rec, struct cxms_rec_order *out)
{
	size_t *first = malloc((rec->n_thread + 2) * sizeof(*first));
	uint32_t *slice = malloc((rec->n_run + 1) * sizeof(*slice));
	*out = (struct cxms_rec_order){.sample = malloc((rec->n_sample + 1) * sizeof(*out->sample)),
				       .cpu_ns = malloc((rec->n_sample + 1) * sizeof(*out->cpu_ns)),
				       .sleeps =
					       malloc((rec->n_sample + 1) * sizeof(*out->sleeps))};
	int rc = first && slice && out->sample && out->cpu_ns && out->sleeps ? 0 : -ENOMEM;
	if (!rc) {
		order_samples(rec, first, out->sample);
		order_slices(rec, first, slice);
		struct walk w = {.first = first, .slice = slice, .thread = CXMS_NO_THREAD};
		for (size_t i = 0; i < rec->n_sample; i++) {
			out->cpu_ns[i] = cpu_time(rec, &rec->sample[out->sample[i]], &w);
			out->sleeps[i] = w.sleeps;
		}
	}
	free(first);
	free(slice);
	return rc;
}

void cxms_rec_order_fini(struct cxms_rec_order *o)
{
	free(o->sample);
	free(o->cpu_ns);
	free(o->sleeps);
	*o = (struct cxms_rec_order){0};
}

bool cxms_rec_is_wait(const struct cxms_recording *rec, const struct cxms_rec_sample *s)
{
	if (s->site == CXMS_NO_SITE || !cxms_rec_is_own(s) || s->flags & CXMS_REC_ZERO_PAGE)
		return false;
	uint8_t kind = rec->site[s->site].kind;
	return kind != CXMS_SITE_NONE && kind != CXMS_SITE_UNDECODED;
}

bool cxms_rec_is_own(const struct cxms_rec_sample *s)
{
	return !(s->flags & (CXMS_SAMPLE_KERNEL | CXMS_SAMPLE_AFTER_FAULT));
}

bool cxms_rec_is_unread(const struct cxms_recording *rec, const struct cxms_rec_sample *s)
{
	return s->site != CXMS_NO_SITE && cxms_rec_is_own(s) &&
	       rec->site[s->site].kind == CXMS_SITE_UNDECODED;
}

bool cxms_rec_is_unseen(const struct cxms_recording *rec, uint32_t thread)
{
	return rec->thread[thread].run_ns < rec->facts.period_ns;
}

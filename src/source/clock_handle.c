/* One perf record at a time, in time order, into events. */
#include "source/clock_priv.h"

#include "base/err.h"
#include "base/sys.h"
#include "base/warn.h"
#include "source/perf_rec.h"
#include "source/tasks.h"
#include "source/waits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A slice longer than this is told in parts, so that a recording cut short knows of it. */
#define SLICE_MAX_NS 1000000000ull
/* Looks at sleeping threads in one round of draining: 10 us each. */
#define LOOKS_PER_ROUND 16u
/* Between two rounds of asking threads how long they waited for a CPU: 10 us each. */
#define READY_EVERY_NS 80000000ull
/* A process whose events end this soon after an exec, and lives on, has gained privileges by it. */
#define SETUID_NS 50000000ull
/* Where samples are decoded (clock_probe()), base pages are of this size. */
#define PAGE_BYTES 4096u

uint64_t clock_rel_ns(const struct clock *c, uint64_t time_ns)
{
	return time_ns > c->base_ns ? time_ns - c->base_ns : 0;
}

static struct cxms_event event_of(const struct clock *c, enum cxms_event_kind kind,
				  const struct cxms_perf_rec *r)
{
	struct cxms_event ev = {.kind = (uint8_t)kind, .pid = r->pid, .tid = r->tid};

	ev.time_ns = clock_rel_ns(c, r->time_ns);
	return ev;
}

static struct clock_proc *proc_get(struct clock *c, uint32_t pid)
{
	struct clock_proc *p = cxms_idmap_get(&c->procs, pid);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || cxms_idmap_put(&c->procs, pid, p)) {
		free(p);
		return NULL;
	}
	p->pid = pid;
	return p;
}

struct clock_task *clock_task_get(struct clock *c, uint32_t pid, uint32_t tid)
{
	struct clock_task *t = cxms_idmap_get(&c->tasks, tid);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tid = tid;
	t->proc = proc_get(c, pid);
	if (!t->proc || cxms_idmap_put(&c->tasks, tid, t)) {
		free(t);
		return NULL;
	}
	t->proc->n_task++;
	return t;
}

/* The last task of a process takes its address space with it. */
static void task_drop(struct clock *c, struct clock_task *t)
{
	struct clock_proc *p = t->proc;

	cxms_idmap_remove(&c->tasks, t->tid);
	free(t);
	if (--p->n_task)
		return;
	cxms_maps_exit(&c->analyzer.maps, p->pid);
	cxms_areas_end(&c->areas, p->pid);
	cxms_idmap_remove(&c->procs, p->pid);
	free(p);
}

void clock_tasks_fini(struct clock *c)
{
	size_t pos = 0;
	void *p;

	while ((p = cxms_idmap_next(&c->tasks, &pos)))
		free(p);
	pos = 0;
	while ((p = cxms_idmap_next(&c->procs, &pos)))
		free(p);
	cxms_idmap_fini(&c->tasks);
	cxms_idmap_fini(&c->procs);
}

static void slice_end(struct clock *c, struct clock_task *t, uint64_t now_ns, enum cxms_run_end end)
{
	struct cxms_event ev = {.kind = CXMS_EV_RUN, .pid = t->proc->pid, .tid = t->tid};

	if (t->is_running && now_ns > t->since_ns) {
		ev.time_ns = clock_rel_ns(c, t->since_ns);
		ev.run.dur_ns = now_ns - t->since_ns;
		ev.run.cpu = t->cpu;
		ev.run.end = (uint8_t)end;
		ev.run.waited = t->waited;
		cxms_evq_push(&c->out, &ev);
	}
	t->is_running = false;
	t->waited = CXMS_WAIT_UNKNOWN;
	t->left_ns = end == CXMS_RUN_BLOCKED ? now_ns : 0;
}

static void slice_begin(struct clock_task *t, uint64_t now_ns, uint32_t cpu)
{
	if (t->left_ns && t->look_ns > t->left_ns && t->look_ns < now_ns)
		t->waited = t->look;
	t->is_running = true;
	t->since_ns = now_ns;
	t->cpu = (uint16_t)cpu;
}

void clock_close_slice(struct clock *c, struct clock_task *t, uint64_t now_ns)
{
	slice_end(c, t, now_ns, CXMS_RUN_UNKNOWN);
}

void clock_close_slices(struct clock *c, uint64_t now_ns)
{
	struct clock_task *t;
	size_t pos = 0;

	while ((t = cxms_idmap_next(&c->tasks, &pos)))
		slice_end(c, t, now_ns, CXMS_RUN_UNKNOWN);
}

/* Without records of switches: a thread ran while it was sampled. */
static void follow_samples(struct clock *c, struct clock_task *t, uint64_t now_ns,
			   uint64_t period_ns, uint32_t cpu)
{
	if (t->is_running && now_ns > t->sampled_ns + c->gap_ns)
		slice_end(c, t, t->sampled_ns, CXMS_RUN_UNKNOWN);
	if (!t->is_running)
		slice_begin(t,
			    now_ns - (now_ns - c->base_ns < period_ns ? now_ns - c->base_ns
								      : period_ns),
			    cpu);
	t->sampled_ns = now_ns;
}

/* Each wait once: its end is compared with the time of the look when its record comes. */
void clock_look_at_sleepers(struct clock *c)
{
	for (unsigned n = 0; n < LOOKS_PER_ROUND;) {
		struct clock_task *t = cxms_idmap_next(&c->tasks, &c->look_pos);

		if (!t) {
			c->look_pos = 0;
			return;
		}
		if (t->is_running || !t->left_ns || t->look_ns > t->left_ns)
			continue;
		t->look = (uint8_t)cxms_wait_look(t->proc->pid, t->tid);
		t->look_ns = cxms_now_ns();
		n++;
	}
}

static void read_ready(struct clock_task *t)
{
	uint64_t ns;

	if (cxms_task_ready_ns(t->proc->pid, t->tid, &ns) && ns > t->ready_ns)
		t->ready_ns = ns;
}

/* What a thread waits between the last time it is asked and its end is not told. */
void clock_look_at_ready(struct clock *c)
{
	uint64_t now_ns = cxms_now_ns();

	if (now_ns < c->ready_at_ns)
		return;
	c->ready_at_ns = now_ns + READY_EVERY_NS;
	for (unsigned n = 0; n < LOOKS_PER_ROUND; n++) {
		struct clock_task *t = cxms_idmap_next(&c->tasks, &c->ready_pos);

		if (!t) {
			c->ready_pos = 0;
			return;
		}
		read_ready(t);
	}
}

/* The word that the sample just told of, if it was one of a wait with an address. */
static int follow_word(struct clock *c, const struct clock_task *t, struct cxms_err *err)
{
	const struct cxms_event *ev = c->out.len > c->out.head ? &c->out.ev[c->out.len - 1] : NULL;

	if (!ev || ev->kind != CXMS_EV_SAMPLE || !(ev->sample.flags & CXMS_SAMPLE_ADDR) ||
	    ev->sample.flags & CXMS_SAMPLE_AFTER_FAULT)
		return 0;
	if (cxms_wp_sample(&c->wp, t->proc->pid, t->tid, ev->sample.addr, ev->sample.site))
		return cxms_fail(err, ENOMEM, "out of memory for watchpoints");
	return 0;
}

static int on_sample(struct clock *c, struct clock_task *t, const struct cxms_perf_rec *r,
		     struct cxms_err *err)
{
	struct cxms_look look = {.pid = r->pid, .tid = r->tid, .tls = &t->tls};
	uint64_t period_ns = r->sample.period_ns ? r->sample.period_ns : c->period_ns;
	int rc;

	c->samples++;
	if (c->gap_ns)
		follow_samples(c, t, r->time_ns, period_ns, r->cpu);
	if (t->is_running && r->time_ns > t->since_ns + SLICE_MAX_NS)
		slice_end(c, t, r->time_ns, CXMS_RUN_PREEMPTED);
	if (!t->is_running) /* the record of its switch was lost, or the slice was just told */
		slice_begin(t, r->time_ns, r->cpu);
	look.time_ns = clock_rel_ns(c, r->time_ns);
	look.weight_ns = period_ns < UINT32_MAX ? (uint32_t)period_ns : UINT32_MAX;
	look.cpu = (uint16_t)r->cpu;
	look.regs.ip = r->sample.ip;
	look.is_kernel = (r->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	look.has_no_regs = r->sample.has_no_regs;
	look.is_foreign = !look.has_no_regs && r->sample.abi != PERF_SAMPLE_REGS_ABI_64;
	if (!look.is_foreign && r->sample.gpr)
		memcpy(look.regs.gpr, r->sample.gpr, sizeof(look.regs.gpr));
	if (t->fault_ip && r->time_ns - t->fault_ns <= c->period_ns)
		look.fault_ip = t->fault_ip;
	rc = cxms_analyze(&c->analyzer, &look, &c->out, err);
	return rc ? rc : follow_word(c, t, err);
}

/* Those of a run that were not recorded, evenly between the two that were. */
static void fill_gap(struct clock *c, const struct cxms_event *fault, const struct cxms_perf_rec *r,
		     const struct cxms_thin_gap *gap)
{
	struct cxms_event ev = *fault;
	uint64_t span_ns = r->time_ns > gap->time_ns ? r->time_ns - gap->time_ns : 0;

	for (uint32_t i = 1; i <= gap->n; i++) {
		ev.time_ns =
			clock_rel_ns(c, r->time_ns - span_ns * (gap->n + 1 - i) / (gap->n + 1));
		ev.fault.addr = (gap->page + (uint64_t)(gap->step * (int64_t)i)) * PAGE_BYTES;
		cxms_evq_push(&c->out, &ev);
	}
	c->told_faults += gap->n;
}

/*
 * Did the fault come from a load? Of those between two of many that are told nothing is known but
 * by these: where so many in a row were loads, none of the arrays followed is stored to as well.
 * With NUMA balancing pages fault that are there.
 */
static bool is_load(const struct clock *c, struct clock_task *t, const struct cxms_space *s,
		    const struct cxms_perf_rec *r, bool is_one_of_many)
{
	const struct cxms_mapping *code = s ? cxms_maps_find(s, r->fault.ip) : NULL;

	if (c->has_numa_hints || !code || !code->module ||
	    !cxms_module_loads(code, (pid_t)r->pid, r->fault.ip)) {
		t->loads_in_row = 0;
		return false;
	}
	if (!is_one_of_many)
		return true;
	if (t->loads_in_row < 2 * CXMS_THIN_RUNS)
		t->loads_in_row++;
	return t->loads_in_row == 2 * CXMS_THIN_RUNS;
}

/*
 * A fault and those before it are told. While a ring had no room the kernel counts what it lost:
 * records of one in many tell where of that, and how many they stand for is no loss of its own.
 */
static void tell_fault(struct clock *c, const struct cxms_perf_rec *r, const struct cxms_event *ev,
		       const struct cxms_thin_gap *gap, bool is_one_of_many)
{
	struct clock_loss *loss = clock_loss_of(c, r->cpu);
	bool is_thin = is_one_of_many && cxms_thin_is_told(&c->thin, r->time_ns);

	fill_gap(c, ev, r, gap);
	if (!gap->is_known) {
		cxms_evq_push(&c->out, ev);
		c->told_faults++;
	}
	if (is_thin && gap->lost)
		clock_lost(c, CXMS_PERF_FAULTS, r->time_ns, r->cpu, gap->lost);
	if (!is_thin && loss && loss->is_open)
		loss->told += gap->n + (is_one_of_many && !gap->is_known);
	if (!is_one_of_many)
		clock_loss_settle(c, r->time_ns, r->cpu);
}

static int on_fault(struct clock *c, struct clock_task *t, const struct cxms_perf_rec *r,
		    bool is_one_of_many)
{
	const struct clock_loss *loss = clock_loss_of(c, r->cpu);
	struct cxms_event ev = event_of(c, CXMS_EV_FAULT, r);
	const struct cxms_space *s = cxms_maps_space(&c->analyzer.maps, r->pid);
	const struct cxms_mapping *m = s ? cxms_maps_find(s, r->fault.addr) : NULL;
	const struct cxms_thin_fault f = {
		.page = r->fault.addr / PAGE_BYTES,
		.time_ns = r->time_ns,
		.first_page = m ? m->start / PAGE_BYTES : 0,
		.end_page = m ? m->end / PAGE_BYTES : 0,
		.is_one_of_many = is_one_of_many,
	};
	struct cxms_thin_gap gap;

	if (is_one_of_many && !cxms_thin_is_told(&c->thin, r->time_ns) && !(loss && loss->is_open))
		return 0;
	t->fault_ip = r->fault.ip;
	t->fault_ns = r->time_ns;
	ev.fault.addr = r->fault.addr;
	ev.fault.ip = r->fault.ip;
	ev.fault.flags = is_load(c, t, s, r, is_one_of_many) ? CXMS_FAULT_LOAD : 0;
	gap = cxms_thin_follow(&c->thin, &t->runs, &f);
	tell_fault(c, r, &ev, &gap, is_one_of_many);
	return 0;
}

static int on_map(struct clock *c, const struct cxms_perf_rec *r, struct cxms_err *err)
{
	struct cxms_space *s = cxms_maps_space(&c->analyzer.maps, r->pid);
	struct cxms_event ev = event_of(c, CXMS_EV_MAP, r);
	struct cxms_file_id id = {.maj = r->map.maj, .min = r->map.min, .ino = r->map.ino};
	struct cxms_err why = {0};
	int rc;

	if (!s)
		return cxms_fail(err, ENOMEM, "out of memory for mappings");
	id.build_id_len = r->map.build_id_len;
	if (r->map.build_id)
		memcpy(id.build_id, r->map.build_id, id.build_id_len);
	ev.map.addr = r->map.addr;
	ev.map.len = r->map.len;
	ev.map.file_off = r->map.path[0] == '/' ? r->map.file_off : 0;
	ev.map.prot = r->map.prot;
	ev.map.flags = r->map.flags;
	ev.map.build_id_len = id.build_id_len;
	memcpy(ev.map.build_id, id.build_id, sizeof(id.build_id));
	/* The kernel's name for memory without a file. */
	if (!strcmp(r->map.path, "//anon")) {
		ev.map.path = "";
		ev.map.file_off = 0;
	} else {
		ev.map.path = r->map.path;
	}
	rc = cxms_maps_add(&c->analyzer.maps, s, &ev.map, &id, &why);
	if (rc == -ENOMEM)
		return cxms_fail(err, ENOMEM, "out of memory for mappings");
	if (rc == -ENOTSUP) /* code cannot be decoded at all */
		return cxms_fail(err, ENOTSUP, "%s", why.msg);
	if (!rc)
		cxms_evq_push(&c->out, &ev);
	return 0;
}

static void end_task(struct clock *c, struct clock_task *t, uint64_t now_ns)
{
	struct cxms_event ev = {.kind = CXMS_EV_EXIT, .pid = t->proc->pid, .tid = t->tid};

	if (c->gap_ns && t->is_running && now_ns > t->sampled_ns + c->gap_ns)
		slice_end(c, t, t->sampled_ns, CXMS_RUN_UNKNOWN);
	slice_end(c, t, now_ns, CXMS_RUN_EXIT);
	cxms_wp_thread_end(&c->wp, t->tid, now_ns);
	ev.time_ns = clock_rel_ns(c, now_ns);
	/* it can be asked until its parent has waited for it */
	if (c->is_live && t->tid == t->proc->pid)
		read_ready(t);
	ev.exit.ready_ns = t->ready_ns - t->ready_from_ns;
	cxms_evq_push(&c->out, &ev);
	task_drop(c, t);
}

void clock_end_root(struct clock *c, uint64_t now_ns)
{
	struct clock_task *t = cxms_idmap_get(&c->tasks, (uint64_t)c->child.pid);

	if (t && !c->root_end_ns)
		end_task(c, t, now_ns);
}

/* The image is new; of the threads only the one that called exec is left, now under the process's
 * number. */
static int on_exec(struct clock *c, struct clock_task *t, const struct cxms_perf_rec *r,
		   struct cxms_err *err)
{
	struct cxms_event ev = event_of(c, CXMS_EV_EXEC, r);
	struct clock_task *other;
	size_t pos = 0;

	while ((other = cxms_idmap_next(&c->tasks, &pos))) {
		if (other->proc != t->proc || other == t)
			continue;
		end_task(c, other, r->time_ns);
		pos = 0; /* the map has changed */
	}
	cxms_maps_exec(&c->analyzer.maps, r->pid);
	cxms_wp_exec(&c->wp, r->pid);
	if (cxms_areas_begin(&c->areas, r->pid, r->time_ns))
		return cxms_fail(err, ENOMEM, "out of memory for processes");
	t->tls = (struct cxms_tls){0};
	t->fault_ip = 0;
	t->runs = (struct cxms_fault_runs){0};
	t->exec_ns = r->time_ns;
	if (!t->is_running)
		slice_begin(t, r->time_ns, r->cpu);
	ev.exec.name = r->comm.name;
	cxms_evq_push(&c->out, &ev);
	return 0;
}

static int on_fork(struct clock *c, struct clock_task *t, const struct cxms_perf_rec *r,
		   struct cxms_err *err)
{
	struct cxms_event ev = event_of(c, CXMS_EV_FORK, r);
	const struct clock_task *parent = cxms_idmap_get(&c->tasks, r->task.parent_tid);

	ev.fork.parent_pid = r->task.parent_pid;
	ev.fork.parent_tid = r->task.parent_tid;
	cxms_evq_push(&c->out, &ev);
	if (r->pid == r->task.parent_pid)
		return 0;
	if (parent)
		t->tls = parent->tls;
	if (cxms_maps_fork(&c->analyzer.maps, r->task.parent_pid, r->pid) ||
	    cxms_areas_begin(&c->areas, r->pid, r->time_ns))
		return cxms_fail(err, ENOMEM, "out of memory for processes");
	return 0;
}

/* An unprivileged watcher loses a process that gains privileges by exec: its events end there, and
 * it lives on. */
static bool has_got_away(struct clock *c, const struct clock_task *t, const struct cxms_perf_rec *r)
{
	if (!t->exec_ns || r->time_ns - t->exec_ns > SETUID_NS || r->pid != r->tid || !geteuid())
		return false;
	if (!c->warnings || !cxms_process_lives((pid_t)r->pid))
		return false;
	cxms_warn(c->warnings, CXMS_W_SETUID_CHILD,
		  "process %" PRIu32 " gained privileges by exec and is not watched", r->pid);
	return true;
}

static int on_task_exit(struct clock *c, struct clock_task *t, const struct cxms_perf_rec *r)
{
	bool is_away = has_got_away(c, t, r), is_root = r->pid == (uint32_t)c->child.pid;

	/* The program itself ends when it is seen to have ended. */
	if (is_away && is_root) {
		slice_end(c, t, r->time_ns, CXMS_RUN_UNKNOWN);
		return 0;
	}
	if (is_root)
		c->root_end_ns = r->time_ns;
	end_task(c, t, r->time_ns);
	return 0;
}

static int on_switch(struct clock *c, struct clock_task *t, const struct cxms_perf_rec *r)
{
	if (!(r->misc & PERF_RECORD_MISC_SWITCH_OUT)) {
		/* Without the record of its leaving we do not know how long it ran: not to this
		 * moment. */
		t->is_running = false;
		slice_begin(t, r->time_ns, r->cpu);
	} else {
		slice_end(c, t, r->time_ns,
			  r->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT ? CXMS_RUN_PREEMPTED
									: CXMS_RUN_BLOCKED);
	}
	return 0;
}

void clock_lost(struct clock *c, enum cxms_perf_event event, uint64_t time_ns, uint32_t cpu,
		uint64_t count)
{
	struct cxms_event ev = {.kind = CXMS_EV_LOST, .time_ns = clock_rel_ns(c, time_ns)};

	ev.lost = (struct cxms_lost){.count = count, .cpu = (uint16_t)cpu, .what = CXMS_LOST_OTHER};
	if (event == CXMS_PERF_SAMPLES) {
		ev.lost.what = CXMS_LOST_SAMPLES;
		c->lost_samples += count;
	} else if (event == CXMS_PERF_FAULTS) {
		ev.lost.what = CXMS_LOST_FAULTS;
		c->lost_faults += count;
	}
	cxms_evq_push(&c->out, &ev);
}

void clock_lost_accesses(struct clock *c, uint64_t time_ns, uint32_t cpu, uint64_t count)
{
	struct cxms_event ev = {.kind = CXMS_EV_LOST};

	ev.time_ns = clock_rel_ns(c, time_ns);
	ev.lost = (struct cxms_lost){.count = count, .cpu = (uint16_t)cpu, .what = CXMS_LOST_MEM};
	cxms_evq_push(&c->out, &ev);
	c->lost_mem += count;
}

static int on_task_record(struct clock *c, enum cxms_perf_event event,
			  const struct cxms_perf_rec *r, struct cxms_err *err)
{
	struct clock_task *t = clock_task_get(c, r->pid, r->tid);

	if (!t)
		return cxms_fail(err, ENOMEM, "out of memory for tasks");
	switch (r->type) {
	case PERF_RECORD_SAMPLE:
		return event == CXMS_PERF_SAMPLES ? on_sample(c, t, r, err)
						  : on_fault(c, t, r, event == CXMS_PERF_SIDE);
	case PERF_RECORD_COMM:
		return on_exec(c, t, r, err);
	case PERF_RECORD_FORK:
		return on_fork(c, t, r, err);
	case PERF_RECORD_EXIT:
		return on_task_exit(c, t, r);
	default:
		return on_switch(c, t, r);
	}
}

int clock_apply(struct clock *c, enum cxms_perf_event event, const struct cxms_perf_rec *r,
		struct cxms_err *err)
{
	switch (r->type) {
	case PERF_RECORD_LOST:
		if (event == CXMS_PERF_FAULTS)
			clock_loss_add(c, r->time_ns, r->cpu, r->lost);
		else
			clock_lost(c, event, r->time_ns, r->cpu, r->lost);
		return 0;
	case PERF_RECORD_THROTTLE:
		c->throttled++;
		return 0;
	case PERF_RECORD_MMAP2:
		return on_map(c, r, err);
	case PERF_RECORD_COMM:
		if (!(r->misc & PERF_RECORD_MISC_COMM_EXEC))
			return 0;
		break;
	default:
		break;
	}
	/* A task past its end has no numbers any more. */
	if (!r->pid || !r->tid || r->pid == UINT32_MAX || r->tid == UINT32_MAX)
		return 0;
	return on_task_record(c, event, r, err);
}

int clock_handle(struct clock *c, const struct cxms_clock_ring *ring,
		 const struct perf_event_header *h, struct cxms_err *err)
{
	struct cxms_perf_rec r;

	if (ring->hw && h->type == PERF_RECORD_SAMPLE)
		return clock_access(c, ring, h, err);
	if (!cxms_perf_rec_parse(ring->event, h, &r))
		return 0;
	if (r.type == PERF_RECORD_LOST)
		r.cpu = ring->cpu;
	if (r.type == PERF_RECORD_LOST && ring->hw) {
		clock_lost_accesses(c, r.time_ns, r.cpu, r.lost);
		return 0;
	}
	return clock_apply(c, ring->event, &r, err);
}

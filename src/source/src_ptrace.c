/*
 * Source `ptrace`: threads that run are stopped about once a millisecond of their CPU time, their
 * registers read, and let go on. Works where perf_event_open is refused. Sleeping threads are left
 * alone: a stop could end a system call early. Between the look at a thread's state and its stop
 * lie microseconds in which it may fall asleep.
 *
 * All calls come from the one thread that called open(): the kernel binds tracing to it. It
 * collects every child of that thread. Children that outlive the program are let go 0.2 s after its
 * end. A program that traces (a debugger, a leak sanitizer) cannot be watched.
 */
#include "source/source.h"

#include "base/err.h"
#include "base/sys.h"
#include "source/ptrace_priv.h"
#include "source/sample_cost.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PERIOD_NS 1000000ull
#define SHARE_OF_PERIOD	  7u /* tenths of a period of CPU time after which a thread is due */
#define WORK_DIVISOR                                                                               \
	10u /* our own work is at most a tenth of the time: ticks move apart otherwise */
#define IDLE_PERIODS 4u /* from one look to the next while nothing runs */
#define READ_NS	     50000000ull
#define LINGER_NS    200000000ull
#define ORPHAN_NS    50000000ull
/* A thread that has not stopped by then waits for a CPU or in the kernel. */
#define AWAITED_NS 20000000ull
#define FD_LIMIT   65536u /* two descriptors per thread */
/* Stop, registers and going on: 16 to 25 us tried on a KVM guest (Cascade Lake, Linux 6.18); the
 * larger. */
#define CXMS_ASSUMED_STOP_COST_NS 25000ull

/* Stops leave two of the five per cent that are promised to looks and to what they evict. */
#define STOP_BUDGET_PPM 30000u

#define LOOKS_PER_TICK 4u /* at sleeping threads, of 10 us each */
/* Threads that slept when last seen, or are new, are looked at so many at a time, and so many times
 * in a tick at most: a look takes some 10 us, and all of thousands would take longer than a period.
 */
#define SLEEPERS_AT_ONCE 16u
#define GROUPS_PER_TICK	 8u

#if defined(__x86_64__)
#define OPTIONS                                                                                    \
	(PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |     \
	 PTRACE_O_TRACEEXIT)

static int refused(int errnum, struct cxms_err *err)
{
	uint64_t scope = 0;

	if (!cxms_sys_read_u64("/proc/sys/kernel/yama/ptrace_scope", &scope, NULL) && scope >= 2)
		return cxms_fail(
			err, errnum,
			"ptrace is refused (kernel.yama.ptrace_scope is %u); set it to 1 or "
			"lower: sysctl kernel.yama.ptrace_scope=1",
			(unsigned)scope);
	return cxms_fail(
		err, errnum,
		"ptrace is refused: %s; allow it in the container's seccomp profile, or add "
		"the capability SYS_PTRACE",
		strerror(errnum));
}

static int ptrace_probe(struct cxms_err *err)
{
	pid_t pid = fork();
	int rc = 0, status;

	if (pid < 0)
		return cxms_fail_sys(err, errno, "cannot fork");
	if (pid == 0) {
		for (;;)
			pause();
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		rc = refused(errno, err);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
		;
	return rc;
}
#else
#define OPTIONS 0

static int ptrace_probe(struct cxms_err *err)
{
	return cxms_fail(err, ENOTSUP,
			 "samples are decoded on x86-64 only; record there and replay here");
}
#endif

static void ptrace_close(struct cxms_source *s)
{
	struct ptrace_source *p = s->priv;

	if (!p->is_open)
		return;
	p->is_open = false;
	cxms_child_fini(&p->child);
	if (p->chld_fd >= 0)
		close(p->chld_fd);
	pt_let_go(p);
	pt_tasks_fini(p);
	cxms_evq_fini(&p->out);
	cxms_analyzer_fini(&p->analyzer);
	cxms_areas_fini(&p->areas);
}

static int watch_children(struct ptrace_source *p, struct cxms_err *err)
{
	struct rlimit limit;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	/* Restored with the child's mask when it is finished with. */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return cxms_fail(err, EINVAL, "cannot block signals");
	p->chld_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->chld_fd < 0)
		return cxms_fail_sys(err, errno, "cannot open a signal descriptor");
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < FD_LIMIT) {
		limit.rlim_cur = limit.rlim_max < FD_LIMIT ? limit.rlim_max : FD_LIMIT;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return 0;
}

static int ptrace_open(struct cxms_source *s, struct cxms_err *err)
{
	struct ptrace_source *p = s->priv;
	int rc = ptrace_probe(err);

	p->chld_fd = -1;
	p->warnings = s->cfg.warnings;
	p->stop_cost_ns = s->cfg.sample_cost_ns ? s->cfg.sample_cost_ns : CXMS_ASSUMED_STOP_COST_NS;
	if (!s->cfg.period_ns)
		s->cfg.period_ns = cxms_sample_period_ns(
			s->ops->default_period_ns, s->cfg.sample_cost_ns,
			s->cfg.budget_ppm ? s->cfg.budget_ppm : STOP_BUDGET_PPM);
	p->period_ns = s->cfg.period_ns;
	if (rc)
		return rc;
	p->is_open = true;
	rc = cxms_child_start(&p->child, s->cfg.argv, err);
	s->pid = p->child.pid;
	if (!rc)
		rc = watch_children(p, err);
	if (!rc && ptrace(PTRACE_SEIZE, p->child.pid, NULL, (void *)(uintptr_t)OPTIONS))
		rc = cxms_fail_sys(err, errno, "cannot trace '%s'", s->cfg.argv[0]);
	return rc;
}

static void drain(int fd)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof(si)) > 0)
		;
}

/* Until the program has begun, or could not: a signal stops what is traced before that too. */
static void wait_for_exec(struct ptrace_source *p)
{
	struct pollfd fds[2] = {{.fd = p->child.errno_fd, .events = POLLIN},
				{.fd = p->chld_fd, .events = POLLIN}};

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			return;
		drain(p->chld_fd);
		pt_collect(p);
	}
}

static int ptrace_start(struct cxms_source *s, struct cxms_err *err)
{
	struct ptrace_source *p = s->priv;
	uint32_t pid = (uint32_t)p->child.pid;
	int rc;

	cxms_meter_begin(&p->meter);
	p->base_ns = p->last_tick_ns = cxms_now_ns();
	p->tick_ns = p->base_ns + p->period_ns;
	if (!pt_adopt(p, pid, pid, NULL))
		return cxms_fail(err, ENOMEM, "out of memory for tasks");
	rc = cxms_child_go(&p->child, s->cfg.argv[0], err);
	if (rc)
		return rc;
	wait_for_exec(p);
	return cxms_child_told(&p->child, s->cfg.argv[0], err);
}

/* Threads of one process that run: how many, and asked to stop when their time has come. */
struct round {
	uint64_t now_ns, elapsed_ns;
	uint64_t busy_ns; /* CPU time of the process since the last tick */
	unsigned looks;	  /* at sleeping threads */
};

static void look_at_task(struct ptrace_source *p, struct cxms_pt_task *t, struct round *r)
{
	bool is_ready = t->seen.state == 'R';
	struct cxms_pt_sched now;
	uint64_t ran_ns = 0;

	if (t->is_interrupted || !cxms_pt_task_sched(t, &now))
		return;
	t->cpu = t->seen.cpu;
	if (is_ready)
		ran_ns = cxms_pt_task_ran_ns(t, r->now_ns, &now);
	else
		cxms_pt_task_rests(t, r->now_ns, &now);
	cxms_pt_task_seen(t, r->now_ns, p->base_ns, now.run_ns, t->seen.state, t->is_on_cpu,
			  &p->out);
	if (!is_ready && r->looks < LOOKS_PER_TICK)
		r->looks += cxms_pt_task_look(t, now.run_ns);
	if (!is_ready || ran_ns * 10 < p->period_ns * SHARE_OF_PERIOD)
		return;
	t->is_interrupted = !ptrace(PTRACE_INTERRUPT, (pid_t)t->tid, NULL, NULL);
	if (!t->is_interrupted)
		return;
	if (!p->n_asked++)
		p->asked_ns = r->now_ns;
}

static bool was_awake(const struct cxms_pt_task *t)
{
	return t->seen.state == 'R' || t->seen.state == 't';
}

/* Looks at the threads that were ready or stopped by us, and at every @n_group th of the others,
 * from @group on. Return: how many of them are ready. */
static unsigned look_for_ready(const struct cxms_pt_proc *proc, unsigned n_group, unsigned group)
{
	unsigned n_ready = 0, i = 0;

	for (struct cxms_pt_task *t = proc->tasks; t; t = t->next, i++) {
		if (t->has_exited || t->is_seen || (!was_awake(t) && i % n_group != group))
			continue;
		t->is_seen = cxms_pt_task_stat(t, &t->seen);
		n_ready += t->is_seen && t->seen.state == 'R';
	}
	return n_ready;
}

/* Some sleepers in turn, and more of them while fewer threads are ready than CPU time was used.
 * Return: how many are ready. */
static unsigned look_for_all(const struct ptrace_source *p, struct cxms_pt_proc *proc,
			     const struct round *r)
{
	unsigned n_group = proc->n_task / SLEEPERS_AT_ONCE + 1, n_ready = 0;

	for (struct cxms_pt_task *t = proc->tasks; t; t = t->next)
		t->is_seen = false;
	for (unsigned i = 0; i < n_group && i < GROUPS_PER_TICK; i++) {
		n_ready += look_for_ready(proc, n_group, (unsigned)((p->n_tick + i) % n_group));
		if ((2 * n_ready + 1) * r->elapsed_ns > 2 * r->busy_ns)
			break;
	}
	return n_ready;
}

static bool has_awake(const struct cxms_pt_proc *proc)
{
	for (const struct cxms_pt_task *t = proc->tasks; t; t = t->next)
		if (was_awake(t))
			return true;
	return false;
}

/* Return: it ran since the last tick, as far as was told, or is ready to. */
static bool look_at_process(struct ptrace_source *p, struct cxms_pt_proc *proc, struct round *r)
{
	unsigned n_ready;
	struct timespec ts;
	uint64_t cpu_ns;
	bool was_busy = proc->was_busy;

	if (clock_gettime(proc->clock, &ts))
		return false;
	cpu_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	r->busy_ns = cpu_ns > proc->cpu_ns ? cpu_ns - proc->cpu_ns : 0;
	proc->cpu_ns = cpu_ns;
	proc->was_busy = r->busy_ns > 0;
	if (!proc->was_busy && !was_busy && !has_awake(proc))
		return false;
	n_ready = look_for_all(p, proc, r);
	for (struct cxms_pt_task *t = proc->tasks; t; t = t->next) {
		if (t->is_seen)
			look_at_task(p, t, r);
	}
	return proc->was_busy || was_busy || n_ready;
}

static void adopt_orphans(struct ptrace_source *p, uint64_t now_ns)
{
	struct cxms_pt_task *t;
	size_t pos = 0;

	while ((t = cxms_idmap_next(&p->tasks, &pos))) {
		if (t->proc || now_ns - t->born_ns < ORPHAN_NS)
			continue;
		pt_adopt_orphan(p, t);
		return; /* the map may have changed */
	}
}

static void tick(struct ptrace_source *p)
{
	struct round r = {.now_ns = cxms_now_ns()};
	struct cxms_pt_proc *proc;
	uint64_t cpu_ns = cxms_cpu_self_ns(), work_ns, gap_ns;
	bool is_busy = false;
	size_t pos = 0;

	r.elapsed_ns = r.now_ns - p->last_tick_ns;
	p->last_tick_ns = r.now_ns;
	p->n_tick++;
	while ((proc = cxms_idmap_next(&p->procs, &pos)))
		is_busy |= look_at_process(p, proc, &r);
	adopt_orphans(p, r.now_ns);
	gap_ns = is_busy ? p->period_ns : p->period_ns * IDLE_PERIODS;
	work_ns = cxms_cpu_self_ns() - cpu_ns; /* not what others ran meanwhile */
	p->tick_ns += gap_ns;
	if (p->tick_ns < r.now_ns + work_ns * WORK_DIVISOR)
		p->tick_ns = r.now_ns + work_ns * WORK_DIVISOR;
	if (p->tick_ns < r.now_ns)
		p->tick_ns = r.now_ns + gap_ns;
}

static void area_found(void *arg, uint32_t pid, const struct cxms_area *area)
{
	struct ptrace_source *p = arg;
	struct cxms_event ev = {.kind = CXMS_EV_AREA, .pid = pid, .tid = pid};
	const struct cxms_space *s = cxms_maps_space(&p->analyzer.maps, pid);

	ev.time_ns = pt_rel_ns(p, cxms_now_ns());
	/* Nobody tells of mappings here: a large one that is new is a reason to look for all. */
	if (!s)
		pt_no_memory(p);
	else if (!cxms_maps_find(s, area->addr))
		(void)cxms_analyze_maps(&p->analyzer, pid, ev.time_ns, &p->out, &p->fault);
	ev.area = *area;
	cxms_evq_push(&p->out, &ev);
}

/* Until the next tick, or until something stopped or a signal came. */
static void wait_for_stops(struct ptrace_source *p)
{
	struct pollfd fds[] = {{.fd = p->child.signal_fd, .events = POLLIN},
			       {.fd = p->chld_fd, .events = POLLIN}};
	uint64_t now_ns = cxms_now_ns();
	struct timespec left = {0};

	if (p->tick_ns > now_ns) {
		left.tv_sec = (time_t)((p->tick_ns - now_ns) / 1000000000u);
		left.tv_nsec = (long)((p->tick_ns - now_ns) % 1000000000u);
	}
	if (ppoll(fds, 2, &left, NULL) <= 0)
		return;
	drain(p->chld_fd);
	if (fds[0].revents)
		cxms_child_forward_signals(&p->child);
}

/* Whoever was asked to stop is about to, and stands still until we see to it: nothing else is done
 * before. */
static bool has_to_wait(const struct ptrace_source *p)
{
	return p->n_asked && cxms_now_ns() - p->asked_ns < AWAITED_NS;
}

static void check_end(struct ptrace_source *p)
{
	if (!p->child.ended || (p->tasks.n && cxms_now_ns() - p->end_ns < LINGER_NS))
		return;
	pt_let_go(p);
	pt_tasks_fini(p);
	p->is_done = true;
}

static int ptrace_read(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n,
		       bool *end, struct cxms_err *err)
{
	struct ptrace_source *p = s->priv;
	uint64_t until_ns = cxms_now_ns() + READ_NS;

	*n = 0;
	*end = false;
	cxms_evq_recycle(&p->out);
	/* Even when events wait: the stopped must go on. */
	do {
		if (p->is_done)
			break;
		wait_for_stops(p);
		pt_collect(p);
		if (cxms_now_ns() >= p->tick_ns)
			tick(p);
		if (!has_to_wait(p))
			cxms_areas_poll(&p->areas, cxms_now_ns(), area_found, p);
		check_end(p);
	} while (has_to_wait(p) || (p->out.len - p->out.head < cap && cxms_now_ns() < until_ns));
	if (p->out.failed)
		pt_no_memory(p);
	if (p->fault.code)
		return cxms_fail(err, p->fault.code, "%s", p->fault.msg);
	*n = cxms_evq_pop(&p->out, buf, cap);
	*end = !*n && p->is_done;
	return 0;
}

static int ptrace_stop(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err)
{
	struct ptrace_source *p = s->priv;

	(void)err;
	*out = (struct cxms_totals){
		.duration_ns = pt_rel_ns(p, p->end_ns),
		.samples = p->samples,
		.sample_cost_ns = p->stop_cost_ns,
	};
	cxms_meter_end(&p->meter, &p->child, out);
	return 0;
}

const struct cxms_source_ops cxms_source_ptrace = {
	.abi = CXMS_SOURCE_ABI,
	.name = "ptrace",
	.summary = "registers read by stopping running threads once a millisecond; needs no perf",
	.caps = CXMS_SRC_LIVE | CXMS_SRC_STORES | CXMS_SRC_KERNEL,
	.default_period_ns = DEFAULT_PERIOD_NS,
	.takes_budget = true,
	.stops = true,
	.priv_size = sizeof(struct ptrace_source),
	.probe = ptrace_probe,
	.open = ptrace_open,
	.start = ptrace_start,
	.read = ptrace_read,
	.stop = ptrace_stop,
	.close = ptrace_close,
};

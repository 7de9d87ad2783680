/* What stopped, why, and how it goes on. */
#include "source/ptrace_priv.h"

#include "base/buf.h"
#include "base/sys.h"
#include "base/warn.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER_CS_64                                                                                 \
	0x33ull /* code segment of 64-bit programs (Linux arch/x86 asm/segment.h, __USER_CS) */
#define LET_GO_TRIES 200 /* of 1 ms: how long a thread is waited for that shall be let go */

uint64_t pt_rel_ns(const struct ptrace_source *p, uint64_t time_ns)
{
	return time_ns > p->base_ns ? time_ns - p->base_ns : 0;
}

static long pt(enum __ptrace_request request, uint32_t tid, void *data)
{
	return ptrace(request, (pid_t)tid, NULL, data);
}

static void go_on(const struct cxms_pt_task *t, int sig)
{
	/* It may have been killed meanwhile: its end will be told. */
	(void)pt(PTRACE_CONT, t->tid, (void *)(intptr_t)sig);
}

static struct cxms_pt_proc *proc_get(struct ptrace_source *p, uint32_t pid)
{
	struct cxms_pt_proc *proc = cxms_idmap_get(&p->procs, pid);

	if (proc)
		return proc;
	proc = calloc(1, sizeof(*proc));
	if (!proc || cxms_idmap_put(&p->procs, pid, proc)) {
		free(proc);
		return NULL;
	}
	proc->pid = pid;
	if (clock_getcpuclockid((pid_t)pid, &proc->clock))
		proc->clock = CLOCK_PROCESS_CPUTIME_ID;
	return proc;
}

void pt_no_memory(struct ptrace_source *p)
{
	cxms_fail(&p->fault, ENOMEM, "out of memory for events");
}

static struct cxms_pt_task *task_new(struct ptrace_source *p, uint32_t tid)
{
	struct cxms_pt_task *t = calloc(1, sizeof(*t));

	if (!t || cxms_idmap_put(&p->tasks, tid, t)) {
		free(t);
		pt_no_memory(p);
		return NULL;
	}
	t->tid = tid;
	t->stat_fd = t->sched_fd = -1;
	t->born_ns = cxms_now_ns();
	return t;
}

static void unlink_task(struct ptrace_source *p, struct cxms_pt_task *t)
{
	struct cxms_pt_proc *proc = t->proc;
	struct cxms_pt_task **at;

	if (!proc)
		return;
	for (at = &proc->tasks; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	if (--proc->n_task)
		return;
	cxms_maps_exit(&p->analyzer.maps, proc->pid);
	cxms_areas_end(&p->areas, proc->pid);
	cxms_idmap_remove(&p->procs, proc->pid);
	free(proc);
}

static void task_drop(struct ptrace_source *p, struct cxms_pt_task *t)
{
	p->n_asked -= t->is_interrupted;
	unlink_task(p, t);
	cxms_idmap_remove(&p->tasks, t->tid);
	cxms_pt_task_close(t);
	free(t);
}

void pt_tasks_fini(struct ptrace_source *p)
{
	struct cxms_pt_task *t;
	size_t pos = 0;
	void *proc;

	while ((t = cxms_idmap_next(&p->tasks, &pos))) {
		cxms_pt_task_close(t);
		free(t);
	}
	pos = 0;
	while ((proc = cxms_idmap_next(&p->procs, &pos)))
		free(proc);
	cxms_idmap_fini(&p->tasks);
	cxms_idmap_fini(&p->procs);
}

/* A figure of /proc/<tid>/status, @otherwise when the thread is gone. */
static uint32_t status_number(uint32_t tid, const char *name, uint32_t otherwise)
{
	struct cxms_buf text = {0};
	uint32_t v = otherwise;
	const char *at;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", tid);
	if (!cxms_sys_read(path, 65536, &text, NULL)) {
		at = strstr(cxms_buf_text(&text), name);
		if (at && sscanf(at + strlen(name), "%" SCNu32, &v) != 1)
			v = otherwise;
	}
	cxms_buf_fini(&text);
	return v;
}

struct cxms_pt_task *pt_adopt(struct ptrace_source *p, uint32_t pid, uint32_t tid,
			      const struct cxms_pt_task *parent)
{
	struct cxms_event ev = {.kind = CXMS_EV_FORK, .pid = pid, .tid = tid};
	struct cxms_pt_task *t = cxms_idmap_get(&p->tasks, tid);
	bool is_process = !parent || parent->pid != pid;

	if (!t)
		t = task_new(p, tid);
	if (!t || t->proc)
		return t;
	t->proc = proc_get(p, pid);
	if (!t->proc || (is_process && cxms_areas_begin(&p->areas, pid, t->born_ns)) ||
	    (is_process && parent && cxms_maps_fork(&p->analyzer.maps, parent->pid, pid))) {
		pt_no_memory(p);
		return NULL;
	}
	t->pid = pid;
	t->next = t->proc->tasks;
	t->proc->tasks = t;
	t->proc->n_task++;
	cxms_pt_task_open(t);
	ev.time_ns = pt_rel_ns(p, cxms_now_ns());
	ev.fork.parent_pid = parent ? parent->pid : 0;
	ev.fork.parent_tid = parent ? parent->tid : 0;
	cxms_evq_push(&p->out, &ev);
	return t;
}

void pt_adopt_orphan(struct ptrace_source *p, struct cxms_pt_task *t)
{
	uint32_t pid = status_number(t->tid, "\nTgid:", t->tid);
	uint32_t parent = pid == t->tid ? status_number(t->tid, "\nPPid:", 0) : pid;

	if (pt_adopt(p, pid, t->tid, cxms_idmap_get(&p->tasks, parent)))
		go_on(t, 0);
}

static void tell_exit(struct ptrace_source *p, struct cxms_pt_task *t)
{
	struct cxms_event ev = {.kind = CXMS_EV_EXIT, .pid = t->pid, .tid = t->tid};
	uint64_t now_ns = cxms_now_ns(), run_ns;

	if (t->has_exited || !t->proc)
		return;
	t->has_exited = true;
	if (cxms_pt_task_run_ns(t, &run_ns))
		cxms_pt_task_last_slice(t, now_ns, p->base_ns, run_ns, CXMS_RUN_EXIT, &p->out);
	ev.time_ns = pt_rel_ns(p, now_ns);
	cxms_evq_push(&p->out, &ev);
}

static void on_birth(struct ptrace_source *p, struct cxms_pt_task *parent, int event)
{
	unsigned long msg = 0;
	uint32_t tid, pid;
	struct cxms_pt_task *t;
	bool is_waiting;

	if (pt(PTRACE_GETEVENTMSG, parent->tid, &msg))
		return;
	tid = pid = (uint32_t)msg;
	if (event == PTRACE_EVENT_CLONE)
		pid = status_number(tid, "\nTgid:", parent->pid);
	is_waiting = cxms_idmap_get(&p->tasks, tid);
	t = pt_adopt(p, pid, tid, parent);
	if (t && is_waiting)
		go_on(t, 0);
}

static void tell_exec(struct ptrace_source *p, const struct cxms_pt_task *t)
{
	struct cxms_event ev = {.kind = CXMS_EV_EXEC, .pid = t->pid, .tid = t->tid};
	struct cxms_buf name = {0};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", t->pid);
	if (!cxms_sys_read(path, 256, &name, NULL) && name.len)
		name.len--; /* its newline */
	ev.time_ns = pt_rel_ns(p, cxms_now_ns());
	ev.exec.name = cxms_buf_text(&name);
	cxms_evq_push(&p->out, &ev);
	cxms_buf_fini(&name);
}

/* The kernel gives a traced program no privileges of its file's owner, unless the tracer has them
 * too. */
static void check_setuid(struct ptrace_source *p, uint32_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
	if (p->warnings && geteuid() && !stat(path, &st) && (st.st_mode & (S_ISUID | S_ISGID)))
		cxms_warn(p->warnings, CXMS_W_SETUID_CHILD,
			  "process %" PRIu32
			  " runs without its set-user-ID privileges while traced",
			  pid);
}

/* The image is new; of the threads only the one that called exec is left, now under the process's
 * number. */
static void on_exec(struct ptrace_source *p, uint32_t pid)
{
	struct cxms_pt_task *t = cxms_idmap_get(&p->tasks, pid), *other, *next;
	uint64_t run_ns = 0, now_ns = cxms_now_ns();

	if (!t || !t->proc)
		return;
	for (other = t->proc->tasks; other; other = next) {
		next = other->next;
		if (other == t)
			continue;
		tell_exit(p, other);
		task_drop(p, other);
	}
	t->has_exited = false;
	t->is_in_slice = false;
	cxms_pt_task_open(t);
	(void)cxms_pt_task_run_ns(t, &run_ns);
	/* Time before the program's first instruction is not the program's. */
	t->told_run_ns = t->sampled_run_ns = run_ns;
	tell_exec(p, t);
	check_setuid(p, pid);
	cxms_maps_exec(&p->analyzer.maps, pid);
	if (cxms_areas_begin(&p->areas, pid, now_ns))
		pt_no_memory(p);
	(void)cxms_analyze_maps(&p->analyzer, pid, pt_rel_ns(p, now_ns), &p->out, &p->fault);
}

static void fill_regs(const struct user_regs_struct *u, struct cxms_regs *r)
{
	const unsigned long long gpr[] = {
		[CXMS_REG_AX] = u->rax,	 [CXMS_REG_BX] = u->rbx,  [CXMS_REG_CX] = u->rcx,
		[CXMS_REG_DX] = u->rdx,	 [CXMS_REG_SI] = u->rsi,  [CXMS_REG_DI] = u->rdi,
		[CXMS_REG_BP] = u->rbp,	 [CXMS_REG_SP] = u->rsp,  [CXMS_REG_R8] = u->r8,
		[CXMS_REG_R9] = u->r9,	 [CXMS_REG_R10] = u->r10, [CXMS_REG_R11] = u->r11,
		[CXMS_REG_R12] = u->r12, [CXMS_REG_R13] = u->r13, [CXMS_REG_R14] = u->r14,
		[CXMS_REG_R15] = u->r15,
	};

	for (size_t i = 0; i < CXMS_REG_GPR_END; i++)
		r->gpr[i] = gpr[i];
	r->ip = u->rip;
	r->fs_base = u->fs_base;
	r->gs_base = u->gs_base;
	r->fs_known = r->gs_known = true;
}

/*
 * Where a thread waits for a CPU it is stopped before it could go on: all that it ran was the way
 * into the last stop and out of it. That wait was sampled already, and the next sample has the
 * time.
 */
static bool has_stood_still(const struct ptrace_source *p, const struct cxms_pt_task *t,
			    const struct user_regs_struct *now, uint64_t run_ns)
{
	return run_ns < p->period_ns / 2 && !memcmp(now, &t->sampled, sizeof(*now));
}

/* The thread stands still: where it was, and how long it ran since the last time. Return: whether
 * that is a sample. */
static bool take_look(struct ptrace_source *p, struct cxms_pt_task *t, struct cxms_look *look)
{
	struct user_regs_struct user;
	struct cxms_pt_stat st;
	struct cxms_pt_sched now;
	uint64_t now_ns = cxms_now_ns(), weight_ns;

	if (pt(PTRACE_GETREGS, t->tid, &user) || !cxms_pt_task_stat(t, &st) ||
	    !cxms_pt_task_sched(t, &now))
		return false;
	t->cpu = st.cpu;
	cxms_pt_task_rests(t, now_ns, &now);
	cxms_pt_task_seen(t, now_ns, p->base_ns, now.run_ns, 'R', true, &p->out);
	if (now.run_ns <= t->sampled_run_ns)
		return false;
	weight_ns = now.run_ns - t->sampled_run_ns;
	if (has_stood_still(p, t, &user, weight_ns))
		return false;
	t->sampled_run_ns = now.run_ns;
	t->sampled = user;
	*look = (struct cxms_look){.pid = t->pid, .tid = t->tid, .cpu = st.cpu};
	look->time_ns = pt_rel_ns(p, now_ns);
	look->weight_ns = weight_ns < UINT32_MAX ? (uint32_t)weight_ns : UINT32_MAX;
	/* In a system call, or in a page fault that has been handled since it was asked to stop. */
	look->is_kernel = (long long)user.orig_rax >= 0 || st.faults != t->seen.faults;
	look->is_foreign = user.cs != USER_CS_64;
	fill_regs(&user, &look->regs);
	return true;
}

/* Code that is new takes a while to decode: whoever was sampled runs on meanwhile. */
static void analyze_waiting(struct ptrace_source *p)
{
	for (unsigned i = 0; i < p->n_waiting; i++)
		(void)cxms_analyze(&p->analyzer, &p->waiting[i], &p->out, &p->fault);
	p->samples += p->n_waiting;
	p->n_waiting = 0;
}

static void take_sample(struct ptrace_source *p, struct cxms_pt_task *t)
{
	if (take_look(p, t, &p->waiting[p->n_waiting]))
		p->n_waiting++;
	go_on(t, 0);
	if (p->n_waiting == PT_WAITING_MAX)
		analyze_waiting(p);
}

static bool is_stop_signal(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static void on_stop(struct ptrace_source *p, struct cxms_pt_task *t, int sig, int event)
{
	bool was_interrupted = t->is_interrupted;

	/* Any stop uses up the one that was asked for. */
	t->is_interrupted = false;
	p->n_asked -= was_interrupted;
	switch (event) {
	case 0:
		go_on(t, sig);
		return;
	case PTRACE_EVENT_STOP:
		if (is_stop_signal(sig)) { /* it stays stopped until SIGCONT, and we hear of that */
			(void)pt(PTRACE_LISTEN, t->tid, NULL);
			return;
		}
		if (was_interrupted) {
			take_sample(p, t);
			return;
		}
		break;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		on_birth(p, t, event);
		break;
	case PTRACE_EVENT_EXEC:
		on_exec(p, t->tid);
		break;
	case PTRACE_EVENT_EXIT:
		tell_exit(p, t);
		break;
	default:
		break;
	}
	go_on(t, 0);
}

static void on_end(struct ptrace_source *p, uint32_t tid, int status, const struct rusage *usage)
{
	struct cxms_pt_task *t = cxms_idmap_get(&p->tasks, tid);

	if (t) {
		tell_exit(p, t);
		task_drop(p, t);
	}
	if (tid != (uint32_t)p->child.pid)
		return;
	p->child.ended = true;
	p->child.status = status;
	p->child.usage = *usage;
	p->end_ns = cxms_now_ns();
}

/* @status: as waitpid(2) gives it. */
static void on_status(struct ptrace_source *p, uint32_t tid, int status, const struct rusage *usage)
{
	struct cxms_pt_task *t;
	int event = status >> 16;

	/* What they ran may be gone after an exec or an exit. */
	if (!WIFSTOPPED(status) || event != PTRACE_EVENT_STOP)
		analyze_waiting(p);
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		on_end(p, tid, status, usage);
		return;
	}
	if (!WIFSTOPPED(status))
		return;
	t = cxms_idmap_get(&p->tasks, tid);
	if (event == PTRACE_EVENT_EXEC && !t) /* the process's first thread had ended before */
		t = pt_adopt(p, tid, tid, NULL);
	if (!t) {
		(void)task_new(p, tid); /* stays stopped until its parent tells of it */
		return;
	}
	if (t->proc)
		on_stop(p, t, WSTOPSIG(status), event);
}

/* The kernel adds up the usage of all threads for whoever asks for it, so only the root's end does:
 * whose turn it is is looked at first. */
void pt_collect(struct ptrace_source *p)
{
	siginfo_t next = {0};
	struct rusage usage;
	int status;

	while (!waitid(P_ALL, 0, &next,
		       WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) &&
	       next.si_pid) {
		bool is_stop = next.si_code == CLD_TRAPPED || next.si_code == CLD_STOPPED;
		bool is_root_end = next.si_pid == p->child.pid && !is_stop;

		if (wait4(next.si_pid, &status, WNOHANG | __WALL | __WNOTHREAD,
			  is_root_end ? &usage : NULL) == next.si_pid)
			on_status(p, (uint32_t)next.si_pid, status, &usage);
		next.si_pid = 0;
	}
	analyze_waiting(p);
}

/* Waits for its stop, so that it can be detached; what it was stopped by is not lost. */
static void let_go(struct cxms_pt_task *t)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	int status, sig = 0;

	if (t->proc && pt(PTRACE_INTERRUPT, t->tid, NULL))
		return;
	for (int i = 0; t->proc && i < LET_GO_TRIES; i++) {
		pid_t got = waitpid((pid_t)t->tid, &status, WNOHANG | __WALL);

		if (got < 0 || (got > 0 && !WIFSTOPPED(status)))
			return;
		if (got > 0) {
			sig = status >> 16 ? 0 : WSTOPSIG(status);
			break;
		}
		nanosleep(&ms, NULL);
	}
	(void)pt(PTRACE_DETACH, t->tid, (void *)(intptr_t)sig);
}

void pt_let_go(struct ptrace_source *p)
{
	uint64_t now_ns = cxms_now_ns(), run_ns;
	struct cxms_pt_task *t;
	size_t pos = 0;

	while ((t = cxms_idmap_next(&p->tasks, &pos))) {
		if (t->proc && !t->has_exited && cxms_pt_task_run_ns(t, &run_ns))
			cxms_pt_task_last_slice(t, now_ns, p->base_ns, run_ns, CXMS_RUN_UNKNOWN,
						&p->out);
		let_go(t);
	}
}

#include "source/stop_cost.h"

#include "base/err.h"

#if defined(__x86_64__)
#include "base/sys.h"
#include "source/disturbance.h"
#include "source/machine_chase.h"
#include "source/ptrace_task.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOPS	   64u
#define PIECES_MAX 16384u  /* half a second */
#define BETWEEN_NS 2000000 /* stops: the CPUs are as idle between them as in a recording */

/* Between us and the child. */
struct shared {
	atomic_uint stops; /* begun */
	atomic_uint n;
	atomic_ullong waited_ns; /* for a CPU by us, while the child stood still */
	struct cxms_piece piece[PIECES_MAX];
};

static struct cxms_pt_task task_of(pid_t pid, pid_t tid)
{
	struct cxms_pt_task t = {
		.pid = (uint32_t)pid, .tid = (uint32_t)tid, .stat_fd = -1, .sched_fd = -1};

	cxms_pt_task_open(&t);
	return t;
}

static uint64_t waited_ns(const struct cxms_pt_task *t)
{
	struct cxms_pt_sched now;

	return cxms_pt_task_sched(t, &now) ? now.wait_ns : 0;
}

/* The wall clock without what other programs took: a stop costs no CPU time of the child that could
 * be read, and with others on the CPUs both sides wait for them at each. */
static uint64_t clock_ns(struct shared *s, const struct cxms_pt_task *child)
{
	return cxms_now_ns() - waited_ns(child) - atomic_load(&s->waited_ns);
}

static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

static _Noreturn void work(struct shared *s, const struct cxms_chase *c, uint64_t hops,
			   pid_t parent)
{
	struct cxms_pt_task self = task_of(getpid(), getpid());
	unsigned stops = 0;
	uint64_t at = 0, last_ns;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it ended before */
		_exit(0);
	last_ns = clock_ns(s, &self);
	for (unsigned i = 0; i < PIECES_MAX; i++) {
		uint64_t now_ns;
		unsigned now_stops;

		at = cxms_chase_follow(c, at, hops);
		now_ns = clock_ns(s, &self);
		now_stops = atomic_load(&s->stops);
		s->piece[i] = (struct cxms_piece){.took_ns = (uint32_t)since(last_ns, now_ns),
						  .is_disturbed = now_stops != stops};
		atomic_store(&s->n, i + 1);
		last_ns = now_ns;
		stops = now_stops;
	}
	for (;;)
		pause();
}

/* All that the source reads while the thread stands still. Return: whether the child goes on. */
static bool stop_once(struct shared *s, const struct cxms_pt_task *t, const struct cxms_pt_task *us)
{
	pid_t pid = (pid_t)t->pid;
	uint64_t before_ns = waited_ns(us), run_ns;
	struct user_regs_struct user;
	struct cxms_pt_stat stat;
	int status;

	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || waitpid(pid, &status, __WALL) != pid ||
	    !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, pid, NULL, &user) ||
	    !cxms_pt_task_stat(t, &stat) || !cxms_pt_task_run_ns(t, &run_ns))
		return false;
	atomic_fetch_add(&s->waited_ns, since(before_ns, waited_ns(us)));
	return !ptrace(PTRACE_CONT, pid, NULL, NULL);
}

static int stop_often(struct shared *s, pid_t pid, struct cxms_err *err)
{
	const struct timespec between = {.tv_nsec = BETWEEN_NS};
	struct cxms_pt_task t = task_of(pid, pid), us = task_of(getpid(), gettid());
	bool is_there = true;

	for (unsigned i = 0; i < STOPS && is_there && atomic_load(&s->n) < PIECES_MAX; i++) {
		nanosleep(&between, NULL);
		atomic_fetch_add(&s->stops, 1);
		is_there = stop_once(s, &t, &us);
	}
	cxms_pt_task_close(&t);
	cxms_pt_task_close(&us);
	nanosleep(&between, NULL); /* for what follows the last */
	return is_there ? 0 : cxms_fail(err, ESRCH, "the stopped process has gone");
}

static int with_child(struct shared *s, struct cxms_chase *c, struct cxms_err *err)
{
	uint64_t hops = cxms_piece_hops(c);
	pid_t parent = getpid(), pid = fork();
	int rc, status;

	if (pid < 0)
		return cxms_fail_sys(err, errno, "cannot fork");
	if (pid == 0)
		work(s, c, hops, parent);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		rc = cxms_fail_sys(err, errno, "ptrace is refused");
	else
		rc = stop_often(s, pid, err);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
		;
	return rc;
}

int cxms_stop_cost_measure(struct cxms_chase *c, uint64_t *cost_ns, struct cxms_err *err)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t ns = 0;
	int rc;

	if (s == MAP_FAILED)
		return cxms_fail_sys(err, errno, "cannot map shared memory");
	rc = with_child(s, c, err);
	if (!rc)
		ns = cxms_disturbance_ns(s->piece, atomic_load(&s->n));
	munmap(s, sizeof(*s));
	if (rc)
		return rc;
	if (!ns)
		return cxms_fail(err, EAGAIN, "too few stops to tell what one costs");
	*cost_ns = ns;
	return 0;
}
#else
#include <errno.h>

int cxms_stop_cost_measure(struct cxms_chase *c, uint64_t *cost_ns, struct cxms_err *err)
{
	(void)c;
	(void)cost_ns;
	return cxms_fail(err, ENOTSUP, "stops are sampled on x86-64 only");
}
#endif

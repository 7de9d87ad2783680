#include "source/stop_cost.h"

#include "base/err.h"
#include "source/spin.h"

#include <errno.h>
#include <sched.h>
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

#define ROUNDS	   21u
#define ROUND_NS   8000000u
#define BETWEEN_NS 500000 /* stops: so that the CPUs are as idle between them as in a recording */

/* Between us and the child: rounds asked for and done, and what the last one took. */
struct shared {
	atomic_uint asked, done;
	uint64_t took_ns;
};

#if defined(__x86_64__)
static _Noreturn void work(struct shared *s, uint64_t turns, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it ended before */
		_exit(0);
	for (unsigned i = 1;; i++) {
		while (atomic_load(&s->asked) < i)
			sched_yield();
		s->took_ns = cxms_spin(turns);
		atomic_store(&s->done, i);
	}
}

/* Return: whether the child goes on. */
static bool stop_once(pid_t pid)
{
	struct user_regs_struct user;
	int status;

	return !ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) && waitpid(pid, &status, __WALL) == pid &&
	       WIFSTOPPED(status) && !ptrace(PTRACE_GETREGS, pid, NULL, &user) &&
	       !ptrace(PTRACE_CONT, pid, NULL, NULL);
}

/* Round @i of the child's work. Return: how often it was stopped; -1: it has gone. */
static int one_round(struct shared *s, pid_t pid, unsigned i, bool stops)
{
	const struct timespec between = {.tv_nsec = BETWEEN_NS};
	int n = 0;

	atomic_store(&s->asked, i);
	while (atomic_load(&s->done) < i) {
		nanosleep(&between, NULL);
		if (stops ? !stop_once(pid) : kill(pid, 0) != 0)
			return -1;
		n += stops;
	}
	return n;
}

static int measure(struct shared *s, pid_t pid, uint64_t *cost_ns)
{
	int64_t cost[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (one_round(s, pid, 2 * i + 1, false) < 0)
			return -ESRCH;
		uint64_t plain_ns = s->took_ns;
		int n = one_round(s, pid, 2 * i + 2, true);
		if (n < 0)
			return -ESRCH;
		cost[i] = ((int64_t)s->took_ns - (int64_t)plain_ns) / (n ? n : 1);
	}
	*cost_ns = cxms_spin_cost(cost, ROUNDS);
	return 0;
}

static int with_child(struct shared *s, uint64_t *cost_ns, struct cxms_err *err)
{
	uint64_t turns = cxms_spin_turns(ROUND_NS);
	pid_t parent = getpid(), pid = fork();
	int rc, status;

	if (pid < 0)
		return cxms_fail_sys(err, errno, "cannot fork");
	if (pid == 0)
		work(s, turns, parent);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		rc = cxms_fail_sys(err, errno, "ptrace is refused");
	else if ((rc = measure(s, pid, cost_ns)))
		cxms_fail(err, -rc, "the stopped process has gone");
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
		;
	return rc;
}

int cxms_stop_cost_measure(uint64_t *cost_ns, struct cxms_err *err)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (s == MAP_FAILED)
		return cxms_fail_sys(err, errno, "cannot map shared memory");
	rc = with_child(s, cost_ns, err);
	munmap(s, sizeof(*s));
	return rc;
}
#else
int cxms_stop_cost_measure(uint64_t *cost_ns, struct cxms_err *err)
{
	(void)cost_ns;
	return cxms_fail(err, ENOTSUP, "stops are sampled on x86-64 only");
}
#endif

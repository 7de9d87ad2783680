#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define SOURCE (&cxms_source_ptrace)

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "source/machine_chase.h"
#include "source/ptrace_priv.h"
#include "source/stop_cost.h"
#include "watch_cases.h"

static const struct {
	const char *text, *why;
	bool ok;
	char state;
	uint64_t faults;
	uint16_t cpu;
} stats[] = {
	{"12 (a) b) R 1 2 3 4 5 6 700 8 30 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 "
	 "28 29 30 31 32 33 34 35 3 40",
	 "a name with a parenthesis", true, 'R', 730, 3},
	{"12 (x) S 1 2 3 4 -1 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 "
	 "30 31 32 33 34 35 0",
	 "negative numbers, and nothing after the CPU", true, 'S', 16, 0},
	{"12 (x) R 1 2 3 4 5 6 7 8 9", "cut", false, 0, 0, 0},
	{"12 (x)", "cut after the name", false, 0, 0, 0},
	{"12 x", "no name", false, 0, 0, 0},
	{"", "nothing", false, 0, 0, 0},
};

static void test_stat_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stats) / sizeof(*stats); i++) {
		struct cxms_pt_stat st;

		assert_true(cxms_pt_parse_stat(stats[i].text, strlen(stats[i].text), &st) ==
			    stats[i].ok);
		if (!stats[i].ok)
			continue;
		assert_int_equal(st.state, stats[i].state);
		assert_int_equal(st.faults, stats[i].faults);
		assert_int_equal(st.cpu, stats[i].cpu);
	}
}

/* What one look finds, one after the other: microseconds. */
static const struct {
	const char *why;
	uint64_t now_us, run_us, turns, want_us;
	bool rests;
} looks[] = {
	{"stopped", 0, 100, 3, 0, true},
	{"it came on a CPU, and nothing is added yet", 1000, 100, 4, 1000, false},
	{"nor now", 2000, 100, 4, 2000, false},
	{"nor now", 3000, 100, 4, 3000, false},
	{"a scheduler tick: what was added is all", 4000, 3900, 4, 3800, false},
	{"it runs on", 5000, 3900, 4, 4800, false},
	{"stopped", 5050, 5000, 4, 0, true},
	{"it waits for a CPU", 6000, 5000, 4, 0, false},
	{"still", 7000, 5000, 4, 0, false},
	{"it has come on one since", 8000, 5000, 5, 1000, false},
	{"and left it, and come again", 9000, 5600, 6, 600, false},
	{"asleep", 10000, 6100, 6, 0, true},
	{"awake, and waits for a CPU", 11000, 6100, 6, 0, false},
};

static void test_what_a_thread_ran_is_known_before_the_kernel_tells(void **state)
{
	struct cxms_pt_task t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		const struct cxms_pt_sched now = {.run_ns = looks[i].run_us * 1000,
						  .turns = looks[i].turns};

		if (looks[i].rests) {
			cxms_pt_task_rests(&t, looks[i].now_us * 1000, &now);
			t.sampled_run_ns = now.run_ns;
			continue;
		}
		if (cxms_pt_task_ran_ns(&t, looks[i].now_us * 1000, &now) !=
		    looks[i].want_us * 1000)
			fail_msg("%s, at %" PRIu64 " us", looks[i].why, looks[i].now_us);
	}
}

/* Of a thread without files of its own no time would be known. */
static void test_a_thread_is_read_where_no_file_may_stay_open(void **state)
{
	struct cxms_pt_task t = {.pid = (uint32_t)getpid(), .tid = (uint32_t)getpid()};
	struct rlimit before, few;
	struct cxms_pt_stat st;
	uint64_t run_ns = 0;

	(void)state;
	t.stat_fd = t.sched_fd = -1;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 24;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	cxms_pt_task_open(&t);
	assert_true(t.stat_fd < 0 && t.sched_fd < 0);
	assert_true(cxms_pt_task_stat(&t, &st));
	assert_int_equal(st.state, 'R');
	assert_true(cxms_pt_task_run_ns(&t, &run_ns));
	assert_true(run_ns > 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	cxms_pt_task_open(&t);
	assert_true(t.stat_fd >= 0 && t.sched_fd >= 0);
	cxms_pt_task_close(&t);
}

/* A thread that is stopped by job control and continued goes on, and we are not deceived. */
static void test_a_stopped_program_goes_on(void **state)
{
	const char *words[] = {"-c", "(sleep 0.2; kill -CONT $$) & kill -STOP $$; exit 12", NULL};
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(watch(SOURCE, "/bin/sh", words, NULL, 256, &t), 0);
	assert_int_equal(WEXITSTATUS(t.totals.exit_status), 12);
	assert_true(t.totals.duration_ns > 100u * 1000000u);
}

/* Looks at thousands that sleep leave time for the one that runs: a tick a period, not one in the
 * third of a second that all looks take. Tried: 460 samples and more, of 1500 with no sleepers; 30
 * where a tick looked at all. */
static void test_sleepers_do_not_hide_the_one_that_runs(void **state)
{
	const char *words[] = {"idle", "2000", NULL};
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(watch(SOURCE, "/proc/self/exe", words, NULL, 256, &t), 0);
	assert_int_equal(WEXITSTATUS(t.totals.exit_status), 7);
	assert_true(t.n[CXMS_EV_SAMPLE] >= 120);
}

/* /proc/<pid>/maps and smaps are empty then. */
static void test_memory_is_seen_after_the_first_thread_has_ended(void **state)
{
	char file[] = "/tmp/cxms_chase_XXXXXX";
	const char *words[] = {"left", file, "32", "3000000", NULL};
	int fd = mkstemp(file);
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(watch(SOURCE, "/proc/self/exe", words, file, 256, &t), 0);
	unlink(file);
	assert_int_equal(WEXITSTATUS(t.totals.exit_status), 0);
	print_message("%llu areas\n", (unsigned long long)t.n[CXMS_EV_AREA]);
	assert_true(t.n[CXMS_EV_AREA] > 0);
}

/* The period is the multiple of a millisecond that keeps what stops cost within the budget. */
static void test_the_period_keeps_the_budget(void **state)
{
	static const struct {
		uint64_t cost_ns, period_ns, want_ns;
		uint32_t budget_ppm;
	} rows[] = {
		{0, 0, 1000000, 0},	    {25000, 0, 1000000, 0},
		{40000, 0, 2000000, 0},	    {40000, 0, 4000000, 10000},
		{40000, 0, 1000000, 50000}, {40000, 1234567, 1234567, 0},
	};
	char *argv[] = {"/bin/true", NULL};

	(void)state;
	WATCH_NEEDS(SOURCE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct cxms_source_cfg cfg = {.argv = argv,
						    .period_ns = rows[i].period_ns,
						    .sample_cost_ns = rows[i].cost_ns,
						    .budget_ppm = rows[i].budget_ppm};
		struct cxms_source *s = NULL;

		assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
		assert_int_equal(s->cfg.period_ns, rows[i].want_ns);
		cxms_source_free(s);
	}
}

#define RUN_NS 20000000u /* far more than the way into a stop takes */

/* A file of /proc that keeps its reader waiting: what becomes of the program meanwhile? */
struct slow_file {
	char path[128];
	pid_t pid;
	unsigned at_once; /* so often it is empty at once */
	atomic_bool is_done;
	bool has_run;
};

static uint64_t cpu_ns_of(pid_t pid)
{
	struct timespec ts = {0};
	clockid_t clock;

	if (!clock_getcpuclockid(pid, &clock))
		(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *serve(void *arg)
{
	const struct timespec look_gap = {.tv_nsec = 10000000};
	struct slow_file *f = arg;

	for (unsigned i = 0; i <= f->at_once; i++) {
		int fd = open(f->path, O_WRONLY); /* waits for the reader */
		uint64_t before_ns = cpu_ns_of(f->pid);

		for (int tries = 0; i == f->at_once && !f->has_run && tries < 300; tries++) {
			nanosleep(&look_gap, NULL);
			f->has_run = cpu_ns_of(f->pid) - before_ns > RUN_NS;
		}
		close(fd);
		nanosleep(&look_gap,
			  NULL); /* the reader sees the end before the file opens again */
	}
	unlink(f->path);
	atomic_store(&f->is_done, true);
	return NULL;
}

/* Return: whether the program runs while we read /proc/<pid>/@name for the (@at_once + 1)th time */
static bool runs_while_we_read(const char *name, unsigned at_once)
{
	char *argv[] = {"/bin/sh", "-c", "while :; do :; done", NULL}, command[160];
	char root[] = "/tmp/cxms-ptrace-XXXXXX";
	const struct cxms_source_cfg cfg = {.argv = argv, .period_ns = 2000000};
	struct slow_file f = {.at_once = at_once};
	struct cxms_source *s = NULL;
	struct cxms_event ev[64];
	pthread_t thread;
	bool end = false;
	size_t n;

	assert_non_null(mkdtemp(root));
	assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
	f.pid = s->pid;
	snprintf(command, sizeof(command), "mkdir -p %s/proc/%d", root, (int)s->pid);
	assert_int_equal(system(command), 0);
	snprintf(f.path, sizeof(f.path), "%s/proc/%d/%s", root, (int)s->pid, name);
	assert_int_equal(mkfifo(f.path, 0600), 0);
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &f), 0);
	assert_int_equal(s->ops->start(s, NULL), 0);
	while (!atomic_load(&f.is_done))
		assert_int_equal(s->ops->read(s, ev, 64, &n, &end, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(unsetenv("CXMS_FSROOT"), 0);
	cxms_source_free(s);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	return f.has_run;
}

#define HOLD_NS 400000000u

/* Keeps who reads a file of /proc waiting for HOLD_NS. */
static void *hold(void *arg)
{
	const struct timespec held = {.tv_nsec = HOLD_NS};
	struct slow_file *f = arg;
	int fd = open(f->path, O_WRONLY); /* waits for the reader */

	nanosleep(&held, NULL);
	unlink(f->path);
	atomic_store(&f->is_done, true);
	close(fd);
	return NULL;
}

/* Where the file will be read that tells what a thread sleeps for. */
static void make_slow_syscall(struct slow_file *f, const char *root)
{
	char command[160];

	snprintf(command, sizeof(command), "mkdir -p %s/proc/%d/task/%d", root, (int)f->pid,
		 (int)f->pid);
	assert_int_equal(system(command), 0);
	snprintf(f->path, sizeof(f->path), "%s/proc/%d/task/%d/syscall", root, (int)f->pid,
		 (int)f->pid);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
}

/* Return: samples in the 5 HOLD_NS after @f was served, or 40 and more; *spins is the other
 * process. */
static unsigned samples_after(struct cxms_source *s, struct slow_file *f, pid_t *spins)
{
	uint64_t base_ns = ((const struct ptrace_source *)s->priv)->base_ns, done_ns = 0;
	struct cxms_event ev[64];
	unsigned samples = 0;
	bool end = false;
	size_t n;

	while (samples < 40 && (!done_ns || cxms_now_ns() < done_ns + 5 * (uint64_t)HOLD_NS)) {
		if (!done_ns && atomic_load(&f->is_done))
			done_ns = cxms_now_ns();
		assert_int_equal(s->ops->read(s, ev, 64, &n, &end, NULL), 0);
		for (size_t i = 0; i < n; i++) {
			if ((pid_t)ev[i].pid != s->pid)
				*spins = (pid_t)ev[i].pid;
			samples += ev[i].kind == CXMS_EV_SAMPLE && done_ns &&
				   base_ns + ev[i].time_ns > done_ns;
		}
	}
	return samples;
}

/* A tick in which we waited, for a file as for a CPU that others have, is followed by the next one:
 * only our own work moves ticks apart. By the wall clock nothing would be looked at for nine times
 * as long as we waited. */
static void test_ticks_do_not_stay_out_after_we_waited(void **state)
{
	char *argv[] = {"/bin/sh", "-c", "(while :; do :; done) & wait", NULL}, command[160];
	char root[] = "/tmp/cxms-ptrace-XXXXXX";
	const struct cxms_source_cfg cfg = {.argv = argv, .period_ns = 1000000};
	struct slow_file f = {0};
	struct cxms_source *s = NULL;
	pthread_t thread;
	unsigned samples;
	pid_t spins = 0;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_non_null(mkdtemp(root));
	assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
	f.pid = s->pid;
	make_slow_syscall(&f, root);
	assert_int_equal(pthread_create(&thread, NULL, hold, &f), 0);
	assert_int_equal(s->ops->start(s, NULL), 0);
	samples = samples_after(s, &f, &spins);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(unsetenv("CXMS_FSROOT"), 0);
	cxms_source_free(s);
	assert_true(spins > 0);
	assert_int_equal(kill(spins, SIGKILL), 0);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	assert_true(samples >= 40);
}

static void test_nothing_is_held_while_we_work(void **state)
{
	(void)state;
	WATCH_NEEDS(SOURCE);
	/* The program's new image is told of while it stands still, the first samples are not. */
	assert_true(runs_while_we_read("maps", 1));
	assert_true(runs_while_we_read("statm", 0));
}

static uint64_t measured_stop_ns(void)
{
	struct cxms_chase *c;
	uint64_t cost_ns = 0;
	int rc;

	assert_int_equal(cxms_chase_new(&c, 1 << 24, false, NULL), 0);
	cxms_chase_link(c, 1 << 24, 1);
	rc = cxms_stop_cost_measure(c, &cost_ns, NULL);
	cxms_chase_free(c);
	assert_int_equal(rc, 0);
	print_message("%" PRIu64 " ns a stop\n", cost_ns);
	return cost_ns;
}

static void test_the_cost_of_a_stop_is_measured(void **state)
{
	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_true(measured_stop_ns() > 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
}

#define SPINNERS_MAX 64u

static void *spin(void *arg)
{
	const atomic_bool *is_over = arg;

	while (!atomic_load(is_over))
		;
	return NULL;
}

/* What a stop costs is not how long both sides wait for a CPU at each. Tried with six programs on
 * two CPUs: 0.04 to 0.3 ms, 0.05 with none; 10 to 40 ms with such waits. */
static void test_the_cost_of_a_stop_is_not_that_of_others(void **state)
{
	pthread_t spinner[SPINNERS_MAX];
	atomic_bool is_over = false;
	long n_cpu = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = n_cpu > 0 && n_cpu < SPINNERS_MAX / 3 ? 3 * (unsigned)n_cpu : SPINNERS_MAX;
	uint64_t alone_ns, with_others_ns;

	(void)state;
	WATCH_NEEDS(SOURCE);
	alone_ns = measured_stop_ns();
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&spinner[i], NULL, spin, &is_over), 0);
	with_others_ns = measured_stop_ns();
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_join(spinner[i], NULL), 0);
	assert_true(with_others_ns < 50 * alone_ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WATCH_CASES,
		cmocka_unit_test(test_stat_lines),
		cmocka_unit_test(test_what_a_thread_ran_is_known_before_the_kernel_tells),
		cmocka_unit_test(test_ticks_do_not_stay_out_after_we_waited),
		cmocka_unit_test(test_nothing_is_held_while_we_work),
		cmocka_unit_test(test_a_thread_is_read_where_no_file_may_stay_open),
		cmocka_unit_test(test_a_stopped_program_goes_on),
		cmocka_unit_test(test_sleepers_do_not_hide_the_one_that_runs),
		cmocka_unit_test(test_memory_is_seen_after_the_first_thread_has_ended),
		cmocka_unit_test(test_the_period_keeps_the_budget),
		cmocka_unit_test(test_the_cost_of_a_stop_is_measured),
		cmocka_unit_test(test_the_cost_of_a_stop_is_not_that_of_others),
	};

	watch_program_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#include "source/machine_chase.h"
#include "source/ptrace_task.h"
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

/* A thread that is stopped by job control and continued goes on, and we are not deceived. */
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

static void test_nothing_is_held_while_we_work(void **state)
{
	(void)state;
	WATCH_NEEDS(SOURCE);
	/* The program's new image is told of while it stands still, the first samples are not. */
	assert_true(runs_while_we_read("maps", 1));
	assert_true(runs_while_we_read("statm", 0));
}

static void test_the_cost_of_a_stop_is_measured(void **state)
{
	struct cxms_chase *c;
	uint64_t cost_ns = 0;
	int rc;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(cxms_chase_new(&c, 1 << 24, false, NULL), 0);
	cxms_chase_link(c, 1 << 24, 1);
	rc = cxms_stop_cost_measure(c, &cost_ns, NULL);
	cxms_chase_free(c);
	assert_int_equal(rc, 0);
	print_message("%" PRIu64 " ns a stop\n", cost_ns);
	assert_true(cost_ns > 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WATCH_CASES,
		cmocka_unit_test(test_stat_lines),
		cmocka_unit_test(test_nothing_is_held_while_we_work),
		cmocka_unit_test(test_a_thread_is_read_where_no_file_may_stay_open),
		cmocka_unit_test(test_a_stopped_program_goes_on),
		cmocka_unit_test(test_sleepers_do_not_hide_the_one_that_runs),
		cmocka_unit_test(test_memory_is_seen_after_the_first_thread_has_ended),
		cmocka_unit_test(test_the_period_keeps_the_budget),
		cmocka_unit_test(test_the_cost_of_a_stop_is_measured),
	};

	watch_program_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

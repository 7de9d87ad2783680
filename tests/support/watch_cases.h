/* What every live source must hold; the including test defines SOURCE, the operations under test.
 */
#ifndef WATCH_CASES_H
#define WATCH_CASES_H

#include <errno.h>

#include "watch_tally.h"

/* Shares are of time: a sample of a thread that waited for a CPU weighs next to nothing. */
static void chase(struct watch_tally *t, const char *mib, const char *hops, const char *threads)
{
	char file[] = "/tmp/cxms_chase_XXXXXX";
	const char *words[] = {"chase", file, mib, hops, threads, NULL};
	int fd = mkstemp(file);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(watch(SOURCE, NULL, words, file, 256, t), 0);
	unlink(file);
	assert_int_equal(t->totals.exit_status, 0);
}

static void test_a_chase_is_seen_where_it_waits(void **state)
{
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	chase(&t, "64", "6000000", "1");
	print_message("%" PRIu64 " samples and %" PRIu64 " ns in user space, %" PRIu64
		      " ns in the array\n",
		      t.in_user, t.user_ns, t.array_ns);
	assert_true(t.in_user >= 50);
	assert_true(t.array_ns * 100 >= t.user_ns * 85);
	assert_true(t.n[CXMS_EV_AREA] > 0);
	assert_int_equal(t.totals.samples, t.n[CXMS_EV_SAMPLE]);
}

/* Both figures are CPU time: how busy the machine is does not enter. */
static void test_weights_and_slices_sum_to_cpu_time(void **state)
{
	struct watch_tally t;
	uint64_t cpu_ns;

	(void)state;
	WATCH_NEEDS(SOURCE);
	chase(&t, "16", "6000000", "1");
	cpu_ns = t.totals.user_ns + t.totals.system_ns;
	print_message("CPU %" PRIu64 " ns, weights %" PRIu64 ", slices %" PRIu64 "\n", cpu_ns,
		      t.weight_ns, t.run_ns);
	assert_true(t.weight_ns * 100 >= t.totals.user_ns * 70);
	assert_true(t.weight_ns * 100 <= cpu_ns * 125);
	assert_true(t.run_ns * 100 >= cpu_ns * 75);
	assert_true(t.run_ns * 100 <= cpu_ns * 135);
}

static void test_every_thread_is_followed(void **state)
{
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	chase(&t, "16", "3000000", "3");
	assert_int_equal(t.n_tid, 3);
	assert_int_equal(t.n[CXMS_EV_FORK], 3);
	assert_int_equal(t.n[CXMS_EV_EXIT], 3);
	print_message("%" PRIu64 " ns in user space, %" PRIu64 " in the arrays\n", t.user_ns,
		      t.array_ns);
	assert_true(t.array_ns * 100 >= t.user_ns * 80);
}

static void test_every_child_is_followed(void **state)
{
	const char *words[] = {"forks", "200", NULL};
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(watch(SOURCE, NULL, words, NULL, 256, &t), 0);
	assert_int_equal(t.n[CXMS_EV_FORK], 201);
	assert_int_equal(t.n[CXMS_EV_EXIT], 201);
	assert_true(WIFEXITED(t.totals.exit_status) && WEXITSTATUS(t.totals.exit_status) == 6);
	/* Children share the code of their parent, and so its sites. */
	assert_true(t.n[CXMS_EV_SITE] < 150);
}

static void test_execs_are_followed(void **state)
{
	const char *words[] = {"execs", "5", NULL};
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(watch(SOURCE, NULL, words, NULL, 256, &t), 0);
	assert_int_equal(t.n[CXMS_EV_EXEC], 6);
	assert_int_equal(t.n[CXMS_EV_FORK], 1);
	assert_int_equal(t.n[CXMS_EV_EXIT], 1);
	assert_true(t.n[CXMS_EV_MAP] > 6);
	assert_int_equal(WEXITSTATUS(t.totals.exit_status), 5);
}

static void test_the_end_is_told_as_it_was(void **state)
{
	static const struct {
		const char *how, *number, *why;
		bool is_killed;
		int want;
	} rows[] = {
		{"exit", "0", "ends at once", false, 0},
		{"exit", "77", "exit status", false, 77},
		{"kill", "9", "killed", true, 9},
		{"kill", "5", "a trap of its own is not taken for ours", true, 5},
		{"kill", "15", "terminated", true, 15},
	};

	(void)state;
	WATCH_NEEDS(SOURCE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *words[] = {rows[i].how, rows[i].number, NULL};
		struct watch_tally t;
		int status;

		assert_int_equal(watch(SOURCE, NULL, words, NULL, 1, &t), 0);
		status = t.totals.exit_status;
		assert_true(t.totals.exit_known);
		assert_true(rows[i].is_killed ? WIFSIGNALED(status) : WIFEXITED(status));
		assert_int_equal(rows[i].is_killed ? WTERMSIG(status) : WEXITSTATUS(status),
				 rows[i].want);
		assert_int_equal(t.n[CXMS_EV_EXEC], 1);
		assert_int_equal(t.n[CXMS_EV_EXIT], 1);
		assert_true(t.totals.duration_ns > 0 && t.totals.peak_rss_bytes > 0);
	}
}

static void test_programs_that_cannot_run_leave_nothing(void **state)
{
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(watch(SOURCE, "no-such-program-at-all", NULL, NULL, 16, &t), -ENOENT);
	assert_non_null(strstr(t.err.msg, "no-such-program-at-all"));
	assert_int_equal(watch(SOURCE, "/tmp", NULL, NULL, 16, &t), -EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
}

static void test_children_that_outlive_the_program_are_not_waited_for(void **state)
{
	const char *words[] = {"daemon", NULL};
	struct watch_tally t;

	(void)state;
	WATCH_NEEDS(SOURCE);
	assert_int_equal(watch(SOURCE, NULL, words, NULL, 256, &t), 0);
	assert_int_equal(WEXITSTATUS(t.totals.exit_status), 8);
	assert_int_equal(t.n[CXMS_EV_FORK], 2);
	assert_int_equal(t.n[CXMS_EV_EXIT], 1);
	assert_true(t.totals.duration_ns < 60ull * 1000000000u);
}

static void test_a_closed_source_leaves_no_program(void **state)
{
	char *argv[] = {(char[]){"sleep"}, (char[]){"60"}, NULL};
	struct cxms_source_cfg cfg = {.argv = argv};
	struct cxms_source *s = NULL;

	(void)state;
	WATCH_NEEDS(SOURCE);
	for (int started = 0; started < 2; started++) {
		assert_int_equal(cxms_source_open(SOURCE, &cfg, &s, NULL), 0);
		if (started)
			assert_int_equal(s->ops->start(s, NULL), 0);
		s->ops->close(s);
		cxms_source_free(s); /* closes once more */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

#define WATCH_CASES                                                                                \
	cmocka_unit_test(test_a_chase_is_seen_where_it_waits),                                     \
		cmocka_unit_test(test_weights_and_slices_sum_to_cpu_time),                         \
		cmocka_unit_test(test_every_thread_is_followed),                                   \
		cmocka_unit_test(test_every_child_is_followed),                                    \
		cmocka_unit_test(test_execs_are_followed),                                         \
		cmocka_unit_test(test_the_end_is_told_as_it_was),                                  \
		cmocka_unit_test(test_programs_that_cannot_run_leave_nothing),                     \
		cmocka_unit_test(test_children_that_outlive_the_program_are_not_waited_for),       \
		cmocka_unit_test(test_a_closed_source_leaves_no_program)

#endif

/* The time line: who waits for whom, fork and join, sleep, and the causes along the way. */
#include "play_cells.h"

#include <math.h>

#include "sim/timeline.h"

#define PID   50u
#define EPOCH (20 * PLAY_MS)

struct fixture {
	struct play_cells at;
	double thread_cpu_ns[16];
};

static void load(struct fixture *f, struct play *p)
{
	play_cells_load(&f->at, p, EPOCH);
}

/* Time when each thread's CPU time grows by its factor; what grows is CXL latency. */
static double run(struct fixture *f, const double *factor, enum cxms_blocked blocked,
		  struct cxms_timeline *out)
{
	double sum = 0;
	for (size_t i = 0; i < f->at.cells.n; i++) {
		const struct cxms_cell *c = &f->at.cells.cell[i];
		f->at.cell[i].cpu_ns = c->cpu_ns * factor[c->thread];
		f->at.cell[i].cause_ns[CXMS_CAUSE_COMPUTE] = c->cpu_ns;
		f->at.cell[i].cause_ns[CXMS_CAUSE_CXL_LATENCY] = f->at.cell[i].cpu_ns - c->cpu_ns;
	}
	out->thread_cpu_ns = f->thread_cpu_ns;
	assert_int_equal(
		cxms_timeline_run(&f->at.rec, &f->at.cells, f->at.cell, blocked, out, NULL), 0);
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		sum += out->cause_ns[c];
	assert_true(fabs(sum - out->time_ns) < 1e-6 * out->time_ns + 1);
	return out->time_ns / (double)PLAY_MS;
}

static bool is(double a, double b)
{
	return fabs(a - b) < 1e-6 * (1 + fabs(b));
}

/* Main works 100 ms, waits for two workers of 400 ms, works 100 ms. */
static void fork_join(struct play *p)
{
	play_fork(p, PID, PID, 0, 0, 0);
	play_run(p, PID, PID, 0, 100 * PLAY_MS);
	play_fork(p, PID, PID + 1, PID, PID, 100 * PLAY_MS);
	play_fork(p, PID, PID + 2, PID, PID, 100 * PLAY_MS);
	for (uint32_t w = 1; w <= 2; w++)
		play_run(p, PID, PID + w, 100 * PLAY_MS, 400 * PLAY_MS);
	for (uint32_t w = 1; w <= 2; w++)
		play_exit(p, PID, PID + w, 500 * PLAY_MS);
	play_run(p, PID, PID, 500 * PLAY_MS, 100 * PLAY_MS);
	play_exit(p, PID, PID, 600 * PLAY_MS);
}

static void test_fork_join_adds_up_its_phases(void **state)
{
	static const struct {
		double factor[3], stretch_ms, keep_ms;
		const char *why;
	} rows[] = {
		{{1, 1, 1}, 600, 600, "as recorded"},
		{{1, 2, 2}, 1000, 900, "slow workers: keep ends with the last worker"},
		{{2, 1, 1}, 800, 800, "a slow main thread"},
		{{2, 2, 2}, 1200, 1000, "everything; keep: fork at 200, the workers run 800"},
		{{1, 3, 1}, 1400, 1300, "the join waits for the slower worker"},
		{{1, 0.5, 0.5}, 400, 600, "faster workers"},
	};
	struct play p = {0};
	struct fixture f = {0};
	struct cxms_timeline line = {0};
	(void)state;
	fork_join(&p);
	load(&f, &p);
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		double stretch = run(&f, rows[i].factor, CXMS_BLOCKED_STRETCH, &line);
		double keep = run(&f, rows[i].factor, CXMS_BLOCKED_KEEP, &line);
		print_message("%s: %g, %g\n", rows[i].why, stretch, keep);
		assert_true(is(stretch, rows[i].stretch_ms));
		assert_true(is(keep, rows[i].keep_ms));
	}
	play_cells_fini(&f.at);
}

/* Waiting for workers is shown as what the workers did. */
static void test_covered_waiting_has_the_causes_of_those_waited_for(void **state)
{
	static const double factor[] = {1, 2, 2};
	struct play p = {0};
	struct fixture f = {0};
	struct cxms_timeline line = {0};
	(void)state;
	fork_join(&p);
	load(&f, &p);
	(void)run(&f, factor, CXMS_BLOCKED_STRETCH, &line);
	assert_true(is(line.cause_ns[CXMS_CAUSE_CXL_LATENCY] / (double)PLAY_MS, 400));
	assert_true(is(line.cause_ns[CXMS_CAUSE_COMPUTE] / (double)PLAY_MS, 600));
	assert_true(line.cause_ns[CXMS_CAUSE_BLOCKED] < 1);
	assert_true(is(f.thread_cpu_ns[0], 200.0 * PLAY_MS));
	assert_true(is(f.thread_cpu_ns[1], 800.0 * PLAY_MS));
	play_cells_fini(&f.at);
}

static void test_sleep_is_kept(void **state)
{
	static const double factor[] = {3};
	struct play p = {0};
	struct fixture f = {0};
	struct cxms_timeline line = {0};
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_run(&p, PID, PID, 0, 70 * PLAY_MS);
	play_run(&p, PID, PID, 333 * PLAY_MS, 30 * PLAY_MS);
	play_exit(&p, PID, PID, 363 * PLAY_MS);
	load(&f, &p);
	for (int mode = 0; mode < 2; mode++) {
		assert_true(is(run(&f, factor, (enum cxms_blocked)mode, &line), 300 + 263));
		assert_true(is(line.cause_ns[CXMS_CAUSE_BLOCKED] / (double)PLAY_MS, 263));
	}
	play_cells_fini(&f.at);
}

/* Seen in the system call, sleep beside a busy thread is kept too. */
static void test_sleep_that_was_seen_is_kept_beside_a_busy_thread(void **state)
{
	static const double factor[] = {1, 2};
	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		struct play p = {0};
		struct fixture f = {0};
		struct cxms_timeline line = {0};
		play_fork(&p, PID, PID, 0, 0, 0);
		play_fork(&p, PID, PID + 1, PID, PID, 0);
		play_run(&p, PID, PID + 1, 0, 400 * PLAY_MS);
		for (uint64_t i = 0; i < 100; i++) {
			play_run(&p, PID, PID, i * 10 * PLAY_MS, PLAY_MS);
			p.ev[p.n - 1].run.waited = seen && i ? CXMS_WAIT_SLEEP : 0;
		}
		play_exit(&p, PID, PID + 1, 400 * PLAY_MS);
		play_exit(&p, PID, PID, 991 * PLAY_MS);
		load(&f, &p);
		double time = run(&f, factor, CXMS_BLOCKED_STRETCH, &line);
		assert_true(seen ? is(time, 991) : time > 1300);
		play_cells_fini(&f.at);
	}
}

/* A child process that outlives its parent: the program ends with the child. */
static void test_the_program_ends_with_its_last_thread(void **state)
{
	static const double factor[] = {2, 2};
	struct play p = {0};
	struct fixture f = {0};
	struct cxms_timeline line = {0};
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_run(&p, PID, PID, 0, 90 * PLAY_MS);
	play_fork(&p, 90, 90, PID, PID, 50 * PLAY_MS);
	play_exit(&p, PID, PID, 90 * PLAY_MS);
	play_run(&p, 90, 90, 50 * PLAY_MS, 200 * PLAY_MS);
	play_exit(&p, 90, 90, 250 * PLAY_MS);
	load(&f, &p);
	/* the parent comes to the fork at 100, the child runs for 400 */
	assert_true(is(run(&f, factor, CXMS_BLOCKED_STRETCH, &line), 500));
	play_cells_fini(&f.at);
}

/* Two threads share one CPU in slices: each waits while the other holds it. */
static void test_preempted_threads_wait_for_the_cpu(void **state)
{
	static const double factor[] = {2, 2};
	struct play p = {0};
	struct fixture f = {0};
	struct cxms_timeline line = {0};
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_fork(&p, PID, PID + 1, PID, PID, 0);
	for (uint64_t i = 0; i < 100; i++) {
		play_run(&p, PID, PID + (i & 1), i * 2 * PLAY_MS, 2 * PLAY_MS);
		p.ev[p.n - 1].run.end = CXMS_RUN_PREEMPTED;
	}
	play_exit(&p, PID, PID, 200 * PLAY_MS);
	play_exit(&p, PID, PID + 1, 200 * PLAY_MS);
	load(&f, &p);
	double time = run(&f, factor, CXMS_BLOCKED_STRETCH, &line);
	/* twice the work on the same CPU; the first slice's wait was not a preemption */
	assert_true(time > 390 && time <= 401);
	play_cells_fini(&f.at);
}

/* A thread is on CPU for 1 ms in 4: the rest is other programs', but for what another thread runs.
 */
static void test_cpus_that_others_had_are_waited_for_again(void **state)
{
	static const double factor[] = {3, 1};
	(void)state;
	for (uint64_t other_ms = 0; other_ms <= 100; other_ms += 100) {
		struct play p = {0};
		struct fixture f = {0};
		struct cxms_timeline line = {0};
		play_fork(&p, PID, PID, 0, 0, 0);
		play_fork(&p, PID, PID + 1, PID, PID, 0);
		for (uint64_t i = 0; i <= 100; i++) {
			play_run(&p, PID, PID, i * 4 * PLAY_MS, PLAY_MS);
			p.ev[p.n - 1].run.end = CXMS_RUN_PREEMPTED;
			if (i < other_ms)
				play_run(&p, PID, PID + 1, i * 4 * PLAY_MS + PLAY_MS, PLAY_MS);
		}
		play_exit(&p, PID, PID, 401 * PLAY_MS);
		play_exit(&p, PID, PID + 1, 400 * PLAY_MS);
		load(&f, &p);
		double time = run(&f, factor, CXMS_BLOCKED_STRETCH, &line);
		double taken = 300 - (double)other_ms, held = (double)other_ms;
		print_message("%g ms, %g waiting\n", time, line.taken_ns / (double)PLAY_MS);
		/* the other's part of the wait grows as that one does: not at all */
		assert_true(fabs(line.taken_ns / (double)PLAY_MS - 3 * taken) < 0.02 * taken);
		assert_true(fabs(time - (3 * (101 + taken) + held)) < 0.01 * time);
		play_cells_fini(&f.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_join_adds_up_its_phases),
		cmocka_unit_test(test_covered_waiting_has_the_causes_of_those_waited_for),
		cmocka_unit_test(test_sleep_is_kept),
		cmocka_unit_test(test_sleep_that_was_seen_is_kept_beside_a_busy_thread),
		cmocka_unit_test(test_the_program_ends_with_its_last_thread),
		cmocka_unit_test(test_preempted_threads_wait_for_the_cpu),
		cmocka_unit_test(test_cpus_that_others_had_are_waited_for_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

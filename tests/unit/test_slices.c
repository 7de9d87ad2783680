/* The time line slice by slice: programs whose threads wake one another, in closed form. */
#include "play_cells.h"

#include <math.h>

#include "sim/slices.h"

#define PID   50u
#define EPOCH (20 * PLAY_MS)
#define US    1000ull
#define N     100u

struct fixture {
	struct play_cells at;
	double thread_cpu_ns[16];
	struct cxms_timeline line;
};

static void load(struct fixture *f, struct play *p)
{
	p->caps = CXMS_SRC_SWITCHES;
	*f = (struct fixture){0};
	play_cells_load(&f->at, p, EPOCH);
}

/* Milliseconds when each thread's CPU time grows by its factor; what grows is CXL latency. */
static double run(struct fixture *f, const double *factor, enum cxms_blocked blocked)
{
	double sum = 0;
	for (size_t i = 0; i < f->at.cells.n; i++) {
		const struct cxms_cell *c = &f->at.cells.cell[i];
		f->at.cell[i].cpu_ns = c->cpu_ns * factor[c->thread];
		f->at.cell[i].cause_ns[CXMS_CAUSE_COMPUTE] = c->cpu_ns;
		f->at.cell[i].cause_ns[CXMS_CAUSE_CXL_LATENCY] = f->at.cell[i].cpu_ns - c->cpu_ns;
	}
	f->line.thread_cpu_ns = f->thread_cpu_ns;
	assert_int_equal(
		cxms_timeline_run(&f->at.rec, &f->at.cells, f->at.cell, blocked, &f->line, NULL),
		0);
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		sum += f->line.cause_ns[c];
	assert_true(fabs(sum - f->line.time_ns) < 1e-6 * f->line.time_ns + 1);
	return f->line.time_ns / (double)PLAY_MS;
}

struct row {
	double factor[4], want_ms, within_ms;
	const char *why;
};

/* As recorded first: in both modes to the nanosecond. */
static void check(struct play *p, const struct row *row, size_t n)
{
	static const double same[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct fixture f;
	load(&f, p);
	for (int mode = 0; mode < 2; mode++)
		assert_true(fabs(run(&f, same, (enum cxms_blocked)mode) * (double)PLAY_MS -
				 (double)f.at.rec.duration_ns) < 1);
	for (size_t i = 0; i < n; i++) {
		double got = run(&f, row[i].factor, CXMS_BLOCKED_STRETCH);
		double keep = run(&f, row[i].factor, CXMS_BLOCKED_KEEP);
		print_message("%s: %g ms, kept %g\n", row[i].why, got, keep);
		assert_true(fabs(got - row[i].want_ms) <= row[i].within_ms);
	}
	play_cells_fini(&f.at);
}

static void threads(struct play *p, uint32_t n)
{
	play_fork(p, PID, PID, 0, 0, 0);
	for (uint32_t i = 1; i < n; i++)
		play_fork(p, PID, PID + i, PID, PID, 0);
}

static void slice(struct play *p, uint32_t thread, uint64_t start_us, uint64_t end_us,
		  enum cxms_wait_kind waited)
{
	play_run(p, PID, PID + thread, start_us * US, (end_us - start_us) * US);
	p->ev[p->n - 1].run.cpu = (uint16_t)thread;
	p->ev[p->n - 1].run.waited = (uint8_t)waited;
}

static void ends(struct play *p, uint32_t n, uint64_t at_us)
{
	for (uint32_t i = n; i-- > 0;)
		play_exit(p, PID, PID + i, at_us * US);
}

/* Each hands the word to the next and waits for its turn: 1 ms of work, 20 us to wake. */
static void turns(struct play *p, uint32_t n, enum cxms_wait_kind waited)
{
	uint64_t at = 0;
	threads(p, n);
	for (uint32_t i = 0; i < N * n; i++, at += 1020)
		slice(p, i % n, at, at + 1000, i < n ? CXMS_WAIT_UNKNOWN : waited);
	ends(p, n, at - 20);
}

static void test_taking_turns(void **state)
{
	static const struct row two[] = {
		{{2, 2}, 400 + 4, 2, "both twice as slow"},
		{{3, 1}, 400 + 4, 2, "one of them"},
		{{1, 3}, 400 + 4, 2, "the other"},
		{{0.5, 1}, 150 + 4, 2, "one faster"},
	};
	static const struct row three[] = {
		{{2, 2, 2}, 600 + 6, 3, "a ring of three"},
		{{1, 5, 1}, 700 + 6, 5, "its second"},
	};
	static const enum cxms_wait_kind waits[] = {CXMS_WAIT_PIPE, CXMS_WAIT_FUTEX,
						    CXMS_WAIT_UNKNOWN};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(waits); i++) {
		struct play p = {0};
		turns(&p, 2, waits[i]);
		check(&p, two, PLAY_COUNT(two));
		turns(&p, 3, waits[i]);
		check(&p, three, PLAY_COUNT(three));
	}
}

/* The same where others have the CPUs: each fifth wake-up takes 3 ms. */
static uint64_t turns_late(struct play *p, uint32_t n, enum cxms_wait_kind waited)
{
	uint64_t at = 0, late = 0;
	threads(p, n);
	for (uint32_t i = 0; i < N * n; i++) {
		uint64_t wake = i % 5 == 4 ? 3000 : 20;
		slice(p, i % n, at, at + 1000, i < n ? CXMS_WAIT_UNKNOWN : waited);
		at += 1000 + wake;
		late += wake;
	}
	ends(p, n, at);
	return late;
}

static void test_turns_whose_wake_ups_come_late(void **state)
{
	static const enum cxms_wait_kind waits[] = {CXMS_WAIT_PIPE, CXMS_WAIT_FUTEX,
						    CXMS_WAIT_UNKNOWN};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(waits); i++)
		for (uint32_t n = 2; n <= 3; n++) {
			struct play p = {0};
			double late_ms = (double)turns_late(&p, n, waits[i]) / 1000;
			const struct row rows[] = {
				{{4, 4, 4},
				 4 * 100 * n + late_ms,
				 20,
				 "each waits for the one before"},
			};
			check(&p, rows, 1);
		}
}

/* One makes something every 2 ms and goes on; the next needs 1 ms for it, the third 0.5 ms. */
static void chain(struct play *p, uint32_t n, enum cxms_wait_kind waited)
{
	threads(p, n);
	for (uint64_t i = 0; i < N; i++) {
		slice(p, 1, i * 2000 + 20, i * 2000 + 1020, i ? waited : 0);
		if (n > 2)
			slice(p, 2, i * 2000 + 1040, i * 2000 + 1540, i ? waited : 0);
	}
	slice(p, 0, 0, N * 2000, 0);
	ends(p, n, N * 2000);
}

static void test_producer_and_consumers(void **state)
{
	static const struct row two[] = {
		{{1, 3}, 300, 2, "a slow consumer falls behind"},
		{{2, 1}, 400, 1, "a slow producer"},
		{{1, 1.5}, 200, 1, "what fits into the time between is hidden"},
		{{2, 2}, 400, 1, "both"},
	};
	static const struct row three[] = {
		{{1, 1, 8}, 400, 5, "the end of the chain"},
		{{1, 4, 1}, 400, 5, "its middle"},
		{{3, 1, 1}, 600, 1, "its head"},
		{{1, 1.9, 3}, 200, 3, "all fits"},
	};
	(void)state;
	struct play p = {0};
	chain(&p, 2, CXMS_WAIT_FUTEX);
	check(&p, two, PLAY_COUNT(two));
	chain(&p, 3, CXMS_WAIT_PIPE);
	check(&p, three, PLAY_COUNT(three));
}

/* At a barrier the first two wait for the third; who is last changes with the growth. */
static void test_barrier_with_imbalance(void **state)
{
	static const struct row rows[] = {
		{{2, 2, 2}, 800, 5, "all"},
		{{4, 1, 1}, 600, 20, "0 works 1 or 2 ms, and is the last now"},
		{{1, 1, 2}, 600, 20, "2 works 4 or 1 ms: the last each second time"},
	};
	/* work of each in turn: of the last 4 ms */
	static const uint64_t work[2][3] = {{1000, 2000, 4000}, {2000, 4000, 1000}};
	struct play p = {0};
	uint64_t at = 0;
	(void)state;
	threads(&p, 3);
	for (uint32_t i = 0; i < N; i++, at += 4000)
		for (uint32_t t = 0; t < 3; t++)
			slice(&p, t, at + (work[i % 2][t] == 4000 || i == 0 ? 0 : 20),
			      at + work[i % 2][t], i ? CXMS_WAIT_FUTEX : 0);
	ends(&p, 3, at);
	check(&p, rows, PLAY_COUNT(rows));
}

/* Work and sleep beside a thread that is always busy, and keeps the program for as long. */
static void sleeper(struct play *p, enum cxms_wait_kind waited, uint64_t busy_us)
{
	threads(p, 2);
	for (uint64_t i = 0; i < N; i++)
		slice(p, 0, i * 10000, i * 10000 + 1000, i ? waited : 0);
	slice(p, 1, 0, busy_us, 0);
	play_exit(p, PID, PID + 1, busy_us * US);
	play_exit(p, PID, PID, (N - 1) * 10 * PLAY_MS + PLAY_MS);
}

static void test_sleep_is_kept_beside_a_busy_thread(void **state)
{
	static const struct row rows[] = {
		{{1, 2}, 991, 11, "the sleeper does not wait for the busy one"},
		{{3, 1}, 991 + 200, 3, "its own work grows"},
	};
	static const enum cxms_wait_kind waits[] = {CXMS_WAIT_SLEEP, CXMS_WAIT_IO,
						    CXMS_WAIT_UNKNOWN};
	static const struct row until[] = {
		{{4, 1}, 990 + 4, 1, "a clock's time comes when it comes"},
		{{20, 1}, 2000, 1, "too late for each"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(waits); i++) {
		struct play p = {0};
		sleeper(&p, waits[i], 405000);
		check(&p, rows, PLAY_COUNT(rows));
	}
	struct play p = {0};
	sleeper(&p, CXMS_WAIT_SLEEP_UNTIL, 405000);
	check(&p, until, PLAY_COUNT(until));
}

/* The main thread starts two, or two processes, works along, and waits for both; 1 ends first. */
static void test_fork_and_join(void **state)
{
	static const struct row rows[] = {
		{{1, 2, 2}, 100 + 800 + 100, 1, "both"},
		{{1, 4, 1}, 100 + 1000 + 100, 1, "the one that was done first is the last now"},
		{{1, 1, 3}, 100 + 1200 + 100, 1, "the last one"},
		{{5, 1, 1}, 500 + 500 + 500, 1, "late for the join: nothing to wait for"},
		{{1, 0.1, 0.1}, 100 + 100 + 100, 1, "done before the join"},
	};
	(void)state;
	for (int processes = 0; processes < 2; processes++) {
		struct play p = {0};
		uint64_t start[] = {0, 100, 100}, end[] = {200, 350, 500};
		play_fork(&p, PID, PID, 0, 0, 0);
		for (uint32_t i = 1; i < 3; i++)
			play_fork(&p, processes ? PID + i : PID, PID + i, PID, PID,
				  start[i] * PLAY_MS);
		for (uint32_t i = 0; i < 3; i++) {
			slice(&p, i, start[i] * 1000, end[i] * 1000, 0);
			p.ev[p.n - 1].pid = processes ? PID + i : PID;
		}
		for (uint32_t i = 1; i < 3; i++)
			play_exit(&p, processes ? PID + i : PID, PID + i, end[i] * PLAY_MS);
		slice(&p, 0, 500020, 600000, processes ? CXMS_WAIT_CHILD : CXMS_WAIT_UNKNOWN);
		ends(&p, 1, 600000);
		check(&p, rows, PLAY_COUNT(rows));
	}
}

/* A thread that only waits: for the only one that works. */
static void test_a_thread_that_only_waits(void **state)
{
	static const struct row rows[] = {
		{{1, 2}, 1000, 1, "the one that works"},
		{{9, 1}, 500, 3, "the one that waits"},
	};
	struct play p = {0};
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	slice(&p, 0, 0, 100, 0);
	play_fork(&p, PID, PID + 1, PID, PID, 100 * US);
	slice(&p, 1, 100, 500000, 0);
	play_exit(&p, PID, PID + 1, 500000 * US);
	slice(&p, 0, 500020, 500100, CXMS_WAIT_FUTEX);
	ends(&p, 1, 500100);
	check(&p, rows, PLAY_COUNT(rows));
}

/* The CPU was not free for the one that waited: it came back half a millisecond after the end. */
static void test_a_late_return_from_a_join(void **state)
{
	static const struct row rows[] = {
		{{1, 1, 2}, 800.7, 0.001, "it waits for the last one all the same"},
		{{1, 3, 1}, 900.1, 0.001, "who was done first is the last now"},
	};
	static const struct row slept = {{1, 1, 2}, 400.7, 400, "a sleep is kept"};
	(void)state;
	for (int sleeps = 0; sleeps < 2; sleeps++) {
		struct play p = {0};
		threads(&p, 3);
		slice(&p, 0, 0, 100, 0);
		slice(&p, 1, 0, 300000, 0);
		slice(&p, 2, 0, 400000, 0);
		play_exit(&p, PID, PID + 1, 300000 * US);
		play_exit(&p, PID, PID + 2, 400000 * US);
		slice(&p, 0, 400600, 400700, sleeps ? CXMS_WAIT_SLEEP : CXMS_WAIT_FUTEX);
		ends(&p, 1, 400700);
		check(&p, sleeps ? &slept : rows, sleeps ? 1 : PLAY_COUNT(rows));
	}
}

/* Three of a pool sleep mostly; the main thread gives each a task in turn and waits for it. */
static void test_pool_mostly_asleep(void **state)
{
	/* who begins late is not seen to be woken: the first task of each */
	static const struct row rows[] = {
		{{1, 3, 3, 3}, N * (1 + 9) + N * 0.04, 14, "slow workers"},
		{{3, 1, 1, 1}, N * (3 + 3) + N * 0.04, 14, "a slow main thread"},
		{{1, 1, 1, 4}, 33 * (1 + 12) + 67 * 4 + N * 0.04, 14, "one slow worker"},
	};
	struct play p = {0};
	uint64_t at = 0;
	(void)state;
	threads(&p, 4);
	for (uint32_t i = 0; i < N; i++, at += 4040) {
		slice(&p, 0, at, at + 1000, i ? CXMS_WAIT_UNKNOWN : 0);
		slice(&p, 1 + i % 3, at + 1020, at + 4020, i > 2 ? CXMS_WAIT_FUTEX : 0);
	}
	ends(&p, 4, at);
	check(&p, rows, PLAY_COUNT(rows));
}

/* Milliseconds of the predicted time in which others had the CPU. */
static double taken_ms(struct play *p, const double *factor)
{
	struct fixture f;
	load(&f, p);
	(void)run(&f, factor, CXMS_BLOCKED_STRETCH);
	assert_true(f.line.taken_ns <= f.line.cause_ns[CXMS_CAUSE_BLOCKED]);
	play_cells_fini(&f.at);
	return f.line.taken_ns / (double)PLAY_MS;
}

static void share_in_turns(struct play *p)
{
	threads(p, 2);
	for (uint64_t i = 0; i < 100; i++) {
		slice(p, i & 1, i * 2000, i * 2000 + 2000, 0);
		p->ev[p->n - 1].run.cpu = 0;
		p->ev[p->n - 1].run.end = CXMS_RUN_PREEMPTED;
	}
	ends(p, 2, 200000);
}

static void share_with_stranger(struct play *p)
{
	threads(p, 1);
	for (uint64_t i = 0; i < 100; i++) {
		slice(p, 0, i * 2000, i * 2000 + 1000, 0);
		p->ev[p->n - 1].run.end = CXMS_RUN_PREEMPTED;
	}
	ends(p, 1, 199000);
}

/* Two threads share one CPU in slices; a third program's slices in between are its own. */
static void test_preempted_threads_wait_for_the_cpu(void **state)
{
	static const struct row rows[] = {
		{{2, 2}, 400, 1, "twice the work on one CPU"},
		{{3, 1}, 400, 1, "the work of one grows"},
	};
	struct play p = {0};
	(void)state;
	share_in_turns(&p);
	check(&p, rows, PLAY_COUNT(rows));
	share_with_stranger(&p);
	check(&p, &(struct row){{3}, 597, 1, "shares with a stranger"}, 1);
}

static void test_cpus_that_others_had_are_told_from_those_of_the_program(void **state)
{
	struct play p = {0};
	(void)state;
	share_in_turns(&p);
	assert_true(fabs(taken_ms(&p, (const double[]){2, 2})) < 1e-9);
	share_with_stranger(&p);
	assert_true(fabs(taken_ms(&p, (const double[]){1}) - 99) < 1e-6);
	share_with_stranger(&p);
	assert_true(fabs(taken_ms(&p, (const double[]){3}) - 3 * 99) < 1e-6);
}

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* Whatever woke whom: as recorded at equal times, and never faster when a thread grows. */
static void test_random_programs_grow_with_their_threads(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t rng = seed, at[6] = {0};
		double factor[16] = {1, 1, 1, 1, 1, 1}, before;
		struct play p = {0};
		struct fixture f;
		threads(&p, 6);
		for (int i = 0; i < 400; i++) {
			uint32_t t = (uint32_t)(next(&rng) % 6);
			uint64_t start = at[t] + next(&rng) % 3000, dur = 1 + next(&rng) % 2000;
			slice(&p, t, start, start + dur, (enum cxms_wait_kind)(next(&rng) % 9));
			p.ev[p.n - 1].run.end = next(&rng) % 4 == 0;
			p.ev[p.n - 1].run.cpu = (uint16_t)(next(&rng) % 3);
			at[t] = start + dur;
		}
		ends(&p, 6, 1000000);
		load(&f, &p);
		before = run(&f, factor, CXMS_BLOCKED_STRETCH);
		assert_true(fabs(before - 1000) < 1e-6);
		for (int i = 0; i < 8; i++) {
			factor[next(&rng) % 6] += 0.5;
			double now = run(&f, factor, CXMS_BLOCKED_STRETCH);
			assert_true(now >= before - 1e-9);
			before = now;
		}
		play_cells_fini(&f.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taking_turns),
		cmocka_unit_test(test_turns_whose_wake_ups_come_late),
		cmocka_unit_test(test_producer_and_consumers),
		cmocka_unit_test(test_barrier_with_imbalance),
		cmocka_unit_test(test_sleep_is_kept_beside_a_busy_thread),
		cmocka_unit_test(test_fork_and_join),
		cmocka_unit_test(test_a_thread_that_only_waits),
		cmocka_unit_test(test_a_late_return_from_a_join),
		cmocka_unit_test(test_pool_mostly_asleep),
		cmocka_unit_test(test_preempted_threads_wait_for_the_cpu),
		cmocka_unit_test(test_cpus_that_others_had_are_told_from_those_of_the_program),
		cmocka_unit_test(test_random_programs_grow_with_their_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

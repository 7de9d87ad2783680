/* Turns of a loop: the rate is found where a register counts them, and nowhere else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/turns.h"

#define N	  3000u
#define PERIOD_NS 200000u
#define GAP_NS	  (16.0 * PERIOD_NS)

static double work[CXMS_TURNS_MAX_PAIRS];
static struct cxms_turn_point point[N];

/* A loop sampled with jitter; each run of it is @run_ns long and begins anew at 0. */
static void fill(double turns_per_ns, int64_t step, double run_ns, uint64_t seed)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	uint64_t time = 0;
	for (size_t i = 0; i < N; i++) {
		time += PERIOD_NS - 2000 + cxms_rng_below(&rng, 4000);
		double into = fmod((double)time, run_ns);
		uint64_t turns = (uint64_t)(into * turns_per_ns);
		point[i] = (struct cxms_turn_point){.time_ns = time,
						    .count = 1000 + turns * (uint64_t)step,
						    .weight_ns = PERIOD_NS,
						    .thread = 1};
	}
}

static void test_rate_of_a_counted_loop(void **state)
{
	static const struct {
		double per_ns;
		int64_t step;
		double run_ns;
		const char *why;
	} rows[] = {
		{0.05, 1, 1e12, "20 ns a turn, an index"},
		{0.5, 64, 1e12, "a pointer by lines"},
		{0.002, -8, 1e12, "downwards"},
		{0.05, 1, 1e6, "begins anew every 5 samples"},
		{0.05, 4, 4.3e5, "begins anew every second sample"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_turns t;
		fill(rows[i].per_ns, rows[i].step, rows[i].run_ns, i);
		cxms_turns_fit(point, N, rows[i].step, GAP_NS, work, &t);
		print_message("%s: %.4g of %.4g, %zu pairs, spread %.3g\n", rows[i].why, t.per_ns,
			      rows[i].per_ns, t.pairs, t.spread_ratio);
		assert_true(t.found);
		/* 3 %: pairs across two runs that happen to agree are a few in a hundred */
		assert_true(fabs(t.per_ns / rows[i].per_ns - 1) < 0.03);
		assert_true(fabs(t.time_ns / (N * (double)PERIOD_NS) - 1) < 0.01);
		assert_true(fabs(t.turns - t.per_ns * t.time_ns) < 1e-6 * t.turns);
	}
}

static void test_what_does_not_count(void **state)
{
	struct cxms_turns t;
	struct cxms_rng rng;
	(void)state;
	fill(0.05, 1, 3e4, 7);
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found); /* runs shorter than the period: the register tells no time */
	cxms_rng_init(&rng, 8);
	for (size_t i = 0; i < N; i++)
		point[i].count = cxms_rng_u64(&rng);
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found); /* any value */
	cxms_turns_fit(point, N, -1, GAP_NS, work, &t);
	assert_false(t.found);
	fill(0.05, 8, 1e12, 9);
	cxms_turns_fit(point, N, -8, GAP_NS, work, &t);
	assert_false(t.found); /* the wrong way */
	cxms_turns_fit(point, 8, 8, GAP_NS, work, &t);
	assert_false(t.found); /* too few */
	cxms_turns_fit(point, 0, 8, GAP_NS, work, &t);
	assert_false(t.found);
	fill(8, 1, 1e12, 10);
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found); /* 8 turns a nanosecond: no core */
}

static void test_threads_are_not_paired(void **state)
{
	struct cxms_turns t;
	(void)state;
	fill(0.05, 1, 1e12, 11);
	for (size_t i = 0; i < N; i++)
		point[i].thread = (uint32_t)i;
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found);
}

/* Work that lasts for a little less than the period, then sleep: samples meet each piece a little
 * further on, which looks like a slow loop. */
static void test_who_slept_began_anew(void **state)
{
	struct cxms_turns t;
	(void)state;
	fill(0.05, 1, 0.9 * PERIOD_NS, 7);
	for (size_t i = 0; i < N; i++)
		point[i].sleeps = (uint32_t)((double)point[i].time_ns / (0.9 * PERIOD_NS));
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found);

	/* sleeps that are rare leave enough pairs */
	fill(0.05, 1, 10.0 * PERIOD_NS, 7);
	for (size_t i = 0; i < N; i++)
		point[i].sleeps = (uint32_t)((double)point[i].time_ns / (10.0 * PERIOD_NS));
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_true(t.found);
	assert_true(fabs(t.per_ns / 0.05 - 1) < 0.01);
}

static void test_time_in_calls_counts(void **state)
{
	struct cxms_turns t;
	size_t n = 0;
	(void)state;
	fill(0.05, 1, 1e12, 12);
	for (size_t i = 0; i < N; i += 3) /* the other samples lie in what the loop calls */
		point[n++] = point[i];
	cxms_turns_fit(point, n, 1, GAP_NS, work, &t);
	assert_true(t.found);
	assert_true(fabs(t.per_ns / 0.05 - 1) < 0.01);
	assert_true(fabs(t.time_ns / (N * (double)PERIOD_NS) - 1) < 0.01);
}

/* The same where the loop begins anew every seventh of its own samples: it calls as much then. */
static void test_time_in_calls_counts_where_it_begins_anew(void **state)
{
	struct cxms_turns t;
	size_t n = 0;
	(void)state;
	fill(0.05, 1, 20.5 * PERIOD_NS, 14);
	for (size_t i = 0; i < N; i += 3)
		point[n++] = point[i];
	cxms_turns_fit(point, n, 1, GAP_NS, work, &t);
	assert_true(t.found);
	assert_true(fabs(t.per_ns / 0.05 - 1) < 0.03);
	assert_true(fabs(t.time_ns / (N * (double)PERIOD_NS) - 1) < 0.01);
}

/* A tracer that comes late now and then: each sample has the time since the one before it. */
static void test_uneven_gaps_count_once(void **state)
{
	struct cxms_turns t;
	uint64_t time = 0;
	(void)state;
	for (size_t i = 0; i < N; i++) {
		uint64_t gap_ns = i % 2 ? 7 * PERIOD_NS : PERIOD_NS;
		time += gap_ns;
		point[i] = (struct cxms_turn_point){.time_ns = time,
						    .count = time / 20,
						    .weight_ns = (double)gap_ns,
						    .thread = 1};
	}
	cxms_turns_fit(point, N, 1, GAP_NS, work, &t);
	assert_true(t.found);
	assert_true(fabs(t.turns / ((double)time / 20) - 1) < 0.01);
}

static void test_extreme_values_are_survived(void **state)
{
	static const uint64_t values[] = {0, UINT64_MAX, 1ull << 63, (1ull << 63) - 1};
	static const int64_t steps[] = {1, -1, INT64_MIN, INT64_MAX};
	struct cxms_turns t;
	(void)state;
	fill(0.05, 1, 1e12, 13);
	for (size_t s = 0; s < 4; s++) {
		for (size_t i = 0; i < N; i++)
			point[i].count = values[(i * 7 + s) % 4];
		cxms_turns_fit(point, N, steps[s], GAP_NS, work, &t);
		assert_true(!t.found || t.per_ns > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_of_a_counted_loop),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_threads_are_not_paired),
		cmocka_unit_test(test_who_slept_began_anew),
		cmocka_unit_test(test_time_in_calls_counts),
		cmocka_unit_test(test_time_in_calls_counts_where_it_begins_anew),
		cmocka_unit_test(test_uneven_gaps_count_once),
		cmocka_unit_test(test_extreme_values_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* One sample in three lies in the loop itself, by chance, the others in what it calls; a run lasts
 * for so many samples of any kind, and other code runs for as long between runs where @rests. */
static double turns_with_calls(double run, bool rests, bool begins_alike)
{
	struct cxms_turns t;
	struct cxms_rng rng;
	size_t n = 0;
	double turns = 0;
	fill(0.002, 1, run * PERIOD_NS, 15);
	cxms_rng_init(&rng, 16);
	for (size_t i = 0; i < N; i++) {
		uint64_t run_of = (uint64_t)((double)point[i].time_ns / (run * PERIOD_NS));
		if (rests && run_of % 2)
			continue;
		turns += 0.002 * PERIOD_NS;
		if (cxms_rng_below(&rng, 3))
			continue;
		point[n] = point[i];
		point[n++].count += begins_alike ? 0 : run_of * 1000003 % 4096 * 100000;
	}
	cxms_turns_fit(point, n, 1, GAP_NS, work, &t);
	assert_true(t.found);
	return t.turns / turns;
}

static void test_calls_between_short_runs(void **state)
{
	static const double runs[] = {9.3, 13.3, 40.7};
	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		double alike = turns_with_calls(runs[i], false, true);
		double rests = turns_with_calls(runs[i], true, true);
		double anywhere = turns_with_calls(runs[i], false, false);
		print_message("%g: %.3f, with rests %.3f, anywhere %.3f\n", runs[i], alike, rests,
			      anywhere);
		assert_true(fabs(alike - 1) < 0.05);
		assert_true(fabs(rests - 1) < 0.1);
		/* where runs begin tells nothing then, and long gaps are not seen */
		assert_true(anywhere > 0.6 && anywhere < 1.03);
	}
}

/* One sample in three lies in the loop itself, by chance, the others in its inner loop; the
 * function is called anew every 13 samples, for another part of an array. By its own samples alone
 * pairs that lie within a call are the short ones. */
static void fill_parts(void)
{
	const double run_ns = 13.3 * PERIOD_NS;
	fill(0.002, 1, run_ns, 15);
	for (size_t i = 0; i < N; i++)
		point[i].count +=
			(uint64_t)((double)point[i].time_ns / run_ns) * 1000003 % 4096 * 100000;
}

static void test_samples_of_inner_loops_tell_as_well(void **state)
{
	const double turns = 0.002 * N * PERIOD_NS;
	struct cxms_turns t;
	struct cxms_rng rng;
	size_t n = 0;
	(void)state;
	fill_parts();
	cxms_turns_fit_around(point, N, 1, GAP_NS, work, &t);
	assert_true(t.found);
	/* a turn or two of 400 in each call are not seen */
	assert_true(fabs(t.turns / turns - 1) < 0.02);

	fill_parts();
	cxms_rng_init(&rng, 16);
	for (size_t i = 0; i < N; i++)
		if (cxms_rng_below(&rng, 3) == 0)
			point[n++] = point[i];
	cxms_turns_fit(point, n, 1, GAP_NS, work, &t);
	print_message("by its own alone: %.3f\n", t.turns / turns);
	assert_true(t.turns < 0.95 * turns);
}

/* A turn lasts for five samples. */
static void test_an_inner_loop_longer_than_a_period(void **state)
{
	const double per_ns = 1 / (5.1 * PERIOD_NS);
	struct cxms_turns t;
	(void)state;
	fill(per_ns, 8, 1e12, 17);
	cxms_turns_fit(point, N, 8, GAP_NS, work, &t);
	assert_false(t.found);
	cxms_turns_fit_around(point, N, 8, GAP_NS, work, &t);
	assert_true(t.found);
	assert_true(fabs(t.per_ns / per_ns - 1) < 0.01);
	assert_true(fabs(t.turns / (per_ns * N * (double)PERIOD_NS) - 1) < 0.01);
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

/* An inner loop of @trips turns in each turn of the outer one, which takes @outer_ns in all; both
 * begin at 1000. @row: what the inner register moves on in an outer turn; @vary: a run has from
 * (1 - vary) to (1 + vary) times as many turns, drawn anew each time. */
static void fill_nested(unsigned trips, double outer_ns, int64_t step, int64_t row, double vary,
			uint64_t seed)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	uint64_t time = 0;
	for (size_t i = 0; i < N; i++) {
		time += PERIOD_NS - 2000 + cxms_rng_below(&rng, 4000);
		double turns = (double)time / outer_ns, into = turns - floor(turns);
		double length = trips;
		/* who falls on a run falls on longer ones more often */
		do
			length = trips * (1 + vary * (2 * cxms_rng_unit(&rng) - 1));
		while (cxms_rng_unit(&rng) * (1 + vary) * trips > length);
		int64_t inner = (int64_t)(into * length);
		uint64_t outer = (uint64_t)turns;
		point[i] = (struct cxms_turn_point){.time_ns = time,
						    .count = 1000 + outer * (uint64_t)row +
							     (uint64_t)(inner * step),
						    .outer = 1000 + outer * 8,
						    .weight_ns = PERIOD_NS,
						    .thread = 1};
	}
}

static void test_an_inner_loop_by_the_one_around_it(void **state)
{
	static const struct {
		unsigned trips;
		double outer_ns;
		int64_t step, row;
		const char *why;
	} rows[] = {
		{2, 40, 1, 0, "two turns"},
		{5, 55, 8, 0, "a pointer that begins anew"},
		{100, 300, 1, 0, "an index that begins anew"},
		{100, 300, 8, 4096, "a pointer, in the next row"},
		{100, 300, -8, 4096 + 8, "backwards, rows further apart"},
		{1000, 3000, 64, 0, "by lines"},
		{10000, 12000, 8, -65536, "a run of 12 us, rows upwards"},
		{2000, 9000, 96000, 8, "an address set anew for each column"},
		{2000, 9000, -96000, -8, "backwards, columns to the left"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_turns t;
		double want = rows[i].trips / rows[i].outer_ns;
		fill_nested(rows[i].trips, rows[i].outer_ns, rows[i].step, rows[i].row, 0, i);
		cxms_turns_fit(point, N, rows[i].step, GAP_NS, work, &t);
		/* by itself it tells nothing, or how fast rows go by */
		assert_true(!t.found || rows[i].row);
		cxms_turns_fit_nested(point, N, rows[i].step, 8, GAP_NS, work, &t);
		print_message("%s: %.4g of %.4g\n", rows[i].why, t.per_ns, want);
		assert_true(t.found);
		/* three errors of the span of N places: 0.34/sqrt(3000) = 0.6 % each */
		assert_true(fabs(t.per_ns / want - 1) < 0.02);
		assert_true(fabs(t.turns / (t.per_ns * N * (double)PERIOD_NS) - 1) < 0.01);
	}
}

static void test_inner_loops_that_tell_no_rate(void **state)
{
	struct cxms_turns t;
	struct cxms_rng rng;
	(void)state;
	/* a run has now few turns and now many: how many on average is not seen */
	for (int i = 0; i < 3; i++) {
		static const double vary[] = {0.5, 0.8, 1};
		fill_nested(100, 300, 1, 0, vary[i], 1);
		cxms_turns_fit_nested(point, N, 1, 8, GAP_NS, work, &t);
		assert_false(t.found);
	}
	/* a tenth more or less does little */
	fill_nested(100, 300, 1, 0, 0.1, 2);
	cxms_turns_fit_nested(point, N, 1, 8, GAP_NS, work, &t);
	assert_true(t.found && fabs(t.per_ns * 3 - 1) < 0.06);
	/* begins anywhere each time */
	cxms_rng_init(&rng, 3);
	fill_nested(100, 300, 8, 0, 0, 3);
	for (size_t i = 0; i < N; i++)
		point[i].count += 8 * (cxms_rng_u64(&rng) >> 40);
	cxms_turns_fit_nested(point, N, 8, 8, GAP_NS, work, &t);
	assert_false(t.found);
	/* three places in turn, where a loop around both begins anew */
	fill_nested(100, 300, 8, 0, 0, 7);
	for (size_t i = 0; i < N; i++)
		point[i].count += i / 20 % 3 * 800;
	cxms_turns_fit_nested(point, N, 8, 8, GAP_NS, work, &t);
	assert_false(t.found);
	/* steps that are no whole ones */
	fill_nested(100, 300, 8, 0, 0, 4);
	cxms_turns_fit_nested(point, N, 24, 8, GAP_NS, work, &t);
	assert_false(t.found);
	/* the outer register tells nothing either */
	fill_nested(100, 300, 8, 0, 0, 5);
	for (size_t i = 0; i < N; i++)
		point[i].outer = cxms_rng_u64(&rng);
	cxms_turns_fit_nested(point, N, 8, 8, GAP_NS, work, &t);
	assert_false(t.found);
	/* too few */
	fill_nested(100, 300, 8, 0, 0, 6);
	cxms_turns_fit_nested(point, 60, 8, 8, GAP_NS, work, &t);
	assert_false(t.found);
}

/* The least of all numbers has no opposite; nor does it matter where the loop begins. */
/* Runs of @trips turns, or of a quarter to all of them, told by what is left; samples lie where
 * (random number)^@skew of a run is over. The loop around goes round in @outer_ns. */
static void fill_left(unsigned trips, bool vary, double skew, double outer_ns)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, trips);
	uint64_t time = 0;
	for (size_t i = 0; i < N; i++) {
		time += PERIOD_NS - 2000 + cxms_rng_below(&rng, 4000);
		double part = (double)(1 + cxms_rng_below(&rng, 1u << 20)) / 0x1p20;
		uint64_t run = vary ? trips / 4 + cxms_rng_below(&rng, 3 * trips / 4) : trips;
		point[i] = (struct cxms_turn_point){
			.time_ns = time,
			.count = run - (uint64_t)(pow(part, skew) * (double)run),
			.outer = (uint64_t)((double)time / outer_ns),
			.weight_ns = PERIOD_NS,
			.thread = 1};
	}
}

static void test_turns_that_are_left(void **state)
{
	static const struct {
		unsigned trips;
		bool vary;
		double skew, runs; /* turns of a run on average */
		double outer_ns;
		const char *why;
	} rows[] = {
		{128, false, 1, 128, 200, "any turn alike"},
		{128, false, 4, 128, 200, "most of the time at the beginning"},
		{4096, true, 1, 2560, 500, "runs of many lengths"},
		{4096, false, 1, 4096, 100, "bytes: more than a turn a cycle"},
	};
	struct cxms_turns t;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill_left(rows[i].trips, rows[i].vary, rows[i].skew, rows[i].outer_ns);
		cxms_turns_fit_left(point, N, 1, GAP_NS, work, &t);
		print_message("%s: %g turns of %g, %g/ns\n", rows[i].why, t.run_turns, rows[i].runs,
			      t.per_ns);
		assert_true(t.found);
		/* 10 %: below the end of runs that are alike; of others half of what is left of
		 * each is seen */
		assert_true(fabs(t.run_turns / rows[i].runs - 1) < 0.1);
		assert_true(fabs(t.per_ns * rows[i].outer_ns / t.run_turns - 1) < 0.03);
		assert_true(fabs(t.turns / (t.per_ns * t.time_ns) - 1) < 1e-9);
	}
	/* 16 bytes a nanosecond: each run is sampled five times */
	fill(16, -1, 1e6, 7);
	for (size_t i = 0; i < N; i++)
		point[i].count += 16000000 - 1000;
	cxms_turns_fit_left(point, N, 0, GAP_NS, work, &t);
	assert_true(t.found);
	assert_true(fabs(t.per_ns / 16 - 1) < 0.03);
	fill_left(1000000, false, 1, 200);
	cxms_turns_fit_left(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found); /* faster than any core */
	fill_left(128, false, 1, 200);
	for (size_t i = 0; i < N; i++)
		point[i].outer = i * 2654435761u % 1000;
	cxms_turns_fit_left(point, N, 1, GAP_NS, work, &t);
	assert_false(t.found); /* nothing tells how often it begins */
}

static void test_an_outer_loop_over_the_least_number(void **state)
{
	struct cxms_turns t;
	(void)state;
	for (int down = 0; down < 2; down++) {
		fill_nested(100, 300, 8, 0, 0, 8);
		uint64_t middle = (point[N / 2].outer - 1000) / 8;
		for (size_t i = 0; i < N; i++) {
			uint64_t turn = (point[i].outer - 1000) / 8 - middle;
			point[i].outer = (1ull << 63) + (down ? 0 - turn : turn);
		}
		cxms_turns_fit_nested(point, N, 8, down ? -1 : 1, GAP_NS, work, &t);
		assert_true(t.found);
		assert_true(fabs(t.per_ns * 3 - 1) < 0.02);
	}
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
			point[i].outer = point[i].count = values[(i * 7 + s) % 4];
		cxms_turns_fit(point, N, steps[s], GAP_NS, work, &t);
		assert_true(!t.found || t.per_ns > 0);
		cxms_turns_fit_nested(point, N, steps[s], steps[3 - s], GAP_NS, work, &t);
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
		cmocka_unit_test(test_calls_between_short_runs),
		cmocka_unit_test(test_samples_of_inner_loops_tell_as_well),
		cmocka_unit_test(test_an_inner_loop_longer_than_a_period),
		cmocka_unit_test(test_uneven_gaps_count_once),
		cmocka_unit_test(test_an_inner_loop_by_the_one_around_it),
		cmocka_unit_test(test_inner_loops_that_tell_no_rate),
		cmocka_unit_test(test_turns_that_are_left),
		cmocka_unit_test(test_an_outer_loop_over_the_least_number),
		cmocka_unit_test(test_extreme_values_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

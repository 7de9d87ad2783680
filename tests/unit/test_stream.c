/* Streams: rates found where an address is affine in time, none where it is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/stream.h"

#define N	  2000u
#define PERIOD_NS 200000u
#define GAP_NS	  600000.0
#define BASE	  0x7f0000000000ull

static double work[CXMS_STREAM_MAX_PAIRS];
static struct cxms_stream_point a[N], b[N];

/* A loop over an array of @array_bytes, again and again, sampled with jitter. */
static void fill_stream(struct cxms_stream_point *p, double bytes_per_ns, uint64_t step,
			uint64_t array_bytes, uint64_t base, uint64_t seed)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	uint64_t time = 0;
	for (size_t i = 0; i < N; i++) {
		time += PERIOD_NS - 2000 + cxms_rng_below(&rng, 4000);
		uint64_t moved = (uint64_t)((double)time * fabs(bytes_per_ns)) / step * step;
		uint64_t at = moved % array_bytes;
		p[i] = (struct cxms_stream_point){
			.time_ns = time,
			.addr = base + (bytes_per_ns < 0 ? array_bytes - at : at),
			.thread = 1};
	}
}

static void test_rate_of_affine_addresses(void **state)
{
	(void)state;
	static const struct {
		double bytes_per_ns;
		uint64_t step, array_bytes;
		double lines_per_ns;
		const char *why;
	} rows[] = {
		{10.0, 8, 1ull << 30, 10.0 / 64, "dense: a line every 64 bytes"},
		{-6.4, 8, 1ull << 30, 6.4 / 64, "downwards is as good"},
		{25.6, 256, 1ull << 30, 25.6 / 256, "a line a step when steps are longer"},
		{3.2, 64, 64ull << 20, 3.2 / 64, "wraps often: the jumps back are left out"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_stream s;
		fill_stream(a, rows[i].bytes_per_ns, rows[i].step, rows[i].array_bytes, BASE, i);
		cxms_stream_fit(a, N, GAP_NS, work, &s);
		assert_true(s.found);
		/* 1 %: rounding of addresses to steps against 2 MB between samples, with room */
		assert_true(fabs(s.bytes_per_ns - rows[i].bytes_per_ns) <=
			    0.01 * fabs(rows[i].bytes_per_ns));
		assert_true(fabs(cxms_stream_lines_per_ns(&s, 0, 0) - rows[i].lines_per_ns) <=
			    0.01 * rows[i].lines_per_ns);
	}
}

/* Other programs slow it down half of the time: what it passes in all follows from both speeds. */
static void test_two_speeds_have_their_mean(void **state)
{
	static const struct {
		double slow, share; /* against full speed; of the time */
		bool even;
	} rows[] = {{0.85, 0.5, true}, {0.5, 0.55, false}, {0.5, 0.45, false}, {0.3, 0.3, true}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_stream s = {0};
		struct cxms_rng rng;
		double moved = 0, rate;
		cxms_rng_init(&rng, i);
		for (size_t k = 0; k < N; k++) {
			double speed = 8;
			if (cxms_rng_unit(&rng) < rows[i].share)
				speed *= rows[i].slow;
			moved += k ? speed * PERIOD_NS : 0;
			a[k] = (struct cxms_stream_point){.time_ns = (k + 1) * (uint64_t)PERIOD_NS,
							  .addr = BASE + (uint64_t)moved / 64 * 64,
							  .thread = 1};
		}
		double want = moved / ((N - 1) * (double)PERIOD_NS);
		cxms_stream_fit(a, N, GAP_NS, work, &s);
		assert_int_equal(s.found, rows[i].even);
		assert_int_equal(cxms_stream_dense(a, N, GAP_NS, 6, 10, work, &rate),
				 CXMS_DENSE_YES);
		print_message("%g bytes/ns: %g, dense %g\n", want, s.bytes_per_ns, rate);
		assert_true(fabs(rate / want - 1) < 0.001);
		if (s.found)
			assert_true(fabs(s.bytes_per_ns / want - 1) < 0.001);
	}
}

static void test_random_order_is_no_stream(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct cxms_rng rng;
		struct cxms_stream s;
		cxms_rng_init(&rng, seed);
		for (size_t i = 0; i < N; i++)
			a[i] = (struct cxms_stream_point){
				.time_ns = (i + 1) * PERIOD_NS,
				.addr = BASE + cxms_rng_below(&rng, 1u << 28) / 64 * 64,
				.thread = 1};
		cxms_stream_fit(a, N, GAP_NS, work, &s);
		assert_false(s.found);
	}
}

static void test_few_or_distant_samples_are_no_stream(void **state)
{
	(void)state;
	struct cxms_stream s;
	fill_stream(a, 5.0, 8, 1ull << 30, BASE, 1);
	cxms_stream_fit(a, 10, GAP_NS, work, &s); /* nine pairs */
	assert_false(s.found);
	cxms_stream_fit(a, 11, GAP_NS, work, &s);
	assert_true(s.found);
	cxms_stream_fit(a, N, PERIOD_NS / 2.0, work, &s); /* none close enough */
	assert_false(s.found);
	cxms_stream_fit(a, 0, GAP_NS, work, &s);
	assert_false(s.found);
	for (size_t i = 0; i < N; i++)
		a[i].thread = (uint32_t)i; /* never the same thread twice */
	cxms_stream_fit(a, N, GAP_NS, work, &s);
	assert_false(s.found);
	for (size_t i = 0; i < N; i++)
		a[i] = (struct cxms_stream_point){.time_ns = i * PERIOD_NS, .addr = BASE};
	cxms_stream_fit(a, N, GAP_NS, work, &s); /* stands still */
	assert_false(s.found);
}

/* Two inputs that are merged: each moves by words, now and then not at all. */
static void test_dense_walk_need_not_be_even(void **state)
{
	(void)state;
	double rate = 0;
	struct cxms_rng rng;
	cxms_rng_init(&rng, 5);
	uint64_t at = 0;
	for (size_t i = 0; i < N; i++) {
		a[i] = (struct cxms_stream_point){
			.time_ns = (i + 1) * PERIOD_NS, .addr = BASE + 8 * at, .thread = 1};
		at += 1 + cxms_rng_below(&rng, PERIOD_NS); /* a use in a nanosecond, at most */
	}
	assert_int_equal(cxms_stream_dense(a, N, GAP_NS, 24, 8, work, &rate), CXMS_DENSE_YES);
	assert_true(rate > 3 && rate < 5); /* 4 bytes in a nanosecond on average */
	/* faster than uses */
	assert_int_equal(cxms_stream_dense(a, N, GAP_NS, 24, 3, work, &rate), CXMS_DENSE_NO);
	/* 23 pairs */
	assert_int_equal(cxms_stream_dense(a, 24, GAP_NS, 24, 8, work, &rate), CXMS_DENSE_OPEN);
}

/* One in a hundred, as the header says; of 24 pairs and more. */
static void test_random_order_is_no_dense_walk(void **state)
{
	(void)state;
	unsigned taken = 0;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct cxms_rng rng;
		double rate;
		cxms_rng_init(&rng, seed);
		for (size_t i = 0; i < 25; i++)
			a[i] = (struct cxms_stream_point){
				.time_ns = (i + 1) * PERIOD_NS,
				.addr = BASE + cxms_rng_below(&rng, 1u << 17) * 8,
				.thread = 1};
		taken += cxms_stream_dense(a, 25, GAP_NS, 24, 8, work, &rate) == CXMS_DENSE_YES;
	}
	assert_true(taken <= 20);
}

/* Two instructions sampled in turn: copies of one loop are close, another array is far. */
static void test_distance_tells_copies_from_other_arrays(void **state)
{
	(void)state;
	fill_stream(a, 8.0, 8, 1ull << 30, BASE, 7);
	for (size_t i = 0; i < N; i++) {
		b[i] = a[i];
		b[i].time_ns += PERIOD_NS / 2;
		b[i].addr += (uint64_t)(8.0 * PERIOD_NS / 2) + 32;
	}
	assert_true(cxms_stream_distance(a, N, b, N, 8.0, GAP_NS, work) < 1024);
	for (size_t i = 0; i < N; i++)
		b[i].addr += 256ull << 20;
	assert_true(cxms_stream_distance(a, N, b, N, 8.0, GAP_NS, work) > 100e6);
	for (size_t i = 0; i < N; i++)
		b[i].thread = 2;
	assert_true(isinf(cxms_stream_distance(a, N, b, N, 8.0, GAP_NS, work)));
	assert_true(isinf(cxms_stream_distance(a, 0, b, N, 8.0, GAP_NS, work)));
}

static void test_lines_of_a_turn(void **state)
{
	static const struct {
		double step_bytes, step_lines, want;
		const char *why;
	} rows[] = {
		{8, 1, 10.0 / 64, "a word a turn: a line in eight"},
		{256, 4, 10.0 / 64, "unrolled, all lines of the step"},
		{256, 1, 10.0 / 256, "one line a step"},
		{256, 2, 10.0 / 128, "two of four"},
		{64, 5, 10.0 / 64, "no more lines than are passed"},
		{0, 0, 10.0 / 512, "no loop known: the common divisor"},
	};
	const struct cxms_stream s = {.found = true, .bytes_per_ns = -10, .stride_bytes = 512};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double got = cxms_stream_lines_per_ns(&s, rows[i].step_bytes, rows[i].step_lines);
		print_message("%s: %g\n", rows[i].why, got);
		assert_true(fabs(got - rows[i].want) < 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_of_affine_addresses),
		cmocka_unit_test(test_two_speeds_have_their_mean),
		cmocka_unit_test(test_random_order_is_no_stream),
		cmocka_unit_test(test_few_or_distant_samples_are_no_stream),
		cmocka_unit_test(test_dense_walk_need_not_be_even),
		cmocka_unit_test(test_random_order_is_no_dense_walk),
		cmocka_unit_test(test_distance_tells_copies_from_other_arrays),
		cmocka_unit_test(test_lines_of_a_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "core/predict.h"

#define N_DRAM	12
#define N_CACHE 4
#define N_STORE 4
#define N_POINT (N_DRAM + N_CACHE + N_STORE)

static const struct cxms_counts not_counted = {.cycles = -1,
					       .instructions = -1,
					       .stalls_l1d = -1,
					       .stalls_l2 = -1,
					       .stalls_l3 = -1,
					       .bound_on_stores = -1,
					       .demand_rd = -1,
					       .demand_rd_cycles = -1,
					       .l3_miss = -1,
					       .l1_miss = -1,
					       .fb_hit = -1,
					       .pf_any = -1,
					       .pf_l3_hit = -1};

/* Powers of two throughout: every sum below is exact. */
static const struct cxms_predictor exact = {.a = 32,
					    .b = 0.5,
					    .d = 0.0078125,
					    .cache = 4,
					    .cache_offset = 0.015625,
					    .store = 0.25,
					    .store_offset = -0.03125,
					    .added_ps = 1e5,
					    .points = {1, 1, 1}};

static struct cxms_counts dram_counts(double stalled, double aol)
{
	struct cxms_counts c = not_counted;
	c.cycles = 1024 * 1024;
	c.stalls_l3 = stalled * c.cycles;
	c.demand_rd = 4096;
	c.demand_rd_cycles = aol * c.demand_rd;
	return c;
}

static void test_known_decomposition_comes_through_to_the_last_digit(void **state)
{
	struct cxms_counts c = dram_counts(0.5, 64); /* 0.5 / (32/64 + 0.5) + d */
	double out[CXMS_TERM_COUNT];

	(void)state;
	c.pf_any = 1024;
	c.pf_l3_hit = 512; /* half off chip */
	c.fb_hit = 3072;
	c.l1_miss = 1024; /* three quarters meet a fill */
	c.stalls_l2 = 0.5 * c.cycles;
	c.stalls_l1d = 0.625 * c.cycles; /* an eighth */
	c.bound_on_stores = 0.25 * c.cycles;
	cxms_predict(&exact, &c, out);
	assert_true(out[CXMS_TERM_DRAM] == 0.5 + 0.0078125);
	assert_true(out[CXMS_TERM_CACHE] == 4 * 0.5 * 0.75 * 0.125 + 0.015625);
	assert_true(out[CXMS_TERM_STORE] == 0.25 * 0.25 - 0.03125);
}

static void test_terms_not_counted_or_not_fitted_add_nothing(void **state)
{
	struct cxms_predictor p = exact;
	struct cxms_counts c = dram_counts(0.5, 64);
	double out[CXMS_TERM_COUNT];

	(void)state;
	cxms_predict(&p, &c, out);
	assert_true(out[CXMS_TERM_DRAM] > 0);
	assert_true(out[CXMS_TERM_CACHE] == 0 && out[CXMS_TERM_STORE] == 0);
	p.points[CXMS_TERM_DRAM] = 0;
	cxms_predict(&p, &c, out);
	assert_true(out[CXMS_TERM_DRAM] == 0);
	/* the offset of a program that never waits is no slowdown; nor is anything negative */
	c = dram_counts(0, 64);
	cxms_predict(&exact, &c, out);
	assert_true(out[CXMS_TERM_DRAM] == 0);
	c = not_counted;
	c.cycles = 1024;
	c.bound_on_stores = 16;
	cxms_predict(&exact, &c, out);
	assert_true(out[CXMS_TERM_STORE] == 0);
}

static void test_more_parallelism_waits_less(void **state)
{
	double before = INFINITY;

	(void)state;
	for (double aol = 512; aol >= 8; aol /= 2) {
		struct cxms_counts c = dram_counts(0.5, aol);
		double out[CXMS_TERM_COUNT];

		cxms_predict(&exact, &c, out);
		assert_true(out[CXMS_TERM_DRAM] < before);
		before = out[CXMS_TERM_DRAM];
	}
}

/* Kernels that follow @p; @noise: of the slowdowns, alternately up and down. */
static void make_points(const struct cxms_predictor *p, double noise, struct cxms_fit_point *point)
{
	for (int i = 0; i < N_POINT; i++) {
		struct cxms_counts c = dram_counts(0.25 + 0.04 * (i % 5), 16 << i % 4);
		double out[CXMS_TERM_COUNT], sum = 0;

		point[i].term = CXMS_TERM_DRAM;
		if (i >= N_DRAM) {
			c.pf_any = 1000;
			c.pf_l3_hit = 100;
			c.l1_miss = c.fb_hit = 500;
			c.stalls_l2 = 1000;
			c.stalls_l1d = 1000 + 0.1 * (i - N_DRAM + 1) * c.cycles;
			point[i].term = CXMS_TERM_CACHE;
		}
		if (i >= N_DRAM + N_CACHE) {
			c.bound_on_stores = 0.2 * (i - N_DRAM - N_CACHE + 1) * c.cycles;
			point[i].term = CXMS_TERM_STORE;
		}
		cxms_predict(p, &c, out);
		for (int t = 0; t < CXMS_TERM_COUNT; t++)
			sum += out[t];
		point[i].counts = c;
		point[i].slowdown = 1 + sum + (i % 2 ? noise : -noise);
	}
}

static void assert_near(double got, double want, double ratio)
{
	if (fabs(got - want) > ratio * fabs(want))
		fail_msg("got %.17g, want %.17g within %g of it", got, want, ratio);
}

static void test_a_fit_finds_the_coefficients_again(void **state)
{
	struct cxms_fit_point point[N_POINT];
	struct cxms_predictor got;

	(void)state;
	make_points(&exact, 0, point);
	assert_int_equal(cxms_predictor_fit(point, N_POINT, 1e5, &got, NULL), 0);
	/* rounding of the normal equations: their condition squared, 1e3 at most here */
	assert_near(got.a, exact.a, 1e-8);
	assert_near(got.b, exact.b, 1e-8);
	assert_near(got.d, exact.d, 1e-6);
	assert_near(got.cache, exact.cache, 1e-8);
	assert_near(got.cache_offset, exact.cache_offset, 1e-6);
	assert_near(got.store, exact.store, 1e-8);
	assert_near(got.store_offset, exact.store_offset, 1e-6);
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		assert_true(got.residual[t] < 1e-9);
	assert_true(got.added_ps == 1e5);
	assert_true(got.points[CXMS_TERM_DRAM] == N_DRAM);
}

static void test_residuals_tell_the_noise(void **state)
{
	struct cxms_fit_point point[N_POINT];
	struct cxms_predictor got;

	(void)state;
	make_points(&exact, 0.01, point);
	assert_int_equal(cxms_predictor_fit(point, N_POINT, 1e5, &got, NULL), 0);
	/* the noise is 0.01 at every point; a fit takes up part of it, degrees of freedom give it
	 * back on average */
	assert_in_range((int)(1e4 * got.residual[CXMS_TERM_DRAM]), 70, 150);
	assert_in_range((int)(1e4 * got.residual[CXMS_TERM_STORE]), 50, 200);
}

static void test_points_that_do_not_determine_the_fit_are_refused(void **state)
{
	struct cxms_fit_point point[N_POINT];
	struct cxms_predictor got = {.a = 77};
	struct cxms_err err = {0};

	(void)state;
	make_points(&exact, 0, point);
	for (int i = 0; i < N_DRAM; i++) /* one parallelism only */
		point[i].counts.demand_rd_cycles = 64 * point[i].counts.demand_rd;
	assert_int_equal(cxms_predictor_fit(point, N_POINT, 1e5, &got, &err), -EDOM);
	assert_non_null(strstr(err.msg, "different parallelism"));
	cxms_err_clear(&err);
	make_points(&exact, 0, point);
	assert_int_equal(cxms_predictor_fit(point, 3, 1e5, &got, &err), -ENODATA);
	cxms_err_clear(&err);
	assert_int_equal(cxms_predictor_fit(point, N_POINT, 0, &got, &err), -EINVAL);
	cxms_err_clear(&err);
	point[2].counts.stalls_l3 = -1;
	assert_int_equal(cxms_predictor_fit(point, N_POINT, 1e5, &got, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "kernel 2"));
	assert_true(got.a == 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_decomposition_comes_through_to_the_last_digit),
		cmocka_unit_test(test_terms_not_counted_or_not_fitted_add_nothing),
		cmocka_unit_test(test_more_parallelism_waits_less),
		cmocka_unit_test(test_a_fit_finds_the_coefficients_again),
		cmocka_unit_test(test_residuals_tell_the_noise),
		cmocka_unit_test(test_points_that_do_not_determine_the_fit_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

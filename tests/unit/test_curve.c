/* Measured curves: cut at the peak, made to rise, read back between the points. */
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
#include "base/rng.h"
#include "mem/curve.h"

static void near_to(double got, double want, const char *why)
{
	if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
		fail_msg("%s: got %.9g, want %.9g", why, got, want);
}

static struct cxms_curve *curve(const struct cxms_curve_points *p, size_t n)
{
	struct cxms_curve *c = NULL;
	struct cxms_err err = {0};
	if (cxms_curve_new(p, n, &c, &err))
		fail_msg("%s", err.msg);
	return c;
}

static const double bw[] = {0, 25e9, 50e9, 75e9, 100e9, 90e9, 80e9};
static const double lat[] = {100e3, 110e3, 130e3, 170e3, 300e3, 700e3, 900e3};
static const double bw_mix[] = {0, 20e9, 40e9, 50e9};
static const double lat_mix[] = {104e3, 124e3, 164e3, 404e3};
static const struct cxms_curve_points two[] = {{0.5, 4, bw_mix, lat_mix}, {1, 7, bw, lat}};

static void test_points_come_out_again(void **state)
{
	struct cxms_curve *c = curve(two, 2);
	(void)state;
	for (size_t i = 0; i < 5; i++)
		near_to(cxms_curve_added_ps(c, bw[i] / 100e9, 1), lat[i] - 100e3, "all reads");
	for (size_t i = 0; i < 4; i++)
		near_to(cxms_curve_added_ps(c, bw_mix[i] / 50e9, 0.5), lat_mix[i] - 104e3, "half");
	near_to(cxms_curve_added_ps(c, 0.375, 1), 20e3, "half way between two points");
	near_to(cxms_curve_added_ps(c, 0.4, 0.75), (22e3 + 20e3) / 2, "half way between shares");
	near_to(cxms_curve_added_ps(c, 7, 1), 200e3, "the peak's beyond the peak");
	near_to(cxms_curve_added_ps(c, 0, 0.7), 0, "idle");
	near_to(cxms_curve_idle_ps(c), 100e3, "lowest of the shares");
	cxms_curve_free(c);
}

static void test_peaks_and_the_branch_behind_them(void **state)
{
	struct cxms_curve *c = curve(two, 2);
	(void)state;
	near_to(cxms_curve_peak(c, 1), 100e9, "branch behind the peak does not count");
	near_to(cxms_curve_peak(c, 0.5), 50e9, "as measured");
	near_to(cxms_curve_peak(c, 0.75), 1e9 / 0.015, "a line costs the mean of 1/50 and 1/100");
	near_to(cxms_curve_peak(c, 0.1), 50e9, "flat below");
	near_to(cxms_curve_over_ps(c, 1), 600e3, "900 ns behind a peak at 300");
	near_to(cxms_curve_over_ps(c, 0.5), 0, "no branch");
	assert_false(cxms_curve_beyond(c, 0.5));
	assert_false(cxms_curve_beyond(c, 0.8));
	assert_true(cxms_curve_beyond(c, 0.49));
	cxms_curve_free(c);
}

/* Order and scatter of the points: any measurement gives a curve that rises. */
static void test_any_measurement_rises(void **state)
{
	struct cxms_rng r;
	(void)state;
	cxms_rng_init(&r, 11);
	for (int k = 0; k < 500; k++) {
		double b[40], l[40];
		size_t n = 1 + cxms_rng_below(&r, 40);
		for (size_t i = 0; i < n; i++) {
			b[i] = 1e9 + 50e9 * cxms_rng_unit(&r);
			l[i] = 1e5 + b[i] / 1e6 + 1e5 * cxms_rng_unit(&r);
		}
		struct cxms_curve_points p = {cxms_rng_unit(&r), n, b, l};
		struct cxms_curve *c = curve(&p, 1);
		double before = 0, top = cxms_curve_added_ps(c, 1, 0.5);
		for (double u = 0; u <= 1.02; u += 1.0 / 64) {
			double now = cxms_curve_added_ps(c, u, 0.5);
			if (!(now >= before && now <= top) ||
			    (u < 1 && u > 0 && top > 0 && now <= before))
				fail_msg("case %d: %g after %g at u %g", k, now, before, u);
			before = now;
		}
		cxms_curve_free(c);
	}
}

/* Least squares: a pooled stretch is at its mean, so no sum of latency is lost. */
static void test_scatter_is_averaged(void **state)
{
	static const double b[] = {0, 10e9, 20e9, 30e9, 40e9};
	static const double l[] = {100e3, 140e3, 120e3, 130e3, 200e3};
	static const struct cxms_curve_points p = {1, 5, b, l};
	struct cxms_curve *c = curve(&p, 1);
	(void)state;
	near_to(cxms_curve_added_ps(c, 0.5, 1), 30e3, "mean of 140, 120 and 130");
	near_to(cxms_curve_added_ps(c, 0.25, 1), 15e3, "half way to the pooled stretch");
	near_to(cxms_curve_added_ps(c, 0.75, 1), 65e3, "half way from it to the peak");
	cxms_curve_free(c);
}

static void test_a_single_point_is_a_peak_without_queue(void **state)
{
	static const double b[] = {10e9}, l[] = {100e3};
	static const struct cxms_curve_points p = {0.7, 1, b, l};
	struct cxms_curve *c = curve(&p, 1);
	(void)state;
	near_to(cxms_curve_peak(c, 0.2), 10e9, "peak");
	near_to(cxms_curve_added_ps(c, 0.5, 1), 0, "flat");
	cxms_curve_free(c);
}

static void test_what_is_no_curve_is_refused(void **state)
{
	static const double zero[] = {0, 0}, negative[] = {-1, 2}, nan_ps[] = {1, NAN},
			    ok[] = {1, 2};
	static const struct {
		struct cxms_curve_points p[2];
		size_t n;
		const char *says;
	} rows[] = {
		{{{0}}, 0, "no points"},
		{{{1, 0, ok, ok}}, 1, "no points"},
		{{{1, 2, zero, ok}}, 1, "no bandwidth"},
		{{{1, 2, negative, ok}}, 1, "negative"},
		{{{1, 2, ok, nan_ps}}, 1, "not a number"},
		{{{1, 2, ok, ok}, {0.5, 2, ok, ok}}, 2, "must rise"},
		{{{1.5, 2, ok, ok}}, 1, "must rise"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_curve *c = NULL;
		struct cxms_err err = {0};
		assert_int_equal(cxms_curve_new(rows[i].p, rows[i].n, &c, &err), -EINVAL);
		assert_non_null(strstr(err.msg, rows[i].says));
		assert_null(c);
	}
	cxms_curve_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points_come_out_again),
		cmocka_unit_test(test_peaks_and_the_branch_behind_them),
		cmocka_unit_test(test_any_measurement_rises),
		cmocka_unit_test(test_scatter_is_averaged),
		cmocka_unit_test(test_a_single_point_is_a_peak_without_queue),
		cmocka_unit_test(test_what_is_no_curve_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

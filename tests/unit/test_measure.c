/* Curves found by asking, and hit ratios found by a formula, against the devices themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "devices.h"
#include "mem/measure.h"
#include "mem/paged.h"
#include "mem/server.h"
#include "near.h"

static const struct cxms_measure how = {1ull << 36, 20000, 1};

static struct cxms_curve *measure(const struct cxms_device_cfg *c)
{
	struct cxms_curve *curve = NULL;
	struct cxms_err err = {0};
	if (cxms_measure_device(c, &how, &curve, &err))
		fail_msg("%s", err.msg);
	return curve;
}

/* A device with a known answer: M/D/1 at its caps. */
static void test_a_fixed_device_is_measured_as_md1(void **state)
{
	struct cxms_device_cfg c = device_cfg(CXMS_DEVICE_FIXED);
	(void)state;
	c.total_cap = 32e9;
	c.write_cap = 16e9;
	struct cxms_curve *m = measure(&c);
	/* 2 %: more is asked for 20000 lines only, and begins from an empty device */
	near_pct(cxms_curve_peak(m, 1), 32e9, 2, "peak", 1);
	near_pct(cxms_curve_peak(m, 0.5), 32e9, 2, "peak", 0.5);
	near_pct(cxms_curve_peak(m, 0), 16e9, 2, "peak", 0);
	for (double u = 0.2; u < 0.75; u += 0.1)
		/* linear between the loads asked for, above a curve that bends up */
		near_pct(cxms_curve_added_ps(m, u, 1), u / (2 * (1 - u)) * 2000, 12, "wait", u);
	cxms_curve_free(m);
}

/* The banks' curve in the closed form gives what the banks themselves give to a closed load. */
static void test_banks_by_curve_and_by_request_agree(void **state)
{
	struct cxms_device_cfg c = ddr5(8);
	struct cxms_curve *m = measure(&c);
	(void)state;
	near_pct(cxms_curve_peak(m, 1), 8 * 64 / 1667e-12 * 0.924, 3, "peak", 1);
	assert_true(cxms_curve_peak(m, 0.5) < 0.85 * cxms_curve_peak(m, 1));
	near_pct(cxms_curve_idle_ps(m), 295e3 * 295e3 / 2 / 3900e3, 15, "refresh", 0);
	for (double u = 0.3; u < 0.85; u += 0.1) {
		struct cxms_device *d = NULL;
		struct cxms_rng r;
		double at = 0, sum = 0, gap = 64 / (u * cxms_curve_peak(m, 1)) * 1e12;
		size_t n = 100000;
		assert_int_equal(cxms_device_new(&c, &d, NULL), 0);
		cxms_rng_init(&r, 99);
		for (size_t i = 0; i < n; i++) {
			at += poisson_gap(&r, gap);
			sum += (double)cxms_device_request(
				d, false, cxms_rng_below(&r, 1ull << 36) & ~63ull, (uint64_t)at);
		}
		near_pct(cxms_curve_idle_ps(m) + cxms_curve_added_ps(m, u, 1), sum / (double)n, 12,
			 "added", u);
		cxms_device_free(d);
	}
	cxms_curve_free(m);
}

static void test_the_same_figures_give_the_same_curve(void **state)
{
	struct cxms_device_cfg c = ddr5(1);
	struct cxms_curve *a = measure(&c), *b = measure(&c);
	(void)state;
	for (double u = 0; u <= 1; u += 0.05) {
		double x = cxms_curve_added_ps(a, u, u), y = cxms_curve_added_ps(b, u, u);
		assert_memory_equal(&x, &y, sizeof(x));
	}
	cxms_curve_free(a);
	cxms_curve_free(b);
}

static void test_what_cannot_be_measured_is_refused(void **state)
{
	struct cxms_device_cfg c = device_cfg(CXMS_DEVICE_FIXED);
	struct cxms_measure few = how;
	struct cxms_curve *m = NULL;
	struct cxms_err err = {0};
	(void)state;
	assert_int_equal(cxms_measure_device(&c, &how, &m, &err), -ERANGE);
	few.lines = 10;
	assert_int_equal(cxms_measure_device(&c, &few, &m, NULL), -EINVAL);
	c.total_cap = -1;
	assert_int_equal(cxms_measure_device(&c, &how, &m, NULL), -EINVAL);
	assert_null(m);
}

/* Page popularity as Zipf's law, one page a class. */
enum { PAGES = 4096 };

static double *zipf(double s, struct cxms_paged_class *c)
{
	double *sum = calloc(PAGES, sizeof(*sum)), all = 0;
	for (size_t i = 0; i < PAGES; i++) {
		c[i] = (struct cxms_paged_class){pow((double)i + 1, -s), 1};
		sum[i] = all += c[i].rate;
	}
	return sum;
}

static size_t draw(const double *sum, struct cxms_rng *r)
{
	double x = cxms_rng_unit(r) * sum[PAGES - 1];
	size_t lo = 0, hi = PAGES - 1;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (sum[mid] > x)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void test_hit_ratio_is_that_of_the_buffer(void **state)
{
	static const double skew[] = {0, 0.6, 1, 1.3};
	static struct cxms_paged_class c[PAGES];
	(void)state;
	for (size_t k = 0; k < 4; k++) {
		double *sum = zipf(skew[k], c);
		for (uint64_t buffer = 16; buffer <= 2048; buffer *= 8) {
			struct cxms_device_cfg cfg = device_cfg(CXMS_DEVICE_PAGED);
			struct cxms_device_sums before, after;
			struct cxms_device *d = NULL;
			struct cxms_rng r;
			cfg.page_bytes = 4096;
			cfg.buffer_bytes = buffer * 4096;
			cfg.fetch_ps = 1;
			cfg.depth = 1;
			cfg.backing_bytes_per_s = INFINITY;
			assert_int_equal(cxms_device_new(&cfg, &d, NULL), 0);
			cxms_rng_init(&r, 12);
			size_t n = 100000;
			for (size_t i = 0; i < 2 * n; i++) {
				if (i == n)
					cxms_device_sums(d, &before);
				cxms_device_request(d, false, draw(sum, &r) * 4096, i * 1000000);
			}
			cxms_device_sums(d, &after);
			double got = (double)(after.page_hits - before.page_hits) / (double)n;
			/* three standard deviations of the count, and the formula's own error */
			if (fabs(cxms_paged_hit_ratio(c, PAGES, (double)buffer, NULL) - got) > 0.01)
				fail_msg("skew %g, buffer %llu: formula %g, buffer %g", skew[k],
					 (unsigned long long)buffer,
					 cxms_paged_hit_ratio(c, PAGES, (double)buffer, NULL), got);
			cxms_device_free(d);
		}
		free(sum);
	}
}

static void test_hit_ratio_by_class(void **state)
{
	static const struct cxms_paged_class c[] = {{10, 100}, {1, 1000}, {0, 5000}};
	double hit[3], before = 0;
	(void)state;
	for (double buffer = 1; buffer < 1200; buffer *= 1.5) {
		double all = cxms_paged_hit_ratio(c, 3, buffer, hit);
		assert_true(all > before && all <= 1);
		assert_true(hit[0] >= hit[1]);
		near_pct(all, (hit[0] * 1000 + hit[1] * 1000) / 2000, 1e-6, "by class", buffer);
		before = buffer < 1100 ? all : 0;
	}
	near_pct(cxms_paged_hit_ratio(c, 3, 1100, NULL), 1, 1e-9, "all that is asked fits", 1100);
	static const struct cxms_paged_class even = {3, 1000};
	near_pct(cxms_paged_hit_ratio(&even, 1, 250, NULL), 0.25, 1e-6, "uniform: its share", 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fixed_device_is_measured_as_md1),
		cmocka_unit_test(test_banks_by_curve_and_by_request_agree),
		cmocka_unit_test(test_the_same_figures_give_the_same_curve),
		cmocka_unit_test(test_what_cannot_be_measured_is_refused),
		cmocka_unit_test(test_hit_ratio_is_that_of_the_buffer),
		cmocka_unit_test(test_hit_ratio_by_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

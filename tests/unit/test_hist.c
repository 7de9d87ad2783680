/* Histogram: percentiles against a sort, merging, the ends of the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "base/hist.h"
#include "base/rng.h"

enum { N = 20000 };

static struct cxms_hist *new_hist(void)
{
	struct cxms_hist *h = calloc(1, sizeof(*h));
	assert_non_null(h);
	return h;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void test_percentiles_are_within_the_stated_error_of_a_sort(void **state)
{
	static const uint32_t ppm[] = {0, 1, 10000, 500000, 900000, 990000, 999000, 1000000};
	struct cxms_rng rng;
	uint64_t *v = calloc(N, sizeof(*v));
	(void)state;
	assert_non_null(v);
	cxms_rng_init(&rng, 11);
	for (unsigned bits = 1; bits <= 64; bits += 3) {
		struct cxms_hist *h = new_hist();
		for (size_t i = 0; i < N; i++) {
			v[i] = cxms_rng_u64(&rng) >> (64 - bits);
			v[i] >>= cxms_rng_below(&rng, bits); /* many magnitudes */
			cxms_hist_add(h, v[i]);
		}
		qsort(v, N, sizeof(*v), by_value);
		for (size_t k = 0; k < sizeof(ppm) / sizeof(*ppm); k++) {
			size_t rank = ((size_t)N * ppm[k] + 999999) / 1000000;
			uint64_t want = v[rank ? rank - 1 : 0];
			uint64_t got = cxms_hist_quantile(h, ppm[k]);
			double off = (double)(got > want ? got - want : want - got);
			assert_true(off <= (double)want * CXMS_HIST_ERROR_RATIO);
			assert_true(got <= v[N - 1]);
		}
		free(h);
	}
	free(v);
}

static void test_buckets_rise_and_cover_everything(void **state)
{
	(void)state;
	uint32_t last = 0;
	for (unsigned bit = 1; bit < 64; bit++)
		for (unsigned beside = 0; beside < 3; beside++) {
			uint32_t b = cxms_hist_bucket((1ull << bit) - 1 + beside);
			assert_true(b < CXMS_HIST_BUCKETS);
			assert_true(b >= last || beside == 0);
			last = b;
		}
	assert_int_equal(cxms_hist_bucket(UINT64_MAX), CXMS_HIST_BUCKETS - 1);
}

/* A weight is the same as adding as often. */
static void test_merge_weighs(void **state)
{
	struct cxms_hist *a = new_hist(), *b = new_hist(), *both = new_hist();
	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		cxms_hist_add(a, i * i);
		cxms_hist_add(both, i * i);
		cxms_hist_add(b, i * 7);
		for (int k = 0; k < 3; k++)
			cxms_hist_add(both, i * 7);
	}
	cxms_hist_merge(a, b, 3);
	cxms_hist_merge(a, b, 0);
	assert_memory_equal(a, both, sizeof(*a));
	free(a);
	free(b);
	free(both);
}

static void test_empty_has_no_percentile(void **state)
{
	struct cxms_hist *h = new_hist();
	(void)state;
	assert_int_equal(cxms_hist_quantile(h, 500000), 0);
	cxms_hist_add(h, 1234567);
	assert_int_equal(cxms_hist_quantile(h, 0), cxms_hist_quantile(h, 1000000));
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles_are_within_the_stated_error_of_a_sort),
		cmocka_unit_test(test_buckets_rise_and_cover_everything),
		cmocka_unit_test(test_merge_weighs),
		cmocka_unit_test(test_empty_has_no_percentile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/rng.h"

static void test_published_vectors(void **state)
{
	(void)state;
	/* splitmix64 from seed 0, as printed by Vigna's reference code */
	assert_true(cxms_hash_u64(0) == 0xe220a8397b1dcdafull);
	assert_true(cxms_hash_u64(0x9e3779b97f4a7c15ull) == 0x6e789e6aa1b965f4ull);
	/* xoshiro256** from state {1, 2, 3, 4}, as in the reference code's ports */
	struct cxms_rng r = {.s = {1, 2, 3, 4}};
	assert_true(cxms_rng_u64(&r) == 11520);
	assert_true(cxms_rng_u64(&r) == 0);
	assert_true(cxms_rng_u64(&r) == 1509978240);
	assert_true(cxms_rng_u64(&r) == 1215971899390074240ull);
}

static void test_seed_decides_everything(void **state)
{
	(void)state;
	struct cxms_rng a, b, c;
	cxms_rng_init(&a, 5);
	cxms_rng_init(&b, 5);
	cxms_rng_init(&c, 6);
	int differ = 0;
	for (int i = 0; i < 100; i++) {
		uint64_t v = cxms_rng_u64(&a);
		assert_true(v == cxms_rng_u64(&b));
		differ += v != cxms_rng_u64(&c);
	}
	assert_int_equal(differ, 100);
}

static void test_below_is_even(void **state)
{
	(void)state;
	enum { N = 7, DRAWS = 70000 };
	struct cxms_rng r;
	int seen[N] = {0};
	cxms_rng_init(&r, 1);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t v = cxms_rng_below(&r, N);
		assert_in_range(v, 0, N - 1);
		seen[v]++;
	}
	/* mean 10,000, standard deviation 93: five of them on either side; the seed is fixed */
	for (int i = 0; i < N; i++)
		assert_in_range(seen[i], 10000 - 465, 10000 + 465);
	assert_int_equal(cxms_rng_below(&r, 1), 0);
}

static void test_unit_is_half_open(void **state)
{
	(void)state;
	struct cxms_rng r;
	double sum = 0;
	cxms_rng_init(&r, 1);
	for (int i = 0; i < 100000; i++) {
		double v = cxms_rng_unit(&r);
		assert_true(v >= 0 && v < 1);
		sum += v;
	}
	/* mean 0.5, standard deviation of the mean 0.0009 */
	assert_true(sum > 0.495 * 100000 && sum < 0.505 * 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_seed_decides_everything),
		cmocka_unit_test(test_below_is_even),
		cmocka_unit_test(test_unit_is_half_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Policies: which pages stay local, by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "policy/policy.h"

#define SMALL 4096u
#define HUGE  2097152u

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < cxms_policy_count(); i++) {
		const struct cxms_policy_ops *p = cxms_policy_at(i);
		assert_int_equal(p->abi, CXMS_POLICY_ABI);
		assert_non_null(p->split);
		assert_true(p->summary[0] != '\0');
		assert_ptr_equal(cxms_policy_find(p->name), p);
	}
	assert_null(cxms_policy_find("no-such"));
	assert_null(cxms_policy_find(""));
	assert_false(cxms_policy_page_interleave.needs & CXMS_POLICY_NEEDS_HEAT);
	assert_true(cxms_policy_hot_local.needs & CXMS_POLICY_NEEDS_HEAT);
}

static void test_who_stays_local(void **state)
{
	static const struct cxms_policy_page page[] = {
		{.key = 1, .bytes = SMALL, .touch_rank = 3, .heat = 5},
		{.key = 2, .bytes = SMALL, .touch_rank = 0, .heat = 9},
		{.key = 3, .bytes = SMALL, .touch_rank = 2, .heat = 0},
		{.key = 4, .bytes = SMALL, .touch_rank = 1, .heat = 7},
	};
	static const struct {
		const char *policy, *want;
		double pct;
		const char *why;
	} rows[] = {
		{"first-touch", "0101", 50, "ranks 0 and 1"},
		{"first-touch", "0111", 75, "and 2"},
		{"hot-local", "0101", 50, "heat 9 and 7"},
		{"cold-local", "1010", 50, "heat 0 and 5"},
		{"first-touch", "0000", 12.4, "less than half of a page"},
		{"first-touch", "0100", 12.6, "more than half of a page"},
		{"cold-local", "1111", 100, "all"},
		{"hot-local", "0000", 0, "none"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t local[4];
		const struct cxms_policy_ops *p = cxms_policy_find(rows[i].policy);
		assert_int_equal(p->split(page, 4, rows[i].pct, 1, local, NULL), 0);
		print_message("%s at %g: %s\n", rows[i].policy, rows[i].pct, rows[i].why);
		for (int k = 0; k < 4; k++)
			assert_int_equal(local[k], rows[i].want[k] - '0');
	}
}

/* A huge page takes the room of 512 small ones: what counts is heat per byte. */
static void test_heat_counts_per_byte(void **state)
{
	static const struct cxms_policy_page page[] = {{.bytes = HUGE, .heat = 100},
						       {.bytes = SMALL, .heat = 1},
						       {.bytes = HUGE, .heat = 1}};
	uint8_t local[3];
	(void)state;
	assert_int_equal(cxms_policy_hot_local.split(page, 3, 0.1, 1, local, NULL), 0);
	assert_true(!local[0] && local[1] && !local[2]);
}

static void test_interleave_is_even_and_by_seed(void **state)
{
	enum { N = 20000 };
	static struct cxms_policy_page page[N];
	static uint8_t a[N], b[N];
	double runs = 0, same = 0, local = 0;
	(void)state;
	for (size_t i = 0; i < N; i++)
		page[i] = (struct cxms_policy_page){
			.key = cxms_hash_u64(i), .bytes = SMALL, .touch_rank = i};
	assert_int_equal(cxms_policy_page_interleave.split(page, N, 30, 1, a, NULL), 0);
	assert_int_equal(cxms_policy_page_interleave.split(page, N, 30, 2, b, NULL), 0);
	for (size_t i = 0; i < N; i++) {
		local += a[i];
		same += a[i] == b[i];
		runs += i && a[i] != a[i - 1];
	}
	assert_true(fabs(local - 0.3 * N) < 1);
	/* independent neighbours and seeds: 2 x 0.3 x 0.7 differ; deviations under four sigma */
	assert_true(fabs(runs / N - 0.42) < 0.015);
	assert_true(fabs(same / N - 0.58) < 0.015);
}

/* 3:1 is three pages local, then one on CXL, whatever order they are listed in. */
static void test_weights_take_turns(void **state)
{
	enum { N = 4096 };
	static struct cxms_policy_page page[N];
	static uint8_t local[N];
	static const double shares[] = {75, 50, 66.7, 80, 12.5};
	(void)state;
	for (size_t i = 0; i < N; i++)
		page[N - 1 - i] =
			(struct cxms_policy_page){.key = i, .bytes = SMALL, .touch_rank = i};
	for (size_t k = 0; k < sizeof(shares) / sizeof(shares[0]); k++) {
		unsigned seen = 0;
		assert_int_equal(
			cxms_policy_weighted_interleave.split(page, N, shares[k], 1, local, NULL),
			0);
		for (size_t i = 0; i < N; i++) {
			seen += local[N - 1 - i];
			if (k == 0)
				assert_int_equal(local[N - 1 - i], i % 4 != 3);
			/* van der Corput: never off by more than log2(N)/3 + 1 pages */
			assert_true(fabs(seen - shares[k] / 100 * (double)(i + 1)) <= 5);
		}
	}
}

static void test_no_pages_are_no_trouble(void **state)
{
	uint8_t local[1] = {7};
	(void)state;
	for (size_t i = 0; i < cxms_policy_count(); i++)
		assert_int_equal(cxms_policy_at(i)->split(NULL, 0, 50, 1, local, NULL), 0);
	assert_int_equal(local[0], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_who_stays_local),
		cmocka_unit_test(test_heat_counts_per_byte),
		cmocka_unit_test(test_interleave_is_even_and_by_seed),
		cmocka_unit_test(test_weights_take_turns),
		cmocka_unit_test(test_no_pages_are_no_trouble),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

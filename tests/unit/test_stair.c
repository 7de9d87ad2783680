/* The staircase: which uses miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/stair.h"

#define MIB (1024.0 * 1024)

static struct cxms_facts facts(void)
{
	return (struct cxms_facts){.mem_latency_ps = 100000,
				   .llc_latency_ps = 20000,
				   .llc_bytes = 16u << 20,
				   .n_stair = 3,
				   .stair_bytes = {1u << 20, 16u << 20, 64u << 20},
				   .stair_ps = {20000, 20000, 100000}};
}

static void test_measured_steps(void **state)
{
	static const struct {
		double bytes, want;
		const char *why;
	} rows[] = {
		{0, 0, "nothing"},
		{1 * MIB, 0, "in the LLC"},
		{16 * MIB, 0, "just in the LLC"},
		/* half way in log: 60 ns, half way from 20 to 100 */
		{32 * MIB, 0.5, "half of the accesses miss"},
		{64 * MIB, 1, "the last step"},
		{1e15, 1, "beyond"},
	};
	struct cxms_facts f = facts();
	struct cxms_stair s;
	(void)state;
	cxms_stair_init(&s, &f, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].why);
		assert_true(fabs(cxms_stair_miss_ratio(&s, rows[i].bytes) - rows[i].want) < 1e-9);
	}
}

/* A guest's neighbours had the whole LLC: 2 MiB took as long as 64, and less than memory. */
static void test_an_llc_that_others_fill(void **state)
{
	struct cxms_facts f = facts();
	struct cxms_stair s;
	(void)state;
	f.stair_bytes[1] = 2u << 20;
	f.stair_ps[0] = 10000;
	f.stair_ps[1] = f.stair_ps[2] = f.llc_latency_ps = 70000;
	cxms_stair_init(&s, &f, 0);
	assert_true(fabs(cxms_stair_miss_ratio(&s, 2 * MIB) - 1) < 1e-9);
	assert_true(fabs(cxms_stair_miss_ratio(&s, 256 * MIB) - 1) < 1e-9);
	assert_true(cxms_stair_miss_ratio(&s, 1 * MIB) <= 0);
	assert_true(s.llc_ps < 70000);
}

static void test_capacity_rule(void **state)
{
	struct cxms_facts f = facts();
	struct cxms_stair s;
	(void)state;
	cxms_stair_init(&s, &f, 8u << 20);
	assert_true(cxms_stair_miss_ratio(&s, 8 * MIB) <= 0);
	assert_true(cxms_stair_miss_ratio(&s, 8 * MIB + 1) >= 1);
	assert_true(fabs(cxms_stair_mean_miss(&s, 4 * MIB, 12 * MIB) - 0.5) < 1e-9);
	assert_true(fabs(cxms_stair_llc_bytes(&s) - 8 * MIB) < 1e-6);
	assert_true(s.span <= 1);
}

/* Given by the user when it was recorded: exact, as given now, which goes before it. */
static void test_a_size_that_was_given(void **state)
{
	struct cxms_facts f = facts();
	struct cxms_stair then, now;
	(void)state;
	f.n_stair = 0;
	f.llc_bytes = 8u << 20;
	f.llc_given = true;
	cxms_stair_init(&then, &f, 0);
	f.llc_given = false;
	cxms_stair_init(&now, &f, 8u << 20);
	assert_true(then.span <= 1 && now.span <= 1);
	assert_true(fabs(then.llc_bytes - now.llc_bytes) < 1e-6);
	assert_true(fabs(then.llc_ps - now.llc_ps) < 1e-6);
	cxms_stair_init(&now, &f, 0);
	assert_true(now.span > 1); /* nominal */
	f.llc_given = true;
	cxms_stair_init(&now, &f, 4u << 20);
	assert_true(fabs(cxms_stair_llc_bytes(&now) - 4 * MIB) < 1e-6);
}

/* 16 MiB hold all; from there to 64 MiB, log-linear, 48/ln 4 - 16 = 18.6 MiB more. */
static void test_what_the_cache_holds(void **state)
{
	struct cxms_facts f = facts();
	struct cxms_stair s;
	(void)state;
	cxms_stair_init(&s, &f, 0);
	double want = 48 / log(4) * MIB;
	/* the integral takes steps of 1/256 of the last one */
	assert_true(fabs(cxms_stair_llc_bytes(&s) / want - 1) < 0.005);
	assert_true(s.span > 1);
}

/* Walks by footprint: measured steps, or one figure that holds on base pages alone. */
static void test_walks(void **state)
{
	struct cxms_facts f = facts();
	struct cxms_stair s;
	(void)state;
	f.walk_ps = 24000;
	cxms_stair_init(&s, &f, 0);
	assert_true(fabs(cxms_stair_walk_ps(&s, MIB, false) - 24000) < 1e-9);
	assert_true(cxms_stair_walk_ps(&s, 64 * MIB, true) <= 0);
	f.n_walk = 3;
	memcpy(f.walk_bytes, f.stair_bytes, sizeof(f.walk_bytes));
	memcpy(f.walk_step_ps[0], (const uint64_t[]){0, 8000, 24000}, 24);
	memcpy(f.walk_step_ps[1], (const uint64_t[]){0, 0, 4000}, 24);
	cxms_stair_init(&s, &f, 8u << 20); /* the size of the cache does not matter */
	assert_true(fabs(cxms_stair_walk_ps(&s, 4 * MIB, false) - 4000) < 1e-9);
	assert_true(fabs(cxms_stair_walk_ps(&s, 32 * MIB, false) - 16000) < 1e-9);
	assert_true(fabs(cxms_stair_walk_ps(&s, 32 * MIB, true) - 2000) < 1e-9);
	assert_true(fabs(cxms_stair_walk_ps(&s, 1e15, false) - 24000) < 1e-9);
}

/* Upper quartiles are between the steps as well; where none were kept they are the walks. */
static void test_spread_of_walks(void **state)
{
	struct cxms_facts f = facts();
	struct cxms_stair s;
	(void)state;
	f.walk_ps = 24000;
	cxms_stair_init(&s, &f, 0);
	assert_true(fabs(cxms_stair_walk_high_ps(&s, MIB, false) - 24000) < 1e-9);
	assert_true(cxms_stair_walk_high_ps(&s, MIB, true) <= 0);
	f.n_walk = 3;
	memcpy(f.walk_bytes, f.stair_bytes, sizeof(f.walk_bytes));
	memcpy(f.walk_step_ps[0], (const uint64_t[]){0, 8000, 24000}, 24);
	memcpy(f.walk_step_ps[1], (const uint64_t[]){0, 0, 4000}, 24);
	memcpy(f.walk_high_ps[0], (const uint64_t[]){0, 10000, 90000}, 24);
	cxms_stair_init(&s, &f, 0);
	assert_true(fabs(cxms_stair_walk_high_ps(&s, 32 * MIB, false) - 50000) < 1e-9);
	assert_true(fabs(cxms_stair_walk_high_ps(&s, 32 * MIB, true) - 2000) < 1e-9);
	for (double bytes = 1; bytes < 1e12; bytes *= 1.1)
		for (int huge = 0; huge < 2; huge++)
			assert_true(cxms_stair_walk_high_ps(&s, bytes, huge) >=
				    cxms_stair_walk_ps(&s, bytes, huge));
}

static void test_never_falls(void **state)
{
	static const uint64_t ps[][3] = {
		{20000, 20000, 100000}, {30000, 25000, 90000}, {5000, 150000, 20000}, {1, 2, 3}};
	(void)state;
	for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
		struct cxms_facts f = facts();
		struct cxms_stair s;
		double before = 0;
		for (int k = 0; k < 3; k++)
			f.stair_ps[k] = ps[i][k];
		cxms_stair_init(&s, &f, 0);
		for (double bytes = 1; bytes < 1e12; bytes *= 1.1) {
			double share = cxms_stair_miss_ratio(&s, bytes);
			assert_true(share >= before && share <= 1);
			before = share;
		}
	}
}

static void test_unknown_machines_are_assumed(void **state)
{
	static const struct cxms_facts nothing = {0};
	struct cxms_facts odd = facts();
	struct cxms_stair s;
	(void)state;
	cxms_stair_init(&s, &nothing, 0);
	assert_true(s.mem_ps > s.llc_ps && s.llc_ps > 0 && s.llc_bytes > 0);
	assert_true(cxms_stair_miss_ratio(&s, 1e12) > 0.9);
	odd.llc_latency_ps = 200000; /* above memory's */
	odd.n_stair = 0;
	cxms_stair_init(&s, &odd, 0);
	assert_true(s.llc_ps < s.mem_ps);
	assert_true(fabs(s.llc_bytes - 16 * MIB) < 1);
	assert_true(s.span > 1);
	odd = facts(); /* a damaged recording: steps out of order, twice, zero, too many */
	odd.n_stair = 1000;
	odd.stair_bytes[1] = odd.stair_bytes[0];
	odd.stair_bytes[2] = 5;
	cxms_stair_init(&s, &odd, 0);
	assert_true(s.n <= CXMS_STAIR_MAX);
	for (double bytes = 1; bytes < 1e10; bytes *= 1.5)
		assert_true(isfinite(cxms_stair_miss_ratio(&s, bytes)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_measured_steps),
		cmocka_unit_test(test_an_llc_that_others_fill),
		cmocka_unit_test(test_capacity_rule),
		cmocka_unit_test(test_a_size_that_was_given),
		cmocka_unit_test(test_what_the_cache_holds),
		cmocka_unit_test(test_walks),
		cmocka_unit_test(test_spread_of_walks),
		cmocka_unit_test(test_never_falls),
		cmocka_unit_test(test_unknown_machines_are_assumed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

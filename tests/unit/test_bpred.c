/* The branch predictor: what is regular it learns, what follows random data it cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "base/rng.h"
#include "core/bpred.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int set_up(void **state)
{
	struct cxms_bpred *b = malloc(sizeof(*b));

	if (!b)
		return -1;
	cxms_bpred_init(b);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* Mispredictions of the last @n of 2 @n branches; bit i of @pattern, repeated, is taken. */
static unsigned wrong_of_pattern(struct cxms_bpred *b, uint32_t pattern, unsigned bits, unsigned n)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < 2 * n; i++)
		wrong += cxms_bpred_cond(b, cxms_bpred_hash(0x401000), pattern >> i % bits & 1) &&
			 i >= n;
	return wrong;
}

static void test_patterns_are_learnt(void **state)
{
	static const struct {
		uint32_t pattern;
		unsigned bits, limit;
		const char *why;
	} rows[] = {
		{1, 1, 0, "always"},
		{0, 1, 0, "never"},
		{2, 2, 0, "every other time"},
		{0x7f, 8, 0, "a loop of eight"},
		{0x3ff, 11, 0, "a loop of eleven"},
		{0xb2d, 12, 0, "an arbitrary dozen"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned wrong;

		cxms_bpred_init(*state);
		wrong = wrong_of_pattern(*state, rows[i].pattern, rows[i].bits, 10000);
		if (wrong > rows[i].limit)
			fail_msg("%s: %u wrong", rows[i].why, wrong);
	}
}

static void test_random_directions_are_not(void **state)
{
	static const struct {
		unsigned taken_of_16, low_pct, high_pct;
	} rows[] = {{8, 45, 55}, {2, 12, 22}, {15, 6, 12}};
	enum { N = 100000 };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_rng rng;
		unsigned wrong = 0;

		cxms_bpred_init(*state);
		cxms_rng_init(&rng, i);
		for (unsigned k = 0; k < N; k++)
			wrong += cxms_bpred_cond(*state, cxms_bpred_hash(0x402000),
						 cxms_rng_below(&rng, 16) < rows[i].taken_of_16);
		assert_in_range(wrong, rows[i].low_pct * N / 100, rows[i].high_pct * N / 100);
	}
}

/* The second branch repeats the first: only a history of all branches tells. */
static void test_correlated_branches(void **state)
{
	struct cxms_rng rng;
	unsigned wrong = 0;

	cxms_rng_init(&rng, 5);
	for (unsigned i = 0; i < 40000; i++) {
		bool taken = cxms_rng_below(&rng, 2);

		cxms_bpred_cond(*state, cxms_bpred_hash(0x403000), taken);
		wrong += cxms_bpred_cond(*state, cxms_bpred_hash(0x403020), taken) && i >= 20000;
	}
	assert_in_range(wrong, 0, 20000 / 50);
}

/* Behind a branch that was said wrongly: what would be said if the wrong way were the right one. */
static void test_guesses_follow_what_was_said_and_learn_nothing(void **state)
{
	struct cxms_bpred other;
	struct cxms_rng rng;
	unsigned guesses = 0;

	cxms_rng_init(&rng, 6);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t hash = cxms_bpred_hash(0x404000 + 16 * cxms_rng_below(&rng, 5));
		bool taken = cxms_rng_below(&rng, 3) == 0;
		struct cxms_bpred_guess g;

		other = *(struct cxms_bpred *)*state;
		if (!cxms_bpred_cond(*state, hash, taken))
			continue;
		cxms_bpred_cond(&other, hash, !taken);
		cxms_bpred_guess_behind(*state, hash, &g);
		hash = cxms_bpred_hash(0x404000 + 16 * cxms_rng_below(&rng, 5));
		bool said = cxms_bpred_guess(*state, &g, hash);
		/* the wrong branch taught the two something else */
		guesses += cxms_bpred_cond(&other, hash, said);
	}
	assert_in_range(guesses, 0, 20000 / 20);
}

/* Twelve directions that repeat are told ahead, though none of them has been seen yet. */
static void test_guesses_go_on(void **state)
{
	const uint32_t hash = cxms_bpred_hash(0x404000), pattern = 0xb2d;
	struct cxms_bpred_guess g;
	struct cxms_bpred before;
	unsigned i = 0;

	for (; i < 12000; i++)
		cxms_bpred_cond(*state, hash, pattern >> i % 12 & 1);
	/* a wrong direction is learnt; the way that was said goes on as ever */
	assert_true(cxms_bpred_cond(*state, hash, !(pattern >> i % 12 & 1)));
	cxms_bpred_guess_behind(*state, hash, &g);
	before = *(struct cxms_bpred *)*state;
	for (i++; i < 12024; i++)
		assert_int_equal(cxms_bpred_guess(*state, &g, hash), pattern >> i % 12 & 1);
	assert_memory_equal(&before, *state, sizeof(before));
}

/* Calls to depth @depth and back; how many returns were wrong. */
static unsigned wrong_returns(struct cxms_bpred *b, unsigned depth)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < depth; i++)
		cxms_bpred_call(b, 0x500000 + i);
	for (unsigned i = depth; i-- > 0;)
		wrong += cxms_bpred_return(b, 0x500000 + i);
	return wrong;
}

static void test_returns_are_known_to_a_depth(void **state)
{
	assert_int_equal(wrong_returns(*state, 1), 0);
	assert_int_equal(wrong_returns(*state, CXMS_BPRED_RETURNS), 0);
	assert_int_equal(wrong_returns(*state, CXMS_BPRED_RETURNS + 3), 3);
	assert_int_equal(wrong_returns(*state, 4), 0);
}

static void test_computed_jumps(void **state)
{
	static const uint64_t targets[] = {0x600000, 0x600100, 0x600200, 0x600100, 0x600300};
	struct cxms_rng rng;
	unsigned wrong = 0, random = 0;

	for (unsigned i = 0; i < 2000; i++)
		wrong += cxms_bpred_jump(*state, 0x405000, 0x600000) && i >= 1;
	assert_int_equal(wrong, 0);
	for (unsigned i = 0; i < 4000; i++)
		wrong +=
			cxms_bpred_jump(*state, 0x405100, targets[i % COUNT(targets)]) && i >= 1000;
	assert_int_equal(wrong, 0);
	cxms_rng_init(&rng, 7);
	for (unsigned i = 0; i < 4000; i++)
		random += cxms_bpred_jump(*state, 0x405200,
					  0x700000 + 64 * cxms_rng_below(&rng, 100));
	assert_in_range(random, 3900, 4000);
}

/* One jump with six targets in turn, as an interpreter has: a walk goes on from each to the next.
 */
static void test_guessed_jumps_go_on(void **state)
{
	enum { TARGETS = 6, TURNS = 100 };
	const uint64_t pc = 0x404000;
	struct cxms_bpred_guess g;
	struct cxms_bpred before;
	unsigned i = 0;

	cxms_bpred_guess_behind(*state, 1, &g);
	assert_int_equal(cxms_bpred_guess_jump(*state, &g, pc), 0);
	for (; i < TURNS; i++)
		cxms_bpred_jump(*state, pc, 0x500000 + 64 * (uint64_t)(i % TARGETS));
	cxms_bpred_guess_behind(*state, 1, &g);
	before = *(struct cxms_bpred *)*state;
	for (; i < TURNS + 3 * TARGETS; i++)
		assert_int_equal(cxms_bpred_guess_jump(*state, &g, pc),
				 0x500000 + 64 * (uint64_t)(i % TARGETS));
	assert_memory_equal(&before, *state, sizeof(before));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_patterns_are_learnt),
		TEST(test_random_directions_are_not),
		TEST(test_correlated_branches),
		TEST(test_guesses_follow_what_was_said_and_learn_nothing),
		TEST(test_guesses_go_on),
		TEST(test_returns_are_known_to_a_depth),
		TEST(test_computed_jumps),
		TEST(test_guessed_jumps_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

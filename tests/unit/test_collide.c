/* Collisions of sampled lines: exact counts, and the memory share of known sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "core/collide.h"
#include "core/stair.h"

#define LINES_PER_MIB 16384u
#define MIB	      (1024.0 * 1024)
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

static void count(const uint64_t *line, const uint32_t *window, size_t n,
		  struct cxms_collide_counts *out)
{
	uint64_t *work = malloc((2 * n + 1) * sizeof(*work));
	assert_non_null(work);
	cxms_collide_count(line, window, n, work, out);
	free(work);
}

static void test_counts_by_hand(void **state)
{
	/* window 0: 5 5 | 9 5 9 5: the second 5 is the same stall; 3 of 5, 2 of 9 */
	static const uint64_t line[] = {5, 5, 9, 5, 9, 5, 5, 1ull << 60, 5, 1ull << 60};
	static const uint32_t window[] = {0, 0, 0, 0, 0, 0, 4, 4, 4, 4};
	struct cxms_collide_counts c;
	(void)state;
	count(line, window, COUNT(line), &c);
	assert_true(fabs(c.samples - 9) < 1e-9);
	assert_true(fabs(c.windows - 2) < 1e-9);
	assert_true(fabs(c.sum_sq - (25 + 16)) < 1e-9);
	assert_true(fabs(c.pairs - (3 + 1 + 1 + 1)) < 1e-9);
	assert_true(fabs(c.triples - 1) < 1e-9);
	count(line, window, 0, &c);
	assert_true(c.samples <= 0 && c.windows <= 0);
}

static void test_counts_follow_a_naive_model(void **state)
{
	enum { N = 300 };
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		uint64_t line[N];
		uint32_t window[N] = {0};
		struct cxms_rng rng;
		struct cxms_collide_counts c;
		double pairs = 0, triples = 0;
		cxms_rng_init(&rng, round);
		uint64_t spread = 1 + cxms_rng_below(&rng, 200), bits = cxms_rng_below(&rng, 57);
		for (unsigned i = 0; i < N; i++)
			do
				line[i] = cxms_rng_below(&rng, spread + 1) << bits;
			while (i && line[i] == line[i - 1]);
		for (unsigned i = 0; i < N; i++)
			for (unsigned j = i + 1; j < N; j++) {
				pairs += line[i] == line[j];
				for (unsigned k = j + 1; k < N && line[i] == line[j]; k++)
					triples += line[i] == line[k];
			}
		count(line, window, N, &c);
		assert_true(fabs(c.pairs - pairs) < 0.5 && fabs(c.triples - triples) < 0.5);
	}
}

static struct cxms_stair staircase(void)
{
	const struct cxms_facts facts = {.mem_latency_ps = 100000,
					 .llc_latency_ps = 20000,
					 .n_stair = 3,
					 .stair_bytes = {1u << 20, 16u << 20, 32u << 20},
					 .stair_ps = {20000, 20000, 100000}};
	struct cxms_stair s;
	cxms_stair_init(&s, &facts, 0);
	return s;
}

/* Uniform over @mib1 with probability @share1, else over @mib2; moving on by it every @move. */
static struct cxms_share estimate(unsigned n, double mib1, double share1, double mib2,
				  unsigned move, double touched_mib, uint64_t seed)
{
	uint64_t *line = malloc(n * sizeof(*line));
	uint32_t *epoch = malloc(n * sizeof(*epoch)), *whole = calloc(n, sizeof(*whole));
	struct cxms_collide_counts near, far;
	struct cxms_stair stair = staircase();
	struct cxms_rng rng;
	cxms_rng_init(&rng, seed);
	for (unsigned i = 0; i < n; i++) {
		double mib = cxms_rng_unit(&rng) < share1 ? mib1 : mib2;
		line[i] = cxms_rng_below(&rng, (uint64_t)(mib * LINES_PER_MIB));
		line[i] += move ? i / move * (uint64_t)(mib1 * LINES_PER_MIB) : 0;
		epoch[i] = i / 400;
	}
	count(line, epoch, n, &near);
	count(line, whole, n, &far);
	free(line);
	free(epoch);
	free(whole);
	return cxms_collide_share(&near, &far, touched_mib * MIB, &stair);
}

static void test_known_sets_are_judged(void **state)
{
	static const struct {
		unsigned n;
		double mib1, share1, mib2;
		unsigned move;
		double touched_mib, lo, hi;
		const char *why;
	} rows[] = {
		{3000, 1, 1, 1, 0, 1024, 0, 0.02, "1 MiB of a touched GiB"},
		{20000, 8, 1, 8, 0, 1024, 0, 0.02, "8 MiB: still in the LLC"},
		{20000, 64, 1, 64, 0, 1024, 0.95, 1, "64 MiB: not"},
		{3000, 1024, 1, 1024, 0, 1024, 0.95, 1, "no collisions: the touched bytes"},
		{3000, 8, 1, 8, 0, 8, 0, 0.02, "no more than 8 MiB touched"},
		{50000, 1, 0.5, 1024, 0, 1024, 0.4, 0.6, "half and half"},
		{50000, 1, 0.1, 1024, 0, 1024, 0.8, 0.95, "a tenth cached"},
		{5000, 0.01, 0.1, 1024, 0, 1024, 0.8, 0.95, "a tenth on a few hot lines"},
		{100000, 1, 1, 1, 400, 250, 0, 0.02, "moves on MiB by MiB, each for an epoch"},
		{1, 1, 1, 1, 0, 1024, 0.95, 1, "one sample says nothing: the touched bytes"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_share s =
			estimate(rows[i].n, rows[i].mib1, rows[i].share1, rows[i].mib2,
				 rows[i].move, rows[i].touched_mib, 10 + i);
		print_message("%s: %.3g .. %.3g .. %.3g of %.3g MiB\n", rows[i].why, s.lo, s.mid,
			      s.hi, s.footprint_bytes / MIB);
		assert_true(s.mid >= rows[i].lo && s.mid <= rows[i].hi);
		assert_true(s.lo <= s.mid && s.mid <= s.hi && s.lo >= 0 && s.hi <= 1);
	}
}

static void test_size_of_one_mib_is_recovered(void **state)
{
	double sum = 0;
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++)
		sum += estimate(3000, 1, 1, 1, 0, 1024, seed).footprint_bytes / 50;
	/* about 275 pairs each: 6 % a run, 1 % of their mean */
	assert_true(fabs(sum / MIB - 1) < 0.05);
}

/* Bounds, when two classes cannot be told from one: 90 % nominal. */
static void test_bounds_hold_the_truth(void **state)
{
	static const struct {
		unsigned n;
		double mib1, share1;
	} rows[] = {
		{1500, 1, 0.5}, {2500, 1, 0.5}, {6000, 1, 0.5}, {2500, 0.25, 0.2}, {4000, 2, 0.7}};
	enum { RUNS = 200 };
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned held = 0;
		for (uint64_t seed = 0; seed < RUNS; seed++) {
			struct cxms_share s = estimate(rows[i].n, rows[i].mib1, rows[i].share1,
						       1024, 0, 1024, seed);
			double truth = 1 - rows[i].share1;
			held += s.lo <= truth && truth <= s.hi;
		}
		print_message("%u samples: %.1f %%\n", rows[i].n, 100.0 * held / RUNS);
		assert_true(held >= 0.84 * RUNS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_by_hand),
		cmocka_unit_test(test_counts_follow_a_naive_model),
		cmocka_unit_test(test_known_sets_are_judged),
		cmocka_unit_test(test_size_of_one_mib_is_recovered),
		cmocka_unit_test(test_bounds_hold_the_truth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

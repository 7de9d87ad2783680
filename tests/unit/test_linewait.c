/* Waits told by the place in a line: closed forms, and no bias from choosing the place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/linewait.h"

#define BASE 0x7f0000000000ull

/* @n samples of a walk by @step: @share of them wait at the use at @place, the others anywhere. */
static struct cxms_linewait walk(struct cxms_rng *rng, unsigned n, unsigned step, unsigned place,
				 double share)
{
	struct cxms_linewait w = {0};
	for (unsigned i = 0; i < n; i++) {
		uint64_t line = BASE + 64 * cxms_rng_below(rng, 1u << 20);
		uint64_t uses = BASE + step * cxms_rng_below(rng, 1u << 20);
		bool waits = cxms_rng_unit(rng) < share;
		cxms_linewait_add(&w, waits ? line + place : uses);
	}
	return w;
}

static void test_few_samples_say_nothing(void **state)
{
	(void)state;
	struct cxms_linewait w = {0};
	double share[CXMS_SPAN_COUNT];
	for (unsigned i = 0; i + 1 < CXMS_LINEWAIT_MIN_SAMPLES; i++)
		cxms_linewait_add(&w, BASE + 8 * i);
	cxms_linewait_share(&w, 8, 0, share);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		assert_true(share[k] == 1);
}

static void test_all_at_one_place_is_all_waiting(void **state)
{
	(void)state;
	struct cxms_linewait w = {0};
	double share[CXMS_SPAN_COUNT];
	for (unsigned i = 0; i < 100; i++)
		cxms_linewait_add(&w, BASE + 64 * i + 24);
	cxms_linewait_share(&w, 8, 0, share);
	assert_true(share[CXMS_SPAN_MID] == 1 && share[CXMS_SPAN_HI] == 1);
	assert_true(share[CXMS_SPAN_LO] >
		    0.95); /* Wilson: 1/(1 + z^2/100) = 0.974 of them, less chance */
}

/* Mean over many runs meets the share that was put in, and the 90 % interval holds it as often. */
static void test_share_is_recovered(void **state)
{
	static const struct {
		unsigned n, step, place;
		double share;
	} rows[] = {
		{300, 8, 0, 0},	   {300, 8, 0, 0.2},   {300, 8, 32, 0.5}, {300, 4, 60, 0.1},
		{300, 16, 0, 0.3}, {300, 32, 32, 0.5}, {300, 24, 0, 0.4}, {1000, 8, 8, 0.05},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_rng rng;
		double sum = 0;
		unsigned held = 0, runs = 400;
		cxms_rng_init(&rng, i);
		for (unsigned r = 0; r < runs; r++) {
			double share[CXMS_SPAN_COUNT];
			struct cxms_linewait w =
				walk(&rng, rows[i].n, rows[i].step, rows[i].place, rows[i].share);
			cxms_linewait_share(&w, rows[i].step, 0, share);
			assert_true(share[CXMS_SPAN_LO] <= share[CXMS_SPAN_MID] &&
				    share[CXMS_SPAN_MID] <= share[CXMS_SPAN_HI]);
			held += share[CXMS_SPAN_LO] <= rows[i].share &&
				rows[i].share <= share[CXMS_SPAN_HI];
			sum += share[CXMS_SPAN_MID];
		}
		print_message("%u by %u, %g: %g, held %u of %u\n", rows[i].n, rows[i].step,
			      rows[i].share, sum / runs, held, runs);
		/* 0.02: nothing is below 0, so that where there is no waiting chance shows up by
		 * its upper half, 0.4 x 0.02 (the deviation of 300 samples at one place of eight);
		 * a small share is now and then counted at the wrong place */
		assert_true(fabs(sum / runs - rows[i].share) < 0.02);
		assert_true(held >= 0.85 * runs);
	}
}

/* Of a walk by words in runs of part of a line @first samples in ten fall on the first word of each
 * run, @share wait for the line, at its first word; the array begins @base bytes into a line. */
static void test_runs_begin_in_a_line_more_than_once(void **state)
{
	static const struct {
		unsigned n, run, base, first;
		double share, off, held;
		const char *why;
	} rows[] = {
		{300, 32, 0, 5, 0, 0.03, 0.85, "both runs begin alike: no wait for the line"},
		{300, 16, 0, 5, 0, 0.03, 0.85, "four runs of two words"},
		{300, 32, 0, 5, 0.3, 0.03, 0.85, "and the first waits for the line besides"},
		{300, 32, 0, 0, 0.5, 0.02, 0.85, "runs that begin like they go on"},
		{40, 32, 0, 5, 0.4, 0.04, 0.85, "few samples: wider, not higher"},
		{300, 32, 16, 7, 0.25, 0.03, 0.85, "a line begins within a run"},
		{300, 32, 16, 7, 0, 0.03, 0.85, "there, no wait for the line"},
		{300, 16, 8, 7, 0.25, 0.03, 0.85, "a line begins within each of four runs"},
		{300, 48, 0, 7, 0, 0.03, 0.85, "runs of six words begin at each second one"},
		{300, 48, 16, 7, 0.25, 0.03, 0.85, "and lines within them are waited for"},
		{300, 40, 0, 7, 0, 0.03, 0.85, "runs of five words begin at any"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_rng rng;
		double sum = 0;
		unsigned held = 0, runs = 400;
		cxms_rng_init(&rng, i);
		for (unsigned r = 0; r < runs; r++) {
			struct cxms_linewait w = {0};
			double share[CXMS_SPAN_COUNT];
			for (unsigned k = 0; k < rows[i].n; k++) {
				uint64_t word = 8 * cxms_rng_below(&rng, 15u << 16);
				uint64_t addr = BASE + rows[i].base + word;
				if (cxms_rng_unit(&rng) < rows[i].share)
					addr = addr / 64 * 64;
				else if (cxms_rng_below(&rng, 10) < rows[i].first)
					addr -= word % rows[i].run;
				cxms_linewait_add(&w, addr);
			}
			cxms_linewait_share(&w, 8, rows[i].run, share);
			assert_true(share[CXMS_SPAN_LO] <= share[CXMS_SPAN_MID] &&
				    share[CXMS_SPAN_MID] <= share[CXMS_SPAN_HI]);
			held += share[CXMS_SPAN_LO] <= rows[i].share &&
				rows[i].share <= share[CXMS_SPAN_HI];
			sum += share[CXMS_SPAN_MID];
		}
		print_message("%s: %g, held %u of %u\n", rows[i].why, sum / runs, held, runs);
		assert_true(fabs(sum / runs - rows[i].share) < rows[i].off);
		assert_true(held >= rows[i].held * runs);
	}
}

static void test_step_that_divides_no_line_evenly(void **state)
{
	(void)state;
	struct cxms_linewait w = {0};
	double share[CXMS_SPAN_COUNT];
	for (uint64_t i = 0; i < 3000; i++) /* each use of a walk by 24 bytes once: no waiting */
		cxms_linewait_add(&w, BASE + 24 * i);
	cxms_linewait_share(&w, 24, 0, share);
	assert_true(share[CXMS_SPAN_MID] < 0.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_samples_say_nothing),
		cmocka_unit_test(test_all_at_one_place_is_all_waiting),
		cmocka_unit_test(test_share_is_recovered),
		cmocka_unit_test(test_runs_begin_in_a_line_more_than_once),
		cmocka_unit_test(test_step_that_divides_no_line_evenly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

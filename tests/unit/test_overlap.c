/* Fast and slow lines in one window, against the window itself, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

#include "base/rng.h"
#include "core/overlap.h"

#define LINES	40000u
#define MOST	64u
#define FAST_PS 100.0

/* Which of @n times is over first. */
static unsigned first_done(const double *done, unsigned n)
{
	unsigned first = 0;
	for (unsigned i = 1; i < n; i++)
		first = done[i] < done[first] ? i : first;
	return first;
}

/* Time of a line: each begins when the one @window before it has retired and one of @registers is
 * free; retirement is in order. */
static double play(double slow, unsigned window, unsigned registers, double slow_ps)
{
	double retired[MOST] = {0}, done[MOST] = {0}, last = 0;
	struct cxms_rng rng;
	cxms_rng_init(&rng, 7);
	for (unsigned i = 0; i < LINES; i++) {
		unsigned at = i % window, free = first_done(done, registers);
		double begin = fmax(retired[at], done[free]);
		bool is_slow = (double)cxms_rng_below(&rng, 1000000) < slow * 1e6;
		done[free] = begin + (is_slow ? slow_ps : FAST_PS);
		last = fmax(last, done[free]);
		retired[at] = last;
	}
	return last / LINES;
}

/* Share of the added time of all slow that some slow add. */
static double played(double slow, unsigned window, unsigned registers, double slow_ps)
{
	double none = play(0, window, registers, slow_ps),
	       all = play(1, window, registers, slow_ps);
	return (play(slow, window, registers, slow_ps) - none) / (all - none);
}

static void test_a_window_waits_for_its_slowest_line(void **state)
{
	static const double slow[] = {0.05, 0.25, 0.5, 0.75}, ratio[] = {1.5, 2.5, 4};
	static const unsigned window[] = {1, 2, 4, 8, 22, 48};
	(void)state;
	for (size_t w = 0; w < sizeof(window) / sizeof(window[0]); w++)
		for (size_t r = 0; r < 3; r++)
			for (size_t s = 0; s < 4; s++) {
				double ps = ratio[r] * FAST_PS;
				double is = cxms_overlap_slow_share(slow[s], window[w], window[w],
								    FAST_PS, ps);
				double was = played(slow[s], window[w], window[w], ps);
				print_message("%u lines, x%.1f, %.0f %%: %.3f, played %.3f\n",
					      window[w], ratio[r], 100 * slow[s], is, was);
				assert_true(fabs(is - was) < 0.05); /* see overlap.h; chance 0.01 */
			}
}

/* Registers that are free in any order hide what a window does not. Between the two bounds the
 * truth lies a little above either. */
static void test_registers_take_what_is_free_first(void **state)
{
	static const unsigned registers[] = {8, 12, 16, 20, 23};
	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (double slow = 0.1; slow < 1; slow += 0.2) {
			double is = cxms_overlap_slow_share(slow, 24, registers[i], FAST_PS,
							    2.5 * FAST_PS);
			double was = played(slow, 24, registers[i], 2.5 * FAST_PS);
			print_message("%u registers, %.0f %%: %.3f, played %.3f\n", registers[i],
				      100 * slow, is, was);
			assert_true(is <= was + 0.02 && is >= was - 0.12);
		}
}

static void test_ends_and_order(void **state)
{
	(void)state;
	for (double window = 1; window < 300; window *= 1.7) {
		double before = 0;
		assert_true(cxms_overlap_slow_share(0, window, window, 100, 300) <= 0);
		assert_true(cxms_overlap_slow_share(1, window, window, 100, 300) >= 1);
		for (double s = 0.01; s < 1; s += 0.01) {
			double q = cxms_overlap_slow_share(s, window, window, 100, 300);
			assert_true(q >= s && q <= 1 && q > before);
			assert_true(q <= cxms_overlap_slow_share(s, window, window, 100, 310));
			assert_true(q <=
				    cxms_overlap_slow_share(s, window + 1, window + 1, 100, 300));
			assert_true(q >= cxms_overlap_slow_share(s, window, window / 2, 100, 300));
			assert_true(fabs(cxms_overlap_slow_share(s, window, window, 100, 100) - s) <
				    1e-12);
			before = q;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_window_waits_for_its_slowest_line),
		cmocka_unit_test(test_registers_take_what_is_free_first),
		cmocka_unit_test(test_ends_and_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

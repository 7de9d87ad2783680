/* From a stall to exposed waits and lines: the formulas, and their spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "core/demand.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is(double a, double b)
{
	return fabs(a - b) < 1e-9 * fmax(1, fabs(b));
}

/* A micro-operation takes 0.25 cycles of 1/3 ns. */
#define UOP_PS (0.25 * 1e12 / 3.0e9)

static void test_hidden_part_of_a_wait(void **state)
{
	static const struct {
		bool carried;
		unsigned loop, rob;
		double lo, mid, hi; /* uops' times */
		const char *why;
	} rows[] = {
		{true, 8, 512, 0, 0, 0, "the next address needs this value: nothing is hidden"},
		{false, 100, 512, 100, 150, 200, "a loop of 100: between once and twice"},
		{false, 1000, 512, 512, 768, 1024, "no more than the reorder buffer holds"},
		{false, 0, 512, 0, 64, 128, "no loop known: from nothing on"},
		{false, 0, 32, 0, 32, 64, "a small reorder buffer"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_wait w;
		cxms_wait_model(90e3, 10e3, rows[i].carried, rows[i].loop, rows[i].rob, 0, &w);
		const double uops[] = {rows[i].lo, rows[i].mid, rows[i].hi};
		print_message("%s\n", rows[i].why);
		for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
			double seen = 100e3 * cxms_wait_spread((enum cxms_span)k);
			double hidden = fmin(uops[k] * UOP_PS, 0.9 * seen);
			assert_true(is(w.seen_ps[k], seen));
			assert_true(is(w.hidden_ps[k], hidden));
			assert_true(is(w.per_ps[k], 1 / (seen - hidden)));
		}
		assert_true(w.per_ps[CXMS_SPAN_LO] < w.per_ps[CXMS_SPAN_MID]);
		assert_true(w.per_ps[CXMS_SPAN_MID] < w.per_ps[CXMS_SPAN_HI]);
	}
}

static void test_hidden_part_leaves_a_tenth(void **state)
{
	struct cxms_wait w;
	(void)state;
	cxms_wait_model(1000, 0, false, 60000, 60000, 0, &w);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		assert_true(is(w.per_ps[k] * w.seen_ps[k], 10));
}

static void test_lines_filled(void **state)
{
	static const struct {
		struct cxms_traffic_in in;
		double lo, mid, hi;
		const char *why;
	} rows[] = {
		{{1000, 1000, 1000, 1e9, 100e3, 16}, 1000, 1000, 1000, "a chase: one line a wait"},
		{{1000, 0, 0, 1e9, 100e3, 16}, 1000, 12649.110640673518, 160000, "registers full"},
		{{1000, 500, 500, 1e9, 100e3, 16},
		 1000,
		 500 + 6324.555320336759,
		 80500,
		 "half of the waits may overlap, in half of the time"},
		{{1000, 1000, 9000, 1e9, 100e3, 16}, 9000, 9000, 9000, "a stream: its own lines"},
		{{0, 0, 0, 1e9, 100e3, 16}, 0, 0, 0, "no waits"},
		{{1000, 0, 0, 0, 100e3, 16}, 1000, 1000, 1000, "no time in such code: the waits"},
		{{1000, 0, 0, 1e9, 0, 16}, 1000, 1000, 1000, "no latency known"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double lines[CXMS_SPAN_COUNT];
		cxms_traffic_lines(&rows[i].in, lines);
		print_message("%s: %g %g %g\n", rows[i].why, lines[0], lines[1], lines[2]);
		assert_true(is(lines[CXMS_SPAN_LO], rows[i].lo));
		assert_true(is(lines[CXMS_SPAN_MID], rows[i].mid));
		assert_true(is(lines[CXMS_SPAN_HI], rows[i].hi));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden_part_of_a_wait),
		cmocka_unit_test(test_hidden_part_leaves_a_tenth),
		cmocka_unit_test(test_lines_filled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
		const double walk[] = {10e3, 10e3, 10e3};
		struct cxms_wait w;
		cxms_wait_model(90e3, walk, rows[i].carried, rows[i].loop, rows[i].rob, NULL, &w);
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

/* Waits of a loop that asks ahead for its lines fill its time at most. */
static void test_rests_of_waits(void **state)
{
	static const struct {
		double loop_per_stall;
		double mid, hi; /* waits, those without it being 1 */
		const char *why;
	} rows[] = {
		{0, 1, 1, "nothing asks ahead"},
		{1, 1, 1, "it does nothing else than wait"},
		{4, 2, 4, "the rest of the loop hides more of each"},
		{1e6, 3.16227766016838, 10, "a tenth of a wait is left at least"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const double walk[] = {0, 0, 0};
		struct cxms_wait w, plain;
		cxms_wait_model(100e3, walk, true, 0, 512, NULL, &plain);
		w = plain;
		cxms_wait_ahead(rows[i].loop_per_stall, &w);
		print_message("%s\n", rows[i].why);
		assert_true(is(w.per_ps[CXMS_SPAN_LO], plain.per_ps[CXMS_SPAN_LO]));
		assert_true(is(w.per_ps[CXMS_SPAN_MID] / plain.per_ps[CXMS_SPAN_MID], rows[i].mid));
		assert_true(is(w.per_ps[CXMS_SPAN_HI] / plain.per_ps[CXMS_SPAN_HI], rows[i].hi));
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			assert_true(is(w.per_ps[k] * (w.seen_ps[k] - w.hidden_ps[k]), 1));
	}
}

/* Whatever share of the hops misses, and however long each walks: the turn tells what a miss took.
 */
static void test_a_hop_tells_its_walk(void **state)
{
	const double mem = 100e3, llc = 20e3;
	(void)state;
	for (double m = 0.1; m < 1.05; m += 0.1)
		for (double w = mem; w < 1e6; w *= 2) { /* a turn is no shorter than a miss */
			double turn = m * (mem + w) + (1 - m) * (llc + w);
			double seen = cxms_hop_seen_ps(turn, m * (mem + w) / turn, mem, llc);
			assert_true(fabs(seen / (mem + w) - 1) < 1e-9);
		}
	for (double turn = 1e3; turn < 1e6; turn *= 1.5)
		for (double share = 0; share < 1.05; share += 0.25) {
			double seen = cxms_hop_seen_ps(turn, share, mem, llc);
			assert_true(seen >= mem && seen <= fmax(mem, turn + mem - llc) + 1e-6);
		}
	assert_true(fabs(cxms_hop_seen_ps(250e3, 1, mem, llc) - 250e3) < 1e-6);
}

static const double no_walk[CXMS_SPAN_COUNT] = {0};

/* The high end walks less, so its waits are shorter and more. */
static void test_walks_by_end(void **state)
{
	const double walk[] = {60e3, 40e3, 0};
	struct cxms_wait w;
	(void)state;
	cxms_wait_model(100e3, walk, true, 0, 512, NULL, &w);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		assert_true(is(
			w.per_ps[k] * (100e3 + walk[k]) * cxms_wait_spread((enum cxms_span)k), 1));
}

static void test_hidden_part_leaves_a_tenth(void **state)
{
	struct cxms_wait w;
	(void)state;
	cxms_wait_model(1000, no_walk, false, 60000, 60000, NULL, &w);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		assert_true(is(w.per_ps[k] * w.seen_ps[k], 10));
}

static void test_measured_work_hides_more(void **state)
{
	static const double half[] = {UOP_PS / 2, UOP_PS / 2, UOP_PS / 2};
	static const double thrice[] = {3 * UOP_PS, 3 * UOP_PS, 3 * UOP_PS};
	struct cxms_wait assumed, faster, slower;
	(void)state;
	cxms_wait_model(100e3, no_walk, false, 100, 512, NULL, &assumed);
	cxms_wait_model(100e3, no_walk, false, 100, 512, half, &faster);
	cxms_wait_model(100e3, no_walk, false, 100, 512, thrice, &slower);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		/* what runs behind a wait is not seen: less than assumed says nothing */
		assert_true(is(faster.hidden_ps[k], assumed.hidden_ps[k]));
		assert_true(is(slower.hidden_ps[k], 3 * assumed.hidden_ps[k]));
	}
}

/* A nanosecond of waiting is 10 exposed waits of 100 ps; the LLC takes 25 ps. */
static struct cxms_runs runs_of(double runs, double window_turns, double share)
{
	return (struct cxms_runs){.runs = runs,
				  .share = {share, share, share},
				  .seen_ps = 100,
				  .llc_ps = 25,
				  .window_turns = window_turns,
				  .most_lines = 1e9,
				  .most_waits = 1e9};
}

static void test_counted_executions_bound_waits_and_lines(void **state)
{
	static const struct {
		double runs, window_turns, share, most;
		bool uneven;
		double waits, low, mid, high;
		const char *why;
	} rows[] = {
		{70, 7, 1, 1e9, false, 10, 70, 70, 70, "all miss, seven at a time"},
		{70, 14, 1, 1e9, false, 10, 70, 70, 70, "more turns in the window than run"},
		{100, 7, 1, 1e9, false, 14.285714285714286, 100, 100, 100,
		 "seven at a time at most: there are more waits than stall tells"},
		{200, 5, 1, 1e9, true, 10, 12.5, 50, 200, "in some turns only: 10 x 200 / 160 on"},
		{4, 7, 1, 1e9, false, 4, 4, 4, 4, "no more waits than executions"},
		{40, 0.5, 1, 1e9, false, 40, 40, 40, 40, "too far apart to overlap: all are seen"},
		{400, 0.5, 1, 1e9, false, 100, 100, 400, 400, "h is at most 0.9 of the wait"},
		{70, 7, 1, 50, false, 10, 50, 50, 50, "the miss registers pass 50"},
		{70, 7, 0, 1e9, false, 0, 0, 0, 0, "no memory"},
		{80, 7, 0.8, 1e9, false, 10, 40, 40, 40, "half miss: 0.8 of the time"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double waits[CXMS_SPAN_COUNT] = {10, 10, 10}, lines[CXMS_SPAN_COUNT];
		struct cxms_runs in = runs_of(rows[i].runs, rows[i].window_turns, rows[i].share);
		in.most_lines = rows[i].most;
		in.uneven = rows[i].uneven;
		cxms_runs_bound(&in, waits, lines);
		print_message("%s: %g waits, %g %g %g lines\n", rows[i].why, waits[CXMS_SPAN_MID],
			      lines[0], lines[1], lines[2]);
		assert_true(is(waits[CXMS_SPAN_MID], rows[i].waits));
		assert_true(is(lines[CXMS_SPAN_LO], rows[i].low));
		assert_true(is(lines[CXMS_SPAN_MID], rows[i].mid));
		assert_true(is(lines[CXMS_SPAN_HI], rows[i].high));
	}
}

/* 40 misses, two of which a wait holds. */
static void test_waits_follow_each_other_in_the_loops_time(void **state)
{
	static const struct {
		double most, waits;
		const char *why;
	} rows[] = {
		{1e9, 20, "one wait for two"},
		{15, 15, "the loop's time has room for 15"},
		{5, 10, "no fewer than were seen"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double waits[CXMS_SPAN_COUNT] = {10, 10, 10}, lines[CXMS_SPAN_COUNT];
		struct cxms_runs in = runs_of(40, 2, 1);
		in.most_waits = rows[i].most;
		cxms_runs_bound(&in, waits, lines);
		print_message("%s: %g waits\n", rows[i].why, waits[CXMS_SPAN_MID]);
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			assert_true(is(waits[k], rows[i].waits));
		assert_true(is(lines[CXMS_SPAN_MID], 40));
	}
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
		cmocka_unit_test(test_walks_by_end),
		cmocka_unit_test(test_rests_of_waits),
		cmocka_unit_test(test_a_hop_tells_its_walk),
		cmocka_unit_test(test_hidden_part_leaves_a_tenth),
		cmocka_unit_test(test_measured_work_hides_more),
		cmocka_unit_test(test_counted_executions_bound_waits_and_lines),
		cmocka_unit_test(test_waits_follow_each_other_in_the_loops_time),
		cmocka_unit_test(test_lines_filled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

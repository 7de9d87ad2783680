/* A server's calendar: capacity is never exceeded, order hardly matters, queues grow as they must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/units.h"
#include "mem/calendar.h"
#include "near.h"

static struct cxms_calendar of(uint64_t bytes_per_s)
{
	struct cxms_calendar c;
	assert_int_equal(cxms_calendar_init(&c, bytes_per_s, NULL), 0);
	return c;
}

static void test_alone_nobody_waits(void **state)
{
	struct cxms_calendar c = of(8000000000);
	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(cxms_calendar_take(&c, i * 100000, 64), 0);
	assert_int_equal(c.requests, 1000);
	assert_int_equal(c.busy_ps, 1000 * 8000);
	cxms_calendar_fini(&c);
}

static void test_unbounded_never_waits(void **state)
{
	struct cxms_calendar c = of(UINT64_MAX);
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(cxms_calendar_take(&c, 5, 64), 0);
	cxms_calendar_fini(&c);
}

/* A burst of n at one time: the last waits for the n - 1 before it, to a slot. */
static void test_a_burst_is_served_at_the_rate(void **state)
{
	static const uint64_t rates[] = {1000000, 500000000, 8000000000, 64000000000, 400000000000};
	(void)state;
	for (size_t r = 0; r < sizeof(rates) / sizeof(*rates); r++) {
		struct cxms_calendar c = of(rates[r]);
		uint64_t service = 64 * CXMS_PS_PER_S / rates[r], last = 0;
		for (int i = 0; i < 100; i++)
			last = cxms_calendar_take(&c, 1000000000, 64);
		uint64_t want = 99 * service;
		if (last > want + 100 || last + c.slot_ps + 100 < want)
			fail_msg("%llu B/s: the last of 100 waits %llu ps, expected %llu",
				 (unsigned long long)rates[r], (unsigned long long)last,
				 (unsigned long long)want);
		cxms_calendar_fini(&c);
	}
}

/* Whatever the order, what a stretch of time passes is no more than it can. */
static void test_capacity_holds_in_any_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct cxms_calendar c = of(8000000000);
		struct cxms_rng r;
		uint64_t latest = 0;
		cxms_rng_init(&r, seed);
		for (int i = 0; i < 20000; i++) {
			uint64_t at = cxms_rng_below(&r, 100000000);
			uint64_t end = at + cxms_calendar_take(&c, at, 64) + 8000;
			latest = end > latest ? end : latest;
		}
		/* 20000 lines need 160 us, and the requests lie within 100 */
		assert_true(latest + c.slot_ps >= 160000000);
		assert_true(latest < 165000000);
		cxms_calendar_fini(&c);
	}
}

/* Poisson arrivals of fixed service: the mean wait of M/D/1, rho / (2 (1 - rho)) services. */
static void test_open_load_waits_as_md1(void **state)
{
	static const double loads[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9};
	(void)state;
	for (size_t k = 0; k < sizeof(loads) / sizeof(*loads); k++) {
		struct cxms_calendar c = of(8000000000);
		struct cxms_rng r;
		double at = 0, sum = 0, service = 8000;
		int n = 400000;
		cxms_rng_init(&r, 7);
		for (int i = 0; i < n; i++) {
			at += -log(1 - cxms_rng_unit(&r)) * service / loads[k];
			sum += (double)cxms_calendar_take(&c, (uint64_t)at, 64);
		}
		double got = sum / n, want = loads[k] / (2 * (1 - loads[k])) * service;
		/* in order it is that queue exactly: what is left is the sampling error of n
		 * correlated waits, which grows with the load */
		if (fabs(got - want) > 0.03 * want)
			fail_msg("load %g: mean wait %g ps, M/D/1 has %g", loads[k], got, want);
		cxms_calendar_fini(&c);
	}
}

struct request {
	uint64_t at_ps, called;
};

static int by_call(const void *a, const void *b)
{
	const struct request *p = a, *q = b;
	return (p->called > q->called) - (p->called < q->called);
}

static int by_value(const void *a, const void *b)
{
	uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;
	return (p > q) - (p < q);
}

enum { N = 100000 };

/* Random arrivals, each called up to @window later than it arrived; a time of calling in order. */
static void arrivals(struct request *q, uint64_t seed, double load, double service, uint64_t window)
{
	struct cxms_rng r;
	double at = 1e6;
	cxms_rng_init(&r, seed);
	for (size_t i = 0; i < N; i++) {
		at += -log(1 - cxms_rng_unit(&r)) * service / load;
		q[i].at_ps = (uint64_t)at;
		q[i].called = q[i].at_ps + (window ? cxms_rng_below(&r, window) : 0);
	}
}

/* Waits of the exact server: one at a time, by arrival. */
static void reference(const struct request *q, uint64_t service, uint64_t *wait)
{
	uint64_t free_at = 0;
	for (size_t i = 0; i < N; i++) {
		uint64_t start = q[i].at_ps > free_at ? q[i].at_ps : free_at;
		wait[i] = start - q[i].at_ps;
		free_at = start + service;
	}
}

static double mean_of(const uint64_t *wait)
{
	double sum = 0;
	for (size_t i = 0; i < N; i++)
		sum += (double)wait[i];
	return sum / N;
}

/* In order the calendar is the exact server, request by request. */
static void test_in_order_it_is_exact(void **state)
{
	static struct request q[N];
	static uint64_t want[N];
	(void)state;
	for (double load = 0.3; load < 1.2; load += 0.1) {
		struct cxms_calendar c = of(8000000000);
		arrivals(q, 3, load, 8000, 0);
		reference(q, 8000, want);
		for (size_t i = 0; i < N; i++)
			assert_int_equal(cxms_calendar_take(&c, q[i].at_ps, 64), want[i]);
		cxms_calendar_fini(&c);
	}
}

/*
 * Called out of order within a window. A device of 26 GB/s with an idle latency of 250 ns: who is
 * called late takes room that by arrival would have been another's, so who waits changes, the more
 * the wider the window; how much is waited in all does not.
 */
static void test_order_hardly_matters(void **state)
{
	static const double loads[] = {0.3, 0.5, 0.7, 0.8, 0.9, 0.95};
	static const struct {
		uint64_t window;
		double p50_pct, p99_pct;
	} rows[] = {{20000, 2, 10}, {50000, 2, 10}, {200000, 6, 20}, {2000000, 6, 80}};
	static struct request q[N];
	static uint64_t want[N], got[N];
	const uint64_t service = 2500, idle = 250000;
	(void)state;
	for (size_t k = 0; k < 24; k++) {
		double load = loads[k % 6];
		struct cxms_calendar c;
		assert_int_equal(cxms_calendar_init_ps(&c, service, 17, NULL), 0);
		arrivals(q, 5 + k, load, (double)service, rows[k / 6].window);
		reference(q, service, want);
		qsort(q, N, sizeof(*q), by_call);
		for (size_t i = 0; i < N; i++)
			got[i] = cxms_calendar_take_ps(&c, q[i].at_ps, service);
		/* slots hold six services, and gaps within them are known as sums only */
		near_pct(mean_of(got), mean_of(want), 15, "mean wait", load);
		qsort(want, N, sizeof(*want), by_value);
		qsort(got, N, sizeof(*got), by_value);
		near_pct((double)(idle + got[N / 2]), (double)(idle + want[N / 2]),
			 rows[k / 6].p50_pct, "median", load);
		near_pct((double)(idle + got[N / 100 * 99]), (double)(idle + want[N / 100 * 99]),
			 rows[k / 6].p99_pct, "p99", load);
		cxms_calendar_fini(&c);
	}
}

/* A slot is never given away twice, whatever the order and the length of services. */
static void test_slots_are_never_overfull(void **state)
{
	(void)state;
	struct cxms_rng r;
	struct cxms_calendar c;
	cxms_rng_init(&r, 9);
	assert_int_equal(cxms_calendar_init_ps(&c, 3000, 12, NULL), 0);
	uint64_t asked = 0, used = 0, window = (uint64_t)c.slot_ps * 1000;
	for (int i = 0; i < 20000; i++) {
		uint64_t service = 1 + cxms_rng_below(&r, i % 100 ? 400 : 3ull * c.slot_ps);
		cxms_calendar_take_ps(&c, cxms_rng_below(&r, window), service);
		asked += service;
	}
	for (size_t i = 0; i < 1u << c.ring_bits; i++) {
		const struct cxms_calendar_slot *s = &c.slot[i];
		used += s->used_ps;
		assert_true(s->used_ps <= c.slot_ps && s->end_ps <= c.slot_ps);
		assert_true(s->used_ps == c.slot_ps || s->begin_ps <= s->end_ps);
	}
	assert_int_equal(used, asked);
	assert_int_equal(c.busy_ps, asked);
	cxms_calendar_fini(&c);
}

/* Whose past is known remembers less of it, and answers the same. */
static void test_what_is_past_takes_no_room(void **state)
{
	struct cxms_calendar all = of(8000000000), late = of(8000000000);
	struct cxms_rng r;
	uint64_t past = 0, window = 100 * (uint64_t)all.slot_ps;
	(void)state;
	cxms_rng_init(&r, 11);
	late.past_ps = &past;
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t at = past + cxms_rng_below(&r, window);
		assert_int_equal(cxms_calendar_take(&late, at, 64),
				 cxms_calendar_take(&all, at, 64));
		past += 2 * all.slot_ps;
	}
	assert_int_equal(late.wait_ps, all.wait_ps);
	assert_true(all.wait_ps > 0);
	assert_true(1u << late.ring_bits <= 256); /* a power of two of 100 slots, or the next */
	assert_int_equal(1u << all.ring_bits, CXMS_CALENDAR_SLOTS);
	cxms_calendar_fini(&all);
	cxms_calendar_fini(&late);
}

/* Who asks how long it would take books nothing, and takes no room from what is booked. */
static void test_a_question_changes_nothing(void **state)
{
	struct cxms_calendar c;
	(void)state;
	assert_int_equal(cxms_calendar_init_ring(&c, 8000000000, 4, NULL), 0);
	for (uint64_t i = 0; i < 16; i++)
		cxms_calendar_take(&c, i * c.slot_ps, 64);
	assert_int_equal(cxms_calendar_backlog_ps(&c, 17 * (uint64_t)c.slot_ps), 0);
	assert_int_equal(cxms_calendar_take(&c, c.slot_ps, 64), 8000);
	cxms_calendar_fini(&c);
}

static void test_what_lies_too_far_back_is_counted(void **state)
{
	struct cxms_calendar c = of(8000000000);
	(void)state;
	cxms_calendar_take(&c, (uint64_t)c.slot_ps * (CXMS_CALENDAR_SLOTS + 10), 64);
	assert_int_equal(cxms_calendar_take(&c, 0, 64), 0);
	assert_int_equal(c.late, 1);
	cxms_calendar_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone_nobody_waits),
		cmocka_unit_test(test_unbounded_never_waits),
		cmocka_unit_test(test_a_burst_is_served_at_the_rate),
		cmocka_unit_test(test_capacity_holds_in_any_order),
		cmocka_unit_test(test_open_load_waits_as_md1),
		cmocka_unit_test(test_in_order_it_is_exact),
		cmocka_unit_test(test_order_hardly_matters),
		cmocka_unit_test(test_slots_are_never_overfull),
		cmocka_unit_test(test_what_is_past_takes_no_room),
		cmocka_unit_test(test_a_question_changes_nothing),
		cmocka_unit_test(test_what_lies_too_far_back_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

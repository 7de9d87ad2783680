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
	static const double loads[] = {0.3, 0.5, 0.7, 0.8, 0.9};
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
		/* a slot of two services hides what meets within it */
		if (fabs(got - want) > 0.1 * want + 0.35 * service)
			fail_msg("load %g: mean wait %g ps, M/D/1 has %g", loads[k], got, want);
		cxms_calendar_fini(&c);
	}
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
		cmocka_unit_test(test_what_lies_too_far_back_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

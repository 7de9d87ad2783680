#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "source/imp_rounds.h"

#define N 5000u

struct rec {
	uint64_t time_ns, number;
	char fill[24];
};

static void push(struct cxms_rounds *r, uint64_t time_ns, uint64_t number)
{
	struct rec rec = {.time_ns = time_ns, .number = number};

	/* of any length that holds the two numbers */
	assert_int_equal(cxms_rounds_push(r, time_ns, &rec, 16 + number % 24, NULL), 0);
}

/* What may be popped now, in order; how many. */
static unsigned drain(struct cxms_rounds *r, uint64_t *last_ns, bool *seen)
{
	const struct rec *rec;
	uint64_t time_ns;
	unsigned n = 0;
	size_t len;

	while ((rec = cxms_rounds_pop(r, &time_ns, &len))) {
		assert_int_equal(rec->time_ns, time_ns);
		assert_int_equal(len, 16 + rec->number % 24);
		assert_true(time_ns >= *last_ns);
		assert_false(seen[rec->number]);
		seen[rec->number] = true;
		*last_ns = time_ns;
		n++;
	}
	return n;
}

/*
 * Two rings, each in order, written one behind the other in rounds, as perf does. The second is
 * behind by one round: what it tells is older than what the first told in the round before.
 */
static void test_rounds_give_one_order(void **state)
{
	struct cxms_rounds r = {0};
	struct cxms_rng rng;
	uint64_t last_ns = 0, now = 0, late = 0;
	bool *seen = calloc(N, sizeof(*seen));
	unsigned n = 0, pushed = 0, n_late = 0;

	(void)state;
	assert_non_null(seen);
	cxms_rng_init(&rng, 1);
	while (pushed < N) {
		unsigned each = 1 + (unsigned)cxms_rng_below(&rng, 20);

		for (unsigned i = 0; i < each && pushed < N; i++)
			push(&r, now + i * 10, pushed++);
		for (unsigned i = 0; i < n_late && pushed < N; i++)
			push(&r, late + i * 10 + 3, pushed++);
		late = now;
		n_late = each;
		now += each * 10;
		cxms_rounds_end_round(&r);
		n += drain(&r, &last_ns, seen);
	}
	assert_true(n > N / 2); /* not all is held to the end */
	cxms_rounds_end(&r);
	n += drain(&r, &last_ns, seen);
	assert_int_equal(n, N);
	assert_int_equal(r.n_late, 0);
	assert_int_equal(r.live_bytes, 0);
	cxms_rounds_fini(&r);
	free(seen);
}

static void test_equal_times_keep_their_order(void **state)
{
	struct cxms_rounds r = {0};
	uint64_t time_ns;
	size_t len;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		push(&r, i % 2, i);
	cxms_rounds_end(&r);
	for (uint64_t i = 0; i < 100; i++) {
		const struct rec *rec = cxms_rounds_pop(&r, &time_ns, &len);

		assert_int_equal(rec->number, i < 50 ? 2 * i : 2 * (i - 50) + 1);
	}
	assert_null(cxms_rounds_pop(&r, &time_ns, &len));
	cxms_rounds_fini(&r);
}

/* Without rounds what is held stays bounded, and what comes late is counted, not lost. */
static void test_memory_is_bounded(void **state)
{
	struct cxms_rounds r = {.max_bytes = 4096};
	uint64_t time_ns;
	unsigned popped = 0;
	size_t len;

	(void)state;
	for (uint64_t i = 0; i < N; i++) {
		if (cxms_rounds_is_full(&r)) {
			cxms_rounds_force(&r);
			while (cxms_rounds_pop(&r, &time_ns, &len))
				popped++;
		}
		push(&r, i % 100 == 99 ? 1 : i, i);
		assert_true(r.live_bytes <= 4096 + 40);
		assert_true(r.used <= 4 * 4096);
	}
	cxms_rounds_end(&r);
	while (cxms_rounds_pop(&r, &time_ns, &len))
		popped++;
	assert_int_equal(popped, N);
	assert_true(r.n_late >= N / 100 - 2);
	cxms_rounds_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_give_one_order),
		cmocka_unit_test(test_equal_times_keep_their_order),
		cmocka_unit_test(test_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

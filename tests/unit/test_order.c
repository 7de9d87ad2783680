#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "source/evq.h"
#include "source/idmap.h"
#include "source/order.h"

#define STREAMS 7u
#define RECORDS 20000u

struct rec {
	uint64_t time_ns;
	unsigned stream, seq;
	char pad[40]; /* of varying use: records have varying lengths */
};

static int by_time_stream_seq(const void *pa, const void *pb)
{
	const struct rec *a = pa, *b = pb;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (a->stream != b->stream)
		return a->stream < b->stream ? -1 : 1;
	return a->seq < b->seq ? -1 : 1;
}

static size_t pop_all(struct cxms_order *o, uint64_t before, const struct rec *want, size_t at)
{
	const struct rec *got;
	uint64_t time_ns;
	unsigned stream;
	size_t len;

	while ((got = cxms_order_pop(o, before, &stream, &time_ns, &len))) {
		assert_true(time_ns < before);
		assert_true(time_ns == want[at].time_ns);
		assert_int_equal(stream, want[at].stream);
		assert_int_equal(len, 16 + want[at].seq % 40);
		assert_int_equal(got->seq, want[at].seq);
		at++;
	}
	return at;
}

static void test_streams_merge_as_a_stable_sort_would(void **state)
{
	struct rec *all = calloc(RECORDS, sizeof(*all));
	struct cxms_order o;
	struct cxms_rng rng;

	(void)state;
	assert_non_null(all);
	cxms_rng_init(&rng, 1);
	assert_int_equal(cxms_order_init(&o, STREAMS, 0, NULL), 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct rec *r = &all[i];

		/* Each stream is nearly in order: a record may be up to 30 too early. */
		r->time_ns = 100 + i / 3 - cxms_rng_below(&rng, 30);
		r->stream = (unsigned)cxms_rng_below(&rng, STREAMS);
		r->seq = i;
		assert_int_equal(cxms_order_push(&o, r->stream, r->time_ns, r, 16 + i % 40, NULL),
				 0);
	}
	qsort(all, RECORDS, sizeof(*all), by_time_stream_seq);
	assert_int_equal(pop_all(&o, UINT64_MAX, all, 0), RECORDS);
	assert_true(cxms_order_first_ns(&o) == UINT64_MAX);
	cxms_order_fini(&o);
	free(all);
}

static void test_pushing_and_popping_in_turns_keeps_the_order(void **state)
{
	struct rec *all = calloc(RECORDS, sizeof(*all));
	struct cxms_order o;
	struct cxms_rng rng;
	size_t at = 0;

	(void)state;
	assert_non_null(all);
	cxms_rng_init(&rng, 2);
	assert_int_equal(cxms_order_init(&o, STREAMS, 0, NULL), 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct rec *r = &all[i];

		r->time_ns = 10ull * i;
		r->stream = (unsigned)cxms_rng_below(&rng, STREAMS);
		r->seq = i;
		assert_int_equal(cxms_order_push(&o, r->stream, r->time_ns, r, 16 + i % 40, NULL),
				 0);
		if (cxms_rng_below(&rng, 100) == 0)
			at = pop_all(&o, r->time_ns - cxms_rng_below(&rng, 500), all, at);
	}
	assert_true(at > RECORDS / 2);
	assert_int_equal(pop_all(&o, UINT64_MAX, all, at), RECORDS);
	cxms_order_fini(&o);
	free(all);
}

/* What waits at most decides the memory, not what has passed; largest records, some older. */
static void test_memory_is_used_again(void **state)
{
	static const struct rec rec;
	static uint8_t largest[65536];
	struct cxms_order o;
	size_t before, len;
	unsigned stream;
	uint64_t t;

	(void)state;
	assert_int_equal(cxms_order_init(&o, 3, 4 << 20, NULL), 0);
	before = o.room_bytes;
	assert_true(before >= 4 << 20);
	for (unsigned i = 1; i <= 3000; i++) {
		for (unsigned k = 0; k < 10; k++)
			assert_int_equal(
				cxms_order_push(&o, k % 3, 10 * i + k % 4, &rec, sizeof(rec), NULL),
				0);
		assert_int_equal(cxms_order_push(&o, 1, 10 * i, largest, sizeof(largest), NULL), 0);
		while (cxms_order_pop(&o, 10 * (i > 20 ? i - 20 : 0), &stream, &t, &len))
			assert_true(o.bytes > 0);
	}
	assert_true(o.bytes >= 20 * sizeof(largest));
	while (cxms_order_pop(&o, UINT64_MAX, &stream, &t, &len))
		;
	assert_int_equal(o.bytes, 0);
	assert_int_equal(o.room_bytes, before);
	cxms_order_fini(&o);
}

static void test_the_cut_is_exclusive(void **state)
{
	struct cxms_order o;
	uint64_t t = 5;
	unsigned stream;
	size_t len;

	(void)state;
	assert_int_equal(cxms_order_init(&o, 1, 1 << 20, NULL), 0);
	assert_int_equal(cxms_order_push(&o, 0, 5, &t, sizeof(t), NULL), 0);
	assert_null(cxms_order_pop(&o, 5, &stream, &t, &len));
	assert_true(cxms_order_first_ns(&o) == 5);
	assert_non_null(cxms_order_pop(&o, 6, &stream, &t, &len));
	assert_null(cxms_order_pop(&o, UINT64_MAX, &stream, &t, &len));
	cxms_order_fini(&o);
}

static void test_a_late_record_does_not_turn_time_back(void **state)
{
	struct cxms_event in[] = {{.kind = CXMS_EV_FAULT, .time_ns = 10},
				  {.kind = CXMS_EV_RUN, .time_ns = 2},
				  {.kind = CXMS_EV_FAULT, .time_ns = 7}},
			  out[4];
	struct cxms_evq q = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		cxms_evq_push(&q, &in[i]);
	assert_int_equal(cxms_evq_pop(&q, out, 4), 3);
	assert_int_equal(out[0].time_ns, 10);
	assert_int_equal(out[1].time_ns, 2); /* a slice tells when it began */
	assert_int_equal(out[2].time_ns, 10);
	cxms_evq_fini(&q);
}

static void test_strings_outlive_the_pop(void **state)
{
	char name[] = "first";
	struct cxms_event ev = {.kind = CXMS_EV_EXEC, .exec = {.name = name}}, out[2];
	struct cxms_evq q = {0};

	(void)state;
	cxms_evq_push(&q, &ev);
	memset(name, 'x', 5);
	cxms_evq_push(&q, &ev);
	assert_int_equal(cxms_evq_pop(&q, out, 1), 1);
	cxms_evq_recycle(&q); /* nothing: one event waits */
	assert_int_equal(cxms_evq_pop(&q, out + 1, 1), 1);
	assert_string_equal(out[0].exec.name, "first");
	assert_string_equal(out[1].exec.name, "xxxxx");
	assert_true(cxms_evq_is_empty(&q));
	cxms_evq_recycle(&q);
	assert_int_equal(q.n_string, 0);
	cxms_evq_fini(&q);
}

static void test_idmap_is_a_map(void **state)
{
	static char present[4096];
	struct cxms_idmap m = {0};
	struct cxms_rng rng;
	size_t n = 0, pos = 0, seen = 0;

	(void)state;
	memset(present, 0, sizeof(present));
	cxms_rng_init(&rng, 3);
	for (int i = 0; i < 100000; i++) {
		uint64_t key = cxms_rng_below(&rng, sizeof(present));

		assert_true(cxms_idmap_get(&m, key) == (present[key] ? &present[key] : NULL));
		if (cxms_rng_below(&rng, 2)) {
			assert_int_equal(cxms_idmap_put(&m, key, &present[key]), 0);
			n += !present[key];
			present[key] = 1;
		} else {
			void *gone = cxms_idmap_remove(&m, key);

			assert_true(gone == (present[key] ? &present[key] : NULL));
			n -= (size_t)present[key];
			present[key] = 0;
		}
		assert_int_equal(m.n, n);
	}
	while (cxms_idmap_next(&m, &pos))
		seen++;
	assert_int_equal(seen, n);
	cxms_idmap_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_merge_as_a_stable_sort_would),
		cmocka_unit_test(test_pushing_and_popping_in_turns_keeps_the_order),
		cmocka_unit_test(test_memory_is_used_again),
		cmocka_unit_test(test_the_cut_is_exclusive),
		cmocka_unit_test(test_a_late_record_does_not_turn_time_back),
		cmocka_unit_test(test_strings_outlive_the_pop),
		cmocka_unit_test(test_idmap_is_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

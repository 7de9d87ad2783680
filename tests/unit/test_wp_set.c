#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "source/evq.h"
#include "wp_double.h"

#define MS    1000000ull
#define LIMIT CXMS_WATCH_LIMIT_NS
#define ROUND (10 * MS) /* of the recorder */
#define START (50 * MS) /* the clock when the recording began */
#define PID   7u
/* Words with this bit are never used again; others each millisecond. */
#define COLD (1ull << 40)
#define HOT  (1ull << 39)

static uint64_t each_ms(uint32_t tid, uint64_t addr, uint64_t after_ns)
{
	uint64_t phase = (addr / 8 * 7919 + tid) % MS;

	if (addr & COLD)
		return UINT64_MAX;
	return (after_ns + MS - phase) / MS * MS + phase;
}

static uint64_t each_ns(uint32_t tid, uint64_t addr, uint64_t after_ns)
{
	(void)tid;
	(void)addr;
	return after_ns + 1;
}

struct bed {
	struct wp_double kernel;
	struct cxms_wp_set set;
	struct cxms_evq out;
	struct cxms_rng rng;
};

static struct bed *bed_new(uint64_t (*next_ns)(uint32_t, uint64_t, uint64_t))
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->kernel.now_ns = START;
	b->kernel.next_ns = next_ns;
	cxms_wp_set_init(&b->set, &wp_double_ops, &b->kernel, &b->out, 1);
	b->set.base_ns = START;
	cxms_rng_init(&b->rng, 2);
	return b;
}

static void bed_free(struct bed *b)
{
	cxms_wp_set_fini(&b->set);
	cxms_evq_fini(&b->out);
	assert_int_equal(b->kernel.n_all, 0); /* none is left set */
	free(b);
}

/* @n waits of a thread for words drawn from a million, a share of them cold; then a round. */
static void round_of(struct bed *b, uint32_t tid, unsigned n, double cold)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t word = 8 * cxms_rng_below(&b->rng, 1000000);
		bool is_cold = cxms_rng_unit(&b->rng) < cold;

		assert_int_equal(
			cxms_wp_sample(&b->set, PID, tid, word | (is_cold ? COLD : HOT), is_cold),
			0);
	}
	cxms_wp_round(&b->set);
	wp_double_advance(&b->kernel, b->kernel.now_ns + ROUND);
}

static const struct cxms_event *told(const struct bed *b, size_t i)
{
	assert_true(i < b->out.len);
	assert_int_equal(b->out.ev[i].kind, CXMS_EV_WATCH);
	return &b->out.ev[i];
}

static void test_words_used_each_millisecond_say_so(void **state)
{
	struct bed *b = bed_new(each_ms);

	(void)state;
	for (int i = 0; i < 100; i++)
		round_of(b, 9, 50, 0);
	assert_int_equal(b->out.len, 4 * 99); /* all free again after each round */
	for (size_t i = 0; i < b->out.len; i++) {
		const struct cxms_event *ev = told(b, i);

		assert_int_equal(ev->pid, PID);
		assert_int_equal(ev->tid, 9);
		assert_int_equal(ev->time_ns, i / 4 * ROUND);
		assert_int_equal(ev->watch.uses, 3);
		assert_in_range(ev->watch.first_ns, 1, MS);
		assert_int_equal(ev->watch.reuse_ns, MS);
		assert_int_equal(ev->watch.again_ns, MS);
		assert_in_range(ev->watch.stands, 12, 13); /* 50 waits by four */
	}
	assert_int_equal(b->set.refused, 0);
	bed_free(b);
}

/* What was told, by the waits it stands for. */
static double cold_share(const struct bed *b, size_t *n_cold)
{
	double cold = 0, all = 0;

	*n_cold = 0;
	for (size_t i = 0; i < b->out.len; i++) {
		const struct cxms_watch *v = &told(b, i)->watch;

		assert_int_equal(v->site, (v->addr & COLD) != 0);
		assert_int_equal(v->uses, v->addr & COLD ? 0 : 3);
		if (v->addr & COLD) {
			/* seen over at the first round after the limit */
			assert_in_range(v->first_ns, LIMIT, LIMIT + ROUND);
			assert_int_equal(v->reuse_ns + v->again_ns, 0);
			*n_cold += 1;
			cold += v->stands;
		}
		all += v->stands;
	}
	return cold / all;
}

static void test_never_used_words_keep_their_share_although_they_block(void **state)
{
	struct bed *b = bed_new(each_ms);
	size_t n_cold;
	double share;

	(void)state;
	for (int i = 0; i < 20000; i++)
		round_of(b, 9, 5, 0.5);
	share = cold_share(b, &n_cold);
	assert_true(n_cold > 500);
	/* Each cold one stands for the waits of about 26 rounds: n is their number, twice. */
	assert_true(fabs(share - 0.5) < 4 * 0.5 / sqrt(2 * (double)n_cold));
	assert_int_equal(b->kernel.most_set, 4);
	bed_free(b);
}

/* Half of the waits hot, then half cold: hot ones are followed far more often, and count no more.
 */
static void test_each_wait_has_the_same_weight_in_phases(void **state)
{
	struct bed *b = bed_new(each_ms);
	size_t n_cold;
	double share;

	(void)state;
	for (int i = 0; i < 10000; i++)
		round_of(b, 9, 5, i >= 5000);
	share = cold_share(b, &n_cold);
	assert_true((double)n_cold < 0.1 * (double)b->out.len);
	assert_true(fabs(share - 0.5) <
		    0.01); /* the last ones are not told yet: 26 of 10,000 rounds */
	bed_free(b);
}

static void test_late_waits_of_a_round_have_the_same_chance(void **state)
{
	struct bed *b = bed_new(each_ms);
	unsigned late = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		for (uint64_t k = 0; k < 50; k++)
			cxms_wp_sample(&b->set, PID, 9, HOT | k * 64, 0);
		cxms_wp_round(&b->set);
		wp_double_advance(&b->kernel, b->kernel.now_ns + ROUND);
	}
	for (size_t i = 0; i < b->out.len; i++)
		late += (told(b, i)->watch.addr & 0xfff) / 64 >= 40;
	/* a fifth of them; four standard deviations */
	assert_true(fabs(late / (double)b->out.len - 0.2) < 4 * 0.4 / sqrt((double)b->out.len));
	bed_free(b);
}

static void test_of_many_threads_none_has_more_than_four(void **state)
{
	struct bed *b = bed_new(each_ms);

	(void)state;
	for (int i = 0; i < 50; i++) {
		for (uint32_t tid = 100; tid < 200; tid++)
			for (int k = 0; k < 6; k++)
				cxms_wp_sample(&b->set, PID, tid, COLD | (uint64_t)k * 64, 1);
		round_of(b, 200, 1, 1);
	}
	assert_int_equal(b->kernel.most_set, 4);
	assert_int_equal(b->kernel.most_all, CXMS_WP_MAX);
	assert_int_equal(b->set.refused, 0);
	bed_free(b);
}

static void test_a_word_used_all_the_time_tells_three_uses(void **state)
{
	struct bed *b = bed_new(each_ns);

	(void)state;
	round_of(b, 9, 1, 0);
	round_of(b, 9, 0, 0);
	assert_int_equal(b->out.len, 1);
	assert_int_equal(told(b, 0)->watch.uses, 3);
	assert_int_equal(told(b, 0)->watch.first_ns, 1);
	assert_int_equal(told(b, 0)->watch.again_ns, 1);
	assert_int_equal(b->set.n_set, 0);
	bed_free(b);
}

/* One use, and then no other: the limit counts from that use. */
static uint64_t once(uint32_t tid, uint64_t addr, uint64_t after_ns)
{
	(void)tid;
	(void)addr;
	return after_ns < START + 100 * MS ? START + 100 * MS : UINT64_MAX;
}

static void test_the_limit_begins_anew_at_each_use(void **state)
{
	struct bed *b = bed_new(once);
	const struct cxms_watch *v;

	(void)state;
	round_of(b, 9, 1, 0);
	while (!b->out.len)
		round_of(b, 9, 0, 0);
	v = &told(b, 0)->watch;
	assert_int_equal(v->uses, 1);
	assert_int_equal(v->first_ns, 100 * MS);
	assert_int_equal(v->reuse_ns, LIMIT);
	assert_int_equal(v->again_ns, 0);
	bed_free(b);
}

static void test_what_is_known_at_the_end_of_a_thread_is_told(void **state)
{
	struct bed *b = bed_new(each_ms);

	(void)state;
	round_of(b, 9, 4, 1);
	round_of(b, 10, 4, 1);
	cxms_wp_thread_end(&b->set, 9, b->kernel.now_ns - 5 * MS);
	b->kernel.has_ended[9] = true;
	assert_int_equal(b->out.len, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(told(b, i)->tid, 9);
		assert_int_equal(told(b, i)->watch.first_ns, 2 * ROUND - 5 * MS);
	}
	/* a late sample of it: the kernel knows no such thread any more, which is no refusal */
	round_of(b, 9, 4, 1);
	assert_int_equal(b->set.refused, 0);
	assert_int_equal(b->set.n_set, 4);
	cxms_wp_end(&b->set, b->kernel.now_ns);
	assert_int_equal(b->out.len, 8);
	assert_int_equal(told(b, 7)->tid, 10);
	assert_int_equal(told(b, 7)->watch.first_ns, 2 * ROUND);
	bed_free(b);
}

static void test_a_new_image_drops_the_watches_of_its_process_only(void **state)
{
	struct bed *b = bed_new(each_ms);

	(void)state;
	round_of(b, 9, 4, 1);
	assert_int_equal(cxms_wp_sample(&b->set, PID + 1, 10, COLD, 1), 0); /* of a child */
	cxms_wp_round(&b->set);
	cxms_wp_exec(&b->set, PID);
	assert_int_equal(b->out.len, 0);
	assert_int_equal(b->set.n_set, 1);
	cxms_wp_end(&b->set, b->kernel.now_ns);
	assert_int_equal(b->out.len, 1);
	assert_int_equal(told(b, 0)->pid, PID + 1);
	bed_free(b);
}

/* It is told when it is over, with the time it was set, which others have passed. */
static void test_a_watch_keeps_its_time(void **state)
{
	struct bed *b = bed_new(each_ms);
	const struct cxms_event later = {.kind = CXMS_EV_EXIT, .time_ns = 500 * MS};

	(void)state;
	round_of(b, 9, 0, 0);
	round_of(b, 9, 1, 0);
	cxms_evq_push(&b->out, &later);
	round_of(b, 9, 0, 0);
	assert_int_equal(b->out.len, 2);
	assert_int_equal(told(b, 1)->time_ns, ROUND);
	bed_free(b);
}

static void test_a_debugger_leaves_fewer(void **state)
{
	struct bed *b = bed_new(each_ms);

	(void)state;
	b->kernel.taken = 3;
	for (int i = 0; i < 10; i++)
		round_of(b, 9, 8, 0);
	assert_int_equal(b->out.len, 9);
	assert_int_equal(told(b, 8)->watch.stands, 8); /* for all of its round */
	assert_int_equal(b->set.refused_rc, -ENOSPC);
	b->kernel.taken = 4;
	round_of(b, 9, 8, 0);
	for (int i = 0; i < 10; i++)
		round_of(b, 9, 8, 0);
	assert_int_equal(b->out.len, 10);
	assert_int_equal(b->set.watches, 10);
	assert_true(b->set.refused >= 21);
	bed_free(b);
}

static void test_damaged_records_are_no_uses(void **state)
{
	struct bed *b = bed_new(each_ms);
	struct perf_event_header bad = {.type = PERF_RECORD_SAMPLE, .size = 12};
	struct perf_event_header brief = {.type = PERF_RECORD_SAMPLE, .size = 16};
	uint64_t two[2] = {0};

	(void)state;
	round_of(b, 9, 1, 1);
	memcpy(two, &brief, sizeof(brief));
	perf_double_put(&b->kernel.point[0].ring, two, sizeof(two));
	memcpy(two, &bad, sizeof(bad));
	perf_double_put(&b->kernel.point[0].ring, two, sizeof(two));
	while (!b->out.len)
		round_of(b, 9, 0, 0);
	assert_int_equal(told(b, 0)->watch.uses, 0);
	bed_free(b);
}

static void test_without_watchpoints_nothing_happens(void **state)
{
	struct cxms_wp_set none = {0};

	(void)state;
	assert_int_equal(cxms_wp_sample(&none, 1, 1, 8, 0), 0);
	cxms_wp_round(&none);
	cxms_wp_thread_end(&none, 1, 5);
	cxms_wp_exec(&none, 1);
	cxms_wp_end(&none, 5);
	cxms_wp_set_fini(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_used_each_millisecond_say_so),
		cmocka_unit_test(test_never_used_words_keep_their_share_although_they_block),
		cmocka_unit_test(test_each_wait_has_the_same_weight_in_phases),
		cmocka_unit_test(test_late_waits_of_a_round_have_the_same_chance),
		cmocka_unit_test(test_of_many_threads_none_has_more_than_four),
		cmocka_unit_test(test_a_word_used_all_the_time_tells_three_uses),
		cmocka_unit_test(test_the_limit_begins_anew_at_each_use),
		cmocka_unit_test(test_what_is_known_at_the_end_of_a_thread_is_told),
		cmocka_unit_test(test_a_new_image_drops_the_watches_of_its_process_only),
		cmocka_unit_test(test_a_watch_keeps_its_time),
		cmocka_unit_test(test_a_debugger_leaves_fewer),
		cmocka_unit_test(test_damaged_records_are_no_uses),
		cmocka_unit_test(test_without_watchpoints_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/rng.h"
#include "source/thin.h"

#define MAP_FIRST 0x10000u
#define MAP_PAGES 0x80000u
#define FAULT_NS  1600u /* between two of a program that does nothing else */

/* What a program of one thread touches, and the kernel records of it. */
struct play {
	struct cxms_thin thin;
	struct cxms_fault_runs runs;
	uint64_t now_ns, faults, records, told, lost, misplaced;
	unsigned many;		/* counts to the next of many */
	uint64_t touched[1024]; /* the latest first */
	unsigned n_touched;
};

static bool was_touched(const struct play *p, uint64_t page)
{
	for (unsigned i = 0; i < p->n_touched; i++)
		if (p->touched[i] == page)
			return true;
	return false;
}

static void record(struct play *p, uint64_t page, bool is_one_of_many)
{
	const struct cxms_thin_fault f = {.page = page,
					  .time_ns = p->now_ns,
					  .first_page = MAP_FIRST,
					  .end_page = MAP_FIRST + MAP_PAGES,
					  .is_one_of_many = is_one_of_many};
	struct cxms_thin_gap gap;

	if (is_one_of_many && !cxms_thin_is_told(&p->thin, p->now_ns))
		return;
	gap = cxms_thin_follow(&p->thin, &p->runs, &f);
	assert_true(!gap.n || !gap.lost);
	for (uint32_t i = 1; i <= gap.n; i++)
		p->misplaced += !was_touched(p, gap.page + (uint64_t)(gap.step * (int64_t)i));
	p->told += gap.n + !gap.is_known;
	p->lost += gap.lost;
}

static void touch(struct play *p, uint64_t page, uint64_t after_ns)
{
	p->now_ns += after_ns;
	p->faults++;
	memmove(p->touched + 1, p->touched, sizeof(p->touched) - sizeof(p->touched[0]));
	p->touched[0] = page;
	p->n_touched += p->n_touched < sizeof(p->touched) / sizeof(p->touched[0]);
	if (!p->thin.is_thin) {
		p->records++;
		record(p, page, false);
	}
	if (++p->many == CXMS_THIN_PERIOD) {
		p->many = 0;
		p->records += p->thin.is_thin;
		record(p, page, true);
	}
	cxms_thin_round(&p->thin, p->now_ns);
	if (p->thin.wants_thin != p->thin.is_thin)
		cxms_thin_switch(&p->thin, p->now_ns);
}

static const struct {
	const char *why;
	unsigned arrays;
	int64_t step;
	uint64_t after_ns;
	bool is_random, is_thin;
} rows[] = {
	{"one array, upwards", 1, 1, FAULT_NS, false, true},
	{"one array, downwards", 1, -1, FAULT_NS, false, true},
	{"by folios of 64 KiB", 1, 16, FAULT_NS, false, true},
	{"two side by side", 2, 1, FAULT_NS, false, true},
	{"three side by side", 3, 1, FAULT_NS, false, true},
	{"more than are followed", 8, 1, FAULT_NS, false, false},
	{"some thousands a second", 1, 1, 200000, false, false},
	{"at random", 1, 1, FAULT_NS, true, false},
};

static void test_few_records_tell_of_all_pages_where_one_follows_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct play p = {0};
		struct cxms_rng rng;

		cxms_rng_init(&rng, 1);
		for (unsigned k = 0; k < 24000; k++) {
			uint64_t array = k % rows[i].arrays, turn = k / rows[i].arrays;
			uint64_t page = MAP_FIRST + MAP_PAGES / 8 * array;

			if (rows[i].is_random)
				page = MAP_FIRST + cxms_rng_below(&rng, MAP_PAGES);
			else if (rows[i].step < 0)
				page += MAP_PAGES / 8 - 1 - turn;
			else
				page += turn * (uint64_t)rows[i].step;
			touch(&p, page, rows[i].after_ns);
		}
		print_message("%s: %" PRIu64 " records and %" PRIu64 " pages told for %" PRIu64
			      " faults\n",
			      rows[i].why, p.records, p.told, p.faults);
		assert_int_equal(p.thin.is_thin, rows[i].is_thin);
		assert_int_equal(p.misplaced, 0);
		assert_int_equal(p.lost, 0);
		assert_true(p.told <= p.faults);
		if (rows[i].is_thin) { /* the latest of each array are still to be told */
			assert_true(p.records < p.faults / 4);
			assert_true(p.told + CXMS_THIN_PERIOD * rows[i].arrays * rows[i].arrays >
				    p.faults);
		} else {
			assert_int_equal(p.records, p.faults);
			assert_int_equal(p.told, p.faults);
		}
	}
}

static void play_run(struct play *p, uint64_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		touch(p, first + i, FAULT_NS);
}

/* Elsewhere all at once: what one of many stood for is lost, said so, and each counts again. */
static void test_what_leads_nowhere_is_lost_once_and_each_is_wanted_again(void **state)
{
	struct play p = {0};

	(void)state;
	play_run(&p, MAP_FIRST, 10000);
	assert_true(p.thin.is_thin);
	for (unsigned k = 0; k < CXMS_THIN_PERIOD; k++)
		touch(&p, MAP_FIRST + 0x20000 + k * k * 7, FAULT_NS);
	assert_false(p.thin.is_thin);
	assert_int_equal(p.lost, CXMS_THIN_PERIOD - 1);
	touch(&p, MAP_FIRST + 0x30000, FAULT_NS);
	assert_int_equal(p.lost, CXMS_THIN_PERIOD - 1);
	assert_int_equal(p.misplaced, 0);
}

/* An array that is filled to the end of its mapping: what comes then, anywhere, finds each recorded
 * again. */
static void test_before_a_mapping_ends_each_is_recorded(void **state)
{
	struct play p = {0};

	(void)state;
	play_run(&p, MAP_FIRST, 10000);
	assert_true(p.thin.is_thin);
	play_run(&p, MAP_FIRST + 10000, MAP_PAGES - 10000);
	assert_false(p.thin.is_thin);
	assert_true(p.records < p.faults / 8);
	touch(&p, MAP_FIRST - 100, FAULT_NS);
	assert_int_equal(p.told, p.faults);
	assert_int_equal(p.misplaced + p.lost, 0);
	play_run(&p, MAP_FIRST + MAP_PAGES - 5000, 4999);
	assert_false(p.thin.is_thin); /* too near to its end to begin */
}

/* The program computes for a while: what it touches then is told page by page, and the first of it
 * fills in what the run had left open. */
static void test_rare_faults_are_each_recorded_again(void **state)
{
	struct play p = {0};
	uint64_t records;

	(void)state;
	play_run(&p, MAP_FIRST, 10000);
	assert_true(p.thin.is_thin);
	cxms_thin_round(&p.thin, p.now_ns + 1000000);
	assert_true(p.thin.wants_thin); /* too early to tell */
	p.now_ns += 100000000;
	cxms_thin_round(&p.thin, p.now_ns);
	p.now_ns += 100000000;
	cxms_thin_round(&p.thin, p.now_ns);
	assert_false(p.thin.wants_thin);
	cxms_thin_switch(&p.thin, p.now_ns);
	records = p.records;
	play_run(&p, MAP_FIRST + 10000, 100);
	assert_int_equal(p.records, records + 100);
	assert_int_equal(p.told, p.faults);
	assert_int_equal(p.misplaced + p.lost, 0);
}

/* Two mappings that lie one behind the other: what was touched in between is not known. */
static void test_no_run_leads_from_one_mapping_into_another(void **state)
{
	struct play p = {0};
	struct cxms_thin_fault f = {.is_one_of_many = true};
	struct cxms_thin_gap gap;

	(void)state;
	play_run(&p, MAP_FIRST, 10000);
	assert_true(p.thin.is_thin);
	f.page = MAP_FIRST + 10000 + 20;
	f.time_ns = p.now_ns + 1000;
	f.first_page = MAP_FIRST + 10000;
	f.end_page = f.first_page + 100;
	gap = cxms_thin_follow(&p.thin, &p.runs, &f);
	assert_int_equal(gap.n, 0);
	assert_int_equal(gap.lost, CXMS_THIN_PERIOD - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_records_tell_of_all_pages_where_one_follows_another),
		cmocka_unit_test(test_what_leads_nowhere_is_lost_once_and_each_is_wanted_again),
		cmocka_unit_test(test_before_a_mapping_ends_each_is_recorded),
		cmocka_unit_test(test_rare_faults_are_each_recorded_again),
		cmocka_unit_test(test_no_run_leads_from_one_mapping_into_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

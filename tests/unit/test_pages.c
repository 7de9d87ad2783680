/* Pages: sizes by what the kernel did, order of first touch, sharing after a fork. */
#include "play.h"

#include "place/pages.h"

#define BASE 4096ull
#define HUGE (2 * PLAY_MIB)
#define ADDR 0x10000000ull /* huge-aligned */
#define PID  7u

/* Feeds the events and settles; @last: the page of each event in order, or CXMS_NO_PAGE. */
static struct cxms_pages *feed(struct play *p, uint32_t *last)
{
	struct cxms_pages *pages = NULL;
	const uint32_t *remap;
	size_t n;
	assert_int_equal(cxms_pages_new(BASE, HUGE, &pages, NULL), 0);
	for (size_t i = 0; i < p->n; i++) {
		assert_int_equal(cxms_pages_event(pages, &p->ev[i], NULL), 0);
		last[i] = cxms_pages_last(pages);
	}
	assert_int_equal(cxms_pages_settle(pages, &remap, &n, NULL), 0);
	for (size_t i = 0; i < p->n; i++)
		if (last[i] != CXMS_NO_PAGE) {
			assert_true(last[i] < n);
			last[i] = remap[last[i]];
		}
	free(p->ev);
	*p = (struct play){0};
	return pages;
}

static void test_first_touch_is_by_fault_then_by_sample(void **state)
{
	struct play p = {0};
	uint32_t last[8];
	(void)state;
	play_map(&p, PID, ADDR, HUGE);
	play_fault(&p, PID, 1, ADDR + 3 * BASE + 17);
	play_fault(&p, PID, 2, ADDR + BASE);
	(void)play_sample(&p, PID, PID, 3, 0, ADDR + BASE + 64);
	(void)play_sample(&p, PID, PID, 4, 0, ADDR);
	play_fault(&p, PID, 5, ADDR + 3 * BASE); /* again: write protection */
	(void)play_sample(&p, PID, PID, 6, 0, 0);
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(cxms_pages_count(pages), 3);
	assert_int_equal(cxms_pages_at(pages, 0)->addr, ADDR + 3 * BASE);
	assert_int_equal(cxms_pages_at(pages, 1)->addr, ADDR + BASE);
	assert_int_equal(cxms_pages_at(pages, 2)->addr, ADDR);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(cxms_pages_at(pages, i)->touch_rank, i);
	assert_int_equal(last[3], 1);
	assert_int_equal(last[4], 2);
	assert_int_equal(last[6], CXMS_NO_PAGE);
	assert_int_equal(cxms_pages_total_bytes(pages), 3 * BASE);
	cxms_pages_free(pages);
}

static void test_a_child_shares_until_it_faults(void **state)
{
	struct play p = {0};
	uint32_t last[16];
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_map(&p, PID, ADDR, HUGE);
	play_fault(&p, PID, 1, ADDR);
	play_fault(&p, PID, 1, ADDR + BASE);
	play_fork(&p, 8, 8, PID, PID, 2);
	(void)play_sample(&p, 8, 8, 3, 0, ADDR + 8); /* 5: the parent's */
	play_fault(&p, 8, 4, ADDR);
	(void)play_sample(&p, 8, 8, 5, 0, ADDR + 8);	    /* 7: its own copy */
	(void)play_sample(&p, PID, PID, 6, 0, ADDR + 8);    /* 8 */
	(void)play_sample(&p, 8, 8, 7, 0, ADDR + BASE + 8); /* 9: still the parent's */
	play_fork(&p, 9, 9, 8, 8, 8);
	(void)play_sample(&p, 9, 9, 9, 0, ADDR);	/* 11: the child's copy */
	(void)play_sample(&p, 9, 9, 9, 0, ADDR + BASE); /* 12: the grandparent's */
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(cxms_pages_count(pages), 3);
	assert_int_equal(last[5], 0);
	assert_int_equal(last[7], 2);
	assert_int_equal(last[8], 0);
	assert_int_equal(last[9], 1);
	assert_int_equal(last[11], 2);
	assert_int_equal(last[12], 1);
	assert_true(cxms_pages_at(pages, 2)->space != cxms_pages_at(pages, 0)->space);
	cxms_pages_free(pages);
}

static void test_a_thread_is_no_new_space_and_an_exec_is(void **state)
{
	struct play p = {0};
	uint32_t last[8];
	(void)state;
	play_fork(&p, PID, PID, 0, 0, 0);
	play_fork(&p, PID, 8, PID, PID, 1);
	(void)play_sample(&p, PID, PID, 1, 0, ADDR);
	(void)play_sample(&p, PID, 8, 2, 0, ADDR);
	play_exec(&p, PID, 3);
	(void)play_sample(&p, PID, PID, 4, 0, ADDR);
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(last[2], last[3]);
	assert_true(last[5] != last[2]);
	assert_int_equal(cxms_pages_count(pages), 2);
	cxms_pages_free(pages);
}

/* Mappings first, as of what runs already; then threads, each first seen by its record. */
static void test_what_was_there_before_keeps_its_space(void **state)
{
	struct play p = {0};
	uint32_t last[8];
	(void)state;
	play_map(&p, PID, ADDR, 64 * BASE);
	play_fork(&p, PID, PID, 0, 0, 1);
	(void)play_sample(&p, PID, PID, 2, 0, ADDR);
	play_fork(&p, PID, 8, 0, 0, 3);
	(void)play_sample(&p, PID, 8, 4, 0, ADDR);
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(last[2], last[4]);
	assert_int_equal(cxms_pages_count(pages), 1);
	cxms_pages_free(pages);
}

/* Two blocks of 2 MiB: in the first @faults base pages fault and @samples others are sampled. */
static void test_huge_pages_are_recognised(void **state)
{
	static const struct {
		unsigned faults, samples, look; /* look: huge MiB of 4, 5 = no look */
		uint64_t bytes;
		const char *why;
	} rows[] = {
		{1, 8, 5, HUGE, "one fault, many pages reached: the kernel gave a huge page"},
		{8, 8, 5, BASE, "a fault per page"},
		{1, 2, 5, BASE, "too few samples to tell"},
		{0, 8, 5, BASE, "no fault seen at all: nothing is known"},
		{1, 0, 4, HUGE, "the look says huge"},
		{8, 0, 4, HUGE, "all of it huge, whatever the faults were (collapsed later)"},
		{1, 8, 0, BASE, "the look says no huge pages"},
		{8, 0, 2, BASE, "half of it huge: a block that faulted page by page is not"},
		{1, 0, 2, HUGE, "half of it huge: a block with one fault is"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		uint32_t last[64];
		play_map(&p, PID, ADDR, 2 * HUGE);
		for (unsigned k = 0; k < rows[i].faults; k++)
			play_fault(&p, PID, 1, ADDR + k * BASE);
		for (unsigned k = 0; k < rows[i].samples; k++)
			(void)play_sample(&p, PID, PID, 2, 0, ADDR + (100 + k) * BASE);
		if (rows[i].look < 5)
			play_area(&p, PID, ADDR, 2 * HUGE, 2 * HUGE, rows[i].look * PLAY_MIB);
		struct cxms_pages *pages = feed(&p, last);
		print_message("%s\n", rows[i].why);
		assert_int_equal(cxms_pages_at(pages, 0)->bytes, rows[i].bytes);
		assert_int_equal(cxms_pages_count(pages),
				 rows[i].bytes == HUGE ? 1 : rows[i].faults + rows[i].samples);
		assert_true(cxms_pages_at(pages, 0)->addr % rows[i].bytes == 0);
		cxms_pages_free(pages);
	}
}

static void test_resident_bytes_count_where_faults_are_unknown(void **state)
{
	struct play p = {0};
	uint32_t last[8];
	(void)state;
	play_map(&p, PID, ADDR, 64 * PLAY_MIB);
	(void)play_sample(&p, PID, PID, 1, 0, ADDR);
	play_area(&p, PID, ADDR, 64 * PLAY_MIB, 30 * PLAY_MIB, 0);
	play_area(&p, PID, ADDR, 64 * PLAY_MIB, 10 * PLAY_MIB, 0); /* shrank: the most counts */
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(cxms_pages_area_count(pages), 1);
	assert_int_equal(cxms_pages_area_bytes(pages, 0), 30 * PLAY_MIB);
	assert_int_equal(cxms_pages_total_bytes(pages), 30 * PLAY_MIB);
	cxms_pages_free(pages);
}

/* Two mappings side by side are one to the kernel: what faulted in them is known already. */
static void test_a_look_at_neighbours_counts_nothing_twice(void **state)
{
	(void)state;
	for (int faults = 0; faults < 2; faults++) {
		struct play p = {0};
		uint32_t last[64];
		play_map(&p, PID, ADDR, 2 * PLAY_MIB);
		play_map(&p, PID, ADDR + 2 * PLAY_MIB, 2 * PLAY_MIB);
		for (unsigned i = 0; i < 8 && faults; i++)
			play_fault(&p, PID, 1, ADDR + i * 128 * BASE);
		play_area(&p, PID, ADDR, 4 * PLAY_MIB, faults ? 8 * BASE : 3 * PLAY_MIB, 0);
		(void)play_sample(&p, PID, PID, 2, 0, ADDR + 9);
		(void)play_sample(&p, PID, PID, 2, 0, ADDR + 2 * PLAY_MIB + 9);
		play_fork(&p, 8, 8, PID, PID, 3);
		play_area(&p, 8, ADDR, 4 * PLAY_MIB, faults ? 8 * BASE : 3 * PLAY_MIB, 0);
		size_t n = p.n;
		struct cxms_pages *pages = feed(&p, last);
		assert_int_equal(cxms_pages_area_count(pages), 2);
		assert_int_equal(cxms_pages_total_bytes(pages), faults ? 8 * BASE : 3 * PLAY_MIB);
		uint32_t a = last[n - 4], b = last[n - 3];
		assert_true(cxms_pages_at(pages, a)->area != cxms_pages_at(pages, b)->area);
		cxms_pages_free(pages);
	}
}

/* Mappings grow downwards: each look shows one more of them, as one with those before. */
static void test_a_place_is_counted_once_however_it_grew(void **state)
{
	enum { N = 4 };
	struct play p = {0};
	uint32_t last[16];
	uint64_t top = ADDR + 64 * PLAY_MIB;
	(void)state;
	for (unsigned i = 1; i <= N; i++) {
		play_map(&p, PID, top - i * 8 * PLAY_MIB, 8 * PLAY_MIB);
		play_area(&p, PID, top - i * 8 * PLAY_MIB, i * 8 * PLAY_MIB, i * 6 * PLAY_MIB, 0);
	}
	play_map(&p, PID, ADDR, 4 * PLAY_MIB); /* apart from them */
	play_area(&p, PID, ADDR, 4 * PLAY_MIB, 3 * PLAY_MIB, 0);
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(cxms_pages_area_count(pages), N + 1);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(cxms_pages_area_bytes(pages, i), 6 * PLAY_MIB);
	assert_int_equal(cxms_pages_area_bytes(pages, N), 3 * PLAY_MIB);
	assert_int_equal(cxms_pages_total_bytes(pages), (6 * N + 3) * PLAY_MIB);
	cxms_pages_free(pages);
}

/* Pages of a file are in the page cache, or come there: only what is memory is filled by a fault.
 */
static void test_faults_fill_memory_whatever_its_path(void **state)
{
	static const struct {
		const char *path;
		bool filled;
	} rows[] = {
		{"", true},
		{"[heap]", true},
		{"/usr/lib/libx.so", false},
		{"/dev/zero (deleted)", true}, /* shared and anonymous */
		{"/dev/shm/x", true},
		{"/memfd:x (deleted)", true},
		{"/SYSV00000000 (deleted)", true},
		{"/anon_hugepage (deleted)", true},
		{"/data/memfd", false},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		uint32_t last[8];
		play_map(&p, PID, ADDR, HUGE);
		p.ev[0].map.path = rows[i].path;
		play_fault(&p, PID, 1, ADDR + BASE);
		play_map(&p, PID, ADDR + 4 * BASE, BASE); /* zeroed memory behind its data */
		play_fault(&p, PID, 2, ADDR + 4 * BASE);
		play_fault(&p, PID, 3, ADDR + 2 * BASE);
		struct cxms_pages *pages = feed(&p, last);
		print_message("%s\n", rows[i].path);
		assert_int_equal(last[1] != CXMS_NO_PAGE, rows[i].filled);
		assert_true(last[3] != CXMS_NO_PAGE);
		assert_int_equal(last[4] != CXMS_NO_PAGE, rows[i].filled);
		cxms_pages_free(pages);
	}
}

static void play_load_fault(struct play *p, uint64_t time_ns, uint64_t addr)
{
	play_fault(p, PID, time_ns, addr);
	p->ev[p->n - 1].fault.flags = CXMS_FAULT_LOAD;
}

/* Memory that loads only have faulted in is the kernel's zero page, if it is private. */
static void test_what_was_never_stored_to_is_no_page(void **state)
{
	static const struct {
		const char *path;
		bool stores; /* behind the load */
		bool zero;
	} rows[] = {
		{"", false, true},	   {"[heap]", false, true},
		{"", true, false},	   {"/dev/zero (deleted)", false, false},
		{"/data/x", false, false}, {NULL, false, true},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		uint32_t last[8];
		play_map(&p, PID, ADDR, HUGE);
		p.ev[0].map.path = rows[i].path;
		play_load_fault(&p, 1, ADDR + BASE);
		play_fault(&p, PID, 2, rows[i].stores ? ADDR + BASE : ADDR + 2 * BASE);
		play_load_fault(&p, 3, ADDR + BASE); /* again, whatever it was */
		(void)play_sample(&p, PID, PID, 4, 0, ADDR + BASE + 64);
		struct cxms_pages *pages = feed(&p, last);
		print_message("%s%s\n", rows[i].path ? rows[i].path : "",
			      rows[i].stores ? ", stored" : "");
		assert_int_equal(last[4] == CXMS_NO_PAGE, rows[i].zero);
		assert_int_equal(cxms_pages_total_bytes(pages),
				 rows[i].zero || rows[i].stores ? BASE : 2 * BASE);
		cxms_pages_free(pages);
	}
}

/* One load faulted in a block that is reached all over: the zero page of 2 MiB. In any case only
 * where a look finds room for it beside what is resident. */
static void test_zero_pages_need_room(void **state)
{
	static const struct {
		unsigned loads, stores;
		uint64_t resident; /* of 2 blocks; 1 = no look */
		size_t pages;	   /* of loads, stores and 8 samples */
	} rows[] = {
		{1, 0, 1, 0},
		{1, 0, HUGE, 0},
		{1, 0, HUGE + BASE, 9},
		{1, 0, 2 * HUGE, 9},
		{1, 1, 1, 9},
		{2, 0, 1, 8},
		{2, 0, 2 * HUGE - 2 * BASE, 8},
		{2, 0, 2 * HUGE - BASE, 10},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		struct play p = {0};
		uint32_t last[64];
		play_map(&p, PID, ADDR, 2 * HUGE);
		for (unsigned k = 0; k < rows[i].loads; k++)
			play_load_fault(&p, 1, ADDR + k * BASE);
		for (unsigned k = 0; k < rows[i].stores; k++)
			play_fault(&p, PID, 2, ADDR + (50 + k) * BASE);
		for (unsigned k = 0; k < 8; k++)
			(void)play_sample(&p, PID, PID, 2, 0, ADDR + (100 + k) * BASE);
		if (rows[i].resident != 1)
			play_area(&p, PID, ADDR, 2 * HUGE, rows[i].resident, 0);
		struct cxms_pages *pages = feed(&p, last);
		assert_int_equal(cxms_pages_count(pages), rows[i].pages);
		assert_int_equal(last[1] == CXMS_NO_PAGE,
				 rows[i].pages < rows[i].loads + rows[i].stores + 8);
		cxms_pages_free(pages);
	}
}

static void test_nothing_settles_to_nothing(void **state)
{
	struct play p = {0};
	uint32_t last[1];
	(void)state;
	struct cxms_pages *pages = feed(&p, last);
	assert_int_equal(cxms_pages_count(pages), 0);
	assert_int_equal(cxms_pages_total_bytes(pages), 0);
	cxms_pages_free(pages);
	cxms_pages_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_touch_is_by_fault_then_by_sample),
		cmocka_unit_test(test_a_child_shares_until_it_faults),
		cmocka_unit_test(test_a_thread_is_no_new_space_and_an_exec_is),
		cmocka_unit_test(test_what_was_there_before_keeps_its_space),
		cmocka_unit_test(test_huge_pages_are_recognised),
		cmocka_unit_test(test_resident_bytes_count_where_faults_are_unknown),
		cmocka_unit_test(test_a_look_at_neighbours_counts_nothing_twice),
		cmocka_unit_test(test_a_place_is_counted_once_however_it_grew),
		cmocka_unit_test(test_faults_fill_memory_whatever_its_path),
		cmocka_unit_test(test_what_was_never_stored_to_is_no_page),
		cmocka_unit_test(test_zero_pages_need_room),
		cmocka_unit_test(test_nothing_settles_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The TLB against lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "core/tlb.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_ENTRIES  4096

/* One level: sets as lists of pages, most recent first. */
struct naive {
	uint32_t sets, ways;
	uint64_t page[MAX_ENTRIES];
};

static void naive_init(struct naive *n, uint32_t entries, uint32_t ways)
{
	n->ways = ways ? ways : entries;
	n->sets = entries ? entries / n->ways : 0;
	memset(n->page, 0xff, sizeof(n->page));
}

/* Whether the page was there; it is in front afterwards. */
static bool naive_access(struct naive *n, uint64_t page)
{
	uint64_t *set = n->page + page % n->sets * n->ways;
	uint32_t i = 0;
	bool there;

	while (i < n->ways && set[i] != page)
		i++;
	there = i < n->ways;
	memmove(set + 1, set, (there ? i : n->ways - 1) * sizeof(*set));
	set[0] = page;
	return there;
}

static void run(const struct cxms_tlb_cfg *cfg, uint64_t seed)
{
	static struct naive level[2];
	static uint32_t at[2 * MAX_ENTRIES];
	void *mem = aligned_alloc(64, cxms_tlb_bytes(cfg));
	struct cxms_tlb t;
	struct cxms_rng rng;

	assert_non_null(mem);
	cxms_rng_init(&rng, seed);
	cxms_tlb_init(&t, cfg, mem);
	for (unsigned i = 0; i < 2; i++)
		naive_init(&level[i], cfg->entries[i], cfg->ways[i]);
	memset(at, 0, sizeof(at));
	for (unsigned i = 0; i < 30000; i++) {
		uint64_t page = cxms_rng_below(&rng, 2 * (cfg->entries[0] + cfg->entries[1]));
		enum cxms_tlb_result want = CXMS_TLB_HIT;

		/* where the page was last: right or out of date */
		if (i % 2 && cxms_tlb_again(&t, page, at[page])) {
			assert_true(naive_access(&level[0], page));
			assert_int_equal(t.last, page);
			continue;
		}

		/* the second level is asked, and learns, only when the first misses */
		if (!naive_access(&level[0], page))
			want = cfg->entries[1] && naive_access(&level[1], page) ? CXMS_TLB_SECOND
										: CXMS_TLB_WALK;
		if (cxms_tlb_access(&t, (page << cfg->page_shift) + 77) != want)
			fail_msg("seed %u, access %u", (unsigned)seed, i);
		assert_int_equal(t.last, page);
		at[page] = t.at;
		assert_true(cxms_tlb_again(&t, page, t.at)); /* changes nothing */
	}
	free(mem);
}

static void test_levels_follow_lists(void **state)
{
	static const struct cxms_tlb_cfg rows[] = {
		{.entries = {1, 0}, .page_shift = 12},
		{.entries = {64, 0}, .page_shift = 12},
		{.entries = {96, 2048}, .page_shift = 12},
		{.entries = {64, 1536}, .ways = {4, 12}, .page_shift = 12},
		{.entries = {32, 1024}, .ways = {0, 8}, .page_shift = 21},
		{.entries = {60, 300}, .ways = {5, 3}, .page_shift = 12},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(cxms_tlb_check(&rows[i]));
		run(&rows[i], i);
	}
}

static void test_geometry_is_checked(void **state)
{
	static const struct {
		struct cxms_tlb_cfg cfg;
		const char *why;
	} rows[] = {
		{{.entries = {0, 64}, .page_shift = 12}, "no first level"},
		{{.entries = {64, 0}, .ways = {5, 0}, .page_shift = 12}, "no whole number of sets"},
		{{.entries = {64, 10}, .ways = {0, 4}, .page_shift = 12}, "the same below"},
		{{.entries = {64, 0}, .page_shift = 11}, "pages too small"},
		{{.entries = {64, 2000000}, .page_shift = 12}, "too many"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (cxms_tlb_check(&rows[i].cfg))
			fail_msg("%s", rows[i].why);
}

static void test_bytes_of_a_page_share_an_entry(void **state)
{
	static const struct cxms_tlb_cfg cfg = {.entries = {4, 0}, .page_shift = 21};
	void *mem = aligned_alloc(64, cxms_tlb_bytes(&cfg));
	struct cxms_tlb t;

	(void)state;
	assert_non_null(mem);
	cxms_tlb_init(&t, &cfg, mem);
	assert_int_equal(cxms_tlb_access(&t, 0x200000), CXMS_TLB_WALK);
	assert_int_equal(cxms_tlb_access(&t, 0x3fffff), CXMS_TLB_HIT);
	assert_int_equal(cxms_tlb_access(&t, 0x1fffff), CXMS_TLB_WALK);
	assert_int_equal(cxms_tlb_access(&t, 0x400000), CXMS_TLB_WALK);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels_follow_lists),
		cmocka_unit_test(test_geometry_is_checked),
		cmocka_unit_test(test_bytes_of_a_page_share_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Prefetchers: which lines are wanted after a row of accesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "core/prefetch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BASE	     UINT64_C(0x7f0000400000) /* begins a page */

struct row {
	struct cxms_prefetch_cfg cfg;
	int64_t at[6];	 /* addresses, relative to BASE, of one instruction; -1 ends */
	int64_t want[9]; /* lines of the last, relative to that of BASE; -1 ends */
	const char *why;
};

static void check(const struct row *r)
{
	uint64_t lines[2 * CXMS_PREFETCH_MAX_DEGREE];
	struct cxms_prefetch p;
	unsigned n = 0, i;

	cxms_prefetch_init(&p, &r->cfg);
	for (i = 0; i < COUNT(r->at) && r->at[i] >= 0; i++)
		n = cxms_prefetch_train(&p, 0x1000, BASE + (uint64_t)r->at[i], lines);
	for (i = 0; r->want[i] >= 0; i++)
		if (i >= n || lines[i] != BASE / 64 + (uint64_t)r->want[i])
			fail_msg("%s: line %u of %u", r->why, i, n);
	if (n != i)
		fail_msg("%s: %u lines", r->why, n);
}

static void test_next_line(void **state)
{
	static const struct row rows[] = {
		{{.next_degree = 1}, {0, -1}, {1, -1}, "the next line"},
		{{.next_degree = 3}, {100, -1}, {2, 3, 4, -1}, "degree 3, within a line"},
		{{.next_degree = 2, .next_distance = 2},
		 {0, -1},
		 {3, 4, -1},
		 "distance 2 skips two"},
		{{.next_degree = 4}, {61 * 64, -1}, {62, 63, -1}, "stops at the page's border"},
		{{.next_degree = 4}, {63 * 64, -1}, {-1}, "last line of a page"},
		{{.next_degree = 2}, {0, 8, -1}, {-1}, "the same line does not ask again"},
		{{.next_degree = 1}, {0, 64, 8, -1}, {1, -1}, "but after another it does"},
		{{0}, {0, 64, 128, 192, -1}, {-1}, "none"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(&rows[i]);
}

static void test_stride(void **state)
{
	static const struct row rows[] = {
		{{.stride_degree = 2}, {0, 256, -1}, {-1}, "one stride is none"},
		{{.stride_degree = 2}, {0, 256, 512, -1}, {12, 16, -1}, "the second equal one is"},
		{{.stride_degree = 2}, {0, 256, 512, 768, -1}, {20, -1}, "then one more at a time"},
		{{.stride_degree = 2, .stride_distance = 1},
		 {0, 256, 512, -1},
		 {16, 20, -1},
		 "distance 1 skips a step"},
		{{.stride_degree = 3}, {640, 512, 384, -1}, {4, 2, 0, -1}, "downwards"},
		{{.stride_degree = 8},
		 {640, 512, 384, 256, -1},
		 {-1},
		 "downwards to the page's start"},
		{{.stride_degree = 2},
		 {0, 8, 16, -1},
		 {1, 2, -1},
		 "shorter than a line: next lines"},
		{{.stride_degree = 2}, {256, 248, 240, -1}, {2, 1, -1}, "the same downwards"},
		{{.stride_degree = 2},
		 {0, 96, 192, -1},
		 {4, 6, -1},
		 "96 bytes: lines 288/64, 384/64"},
		{{.stride_degree = 4},
		 {3072, 3328, 3584, -1},
		 {60, -1},
		 "stops at the page's border"},
		{{.stride_degree = 2}, {512, 512, 512, -1}, {-1}, "standing still"},
		{{.stride_degree = 2},
		 {0, 256, 512, 576, -1},
		 {-1},
		 "another stride: unsure again"},
		{{.stride_degree = 2},
		 {0, 256, 512, 768, 832, -1},
		 {14, 15, -1},
		 "one other stride among many is forgiven, and followed"},
		{{.stride_degree = 2},
		 {0, 256, 512, 768, 768 + 4096, -1},
		 {-1},
		 "a jump to another page asks for none there"},
		{{.stride_degree = 2},
		 {0, 72, 144, 216, -1},
		 {5, -1},
		 "a stride that is no number of lines"},
		{{.stride_degree = 1, .next_degree = 1},
		 {0, 256, 512, -1},
		 {9, 12, -1},
		 "both at one level"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(&rows[i]);
}

static void test_instructions_do_not_disturb_each_other(void **state)
{
	static const struct cxms_prefetch_cfg cfg = {.stride_degree = 1};
	uint64_t lines[2 * CXMS_PREFETCH_MAX_DEGREE];
	struct cxms_prefetch p;

	(void)state;
	cxms_prefetch_init(&p, &cfg);
	for (unsigned step = 0; step < 3; step++)
		for (uint64_t pc = 1; pc <= 32; pc++) {
			uint64_t address = BASE + pc * 65536 + step * 128;

			assert_int_equal(cxms_prefetch_train(&p, pc, address, lines), step == 2);
			if (step == 2)
				assert_int_equal(lines[0], (address + 128) / 64);
		}
}

static void test_the_oldest_instruction_is_forgotten(void **state)
{
	enum { PLACES = CXMS_PREFETCH_SETS * CXMS_PREFETCH_WAYS };
	static const struct cxms_prefetch_cfg cfg = {.stride_degree = 1};
	uint64_t lines[2 * CXMS_PREFETCH_MAX_DEGREE];
	struct cxms_prefetch p;

	(void)state;
	cxms_prefetch_init(&p, &cfg);
	cxms_prefetch_train(&p, 1, BASE, lines);
	cxms_prefetch_train(&p, 1, BASE + 128, lines);
	for (uint64_t pc = 2; pc <= 16 * PLACES; pc++)
		cxms_prefetch_train(&p, pc, BASE, lines);
	assert_int_equal(cxms_prefetch_train(&p, 1, BASE + 256, lines), 0);
}

/* A stream that starts over in another page asks for everything there. */
static void test_a_new_page_starts_anew(void **state)
{
	static const struct cxms_prefetch_cfg cfg = {.stride_degree = 4};
	uint64_t lines[2 * CXMS_PREFETCH_MAX_DEGREE], asked = 0;
	struct cxms_prefetch p;

	(void)state;
	cxms_prefetch_init(&p, &cfg);
	for (uint64_t at = BASE; at < BASE + 2 * 4096; at += 64)
		asked += cxms_prefetch_train(&p, 7, at, lines);
	/* All of the first page but the three lines that taught it, all of the second but one. */
	assert_int_equal(asked, 61 + 63);
}

static void test_software_prefetches_teach_no_stride(void **state)
{
	const struct cxms_prefetch_cfg cfg = {.stride_degree = 2, .next_degree = 1};
	struct cxms_prefetch p;
	uint64_t lines[2 * CXMS_PREFETCH_MAX_DEGREE];

	(void)state;
	cxms_prefetch_init(&p, &cfg);
	for (uint64_t i = 0; i < 6; i++)
		assert_int_equal(cxms_prefetch_train(&p, 0, i * 128, lines), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_line),
		cmocka_unit_test(test_stride),
		cmocka_unit_test(test_instructions_do_not_disturb_each_other),
		cmocka_unit_test(test_the_oldest_instruction_is_forgotten),
		cmocka_unit_test(test_a_new_page_starts_anew),
		cmocka_unit_test(test_software_prefetches_teach_no_stride),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

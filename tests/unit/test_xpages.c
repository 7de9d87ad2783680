#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "sim/xpages.h"

#define LINES	 64u /* of a page of 4 KiB */
#define SPACE	 0u
#define PARENT	 7u
#define CHILD	 8u
#define PAGE(n)	 ((n) * (uint64_t)LINES)
#define NOT_MANY 1000u

static void touch(struct cxms_xpages *p, uint32_t pid, uint64_t line, bool own)
{
	assert_int_equal(cxms_xpages_touch(p, cxms_xpages_view(p, pid, SPACE), line, own, NULL), 0);
}

static uint32_t find(const struct cxms_xpages *p, uint32_t pid, uint64_t line)
{
	return cxms_xpages_find(p, cxms_xpages_view(p, pid, SPACE), line);
}

static void test_a_child_sees_its_parents_pages_but_its_own(void **state)
{
	struct cxms_xpages p = {.shift = 12};

	(void)state;
	touch(&p, PARENT, PAGE(1), false);
	touch(&p, PARENT, PAGE(2), false);
	assert_int_equal(cxms_xpages_fork(&p, CHILD, PARENT, SPACE, NULL), 0);
	touch(&p, CHILD, PAGE(1), true);
	touch(&p, CHILD, PAGE(1), true);
	assert_int_equal(p.n, 3);
	assert_int_equal(find(&p, CHILD, PAGE(1)), 2);
	assert_int_equal(find(&p, CHILD, PAGE(2)), 1);
	assert_int_equal(find(&p, PARENT, PAGE(1)), 0);
	/* a program that it executes has none of them */
	assert_int_equal(cxms_xpages_view(&p, CHILD, SPACE + 1), SPACE + 1);
	cxms_xpages_fini(&p);
}

static void test_pages_found_lately_are_told_apart(void **state)
{
	const struct cxms_xpages p = {.shift = 12};
	struct cxms_xmemo m = {0};
	uint32_t index;

	(void)state;
	assert_false(cxms_xmemo_get(&m, &p, PAGE(0), &index));
	cxms_xmemo_put(&m, &p, PAGE(0) + 1, 5);
	assert_true(cxms_xmemo_get(&m, &p, PAGE(1) - 1, &index));
	assert_int_equal(index, 5);
	assert_false(cxms_xmemo_get(&m, &p, PAGE(1), &index));
	/* one that has the same place takes it */
	assert_false(cxms_xmemo_get(&m, &p, PAGE(CXMS_XMEMO_PAGES), &index));
	cxms_xmemo_put(&m, &p, PAGE(CXMS_XMEMO_PAGES), 6);
	assert_true(cxms_xmemo_get(&m, &p, PAGE(CXMS_XMEMO_PAGES), &index));
	assert_int_equal(index, 6);
	assert_false(cxms_xmemo_get(&m, &p, PAGE(0), &index));
}

static void test_pages_that_move_stay_the_same(void **state)
{
	struct cxms_xpages p = {.shift = 12};

	(void)state;
	touch(&p, PARENT, PAGE(1), false);
	assert_int_equal(cxms_xpages_move(&p, SPACE, PAGE(1), PAGE(NOT_MANY), LINES, NULL), 0);
	touch(&p, PARENT, PAGE(NOT_MANY), false);
	assert_int_equal(p.n, 1);
	assert_int_equal(find(&p, PARENT, PAGE(NOT_MANY)), 0);
	touch(&p, PARENT, PAGE(1), false); /* others are mapped there */
	assert_int_equal(p.n, 2);
	assert_int_equal(find(&p, PARENT, PAGE(1)), 1);
	assert_true(cxms_xpages_move(&p, SPACE, PAGE(1), 0, UINT64_MAX, NULL) < 0);
	cxms_xpages_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_sees_its_parents_pages_but_its_own),
		cmocka_unit_test(test_pages_found_lately_are_told_apart),
		cmocka_unit_test(test_pages_that_move_stay_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

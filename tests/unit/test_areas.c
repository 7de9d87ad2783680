/* Address spaces and mappings: identity of areas through growth, cuts, fork and exec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "place/areas.h"

#define KIB 1024ull
#define GIB (1ull << 30)

static uint32_t space_of(struct cxms_areas *a, uint32_t pid)
{
	uint32_t space;
	assert_int_equal(cxms_areas_space(a, pid, &space, NULL), 0);
	return space;
}

static uint32_t find(struct cxms_areas *a, uint32_t space, uint64_t addr)
{
	uint32_t area;
	assert_int_equal(cxms_areas_find(a, space, addr, &area), 0);
	return area;
}

static void map(struct cxms_areas *a, uint32_t space, uint64_t addr, uint64_t len)
{
	assert_int_equal(cxms_areas_map(a, space, addr, len, CXMS_AREA_MEMORY, NULL), 0);
}

static int setup(void **state)
{
	struct cxms_areas *a = NULL;
	assert_int_equal(cxms_areas_new(&a, NULL), 0);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	cxms_areas_free(*state);
	return 0;
}

static void test_a_heap_that_grows_stays_one_area(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map(a, s, 0x10000, 4 * KIB);
	uint32_t heap = find(a, s, 0x10000);
	map(a, s, 0x10000, 64 * KIB);
	assert_int_equal(find(a, s, 0x10000), heap);
	assert_int_equal(find(a, s, 0x10000 + 60 * KIB), heap);
	assert_int_equal(cxms_areas_count(a), 1);
}

static void test_a_part_of_an_area_is_that_area(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map(a, s, 0x10000, 64 * KIB);
	uint32_t area = find(a, s, 0x10000);
	map(a, s, 0x12000, 4 * KIB);
	assert_int_equal(find(a, s, 0x12000), area);
	assert_int_equal(find(a, s, 0x1ffff), area);
}

static void map_kind(struct cxms_areas *a, uint32_t space, uint64_t addr, uint64_t len,
		     enum cxms_area_kind kind)
{
	assert_int_equal(cxms_areas_map(a, space, addr, len, kind, NULL), 0);
}

/* A loader maps a whole library, then its segments and zeroed memory over parts of it. */
static void test_a_part_of_another_kind_is_an_area_of_its_own(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map_kind(a, s, 0x10000, 0x8000, CXMS_AREA_FILE);
	map_kind(a, s, 0x12000, 0x2000, CXMS_AREA_FILE);
	uint32_t library = find(a, s, 0x10000);
	assert_int_equal(find(a, s, 0x12000), library);
	map_kind(a, s, 0x16000, 0x1000, CXMS_AREA_MEMORY);
	uint32_t zeroed = find(a, s, 0x16000);
	assert_true(zeroed != library);
	assert_int_equal(find(a, s, 0x15fff), library);
	assert_int_equal(find(a, s, 0x17000), library);
	assert_int_equal(cxms_areas_kind(a, s, 0x16fff), CXMS_AREA_MEMORY);
	assert_int_equal(cxms_areas_kind(a, s, 0x15fff), CXMS_AREA_FILE);
	assert_int_equal(cxms_areas_kind(a, s, 0x18000), CXMS_AREA_ANY);
	map_kind(a, s, 0x16000, 0x1000, CXMS_AREA_ANY); /* a look */
	assert_int_equal(find(a, s, 0x16000), zeroed);
	map_kind(a, s, 0x16000, 0x1000, CXMS_AREA_FILE); /* in place of all of it */
	assert_true(find(a, s, 0x16000) != zeroed);
	assert_int_equal(cxms_areas_kind(a, s, 0x16000), CXMS_AREA_FILE);
}

static void test_a_look_cuts_nothing(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map(a, s, 0x10000, 0x4000);
	map(a, s, 0x14000, 0x4000);
	uint32_t left = find(a, s, 0x10000), right = find(a, s, 0x14000);
	map_kind(a, s, 0x10000, 0x8000, CXMS_AREA_ANY);
	map_kind(a, s, 0x12000, 0x4000, CXMS_AREA_ANY);
	map_kind(a, s, 0xf000, 0x4000, CXMS_AREA_ANY);
	assert_int_equal(find(a, s, 0x13fff), left);
	assert_int_equal(find(a, s, 0x17fff), right);
	assert_int_equal(cxms_areas_count(a), 2);
	map_kind(a, s, 0x20000, 0x1000, CXMS_AREA_ANY); /* nothing known there */
	assert_int_equal(cxms_areas_count(a), 3);
}

static void test_an_area_learns_its_kind(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1), area = find(a, s, 5 * GIB + 0x10000);
	assert_int_equal(cxms_areas_kind(a, s, 5 * GIB), CXMS_AREA_ANY);
	map_kind(a, s, 5 * GIB, 0x20000, CXMS_AREA_FILE);
	assert_int_equal(find(a, s, 5 * GIB), area);
	assert_int_equal(cxms_areas_kind(a, s, 5 * GIB), CXMS_AREA_FILE);
}

static void test_an_overlap_is_cut(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map(a, s, 0x10000, 0x4000);
	map(a, s, 0x14000, 0x4000);
	map(a, s, 0x18000, 0x4000);
	uint32_t left = find(a, s, 0x10000), middle = find(a, s, 0x14000),
		 right = find(a, s, 0x18000);
	map(a, s, 0x12000, 0x8000); /* half of left, all of middle, half of right */
	uint32_t over = find(a, s, 0x14000);
	assert_int_equal(find(a, s, 0x11fff), left);
	assert_int_equal(find(a, s, 0x1a000), right);
	assert_true(over != left && over != middle && over != right);
	assert_int_equal(find(a, s, 0x12000), over);
	assert_int_equal(find(a, s, 0x19fff), over);
}

static void test_empty_and_overflowing_mappings_are_ignored(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map(a, s, 0x10000, 0);
	map(a, s, UINT64_MAX - 10, 4 * KIB);
	assert_int_equal(cxms_areas_count(a), 0);
}

static void test_unmapped_addresses_share_an_area_by_the_gigabyte(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	map(a, s, 5 * GIB + 0x10000, 4 * KIB);
	uint32_t known = find(a, s, 5 * GIB + 0x10000);
	uint32_t before = find(a, s, 5 * GIB), after = find(a, s, 5 * GIB + 0x20000);
	assert_true(before != known && after != known && before != after);
	assert_int_equal(find(a, s, 5 * GIB + 0xffff), before);
	assert_int_equal(find(a, s, 6 * GIB - 1), after);
	assert_true(find(a, s, 6 * GIB) != after);
}

static void test_the_last_gigabyte_is_one_area(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t s = space_of(a, 1);
	uint32_t area = find(a, s, UINT64_MAX - 5);
	assert_int_equal(find(a, s, UINT64_MAX - 4096), area);
	assert_int_equal(cxms_areas_count(a), 1);
}

static void test_a_fork_keeps_areas_and_an_exec_drops_them(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t parent = space_of(a, 1);
	map(a, parent, 0x10000, 4 * KIB);
	uint32_t area = find(a, parent, 0x10000);
	assert_int_equal(cxms_areas_fork(a, 2, 1, NULL), 0);
	uint32_t child = space_of(a, 2);
	assert_true(child != parent);
	assert_int_equal(space_of(a, 1), parent);
	assert_int_equal(cxms_areas_parent(a, child), parent);
	assert_int_equal(cxms_areas_parent(a, parent), CXMS_NO_SPACE);
	assert_int_equal(find(a, child, 0x10000), area);
	map(a, child, 0x20000, 4 * KIB); /* of the child alone */
	assert_true(find(a, parent, 0x20000) != find(a, child, 0x20000));
	assert_int_equal(cxms_areas_exec(a, 2, NULL), 0);
	uint32_t image = space_of(a, 2);
	assert_true(image != child && image != parent);
	assert_int_equal(cxms_areas_parent(a, image), CXMS_NO_SPACE);
	assert_true(find(a, image, 0x10000) != area);
}

static void test_a_pid_that_comes_again_is_a_new_space(void **state)
{
	struct cxms_areas *a = *state;
	uint32_t seen[3];
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cxms_areas_fork(a, 7, 1, NULL), 0);
		seen[i] = space_of(a, 7);
		(void)space_of(a, 1);
		assert_int_equal(space_of(a, 7), seen[i]);
	}
	assert_true(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

int main(void)
{
#define WITH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_a_heap_that_grows_stays_one_area),
		WITH(test_a_part_of_an_area_is_that_area),
		WITH(test_a_part_of_another_kind_is_an_area_of_its_own),
		WITH(test_a_look_cuts_nothing),
		WITH(test_an_area_learns_its_kind),
		WITH(test_an_overlap_is_cut),
		WITH(test_empty_and_overflowing_mappings_are_ignored),
		WITH(test_unmapped_addresses_share_an_area_by_the_gigabyte),
		WITH(test_the_last_gigabyte_is_one_area),
		WITH(test_a_fork_keeps_areas_and_an_exec_drops_them),
		WITH(test_a_pid_that_comes_again_is_a_new_space),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

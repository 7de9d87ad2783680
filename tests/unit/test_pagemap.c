/* The page map: what was put is found, spaces apart, through growth and collisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/rng.h"
#include "place/pagemap.h"
#include "place/pages.h"

static void test_absent_is_absent(void **state)
{
	struct cxms_pagemap m = {0};
	(void)state;
	assert_int_equal(cxms_pagemap_get(&m, 0, 0), CXMS_NO_PAGE);
	assert_int_equal(cxms_pagemap_put(&m, 1, 2, 3), 0);
	assert_int_equal(cxms_pagemap_get(&m, 0, 2), CXMS_NO_PAGE);
	assert_int_equal(cxms_pagemap_get(&m, 2, 1), CXMS_NO_PAGE);
	assert_int_equal(cxms_pagemap_get(&m, 1, 2), 3);
	cxms_pagemap_fini(&m);
	assert_int_equal(cxms_pagemap_get(&m, 1, 2), CXMS_NO_PAGE);
	cxms_pagemap_fini(&m);
}

static void test_set_replaces(void **state)
{
	struct cxms_pagemap m = {0};
	(void)state;
	assert_int_equal(cxms_pagemap_set(&m, 1, 2, 3), 0);
	assert_int_equal(cxms_pagemap_set(&m, 1, 2, 4), 0);
	assert_int_equal(cxms_pagemap_get(&m, 1, 2), 4);
	assert_int_equal(m.n, 1);
	cxms_pagemap_fini(&m);
}

static void test_many_keys_in_few_spaces(void **state)
{
	enum { N = 100000 };
	struct cxms_pagemap m = {0};
	struct cxms_rng rng;
	(void)state;
	cxms_rng_init(&rng, 5);
	/* same numbers in each space, far apart and side by side */
	for (uint32_t i = 0; i < N; i++) {
		uint64_t number = i % 2 ? i : cxms_hash_u64(i) >> 12;
		assert_int_equal(cxms_pagemap_put(&m, i % 3, number, i), 0);
		assert_int_equal(cxms_pagemap_put(&m, 10 + i % 3, number, N + i), 0);
	}
	for (uint32_t k = 0; k < N; k++) {
		uint32_t i = (uint32_t)cxms_rng_below(&rng, N);
		uint64_t number = i % 2 ? i : cxms_hash_u64(i) >> 12;
		assert_int_equal(cxms_pagemap_get(&m, i % 3, number), i);
		assert_int_equal(cxms_pagemap_get(&m, 10 + i % 3, number), N + i);
		assert_int_equal(cxms_pagemap_get(&m, 20, number), CXMS_NO_PAGE);
	}
	assert_int_equal(m.n, 2 * N);
	cxms_pagemap_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent_is_absent),
		cmocka_unit_test(test_set_replaces),
		cmocka_unit_test(test_many_keys_in_few_spaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

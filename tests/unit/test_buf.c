#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"

static struct cxms_cur cursor(const struct cxms_buf *b)
{
	return (struct cxms_cur){.p = b->data, .end = b->data + b->len};
}

static void test_numbers_read_back(void **state)
{
	(void)state;
	static const uint64_t edges[] = {0,	1,	    127,	128,	    16383,
					 16384, 1ull << 32, 1ull << 62, 1ull << 63, UINT64_MAX};
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		struct cxms_buf b = {0};
		uint64_t v = edges[i];
		cxms_buf_put_u8(&b, (uint8_t)v);
		cxms_buf_put_u32(&b, (uint32_t)v);
		cxms_buf_put_u64(&b, v);
		cxms_buf_put_varint(&b, v);
		cxms_buf_put_svarint(&b, (int64_t)v);
		cxms_buf_put_svarint(&b, (int64_t)(0 - v));
		struct cxms_cur c = cursor(&b);
		assert_int_equal(cxms_cur_u8(&c), (uint8_t)v);
		assert_int_equal(cxms_cur_u32(&c), (uint32_t)v);
		assert_true(cxms_cur_u64(&c) == v);
		assert_true(cxms_cur_varint(&c) == v);
		assert_true(cxms_cur_svarint(&c) == (int64_t)v);
		assert_true(cxms_cur_svarint(&c) == (int64_t)(0 - v));
		assert_false(c.failed);
		assert_true(c.p == c.end);
		cxms_buf_fini(&b);
	}
}

static void test_layout_is_little_endian_and_short(void **state)
{
	(void)state;
	static const uint8_t want[] = {4, 3, 2, 1, 0xac, 0x02, 1, 3, 2, 'h', 'i'};
	struct cxms_buf b = {0};
	cxms_buf_put_u32(&b, 0x01020304);
	cxms_buf_put_varint(&b, 300);
	cxms_buf_put_svarint(&b, -1);
	cxms_buf_put_svarint(&b, -2);
	cxms_buf_put_str(&b, "hi");
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	cxms_buf_fini(&b);
}

static void test_every_cut_fails_and_never_reads_on(void **state)
{
	(void)state;
	struct cxms_buf b = {0};
	cxms_buf_put_u64(&b, 7);
	cxms_buf_put_varint(&b, UINT64_MAX);
	cxms_buf_put_str(&b, "text");
	for (size_t cut = 0; cut < b.len; cut++) {
		uint8_t *copy = malloc(cut + 1); /* exact, so that a sanitizer sees a step over */
		assert_non_null(copy);
		memcpy(copy, b.data, cut);
		struct cxms_cur c = {.p = copy, .end = copy + cut};
		size_t len = 99;
		cxms_cur_u64(&c);
		cxms_cur_varint(&c);
		assert_null(cxms_cur_str(&c, &len));
		assert_true(c.failed);
		assert_int_equal(cxms_cur_u8(&c), 0);
		assert_int_equal(len, 99);
		free(copy);
	}
	cxms_buf_fini(&b);
}

static void test_bad_varints_and_lengths_fail(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[12];
		size_t len;
		const char *why;
	} rows[] = {
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 10, "65 bits"},
		{{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, 11, "11 bytes"},
		{{0x80}, 1, "no last byte"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_cur c = {.p = rows[i].bytes, .end = rows[i].bytes + rows[i].len};
		if (cxms_cur_varint(&c) != 0 || !c.failed)
			fail_msg("%s", rows[i].why);
	}
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 1,    'x'};
	struct cxms_cur c = {.p = huge, .end = huge + sizeof(huge)};
	size_t len;
	assert_null(cxms_cur_str(&c, &len));
	assert_true(c.failed);
}

static void test_random_numbers_read_back(void **state)
{
	(void)state;
	struct cxms_buf b = {0};
	struct cxms_rng rng;
	cxms_rng_init(&rng, 3);
	for (int i = 0; i < 10000; i++)
		cxms_buf_put_svarint(&b, (int64_t)(cxms_rng_u64(&rng) >> cxms_rng_below(&rng, 64)));
	struct cxms_cur c = cursor(&b);
	cxms_rng_init(&rng, 3);
	for (int i = 0; i < 10000; i++) {
		int64_t want = (int64_t)(cxms_rng_u64(&rng) >> cxms_rng_below(&rng, 64));
		assert_true(cxms_cur_svarint(&c) == want);
	}
	cxms_buf_fini(&b);
}

static void test_text_grows_and_is_terminated(void **state)
{
	(void)state;
	struct cxms_buf b = {0};
	assert_string_equal(cxms_buf_text(&b), "");
	for (int i = 0; i < 1000; i++)
		cxms_buf_printf(&b, "%d,", i);
	assert_int_equal(b.len, 3890);
	assert_int_equal(strlen(cxms_buf_text(&b)), 3890);
	assert_int_equal(b.len, 3890);
	cxms_buf_clear(&b);
	cxms_buf_printf(&b, "x");
	assert_string_equal(cxms_buf_text(&b), "x");
	b.failed = true;
	cxms_buf_put_u8(&b, 1);
	assert_int_equal(b.len, 1);
	assert_string_equal(cxms_buf_text(&b), "");
	cxms_buf_fini(&b);
	cxms_buf_fini(NULL);
}

static void test_array_refuses_sizes_that_overflow(void **state)
{
	(void)state;
	void *arr = NULL;
	size_t cap = 0;
	assert_int_equal(cxms_array_grow(&arr, &cap, SIZE_MAX, 1), -ENOMEM);
	assert_int_equal(cxms_array_grow(&arr, &cap, SIZE_MAX / 4, 8), -ENOMEM);
	assert_null(arr);
	assert_int_equal(cap, 0);
	assert_int_equal(cxms_array_grow(&arr, &cap, 17, 8), 0);
	assert_int_equal(cap, 32);
	void *same = arr;
	assert_int_equal(cxms_array_grow(&arr, &cap, 32, 8), 0);
	assert_ptr_equal(arr, same);
	free(arr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_read_back),
		cmocka_unit_test(test_layout_is_little_endian_and_short),
		cmocka_unit_test(test_every_cut_fails_and_never_reads_on),
		cmocka_unit_test(test_bad_varints_and_lengths_fail),
		cmocka_unit_test(test_random_numbers_read_back),
		cmocka_unit_test(test_text_grows_and_is_terminated),
		cmocka_unit_test(test_array_refuses_sizes_that_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

static void assert_prints(struct cxms_json *v, const char *want)
{
	struct cxms_buf out = {0};
	assert_int_equal(cxms_json_print(v, &out), 0);
	assert_string_equal(cxms_buf_text(&out), want);
	cxms_buf_fini(&out);
	cxms_json_free(v);
}

static void test_keys_are_sorted_and_the_last_value_stands(void **state)
{
	(void)state;
	struct cxms_json *o = cxms_json_object();
	struct cxms_json *a = cxms_json_array();
	cxms_json_push(a, cxms_json_i64(-1));
	cxms_json_push(a, cxms_json_object());
	cxms_json_push(a, cxms_json_array());
	cxms_json_set(o, "b", cxms_json_u64(UINT64_MAX));
	cxms_json_set(o, "list", a);
	cxms_json_set(o, "Z", cxms_json_bool(false));
	cxms_json_set(o, "a", cxms_json_str("old"));
	cxms_json_set(o, "a", cxms_json_null());
	assert_prints(o, "{\n"
			 "  \"Z\": false,\n"
			 "  \"a\": null,\n"
			 "  \"b\": 18446744073709551615,\n"
			 "  \"list\": [\n"
			 "    -1,\n"
			 "    {},\n"
			 "    []\n"
			 "  ]\n"
			 "}\n");
}

static void test_numbers(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *want;
	} rows[] = {
		{0.1, "0.1\n"},	      {1.0 / 3, "0.333333\n"}, {-0.0, "0\n"},
		{1e6, "1e+06\n"},     {123456, "123456\n"},    {-2.5, "-2.5\n"},
		{INFINITY, "null\n"}, {-INFINITY, "null\n"},   {NAN, "null\n"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_prints(cxms_json_num(rows[i].v), rows[i].want);
	setlocale(LC_ALL, "de_DE.UTF-8"); /* without that locale the test is merely weaker */
	assert_prints(cxms_json_num(0.5), "0.5\n");
	setlocale(LC_ALL, "C");
}

static void test_strings_are_always_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want, *why;
	} rows[] = {
		{"a\"b\\c/", "\"a\\\"b\\\\c/\"\n", "quotes"},
		{"\b\f\n\r\t\x01\x1f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\"\n", "control bytes"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n", "two, three and four bytes"},
		{"\xff", "\"\\ufffd\"\n", "never UTF-8"},
		{"\xc0\xaf", "\"\\ufffd\\ufffd\"\n", "overlong"},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n", "surrogate"},
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n", "over U+10FFFF"},
		{"a\xe2\x82", "\"a\\ufffd\\ufffd\"\n", "cut at the end"},
		{"\xe2\x82z", "\"\\ufffd\\ufffdz\"\n", "cut in the middle"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_prints(cxms_json_str(rows[i].text), rows[i].want);
}

static void test_a_missing_child_poisons_the_tree(void **state)
{
	(void)state;
	struct cxms_buf out = {0};
	struct cxms_json *o = cxms_json_object();
	struct cxms_json *a = cxms_json_array();
	cxms_json_push(a, NULL);
	cxms_json_set(o, "a", a);
	assert_int_equal(cxms_json_print(o, &out), -ENOMEM);
	cxms_buf_fini(&out);
	assert_int_equal(cxms_json_print(NULL, &out), -ENOMEM);
	cxms_json_free(o);
	/* values given to nobody are freed, not leaked */
	cxms_json_set(NULL, "k", cxms_json_u64(1));
	cxms_json_push(NULL, cxms_json_u64(1));
	cxms_json_free(NULL);
	cxms_buf_fini(&out);
}

static void test_order_of_setting_does_not_show(void **state)
{
	(void)state;
	struct cxms_buf up = {0}, down = {0};
	struct cxms_json *a = cxms_json_object();
	struct cxms_json *b = cxms_json_object();
	for (unsigned i = 0; i < 100; i++) {
		char key[2][3] = {{(char)('a' + i % 10), (char)('a' + i / 10), 0},
				  {(char)('a' + (99 - i) % 10), (char)('a' + (99 - i) / 10), 0}};
		cxms_json_set(a, key[0], cxms_json_u64(i));
		cxms_json_set(b, key[1], cxms_json_u64(99 - i));
	}
	assert_int_equal(cxms_json_print(a, &up), 0);
	assert_int_equal(cxms_json_print(b, &down), 0);
	assert_string_equal(cxms_buf_text(&up), cxms_buf_text(&down));
	cxms_buf_fini(&up);
	cxms_buf_fini(&down);
	cxms_json_free(a);
	cxms_json_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_sorted_and_the_last_value_stands),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings_are_always_utf8),
		cmocka_unit_test(test_a_missing_child_poisons_the_tree),
		cmocka_unit_test(test_order_of_setting_does_not_show),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

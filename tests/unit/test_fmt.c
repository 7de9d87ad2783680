#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "base/fmt.h"
#include "base/near.h"
#include "base/units.h"

static void test_three_figures(void **state)
{
	(void)state;
	static const struct {
		uint64_t value;
		const char *bytes, *time;
	} rows[] = {
		{0, "0 B", "0 ps"},
		{512, "512 B", "512 ps"},
		{999, "999 B", "999 ps"},
		{1000, "1000 B", "1.00 ns"},
		{1024, "1.00 KiB", "1.02 ns"},
		{9999, "9.76 KiB", "10.0 ns"},
		{158000, "154 KiB", "158 ns"},
		{999499, "976 KiB", "999 ns"},
		{999500, "976 KiB", "1.00 us"},
		{1047552, "1023 KiB", "1.05 us"},
		{1048575, "1.00 MiB", "1.05 us"},
		{1331439861, "1.24 GiB", "1.33 ms"},
		{1500000000000000, "1.33 PiB", "1500 s"},
		{UINT64_MAX, "16384 PiB", "18446744 s"},
	};
	char buf[CXMS_FMT_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_string_equal(cxms_fmt_bytes(buf, rows[i].value), rows[i].bytes);
		assert_string_equal(cxms_fmt_time_ps(buf, rows[i].value), rows[i].time);
	}
}

static void test_rates(void **state)
{
	(void)state;
	char buf[CXMS_FMT_MAX];
	double zero = 0;
	assert_string_equal(cxms_fmt_rate(buf, 26e9), "26.0 GB/s");
	assert_string_equal(cxms_fmt_rate(buf, 0), "0 B/s");
	assert_string_equal(cxms_fmt_rate(buf, 1.5e6), "1.50 MB/s");
	assert_string_equal(cxms_fmt_rate(buf, -1), "n/a");
	assert_string_equal(cxms_fmt_rate(buf, 1e30), "n/a");
	assert_string_equal(cxms_fmt_rate(buf, zero / zero), "n/a");
}

static void test_quantities_are_lossless_and_short(void **state)
{
	(void)state;
	static const struct {
		enum cxms_unit unit;
		uint64_t value;
		const char *want;
	} rows[] = {
		{CXMS_UNIT_TIME_PS, 107000, "107ns"},
		{CXMS_UNIT_TIME_PS, 107001, "107001ps"},
		{CXMS_UNIT_TIME_PS, 0, "0ps"},
		{CXMS_UNIT_BYTES, 2097152, "2MiB"},
		{CXMS_UNIT_BYTES, 1000000000, "1GB"},
		{CXMS_UNIT_BYTES, 0, "0B"},
		{CXMS_UNIT_BYTES, 256, "256B"},
		{CXMS_UNIT_BYTES, UINT64_MAX, "18446744073709551615B"},
		{CXMS_UNIT_BYTES_PER_S, 26000000000, "26GB/s"},
		{CXMS_UNIT_BYTES_PER_S, 26500000000, "26500MB/s"},
		{CXMS_UNIT_HZ, 3000000000, "3GHz"},
		{CXMS_UNIT_COUNT, 8, "8"},
		{CXMS_UNIT_PCT, 50, "50"},
	};
	char buf[CXMS_FMT_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(cxms_fmt_quantity(buf, (int)rows[i].unit, rows[i].value),
				    rows[i].want);
}

static void test_nearest_word(void **state)
{
	(void)state;
	static const char *const words[] = {"latency", "bandwidth", "name", "gen", NULL};
	static const struct {
		const char *word, *want, *why;
	} rows[] = {
		{"latncy", "latency", "a letter lost"},
		{"latnecy", "latency", "two swapped"},
		{"bandwith", "bandwidth", "a letter lost late"},
		{"nmae", "name", "short word"},
		{"capacity", NULL, "too far from all"},
		{"x", NULL, "no letter in common"},
		{"", NULL, "empty"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *got = cxms_near_word(rows[i].word, words);
		if ((got == NULL) != (rows[i].want == NULL) || (got && strcmp(got, rows[i].want)))
			fail_msg("%s: '%s' gives '%s'", rows[i].why, rows[i].word, got);
	}
}

static void test_quotes_end_at_a_whole_character(void **state)
{
	(void)state;
	char text[200];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(cxms_quote_len("abc"), 3);
	assert_int_equal(cxms_quote_len(text), 80);
	memcpy(text + 78, "\xe2\x82\xac", 3); /* a euro sign across the limit */
	assert_int_equal(cxms_quote_len(text), 78);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_figures),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_quantities_are_lossless_and_short),
		cmocka_unit_test(test_nearest_word),
		cmocka_unit_test(test_quotes_end_at_a_whole_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

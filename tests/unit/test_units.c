#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <inttypes.h>
#include <locale.h>
#include <string.h>

#include "base/fmt.h"
#include "base/rng.h"
#include "base/units_priv.h"

static void test_quantities_are_exact(void **state)
{
	(void)state;
	static const struct {
		enum cxms_unit unit;
		const char *text;
		uint64_t hz, want;
		const char *why;
	} rows[] = {
		{CXMS_UNIT_TIME_PS, "107ns", 0, 107000, "whole"},
		{CXMS_UNIT_TIME_PS, "0.5ns", 0, 500, "fraction of a unit"},
		{CXMS_UNIT_TIME_PS, "0ns", 0, 0, "zero is a quantity"},
		{CXMS_UNIT_TIME_PS, "0.0000s", 0, 0, "zero with a fraction"},
		{CXMS_UNIT_TIME_PS, "10 us", 0, 10000000, "one blank"},
		{CXMS_UNIT_TIME_PS, "0.5ps", 0, 1, "half rounds up"},
		{CXMS_UNIT_TIME_PS, "1.4999ps", 0, 1, "below half rounds down"},
		{CXMS_UNIT_TIME_PS, "1.000000000001s", 0, 1000000000001, "no double has this"},
		{CXMS_UNIT_TIME_PS, "9223372s", 0, 9223372000000000000, "near the top"},
		{CXMS_UNIT_TIME_PS, "3cyc", 3000000000, 1000, "cycles"},
		{CXMS_UNIT_TIME_PS, "1cyc", 3000000000, 333, "1/3 ns"},
		{CXMS_UNIT_TIME_PS, "2cyc", 3000000000, 667, "2/3 ns"},
		{CXMS_UNIT_TIME_PS, "1.5cyc", 3000000000, 500, "fraction of a cycle"},
		{CXMS_UNIT_HZ, "3.0GHz", 0, 3000000000, "3.0"},
		{CXMS_UNIT_HZ, "3.1GHz", 0, 3100000000, "3.1 is no double"},
		{CXMS_UNIT_HZ, "2.600000001GHz", 0, 2600000001, "every digit counts"},
		{CXMS_UNIT_BYTES, "2MiB", 0, 2097152, "binary"},
		{CXMS_UNIT_BYTES, "2MB", 0, 2000000, "decimal"},
		{CXMS_UNIT_BYTES, "1.5KiB", 0, 1536, "fraction of a binary unit"},
		{CXMS_UNIT_BYTES, "256B", 0, 256, "plain bytes"},
		{CXMS_UNIT_BYTES, "9223372036854775808B", 0, 1ull << 63, "2^63 is the last"},
		{CXMS_UNIT_BYTES_PER_S, "26GB/s", 0, 26000000000, "rate"},
		{CXMS_UNIT_BYTES_PER_S, "1GiB/s", 0, 1ull << 30, "binary rate"},
		{CXMS_UNIT_COUNT, "16", 0, 16, "count"},
		{CXMS_UNIT_COUNT, "16.0", 0, 16, "a whole number"},
		{CXMS_UNIT_PCT, "100", 0, 100, "per cent"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t got = 1234567;
		enum cxms_qty_fault fault =
			cxms_units_scan(rows[i].unit, rows[i].text, rows[i].hz, &got);
		if (fault != CXMS_QTY_OK || got != rows[i].want)
			fail_msg("%s: '%s': fault %d got %" PRIu64, rows[i].why, rows[i].text,
				 (int)fault, got);
	}
}

static void test_bad_quantities_are_refused(void **state)
{
	(void)state;
	static const struct {
		enum cxms_unit unit;
		const char *text;
		enum cxms_qty_fault fault;
		const char *why;
	} rows[] = {
		{CXMS_UNIT_TIME_PS, "-80ns", CXMS_QTY_NEGATIVE, "negative"},
		{CXMS_UNIT_TIME_PS, "80", CXMS_QTY_NO_UNIT, "no unit"},
		{CXMS_UNIT_TIME_PS, "80 ", CXMS_QTY_NO_UNIT, "a blank is no unit"},
		{CXMS_UNIT_TIME_PS, "80 parsecs", CXMS_QTY_BAD_UNIT, "foreign"},
		{CXMS_UNIT_TIME_PS, "80GB", CXMS_QTY_BAD_UNIT, "unit of another quantity"},
		{CXMS_UNIT_TIME_PS, "80NS", CXMS_QTY_BAD_UNIT, "case counts"},
		{CXMS_UNIT_TIME_PS, "80  ns", CXMS_QTY_BAD_UNIT, "two blanks"},
		{CXMS_UNIT_TIME_PS, "80ns ", CXMS_QTY_BAD_UNIT, "blank behind"},
		{CXMS_UNIT_TIME_PS, " 80ns", CXMS_QTY_SYNTAX, "blank before"},
		{CXMS_UNIT_TIME_PS, "1e3ns", CXMS_QTY_BAD_UNIT, "exponent"},
		{CXMS_UNIT_TIME_PS, "1,5ns", CXMS_QTY_BAD_UNIT, "comma"},
		{CXMS_UNIT_TIME_PS, ".5ns", CXMS_QTY_SYNTAX, "no digit before the point"},
		{CXMS_UNIT_TIME_PS, "5.ns", CXMS_QTY_SYNTAX, "no digit after it"},
		{CXMS_UNIT_TIME_PS, "+5ns", CXMS_QTY_SYNTAX, "sign"},
		{CXMS_UNIT_TIME_PS, "0x5ns", CXMS_QTY_BAD_UNIT, "hexadecimal"},
		{CXMS_UNIT_TIME_PS, "nan", CXMS_QTY_SYNTAX, "no number"},
		{CXMS_UNIT_TIME_PS, "", CXMS_QTY_SYNTAX, "empty"},
		{CXMS_UNIT_TIME_PS, "0.0000000000000000001s", CXMS_QTY_SYNTAX, "19 digits"},
		{CXMS_UNIT_TIME_PS, "0.4ps", CXMS_QTY_TINY, "below half a unit"},
		{CXMS_UNIT_TIME_PS, "3cyc", CXMS_QTY_CYC, "cycles of what"},
		{CXMS_UNIT_TIME_PS, "9223373s", CXMS_QTY_RANGE, "over 2^63"},
		{CXMS_UNIT_BYTES, "9223372036854775809B", CXMS_QTY_RANGE, "2^63 + 1"},
		{CXMS_UNIT_BYTES, "99999999999999999999999999B", CXMS_QTY_RANGE, "long"},
		{CXMS_UNIT_BYTES, "16777216TiB", CXMS_QTY_RANGE, "2^64"},
		{CXMS_UNIT_COUNT, "1.5", CXMS_QTY_FRACTION, "half a core"},
		{CXMS_UNIT_COUNT, "5ns", CXMS_QTY_BAD_UNIT, "unit"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t got = 42;
		enum cxms_qty_fault fault = cxms_units_scan(rows[i].unit, rows[i].text, 0, &got);
		if (fault != rows[i].fault || got != 42)
			fail_msg("%s: '%s': fault %d", rows[i].why, rows[i].text, (int)fault);
	}
}

static void test_locale_changes_nothing(void **state)
{
	(void)state;
	uint64_t got = 0;
	setlocale(LC_ALL, "de_DE.UTF-8"); /* without that locale the test is merely weaker */
	assert_int_equal(cxms_units_scan(CXMS_UNIT_HZ, "2.5GHz", 0, &got), CXMS_QTY_OK);
	assert_int_equal(got, 2500000000);
	setlocale(LC_ALL, "C");
}

static void test_formatted_quantities_read_back(void **state)
{
	(void)state;
	static const enum cxms_unit units[] = {CXMS_UNIT_COUNT,	      CXMS_UNIT_BYTES,
					       CXMS_UNIT_TIME_PS,     CXMS_UNIT_HZ,
					       CXMS_UNIT_BYTES_PER_S, CXMS_UNIT_PCT};
	static const uint64_t mul[] = {1, 10, 1000, 1024, 1000000, 1ull << 20, 1000000000};
	struct cxms_rng rng;
	cxms_rng_init(&rng, 1);
	for (int i = 0; i < 20000; i++) {
		enum cxms_unit u = units[cxms_rng_below(&rng, 6)];
		uint64_t value = cxms_rng_below(&rng, 1000000) * mul[cxms_rng_below(&rng, 7)];
		uint64_t back = 1;
		char text[CXMS_FMT_MAX];
		cxms_fmt_quantity(text, (int)u, value);
		assert_int_equal(cxms_units_scan(u, text, 0, &back), CXMS_QTY_OK);
		assert_true(back == value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantities_are_exact),
		cmocka_unit_test(test_bad_quantities_are_refused),
		cmocka_unit_test(test_locale_changes_nothing),
		cmocka_unit_test(test_formatted_quantities_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

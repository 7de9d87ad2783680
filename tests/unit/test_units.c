#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/rng.h"
#include "base/units.h"

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
		struct cxms_err err = {0};
		uint64_t got = 1234567;
		int rc = cxms_units_parse(rows[i].unit, rows[i].text, rows[i].hz, &got, &err);
		if (rc != 0 || got != rows[i].want)
			fail_msg("%s: '%s': rc %d got %" PRIu64 " %s", rows[i].why, rows[i].text,
				 rc, got, err.msg);
	}
}

static void test_bad_quantities_are_refused(void **state)
{
	(void)state;
	static const struct {
		enum cxms_unit unit;
		const char *text;
		int rc;
		const char *part, *why;
	} rows[] = {
		{CXMS_UNIT_TIME_PS, "-80ns", -EINVAL, "'-80ns' is negative", "negative"},
		{CXMS_UNIT_TIME_PS, "80", -EINVAL, "'80' has no unit; allowed units: ps, ns, us",
		 "no unit"},
		{CXMS_UNIT_TIME_PS, "80 ", -EINVAL, "has no unit", "a blank is no unit"},
		{CXMS_UNIT_TIME_PS, "80 parsecs", -EINVAL,
		 "'80 parsecs' has an unknown unit; allowed units: ps, ns, us, ms, s", "foreign"},
		{CXMS_UNIT_TIME_PS, "80GB", -EINVAL, "unknown unit", "unit of another quantity"},
		{CXMS_UNIT_TIME_PS, "80NS", -EINVAL, "unknown unit", "case counts"},
		{CXMS_UNIT_TIME_PS, "80  ns", -EINVAL, "unknown unit", "two blanks"},
		{CXMS_UNIT_TIME_PS, "80ns ", -EINVAL, "unknown unit", "blank behind"},
		{CXMS_UNIT_TIME_PS, " 80ns", -EINVAL, "is not a time", "blank before"},
		{CXMS_UNIT_TIME_PS, "1e3ns", -EINVAL, "unknown unit", "exponent"},
		{CXMS_UNIT_TIME_PS, "1,5ns", -EINVAL, "unknown unit", "comma"},
		{CXMS_UNIT_TIME_PS, ".5ns", -EINVAL, "is not a time", "no digit before the point"},
		{CXMS_UNIT_TIME_PS, "5.ns", -EINVAL, "is not a time", "no digit after it"},
		{CXMS_UNIT_TIME_PS, "+5ns", -EINVAL, "is not a time", "sign"},
		{CXMS_UNIT_TIME_PS, "0x5ns", -EINVAL, "unknown unit", "hexadecimal"},
		{CXMS_UNIT_TIME_PS, "nan", -EINVAL, "is not a time", "no number"},
		{CXMS_UNIT_TIME_PS, "", -EINVAL, "'' is not a time", "empty"},
		{CXMS_UNIT_TIME_PS, "0.0000000000000000001s", -EINVAL, "is not", "19 digits"},
		{CXMS_UNIT_TIME_PS, "0.4ps", -EINVAL, "rounds to 0", "below half a unit"},
		{CXMS_UNIT_TIME_PS, "3cyc", -EINVAL, "needs a core frequency", "cycles of what"},
		{CXMS_UNIT_TIME_PS, "9223373s", -ERANGE, "too large", "over 2^63"},
		{CXMS_UNIT_BYTES, "9223372036854775809B", -ERANGE, "too large", "2^63 + 1"},
		{CXMS_UNIT_BYTES, "99999999999999999999999999B", -ERANGE, "too large", "long"},
		{CXMS_UNIT_BYTES, "16777216TiB", -ERANGE, "too large", "2^64"},
		{CXMS_UNIT_COUNT, "1.5", -EINVAL, "is not a whole number", "half a core"},
		{CXMS_UNIT_COUNT, "5ns", -EINVAL, "is not a whole number; give digits only",
		 "unit"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_err err = {0};
		uint64_t got = 42;
		int rc = cxms_units_parse(rows[i].unit, rows[i].text, 0, &got, &err);
		if (rc != rows[i].rc || got != 42 || !strstr(err.msg, rows[i].part))
			fail_msg("%s: '%s': rc %d '%s'", rows[i].why, rows[i].text, rc, err.msg);
	}
}

static void test_locale_changes_nothing(void **state)
{
	(void)state;
	uint64_t got = 0;
	setlocale(LC_ALL, "de_DE.UTF-8"); /* without that locale the test is merely weaker */
	assert_int_equal(cxms_units_parse(CXMS_UNIT_HZ, "2.5GHz", 0, &got, NULL), 0);
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
		assert_int_equal(cxms_units_parse(u, text, 0, &back, NULL), 0);
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

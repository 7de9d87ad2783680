#include "base/units.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/units_priv.h"

__extension__ typedef unsigned __int128 u128;

#define QTY_MAX	     (1ull << 63)
#define MAX_FRACTION 18 /* digits after the point; 10^18 times a unit below 2^41 fits 128 bits */
#define TIME_UNITS   "ps, ns, us, ms, s"

static const struct cxms_unit_row no_rows[] = {{NULL, 0}};
static const struct cxms_unit_row byte_rows[] = {
	{"B", 1},
	{"kB", 1000ull},
	{"MB", 1000000ull},
	{"GB", 1000000000ull},
	{"TB", 1000000000000ull},
	{"KiB", 1ull << 10},
	{"MiB", 1ull << 20},
	{"GiB", 1ull << 30},
	{"TiB", 1ull << 40},
	{NULL, 0},
};
static const struct cxms_unit_row time_rows[] = {
	{"ps", 1},
	{"ns", CXMS_PS_PER_NS},
	{"us", 1000000ull},
	{"ms", 1000000000ull},
	{"s", CXMS_PS_PER_S},
	{"cyc", 0},
	{NULL, 0},
};
static const struct cxms_unit_row rate_rows[] = {
	{"B/s", 1},
	{"kB/s", 1000ull},
	{"MB/s", 1000000ull},
	{"GB/s", 1000000000ull},
	{"KiB/s", 1ull << 10},
	{"MiB/s", 1ull << 20},
	{"GiB/s", 1ull << 30},
	{NULL, 0},
};
static const struct cxms_unit_row hz_rows[] = {
	{"Hz", 1}, {"kHz", 1000ull}, {"MHz", 1000000ull}, {"GHz", 1000000000ull}, {NULL, 0},
};

const struct cxms_unit_row *cxms_unit_rows(enum cxms_unit unit)
{
	switch (unit) {
	case CXMS_UNIT_BYTES:
		return byte_rows;
	case CXMS_UNIT_TIME_PS:
		return time_rows;
	case CXMS_UNIT_BYTES_PER_S:
		return rate_rows;
	case CXMS_UNIT_HZ:
		return hz_rows;
	case CXMS_UNIT_COUNT:
	case CXMS_UNIT_PCT:
		break;
	}
	return no_rows;
}

static const char *units_of(enum cxms_unit unit)
{
	switch (unit) {
	case CXMS_UNIT_BYTES:
		return "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB";
	case CXMS_UNIT_TIME_PS:
		return TIME_UNITS ", cyc";
	case CXMS_UNIT_BYTES_PER_S:
		return "B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s";
	case CXMS_UNIT_HZ:
		return "Hz, kHz, MHz, GHz";
	case CXMS_UNIT_COUNT:
	case CXMS_UNIT_PCT:
		break;
	}
	return "none (a plain whole number)";
}

static const char *allowed(enum cxms_unit unit, uint64_t hz)
{
	return unit == CXMS_UNIT_TIME_PS && hz == 0 ? TIME_UNITS : units_of(unit);
}

static bool is_plain(enum cxms_unit unit)
{
	return unit == CXMS_UNIT_COUNT || unit == CXMS_UNIT_PCT;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number taken apart: whole + fraction / scale, all exact. */
struct decimal {
	uint64_t whole, fraction, scale;
	bool huge; /* whole is over QTY_MAX */
};

/* Digits by hand: strtod() rounds (3.1GHz is no double) and its decimal point follows the locale.
 */
static const char *scan_decimal(const char *p, struct decimal *d)
{
	*d = (struct decimal){.scale = 1};
	if (!is_digit(*p))
		return NULL;
	for (; is_digit(*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		if (d->huge || d->whole > (QTY_MAX - digit) / 10)
			d->huge = true;
		else
			d->whole = d->whole * 10 + digit;
	}
	if (*p != '.')
		return p;
	const char *first = ++p;
	while (is_digit(*p))
		p++;
	const char *last = p;
	while (last > first && last[-1] == '0')
		last--;
	if (p == first || last - first > MAX_FRACTION)
		return NULL;
	for (; first < last; first++) {
		d->fraction = d->fraction * 10 + (uint64_t)(*first - '0');
		d->scale *= 10;
	}
	return p;
}

/*
 * (whole + fraction/scale) * mul / div, rounded half up. Every product stays below 2^127:
 * whole <= 2^63, fraction < scale <= 10^18 < 2^60, mul <= 2^40, div < 2^64.
 */
static enum cxms_qty_fault to_base(const struct decimal *d, uint64_t mul, uint64_t div,
				   uint64_t *out)
{
	if (d->huge)
		return CXMS_QTY_RANGE;
	u128 product = (u128)d->whole * mul;
	u128 quotient = product / div;
	u128 rest = (product % div) * d->scale + (u128)d->fraction * mul;
	u128 unit = (u128)div * d->scale;
	quotient += rest / unit;
	rest %= unit;
	if (rest >= unit - rest)
		quotient++;
	if (quotient > QTY_MAX)
		return CXMS_QTY_RANGE;
	if (quotient == 0 && (d->whole || d->fraction))
		return CXMS_QTY_TINY;
	*out = (uint64_t)quotient;
	return CXMS_QTY_OK;
}

enum cxms_qty_fault cxms_units_scan(enum cxms_unit unit, const char *text, uint64_t hz,
				    uint64_t *out)
{
	struct decimal d;
	if (text[0] == '-' && is_digit(text[1]))
		return CXMS_QTY_NEGATIVE;
	const char *p = scan_decimal(text, &d);
	if (!p)
		return CXMS_QTY_SYNTAX;
	if (is_plain(unit)) {
		if (*p)
			return CXMS_QTY_BAD_UNIT;
		return d.fraction ? CXMS_QTY_FRACTION : to_base(&d, 1, 1, out);
	}
	if (*p == ' ')
		p++;
	if (!*p)
		return CXMS_QTY_NO_UNIT;
	for (const struct cxms_unit_row *r = cxms_unit_rows(unit); r->name; r++) {
		if (strcmp(r->name, p) != 0)
			continue;
		if (r->mul)
			return to_base(&d, r->mul, 1, out);
		return hz ? to_base(&d, CXMS_PS_PER_S, hz, out) : CXMS_QTY_CYC;
	}
	return CXMS_QTY_BAD_UNIT;
}

static const char *noun(enum cxms_unit unit)
{
	switch (unit) {
	case CXMS_UNIT_BYTES:
		return "a size";
	case CXMS_UNIT_TIME_PS:
		return "a time";
	case CXMS_UNIT_BYTES_PER_S:
		return "a rate";
	case CXMS_UNIT_HZ:
		return "a frequency";
	case CXMS_UNIT_COUNT:
	case CXMS_UNIT_PCT:
		break;
	}
	return "a whole number";
}

/* "10us" -> "10 us" */
static void spaced(char out[CXMS_FMT_MAX], enum cxms_unit unit, uint64_t value)
{
	char tight[CXMS_FMT_MAX];
	cxms_fmt_quantity(tight, (int)unit, value);
	int digits = (int)strspn(tight, "0123456789");
	snprintf(out, CXMS_FMT_MAX, "%.*s%s%s", digits, tight, tight[digits] ? " " : "",
		 tight + digits);
}

const char *cxms_qty_must(char buf[CXMS_QTY_MUST_MAX], enum cxms_unit unit, uint64_t min,
			  uint64_t max)
{
	char low[CXMS_FMT_MAX], high[CXMS_FMT_MAX];
	spaced(low, unit, min);
	spaced(high, unit, max);
	if (max < QTY_MAX)
		snprintf(buf, CXMS_QTY_MUST_MAX, "%s .. %s", low, high);
	else if (min > 0)
		snprintf(buf, CXMS_QTY_MUST_MAX, "at least %s", low);
	else
		snprintf(buf, CXMS_QTY_MUST_MAX, "%s", noun(unit));
	return buf;
}

const char *cxms_qty_hint(char buf[CXMS_QTY_HINT_MAX], enum cxms_qty_fault fault,
			  enum cxms_unit unit, uint64_t hz)
{
	bool at_fault =
		fault == CXMS_QTY_NO_UNIT || fault == CXMS_QTY_BAD_UNIT || fault == CXMS_QTY_CYC;
	buf[0] = '\0';
	if (at_fault && !is_plain(unit))
		snprintf(buf, CXMS_QTY_HINT_MAX, "; allowed units: %s", allowed(unit, hz));
	return buf;
}

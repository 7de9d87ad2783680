#include "base/fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "base/units_priv.h"

__extension__ typedef unsigned __int128 u128;

#define MAX_RATE 1e19 /* above it a double no longer converts to uint64_t */

static const struct cxms_unit_row size_scale[] = {
	{"B", 1},
	{"KiB", 1ull << 10},
	{"MiB", 1ull << 20},
	{"GiB", 1ull << 30},
	{"TiB", 1ull << 40},
	{"PiB", 1ull << 50},
	{NULL, 0},
};
static const struct cxms_unit_row time_scale[] = {
	{"ps", 1},
	{"ns", CXMS_PS_PER_NS},
	{"us", 1000000ull},
	{"ms", 1000000000ull},
	{"s", CXMS_PS_PER_S},
	{NULL, 0},
};
static const struct cxms_unit_row rate_scale[] = {
	{"B/s", 1},
	{"kB/s", 1000ull},
	{"MB/s", 1000000ull},
	{"GB/s", 1000000000ull},
	{"TB/s", 1000000000000ull},
	{NULL, 0},
};

/* Integers only: the same digits on every machine and in every locale. */
static uint64_t rounded(uint64_t value, uint64_t scale, uint64_t mul)
{
	return (uint64_t)(((u128)value * scale + mul / 2) / mul);
}

/* Three figures in the first unit that keeps the number below @step; the last unit takes the rest.
 */
static const char *three_figures(char *buf, const struct cxms_unit_row *row, uint64_t step,
				 uint64_t value)
{
	while (row[1].name && rounded(value, 1, row->mul) >= step)
		row++;
	uint64_t tenths = rounded(value, 10, row->mul);
	uint64_t hundredths = rounded(value, 100, row->mul);
	if (row->mul == 1 || tenths >= 1000)
		snprintf(buf, CXMS_FMT_MAX, "%" PRIu64 " %s", rounded(value, 1, row->mul),
			 row->name);
	else if (hundredths >= 1000)
		snprintf(buf, CXMS_FMT_MAX, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
			 row->name);
	else
		snprintf(buf, CXMS_FMT_MAX, "%" PRIu64 ".%02" PRIu64 " %s", hundredths / 100,
			 hundredths % 100, row->name);
	return buf;
}

const char *cxms_fmt_bytes(char buf[CXMS_FMT_MAX], uint64_t bytes)
{
	return three_figures(buf, size_scale, 1024, bytes);
}

const char *cxms_fmt_time_ps(char buf[CXMS_FMT_MAX], uint64_t ps)
{
	return three_figures(buf, time_scale, 1000, ps);
}

const char *cxms_fmt_rate(char buf[CXMS_FMT_MAX], double bytes_per_s)
{
	if (!(bytes_per_s >= 0 && bytes_per_s < MAX_RATE)) {
		snprintf(buf, CXMS_FMT_MAX, "n/a");
		return buf;
	}
	return three_figures(buf, rate_scale, 1000, (uint64_t)(bytes_per_s + 0.5));
}

/* Of all units that divide the value the shortest text; sizes prefer binary units, being later
 * rows. */
const char *cxms_fmt_quantity(char buf[CXMS_FMT_MAX], int unit, uint64_t value)
{
	enum cxms_unit u = (enum cxms_unit)unit;
	snprintf(buf, CXMS_FMT_MAX, "%" PRIu64, value);
	size_t best = SIZE_MAX;
	for (const struct cxms_unit_row *r = cxms_unit_rows(u); r->name; r++) {
		if (r->mul == 0 || value % r->mul != 0)
			continue;
		uint64_t n = value / r->mul;
		char text[CXMS_FMT_MAX];
		size_t digits = (size_t)snprintf(text, sizeof(text), "%" PRIu64, n);
		if (digits > best || (digits == best && (value == 0 || u != CXMS_UNIT_BYTES)))
			continue;
		best = digits;
		snprintf(buf, CXMS_FMT_MAX, "%" PRIu64 "%s", n, r->name);
	}
	return buf;
}

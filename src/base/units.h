/* Units: address-space types, constants, and the parser for quantities such as "107ns" or "26GB/s".
 */
#ifndef CXMS_BASE_UNITS_H
#define CXMS_BASE_UNITS_H

#include <stdint.h>

struct cxms_err;

#define CXMS_PS_PER_NS	1000ull
#define CXMS_PS_PER_S	1000000000000ull
#define CXMS_NS_PER_S	1000000000ull
#define CXMS_LINE_BYTES 64u /* cache line of x86-64 and of a CXL.mem request (CXL 3.1, 3.3) */

/* One-member structs: mixing address spaces does not compile. */
struct cxms_va {
	uint64_t v;
};
struct cxms_hpa {
	uint64_t v;
};
struct cxms_dpa {
	uint64_t v;
};

enum cxms_unit {
	CXMS_UNIT_COUNT,       /* plain number */
	CXMS_UNIT_BYTES,       /* B kB MB GB TB (decimal), KiB MiB GiB TiB (binary) -> bytes */
	CXMS_UNIT_TIME_PS,     /* ps ns us ms s, cyc (needs hz) -> picoseconds */
	CXMS_UNIT_BYTES_PER_S, /* B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s -> bytes per second */
	CXMS_UNIT_HZ,	       /* Hz kHz MHz GHz -> hertz */
	CXMS_UNIT_PCT,	       /* plain number, 0..100 */
};

/**
 * cxms_units_parse() - text with a unit to an integer in the base unit
 * @unit: what is expected; a missing or foreign unit is an error that says which are allowed
 * @hz:   core frequency for "cyc"; 0 = "cyc" is refused
 * @out:  rounded to the nearest base unit; a value > 0 that rounds to 0 is refused
 *
 * Decimal fractions are allowed ("3.0GHz"); no white space inside beyond one blank before the unit.
 * Return: 0, -EINVAL (not a quantity, wrong unit, negative), -ERANGE (over 2^63)
 */
int cxms_units_parse(enum cxms_unit unit, const char *text, uint64_t hz, uint64_t *out,
		     struct cxms_err *err);

#endif

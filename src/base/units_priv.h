/* Inside base only: the unit tables, why a quantity was refused, and the texts that options and
 * YAML share. */
#ifndef CXMS_BASE_UNITS_PRIV_H
#define CXMS_BASE_UNITS_PRIV_H

#include <stdint.h>

#include "base/fmt.h"
#include "base/units.h"

/** struct cxms_unit_row - one unit; the table ends with name == NULL */
struct cxms_unit_row {
	const char *name;
	uint64_t mul; /* base units in one; 0 = a cycle, 1e12 / hz picoseconds */
};

enum cxms_qty_fault {
	CXMS_QTY_OK,
	CXMS_QTY_SYNTAX, /* not a decimal number */
	CXMS_QTY_NEGATIVE,
	CXMS_QTY_FRACTION, /* a plain number must be whole */
	CXMS_QTY_NO_UNIT,
	CXMS_QTY_BAD_UNIT,
	CXMS_QTY_CYC,	/* cycles without a frequency */
	CXMS_QTY_TINY,	/* rounds to 0 */
	CXMS_QTY_RANGE, /* over 2^63 */
};

/** cxms_unit_rows() - units of @unit, smallest first within decimal and binary; empty for plain
 * numbers */
const struct cxms_unit_row *cxms_unit_rows(enum cxms_unit unit);

/**
 * cxms_units_scan() - text with a unit to an integer in the base unit
 * @unit: what is expected; a missing or foreign unit is a fault
 * @hz:   core frequency for "cyc"; 0 = "cyc" is refused
 * @out:  rounded to the nearest base unit; a value > 0 that rounds to 0 is refused. Written only on
 *        CXMS_QTY_OK
 *
 * Decimal fractions are allowed ("3.0GHz"); no white space inside beyond one blank before the unit.
 */
enum cxms_qty_fault cxms_units_scan(enum cxms_unit unit, const char *text, uint64_t hz,
				    uint64_t *out);

#define CXMS_QTY_MUST_MAX (2 * CXMS_FMT_MAX + 16)
/** what a quantity must be: "10 us .. 1 s", "at least 1 B", "a time" */
const char *cxms_qty_must(char buf[CXMS_QTY_MUST_MAX], enum cxms_unit unit, uint64_t min,
			  uint64_t max);

#define CXMS_QTY_HINT_MAX 96
/** "; allowed units: ps, ns" when the unit was at fault, else "" */
const char *cxms_qty_hint(char buf[CXMS_QTY_HINT_MAX], enum cxms_qty_fault fault,
			  enum cxms_unit unit, uint64_t hz);

#endif

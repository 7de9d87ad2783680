/* The counters that the models use, by CPU and unit; every figure has its source in the table. */
#ifndef CXMS_SOURCE_CNT_TABLE_H
#define CXMS_SOURCE_CNT_TABLE_H

#include <stdint.h>

#define CXMS_CNT_FIXED_CYCLES 32u /* counters of their own, beside the general ones 0 .. 31 */
#define CXMS_CNT_FIXED_INSNS  33u
#define CXMS_CNT_REG_OFFCORE  1u /* kinds of extra registers */
#define CXMS_CNT_REG_FILTER   2u

/** struct cxms_cnt_row - one event on some CPUs */
struct cxms_cnt_row {
	const char *cpus;  /* ids of pmu.h, each between blanks; "*" = all */
	const char *pmu;   /* "cpu", or what the names of units begin with */
	const char *name;  /* as in a recording */
	const char *terms; /* of format/, or "@alias" of events/ */
	uint64_t counters; /* bit i: it counts on counter i */
	uint8_t reg;	   /* kind of extra register, 0 = none */
	uint64_t reg_value;
	uint8_t unit;	 /* enum cxms_counter_unit */
	uint32_t bundle; /* counted together where that is possible; 0 = alone */
};
/** NULL behind the last */
const struct cxms_cnt_row *cxms_cnt_row(unsigned i);

#endif

/* What one instruction computes in general registers. */
#ifndef CXMS_SOURCE_CODE_CALC_H
#define CXMS_SOURCE_CODE_CALC_H

#include <stdint.h>

#include "base/disasm.h"

struct cxms_calc;
struct cxms_x86_info;

/** cxms_calc_note() - calc and calc_to of @out: moves, sums, logic, shifts, products and extensions
 * of whole registers, of 32 or 64 bits, that read no memory and no flags; else untouched */
void cxms_calc_note(const cs_insn *in, struct cxms_x86_info *out);

/** cxms_calc_run() - the result, of operands @a and @b */
uint64_t cxms_calc_run(const struct cxms_calc *calc, uint64_t a, uint64_t b);

#endif

/*
 * Code of an address trace, as the exact stream tells of it (core/xstream.h): the instruction where
 * the trace has its bytes, else one that stands for it.
 */
#ifndef CXMS_RECORD_EXACT_CODE_H
#define CXMS_RECORD_EXACT_CODE_H

#include <stdint.h>

struct cxms_buf;
struct cxms_imp_insn;

/**
 * cxms_exact_put_block() - what follows CXMS_XC_BLOCK, of one instruction
 * @id: number of the block
 * Code without bytes stands as one instruction where one can make all its accesses, else as one for
 * each access; both hang on no other instruction.
 * Appended to @b; check b->failed for memory
 */
void cxms_exact_put_block(struct cxms_buf *b, uint64_t id, const struct cxms_imp_insn *i);
/** cxms_exact_put_gap() - the same of @n instructions that access no memory, left out by the trace
 */
void cxms_exact_put_gap(struct cxms_buf *b, uint64_t id, unsigned n);

#endif

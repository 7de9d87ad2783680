/* One instruction between its bytes and its uops. */
#ifndef CXMS_CORE_UOPS_PRIV_H
#define CXMS_CORE_UOPS_PRIV_H

#include "base/disasm.h"
#include "core/uops.h"

#define CXMS_BLOCK_MAX	     4096 /* instructions, exits of a block */
#define CXMS_GPR_SP	     4
#define CXMS_INSN_ACCESS_MAX 8

struct cxms_slots {
	size_t n;
	uint8_t slot[8];
};

struct cxms_insn {
	struct cxms_slots addr, data, out; /* registers of addresses, of data; written */
	size_t n_load, n_store;
	int16_t load[CXMS_INSN_ACCESS_MAX], store[CXMS_INSN_ACCESS_MAX]; /* numbers of accesses */
	enum cxms_uop_class class;
	unsigned n_op;		/* operations between load and store */
	unsigned result_at;	/* which of them gives the result: 0, or a later one */
	unsigned rob_op;	/* fused: reorder-buffer entries of those */
	unsigned n_split_extra; /* split: uops for immediates and branch targets */
	unsigned parts;		/* split: vector halves */
	unsigned load_pieces;	/* split: uops of a load that go to memory, as of 16 bytes */
	unsigned store_pieces;	/* of a store */
	unsigned string_bytes;	/* of movs or stos with rep: what one round takes; else 0 */
	bool moves_stack, prefetch, string_move; /* movs, stos */
	bool locked;				 /* mfence too */
	bool load_fence;			 /* lfence */
};

/**
 * cxms_insn_read() - registers, class and counts of one instruction
 * @access: its @n memory accesses, numbered from @first in the block
 * Return: false when the decoder does not know it; *out then stands for one uop without data
 */
bool cxms_insn_read(const struct cxms_disasm *d, const struct cxms_code_insn *code,
		    const struct cxms_code_access *access, size_t n, int16_t first, bool split,
		    struct cxms_insn *out);
/**
 * cxms_insn_split_flags() - flags of a split core: what @in waits for, and sets, beside its data
 * @carry_apart: whether carry and overflow were set by themselves since all were; updated
 */
void cxms_insn_split_flags(const cs_insn *tmp, struct cxms_insn *in, bool *carry_apart);
/** a conditional branch right after a compare or test shares its entry (macro-fusion) */
void cxms_insn_fuse(struct cxms_insn *branch, const struct cxms_code_insn *before);

#endif

/*
 * Code of watched programs: which memory operand the thread at a sampled instruction pointer was
 * waiting for, and at which address.
 */
#ifndef CXMS_SOURCE_CODE_H
#define CXMS_SOURCE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

struct cxms_code;
struct cxms_err;

/* Register numbers of struct cxms_regs: PERF_REG_X86 order without the segment selectors. */
enum cxms_reg {
	CXMS_REG_AX,
	CXMS_REG_BX,
	CXMS_REG_CX,
	CXMS_REG_DX,
	CXMS_REG_SI,
	CXMS_REG_DI,
	CXMS_REG_BP,
	CXMS_REG_SP,
	CXMS_REG_R8,
	CXMS_REG_R9,
	CXMS_REG_R10,
	CXMS_REG_R11,
	CXMS_REG_R12,
	CXMS_REG_R13,
	CXMS_REG_R14,
	CXMS_REG_R15,
	CXMS_REG_GPR_END
};
/** struct cxms_regs - user registers at a sample */
struct cxms_regs {
	uint64_t gpr[CXMS_REG_GPR_END];
	uint64_t ip;
	uint64_t fs_base, gs_base;
	bool fs_known, gs_known;
};

/* What an instruction computes from registers and constants alone. */
enum cxms_calc_op {
	CXMS_CALC_NONE = 0, /* not known */
	CXMS_CALC_SUM,	    /* a + b x scale + constant */
	CXMS_CALC_SUB,	    /* a - b; so are those below, of a and b */
	CXMS_CALC_AND,
	CXMS_CALC_OR,
	CXMS_CALC_XOR,
	CXMS_CALC_MUL,
	CXMS_CALC_SHL,
	CXMS_CALC_SHR,
	CXMS_CALC_SAR,
	CXMS_CALC_ROR,
	CXMS_CALC_ZERO_EXTEND, /* the low b bits of a */
	CXMS_CALC_SIGN_EXTEND,
};
/** struct cxms_calc - one such result; a value */
struct cxms_calc {
	uint8_t op;    /* enum cxms_calc_op */
	uint8_t bits;  /* 64, or 32, which are zero-extended */
	uint8_t scale; /* SUM: 1 2 4 8 */
	int8_t a, b;   /* enum cxms_reg; -1 = the constant, in a SUM nothing */
	int64_t constant;
};

#define CXMS_CHAIN_MAX 24
/**
 * struct cxms_chain - how an address comes from registers that a sample still shows; a value
 * Operands of its steps, and what it is for, are registers (below CXMS_REG_GPR_END) or that plus
 * the number of an earlier step.
 */
struct cxms_chain {
	struct cxms_calc step[CXMS_CHAIN_MAX];
	uint8_t n;
	bool is_known;	    /* else the registers are those of the operand */
	int8_t base, index; /* of the operand; -1 = none */
};

/**
 * cxms_code_read_fn - code bytes of the watched program
 * Return: bytes read into [0, len), fewer at the end of a mapping, or -errno
 */
typedef int64_t (*cxms_code_read_fn)(void *arg, uint64_t addr, void *buf, size_t len);

/**
 * struct cxms_code_site - how the thread at one sampled ip reached memory; a value
 * Fields named as in struct cxms_site mean the same as there.
 */
struct cxms_code_site {
	uint64_t ip;  /* the instruction that waited */
	uint8_t kind; /* enum cxms_site_kind */
	uint8_t access_bytes;
	uint16_t flags; /* enum cxms_site_flag */
	uint16_t loop_insns;
	int8_t base, index; /* enum cxms_reg or -1 */
	uint8_t scale;	    /* 1 2 4 8 */
	int8_t segment;	    /* 0 none, 4 fs, 5 gs */
	bool rip_relative;  /* disp is then the absolute address */
	bool addr32;	    /* 67h prefix: the sum is cut to 32 bits */
	bool string_dst;    /* STRING: has a destination side ([rdi]) */
	bool string_src;    /* STRING: has a source side ([rsi]) */
	int64_t disp;
	uint8_t turn_lines; /* 64-byte blocks that a turn of its loop reaches by base and index */
	uint64_t loop_ip;   /* where the innermost known loop begins; 0 = none */
	int64_t stride;	    /* with AFFINE: bytes the address moves in a turn */
	uint16_t made_at;
	int8_t count_reg; /* enum cxms_reg that grows by step in each turn of the loop, or -1 */
	int64_t step;
	uint16_t outer_back; /* from loop_ip back to the loop around it; 0 = none */
	int8_t outer_reg;    /* as count_reg, for that loop */
	int64_t outer_step;
	uint64_t ahead_ip; /* the loop around it that runs a prefetch instruction */
	uint16_t ahead_bytes;
	struct cxms_chain chain; /* of an operand whose registers were overwritten */
};

/**
 * cxms_code_new() - a cache of decoded code, for one module or one anonymous mapping
 *
 * Code is decoded 1 KiB at a time, once: instructions, where they begin, and the branches to each
 * address. Return: 0 or -ENOMEM. Owner: cxms_code_free()
 */
int cxms_code_new(struct cxms_code **out, struct cxms_err *err);
void cxms_code_free(struct cxms_code *c);
/** forget everything (the code changed) */
void cxms_code_reset(struct cxms_code *c);

/** is what was read of the @n bytes at @addr, which are now @bytes, out of date? */
bool cxms_code_is_stale(const struct cxms_code *c, uint64_t addr, const void *bytes, size_t n);

/**
 * cxms_code_site_at() - resolve the instruction before @ip (MODELS: stall sampling 1 and 2)
 *
 * A sample lies one instruction behind the one that waited, so the operand sought is that of the
 * instruction that ran before @ip:
 * - a string instruction with rep is interrupted at itself, so the operands are its own;
 * - of a jump fused with a compare or test, it is the operand of that;
 * - at the target of a branch it is that branch, of several a backward one; where none is known,
 *   the instruction that lies before;
 * - where a branch passes over a store of what was just loaded, nothing was waited for: the line
 * was there, and who comes from the branch recovers from it or waits for what decided it;
 * - behind a call it is the return of the called function: the stack slot below sp.
 * Where it overwrote a register of its own address, the code before it tells how that was computed
 * (struct cxms_chain).
 * Return: never NULL; kind UNDECODED where the bytes cannot be read. Kept by @ip, and borrowed
 * until reset or free
 */
const struct cxms_code_site *cxms_code_site_at(struct cxms_code *c, uint64_t ip,
					       cxms_code_read_fn rd, void *arg);

/**
 * cxms_code_site_of() - the instruction at @ip itself, where the hardware names it exactly
 * As cxms_code_site_at(), without the step back.
 */
const struct cxms_code_site *cxms_code_site_of(struct cxms_code *c, uint64_t ip,
					       cxms_code_read_fn rd, void *arg);

/**
 * cxms_code_address() - effective address from the registers at the sample
 * @want_dst: of a STRING with both sides, the destination
 * Return: true and *out when the registers still give it
 */
bool cxms_code_address(const struct cxms_code_site *site, const struct cxms_regs *regs,
		       bool want_dst, uint64_t *out);

#endif

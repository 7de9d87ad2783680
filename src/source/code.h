/* Code of watched programs: which memory operand an instruction pointer was waiting for, and its
 * address. */
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

/**
 * cxms_code_read_fn - code bytes of the watched program
 * Return: bytes read into [0, len), fewer at the end of a mapping, or -errno
 */
typedef int64_t (*cxms_code_read_fn)(void *arg, uint64_t addr, void *buf, size_t len);

/** struct cxms_code_site - how the thread at one sampled ip reached memory; a value */
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
	int8_t count_reg;   /* enum cxms_reg that goes up by step in each of its turns, or -1 */
	int64_t step;
	int8_t outer_reg; /* the same of the loop around that */
	int64_t outer_step;
};

/**
 * cxms_code_new() - a decode cache for the code of one address range view (a module, or an
 * anonymous mapping) Instructions, their boundaries and the branches to each address are decoded
 * once per 1 KiB of code.
 */
int cxms_code_new(struct cxms_code **out, struct cxms_err *err);
void cxms_code_free(struct cxms_code *c);
/** forget everything (the code changed) */
void cxms_code_reset(struct cxms_code *c);

/** have the @n bytes at @addr, now @bytes, changed since they were read? false: they were not */
bool cxms_code_is_stale(const struct cxms_code *c, uint64_t addr, const void *bytes, size_t n);

/**
 * cxms_code_site_at() - resolve the instruction before @ip (MODELS: stall sampling 1 and 2)
 *
 * - skid is one instruction: the operand waited for is that of the instruction executed before @ip;
 * - a rep-prefixed string instruction is interrupted at itself: its own operands;
 * - a jump fused with a compare or test that reads memory: that operand;
 * - at a branch target the predecessor is a known (preferably backward) branch to it, else the
 * linear one;
 * - after a call, the predecessor is the callee's return: the stack slot below sp.
 * The result is cached by @ip and borrowed until reset or free. Never NULL: kind UNDECODED when the
 * bytes cannot be read.
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions of the wrong path, decoded: by ex_wrong_decode.c for ex_wrong.c. */
#ifndef CXMS_EXACT_EX_WRONG_H
#define CXMS_EXACT_EX_WRONG_H

#include <stdbool.h>
#include <stdint.h>

#define EX_LONGEST     15u /* bytes of an instruction */
#define EX_NO_REGISTER 16u /* behind the last one */

enum ex_op_kind {
	EX_OP_END,	 /* not followed */
	EX_OP_NOTHING,	 /* no load, no general register written */
	EX_OP_TWO,	 /* reg and rm, @what: add, or, adc, sbb, and, sub, xor, cmp */
	EX_OP_IMMEDIATE, /* rm and immediate, @what as above */
	EX_OP_ADD,	 /* immediate to rm, a register, of four or eight bytes */
	EX_OP_SHIFT,	 /* @what: 4 left, 5 right, 7 right signed, else unknown */
	EX_OP_F7,	 /* group F6/F7, @what its number */
	EX_OP_FF,	 /* inc, dec */
	EX_OP_PUSH,	 /* of reg, or of rm in memory, which is not known */
	EX_OP_SIGN,	 /* dx: all bits as the sign of ax */
	EX_OP_PUSH_SET,	 /* of immediate */
	EX_OP_POP,	 /* into reg */
	EX_OP_CALL,	 /* immediate = target */
	EX_OP_RETURN,
	EX_OP_LEAVE,
	EX_OP_READ,	   /* rm is read */
	EX_OP_READ_FORGET, /* rm is read, reg is not known afterwards */
	EX_OP_FORGET,	   /* reg is not known afterwards */
	EX_OP_LOAD,	   /* rm to reg */
	EX_OP_MOVE,	   /* reg to rm, a register */
	EX_OP_LOAD_SIGNED, /* 32 bits of rm to reg */
	EX_OP_LEA,
	EX_OP_SET,	   /* immediate to rm */
	EX_OP_MULTIPLY,	   /* reg times rm to reg */
	EX_OP_MULTIPLY_BY, /* rm times immediate to reg */
	EX_OP_EXTEND,	   /* @what: 1 = of 16 bits, 2 = signed */
	EX_OP_BRANCH,	   /* conditional; immediate = target */
	EX_OP_JUMP,
	EX_OP_KINDS
};

/**
 * struct ex_op - one instruction
 * @at:     instructions before it in its stretch
 * @size:   of its operands, bytes;  @result: of what LOAD_SIGNED writes
 * @base, @index: registers of the address, or EX_NO_REGISTER
 * @displacement: of the address; with what is relative to the instruction added in
 * @needs:  what is of the address: a bit for @base and one for @index
 * @hash:   of a branch, cxms_bpred_hash()
 */
struct ex_op {
	uint64_t pc, displacement, immediate;
	uint32_t needs, hash;
	uint8_t kind, what, len, size, result, at;
	uint8_t reg, rm, base, index, scale_shift;
	bool is_memory, to_rm, by_cl, low_byte;
};

/** ex_wrong_decode() - decodes what is at @pc; EX_LONGEST bytes there are readable. */
void ex_wrong_decode(struct ex_op *op, uint64_t pc);

#endif

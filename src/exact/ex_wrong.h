/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions of the wrong path: read and decoded by ex_wrong_read.c and ex_wrong_decode.c, as
 * steps by ex_wrong_steps.c; kept by ex_wrong_stretch.c for ex_wrong.c. */
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
	EX_OP_SHIFT,	 /* @what: 4 left, 5 right, 7 right signed, else unknown */
	EX_OP_F7,	 /* group F6/F7, @what its number */
	EX_OP_FF,	 /* inc, dec */
	EX_OP_PUSH,	 /* of reg, or of rm in memory, which is not known */
	EX_OP_SIGN,	 /* dx: all bits as the sign of ax */
	EX_OP_PUSH_SET,	 /* of immediate */
	EX_OP_POP,	 /* into reg */
	EX_OP_CALL,	 /* immediate = target */
	EX_OP_CALL_BY,	 /* to rm */
	EX_OP_JUMP_BY,
	EX_OP_RETURN,
	EX_OP_LEAVE,
	EX_OP_READ,	   /* rm is read */
	EX_OP_READ_FORGET, /* rm is read, reg is not known afterwards */
	EX_OP_FORGET,	   /* reg is not known afterwards */
	EX_OP_LOAD,	   /* rm to reg */
	EX_OP_MOVE,	   /* reg to rm, a register */
	EX_OP_LOAD_SIGNED, /* 32 bits of rm to reg */
	EX_OP_LEA,
	EX_OP_SET,	   /* immediate to rm, in memory too */
	EX_OP_STORE,	   /* reg to rm in memory */
	EX_OP_MULTIPLY,	   /* reg times rm to reg */
	EX_OP_MULTIPLY_BY, /* rm times immediate to reg */
	EX_OP_EXTEND,	   /* @what: 1 = of 16 bits, 2 = signed */
	EX_OP_BRANCH,	   /* conditional; immediate = target */
	EX_OP_JUMP
};

/**
 * struct ex_op - one instruction
 * @size:   of its operands, bytes;  @result: of what LOAD_SIGNED writes
 * @base, @index: registers of the address, or EX_NO_REGISTER
 * @displacement: of the address; with what is relative to the instruction added in
 * @needs:  what is of the address: a bit for @base and one for @index
 * @hash:   of a branch, cxms_bpred_hash()
 */
struct ex_op {
	uint64_t pc, displacement, immediate;
	uint32_t needs, hash;
	uint8_t kind, what, len, size, result;
	uint8_t reg, rm, base, index, scale_shift;
	bool is_memory, to_rm, by_cl, low_byte;
};

/* In what an address needs: a bit that no register has, so it is never known. */
#define EX_NEVER_KNOWN (UINT32_C(1) << 31)
#define EX_STACK       4u /* the register that says where the stack ends */

/** ex_wrong_decode() - decodes what is at @pc; EX_LONGEST bytes there are readable. */
void ex_wrong_decode(struct ex_op *op, uint64_t pc);

#define EX_TEMPORARY	  17u /* what an instruction has loaded and goes on with */
#define EX_STEP_REGISTERS 18u
#define EX_STEPS	  3u /* of an instruction, at most */

/* What a step writes to @to is made of *left* = register @left << @shift and *right* = register
 * @right + @number; their sum is the address of what is loaded. */
enum ex_step_kind {
	EX_STEP_SET, /* right */
	EX_STEP_ADD,
	EX_STEP_SUB,
	EX_STEP_OR,
	EX_STEP_AND,
	EX_STEP_XOR,
	EX_STEP_MULTIPLY,
	EX_STEP_UP, /* left moved up or down by right */
	EX_STEP_DOWN,
	EX_STEP_DOWN_SIGNED,
	EX_STEP_BYTE, /* of right, without sign; then with sign */
	EX_STEP_WORD,
	EX_STEP_BYTE_SIGNED,
	EX_STEP_WORD_SIGNED,
	EX_STEP_LONG_SIGNED,
	EX_STEP_SIGN,			    /* all bits as the highest one of right */
	EX_STEP_LAST_RESULT = EX_STEP_SIGN, /* those above have a result of left and right alone */
	EX_STEP_DIVIDE, /* and mul, imul, idiv: of ax and dx by right, written to both; @what */
	EX_STEP_LOAD,
	EX_STEP_TOUCH,	/* a load whose value does not matter, or is not followed */
	EX_STEP_STORE,	/* register @to to the address */
	EX_STEP_FORGET, /* its result is not followed */
	EX_STEP_BRANCH, /* conditional, to @number */
	EX_STEP_JUMP,
	EX_STEP_PUSH, /* right */
	EX_STEP_POP,
	EX_STEP_RETURN,
	EX_STEP_JUMP_BY, /* where the predictor says */
	EX_STEP_END
};

/**
 * struct ex_step - what a walk does for an instruction, or for a part of one
 * @pc:    of the instruction;  @hash: of a branch, cxms_bpred_hash()
 * @at:    instructions before it in its stretch
 * @size:  of its result, 4 or 8; of TOUCH, LOAD and STORE, of what is loaded or stored
 * @reads: a bit for each register that it needs;  @sets: for each whose value it changes
 */
struct ex_step {
	uint64_t pc, number;
	uint32_t reads, sets, hash;
	uint8_t kind, what, size, at;
	uint8_t to, left, right, shift;
};

/** ex_wrong_steps() - @op as steps. Return: how many. */
unsigned ex_wrong_steps(const struct ex_op *op, struct ex_step step[static EX_STEPS]);

/**
 * ex_wrong_merge() - makes @step do what @before, the step before it, does too
 * Return: false: it is not a copy of a register that @step changes; nothing was done.
 */
bool ex_wrong_merge(struct ex_step *step, const struct ex_step *before);

#endif

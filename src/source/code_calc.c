#include "source/code_calc.h"

#include <stdbool.h>

#include "source/code_priv.h"

#define CL_WIDTH 3u /* of cxms_x86_gpr(): the low 8 bits */

/* The whole register of @op, of the width of the instruction; -1: it is none. */
static int8_t whole(const cs_x86_op *op, unsigned bits)
{
	unsigned width = 0;
	int reg = op->type == X86_OP_REG ? cxms_x86_gpr(op->reg, &width) : -1;

	return (int8_t)(reg >= 0 && width == (bits == 64 ? 0u : 1u) ? reg : -1);
}

/* The second operand of @calc: a register or a constant. */
static bool set_second(const cs_x86_op *op, struct cxms_calc *calc)
{
	calc->b = whole(op, calc->bits);
	if (op->type == X86_OP_IMM)
		calc->constant = op->imm;
	return op->type == X86_OP_IMM || calc->b >= 0;
}

static enum cxms_calc_op op_of(unsigned id)
{
	switch (id) {
	case X86_INS_ADD:
		return CXMS_CALC_SUM;
	case X86_INS_SUB:
		return CXMS_CALC_SUB;
	case X86_INS_AND:
		return CXMS_CALC_AND;
	case X86_INS_OR:
		return CXMS_CALC_OR;
	case X86_INS_XOR:
		return CXMS_CALC_XOR;
	case X86_INS_IMUL:
		return CXMS_CALC_MUL;
	case X86_INS_SHL:
	case X86_INS_SAL:
	case X86_INS_SHLX:
		return CXMS_CALC_SHL;
	case X86_INS_SHR:
	case X86_INS_SHRX:
		return CXMS_CALC_SHR;
	case X86_INS_SAR:
	case X86_INS_SARX:
		return CXMS_CALC_SAR;
	case X86_INS_ROR:
	case X86_INS_RORX:
		return CXMS_CALC_ROR;
	default:
		return CXMS_CALC_NONE;
	}
}

static bool is_shift(enum cxms_calc_op op)
{
	return op == CXMS_CALC_SHL || op == CXMS_CALC_SHR || op == CXMS_CALC_SAR ||
	       op == CXMS_CALC_ROR;
}

/* By how much a shift goes: none named is one, a register is cl, or with BMI2 a whole one. */
static bool set_count(const cs_x86_op *op, unsigned n, struct cxms_calc *calc)
{
	unsigned width = 0;

	calc->constant = 1;
	if (n == 1 || set_second(&op[n - 1], calc))
		return true;
	calc->b = (int8_t)cxms_x86_gpr(op[n - 1].reg, &width);
	return op[n - 1].type == X86_OP_REG && calc->b == CXMS_REG_CX && width == CL_WIDTH;
}

/* Two operands, of which the first receives the result, or three. */
static bool note_binary(const cs_insn *in, struct cxms_calc *calc)
{
	const cs_x86_op *op = in->detail->x86.operands;
	unsigned n = in->detail->x86.op_count;

	calc->op = (uint8_t)op_of(in->id);
	if (calc->op == CXMS_CALC_NONE || n > 3)
		return false;
	calc->a = whole(&op[n == 3], calc->bits);
	if (calc->a < 0)
		return false;
	if (is_shift(calc->op))
		return set_count(op, n, calc);
	if (n < 2 || !set_second(&op[n - 1], calc))
		return false;
	if ((calc->op == CXMS_CALC_SUB || calc->op == CXMS_CALC_XOR) && calc->a == calc->b)
		*calc = (struct cxms_calc){/* zero, whatever was there */
					   .op = CXMS_CALC_SUM,
					   .bits = calc->bits,
					   .scale = 1,
					   .a = -1,
					   .b = -1};
	return true;
}

/* One operand, read and written. */
static bool note_unary(const cs_insn *in, struct cxms_calc *calc)
{
	int8_t reg = whole(&in->detail->x86.operands[0], calc->bits);

	if (in->id == X86_INS_INC || in->id == X86_INS_DEC) {
		calc->op = CXMS_CALC_SUM;
		calc->constant = in->id == X86_INS_INC ? 1 : -1;
	} else if (in->id == X86_INS_NOT) {
		calc->op = CXMS_CALC_XOR;
		calc->constant = -1;
	} else if (in->id == X86_INS_NEG) {
		calc->op = CXMS_CALC_SUB;
		calc->b = reg;
		return true;
	} else {
		return false;
	}
	calc->a = reg;
	return true;
}

/* Moves, and the low part of a register. */
static bool note_move(const cs_insn *in, struct cxms_calc *calc)
{
	static const uint8_t bits_of[] = {64, 32, 16, 8};
	const cs_x86_op *from = &in->detail->x86.operands[1];
	bool is_signed = in->id == X86_INS_MOVSX || in->id == X86_INS_MOVSXD;
	unsigned width = 0;

	if (in->detail->x86.op_count != 2)
		return false;
	if (in->id == X86_INS_MOV || in->id == X86_INS_MOVABS) {
		calc->op = CXMS_CALC_SUM;
		calc->a = whole(from, calc->bits);
		if (from->type == X86_OP_IMM)
			calc->constant = from->imm;
		return from->type == X86_OP_IMM || calc->a >= 0;
	}
	if ((!is_signed && in->id != X86_INS_MOVZX) || from->type != X86_OP_REG)
		return false;
	calc->a = (int8_t)cxms_x86_gpr(from->reg, &width);
	if (calc->a < 0 || width >= sizeof(bits_of))
		return false;
	calc->op = is_signed ? CXMS_CALC_SIGN_EXTEND : CXMS_CALC_ZERO_EXTEND;
	calc->constant = bits_of[width];
	return true;
}

/* Of whole registers, and none relative to rip: where the code lies is not known here. */
static bool note_lea(const cs_insn *in, struct cxms_calc *calc)
{
	const x86_op_mem *mem = &in->detail->x86.operands[1].mem;
	unsigned base_width = 0, index_width = 0;

	if (in->id != X86_INS_LEA || in->detail->x86.addr_size != 8)
		return false;
	calc->op = CXMS_CALC_SUM;
	calc->a = (int8_t)cxms_x86_gpr(mem->base, &base_width);
	calc->b = (int8_t)cxms_x86_gpr(mem->index, &index_width);
	calc->scale = (uint8_t)(calc->b >= 0 ? mem->scale : 1);
	calc->constant = mem->disp;
	return (calc->a >= 0 || mem->base == X86_REG_INVALID) &&
	       (calc->b >= 0 || mem->index == X86_REG_INVALID);
}

static bool reads_memory(const cs_insn *in)
{
	for (unsigned i = 0; i < in->detail->x86.op_count; i++)
		if (in->detail->x86.operands[i].type == X86_OP_MEM)
			return in->id != X86_INS_LEA;
	return false;
}

void cxms_calc_note(const cs_insn *in, struct cxms_x86_info *out)
{
	const cs_x86_op *to = in->detail->x86.operands;
	struct cxms_calc calc = {.scale = 1, .a = -1, .b = -1};
	unsigned width = 2;
	int reg = in->detail->x86.op_count && to->type == X86_OP_REG ? cxms_x86_gpr(to->reg, &width)
								     : -1;

	if (reg < 0 || width > 1 || reads_memory(in))
		return;
	calc.bits = width ? 32 : 64;
	if (in->id == X86_INS_IMUL && in->detail->x86.op_count < 2)
		return; /* the product of ax, in two registers */
	if (!note_move(in, &calc) && !note_lea(in, &calc) && !note_unary(in, &calc) &&
	    !note_binary(in, &calc))
		return;
	out->calc_to = (int8_t)reg;
	out->calc = calc;
}

static uint64_t low_bits(uint64_t v, unsigned bits)
{
	return bits < 64 ? v & ((UINT64_C(1) << bits) - 1) : v;
}

static uint64_t sign_extend(uint64_t v, unsigned bits)
{
	uint64_t sign = UINT64_C(1) << (bits - 1);

	return (low_bits(v, bits) ^ sign) - sign;
}

/* @a: of @bits bits */
static uint64_t run_shift(enum cxms_calc_op op, uint64_t a, unsigned count, unsigned bits)
{
	uint64_t ones = ~UINT64_C(0);

	switch (op) {
	case CXMS_CALC_SHL:
		return a << count;
	case CXMS_CALC_SHR:
		return a >> count;
	case CXMS_CALC_SAR:
		return a >> count | (count && a >> (bits - 1) ? ones << (bits - count) : 0);
	default:
		return count ? a >> count | a << (bits - count) : a;
	}
}

static uint64_t run_whole(const struct cxms_calc *calc, uint64_t a, uint64_t b)
{
	switch ((enum cxms_calc_op)calc->op) {
	case CXMS_CALC_SUM:
		return a + b * calc->scale + (uint64_t)calc->constant;
	case CXMS_CALC_SUB:
		return a - b;
	case CXMS_CALC_AND:
		return a & b;
	case CXMS_CALC_OR:
		return a | b;
	case CXMS_CALC_XOR:
		return a ^ b;
	case CXMS_CALC_MUL:
		return a * b;
	case CXMS_CALC_ZERO_EXTEND:
		return low_bits(a, (unsigned)b);
	case CXMS_CALC_SIGN_EXTEND:
		return sign_extend(a, (unsigned)b);
	default:
		return run_shift(calc->op, low_bits(a, calc->bits), (unsigned)b & (calc->bits - 1u),
				 calc->bits);
	}
}

uint64_t cxms_calc_run(const struct cxms_calc *calc, uint64_t a, uint64_t b)
{
	return low_bits(run_whole(calc, a, b), calc->bits);
}

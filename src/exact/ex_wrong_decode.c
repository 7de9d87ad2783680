/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decodes what the wrong path can follow: integer instructions, SSE and AVX as far as they load. */
#include "ex_wrong_read.h"

#include "ex.h"

#define AX 0u
#define BP 5u

static enum ex_op_kind group_f7(struct ex_reader *r, bool wide)
{
	struct ex_op *op = r->op;

	ex_read_modrm(r);
	op->what = op->reg & 7;
	if (!wide)
		op->size = 1;
	if (op->what <= 1)
		ex_read_constant(r, ex_read_short(r));
	return EX_OP_F7;
}

static enum ex_op_kind group_ff(struct ex_reader *r, bool wide)
{
	ex_read_modrm(r);
	r->op->what = r->op->reg & 7;
	if (!wide)
		r->op->size = 1;
	if (wide && r->op->what == 6) {
		r->op->reg = r->op->rm;
		return EX_OP_PUSH;
	}
	if (wide && (r->op->what == 2 || r->op->what == 4)) {
		r->op->size = 8;
		return r->op->what == 2 ? EX_OP_CALL_BY : EX_OP_JUMP_BY;
	}
	return r->op->what < 2 ? EX_OP_FF : EX_OP_END;
}

static enum ex_op_kind branch(struct ex_reader *r, unsigned bytes, enum ex_op_kind kind)
{
	r->op->immediate = ex_read_constant(r, bytes);
	r->is_relative = true;
	return kind;
}

/* Opcodes below 40: the eight operations. */
static enum ex_op_kind operations(struct ex_reader *r)
{
	struct ex_op *op = r->op;

	op->what = r->opcode >> 3;
	if (!(r->opcode & 1))
		op->size = 1;
	if ((r->opcode & 7) < 4) {
		ex_read_modrm(r);
		op->to_rm = !(r->opcode & 2);
		return EX_OP_TWO;
	}
	if ((r->opcode & 7) > 5)
		return EX_OP_END;
	op->immediate = ex_read_constant(r, ex_read_short(r));
	return EX_OP_IMMEDIATE;
}

static enum ex_op_kind with_immediate(struct ex_reader *r)
{
	if (r->opcode == 0x80)
		r->op->size = 1;
	ex_read_modrm(r);
	r->op->what = r->op->reg & 7;
	r->op->immediate = ex_read_constant(r, r->opcode == 0x81 ? ex_read_short(r) : 1);
	return EX_OP_IMMEDIATE;
}

static enum ex_op_kind shifts(struct ex_reader *r)
{
	if (!(r->opcode & 1))
		r->op->size = 1;
	ex_read_modrm(r);
	r->op->what = r->op->reg & 7;
	r->op->by_cl = r->opcode >= 0xd2;
	r->op->immediate = r->opcode < 0xd0 ? ex_read_constant(r, 1) : 1;
	return EX_OP_SHIFT;
}

/* 84..8D */
static enum ex_op_kind moves(struct ex_reader *r)
{
	struct ex_op *op = r->op;

	ex_read_modrm(r);
	if (r->opcode == 0x8d)
		return op->is_memory ? EX_OP_LEA : EX_OP_FORGET;
	if (!(r->opcode & 1))
		op->size = 1;
	if (r->opcode < 0x86)
		return EX_OP_READ;
	if (r->opcode >= 0x8a)
		return EX_OP_LOAD;
	return op->is_memory ? EX_OP_STORE : EX_OP_MOVE;
}

static enum ex_op_kind move_immediate(struct ex_reader *r)
{
	struct ex_op *op = r->op;

	if (r->opcode < 0xc0) {
		if (r->opcode < 0xb8)
			op->size = 1;
		op->rm = (uint8_t)ex_read_extended(r, r->opcode & 7, 1);
		op->immediate = ex_read_constant(r, op->size);
		return EX_OP_SET;
	}
	ex_read_modrm(r);
	if (r->opcode == 0xc6)
		op->size = 1;
	op->immediate = ex_read_constant(r, ex_read_short(r));
	return EX_OP_SET;
}

/* imul with a constant */
static enum ex_op_kind multiply_by(struct ex_reader *r)
{
	ex_read_modrm(r);
	r->op->immediate = ex_read_constant(r, r->opcode == 0x69 ? ex_read_short(r) : 1);
	return EX_OP_MULTIPLY_BY;
}

/* cwde and cdqe, in ax; cdq and cqo, of ax into dx */
static enum ex_op_kind extend_ax(struct ex_reader *r)
{
	struct ex_op *op = r->op;

	if (r->opcode == 0x99)
		return EX_OP_SIGN;
	op->reg = op->rm = AX;
	op->result = op->size;
	if (op->size < 8) {
		op->what = 3;
		op->low_byte = true;
		return EX_OP_EXTEND;
	}
	op->size = 4;
	return EX_OP_LOAD_SIGNED;
}

/* From 80 on. */
static enum ex_op_kind one_byte_high(struct ex_reader *r)
{
	uint8_t opcode = r->opcode;

	if (opcode >= 0xb0 && opcode < 0xc0)
		return move_immediate(r);
	switch (opcode) {
	case 0x80:
	case 0x81:
	case 0x83:
		return with_immediate(r);
	case 0x84:
	case 0x85:
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b:
	case 0x8d:
		return moves(r);
	case 0x90:
		return EX_OP_NOTHING;
	case 0x98:
	case 0x99:
		return extend_ax(r);
	case 0xa8:
	case 0xa9:
		ex_read_constant(r, opcode == 0xa8 ? 1 : ex_read_short(r));
		return EX_OP_NOTHING;
	case 0xc0:
	case 0xc1:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return shifts(r);
	case 0xc3:
		return EX_OP_RETURN;
	case 0xc6:
	case 0xc7:
		return move_immediate(r);
	case 0xc9:
		r->op->reg = BP;
		return EX_OP_LEAVE;
	case 0xe8:
		return branch(r, 4, EX_OP_CALL);
	case 0xe9:
		return branch(r, 4, EX_OP_JUMP);
	case 0xeb:
		return branch(r, 1, EX_OP_JUMP);
	case 0xf6:
	case 0xf7:
		return group_f7(r, opcode & 1);
	case 0xfe:
	case 0xff:
		return group_ff(r, opcode & 1);
	default:
		return EX_OP_END;
	}
}

static enum ex_op_kind one_byte(struct ex_reader *r)
{
	uint8_t opcode = r->opcode;

	if (opcode < 0x40)
		return operations(r);
	if (opcode >= 0x50 && opcode < 0x60) {
		r->op->reg = (uint8_t)ex_read_extended(r, opcode & 7, 1);
		return opcode < 0x58 ? EX_OP_PUSH : EX_OP_POP;
	}
	if ((opcode & 0xf0) == 0x70)
		return branch(r, 1, EX_OP_BRANCH);
	switch (opcode) {
	case 0x63:
		ex_read_modrm(r);
		r->op->result = r->op->size;
		r->op->size = 4;
		return EX_OP_LOAD_SIGNED;
	case 0x68:
	case 0x6a:
		r->op->immediate = ex_read_constant(r, opcode == 0x68 ? 4 : 1);
		return EX_OP_PUSH_SET;
	case 0x69:
	case 0x6b:
		return multiply_by(r);
	default:
		return opcode < 0x80 ? EX_OP_END : one_byte_high(r);
	}
}

/* SSE: loads count, stores do not; results in general registers are unknown. */
static enum ex_op_kind sse(struct ex_reader *r)
{
	uint8_t opcode = r->opcode;
	bool to_general = opcode == 0x7e && !r->has_rep;
	bool stores = opcode == 0x11 || opcode == 0x13 || opcode == 0x17 || opcode == 0x29 ||
		      opcode == 0x2b || opcode == 0x7f || opcode == 0xd6 || opcode == 0xe7 ||
		      to_general;

	ex_read_modrm(r);
	r->op->size = 8;
	if ((opcode >= 0x70 && opcode <= 0x73) || (opcode >= 0xc2 && opcode <= 0xc6))
		ex_read_constant(r, 1);
	if (to_general && !r->op->is_memory) {
		r->op->reg = r->op->rm;
		return EX_OP_FORGET;
	}
	if (opcode == 0x2c || opcode == 0x2d || opcode == 0x50 || opcode == 0xc5 || opcode == 0xd7)
		return r->op->is_memory ? EX_OP_READ_FORGET : EX_OP_FORGET;
	return r->op->is_memory && !stores ? EX_OP_READ : EX_OP_NOTHING;
}

static bool is_sse(uint8_t opcode)
{
	return (opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2f) ||
	       (opcode >= 0x50 && opcode <= 0x7f && opcode != 0x77) || opcode == 0xc2 ||
	       opcode == 0xc5 || opcode == 0xc6 || opcode >= 0xd0;
}

/* What changes rm in a way that is not followed, or only reads it. */
static enum ex_op_kind change_rm(struct ex_reader *r, bool only_reads)
{
	if (r->op->is_memory)
		return EX_OP_READ;
	r->op->reg = r->op->rm;
	return only_reads ? EX_OP_NOTHING : EX_OP_FORGET;
}

/* Bits by number: bt, bts, btr, btc; shifts of two registers; counts of bits. */
static enum ex_op_kind bits(struct ex_reader *r)
{
	switch (r->opcode) {
	case 0xa3:
	case 0xab:
	case 0xb3:
	case 0xbb: /* a register's number of a bit in memory is part of the address */
		return r->op->is_memory ? EX_OP_NOTHING : change_rm(r, r->opcode == 0xa3);
	case 0xa4:
	case 0xac:
		ex_read_constant(r, 1);
		return change_rm(r, false);
	case 0xa5:
	case 0xad:
		return change_rm(r, false);
	case 0xba:
		ex_read_constant(r, 1);
		return change_rm(r, (r->op->reg & 7) == 4);
	case 0xb8:
		return r->has_rep ? EX_OP_READ_FORGET : EX_OP_END;
	case 0xbc:
	case 0xbd:
		return EX_OP_READ_FORGET;
	default:
		return EX_OP_END;
	}
}

static enum ex_op_kind two_byte(struct ex_reader *r)
{
	struct ex_op *op = r->op;
	uint8_t opcode = r->opcode;

	if (opcode == 0x77 && r->is_vex)
		return EX_OP_NOTHING; /* vzeroupper */
	if (is_sse(opcode))
		return sse(r);
	if (r->is_vex)
		return EX_OP_END;
	if ((opcode & 0xf0) == 0x80)
		return branch(r, 4, EX_OP_BRANCH);
	if (opcode >= 0xc8 && opcode < 0xd0) { /* bswap */
		op->reg = (uint8_t)ex_read_extended(r, opcode & 7, 1);
		return EX_OP_FORGET;
	}
	ex_read_modrm(r);
	if (opcode == 0x1e || opcode == 0x1f || opcode == 0x0d || opcode == 0x18 || opcode == 0xc3)
		return EX_OP_NOTHING;
	if ((opcode & 0xf0) == 0x40)
		return EX_OP_READ_FORGET; /* conditional move */
	if ((opcode & 0xf0) == 0x90) {	  /* set by a condition */
		op->size = 1;
		op->reg = op->rm;
		return op->is_memory ? EX_OP_NOTHING : EX_OP_FORGET;
	}
	if (opcode == 0xaf)
		return EX_OP_MULTIPLY;
	if (opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf) {
		op->what = (uint8_t)((opcode & 1) | (opcode >= 0xb8 ? 2 : 0));
		op->low_byte = (opcode & 1) || r->rex || op->rm < 4;
		op->rm = opcode & 1 ? op->rm : ex_read_whole(r, op->rm);
		return EX_OP_EXTEND;
	}
	return bits(r);
}

/* Vectors, and integers from f0 on: those of VEX that write the register only it names, or others.
 */
static enum ex_op_kind three_byte(struct ex_reader *r)
{
	struct ex_op *op = r->op;
	uint8_t opcode = r->opcode;
	bool is_38 = r->map == EX_MAP_38, stores;

	ex_read_modrm(r);
	op->size = 8;
	if (!is_38)
		ex_read_constant(r, 1);
	if (opcode >= 0xf0) {
		if (is_38 && r->is_vex && opcode == 0xf3)
			op->reg = r->other;
		if (is_38 && r->is_vex && opcode == 0xf6) /* mulx writes two */
			return EX_OP_END;
		return is_38 && !r->is_vex && opcode == 0xf1 && !r->has_rep
			       ? EX_OP_NOTHING /* movbe */
			       : EX_OP_READ_FORGET;
	}
	if (is_38 && opcode >= 0x90 && opcode <= 0x93)
		return EX_OP_END; /* gathers */
	if (!is_38 && opcode >= 0x14 && opcode <= 0x17) {
		op->reg = op->rm;
		return op->is_memory ? EX_OP_NOTHING : EX_OP_FORGET;
	}
	stores = is_38 ? opcode == 0x2e || opcode == 0x2f || opcode == 0x8e
		       : opcode == 0x19 || opcode == 0x39 || opcode == 0x1d;
	return op->is_memory && !stores ? EX_OP_READ : EX_OP_NOTHING;
}

void ex_wrong_decode(struct ex_op *op, uint64_t pc)
{
	const uint8_t *start = (const uint8_t *)(Addr)pc;
	struct ex_reader r = {.at = start, .end = start + EX_LONGEST, .op = op};

	*op = (struct ex_op){.pc = pc, .base = EX_NO_REGISTER, .index = EX_NO_REGISTER};
	if (ex_read_opcode(&r))
		op->kind = (uint8_t)(r.map == EX_MAP_ONE   ? one_byte(&r)
				     : r.map == EX_MAP_TWO ? two_byte(&r)
							   : three_byte(&r));
	if (r.at > r.end)
		op->kind = EX_OP_END;
	if (op->size == 1) {
		op->reg = ex_read_whole(&r, op->reg);
		op->rm = ex_read_whole(&r, op->rm);
	}
	op->len = (uint8_t)(r.at - start);
	if (r.is_relative &&
	    (op->kind == EX_OP_BRANCH || op->kind == EX_OP_JUMP || op->kind == EX_OP_CALL))
		op->immediate += pc + op->len;
	else if (r.is_relative)
		op->displacement += pc + op->len;
	op->needs = r.has_segment ? EX_NEVER_KNOWN : 1u << op->base | 1u << op->index;
	op->hash = cxms_bpred_hash(pc);
}

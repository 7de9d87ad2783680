/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoded instructions as steps: each has one result, made in one way of what is in registers. */
#include "ex_wrong.h"

#define AX 0u
#define CX 1u
#define DX 2u
#define BP 5u
/* Number of the group F6/F7 from which on an instruction multiplies, and from which it divides. */
#define F7_MULTIPLY 4u
#define F7_DIVIDE   6u

/* The steps of @op so far. */
struct steps {
	const struct ex_op *op;
	struct ex_step *step;
	unsigned n;
};

static uint32_t bit(unsigned r)
{
	return UINT32_C(1) << r;
}

/* Of register @right and @number alone. */
static struct ex_step *add(struct steps *s, enum ex_step_kind kind, unsigned to, unsigned right,
			   uint64_t number)
{
	struct ex_step *step = &s->step[s->n++];

	*step = (struct ex_step){.pc = s->op->pc,
				 .number = number,
				 .reads = bit(right),
				 .hash = s->op->hash,
				 .kind = (uint8_t)kind,
				 .what = s->op->what,
				 .size = s->op->size,
				 .to = (uint8_t)to,
				 .left = EX_NO_REGISTER,
				 .right = (uint8_t)right};
	return step;
}

/* Only results of four and eight bytes are followed: the others change a part of a register. */
static struct ex_step *add_result(struct steps *s, enum ex_step_kind kind, unsigned to,
				  unsigned right, uint64_t number)
{
	struct ex_step *step = add(s, s->op->size < 4 ? EX_STEP_FORGET : kind, to, right, number);

	step->sets = bit(to);
	return step;
}

/* The same of register @left as well. */
static void add_two(struct steps *s, enum ex_step_kind kind, unsigned to, unsigned left,
		    unsigned right, uint64_t number)
{
	struct ex_step *step = add_result(s, kind, to, right, number);

	step->left = (uint8_t)left;
	step->reads |= bit(left);
}

/* Of what is at the address, or of the address itself. */
static void add_address(struct steps *s, enum ex_step_kind kind, unsigned to)
{
	const struct ex_op *op = s->op;
	struct ex_step *step = add(s, kind, to, op->base, op->displacement);

	step->left = op->index;
	step->shift = op->scale_shift;
	step->reads = op->needs;
	step->sets = bit(to);
}

static void touch(struct steps *s)
{
	if (s->op->is_memory)
		add_address(s, EX_STEP_TOUCH, EX_TEMPORARY);
}

/* The register that holds rm. @followed: its value matters */
static unsigned operand(struct steps *s, bool followed)
{
	if (!s->op->is_memory)
		return s->op->rm;
	add_address(s, followed && s->op->size >= 4 ? EX_STEP_LOAD : EX_STEP_TOUCH, EX_TEMPORARY);
	return EX_TEMPORARY;
}

static void store(struct steps *s, unsigned from)
{
	add_address(s, EX_STEP_STORE, from);
	s->step[s->n - 1].sets = 0;
}

/* rm, in memory or not, becomes what @kind makes of it and of register @right and @number. */
static void change(struct steps *s, enum ex_step_kind kind, unsigned right, uint64_t number)
{
	unsigned at = operand(s, kind != EX_STEP_FORGET);

	add_two(s, kind, at, at, right, number);
	if (s->op->is_memory)
		store(s, at);
}

/* add, or, adc, sbb, and, sub, xor by number; adc and sbb need flags, which are not kept. */
static enum ex_step_kind arithmetic(unsigned what)
{
	static const uint8_t kind[] = {EX_STEP_ADD, EX_STEP_OR,	 EX_STEP_FORGET, EX_STEP_FORGET,
				       EX_STEP_AND, EX_STEP_SUB, EX_STEP_XOR};

	return kind[what];
}

/* The eight operations between a register and rm, in both directions. */
static void two(struct steps *s)
{
	const struct ex_op *op = s->op;
	unsigned from;
	enum ex_step_kind kind;

	if (op->what == 7) {
		touch(s);
		return;
	}
	kind = arithmetic(op->what);
	if (!op->is_memory && op->reg == op->rm && (kind == EX_STEP_SUB || kind == EX_STEP_XOR)) {
		add_result(s, EX_STEP_SET, op->reg, EX_NO_REGISTER, 0);
	} else if (op->to_rm) {
		change(s, kind, op->reg, 0);
	} else {
		from = operand(s, kind != EX_STEP_FORGET);
		add_two(s, kind, op->reg, op->reg, from, 0);
	}
}

static void with_immediate(struct steps *s)
{
	const struct ex_op *op = s->op;

	if (op->what == 7)
		touch(s);
	else
		change(s, arithmetic(op->what), EX_NO_REGISTER, op->immediate);
}

static void shift(struct steps *s)
{
	static const uint8_t kind[] = {EX_STEP_UP, EX_STEP_DOWN, EX_STEP_FORGET,
				       EX_STEP_DOWN_SIGNED};
	const struct ex_op *op = s->op;

	change(s, op->what < 4 ? EX_STEP_FORGET : kind[op->what - 4],
	       op->by_cl ? CX : EX_NO_REGISTER, op->by_cl ? 0 : op->immediate);
}

/* mul, imul, div, idiv */
static void divide(struct steps *s)
{
	const struct ex_op *op = s->op;
	struct ex_step *step = add_result(s, EX_STEP_DIVIDE, AX, operand(s, true), 0);

	step->reads |= bit(AX) | (op->what >= F7_DIVIDE ? bit(DX) : 0);
	step->sets = bit(AX) | bit(DX);
}

/* Groups F6/F7 (test, not, neg, mul, div) and FE/FF (inc, dec). */
static void unary(struct steps *s)
{
	const struct ex_op *op = s->op;
	bool is_f7 = op->kind == EX_OP_F7;

	if (is_f7 && op->what >= F7_MULTIPLY)
		divide(s);
	else if (!is_f7)
		change(s, EX_STEP_ADD, EX_NO_REGISTER, op->what == 0 ? 1 : UINT64_MAX);
	else if (op->what == 2)
		change(s, EX_STEP_XOR, EX_NO_REGISTER, UINT64_MAX);
	else if (op->what == 3 && op->is_memory)
		change(s, EX_STEP_FORGET, EX_NO_REGISTER, 0);
	else if (op->what == 3)
		add_two(s, EX_STEP_SUB, op->rm, EX_NO_REGISTER, op->rm, 0);
	else
		touch(s);
}

static void extend(struct steps *s)
{
	static const uint8_t kind[] = {EX_STEP_BYTE, EX_STEP_WORD, EX_STEP_BYTE_SIGNED,
				       EX_STEP_WORD_SIGNED};
	const struct ex_op *op = s->op;

	if (op->is_memory) {
		add_address(s, EX_STEP_TOUCH, op->reg);
		s->step->size = op->what & 1 ? 2 : 1;
	} else {
		add_result(s, op->low_byte ? kind[op->what] : EX_STEP_FORGET, op->reg, op->rm, 0);
	}
}

static void load_signed(struct steps *s)
{
	const struct ex_op *op = s->op;
	struct ex_step *step = add_result(s, EX_STEP_LONG_SIGNED, op->reg, operand(s, true), 0);

	step->size = op->result;
	if (op->result < 4)
		step->kind = EX_STEP_FORGET;
}

static void load(struct steps *s)
{
	const struct ex_op *op = s->op;

	if (op->is_memory)
		add_address(s, op->size < 4 ? EX_STEP_TOUCH : EX_STEP_LOAD, op->reg);
	else
		add_result(s, EX_STEP_SET, op->reg, op->rm, 0);
}

static void pop(struct steps *s, unsigned to)
{
	struct ex_step *step = add(s, EX_STEP_POP, to, EX_NO_REGISTER, 0);

	step->size = 8;
	step->sets = bit(to);
}

static void leave(struct steps *s)
{
	struct ex_step *step = add(s, EX_STEP_SET, EX_STACK, BP, 0);

	step->size = 8;
	step->sets = bit(EX_STACK);
	pop(s, BP);
}

static void call(struct steps *s)
{
	add(s, EX_STEP_PUSH, EX_TEMPORARY, EX_NO_REGISTER, s->op->pc + s->op->len);
	add(s, EX_STEP_JUMP, EX_TEMPORARY, EX_NO_REGISTER, s->op->immediate);
}

/* @calls: and comes back */
static void jump_by(struct steps *s, bool calls)
{
	touch(s);
	if (calls)
		add(s, EX_STEP_PUSH, EX_TEMPORARY, EX_NO_REGISTER, s->op->pc + s->op->len);
	add(s, EX_STEP_JUMP_BY, EX_TEMPORARY, EX_NO_REGISTER, 0);
}

/* What takes from the stack, puts there, or goes elsewhere. */
static void add_other(struct steps *s)
{
	const struct ex_op *op = s->op;

	switch (op->kind) {
	case EX_OP_PUSH:
		add(s, EX_STEP_PUSH, EX_TEMPORARY, op->is_memory ? operand(s, false) : op->reg, 0);
		break;
	case EX_OP_PUSH_SET:
		add(s, EX_STEP_PUSH, EX_TEMPORARY, EX_NO_REGISTER, op->immediate);
		break;
	case EX_OP_POP:
		pop(s, op->reg);
		break;
	case EX_OP_LEAVE:
		leave(s);
		break;
	case EX_OP_CALL:
		call(s);
		break;
	case EX_OP_CALL_BY:
	case EX_OP_JUMP_BY:
		jump_by(s, op->kind == EX_OP_CALL_BY);
		break;
	case EX_OP_RETURN:
		add(s, EX_STEP_RETURN, EX_TEMPORARY, EX_NO_REGISTER, 0);
		break;
	case EX_OP_BRANCH:
		add(s, EX_STEP_BRANCH, EX_TEMPORARY, EX_NO_REGISTER, op->immediate);
		break;
	case EX_OP_JUMP:
		add(s, EX_STEP_JUMP, EX_TEMPORARY, EX_NO_REGISTER, op->immediate);
		break;
	case EX_OP_NOTHING:
		break;
	default:
		add(s, EX_STEP_END, EX_TEMPORARY, EX_NO_REGISTER, 0);
	}
}

/* What has a result by arithmetic. False: it has none. */
static bool add_arithmetic(struct steps *s)
{
	const struct ex_op *op = s->op;

	switch (op->kind) {
	case EX_OP_TWO:
		two(s);
		break;
	case EX_OP_IMMEDIATE:
		with_immediate(s);
		break;
	case EX_OP_SHIFT:
		shift(s);
		break;
	case EX_OP_F7:
	case EX_OP_FF:
		unary(s);
		break;
	case EX_OP_SIGN:
		add_result(s, EX_STEP_SIGN, DX, AX, 0);
		break;
	case EX_OP_MULTIPLY:
		add_two(s, EX_STEP_MULTIPLY, op->reg, op->reg, operand(s, true), 0);
		break;
	case EX_OP_MULTIPLY_BY:
		add_two(s, EX_STEP_MULTIPLY, op->reg, operand(s, true), EX_NO_REGISTER,
			op->immediate);
		break;
	case EX_OP_EXTEND:
		extend(s);
		break;
	default:
		return false;
	}
	return true;
}

/* What brings a value, or forgets one. False: it does not. */
static bool add_move(struct steps *s)
{
	const struct ex_op *op = s->op;

	switch (op->kind) {
	case EX_OP_READ:
		touch(s);
		break;
	case EX_OP_READ_FORGET:
		add(s, EX_STEP_FORGET, op->reg, operand(s, false), 0);
		s->step[s->n - 1].reads |= bit(op->reg);
		s->step[s->n - 1].sets = bit(op->reg);
		break;
	case EX_OP_FORGET:
		add(s, EX_STEP_FORGET, op->reg, op->reg, 0)->sets = bit(op->reg);
		break;
	case EX_OP_LOAD:
		load(s);
		break;
	case EX_OP_LOAD_SIGNED:
		load_signed(s);
		break;
	case EX_OP_MOVE:
		add_result(s, EX_STEP_SET, op->rm, op->reg, 0);
		break;
	case EX_OP_SET:
		add_result(s, EX_STEP_SET, op->is_memory ? EX_TEMPORARY : op->rm, EX_NO_REGISTER,
			   op->immediate);
		if (op->is_memory)
			store(s, EX_TEMPORARY);
		break;
	case EX_OP_STORE:
		store(s, op->reg);
		break;
	case EX_OP_LEA:
		add_address(s, op->size < 4 ? EX_STEP_FORGET : EX_STEP_ADD, op->reg);
		break;
	default:
		return false;
	}
	return true;
}

unsigned ex_wrong_steps(const struct ex_op *op, struct ex_step step[static EX_STEPS])
{
	struct steps s = {.op = op, .step = step};

	if (!add_arithmetic(&s) && !add_move(&s))
		add_other(&s);
	return s.n;
}

bool ex_wrong_merge(struct ex_step *step, const struct ex_step *before)
{
	bool is_copy = before->kind == EX_STEP_SET && before->number == 0;

	if (!is_copy || before->size < step->size || step->kind < EX_STEP_ADD ||
	    step->kind > EX_STEP_DOWN_SIGNED || step->to != before->to)
		return false;
	if (step->left == before->to)
		step->left = before->right;
	if (step->right == before->to)
		step->right = before->right;
	step->reads = (step->reads & ~before->sets) | before->reads;
	return true;
}

/*
 * Addresses whose registers the load overwrote: computed anew by the instructions before it, from
 * what of their operands is left.
 */
#include "source/code_calc.h"
#include "source/code_priv.h"

#define BLOCK_INSNS 64u /* instructions looked back, the site's own included */
#define UNKNOWN	    INT8_MIN

/* What control fell through to the site, which is the last of it. */
struct block {
	struct {
		uint32_t writes;
		int8_t to;    /* the register that receives calc; -1 = none */
		int8_t value; /* number of its step in the chain; -1 = has none yet */
		struct cxms_calc calc;
	} insn[BLOCK_INSNS];
	unsigned first; /* [first, BLOCK_INSNS) are known */
	struct cxms_chain *chain;
};

static bool block_add(struct cxms_code *c, uint64_t at, struct block *b)
{
	struct cxms_x86_info info;

	if (!cxms_code_x86_at(c, at, &info))
		return false;
	b->first--;
	b->insn[b->first].writes = info.writes;
	b->insn[b->first].to = info.calc_to;
	b->insn[b->first].value = -1;
	b->insn[b->first].calc = info.calc;
	return true;
}

static void find_block(struct cxms_code *c, uint64_t ip, struct block *b)
{
	for (uint64_t at = ip; at && b->first && block_add(c, at, b);)
		at = cxms_code_before(c, at);
}

static bool is_written(const struct block *b, unsigned insn, int reg)
{
	return b->insn[insn].writes >> reg & 1;
}

/* A new step of the chain; UNKNOWN: it is too long. */
static int8_t add_step(struct block *b, const struct cxms_calc *calc)
{
	struct cxms_chain *chain = b->chain;

	if (chain->n == CXMS_CHAIN_MAX)
		return UNKNOWN;
	chain->step[chain->n] = *calc;
	return (int8_t)(CXMS_REG_GPR_END + chain->n++);
}

static int8_t left_of(struct block *b, int reg, unsigned insn);

/* @reg before the instruction that moved it by what is still known, from what it is behind it. */
static int8_t undo(struct block *b, int reg, unsigned insn)
{
	struct cxms_calc calc = b->insn[insn].calc;
	bool is_sum = calc.op == CXMS_CALC_SUM && calc.scale == 1;

	if (b->insn[insn].to != reg || calc.a != reg || calc.b == reg || calc.bits != 64 ||
	    (!is_sum && calc.op != CXMS_CALC_SUB && calc.op != CXMS_CALC_XOR))
		return UNKNOWN;
	if (is_sum && calc.b >= 0 && calc.constant)
		return UNKNOWN;
	if (calc.b >= 0)
		calc.b = left_of(b, calc.b, insn + 1);
	calc.a = left_of(b, reg, insn + 1);
	if (calc.a == UNKNOWN || calc.b == UNKNOWN)
		return UNKNOWN;
	if (calc.op != CXMS_CALC_XOR)
		calc.op = is_sum ? CXMS_CALC_SUB : CXMS_CALC_SUM;
	return add_step(b, &calc);
}

/* What @reg was before an instruction, as far as nothing but the sample's registers is needed. */
static int8_t left_of(struct block *b, int reg, unsigned insn)
{
	while (insn < BLOCK_INSNS && !is_written(b, insn, reg))
		insn++;
	return insn < BLOCK_INSNS ? undo(b, reg, insn) : (int8_t)reg;
}

static int8_t value_of(struct block *b, int reg, unsigned insn);

/* What an instruction of the block computed. */
static int8_t result_of(struct block *b, int reg, unsigned insn)
{
	struct cxms_calc calc = b->insn[insn].calc;

	if (b->insn[insn].to != reg)
		return UNKNOWN;
	if (b->insn[insn].value >= 0)
		return b->insn[insn].value;
	if (calc.a >= 0)
		calc.a = value_of(b, calc.a, insn);
	if (calc.b >= 0)
		calc.b = value_of(b, calc.b, insn);
	if (calc.a == UNKNOWN || calc.b == UNKNOWN)
		return UNKNOWN;
	b->insn[insn].value = add_step(b, &calc);
	return b->insn[insn].value;
}

/* @reg as another register that an instruction copied it to, if that is left. */
static int8_t copy_of(struct block *b, int reg, unsigned insn)
{
	const struct cxms_calc *calc = &b->insn[insn].calc;
	int to = b->insn[insn].to;

	if (to < 0 || to == reg || calc->op != CXMS_CALC_SUM || calc->a != reg || calc->b >= 0 ||
	    calc->constant || calc->bits != 64)
		return UNKNOWN;
	return left_of(b, to, insn + 1);
}

/* What @reg was before an instruction. */
static int8_t value_of(struct block *b, int reg, unsigned insn)
{
	int8_t value = left_of(b, reg, insn);

	for (unsigned i = insn; value == UNKNOWN && i-- > b->first;) {
		if (is_written(b, i, reg))
			return result_of(b, reg, i);
		value = copy_of(b, reg, i);
	}
	return value;
}

void cxms_chain_find(struct cxms_code *c, struct cxms_code_site *s)
{
	struct cxms_chain chain = {.is_known = true, .base = -1, .index = -1};
	struct block b = {.first = BLOCK_INSNS, .chain = &chain};

	if (!(s->flags & (CXMS_SITE_NOADDR | CXMS_SITE_SELF)) ||
	    s->flags & (CXMS_SITE_GATHER | CXMS_SITE_STACK))
		return;
	find_block(c, s->ip, &b);
	if (b.first == BLOCK_INSNS)
		return;
	if (s->base >= 0)
		chain.base = value_of(&b, s->base, BLOCK_INSNS - 1);
	if (s->index >= 0)
		chain.index = value_of(&b, s->index, BLOCK_INSNS - 1);
	if (chain.base == UNKNOWN || chain.index == UNKNOWN)
		return;
	s->chain = chain;
	s->flags &= (uint16_t) ~(CXMS_SITE_NOADDR | CXMS_SITE_SELF | CXMS_SITE_CARRIED);
}

static uint64_t operand(int8_t of, int64_t none, const struct cxms_regs *regs,
			const uint64_t *result)
{
	if (of < 0)
		return (uint64_t)none;
	return of < CXMS_REG_GPR_END ? regs->gpr[of] : result[of - CXMS_REG_GPR_END];
}

void cxms_chain_values(const struct cxms_code_site *site, const struct cxms_regs *regs,
		       uint64_t *base, uint64_t *index)
{
	const struct cxms_chain *chain = &site->chain;
	uint64_t result[CXMS_CHAIN_MAX];

	for (unsigned i = 0; i < chain->n; i++) {
		const struct cxms_calc *calc = &chain->step[i];
		bool is_sum = calc->op == CXMS_CALC_SUM;
		uint64_t a = operand(calc->a, is_sum ? 0 : calc->constant, regs, result);
		uint64_t b = operand(calc->b, is_sum ? 0 : calc->constant, regs, result);

		result[i] = cxms_calc_run(calc, a, b);
	}
	*base = operand(chain->is_known ? chain->base : site->base, 0, regs, result);
	*index = operand(chain->is_known ? chain->index : site->index, 0, regs, result);
}

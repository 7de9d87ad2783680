/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that wrong paths walk is decoded once, and kept until it is void. */
#include "ex_wrong_stretch.h"

struct ex_stretch ex_stretch[EX_STRETCHES];
static bool any_kept;

static bool goes_straight(const struct ex_op *op)
{
	switch (op->kind) {
	case EX_OP_END:
	case EX_OP_BRANCH:
	case EX_OP_JUMP:
	case EX_OP_CALL:
	case EX_OP_RETURN:
	case EX_OP_CALL_BY:
	case EX_OP_JUMP_BY:
		return false;
	default:
		return true;
	}
}

static void add_steps(struct ex_stretch *s, const struct ex_op *op)
{
	struct ex_step *next = &s->step[s->n_step];
	unsigned n = ex_wrong_steps(op, next);

	for (unsigned i = 0; i < n; i++)
		next[i].at = (uint8_t)s->insns;
	if (n == 1 && s->n_step && ex_wrong_merge(next, next - 1))
		next[-1] = *next;
	else
		s->n_step += n;
}

void ex_stretch_decode(const struct ex_core *core, struct ex_stretch *s, uint64_t pc)
{
	bool goes_on = true;

	s->pc = s->end = pc;
	s->insns = s->n_step = 0;
	while (goes_on && s->insns < EX_STRETCH_INSNS && s->n_step <= EX_STRETCH_STEPS - EX_STEPS &&
	       ex_wrong_reads(core, s->end, EX_LONGEST)) {
		struct ex_op op;

		ex_wrong_decode(&op, s->end);
		add_steps(s, &op);
		s->insns++;
		s->end += op.len;
		goes_on = goes_straight(&op);
	}
	any_kept = true;
}

void ex_wrong_forget(void)
{
	for (unsigned i = 0; i < EX_STRETCHES && any_kept; i++)
		ex_stretch[i].pc = ex_stretch[i].insns = 0;
	any_kept = false;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a wrong path asks the caches for, what it stores, and its stack. */
#include "ex_wrong_walk.h"

void ex_walk_forget_lines(struct ex_walk *w)
{
	for (unsigned i = 0; i < EX_SEEN; i++)
		w->seen[i].line = UINT64_MAX;
}

enum cxms_hier_level ex_walk_load_anew(struct ex_walk *w, const struct ex_step *step,
				       uint64_t address, struct ex_seen_line *seen)
{
	uint64_t fills = w->t->fills;
	unsigned events = ex.n_event;
	unsigned behind = w->insns + step->at;
	enum cxms_hier_level level =
		ex_wrong_load(w->t, address, step->pc, w->branch, behind, w->timed);

	w->brought |= behind >= CXMS_ASSUMED_SHORT_WALK && ex.n_event != events;
	if (level == CXMS_HIER_L1 || (w->timed && w->t->fills == fills))
		*seen = (struct ex_seen_line){address >> CXMS_XS_LINE_SHIFT, level};
	else /* what it brings may be in the place of any other */
		ex_walk_forget_lines(w);
	return level;
}

/* The last store to the word of @address. */
static void keep_store(struct ex_walk *w, uint64_t address, unsigned size, bool known, uint64_t v)
{
	unsigned at = address / 8 % EX_WALK_STORES;

	w->store[at] = (struct ex_walk_store){
		.address = address, .value = v, .size = size, .known = known};
	w->stored |= 1u << at;
}

/* What was pushed to the word of @address is there no longer. */
static void forget_pushed(struct ex_walk *w, uint64_t address)
{
	uint64_t slot = (w->bottom - 1 - address) / 8;

	if (slot < EX_PUSHED)
		w->kept &= ~(1u << slot);
}

/* Of the second word of one that crosses words nothing is known. */
void ex_walk_store(struct ex_walk *w, const struct ex_step *step, uint64_t address)
{
	uint64_t last = address + step->size - 1;

	keep_store(w, address, step->size, ex_knows(w, step->to), w->value[step->to]);
	forget_pushed(w, address);
	if (EX_UNLIKELY(last / 8 != address / 8)) {
		keep_store(w, last, 1, false, 0);
		forget_pushed(w, last);
	}
}

/* The word at the end of the stack, which is taken off. Return: whether it is known. */
static bool take(struct ex_walk *w, const struct ex_step *step, uint64_t *v)
{
	uint64_t sp = w->value[EX_STACK];
	bool known;

	if (!ex_knows(w, EX_STACK))
		return false;
	if (!ex_is_stored(w, 8, sp, v, &known))
		known = ex_is_below(w, sp) ? ex_is_pushed(w, 8, sp, v)
					   : ex_walk_load(w, step, sp, v);
	w->value[EX_STACK] += 8;
	return known;
}

static void pop(struct ex_walk *w, const struct ex_step *step)
{
	uint64_t v = 0;
	bool known = take(w, step, &v);

	w->value[step->to] = v;
	ex_note_known(w, step, known);
}

static void end(struct ex_walk *w)
{
	w->budget = 0;
}

/* To below the bottom; elsewhere as other stores, as the walk has returned from where it began. */
static void push(struct ex_walk *w, bool known, uint64_t v)
{
	uint64_t sp, slot;

	if (!ex_knows(w, EX_STACK)) {
		end(w);
		return;
	}
	sp = w->value[EX_STACK] -= 8;
	slot = ex_slot_of(w, sp);
	if (slot >= EX_PUSHED) {
		keep_store(w, sp, 8, known, v);
		return;
	}
	if (w->store[sp / 8 % EX_WALK_STORES].address / 8 == sp / 8)
		w->stored &= ~(1u << sp / 8 % EX_WALK_STORES);
	w->pushed[slot] = v;
	w->kept = (w->kept & ~(1u << slot)) | (uint32_t)known << slot;
}

/* To where the walk was called, or its branch was: that a core has in mind, and asks no cache. */
static void go_back(struct ex_walk *w, const struct ex_step *step)
{
	uint64_t sp = w->value[EX_STACK];
	bool known = true;

	if (!ex_knows(w, EX_STACK) || !ex_wrong_reads(w->t->core, sp, 8)) {
		end(w);
	} else if (sp < w->bottom) {
		if (!take(w, step, &w->next))
			end(w);
	} else {
		if (!ex_is_stored(w, 8, sp, &w->next, &known))
			w->next = *(const uint64_t *)(Addr)sp;
		if (!known)
			end(w);
		w->value[EX_STACK] += 8;
	}
}

static void jump_by(struct ex_walk *w, const struct ex_step *step)
{
	uint64_t target = cxms_bpred_guess_jump(&w->t->core->bpred, &w->guess, step->pc);

	if (target)
		w->next = target;
	else
		end(w);
}

void ex_walk_stack(struct ex_walk *w, const struct ex_step *step)
{
	switch (step->kind) {
	case EX_STEP_PUSH:
		push(w, ex_has_all(w, step), step->number + w->value[step->right]);
		break;
	case EX_STEP_POP:
		pop(w, step);
		break;
	case EX_STEP_RETURN:
		go_back(w, step);
		break;
	case EX_STEP_JUMP_BY:
		jump_by(w, step);
		break;
	default:
		end(w);
	}
}

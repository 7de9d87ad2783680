/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a wrong path is, and what it loads: shared by the files that follow its steps. */
#ifndef CXMS_EXACT_EX_WRONG_WALK_H
#define CXMS_EXACT_EX_WRONG_WALK_H

#include "ex_wrong_stretch.h"

/* Words that a walk has pushed and keeps: calls and what they save, a few deep. */
#define EX_PUSHED 32u
/* Lines that a walk keeps in mind. A power of two that divides the sets of a first level: lines of
 * one set take each other's place, so its order is as if each load had touched it. */
#define EX_SEEN 8u
/* Stores that a walk keeps, by word. */
#define EX_WALK_STORES 8u

/* A line that a walk has in mind, and where it was; @line: all ones = none. */
struct ex_seen_line {
	uint64_t line;
	enum cxms_hier_level level;
};

/* The last store of a walk to a word whose number has these last bits. */
struct ex_walk_store {
	uint64_t address, value;
	unsigned size;
	bool known;
};

/**
 * struct ex_walk - where a walk is
 * @known:  a bit for each register;  @next: where it goes on behind this stretch
 * @pushed: what lies below @bottom, where the stack ended at the branch: the nearest word first;
 *          @kept: a bit for each that is known
 * @seen:   lines that it read, by their last bits
 * @store:  what it stored, which its own loads get; @stored: a bit for each that there is
 * @branch: exit number
 * @insns:  walked before this stretch;  @budget: it ends when so many were walked
 * @brought: it asked for a line that a short walk would not have come to
 */
struct ex_walk {
	uint64_t value[EX_STEP_REGISTERS];
	uint64_t next;
	uint64_t pushed[EX_PUSHED], bottom;
	struct ex_seen_line seen[EX_SEEN];
	struct ex_walk_store store[EX_WALK_STORES];
	uint32_t stored;
	struct ex_thread *t;
	uint32_t known, kept;
	unsigned branch, insns, budget;
	bool timed, brought;
	struct cxms_bpred_guess guess;
};

ALWAYS_INLINE bool ex_knows(const struct ex_walk *w, unsigned r)
{
	return w->known >> r & 1;
}

/* Whether all is known that @step needs. */
ALWAYS_INLINE bool ex_has_all(const struct ex_walk *w, const struct ex_step *step)
{
	return (w->known & step->reads) == step->reads;
}

/* What @step changes is known from now on, or it is not. */
ALWAYS_INLINE void ex_note_known(struct ex_walk *w, const struct ex_step *step, bool known)
{
	w->known = (w->known & ~step->sets) | (known ? step->sets : 0);
}

/* ex_wrong_memory.c */
/** ex_walk_forget_lines() - the walk has no line in mind. */
void ex_walk_forget_lines(struct ex_walk *w);
/**
 * ex_walk_load_anew() - a load of a line that the walk has not in mind
 * Return: where the line is; the walk keeps that in mind if the next load of it would be told the
 * same.
 */
enum cxms_hier_level ex_walk_load_anew(struct ex_walk *w, const struct ex_step *step,
				       uint64_t address, struct ex_seen_line *seen);
/** ex_walk_store() - register @step->to to @address. */
void ex_walk_store(struct ex_walk *w, const struct ex_step *step, uint64_t address);
/** ex_walk_stack() - what takes from the stack, puts there, is computed, or is not followed. */
void ex_walk_stack(struct ex_walk *w, const struct ex_step *step);

/* Is that where only a walk has written? Its stores never happen. */
ALWAYS_INLINE bool ex_is_below(const struct ex_walk *w, uint64_t address)
{
	return address < w->bottom && address >= w->value[EX_STACK];
}

/* A load that ex_is_below() is not true of. Return: whether its value is there in time to be used.
 */
ALWAYS_INLINE bool ex_walk_touch(struct ex_walk *w, const struct ex_step *step, uint64_t address)
{
	uint64_t line = address >> CXMS_XS_LINE_SHIFT;
	struct ex_seen_line *seen = &w->seen[line % EX_SEEN];

	if (EX_LIKELY(seen->line == line &&
		      (address + step->size - 1) >> CXMS_XS_LINE_SHIFT == line))
		return seen->level <= CXMS_HIER_L2;
	return ex_wrong_reads(w->t->core, address, step->size) &&
	       ex_walk_load_anew(w, step, address, seen) <= CXMS_HIER_L2;
}

/* Of the word at @address below the bottom of the stack; EX_PUSHED or more: not kept there. */
ALWAYS_INLINE uint64_t ex_slot_of(const struct ex_walk *w, uint64_t address)
{
	return (w->bottom - address) / 8 - 1;
}

/* Whether the walk stored to the word of @address; then *known says whether it stored all of the
 * @size bytes there, and *value what. */
ALWAYS_INLINE bool ex_is_stored(const struct ex_walk *w, unsigned size, uint64_t address,
				uint64_t *value, bool *known)
{
	unsigned at = address / 8 % EX_WALK_STORES;
	const struct ex_walk_store *s = &w->store[at];

	if (EX_LIKELY(!(w->stored >> at & 1)) || s->address / 8 != address / 8)
		return false;
	*known = s->known && s->address == address && s->size >= size;
	*value = size == 4 ? (uint32_t)s->value : s->value;
	return true;
}

/* What the walk pushed to the word at @address. Return: whether it is known. */
ALWAYS_INLINE bool ex_is_pushed(const struct ex_walk *w, unsigned size, uint64_t address,
				uint64_t *value)
{
	uint64_t slot = ex_slot_of(w, address);

	if ((w->bottom - address) % 8 || slot >= EX_PUSHED || !(w->kept >> slot & 1))
		return false;
	*value = size == 4 ? (uint32_t)w->pushed[slot] : w->pushed[slot];
	return true;
}

/* A load whose value is used. Return: whether it is known. */
ALWAYS_INLINE bool ex_walk_load(struct ex_walk *w, const struct ex_step *step, uint64_t address,
				uint64_t *value)
{
	bool known;

	if (ex_is_stored(w, step->size, address, value, &known))
		return known;
	if (EX_UNLIKELY(ex_is_below(w, address)))
		return ex_is_pushed(w, step->size, address, value);
	if (!ex_walk_touch(w, step, address))
		return false;
	*value = step->size == 4 ? *(const uint32_t *)(Addr)address
				 : *(const uint64_t *)(Addr)address;
	return true;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the run time share: how events are noted, and what most accesses come down to.
 * These functions are compiled into their callers, as a call would cost more than what they do.
 */
#ifndef CXMS_EXACT_EX_RUN_H
#define CXMS_EXACT_EX_RUN_H

#include "ex.h"

/**
 * struct ex_run - the block that is accounted for
 * @page_shift: of the TLB;  @fills: of the thread before the block
 * @awaited:    a bit for each access that its mispredicted branch waits for
 */
struct ex_run {
	unsigned page_shift;
	uint64_t fills;
	uint64_t awaited[(EX_MAX_ACCESSES + 63) / 64];
};
extern struct ex_run ex_run;

/* ex_access.c */
/** ex_note_effects() - notes what access or exit @index caused, behind it; @flags: of events. */
void ex_note_effects(unsigned index, unsigned flags);
/**
 * ex_access_other() - a load or store within one line that is not a plain hit on the most recent
 * line of its set and on the last page
 */
void ex_access_other(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
		     uint64_t address, bool timed);
/**
 * ex_access_slow() - any access at all
 * Return: false: it did not happen.
 */
bool ex_access_slow(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
		    uint64_t address, bool timed);

/* ex_store.c */
/** ex_forward() - a load of what a recent store wrote, or of what lies beside it in 16 bytes. */
void ex_forward(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
		uint64_t address);
/** ex_nt_store() - a store past the caches of bytes [@address, @end]; @flags: of its event. */
void ex_nt_store(struct ex_thread *t, unsigned index, uint64_t address, uint64_t end,
		 unsigned flags, bool timed);
/** ex_nt_close() - the lines that non-temporal stores left open leave. */
void ex_nt_close(struct ex_thread *t);

/* ex_misp.c */
/**
 * ex_mispredicted() - the branch at the end of @part was predicted wrongly
 * Return: a bit for each access of @b that it waits for longer than for the second level; NULL: for
 * none. Valid until the next block.
 */
const uint64_t *ex_mispredicted(struct ex_thread *t, const struct ex_block *b,
				const struct ex_part *part, bool timed);
/**
 * ex_mispredicted_cond() - the same of a conditional branch, whose wrong path is walked then
 * @at: the part of @b that ran; the branch of @part is in it
 */
void ex_mispredicted_cond(struct ex_thread *t, struct ex_block *b, const struct ex_part *part,
			  const struct ex_part *at, bool taken, bool timed);

ALWAYS_INLINE void note(unsigned kind, unsigned index, uint64_t value, unsigned byte)
{
	struct ex_event *e = &ex.event[ex.n_event++];

	e->value = value;
	e->head = kind | index << EX_EVENT_INDEX;
	e->byte = (uint8_t)byte;
}

/* Whether all that one access makes prefetchers bring has room: each line has a number, so none is
 * left out. */
static inline bool has_room(void)
{
	return ex.n_event + CXMS_HIER_EFFECTS <= EX_EVENTS_LIMIT;
}

/* Who comes to wait for fill @number waits no longer than for the second level. */
static inline void note_near(struct ex_thread *t, uint64_t number)
{
	t->near_fill[number % EX_RECENT_FILLS] = (uint32_t)number + 1;
}

/* Else it comes from farther, and may not have arrived. */
static inline bool is_far(const struct ex_thread *t, uint64_t number)
{
	return number >= t->fills_before[t->walks % CXMS_ASSUMED_ARRIVED] &&
	       t->near_fill[number % EX_RECENT_FILLS] != (uint32_t)number + 1;
}

/* Where it stands that fill @number is of a wrong path. */
static inline struct ex_wrong_fill *wrong_fill(struct ex_thread *t, uint32_t number)
{
	return &t->wrong_fill[number % EX_RECENT_FILLS];
}

/* A hit on a marked line: an event if its fill is recent, else the mark goes. Return: whether there
 * is an event. */
static inline bool in_flight(struct ex_thread *t, size_t slot, unsigned index, uint64_t now,
			     unsigned flags, bool timed)
{
	const struct cxms_cache_mark *mark = &t->l1d.mark[slot];
	uint32_t back = (uint32_t)t->fills - mark->fill;

	if (timed && t->l1d.owner[slot] != (uint16_t)t->number)
		return false;
	if (EX_LIKELY(timed && (uint32_t)(mark->fresh - (uint32_t)now) <= ex.hier.store_window &&
		      back - 1 < t->fills - t->floor)) {
		note(CXMS_XE_USE | flags, index, back, 0);
		if (wrong_fill(t, mark->fill)->fill == mark->fill)
			wrong_fill(t, mark->fill)->walk = 0; /* now it has begun */
		return true;
	}
	t->l1d.tag[slot] &= ~CXMS_TAG_MARKED;
	return false;
}

/* Whether a recent store may have written to any of the aligned 16 bytes that an access touches. */
ALWAYS_INLINE bool is_near_store(const struct ex_thread *t, uint64_t address, unsigned last)
{
	uint64_t at = address >> 4, end = (address + last) >> 4;

	do
		if (t->stores - t->recent[at % EX_RECENT] <= EX_FORWARD_BACK)
			return true;
	while (EX_UNLIKELY(++at <= end));
	return false;
}

ALWAYS_INLINE void stored(struct ex_thread *t, uint64_t address, unsigned last, uint64_t now)
{
	uint64_t g = address >> 3, end = (address + last) >> 3;

	do
		t->granule[g % EX_GRANULES] =
			(struct ex_granule){.granule = (uint32_t)g, .store = t->stores};
	while (EX_UNLIKELY(++g <= end));
	for (uint64_t at = address >> 4; at <= (address + last) >> 4; at++)
		t->recent[at % EX_RECENT] = t->stores;
	t->store[t->stores % EX_FORWARD_BACK] =
		(struct ex_store){.insn = now, .address = address, .last = last};
	t->stores++;
}

/* Whether an access stays on the page of the last one, or goes to one that is known to have been
 * touched and to be in the first TLB, where it is the most recent now. */
ALWAYS_INLINE bool is_at_hand(struct ex_core *core, uint64_t address)
{
	unsigned page_shift = ex_run.page_shift;
	uint64_t page = address >> CXMS_XS_PAGE_SHIFT;
	const struct ex_front *f = &core->front[ex_front_at(page)];

	return EX_LIKELY(address >> page_shift == core->tlb.last) ||
	       (f->page == page && cxms_tlb_again(&core->tlb, address >> page_shift, f->at));
}

/* The slot that was used last in the set of @address; of set 0 if the number of sets is no power of
 * two: then it seldom holds the line. */
ALWAYS_INLINE size_t recent_slot(const struct ex_thread *t, uint64_t address)
{
	const struct ex_level *l = &t->l1d;
	size_t first = (size_t)(address >> l->down & l->in_sets);

	return first + l->recent[first << 1];
}

#endif

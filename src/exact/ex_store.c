/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stores that later accesses have to do with: what recent ones wrote goes to loads, and
 * non-temporal ones to one line are put together.
 */
#include "ex_run.h"

#define LINE_BYTES (1u << CXMS_XS_LINE_SHIFT)

/* The most recent store to granule @g, as far as it is more recent than @nearest stores back. */
ALWAYS_INLINE uint32_t store_of(const struct ex_thread *t, uint64_t g, uint32_t nearest)
{
	const struct ex_granule *e = &t->granule[g % EX_GRANULES];
	uint32_t back = t->stores - e->store;

	return EX_UNLIKELY(e->granule == (uint32_t)g && back < nearest) ? back : nearest;
}

/* Whether access @index was just found to hit a line that may be in flight. */
static bool is_told_in_flight(unsigned index)
{
	unsigned flags = CXMS_XE_BEHIND | CXMS_XE_TLB2 | CXMS_XE_WALK;

	return ex.n_event > 0 &&
	       (ex.event[ex.n_event - 1].head & ~flags) == (CXMS_XE_USE | index << EX_EVENT_INDEX);
}

/* A load of what a recent store wrote, or of what lies beside it in 16 bytes. */
void ex_forward(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
		uint64_t address)
{
	unsigned last = a->last;
	uint64_t g = address >> 3, end = (address + last) >> 3, first = g;
	uint32_t nearest = EX_FORWARD_BACK + 1;
	unsigned kind = CXMS_XE_FWD;
	const struct ex_store *s;

	do
		nearest = store_of(t, g, nearest);
	while (EX_UNLIKELY(++g <= end));
	if (EX_LIKELY(nearest > EX_FORWARD_BACK)) {
		kind = CXMS_XE_NEAR;
		nearest = store_of(t, first & ~UINT64_C(1), nearest);
		nearest = store_of(t, end | 1, nearest);
	}
	if (EX_LIKELY(nearest > EX_FORWARD_BACK))
		return;
	s = &t->store[(t->stores - nearest) % EX_FORWARD_BACK];
	if (kind == CXMS_XE_FWD && last < 8 &&
	    (s->address > address || s->address + s->last < address + last))
		kind = CXMS_XE_PART;
	if (t->insns + a->insn - s->insn <=
	    (is_told_in_flight((unsigned)(a - b->access)) ? ex.hier.store_window : ex.hier.window))
		note(kind, (unsigned)(a - b->access), nearest, 0);
}

/* Bytes [@first, @last] of a line as bits. */
static uint64_t bytes_of(uint64_t first, uint64_t last)
{
	return (UINT64_MAX >> (63 - (last - first))) << first;
}

/* Non-temporal stores to one line are put together and leave as one write, which is told of the
 * first of them. Return: whether this is the first. */
static bool opens_line(struct ex_thread *t, uint64_t line, uint64_t bytes)
{
	struct ex_nt_line *n = NULL, *oldest = t->nt;
	bool is_first;

	for (unsigned i = 0; i < CXMS_ASSUMED_NT_OPEN; i++) {
		if (t->nt[i].bytes && t->nt[i].line == line)
			n = &t->nt[i];
		if (t->nt[i].used < oldest->used)
			oldest = &t->nt[i];
	}
	is_first = !n;
	if (is_first) {
		n = oldest;
		*n = (struct ex_nt_line){.line = line};
	}
	n->used = ++t->nt_clock;
	n->bytes |= bytes;
	if (n->bytes == UINT64_MAX) /* full: it leaves, and the place is free */
		*n = (struct ex_nt_line){0};
	return is_first;
}

void ex_nt_close(struct ex_thread *t)
{
	VG_(memset)(t->nt, 0, sizeof(t->nt));
}

/* A store past the caches of bytes [@address, @end]. */
void ex_nt_store(struct ex_thread *t, unsigned index, uint64_t address, uint64_t end,
		 unsigned flags, bool timed)
{
	bool is_told = false;

	ex.hier.n_effect = 0;
	for (uint64_t at = address; at <= end; at = (at | (LINE_BYTES - 1)) + 1) {
		uint64_t line = at >> CXMS_XS_LINE_SHIFT, last = at | (LINE_BYTES - 1);
		uint64_t bytes = bytes_of(at % LINE_BYTES, (last < end ? last : end) % LINE_BYTES);

		cxms_hier_flush(&ex.hier, line);
		if (!opens_line(t, line, bytes) || !timed)
			continue;
		note(CXMS_XE_NT | (is_told ? 0 : flags), index, line, 0);
		is_told = true;
	}
	if (!timed)
		return;
	if (flags && !is_told)
		note(CXMS_XE_HIT | flags, index, 0, 0);
	ex_note_effects(index, 0);
}

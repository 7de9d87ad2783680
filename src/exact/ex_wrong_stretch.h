/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Straight code that wrong paths walk, as steps; ex_wrong_stretch.c keeps it, by where it begins.
 */
#ifndef CXMS_EXACT_EX_WRONG_STRETCH_H
#define CXMS_EXACT_EX_WRONG_STRETCH_H

#include "ex.h"

#include "ex_wrong.h"

/* Decoded stretches that are kept, by address, and instructions and steps of each at most. */
#define EX_STRETCHES	 1024u
#define EX_STRETCH_INSNS 16u
#define EX_STRETCH_STEPS 20u

/**
 * struct ex_stretch - straight code: up to a branch, to what is not followed or known, or to
 * EX_STRETCH_INSNS
 * @pc:    0: none;  @end: behind it
 * @insns: instructions
 */
struct ex_stretch {
	uint64_t pc, end;
	unsigned insns, n_step;
	struct ex_step step[EX_STRETCH_STEPS];
};

extern struct ex_stretch ex_stretch[EX_STRETCHES];

/** ex_stretch_decode() - @s is what begins at @pc; of no instructions if nothing is known to. */
void ex_stretch_decode(const struct ex_core *core, struct ex_stretch *s, uint64_t pc);

/** ex_stretch_at() - the stretch that begins at @pc; NULL if nothing is known to be there. */
ALWAYS_INLINE const struct ex_stretch *ex_stretch_at(const struct ex_core *core, uint64_t pc)
{
	struct ex_stretch *s = &ex_stretch[(pc ^ pc >> 10) % EX_STRETCHES];

	if (EX_UNLIKELY(s->pc != pc))
		ex_stretch_decode(core, s, pc);
	if (EX_LIKELY(s->insns))
		return s;
	s->pc = 0;
	return NULL;
}

/* Pages of front are known. */
ALWAYS_INLINE bool ex_wrong_knows_page(const struct ex_core *core, uint64_t page)
{
	return EX_LIKELY(core->front[ex_front_at(page)].page == page) || ex_page_known(page);
}

/** ex_wrong_reads() - whether a walk may read @bytes at @address. */
ALWAYS_INLINE bool ex_wrong_reads(const struct ex_core *core, uint64_t address, unsigned bytes)
{
	uint64_t first = address >> CXMS_XS_PAGE_SHIFT;
	uint64_t last = (address + bytes - 1) >> CXMS_XS_PAGE_SHIFT;

	return ex_wrong_knows_page(core, first) &&
	       (first == last || ex_wrong_knows_page(core, last));
}

#endif

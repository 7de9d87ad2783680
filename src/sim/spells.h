/*
 * Spells: an epoch cut by which threads are there together. A thread is there when it is on a CPU,
 * or waits for a CPU or for a thread that has one. Each spell is solved by itself. Why: adr/0048.
 */
#ifndef CXMS_SIM_SPELLS_H
#define CXMS_SIM_SPELLS_H

#include <stddef.h>
#include <stdint.h>

struct cxms_cells;
struct cxms_recording;

/** struct cxms_spell_part - a cell in a spell; @share: of the cell's time on CPU, 0 .. 1 */
struct cxms_spell_part {
	uint32_t cell;
	double share;
};
/** struct cxms_spell - all times of an epoch at which the same threads are there. One spell holds
 * all sets of threads that are rare, one the times at which no thread runs */
struct cxms_spell {
	uint32_t epoch;
	double wall_ns;
	size_t first, n; /* its parts, in cxms_spells.part */
};
/** struct cxms_spells - of all epochs in order; zeroed is empty */
struct cxms_spells {
	size_t n, cap, n_part, cap_part;
	struct cxms_spell *spell;
	struct cxms_spell_part *part;
};

/* An epoch has at most 15 spells of one set of threads each: those with the most time on CPU. */
#define CXMS_SPELLS_MAX 15u

/**
 * cxms_spells_build() - cut the epochs of @cells, which have their times
 * The spells of an epoch last as long as it does together, and the shares of a cell add up to 1. A
 * cell that has time on CPU, but no slice in the epoch, is in the spell of rare sets.
 * Return: 0 or -ENOMEM. Owner: cxms_spells_fini(), also after an error
 */
int cxms_spells_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      struct cxms_spells *out);
void cxms_spells_fini(struct cxms_spells *s);

#endif

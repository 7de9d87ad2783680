/* Who is there together: an epoch cut into stretches of the same threads. */
#ifndef CXMS_SIM_SPELLS_H
#define CXMS_SIM_SPELLS_H

#include <stddef.h>
#include <stdint.h>

struct cxms_cells;
struct cxms_recording;

/** struct cxms_spell_part - a cell in a spell, with its share of the cell's time on CPU, 0 .. 1 */
struct cxms_spell_part {
	uint32_t cell;
	double share;
};
/** struct cxms_spell - all times of an epoch at which the same threads are there: on CPU, or
 * waiting for one, or for a thread that has one. Or those of sets that are rare, together; or those
 * at which nobody runs */
struct cxms_spell {
	uint32_t epoch;
	double wall_ns;
	size_t first, n; /* parts */
};
/** struct cxms_spells - of all epochs in order; zeroed is empty */
struct cxms_spells {
	size_t n, cap, n_part, cap_part;
	struct cxms_spell *spell;
	struct cxms_spell_part *part;
};

/* An epoch has at most so many spells of one set each: 15; the longest by time on CPU. Each is
 * solved by itself. */
#define CXMS_SPELLS_MAX 15u

/**
 * cxms_spells_build() - after the cells have their times
 * Spells of an epoch last as long as it does, and the shares of a cell are 1 together. Cells with
 * time on CPU and no slice there are in the mixed spell.
 * 0 or -ENOMEM; always cxms_spells_fini()
 */
int cxms_spells_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      struct cxms_spells *out);
void cxms_spells_fini(struct cxms_spells *s);

#endif

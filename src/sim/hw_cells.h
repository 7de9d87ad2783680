/* From sampled accesses and counters to samples that the models take: who waited, when, on which
 * page. */
#ifndef CXMS_SIM_HW_CELLS_H
#define CXMS_SIM_HW_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include "core/hw_wait.h"
#include "sim/cells.h"

struct cxms_err;
struct cxms_evidence;
struct cxms_hw_mem;
struct cxms_recording;

/** struct cxms_hw_cell - one thread in one stretch */
struct cxms_hw_cell {
	double user_ns;
	struct cxms_counts counts; /* < 0 = not counted */
	double misses;		   /* lines that loads fetched from memory; < 0 = not known */
	double seen_ps;		   /* mean latency of these */
	struct cxms_hw_term term[CXMS_TERM_COUNT];
	double period[CXMS_TERM_COUNT];	   /* sum over the samples that stand for the term */
	double weight_ns[CXMS_TERM_COUNT]; /* waiting that the samples of the term share */
};

struct cxms_hw_cells {
	struct cxms_cells at; /* stretches of time, as cells */
	struct cxms_hw_cell *cell;
	double ahead_ratio; /* lines fetched ahead for one that missed; 0 = none, or not known */
	uint32_t *term_of_sample; /* n_sample of the recording: CXMS_TERM_COUNT x cell + term, or
				     CXMS_NO_GRAIN */
};

/**
 * cxms_hw_derive() - make rec->sample[] of what the hardware sampled and counted; without sampled
 * accesses nothing happens
 *
 * Time on CPU is cut into stretches of at least 20 ms and 50 misses. The waiting of each term of a
 * stretch (core/hw_wait.h) is dealt out to the accesses that stand for it, in proportion to their
 * periods: that for memory to the misses, that for caches to loads that met a fill under way, that
 * of stores to the stores. Where a term has none, the misses take it; where a stretch has no miss,
 * the thread's next one does. The rest of the time becomes samples that wait for nothing.
 * Return: 0 or -ENOMEM
 */
int cxms_hw_derive(struct cxms_recording *rec, struct cxms_err *err);
void cxms_hw_cells_free(struct cxms_hw_cells *c);

/** cxms_hw_shares() - of each group of such a recording */
void cxms_hw_shares(const struct cxms_recording *rec, struct cxms_evidence *e);
/** cxms_hw_grains() - grain[] of such a recording */
void cxms_hw_grains(const struct cxms_recording *rec, struct cxms_evidence *e);

#endif

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
	double misses;		   /* lines from memory by loads; < 0 = not known */
	double seen_ps;		   /* their latency */
	struct cxms_hw_term term[CXMS_TERM_COUNT];
	double period[CXMS_TERM_COUNT];	   /* sum over the samples that stand for the term */
	double weight_ns[CXMS_TERM_COUNT]; /* time the samples of the term get together */
};

struct cxms_hw_cells {
	struct cxms_cells at; /* stretches of time, as cells */
	struct cxms_hw_cell *cell;
	double ahead_ratio; /* lines fetched ahead of a miss, for each; 0 = none or not known */
	uint32_t *term_of_sample; /* n_sample of the recording: CXMS_TERM_COUNT x cell + term, or
				     CXMS_NO_GRAIN */
};

/**
 * cxms_hw_derive() - rec->sample[] from what the hardware sampled and counted; nothing without
 * sampled accesses
 *
 * Time on CPU is cut into stretches of at least 20 ms and 50 misses. The wait of each term of a
 * stretch (core/hw_wait.h) is dealt out to the accesses that stand for it, by period: the memory
 * term to the misses, the cache term to the loads that met a fill under way, the store term to the
 * stores; a term without any goes to the misses. What a stretch waits without a miss in it is
 * carried to the thread's next. The rest of the time is samples that wait for nothing. Return: 0 or
 * -ENOMEM
 */
int cxms_hw_derive(struct cxms_recording *rec, struct cxms_err *err);
void cxms_hw_cells_free(struct cxms_hw_cells *c);

/** cxms_hw_shares() - of each group of such a recording */
void cxms_hw_shares(const struct cxms_recording *rec, struct cxms_evidence *e);
/** cxms_hw_grains() - grain[] of such a recording */
void cxms_hw_grains(const struct cxms_recording *rec, struct cxms_evidence *e);

#endif

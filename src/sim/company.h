/* Loads, or stores, of one loop that are in flight together: whoever has slow company waits as
 * long. */
#ifndef CXMS_SIM_COMPANY_H
#define CXMS_SIM_COMPANY_H

#include <stddef.h>
#include <stdint.h>

#include "sim/load.h"

struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/** struct cxms_company - of the counted loads of a loop, or of its counted stores, on the machine
 * that recorded */
struct cxms_company {
	double window; /* lines that its reorder buffer holds; >= 1 */
	double flight; /* in flight at once, as many as filled for one exposed wait; 1 .. window */
	double full;   /* how far its miss registers bound them: 0, none .. 1 */
};

/**
 * cxms_company_find() - fill ev->company and company_of_group, after the grains
 * Loads retire, and stores of x86 reach the cache, in the order of the program. Counted ones only:
 * what of others is in flight together is not known. 0 or -ENOMEM
 */
int cxms_company_find(const struct cxms_recording *rec, struct cxms_evidence *ev);

/** struct cxms_meeting - companies on one placement */
struct cxms_meeting {
	size_t n_place;
	uint32_t *order;		  /* [n_place] places, the fastest first */
	uint32_t *rank;			  /* [place] of it */
	double (*later)[CXMS_SPAN_COUNT]; /* [company][rank] of the waits on faster places, the
					     share that lasts as long as here, or longer */
};
/**
 * cxms_meeting_build() - by where the lines of each company lie
 * @place_ps: [n_place] idle latency
 * Low end: all wait for their own line only. Middle: core/overlap.h; where registers are not full a
 * window holds what is in flight, however large the core's is. High end: the window alone bounds
 * what is in flight. 0 or -ENOMEM; free with cxms_meeting_fini()
 */
int cxms_meeting_build(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		       const uint32_t *place_of_page, const double *place_ps, size_t n_place,
		       enum cxms_half half, uint64_t seed, struct cxms_meeting *out);
void cxms_meeting_fini(struct cxms_meeting *m);
/** cxms_meeting_part() - share of the waits of @company for lines on @own that last as long as one
 * on @place does; over all places 1 */
double cxms_meeting_part(const struct cxms_meeting *m, uint32_t company, uint32_t own,
			 uint32_t place, enum cxms_span end);

#endif

/*
 * Company: loads, or stores, of one loop that are in flight together. They end in the order of the
 * program, so a fast line behind a slow one is waited for as long. Why: adr/0036.
 */
#ifndef CXMS_SIM_COMPANY_H
#define CXMS_SIM_COMPANY_H

#include <stddef.h>
#include <stdint.h>

#include "sim/load.h"

struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/** struct cxms_company - the loads of a loop, or its counted stores, on the machine that recorded
 */
struct cxms_company {
	double window; /* lines of them that its reorder buffer holds; >= 1 */
	double flight; /* lines in flight at once: those filled for one wait; 1 .. window */
	double full;   /* how far miss registers are what bounds them, 0 (not) .. 1 */
};

/**
 * cxms_company_find() - fill ev->company and company_of_group, once the grains are there
 * Of loads that are not counted only the most that may be in flight together is known, of stores
 * that are not counted nothing. (Loads retire, and stores of x86 reach the cache, in the order of
 * the program.) 0 or -ENOMEM
 */
int cxms_company_find(const struct cxms_recording *rec, struct cxms_evidence *ev);

/** struct cxms_meeting - companies on one placement */
struct cxms_meeting {
	size_t n_place;
	uint32_t *order; /* [n_place] places, the fastest first */
	uint32_t *rank;	 /* [place] its position in that order */
	/* [company][rank] which share of the waits for lines on faster places lasts as long as one
	 * for a line on this place, or longer */
	double (*later)[CXMS_SPAN_COUNT];
};
/**
 * cxms_meeting_build() - how long companies wait, by where their lines lie
 * @place_ps: [n_place] idle latency
 * Low end: each waits for its own line only. Middle: core/overlap.h, with a window of the lines in
 * flight as long as registers are not full. High end: with the window of the whole core.
 * Return: 0 or -ENOMEM. Owner: cxms_meeting_fini()
 */
int cxms_meeting_build(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		       const uint32_t *place_of_page, const double *place_ps, size_t n_place,
		       enum cxms_half half, uint64_t seed, struct cxms_meeting *out);
void cxms_meeting_fini(struct cxms_meeting *m);
/** cxms_meeting_part() - share of the waits of @company for lines on @own that last as long as one
 * for a line on @place. The sum over all places is 1 */
double cxms_meeting_part(const struct cxms_meeting *m, uint32_t company, uint32_t own,
			 uint32_t place, enum cxms_span end);

#endif

/* Waits that come once a line: what a walk through memory waits for, and what it only passes. */
#ifndef CXMS_CORE_LINEWAIT_H
#define CXMS_CORE_LINEWAIT_H

#include <stdint.h>

#include "core/demand.h"

/* Samples below which nothing is said: they would leave a share open by more than a half. */
#define CXMS_LINEWAIT_MIN_SAMPLES 8u

/*
 * Share of a core's miss registers from which on a walk begins to go at the pace of memory, in
 * the middle of the span and at its ends: a half, at the high end a quarter. Full is what one core
 * was measured to have in flight (core/kernel.h); nothing tells where between waiting begins.
 */
#define CXMS_ASSUMED_FULL_FROM	    0.5
#define CXMS_ASSUMED_FULL_FROM_HIGH 0.25

/** struct cxms_linewait - counts of samples by place in a line, in two halves of the samples */
struct cxms_linewait {
	uint32_t count[2][64];
	uint32_t n;
};

/** cxms_linewait_add() - a sample whose operand, or a register that moves with it, is @addr */
void cxms_linewait_add(struct cxms_linewait *w, uint64_t addr);

/**
 * cxms_linewait_share() - share of the samples that waited for a line to come
 * @step_bytes: from one use to the next, 1 to 63: a line is used several times
 * @share: out, by span; 1 each where there are too few samples
 *
 * A dense walk waits for each line once, at one place in it: the first use, or where a full queue
 * lets it go on. What else takes time (hits, recoveries of mispredicted branches, the loop's own
 * work) falls on any of its uses. So the place in the line tells the two apart: with f the samples
 * at the place where most are and q those that fall there by chance (step/64),
 *   share = (f - q)/(1 - q).
 * The place is chosen by one half of the samples and counted in the other, each way, so that
 * choosing the most adds no bias. Ends: Wilson's interval of f at 90 %; the high end of where most
 * of all samples are, as a small share may be sought at the wrong place.
 */
void cxms_linewait_share(const struct cxms_linewait *w, unsigned step_bytes,
			 double share[CXMS_SPAN_COUNT]);

/**
 * cxms_linewait_full() - how far walks go at the pace of memory, 0 to 1
 * @ratio: lines under way for the most that are, or more
 *
 * 0 up to CXMS_ASSUMED_FULL_FROM (at the high end CXMS_ASSUMED_FULL_FROM_HIGH), 1 from 1 on,
 * straight in between.
 */
double cxms_linewait_full(double ratio, enum cxms_span end);

#endif

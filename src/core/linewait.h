/*
 * Waits that come once a line. A walk that uses each line of memory several times waits for the
 * line at one of these uses; all other time is its own work. Why: adr/0029.
 */
#ifndef CXMS_CORE_LINEWAIT_H
#define CXMS_CORE_LINEWAIT_H

#include <stdint.h>

#include "core/demand.h"

/* With fewer samples nothing is said: the share would be open by more than a half. */
#define CXMS_LINEWAIT_MIN_SAMPLES 8u

/*
 * A walk begins to go at the pace of memory when so much of a core's miss registers is in use: a
 * half, at the high end of the span a quarter. Full is what one core was measured to have in flight
 * (core/kernel.h); where below that waiting begins, nothing tells.
 */
#define CXMS_ASSUMED_FULL_FROM	    0.5
#define CXMS_ASSUMED_FULL_FROM_HIGH 0.25

/** struct cxms_linewait - samples counted by their place in a line (byte 0 .. 63), in two halves */
struct cxms_linewait {
	uint32_t count[2][64];
	uint32_t n;
};

/** cxms_linewait_add() - count a sample; @addr: of its operand, or a register that moves with it */
void cxms_linewait_add(struct cxms_linewait *w, uint64_t addr);

/**
 * cxms_linewait_share() - which share of the samples waited for a line to come
 * @step_bytes: from one use to the next, 1 .. 63
 * @run_bytes:  a loop within goes through so many bytes, and the one around it goes on by as many
 *              (the coordinates of one point after the other); 0 = not known; 64
 *              and more are as that
 * @share:      out, by span; 1 each where there are too few samples
 *
 * A dense walk waits for each line once, at one place in it: the first use, or where a full queue
 * lets it go on. What else takes time (hits, recoveries of mispredicted branches, the loop's own
 * work) falls on any of its uses. So the place in the line tells the two apart: with f the samples
 * at the place where most are and q those that fall there by chance (step/64),
 *   share = (f - q)/(1 - q).
 * What a loop does as it begins (a branch that was mispredicted as the last run ended, what hangs
 * on the first element) falls on the first use of each run. Runs of P < 64 bytes begin in a line
 * every gcd(P, 64) bytes, in one line or in one of several; 40 by 8 begin at any use alike. The
 * line is waited for at one place, so the chance there is what was seen as far behind the other
 * begins: with g their mean, share = f - g, at the place where that is most (a run may begin before
 * the line does). One half of the samples chooses the place, the other counts it, and the other way
 * round: choosing where most are thus adds no bias.
 * Ends: Wilson's 90 % interval of f, joined with that of g; the high end is that of the place where
 * most of all samples are, as a small share may be sought at the wrong place.
 */
void cxms_linewait_share(const struct cxms_linewait *w, unsigned step_bytes, unsigned run_bytes,
			 double share[CXMS_SPAN_COUNT]);

/**
 * cxms_linewait_full() - how much of a walk goes at the pace of memory, 0 .. 1
 * @ratio: lines in flight over the most that a core has
 *
 * Formula: 0 up to CXMS_ASSUMED_FULL_FROM (high end: CXMS_ASSUMED_FULL_FROM_HIGH), from there
 *   linear to 1 at @ratio 1
 */
double cxms_linewait_full(double ratio, enum cxms_span end);

#endif

/* How often the sampled lines of one group were seen: what tells how large a set they come from. */
#ifndef CXMS_CORE_COLLIDE_H
#define CXMS_CORE_COLLIDE_H

#include <stddef.h>
#include <stdint.h>

/* Lines seen 1 .. 8 times have a bin each, then bins widen by half; the last one is open. */
#define CXMS_SEEN_BINS 40

/** struct cxms_seen - lines by how often they were sampled, within windows of one length */
struct cxms_seen {
	double samples;		      /* n, immediate repeats of one stall left out */
	double sum_sq;		      /* sum over windows of n_w^2 */
	double pairs;		      /* sum over lines of C(c, 2), within windows */
	double lines[CXMS_SEEN_BINS]; /* F_j: lines seen j times in a window, summed over windows */
	double of[CXMS_SEEN_BINS];    /* j F_j: their samples */
};

/** cxms_seen_bin() - the bin of lines seen @times >= 1 times */
unsigned cxms_seen_bin(uint64_t times);
/** cxms_seen_first() - the smallest number of times that falls into @bin; bin CXMS_SEEN_BINS has
 * the end of the last */
uint64_t cxms_seen_first(unsigned bin);

/* Longer than a wait for any memory that loads reach: samples of one line further apart are waits
 * of their own, as of who comes to a single line again and again. */
#define CXMS_ASSUMED_STALL_NS 2000u

/** struct cxms_collide_sample - one wait */
struct cxms_collide_sample {
	uint64_t line, time_ns;
	uint32_t window;
};

/**
 * cxms_collide_count() - count within windows
 * @s:    n samples in order of time; window numbers do not fall
 * @work: scratch for 2 n numbers
 *
 * Neighbours of one line less than CXMS_ASSUMED_STALL_NS apart count once.
 */
void cxms_collide_count(const struct cxms_collide_sample *s, size_t n, uint64_t *work,
			struct cxms_seen *out);

#endif

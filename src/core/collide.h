/* DRAM or cache: how large a set the sampled lines come from, judged by how often they collide. */
#ifndef CXMS_CORE_COLLIDE_H
#define CXMS_CORE_COLLIDE_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_stair;

/** struct cxms_collide_counts - singles, pairs and triples of the sampled lines of one group, at
 * one lag */
struct cxms_collide_counts {
	double samples; /* n, immediate repeats of one stall left out */
	double windows; /* W: windows the samples fell into */
	double sum_sq;	/* sum over windows of n_w^2 */
	double pairs;	/* sum over lines of C(c, 2), within windows */
	double triples; /* sum over lines of C(c, 3), within windows */
};

/**
 * cxms_collide_count() - count within windows
 * @line:   n line numbers in time order
 * @window: n window numbers, non-decreasing
 * @work:   scratch for 2 n numbers
 */
void cxms_collide_count(const uint64_t *line, const uint32_t *window, size_t n, uint64_t *work,
			struct cxms_collide_counts *out);

/** struct cxms_share - share of a group's waiting time that is memory, with bounds */
struct cxms_share {
	double lo, mid, hi;
	double footprint_bytes; /* of the part that collides; the touched bytes where nothing does
				 */
	double resolved_ratio;	/* share of the samples that the colliding part explains, 0..1 */
};

/**
 * cxms_collide_share() - the share from the counts at two lags
 * @near:  counts within epochs (reuse that a cache can hold)
 * @far:   counts over the whole run
 * @touched_bytes: of the memory areas the group reaches: an upper bound of its footprint
 *
 * Formula: uniform draws from K lines give pairs p = n^2/2K and triples t = n^3/6K^2. One class of
 *   lines (n1 = n) explains t = p^2/(1.5 n); where more are seen, n1 = p^2/(1.5 t) samples fall on
 *   K1 = n1^2/(2 p W) lines and the rest on the touched bytes. The bounds run over every n1 that
 *   the triples allow. With fewer than ten pairs the touched bytes stand for the footprint and the
 *   pairs only bound it from below. Quality: 1 MB alone is estimated as 1.05 MB; half on 1 MB and
 *   half on 1 GB as 3.9 MB by pairs alone (tried), which is what the triples are for.
 */
struct cxms_share cxms_collide_share(const struct cxms_collide_counts *near,
				     const struct cxms_collide_counts *far, double touched_bytes,
				     const struct cxms_stair *stair);

#endif

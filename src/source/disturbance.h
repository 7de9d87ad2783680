/* What a disturbance costs a program that waits for memory, told by how long pieces of its work
 * take. */
#ifndef CXMS_SOURCE_DISTURBANCE_H
#define CXMS_SOURCE_DISTURBANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_chase;

/** struct cxms_piece - one of equal pieces of work, done one after the other */
struct cxms_piece {
	uint32_t took_ns;
	bool is_disturbed; /* a disturbance began in it */
};

/** the loads of a piece of the chase @c: 30 us, so that several fit between two disturbances, and
 * the clock is small against one */
uint64_t cxms_piece_hops(struct cxms_chase *c);

/**
 * cxms_disturbance_ns() - what one disturbance costs
 * @piece: in the order of time
 *
 * The piece it began in and the eight after it, in which lost translations and cache lines are
 * fetched again, each less the median of the quiet pieces just before: the work itself may become
 * slower or faster meanwhile. The median for each place, summed, since what a piece takes scatters
 * both ways. Where the first two pieces take more than thrice their lower quartile, the host or
 * another program was there: left out.
 *
 * Return: ns, at least 1; 0 = too few disturbances to tell
 *
 * Context: pure
 */
uint64_t cxms_disturbance_ns(const struct cxms_piece *piece, size_t n);

/** the lesser of two costs, either of which may be 0 = not known: company only adds */
uint64_t cxms_least_cost(uint64_t a_ns, uint64_t b_ns);

#endif

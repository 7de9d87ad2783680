/* One cache for all lines of a program: which of its waits are memory, given how often each line is
 * waited for. */
#ifndef CXMS_CORE_REUSE_H
#define CXMS_CORE_REUSE_H

struct cxms_stair;

/* Steps of 1.2 in how often a line is waited for, 14 orders of magnitude. */
#define CXMS_REUSE_BINS 176
/* Steps in time between two uses of a line. */
#define CXMS_REUSE_GRID 64

/** struct cxms_reuse - zero it, add lines, solve, ask. A value */
struct cxms_reuse {
	const struct cxms_stair *stair; /* borrowed */
	double scale;			/* the cache is that much larger than the staircase says */
	double lines[CXMS_REUSE_BINS], stall[CXMS_REUSE_BINS];	     /* of lines waited for */
	double known_lines[CXMS_REUSE_BINS], known[CXMS_REUSE_BINS]; /* uses are known */
	double uses[CXMS_REUSE_BINS];	      /* of a line per ns, of lines waited for */
	double first_ns, step;		      /* grid of times: first, factor */
	double distinct[CXMS_REUSE_GRID + 1]; /* lines used within such a time, at random */
	double in_turn[CXMS_REUSE_GRID + 1];  /* the same when each returns after its mean time */
	double miss[CXMS_REUSE_GRID + 1];     /* mean miss ratio of the step from this time on */
	double by_uses[2][CXMS_REUSE_BINS];   /* miss ratio by uses per ns; at random, in turn */
};

/**
 * cxms_reuse_add() - @lines lines, each waited for @stall_ns per ns of time
 * @uses_per_ns: of each line, where known (a stream); 0 = as often as the waiting says
 */
void cxms_reuse_add(struct cxms_reuse *r, double lines, double stall_ns, double uses_per_ns);

/**
 * cxms_reuse_solve() - find how long lines stay
 *
 * Formula: within a time t the program uses U(t) = sum K_i (1 - exp(-f_i t)) lines, f_i the uses of
 *   a line of class i. A use misses if too many other lines came between: M(U), which is what the
 *   staircase measures, as its chase comes back to each line after exactly its footprint. So
 *   m_i = integral f_i exp(-f_i t) M(U(t)) dt, for a cache of C lines Che's approximation.
 *   Samples are weighted by waiting, so f_i = x_i/(m_i L_mem + (1 - m_i) L_llc), x_i the waiting
 *   for a line: f and m are solved together. How many waits overlap does not matter as long as it
 *   is the same for all lines: f only counts in proportion to the others.
 */
void cxms_reuse_solve(struct cxms_reuse *r);

/**
 * cxms_reuse_memory_share() - share of the waiting time for such a line that is memory, 0..1
 * @random_ratio: 1 = its uses come at random, 0 = each after the same time (in turn)
 */
double cxms_reuse_memory_share(const struct cxms_reuse *r, double stall_ns, double uses_per_ns,
			       double random_ratio);

/**
 * cxms_reuse_miss_after() - chance that a use misses which comes @ns after the last one of its line
 * @overlap: uses of a line per wait for it, >= 1: what was added as waiting counts uses by waits
 *
 * Formula: M(U(t)) as of cxms_reuse_solve(), f_i times @overlap for lines that were waited for
 */
double cxms_reuse_miss_after(const struct cxms_reuse *r, double ns, double overlap);

#endif

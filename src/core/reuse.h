/*
 * One cache for all lines of a program: which of its waits are for memory, when it is known how
 * often each line is waited for. Lines are kept in classes of those that are used equally often.
 */
#ifndef CXMS_CORE_REUSE_H
#define CXMS_CORE_REUSE_H

#include <stdbool.h>

struct cxms_stair;

/* Steps of 1.2 in how often a line is waited for, 14 orders of magnitude. */
#define CXMS_REUSE_BINS 176
/* Steps in time between two uses of a line. */
#define CXMS_REUSE_GRID 64

/** struct cxms_reuse - a value: zero it, set stair, scale and from_hits, add lines, solve, ask */
struct cxms_reuse {
	const struct cxms_stair *stair; /* borrowed */
	double scale;			/* size of the cache over what the staircase says */
	bool from_hits; /* of two states that the samples allow: the one with fewer misses */
	/* [class] lines that are waited for, and the waiting for them */
	double lines[CXMS_REUSE_BINS], stall[CXMS_REUSE_BINS];
	/* [class] lines whose uses are known, and these uses */
	double known_lines[CXMS_REUSE_BINS], known[CXMS_REUSE_BINS];
	double uses[CXMS_REUSE_BINS];	      /* [class] per ns, of a line that is waited for */
	double first_ns, step;		      /* grid of times: the first, and factor to the next */
	double distinct[CXMS_REUSE_GRID + 1]; /* lines used within such a time, at random */
	double in_turn[CXMS_REUSE_GRID + 1];  /* the same where each returns after its mean time */
	double miss[CXMS_REUSE_GRID + 1];     /* mean miss ratio from this time to the next */
	double by_uses[2][CXMS_REUSE_BINS];   /* miss ratio by uses per ns: at random, in turn */
};

/**
 * cxms_reuse_add() - a class of @lines lines
 * @stall_ns:    how long each is waited for, per ns of time
 * @uses_per_ns: of each line, where that is known (a stream); 0 = as the waiting tells
 */
void cxms_reuse_add(struct cxms_reuse *r, double lines, double stall_ns, double uses_per_ns);

/**
 * cxms_reuse_solve() - find how often a use of each class misses
 *
 * Formula: K_i lines of class i are used f_i times per ns each, so within a time t the program uses
 *   U(t) = sum K_i (1 - exp(-f_i t)) lines. A use misses with chance M(U) where U other lines came
 *   since the last use of its line. The staircase measures M, as its chase comes back to each line
 *   after exactly its footprint. So m_i = integral f_i exp(-f_i t) M(U(t)) dt, which for a cache of
 *   C lines is Che's approximation. Samples are weighted by waiting, x_i for a line, so
 *   f_i = x_i/(m_i L_mem + (1 - m_i) L_llc): f and m are solved together.
 *   How many waits overlap does not matter, as long as it is the same for all lines: only the
 *   proportions of f count.
 */
void cxms_reuse_solve(struct cxms_reuse *r);

/**
 * cxms_reuse_memory_share() - share of the waiting for a line that is for memory, 0 .. 1
 * @stall_ns, @uses_per_ns: of the line, as cxms_reuse_add()
 * @random_ratio: 1 = its uses come at random, 0 = each after the same time (in turn)
 */
double cxms_reuse_memory_share(const struct cxms_reuse *r, double stall_ns, double uses_per_ns,
			       double random_ratio);

/**
 * cxms_reuse_miss_after() - chance that a use misses which comes @ns after the last one of its line
 * @overlap: uses of a line for one wait, >= 1: lines that were added by their waiting are used so
 *           many times more often
 *
 * Formula: M(U(t)) of cxms_reuse_solve(), with f_i times @overlap for those lines
 */
double cxms_reuse_miss_after(const struct cxms_reuse *r, double ns, double overlap);

#endif

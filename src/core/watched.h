/* From when watched words were used again to the share of the waits that is memory. */
#ifndef CXMS_CORE_WATCHED_H
#define CXMS_CORE_WATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/demand.h"
#include "core/judge.h"

struct cxms_stair;

/** struct cxms_watched - one word that was watched (struct cxms_watch) */
struct cxms_watched {
	double stands; /* waits that it stands for, > 0 */
	unsigned uses; /* seen, 0 .. 3; there is one interval less */
	/* By span: chance that the use at the end of the first and of the second interval missed;
	 * and that one missed which comes after more than the limit. */
	double miss[CXMS_SPAN_COUNT][2], never[CXMS_SPAN_COUNT];
};

/**
 * cxms_watched_parts() - into how many parts of equal length a thread's run may be cut
 * @n_never: how many of its words were not used again in time
 *
 * A thread has four watchpoints. Once four such words have come all of them are taken, and no other
 * word is met. So where a part ends with r of them their share is too large, by r/(r - 1) on
 * average: with 25 a part by 4 %.
 */
unsigned cxms_watched_parts(size_t n_never);

/**
 * cxms_watched_even() - let all words of a stratum (a thread in a part of the run) stand for
 * equally many waits
 * @stratum: [n] of each word, below @n_stratum
 *
 * The word that comes first after a time without a free watchpoint stands for many waits. Which
 * word that is, is chance; left as it is, few words would decide. Return: 0 or -ENOMEM
 */
int cxms_watched_even(struct cxms_watched *word, const uint32_t *stratum, size_t n,
		      size_t n_stratum);

/**
 * cxms_watched_share() - which share of the waiting that the words stand for is for memory
 *
 * Formula: words are drawn by waiting. A line of which the share m of the uses misses is waited for
 *   m L_mem + (1 - m) L_llc a use, and m L_mem of that is memory; ts(m) is that share, a concave
 *   function. The mean of m alone leaves open whether few lines always miss or all do sometimes:
 * the share lies between E[m] and ts(E[m]). Two intervals of one word tell, m1 and m2 of the same
 *   line: q = (E[m1 m2] - E[m]^2)/(E[m] - E[m]^2) is 1 where each line always does the same and 0
 *   where all lines are alike, and the share is q E[m] + (1 - q) ts(E[m]).
 *   A word that was not used again in time has no second interval; it counts as if that were in
 * time as often as the first is of words whose second is not (either order is equally likely).
 * Bounds: Wilson's interval of E[m] and Fisher's of the correlation q, 90 % each, on
 *   W = (sum of stands)^2 / sum of stands^2 words, at the low and high ends of miss and never.
 * Return: false, with *out untouched, where W is less than ten
 */
bool cxms_watched_share(const struct cxms_watched *word, size_t n, const struct cxms_stair *stair,
			struct cxms_share *out);

#endif

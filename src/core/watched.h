/* From when watched words were used again to the share of the waits that is memory. */
#ifndef CXMS_CORE_WATCHED_H
#define CXMS_CORE_WATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/demand.h"
#include "core/judge.h"

struct cxms_stair;

/** struct cxms_watched - one word; intervals as of struct cxms_watch, all within its limit */
struct cxms_watched {
	double stands; /* for so many waits, > 0 */
	unsigned uses; /* seen, 0 .. 3: as many intervals less one */
	/* By span: chance that the use at the end of the first and the second interval missed, and
	 * of one that comes after more than the limit. */
	double miss[CXMS_SPAN_COUNT][2], never[CXMS_SPAN_COUNT];
};

/**
 * cxms_watched_parts() - into how many parts of equal length a thread's run may be cut
 * @n_never: its words that were not used again in time
 *
 * A thread's watchpoints are all taken once four such words have come: where a part ends with r of
 * them, their share is too large by r/(r - 1) on average. 25 a part: 4 %.
 */
unsigned cxms_watched_parts(size_t n_never);

/**
 * cxms_watched_even() - words of one stratum (a thread in a part of the run) stand for as many
 * waits. Which word comes first after a time without a free watchpoint, and so stands for many
 * waits, is chance: left as it is, few words would decide.
 * @stratum: by word, below @n_stratum. Return: 0 or -ENOMEM
 */
int cxms_watched_even(struct cxms_watched *word, const uint32_t *stratum, size_t n,
		      size_t n_stratum);

/**
 * cxms_watched_share() - the share of the waiting time of what the words stand for
 *
 * Formula: words are drawn by waiting, and a line with miss ratio m is waited for
 *   m L_mem + (1 - m) L_llc a use, of which m L_mem is memory: ts(m), concave. The mean of m alone
 *   leaves open whether few lines always miss or all do sometimes; the share lies between E[m] and
 *   ts(E[m]). Two intervals of one word tell: q = (E[m1 m2] - E[m]^2)/(E[m] - E[m]^2), 1 where each
 *   line always does the same, 0 where all are alike, and the share is q E[m] + (1 - q) ts(E[m]).
 *   A word that was not used again in time may have been after it: as often as one that was and
 *   then was not (intervals in reverse order are as likely).
 * Bounds: Wilson's interval of E[m] and Fisher's of the correlation q, 90 % each, on
 *   (sum of stands)^2 / sum of stands^2 words, at the lo and hi ends of what is given.
 * Return: false with *out untouched where these are fewer than ten words
 */
bool cxms_watched_share(const struct cxms_watched *word, size_t n, const struct cxms_stair *stair,
			struct cxms_share *out);

#endif

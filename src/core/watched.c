#include "core/watched.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/stair.h"

/* Two-sided 90 % of a normal distribution. */
#define Z90 1.645
/* Below it the relative error of a count exceeds 1/sqrt(10) = 32 %. */
#define MIN_WORDS    10.0
#define NEVER_A_PART 25u
#define MOST_PARTS   16u
/* Means so near to 0 or 1 leave no room for lines that differ. */
#define EVEN 1e-9

/* E[m], and E[m1 m2] of two intervals of one word. */
struct moments {
	double mean, both, words;
};

static struct moments moments_of(const struct cxms_watched *word, size_t n, enum cxms_span k)
{
	struct moments m = {0};
	double all = 0, squares = 0, once = 0, twice = 0, once_never = 0;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_watched *w = &word[i];
		double never = w->never[k], first = w->uses >= 2 ? w->miss[k][0] : never;
		all += w->stands;
		squares += w->stands * w->stands;
		m.mean += w->stands * first;
		if (w->uses == 0)
			m.both += w->stands * never * never;
		if (w->uses == 1) {
			once += w->stands;
			once_never += w->stands * never;
		}
		if (w->uses == 2) { /* and as often in reverse order, where only one is seen */
			twice += w->stands;
			m.both += 2 * w->stands * first * never;
		}
		if (w->uses == 3)
			m.both += w->stands * first * w->miss[k][1];
	}
	if (once > twice)
		m.both += (once - twice) * (once_never / once) * (once_never / once);
	m.mean /= all;
	m.both /= all;
	m.words = all * all / squares;
	return m;
}

unsigned cxms_watched_parts(size_t n_never)
{
	size_t parts = 1 + n_never / NEVER_A_PART;
	return parts < MOST_PARTS ? (unsigned)parts : MOST_PARTS;
}

int cxms_watched_even(struct cxms_watched *word, const uint32_t *stratum, size_t n,
		      size_t n_stratum)
{
	double *stands = calloc(n_stratum + 1, sizeof(*stands));
	double *words = calloc(n_stratum + 1, sizeof(*words));
	int rc = stands && words ? 0 : -ENOMEM;
	for (size_t i = 0; i < n && !rc; i++) {
		stands[stratum[i]] += word[i].stands;
		words[stratum[i]] += 1;
	}
	for (size_t i = 0; i < n && !rc; i++)
		word[i].stands = stands[stratum[i]] / words[stratum[i]];
	free(stands);
	free(words);
	return rc;
}

static double wilson(double mean, double n, double z)
{
	double scale = 1 + z * z / n;
	double spread = sqrt(mean * (1 - mean) / n + z * z / (4 * n * n));
	return fmin(1, fmax(0, (mean + z * z / (2 * n) + z * spread) / scale));
}

/* How much lines differ: 0 = all alike, 1 = each always does the same. */
static double differ(const struct moments *m, double z)
{
	double room = m->mean * (1 - m->mean);
	if (room < EVEN)
		return z < 0 ? 0 : 1;
	double q = fmin(1, fmax(0, (m->both - m->mean * m->mean) / room));
	double at = atanh(fmin(q, 1 - 1 / m->words));
	return z == 0 ? q : fmin(1, fmax(0, tanh(at + z / sqrt(m->words - 3))));
}

static double share_of(double mean, double q, const struct cxms_stair *s)
{
	double alike = cxms_stair_time_share(s, mean);
	return q * mean + (1 - q) * alike;
}

bool cxms_watched_share(const struct cxms_watched *word, size_t n, const struct cxms_stair *stair,
			struct cxms_share *out)
{
	struct moments m[CXMS_SPAN_COUNT];
	if (n == 0)
		return false;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		m[k] = moments_of(word, n, (enum cxms_span)k);
	const struct moments *lo = &m[CXMS_SPAN_LO], *mid = &m[CXMS_SPAN_MID];
	const struct moments *hi = &m[CXMS_SPAN_HI];
	if (mid->words < MIN_WORDS)
		return false;
	*out = (struct cxms_share){.mid = share_of(mid->mean, differ(mid, 0), stair)};
	out->lo = share_of(wilson(lo->mean, lo->words, -Z90), differ(lo, Z90), stair);
	out->hi = share_of(wilson(hi->mean, hi->words, Z90), differ(hi, -Z90), stair);
	out->lo = fmin(out->lo, out->mid);
	out->hi = fmax(out->hi, out->mid);
	return true;
}

#include "core/collide.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/stair.h"

/* Below ten pairs the relative error of K exceeds 1/sqrt(10) = 32 %: not resolved. */
#define MIN_PAIRS 10.0
/* Below twenty triples n1 is not known to better than about 25 %: one class is assumed. */
#define MIN_TRIPLES 20.0
/* Sets that differ by less than this factor are taken for the same set seen at two lags. */
#define CLEARLY 2.0
/* Two-sided 90 % of a normal distribution. */
#define Z90 1.645

static int by_value(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
	return a < b ? -1 : a > b;
}

static void count_window(const uint64_t *line, size_t n, uint64_t *work,
			 struct cxms_collide_counts *out)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || line[i] != line[i - 1]) /* else: one and the same stall, seen twice */
			work[kept++] = line[i];
	qsort(work, kept, sizeof(*work), by_value);
	for (size_t i = 0; i < kept;) {
		size_t j = i;
		while (j < kept && work[j] == work[i])
			j++;
		double c = (double)(j - i);
		out->pairs += c * (c - 1) / 2;
		out->triples += c * (c - 1) * (c - 2) / 6;
		i = j;
	}
	out->samples += (double)kept;
	out->sum_sq += (double)kept * (double)kept;
	out->windows += 1;
}

void cxms_collide_count(const uint64_t *line, const uint32_t *window, size_t n, uint64_t *work,
			struct cxms_collide_counts *out)
{
	*out = (struct cxms_collide_counts){0};
	for (size_t i = 0; i < n;) {
		size_t j = i;
		while (j < n && window[j] == window[i])
			j++;
		count_window(line + i, j - i, work, out);
		i = j;
	}
}

/* Two classes of lines at one lag: n1 of n samples on k1 lines, the others never meet again. */
struct classes {
	double ratio, ratio_lo, ratio_hi; /* n1/n */
	double k1, k1_lo, k1_hi;	  /* lines */
	bool resolved;
};

static struct classes split_classes(const struct cxms_collide_counts *c)
{
	struct classes r = {.ratio = 1, .ratio_lo = 1, .ratio_hi = 1};
	double p = c->pairs, t = c->triples;
	r.resolved = p >= MIN_PAIRS;
	if (!r.resolved) {
		double most = p + Z90 * sqrt(p) + Z90 * Z90;
		r.k1_lo = c->sum_sq / (2 * most);
		return r;
	}
	double spread = Z90 / sqrt(p);
	if (t >= MIN_TRIPLES) {
		double n1 = p * p / (1.5 * t);
		double wide = Z90 * sqrt(4 / p + 1 / t);
		r.ratio = fmin(1, n1 / c->samples);
		r.ratio_lo = fmin(1, r.ratio * fmax(0, 1 - wide));
		r.ratio_hi = fmin(1, r.ratio * (1 + wide));
	}
	r.k1 = r.ratio * r.ratio * c->sum_sq / (2 * p);
	r.k1_lo = r.k1 * fmax(0.2, 1 - spread);
	r.k1_hi = r.k1 * (1 + spread);
	return r;
}

static double blend(const struct cxms_stair *stair, double ratio, double k1, double touched_bytes)
{
	double near = cxms_stair_memory_share(stair, fmin(touched_bytes, k1 * CXMS_LINE_BYTES));
	double far = cxms_stair_memory_share(stair, touched_bytes);
	return ratio * near + (1 - ratio) * far;
}

static struct cxms_share share_at(const struct cxms_collide_counts *c, double touched_bytes,
				  const struct cxms_stair *stair)
{
	struct classes k = split_classes(c);
	struct cxms_share s;
	if (!k.resolved) {
		s.mid = s.hi = cxms_stair_memory_share(stair, touched_bytes);
		s.lo = fmin(s.mid, blend(stair, 1, k.k1_lo, touched_bytes));
		s.footprint_bytes = touched_bytes;
		s.resolved_ratio = 0;
		return s;
	}
	s.mid = blend(stair, k.ratio, k.k1, touched_bytes);
	s.lo = fmin(s.mid, blend(stair, k.ratio_hi, k.k1_lo, touched_bytes));
	s.hi = fmax(s.mid, blend(stair, k.ratio_lo, k.k1_hi, touched_bytes));
	s.footprint_bytes = fmin(touched_bytes, k.k1 * CXMS_LINE_BYTES);
	s.resolved_ratio = k.ratio;
	return s;
}

struct cxms_share cxms_collide_share(const struct cxms_collide_counts *near,
				     const struct cxms_collide_counts *far, double touched_bytes,
				     const struct cxms_stair *stair)
{
	/*
	 * The same collisions per pair of samples at both lags: no locality in time, the long lag
	 * has the better statistics. Clearly more at the short lag: the program moves through its
	 * memory, and what a cache holds is the short-lag set.
	 */
	bool near_resolved = near->pairs >= MIN_PAIRS, far_resolved = far->pairs >= MIN_PAIRS;
	if (near_resolved &&
	    (!far_resolved || near->sum_sq / near->pairs * CLEARLY < far->sum_sq / far->pairs))
		return share_at(near, touched_bytes, stair);
	return share_at(far, touched_bytes, stair);
}

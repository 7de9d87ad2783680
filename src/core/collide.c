#include "core/collide.h"

#include <math.h>
#include <stdbool.h>

#include "base/units.h"
#include "core/stair.h"

/* Below ten pairs the relative error of K exceeds 1/sqrt(10) = 32 %: not resolved. */
#define MIN_PAIRS 10.0
/* Points of the span of the classes' sizes that are looked at for its bounds. */
#define BOUND_STEPS 8
/* Sets that differ by less than this factor are taken for the same set seen at two lags. */
#define CLEARLY 2.0
/* Two-sided 90 % of a normal distribution. */
#define Z90 1.645

/* Radix sort, byte by byte where the bytes differ; returns which of the two arrays holds the
 * result.
 */
static uint64_t *sort_lines(uint64_t *v, uint64_t *spare, size_t n)
{
	uint64_t differ = 0;
	for (size_t i = 1; i < n; i++)
		differ |= v[i] ^ v[0];
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t at[257] = {0};
		if (!(differ >> shift & 0xff))
			continue;
		for (size_t i = 0; i < n; i++)
			at[(v[i] >> shift & 0xff) + 1]++;
		for (unsigned k = 1; k < 256; k++)
			at[k] += at[k - 1];
		for (size_t i = 0; i < n; i++)
			spare[at[v[i] >> shift & 0xff]++] = v[i];
		uint64_t *sorted = spare;
		spare = v;
		v = sorted;
	}
	return v;
}

static void count_window(const uint64_t *line, size_t n, uint64_t *work,
			 struct cxms_collide_counts *out)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || line[i] != line[i - 1]) /* else: one and the same stall, seen twice */
			work[kept++] = line[i];
	const uint64_t *sorted = sort_lines(work, work + n, kept);
	for (size_t i = 0; i < kept;) {
		size_t j = i;
		while (j < kept && sorted[j] == sorted[i])
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

/* Two classes of lines at one lag: n1 of n samples on few lines, the others never meet again. */
struct classes {
	double ratio, ratio_lo, ratio_hi; /* n1/n */
	double k, k_lo, k_hi;		  /* lines if all n were on them; n1 are on ratio^2 k */
	bool resolved;
};

/* Most of a Poisson count, about 95 %, given the count or its mean. */
static double poisson_most(double count)
{
	return count + Z90 * sqrt(count) + Z90 * Z90;
}

static double class_ratio(double pairs, double triples, double samples)
{
	return fmin(1, pairs * pairs / (1.5 * triples) / samples);
}

static struct classes split_classes(const struct cxms_collide_counts *c)
{
	struct classes r = {.ratio = 1, .ratio_lo = 1, .ratio_hi = 1};
	double p = c->pairs, t = c->triples;
	r.resolved = p >= MIN_PAIRS;
	if (!r.resolved) {
		r.k_lo = c->sum_sq / (2 * poisson_most(p));
		return r;
	}
	/* One class, unless there are more triples than it explains. */
	r.ratio_lo = class_ratio(p, poisson_most(t), c->samples);
	if (t > poisson_most(p * p / (1.5 * c->samples))) {
		r.ratio = class_ratio(p, t, c->samples);
		r.ratio_hi = class_ratio(p, fmax(1, t - Z90 * sqrt(t)), c->samples);
	}
	double spread = Z90 / sqrt(p);
	r.k = c->sum_sq / (2 * p);
	r.k_lo = r.k * fmax(0.2, 1 - spread);
	r.k_hi = r.k * (1 + spread);
	return r;
}

static double blend(const struct cxms_stair *stair, double ratio, double k, double touched_bytes)
{
	double bytes = fmin(touched_bytes, ratio * ratio * k * CXMS_LINE_BYTES);
	double near = cxms_stair_memory_share(stair, bytes);
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
		s.lo = fmin(s.mid, blend(stair, 1, k.k_lo, touched_bytes));
		s.footprint_bytes = touched_bytes;
		s.resolved_ratio = 0;
		return s;
	}
	s.lo = s.mid = s.hi = blend(stair, k.ratio, k.k, touched_bytes);
	for (int i = 0; i <= BOUND_STEPS; i++) {
		double ratio = k.ratio_lo + (k.ratio_hi - k.ratio_lo) * i / BOUND_STEPS;
		s.lo = fmin(s.lo, blend(stair, ratio, k.k_lo, touched_bytes));
		s.hi = fmax(s.hi, blend(stair, ratio, k.k_hi, touched_bytes));
	}
	s.footprint_bytes = fmin(touched_bytes, k.ratio * k.ratio * k.k * CXMS_LINE_BYTES);
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

#include "core/linewait.h"

#include <math.h>

#include "base/units.h"

#define Z_90 1.645 /* standard normal quantile, two-sided 90 % */

void cxms_linewait_add(struct cxms_linewait *w, uint64_t addr)
{
	w->count[w->n++ % 2][addr % CXMS_LINE_BYTES]++;
}

/* What falls on place @b of a line by chance: the last place may be cut by the line's end. */
static double by_chance(unsigned b, unsigned step)
{
	unsigned left = CXMS_LINE_BYTES - b * step;
	return (double)(left < step ? left : step) / (double)CXMS_LINE_BYTES;
}

static uint32_t count_at(const uint32_t count[64], unsigned b, unsigned step)
{
	uint32_t sum = 0;
	for (unsigned i = b * step; i < (b + 1) * step && i < CXMS_LINE_BYTES; i++)
		sum += count[i];
	return sum;
}

/* Where most of the @n samples are beyond what chance puts there. */
static unsigned place_of(const uint32_t count[64], uint32_t n, unsigned step)
{
	unsigned best = 0;
	double most = -1;
	for (unsigned b = 0; b * step < CXMS_LINE_BYTES; b++) {
		double more = count_at(count, b, step) - by_chance(b, step) * n;
		if (more <= most)
			continue;
		most = more;
		best = b;
	}
	return best;
}

/* Samples at the place where most of all are: too many rather than too few. */
static double most_at_a_place(const struct cxms_linewait *w, unsigned step)
{
	uint32_t both[64];
	for (unsigned i = 0; i < CXMS_LINE_BYTES; i++)
		both[i] = w->count[0][i] + w->count[1][i];
	return count_at(both, place_of(both, w->n, step), step);
}

void cxms_linewait_share(const struct cxms_linewait *w, unsigned step_bytes,
			 double share[CXMS_SPAN_COUNT])
{
	static const double side[CXMS_SPAN_COUNT] = {-Z_90, 0, Z_90};
	double hits = 0, chance = 0, n = w->n;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		share[k] = 1;
	if (w->n < CXMS_LINEWAIT_MIN_SAMPLES)
		return;
	for (unsigned half = 0; half < 2; half++) {
		uint32_t here = (w->n + !half) / 2, other = w->n - here;
		unsigned b = place_of(w->count[!half], other, step_bytes);
		hits += count_at(w->count[half], b, step_bytes);
		chance += by_chance(b, step_bytes) * here / n;
	}
	double most = most_at_a_place(w, step_bytes);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		double z2 = side[k] * side[k],
		       f = k == CXMS_SPAN_HI ? fmax(hits, most) / n : hits / n;
		double mid = (f + z2 / (2 * n)) / (1 + z2 / n);
		double wide = side[k] / (1 + z2 / n) * sqrt(f * (1 - f) / n + z2 / (4 * n * n));
		share[k] = fmin(1, fmax(0, (mid + wide - chance) / (1 - chance)));
	}
}

double cxms_linewait_full(double ratio, enum cxms_span end)
{
	const double none =
		end == CXMS_SPAN_HI ? CXMS_ASSUMED_FULL_FROM_HIGH : CXMS_ASSUMED_FULL_FROM;
	return fmin(1, fmax(0, (ratio - none) / (1 - none)));
}

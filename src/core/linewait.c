#include "core/linewait.h"

#include <math.h>
#include <stdbool.h>

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

static void sum_halves(const struct cxms_linewait *w, uint32_t both[64])
{
	for (unsigned i = 0; i < CXMS_LINE_BYTES; i++)
		both[i] = w->count[0][i] + w->count[1][i];
}

/* Samples at the place where most of all are: too many rather than too few. */
static double most_at_a_place(const struct cxms_linewait *w, unsigned step)
{
	uint32_t both[64];
	sum_halves(w, both);
	return count_at(both, place_of(both, w->n, step), step);
}

/* Mean of the samples at the place of @b in the other runs of a line. */
static double at_other_runs(const uint32_t count[64], unsigned b, unsigned step, unsigned run)
{
	unsigned places = CXMS_LINE_BYTES / step, runs = CXMS_LINE_BYTES / run;
	double sum = 0;
	for (unsigned r = 1; r < runs; r++)
		sum += count_at(count, (b + r * (run / step)) % places, step);
	return sum / (runs - 1);
}

/* Where most samples are beyond those at the same place of the other runs: a run may begin before
 * the line does, and more of them wait for its first use than for the line. */
static unsigned place_beyond_runs(const uint32_t count[64], unsigned step, unsigned run)
{
	unsigned best = 0;
	double most = -INFINITY;
	for (unsigned b = 0; b < CXMS_LINE_BYTES / step; b++) {
		double more = count_at(count, b, step) - at_other_runs(count, b, step, run);
		if (more <= most)
			continue;
		most = more;
		best = b;
	}
	return best;
}

/* Runs of P bytes, one behind the other, begin in a line at each multiple of what divides both. */
static unsigned between_begins(unsigned run)
{
	return run < CXMS_LINE_BYTES ? run & (0u - run) : 0;
}

/* Do a line's runs have the same places? */
static bool has_runs(unsigned step, unsigned run)
{
	return run > step && run % step == 0;
}

/* An end of Wilson's interval of a ratio that was seen in @n. */
static double wilson(double ratio, double n, double side)
{
	double z2 = side * side, mid = (ratio + z2 / (2 * n)) / (1 + z2 / n);
	return mid + side / (1 + z2 / n) * sqrt(ratio * (1 - ratio) / n + z2 / (4 * n * n));
}

/* What is more at a place than in the other runs, at an end of both intervals: samples are at one
 * of them or at another. */
static double beyond_runs(double hits, double others, double n, double runs, double side)
{
	double f = hits / n, g = others / n;
	double up = wilson(f, n, side) - f, down = wilson(g, n * (runs - 1), -side) - g;
	double wide = sqrt(up * up + down * down + 2 * side * side * f * g / n);
	return f - g + (side < 0 ? -wide : side > 0 ? wide : 0);
}

static void share_by_runs(const struct cxms_linewait *w, unsigned step, unsigned run,
			  const double side[CXMS_SPAN_COUNT], double share[CXMS_SPAN_COUNT])
{
	const double runs = (double)CXMS_LINE_BYTES / run;
	double hits = 0, others = 0;
	uint32_t both[64];
	for (unsigned half = 0; half < 2; half++) {
		unsigned b = place_beyond_runs(w->count[!half], step, run);
		hits += count_at(w->count[half], b, step);
		others += at_other_runs(w->count[half], b, step, run);
	}
	sum_halves(w, both);
	unsigned b = place_beyond_runs(both, step, run);
	double most = count_at(both, b, step), least = at_other_runs(both, b, step, run);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		bool high = k == CXMS_SPAN_HI && most - least > hits - others;
		share[k] =
			beyond_runs(high ? most : hits, high ? least : others, w->n, runs, side[k]);
		share[k] = fmin(1, fmax(0, share[k]));
	}
}

void cxms_linewait_share(const struct cxms_linewait *w, unsigned step_bytes, unsigned run_bytes,
			 double share[CXMS_SPAN_COUNT])
{
	static const double side[CXMS_SPAN_COUNT] = {-Z_90, 0, Z_90};
	const unsigned run = between_begins(run_bytes);
	double hits = 0, chance = 0, n = w->n;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		share[k] = 1;
	if (w->n < CXMS_LINEWAIT_MIN_SAMPLES)
		return;
	if (has_runs(step_bytes, run)) {
		share_by_runs(w, step_bytes, run, side, share);
		return;
	}
	for (unsigned half = 0; half < 2; half++) {
		uint32_t here = (w->n + !half) / 2, other = w->n - here;
		unsigned b = place_of(w->count[!half], other, step_bytes);
		hits += count_at(w->count[half], b, step_bytes);
		chance += by_chance(b, step_bytes) * here / n;
	}
	double most = most_at_a_place(w, step_bytes);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		double f = k == CXMS_SPAN_HI ? fmax(hits, most) / n : hits / n;
		share[k] = fmin(1, fmax(0, (wilson(f, n, side[k]) - chance) / (1 - chance)));
	}
}

double cxms_linewait_full(double ratio, enum cxms_span end)
{
	const double none =
		end == CXMS_SPAN_HI ? CXMS_ASSUMED_FULL_FROM_HIGH : CXMS_ASSUMED_FULL_FROM;
	return fmin(1, fmax(0, (ratio - none) / (1 - none)));
}

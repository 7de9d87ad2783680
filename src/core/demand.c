#include "core/demand.h"

#include <math.h>

#include "base/units.h"

/* A longer wait makes fewer waits of the same stall, and so less added time: the low end. */
double cxms_wait_spread(enum cxms_span end)
{
	static const double spread[CXMS_SPAN_COUNT] = {1 + CXMS_ASSUMED_LATENCY_SPREAD, 1,
						       1 - CXMS_ASSUMED_LATENCY_SPREAD};
	return spread[end];
}

void cxms_wait_model(double mem_ps, const double walk_ps[CXMS_SPAN_COUNT], bool carried,
		     unsigned loop_insns, unsigned rob, const double uop_ps[CXMS_SPAN_COUNT],
		     struct cxms_wait *out)
{
	static const double looped[CXMS_SPAN_COUNT] = {1.0, 1.5, 2.0};
	static const double unlooped[CXMS_SPAN_COUNT] = {0.0, 1.0, 2.0};
	double uops = loop_insns ? fmin(rob, loop_insns) : fmin(rob, CXMS_ASSUMED_UNLOOPED_UOPS);
	double assumed = CXMS_ASSUMED_CPI_WORK * 1e12 / CXMS_ASSUMED_CLOCK_HZ;

	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		double seen = (mem_ps + walk_ps[k]) * cxms_wait_spread((enum cxms_span)k);
		double factor = loop_insns ? looped[k] : unlooped[k];
		double each = uop_ps ? fmax(uop_ps[k], assumed) : assumed;
		double hidden =
			carried ? 0 : fmin(each * uops * factor, CXMS_HIDDEN_MAX_RATIO * seen);
		out->seen_ps[k] = seen;
		out->hidden_ps[k] = hidden;
		out->per_ps[k] = 1 / (seen - hidden);
	}
}

void cxms_wait_ahead(double loop_per_stall, struct cxms_wait *w)
{
	for (int k = CXMS_SPAN_MID; k < CXMS_SPAN_COUNT; k++) {
		double most = fmin(loop_per_stall, 1 / (1 - CXMS_HIDDEN_MAX_RATIO)) / w->seen_ps[k];
		if (most <= w->per_ps[k])
			continue;
		w->per_ps[k] = k == CXMS_SPAN_MID ? sqrt(w->per_ps[k] * most) : most;
		w->hidden_ps[k] = w->seen_ps[k] - 1 / w->per_ps[k];
	}
}

double cxms_hop_seen_ps(double turn_ps, double share, double mem_ps, double llc_ps)
{
	double d = mem_ps - llc_ps, sum = turn_ps + d;
	double miss = (sum - sqrt(sum * sum - 4 * d * share * turn_ps)) / (2 * d);

	return fmax(mem_ps, turn_ps + (1 - miss) * d);
}

static double miss_ratio(const struct cxms_runs *in, double share)
{
	double hit = (1 - share) * in->seen_ps, miss = share * in->llc_ps;
	return miss > 0 ? miss / (miss + hit) : 0;
}

/* Misses that one exposed wait stands for: its own, and those among the turns behind it. */
static double misses_of_wait(const struct cxms_runs *in, double miss)
{
	return 1 + miss * fmax(0, in->window_turns - 1);
}

/* The fewest misses that explain the waits: w = N m / (1 + m (W - 1)), solved for N m. */
static double fewest_lines(const struct cxms_runs *in, double waits)
{
	double left = in->runs - waits * fmax(0, in->window_turns - 1);
	return left > waits ? in->runs * waits / left : in->runs;
}

static double bound_waits(const struct cxms_runs *in, double share, double waits, double lines)
{
	double most = share * (double)CXMS_PS_PER_NS / ((1 - CXMS_HIDDEN_MAX_RATIO) * in->seen_ps);
	double least = lines / misses_of_wait(in, miss_ratio(in, share));
	least = fmin(least, in->most_waits);
	if (!in->uneven && !in->queued)
		waits = fmax(waits, fmin(least, most));
	return fmin(waits, lines);
}

void cxms_runs_bound(const struct cxms_runs *in, double waits[CXMS_SPAN_COUNT],
		     double lines[CXMS_SPAN_COUNT])
{
	double most = fmin(in->runs, in->most_lines);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		lines[k] = fmin(most, in->runs * miss_ratio(in, in->share[k]));
		waits[k] = bound_waits(in, in->share[k], waits[k], lines[k]);
	}
	double mid = lines[CXMS_SPAN_MID];
	lines[CXMS_SPAN_LO] = fmin(mid, fewest_lines(in, waits[CXMS_SPAN_LO]));
	lines[CXMS_SPAN_HI] = fmax(mid, lines[CXMS_SPAN_HI]);
	if (in->uneven)
		lines[CXMS_SPAN_MID] = sqrt(lines[CXMS_SPAN_LO] * mid);
}

void cxms_traffic_lines(const struct cxms_traffic_in *in, double lines[CXMS_SPAN_COUNT])
{
	double free_waits = fmax(0, in->waits - in->known_waits);
	double free_ratio = in->waits > 0 ? free_waits / in->waits : 0;
	double most =
		in->seen_ps > 0 ? in->l1d_mshrs * in->active_ps * free_ratio / in->seen_ps : 0;
	double high = fmax(free_waits, most);
	lines[CXMS_SPAN_LO] = in->known_lines + free_waits;
	lines[CXMS_SPAN_MID] = in->known_lines + sqrt(free_waits * high);
	lines[CXMS_SPAN_HI] = in->known_lines + high;
}

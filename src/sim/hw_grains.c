/* Shares and grains of a recording whose accesses the hardware sampled: judged by counters, not by
 * how often lines collide. */
#include <math.h>

#include "base/units.h"
#include "sim/evidence.h"
#include "sim/hw_cells.h"
#include "sim/recording.h"
#include "sim/traffic.h"

/* What the samples of a term in a stretch stand for: its own, and terms without samples. */
static bool stands_for(const struct cxms_hw_cell *c, int term, int other)
{
	return other == term || (term == CXMS_TERM_DRAM && c->period[other] <= 0);
}

static struct cxms_share share_of(const struct cxms_hw_cell *c, int term)
{
	double sum[CXMS_SPAN_COUNT] = {0};
	double weight = c->weight_ns[term] * (double)CXMS_PS_PER_NS, most = 0;
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		for (int k = 0; k < CXMS_SPAN_COUNT && stands_for(c, term, t); k++)
			sum[k] += c->term[t].stall_ps[k];
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		most = fmax(most, sum[k]);
	/* weights are cut where the terms together exceed the time */
	double scale = most > 0 ? fmin(1, weight / most) / weight : 0;
	return (struct cxms_share){.lo = sum[CXMS_SPAN_LO] * scale,
				   .mid = sum[CXMS_SPAN_MID] * scale,
				   .hi = sum[CXMS_SPAN_HI] * scale};
}

void cxms_hw_shares(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	for (size_t i = 0; i < e->n_group; i++) {
		uint32_t hw = e->group[i].hw;
		const struct cxms_hw_cell *c = &rec->hw.cells->cell[hw / CXMS_TERM_COUNT];
		e->group[i].share = share_of(c, (int)(hw % CXMS_TERM_COUNT));
	}
}

static void set_lines(double misses, double ahead_ratio, int k, struct cxms_grain *g)
{
	double demand = fmax(g->waits[k], misses);
	g->ahead[k] = misses * ahead_ratio;
	g->lines[k] = demand + g->ahead[k];
}

static struct cxms_grain grain_of(const struct cxms_hw_cell *c, int term, double ahead_ratio,
				  const struct cxms_wait *wait)
{
	struct cxms_grain g = {.store = term == CXMS_TERM_STORE};
	double weight = c->weight_ns[term], stall = 0;
	double waits[CXMS_SPAN_COUNT];
	for (int t = 0; t < CXMS_TERM_COUNT && weight > 0; t++) {
		if (!stands_for(c, term, t))
			continue;
		cxms_hw_waits(&c->term[t], wait, waits);
		double most = 0;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
			g.stall_ps[k] += c->term[t].stall_ps[k] / weight;
			g.waits[k] += waits[k] / weight;
			most = fmax(most, c->term[t].stall_ps[k]);
		}
		stall += most / weight / (double)CXMS_PS_PER_NS;
	}
	/* stalls beyond the stretch's time are cut with their waits; lines are not */
	for (int k = 0; k < CXMS_SPAN_COUNT && stall > 1; k++) {
		g.stall_ps[k] /= stall;
		g.waits[k] /= stall;
	}
	g.known = term == CXMS_TERM_DRAM && c->term[term].lines >= 0 && weight > 0;
	for (int k = 0; k < CXMS_SPAN_COUNT && g.known; k++)
		set_lines(c->term[term].lines / weight, k == CXMS_SPAN_LO ? 0 : ahead_ratio, k, &g);
	g.seen_ps = g.waits[CXMS_SPAN_MID] * wait->seen_ps[CXMS_SPAN_MID];
	return g;
}

/* The latency seen holds its walks. */
static const double no_walk[CXMS_SPAN_COUNT] = {0};

void cxms_hw_grains(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	for (size_t i = 0; i < e->n_group; i++) {
		const struct cxms_group *g = &e->group[i];
		const struct cxms_rec_site *site = &rec->site[g->site];
		const struct cxms_hw_cell *c = &rec->hw.cells->cell[g->hw / CXMS_TERM_COUNT];
		struct cxms_wait wait;
		bool carried = cxms_is_carried(site);
		cxms_wait_model(c->seen_ps, no_walk, carried, site->loop_insns,
				CXMS_ASSUMED_RECORDED_ROB, NULL, &wait);
		e->grain[2 * i] = grain_of(c, (int)(g->hw % CXMS_TERM_COUNT),
					   rec->hw.cells->ahead_ratio, &wait);
		e->grain[2 * i + 1] = e->grain[2 * i];
	}
}

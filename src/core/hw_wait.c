#include "core/hw_wait.h"

#include <math.h>

/* 90 % of a normal distribution lie within this many standard deviations. */
#define Z90 1.645
/* Share of stalls that leave the LLC where nothing tells it: anything; the middle. */
#define CXMS_ASSUMED_OFF_CHIP 0.5

static double over_cycles(const struct cxms_hw_in *in, double count)
{
	return count > 0 && in->counts.cycles > 0 ? in->time_ps * fmin(1, count / in->counts.cycles)
						  : 0;
}

static double misses_of(const struct cxms_hw_in *in)
{
	return in->misses >= 0 ? in->misses : in->counts.l3_miss;
}

/* Exposed waits cannot be more than the time with a miss under way allows (Little's law). */
static double most_waits(const struct cxms_hw_in *in, double misses)
{
	const struct cxms_counts *c = &in->counts;
	double busy_ps = over_cycles(in, c->demand_rd_cycles);
	if (busy_ps <= 0 || c->demand_rd <= 0)
		return misses >= 0 ? misses : INFINITY;
	if (misses < 0)
		misses = c->demand_rd;
	double hits = fmax(0, c->demand_rd - misses);
	double mlp = (misses * in->mem_ps + hits * in->llc_ps) / busy_ps;
	return misses / fmax(1, mlp);
}

static void dram_term(const struct cxms_hw_in *in, struct cxms_hw_term *out)
{
	double misses = misses_of(in);
	out->lines = misses;
	/* they follow one another, each as long as memory takes */
	out->most_waits = fmin(most_waits(in, misses), in->time_ps / in->mem_ps);
	if (in->counts.stalls_l3 >= 0 && in->counts.cycles > 0) {
		double stall = over_cycles(in, in->counts.stalls_l3);
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			out->stall_ps[k] = stall;
		return;
	}
	double most = out->most_waits;
	double least = fmin(most, fmax(0, misses) / CXMS_ASSUMED_RECORDED_MSHRS);
	if (misses < 0)
		most = least = 0;
	out->stall_ps[CXMS_SPAN_LO] = least * in->mem_ps;
	out->stall_ps[CXMS_SPAN_MID] = sqrt(least * most) * in->mem_ps;
	out->stall_ps[CXMS_SPAN_HI] = most * in->mem_ps;
}

static double off_chip(const struct cxms_hw_in *in)
{
	double misses = misses_of(in);
	if (misses >= 0 && in->counts.demand_rd > 0)
		return fmin(1, misses / in->counts.demand_rd);
	return CXMS_ASSUMED_OFF_CHIP;
}

static void spread(double stall_ps, double share, struct cxms_hw_term *out)
{
	out->stall_ps[CXMS_SPAN_LO] = 0;
	out->stall_ps[CXMS_SPAN_MID] = share * stall_ps;
	out->stall_ps[CXMS_SPAN_HI] = stall_ps;
}

static void cache_term(const struct cxms_hw_in *in, struct cxms_hw_term *out)
{
	struct cxms_counts c = in->counts;
	if (cxms_counts_have(&c, CXMS_TERM_CACHE)) {
		double stall = in->time_ps * cxms_term_signal(&c, CXMS_TERM_CACHE);
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			out->stall_ps[k] = stall;
		return;
	}
	c.pf_any = 1; /* as if all prefetches left the chip */
	c.pf_l3_hit = 0;
	if (cxms_counts_have(&c, CXMS_TERM_CACHE))
		spread(in->time_ps * cxms_term_signal(&c, CXMS_TERM_CACHE), off_chip(in), out);
}

static void predict(const struct cxms_hw_in *in, struct cxms_hw_term out[CXMS_TERM_COUNT])
{
	double added[CXMS_TERM_COUNT];
	cxms_predict(in->p, &in->counts, added);
	for (int t = 0; t < CXMS_TERM_COUNT; t++) {
		enum cxms_term term = (enum cxms_term)t;
		double per = in->time_ps / in->p->added_ps, away = Z90 * in->p->residual[t];
		if (in->p->points[t] <= 0 || !cxms_counts_have(&in->counts, term))
			continue;
		if (cxms_term_signal(&in->counts, term) <= 0)
			away = 0;
		out[t].predicted[CXMS_SPAN_LO] = fmax(0, added[t] - away) * per;
		out[t].predicted[CXMS_SPAN_MID] = added[t] * per;
		out[t].predicted[CXMS_SPAN_HI] = (added[t] + away) * per;
	}
}

void cxms_hw_terms(const struct cxms_hw_in *in, struct cxms_hw_term out[CXMS_TERM_COUNT])
{
	for (int t = 0; t < CXMS_TERM_COUNT; t++)
		out[t] = (struct cxms_hw_term){
			.most_waits = INFINITY, .predicted = {-1, -1, -1}, .lines = -1};
	dram_term(in, &out[CXMS_TERM_DRAM]);
	cache_term(in, &out[CXMS_TERM_CACHE]);
	spread(over_cycles(in, in->counts.bound_on_stores), off_chip(in), &out[CXMS_TERM_STORE]);
	if (in->p)
		predict(in, out);
}

void cxms_hw_waits(const struct cxms_hw_term *t, const struct cxms_wait *wait,
		   double waits[CXMS_SPAN_COUNT])
{
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		/* found at the middle latency: at the ends as much time makes more or fewer waits
		 */
		double scale = wait->seen_ps[CXMS_SPAN_MID] / wait->seen_ps[k];
		double least = t->stall_ps[k] / wait->seen_ps[k];
		double most = fmax(least, t->most_waits * scale);
		if (t->predicted[CXMS_SPAN_LO] >= 0)
			waits[k] = t->predicted[k] * scale;
		else if (k == CXMS_SPAN_HI && isfinite(most))
			waits[k] = most;
		else
			waits[k] = fmin(most, t->stall_ps[k] * wait->per_ps[k]);
	}
}

#include <math.h>

#include "core/demand.h"
#include "sim/bootstrap.h"
#include "sim/recording.h"
#include "sim/split_priv.h"

/* Two-sided 90 % of Student's distribution, 32 degrees of freedom (bootstrap.c); one-sided 90 % of
 * no event seen of a Poisson count. */
#define STUDENT90    1.694
#define POISSON_NONE 2.303
/* Rounding of a mean latency. */
#define NO_RELIEF 1e-9

/* A run too short to be timed is as fast anywhere. */
double cxms_row_ratio(double time_ns, double base_ns)
{
	return base_ns > 0 ? time_ns / base_ns : 1;
}

struct slow cxms_row_slowdown(const struct cxms_stage *s, const struct cxms_world *w,
			      const struct cxms_world *base)
{
	int mode = (int)s->cfg->blocked;
	struct slow r = {.mid = cxms_row_ratio(w->time_ns[CXMS_SPAN_MID][mode],
					       base->time_ns[CXMS_SPAN_MID][mode])};
	r.lo = r.hi = r.mid;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		for (int m = 0; m < 2; m++) {
			double v = cxms_row_ratio(w->time_ns[k][m], base->time_ns[k][m]);
			r.lo = fmin(r.lo, v);
			r.hi = fmax(r.hi, v);
		}
	return r;
}

static double lines_of(const struct cxms_world_target *t)
{
	return t->reads + t->writes;
}

/* Mean latency of a target, requests that miss its page buffer included. */
static double latency_on(const struct cxms_fabric *f, const struct cxms_world *w, size_t target)
{
	double lines = lines_of(&w->target[target]), sum = lines * w->target[target].latency_ps;
	for (size_t t = f->n_shown; t < f->n_host_target; t++) {
		if (f->target[t].miss_of != target)
			continue;
		lines += lines_of(&w->target[t]);
		sum += lines_of(&w->target[t]) * w->target[t].latency_ps;
	}
	return lines > 0 ? sum / lines : w->target[target].latency_ps;
}

/* Mean latency of a place. */
static double latency_of(const struct cxms_fabric *f, const struct cxms_world *w, size_t place)
{
	double sum = 0;
	if (place < f->n_host_target)
		return latency_on(f, w, place);
	const struct cxms_fabric_region *r = &f->region[place - f->n_host_target];
	for (size_t i = 0; i < r->n_target; i++)
		sum += latency_on(f, w, r->target[i]);
	return sum / (double)r->n_target;
}

/* Mean of what a page's place adds to the local latency, over the phases of the run. */
static double extra_of(const struct part *p, int half, const struct cxms_world *w, size_t page)
{
	const struct cxms_phases *c = &p->change[half];
	const struct cxms_fabric *f = p->stage->fabric;
	double sum = 0, time = 0;
	for (size_t i = 0; i < c->n; i++) {
		uint32_t at = c->at[i].place_of_page[page];
		sum += at ? w->phase_ns[i] * (latency_of(f, w, at) - w->target[0].latency_ps) : 0;
		time += w->phase_ns[i];
	}
	if (time > 0)
		return sum / time;
	uint32_t at = p->place[half].place_of_page[page];
	return at ? latency_of(f, w, at) - w->target[0].latency_ps : 0;
}

/*
 * The most that a run can gain: some page's place is faster than local memory, or local memory is
 * relieved, which helps what stays there. A wait whose hidden part is the largest shrinks ten times
 * as much as the latency does, relatively.
 */
double cxms_row_gain(const struct part *p, int half, const struct cxms_world *w,
		     const struct cxms_world *base)
{
	double local = base->target[0].latency_ps, least = w->target[0].latency_ps, extra = 0;
	for (size_t i = 0; i < p->stage->view->n_page; i++)
		extra = fmin(extra, extra_of(p, half, w, i));
	double relief = 1 - (least + extra) / local;
	return relief > NO_RELIEF ? fmin(1, relief / (1 - CXMS_HIDDEN_MAX_RATIO)) : 0;
}

/* What is no gain in the model is none without the bias either. */
static double less(double slowdown, double bias)
{
	return slowdown < 1 ? slowdown - bias : fmax(1, slowdown - bias);
}

/* No run is over before its busiest server has passed what it was asked to. */
static double least_slowdown(const struct cxms_stage *s, const struct cxms_world *w,
			     const struct cxms_world *base)
{
	double busy_ns = 0, base_ns = base->time_ns[CXMS_SPAN_MID][s->cfg->blocked];
	for (size_t v = 0; v < s->fabric->n_server; v++)
		busy_ns = fmax(busy_ns, fmax(w->server[v].busy_ns[0], w->server[v].busy_ns[1]));
	return base_ns > 0 ? busy_ns / base_ns : 0;
}

/*
 * Less the bias of its maxima; the error is the standard deviation that chance in the samples
 * leaves.
 */
int cxms_row_resample(const struct cxms_stage *s, const struct cxms_world *w,
		      const struct cxms_world *base, struct slow *slow, double *error,
		      struct cxms_err *err)
{
	const struct cxms_bootstrap_in in = {.rec = s->rec,
					     .cells = s->cells,
					     .world = w,
					     .base = base,
					     .blocked = s->cfg->blocked};
	struct cxms_bootstrap found;
	int rc = cxms_bootstrap_run(&in, &found, err);
	if (rc)
		return rc;
	slow->mid = fmax(less(slow->mid, found.bias), fmin(slow->mid, least_slowdown(s, w, base)));
	slow->lo = less(slow->lo, found.bias);
	slow->hi = less(slow->hi, found.bias);
	*error = found.sd;
	return 0;
}

/* Time on CPU, of the run's. */
static double busy_share(const struct cxms_recording *rec)
{
	double run = 0;
	for (size_t i = 0; i < rec->n_thread; i++)
		run += (double)rec->thread[i].run_ns;
	return rec->duration_ns ? fmin(1, run / (double)rec->duration_ns) : 1;
}

/* What was never sampled may be on the slowest target: bounded as a Poisson count of none, and by
 * all there is; without any sample, by the time on CPU. */
static double unseen_half_width(const struct cxms_stage *s, const struct cxms_placement *p,
				const struct cxms_world *w)
{
	double steepest = 0;
	if (p->local_pct >= 100)
		return 0;
	for (size_t t = 1; t < s->fabric->n_shown; t++)
		steepest = fmax(steepest,
				fabs(latency_on(s->fabric, w, t) / w->target[0].latency_ps - 1));
	return steepest * (s->rec->n_sample ? fmin(1, POISSON_NONE / (double)s->rec->n_sample)
					    : busy_share(s->rec));
}

/*
 * Both errors together. Chance makes nothing faster than the latencies found can make it: counts of
 * samples are never less than none.
 */
static double lower_end(struct slow r, double sampling, double gain)
{
	double lo = fmax(0, r.mid - hypot(r.mid - r.lo, sampling));
	return fmax(lo, fmin(r.lo, 1 - gain));
}

struct judged cxms_row_judge(const struct cxms_stage *s, const struct cxms_placement *p,
			     const struct cxms_world *w, double error, double gain, struct slow r)
{
	double sampling = fmax(STUDENT90 * error, unseen_half_width(s, p, w));
	return (struct judged){.mid = r.mid,
			       .lo = lower_end(r, sampling, gain),
			       .hi = r.mid + hypot(r.hi - r.mid, sampling),
			       .sampling = sampling,
			       .model = (r.hi - r.lo) / 2};
}

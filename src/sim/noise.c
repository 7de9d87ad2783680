#include "sim/noise.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/units.h"
#include "sim/fabric.h"
#include "sim/solve.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
/* Step of the waits; and below this utilisation a latency hardly answers to its load. */
#define STEP (1.0 / 64)
#define BUSY 0.5

/* What one more wait adds to the time: its own, or that of its lines where these are the bound. */
static double per_wait_ps(const struct cxms_solve_thread *th, const struct cxms_demand *d,
			  double latency_ps)
{
	double fill = latency_ps + th->walk_ps;
	if (th->bound_ps <= 0)
		return latency_ps - th->mem_ps;
	return fmax((d->reads - d->prefetched + d->past) / th->demand_limit,
		    d->reads / th->all_limit) *
	       fill / d->waits;
}

void cxms_noise_add(const struct cxms_solve_thread *th, const struct cxms_demand *d,
		    double latency_ps, double square_waits, struct cxms_noise_sums *sums)
{
	if (d->waits <= 0)
		return;
	double each = per_wait_ps(th, d, latency_ps);
	sums->waits += d->waits;
	sums->time_ps += d->waits * each;
	sums->square_waits += square_waits;
	sums->square_ps += square_waits * each;
	sums->square_ps2 += square_waits * each * each;
}

static bool is_busy(const struct cxms_solve *s)
{
	for (size_t t = 0; t < s->fabric->n_target; t++)
		if (s->utilization[t] > BUSY)
			return true;
	return false;
}

static void raise_demand(const struct cxms_solve *s, struct cxms_demand *demand)
{
	for (size_t i = 0; i < s->n_thread * s->fabric->n_target; i++) {
		demand[i].stall_ps *= 1 + STEP;
		demand[i].spare_ps *= 1 + STEP;
		demand[i].waits *= 1 + STEP;
		demand[i].prefetched *= 1 + STEP;
		demand[i].reads *= 1 + STEP;
		demand[i].writes *= 1 + STEP;
		demand[i].past *= 1 + STEP;
	}
}

/* What a step adds to the thread at the latencies found. */
static double fixed_ps(const struct cxms_solve *s, const struct cxms_solve_thread *th)
{
	double sum = 0;
	for (size_t t = 0; t < s->fabric->n_target; t++)
		if (th->demand[t].waits > 0)
			sum += th->demand[t].waits *
			       per_wait_ps(th, &th->demand[t], s->latency_ps[t]);
	return STEP * sum;
}

void cxms_noise_gains(struct cxms_solve *s, struct cxms_demand *demand,
		      struct cxms_noise_room *room)
{
	const struct cxms_fabric *f = s->fabric;
	double *gain = room->gain, *before = room->before_ps;
	for (size_t i = 0; i < s->n_thread; i++)
		gain[i] = 1;
	if (!is_busy(s))
		return;
	memcpy(room->demand, demand, s->n_thread * f->n_target * sizeof(*demand));
	memcpy(room->wait_ps, s->wait_ps, f->n_server * sizeof(*s->wait_ps));
	memcpy(room->utilization, s->utilization, f->n_target * sizeof(*s->utilization));
	for (size_t i = 0; i < s->n_thread; i++) {
		before[i] = s->thread[i].new_cpu_ps;
		gain[i] = fixed_ps(s, &s->thread[i]);
	}
	raise_demand(s, demand);
	cxms_solve_epoch(s);
	for (size_t i = 0; i < s->n_thread; i++)
		gain[i] = gain[i] > 0 ? (s->thread[i].new_cpu_ps - before[i]) / gain[i] : 1;
	memcpy(demand, room->demand, s->n_thread * f->n_target * sizeof(*demand));
	memcpy(s->wait_ps, room->wait_ps, f->n_server * sizeof(*s->wait_ps));
	memcpy(s->utilization, room->utilization, f->n_target * sizeof(*s->utilization));
	for (size_t t = 0; t < f->n_target; t++)
		s->latency_ps[t] = cxms_solve_latency_ps(s, t);
	cxms_solve_times(s);
}

void cxms_noise_close(const struct cxms_noise_sums *sums, double gain, double part,
		      struct cxms_noise *out)
{
	double per_sample = sums->samples > 0 ? 1 / sums->samples : 0;
	double square = sums->square_ps2 - per_sample * sums->time_ps * sums->time_ps;
	double with = sums->square_ps - per_sample * sums->time_ps * sums->waits;
	if (sums->waits <= 0)
		return;
	out->square_ns2 += part * fmax(0, square) / PS_PER_NS / PS_PER_NS;
	out->with_waits += part * with / PS_PER_NS;
	out->per_wait_ns += part * sums->time_ps / sums->waits / PS_PER_NS;
	out->waits_ns += part * fmax(0, sums->time_ps) / PS_PER_NS;
	out->answer_ns += part * (gain - 1) * sums->time_ps / PS_PER_NS;
}

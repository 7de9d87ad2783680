#include "sim/solve.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/units.h"
#include "sim/fabric.h"

/* Bracketing one server stops at this relative width: well under the residual asked of the whole.
 */
#define ROOT_TOLERANCE 1e-8
#define ROOT_MAX_STEPS 200u
/* Both starting points are tried from this utilisation on; below it the map is a contraction. */
#define BUSY	 0.5
#define PS_PER_S ((double)CXMS_PS_PER_S)

double cxms_solve_latency_ps(const struct cxms_solve *s, size_t t)
{
	const struct cxms_fabric_target *target = &s->fabric->target[t];
	double ps = target->idle_ps;
	for (size_t i = 0; i < target->n_server; i++)
		ps += s->wait_ps[target->server[i]];
	return ps;
}

static void solve_thread(struct cxms_solve *s, struct cxms_solve_thread *th)
{
	double change = 0, demand = 0, all = 0;
	for (size_t t = 0; t < s->fabric->n_target; t++) {
		const struct cxms_demand *d = &th->demand[t];
		double latency = s->latency_ps[t];
		change += fmax(0, d->stall_ps + d->waits * (latency - th->mem_ps)) - d->stall_ps;
		demand += (d->reads - d->prefetched) * (latency + th->walk_ps);
		all += d->reads * (latency + th->walk_ps);
	}
	double by_latency = th->cpu_ps + change;
	double by_misses = th->kernel_ps + fmax(demand / th->demand_limit, all / th->all_limit);
	th->new_cpu_ps = fmax(by_latency, by_misses);
	th->bound_ps = th->new_cpu_ps - by_latency;
}

void cxms_solve_times(struct cxms_solve *s)
{
	for (size_t i = 0; i < s->n_thread; i++)
		solve_thread(s, &s->thread[i]);
}

static void update(struct cxms_solve *s)
{
	for (size_t t = 0; t < s->fabric->n_target; t++)
		s->latency_ps[t] = cxms_solve_latency_ps(s, t);
	cxms_solve_times(s);
}

static bool passes(const struct cxms_fabric_target *t, size_t server)
{
	for (size_t i = 0; i < t->n_server; i++)
		if (t->server[i] == server)
			return true;
	return false;
}

static struct cxms_load load_on(const struct cxms_solve *s, size_t server)
{
	struct cxms_load load = {0};
	for (size_t t = 0; t < s->fabric->n_target; t++) {
		if (!passes(&s->fabric->target[t], server))
			continue;
		for (size_t i = 0; i < s->n_thread; i++) {
			const struct cxms_solve_thread *th = &s->thread[i];
			double wall = th->wall_ps - th->cpu_ps + th->new_cpu_ps;
			if (wall <= 0)
				continue;
			load.read_lines_per_s += th->demand[t].reads / wall * PS_PER_S;
			load.write_lines_per_s += th->demand[t].writes / wall * PS_PER_S;
		}
	}
	return load;
}

/* What the server would add at the load that its wait @w leaves, less @w: falls with w. */
static double excess(struct cxms_solve *s, size_t server, double w)
{
	s->wait_ps[server] = w;
	update(s);
	struct cxms_load load = load_on(s, server);
	return cxms_server_wait_ps(&s->fabric->server[server], &load) - w;
}

/* Root of the falling function excess(): bracket by doubling, then Illinois, halving where
 * infinite. */
static void solve_server(struct cxms_solve *s, size_t server, double scale)
{
	double lo = 0, f_lo = excess(s, server, 0);
	if (f_lo <= scale * ROOT_TOLERANCE) {
		s->wait_ps[server] = fmax(0, f_lo);
		return;
	}
	double hi = isfinite(f_lo) ? f_lo : scale, f_hi = excess(s, server, hi);
	for (unsigned i = 0; f_hi > 0 && i < ROOT_MAX_STEPS; i++) {
		lo = hi;
		f_lo = f_hi;
		hi *= 2;
		f_hi = excess(s, server, hi);
	}
	int side = 0;
	for (unsigned i = 0; i < ROOT_MAX_STEPS && hi - lo > (scale + hi) * ROOT_TOLERANCE; i++) {
		double mid =
			isfinite(f_lo) ? (lo * f_hi - hi * f_lo) / (f_hi - f_lo) : (lo + hi) / 2;
		if (!(mid > lo && mid < hi))
			mid = (lo + hi) / 2;
		double f = excess(s, server, mid);
		if (fabs(f) <= (scale + hi) * ROOT_TOLERANCE) {
			s->wait_ps[server] = mid;
			return;
		}
		if (f > 0) {
			lo = mid;
			f_lo = f;
			f_hi = side > 0 ? f_hi / 2 : f_hi;
			side = 1;
		} else {
			hi = mid;
			f_hi = f;
			f_lo = side < 0 && isfinite(f_lo) ? f_lo / 2 : f_lo;
			side = -1;
		}
	}
	s->wait_ps[server] = hi;
}

/* Smallest idle latency of a target: what waits are compared with. */
static double scale_of(const struct cxms_solve *s)
{
	double scale = s->fabric->target[0].idle_ps;
	for (size_t t = 1; t < s->fabric->n_target; t++)
		scale = fmin(scale, s->fabric->target[t].idle_ps);
	return fmax(scale, 1);
}

static bool is_loaded(const struct cxms_solve *s, size_t server)
{
	for (size_t t = 0; t < s->fabric->n_target; t++)
		if (passes(&s->fabric->target[t], server))
			for (size_t i = 0; i < s->n_thread; i++)
				if (s->thread[i].demand[t].reads > 0)
					return true;
	return false;
}

/* Residual: how far the waits still moved in the last sweep, relative to the latencies they add to.
 */
static void sweep(struct cxms_solve *s, double scale)
{
	for (s->sweeps = 0; s->sweeps < CXMS_SOLVE_MAX_SWEEPS; s->sweeps++) {
		s->residual = 0;
		for (size_t v = 0; v < s->fabric->n_server; v++) {
			double before = s->wait_ps[v];
			if (is_loaded(s, v))
				solve_server(s, v, scale);
			else
				s->wait_ps[v] = 0;
			s->residual =
				fmax(s->residual, fabs(s->wait_ps[v] - before) / (scale + before));
		}
		if (s->residual <= CXMS_SOLVE_RESIDUAL)
			break;
	}
	update(s);
}

static double busiest(struct cxms_solve *s)
{
	double top = 0;
	for (size_t t = 0; t < s->fabric->n_target; t++) {
		s->utilization[t] = 0;
		for (size_t i = 0; i < s->fabric->target[t].n_server; i++) {
			size_t v = s->fabric->target[t].server[i];
			struct cxms_load load = load_on(s, v);
			s->utilization[t] =
				fmax(s->utilization[t],
				     cxms_server_utilization(&s->fabric->server[v], &load));
		}
		top = fmax(top, s->utilization[t]);
	}
	return top;
}

static double total_cpu(const struct cxms_solve *s)
{
	double sum = 0;
	for (size_t i = 0; i < s->n_thread; i++)
		sum += s->thread[i].new_cpu_ps;
	return sum;
}

void cxms_solve_epoch(struct cxms_solve *s)
{
	double scale = scale_of(s);
	s->start_gap = 0;
	sweep(s, scale);
	if (busiest(s) > BUSY) {
		double from_idle = total_cpu(s);
		for (size_t v = 0; v < s->fabric->n_server; v++)
			s->wait_ps[v] = 10 * scale;
		sweep(s, scale);
		double from_full = total_cpu(s);
		s->start_gap = fabs(from_full - from_idle) / fmax(1, from_idle);
		busiest(s);
	}
}

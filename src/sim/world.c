#include "sim/world.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/evidence.h"
#include "sim/fabric.h"
#include "sim/recording.h"
#include "sim/solve.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)

struct scene {
	const struct cxms_world_in *in;
	struct cxms_world *world;
	struct cxms_solve solve;
	struct cxms_demand *demand; /* [thread of the epoch][target] */
	uint32_t *cell_of;	    /* thread of the epoch -> cell */
	struct cxms_new_cell *cell; /* [cell] */
	enum cxms_span span;
};

static void scene_fini(struct scene *s)
{
	free(s->solve.thread);
	free(s->solve.wait_ps);
	free(s->solve.latency_ps);
	free(s->solve.utilization);
	free(s->demand);
	free(s->cell_of);
	free(s->cell);
}

static size_t widest_epoch(const struct cxms_cells *c)
{
	size_t most = 0;
	for (size_t e = 0; e < c->n_epoch; e++)
		if (c->first_of_epoch[e + 1] - c->first_of_epoch[e] > most)
			most = c->first_of_epoch[e + 1] - c->first_of_epoch[e];
	return most;
}

static int scene_init(struct scene *s, const struct cxms_world_in *in, struct cxms_world *world)
{
	const struct cxms_fabric *f = in->fabric;
	size_t n = widest_epoch(in->cells) + 1;
	*s = (struct scene){.in = in, .world = world};
	s->solve.fabric = f;
	s->solve.thread = calloc(n, sizeof(*s->solve.thread));
	s->solve.wait_ps = calloc(f->n_server, sizeof(*s->solve.wait_ps));
	s->solve.latency_ps = calloc(f->n_target, sizeof(*s->solve.latency_ps));
	s->solve.utilization = calloc(f->n_target, sizeof(*s->solve.utilization));
	s->demand = calloc(n * f->n_target, sizeof(*s->demand));
	s->cell_of = calloc(n, sizeof(*s->cell_of));
	s->cell = calloc(in->cells->n + 1, sizeof(*s->cell));
	return s->solve.thread && s->solve.wait_ps && s->solve.latency_ps && s->solve.utilization &&
			       s->demand && s->cell_of && s->cell
		       ? 0
		       : -ENOMEM;
}

/*
 * The simulated core's miss registers bound the lines in flight (Little). The recording machine may
 * have had more of them: what it was seen to sustain is possible, so that simulating it returns its
 * own time.
 */
static void set_limits(const struct scene *s, double seen_ps, struct cxms_solve_thread *th,
		       const struct cxms_demand *d)
{
	double user_ps = th->cpu_ps - th->kernel_ps, all = 0, ahead = 0;
	for (size_t t = 0; t < s->in->fabric->n_target; t++) {
		all += d[t].reads;
		ahead += d[t].prefetched;
	}
	double per_line = user_ps > 0 ? seen_ps * cxms_wait_spread(s->span) / user_ps : 0;
	th->demand_limit = fmax(s->in->fabric->l1d_mshrs, (all - ahead) * per_line);
	th->all_limit = fmax(s->in->fabric->l2_mshrs, all * per_line);
}

/* Demand of one cell at the span's end; halves of the samples may overshoot the cell's time: cut.
 */
static void cell_demand(struct scene *s, size_t cell, struct cxms_solve_thread *th,
			struct cxms_demand *out)
{
	const struct cxms_load_cell *l = &s->in->load->at[cell * s->in->load->n_target];
	size_t n_target = s->in->fabric->n_target;
	struct cxms_traffic_in traffic = {.l1d_mshrs = s->in->fabric->l1d_mshrs,
					  .active_ps = s->in->ev->active_ns[cell] * PS_PER_NS};
	double stall = 0, seen = 0, mid = 0, lines[CXMS_SPAN_COUNT];
	for (size_t t = 0; t < n_target; t++) {
		stall += l[t].stall_ps[s->span];
		traffic.waits += l[t].waits[s->span];
		traffic.known_waits += l[t].known_waits[s->span];
		traffic.known_lines += l[t].known_lines[s->span];
		seen += l[t].seen_ps;
		mid += l[t].waits[CXMS_SPAN_MID];
	}
	traffic.seen_ps = mid > 0 ? seen / mid : 0;
	cxms_traffic_lines(&traffic, lines);
	double free_waits = traffic.waits - traffic.known_waits;
	double free_lines = lines[s->span] - traffic.known_lines;
	if (s->span == CXMS_SPAN_MID) {
		s->world->free_waits += free_waits;
		s->world->free_lines += free_lines;
	}
	double user_ps = th->cpu_ps - th->kernel_ps;
	double cut = stall > user_ps && stall > 0 ? user_ps / stall : 1;
	th->walk_ps = mid > 0 ? fmax(0, traffic.seen_ps - s->in->ev->stair.mem_ps) : 0;
	for (size_t t = 0; t < n_target; t++) {
		double own_free = fmax(0, l[t].waits[s->span] - l[t].known_waits[s->span]);
		double share = free_waits > 0 ? own_free / free_waits : 0;
		double stores = l[t].waits[CXMS_SPAN_MID] > 0
					? l[t].store_waits / l[t].waits[CXMS_SPAN_MID]
					: 0;
		out[t].stall_ps = cut * l[t].stall_ps[s->span];
		out[t].waits = cut * l[t].waits[s->span];
		out[t].reads = cut * (l[t].known_lines[s->span] + free_lines * share);
		out[t].prefetched = cut * l[t].prefetched[s->span];
		out[t].writes = out[t].reads * stores;
	}
	set_limits(s, traffic.seen_ps, th, out);
	th->demand = out;
}

static void load_epoch(struct scene *s, size_t e)
{
	const struct cxms_cells *c = s->in->cells;
	double epoch_ns = (double)c->epoch_ns;
	if (e + 1 == c->n_epoch)
		epoch_ns = fmax(1, (double)s->in->rec->duration_ns - (double)e * epoch_ns);
	s->solve.n_thread = 0;
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++) {
		size_t cell = c->by_epoch[k];
		const struct cxms_cell *native = &c->cell[cell];
		if (native->cpu_ns <= 0)
			continue;
		struct cxms_solve_thread *th = &s->solve.thread[s->solve.n_thread];
		*th = (struct cxms_solve_thread){.cpu_ps = native->cpu_ns * PS_PER_NS,
						 .kernel_ps = native->kernel_ns * PS_PER_NS,
						 .wall_ps = fmax(epoch_ns, native->cpu_ns) *
							    PS_PER_NS};
		cell_demand(s, cell, th, &s->demand[s->solve.n_thread * s->in->fabric->n_target]);
		s->cell_of[s->solve.n_thread++] = (uint32_t)cell;
	}
}

/* Where one thread's time of the epoch went, in nanoseconds; compute is what nothing else explains.
 */
static void attribute(const struct scene *s, const struct cxms_solve_thread *th,
		      const struct cxms_cell *native, struct cxms_new_cell *out)
{
	double *cause = out->cause_ns, named = 0, cxl_lines = 0;
	out->cpu_ns = th->new_cpu_ps / PS_PER_NS;
	memset(cause, 0, sizeof(out->cause_ns));
	cause[CXMS_CAUSE_KERNEL] = native->kernel_ns;
	for (size_t t = 0; t < s->in->fabric->n_target; t++) {
		const struct cxms_demand *d = &th->demand[t];
		const struct cxms_fabric_target *target = &s->in->fabric->target[t];
		double latency = s->solve.latency_ps[t];
		double stall = fmax(0, d->stall_ps + d->waits * (latency - s->solve.mem_ps));
		if (t == 0) {
			cause[CXMS_CAUSE_LOCAL] += stall / PS_PER_NS;
			continue;
		}
		double queue = fmin(stall, d->waits * (latency - target->idle_ps));
		double hops = fmin(stall - queue, d->waits * target->switch_ps);
		cause[CXMS_CAUSE_CXL_BANDWIDTH] += queue / PS_PER_NS;
		cause[CXMS_CAUSE_SWITCH] += hops / PS_PER_NS;
		cause[CXMS_CAUSE_CXL_LATENCY] += (stall - queue - hops) / PS_PER_NS;
		cxl_lines += d->reads;
	}
	cause[cxl_lines > 0 ? CXMS_CAUSE_CXL_BANDWIDTH : CXMS_CAUSE_LOCAL] +=
		th->bound_ps / PS_PER_NS;
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++)
		named += cause[i];
	cause[CXMS_CAUSE_COMPUTE] = out->cpu_ns - named;
}

static void add_targets(struct scene *s, const struct cxms_solve_thread *th)
{
	for (size_t t = 0; t < s->in->fabric->n_target; t++) {
		const struct cxms_demand *d = &th->demand[t];
		struct cxms_world_target *w = &s->world->target[t];
		double latency = s->solve.latency_ps[t];
		w->reads += d->reads;
		w->writes += d->writes;
		w->latency_ps += d->reads * latency;
		w->utilization += d->reads * s->solve.utilization[t];
		w->stall_ns +=
			fmax(0, d->stall_ps + d->waits * (latency - s->solve.mem_ps)) / PS_PER_NS;
		s->world->exposed_waits += d->waits;
	}
}

static void solve_all(struct scene *s)
{
	struct cxms_world *w = s->world;
	memset(s->solve.wait_ps, 0, s->in->fabric->n_server * sizeof(*s->solve.wait_ps));
	memset(s->cell, 0, s->in->cells->n * sizeof(*s->cell));
	s->solve.mem_ps = s->in->ev->stair.mem_ps * cxms_wait_spread(s->span);
	for (size_t e = 0; e < s->in->cells->n_epoch; e++) {
		load_epoch(s, e);
		if (s->solve.n_thread == 0)
			continue;
		cxms_solve_epoch(&s->solve);
		w->worst_residual = fmax(w->worst_residual, s->solve.residual);
		w->worst_gap = fmax(w->worst_gap, s->solve.start_gap);
		for (size_t t = 0; t < s->in->fabric->n_target; t++)
			w->worst_utilization = fmax(w->worst_utilization, s->solve.utilization[t]);
		for (size_t i = 0; i < s->solve.n_thread; i++) {
			size_t cell = s->cell_of[i];
			attribute(s, &s->solve.thread[i], &s->in->cells->cell[cell],
				  &s->cell[cell]);
			if (s->span == CXMS_SPAN_MID)
				add_targets(s, &s->solve.thread[i]);
		}
	}
}

static int lay_out(struct scene *s, struct cxms_err *err)
{
	struct cxms_timeline line = {.thread_cpu_ns = s->world->thread_cpu_ns};
	for (int mode = 0; mode < 2; mode++) {
		int rc = cxms_timeline_run(s->in->rec, s->in->cells, s->cell,
					   (enum cxms_blocked)mode, &line, err);
		if (rc)
			return rc;
		s->world->time_ns[s->span][mode] = line.time_ns;
		if (s->span == CXMS_SPAN_MID && mode == (int)s->in->blocked)
			memcpy(s->world->cause_ns, line.cause_ns, sizeof(line.cause_ns));
	}
	return 0;
}

int cxms_world_run(const struct cxms_world_in *in, struct cxms_world *out, struct cxms_err *err)
{
	/* The middle comes last: what lay_out() leaves by thread is then the middle's. */
	static const enum cxms_span order[CXMS_SPAN_COUNT] = {CXMS_SPAN_LO, CXMS_SPAN_HI,
							      CXMS_SPAN_MID};
	struct scene s;
	*out = (struct cxms_world){0};
	out->thread_cpu_ns = calloc(in->rec->n_thread + 1, sizeof(*out->thread_cpu_ns));
	out->target = calloc(in->fabric->n_target, sizeof(*out->target));
	int rc = scene_init(&s, in, out);
	if (rc || !out->thread_cpu_ns || !out->target)
		rc = cxms_fail(err, ENOMEM, "out of memory for the simulation");
	for (int i = 0; i < CXMS_SPAN_COUNT && !rc; i++) {
		s.span = order[i];
		solve_all(&s);
		rc = lay_out(&s, err);
	}
	for (size_t t = 0; t < in->fabric->n_target && !rc; t++) {
		struct cxms_world_target *w = &out->target[t];
		if (w->reads > 0) {
			w->latency_ps /= w->reads;
			w->utilization /= w->reads;
		} else {
			w->latency_ps = in->fabric->target[t].idle_ps;
		}
	}
	scene_fini(&s);
	if (rc)
		cxms_world_fini(out);
	return rc;
}

void cxms_world_fini(struct cxms_world *w)
{
	free(w->thread_cpu_ns);
	free(w->target);
	*w = (struct cxms_world){0};
}

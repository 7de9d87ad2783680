#include "sim/world.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hist.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/event_loop.h"
#include "sim/fabric.h"
#include "sim/recording.h"
#include "sim/solve.h"
#include "sim/world_priv.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)

static void scene_fini(struct scene *s)
{
	for (size_t i = 0; s->tenant && i < s->n_tenant; i++)
		free(s->tenant[i].cell);
	free(s->tenant);
	cxms_solve_room_free(s->solve.room);
	free(s->solve.thread);
	free(s->solve.wait_ps);
	free(s->solve.latency_ps);
	free(s->solve.utilization);
	free(s->demand);
	free(s->part);
	free(s->room);
	free(s->all);
	free(s->own);
	free(s->folded);
	free(s->noise.demand);
	free(s->noise.wait_ps);
	free(s->noise.utilization);
	free(s->noise.before_ps);
	free(s->noise.gain);
}

static bool noise_room(struct cxms_noise_room *r, const struct cxms_fabric *f, size_t n_thread)
{
	r->demand = calloc(n_thread * f->n_target, sizeof(*r->demand));
	r->wait_ps = calloc(f->n_server, sizeof(*r->wait_ps));
	r->utilization = calloc(f->n_target, sizeof(*r->utilization));
	r->before_ps = calloc(n_thread, sizeof(*r->before_ps));
	r->gain = calloc(n_thread, sizeof(*r->gain));
	return r->demand && r->wait_ps && r->utilization && r->before_ps && r->gain;
}

static size_t widest_epoch(const struct cxms_cells *c)
{
	size_t most = 0;
	for (size_t e = 0; e < c->n_epoch; e++)
		if (c->first_of_epoch[e + 1] - c->first_of_epoch[e] > most)
			most = c->first_of_epoch[e + 1] - c->first_of_epoch[e];
	return most;
}

static int scene_init(struct scene *s, const struct cxms_world_in *in, size_t n_tenant,
		      struct cxms_world *world)
{
	const struct cxms_fabric *f = in->fabric;
	size_t n = 1;
	bool full = true;
	*s = (struct scene){.fabric = f, .n_tenant = n_tenant};
	s->tenant = calloc(n_tenant, sizeof(*s->tenant));
	for (size_t i = 0; s->tenant && i < n_tenant; i++) {
		struct tenant *t = &s->tenant[i];
		*t = (struct tenant){.in = &in[i], .world = &world[i]};
		n += widest_epoch(in[i].cells);
		t->cell = calloc(in[i].cells->n + 1, sizeof(*t->cell));
		full = full && t->cell;
	}
	s->solve.fabric = f;
	s->solve.room = cxms_solve_room_new(f, n);
	s->solve.thread = calloc(n, sizeof(*s->solve.thread));
	s->solve.wait_ps = calloc(f->n_server, sizeof(*s->solve.wait_ps));
	s->solve.latency_ps = calloc(f->n_target, sizeof(*s->solve.latency_ps));
	s->solve.utilization = calloc(f->n_target, sizeof(*s->solve.utilization));
	s->demand = calloc(n * f->n_target, sizeof(*s->demand));
	s->part = calloc(n, sizeof(*s->part));
	s->folded = calloc(f->n_host_target, sizeof(*s->folded));
	s->room = calloc(f->n_target + f->n_server, sizeof(*s->room));
	s->all = calloc(f->n_server, sizeof(*s->all));
	s->own = calloc(f->n_server, sizeof(*s->own));
	full = noise_room(&s->noise, f, n) && full;
	return full && s->tenant && s->solve.room && s->solve.thread && s->solve.wait_ps &&
			       s->solve.latency_ps && s->solve.utilization && s->demand &&
			       s->part && s->room && s->all && s->own && s->folded
		       ? 0
		       : -ENOMEM;
}

const struct cxms_spell *world_spell(const struct tenant *tn)
{
	return &tn->in->cells->spells.spell[tn->spell];
}

static void set_length(const struct scene *s, struct tenant *tn)
{
	double growth = 0, cpu = 0;
	for (size_t i = tn->first; i < tn->first + tn->n_thread; i++) {
		const struct cxms_solve_thread *th = &s->solve.thread[i];
		growth += th->cpu_ps * (cxms_solve_wall_ps(th) - th->wall_ps);
		cpu += th->cpu_ps;
	}
	tn->length_ps =
		fmax(1, world_spell(tn)->wall_ns * PS_PER_NS + (cpu > 0 ? growth / cpu : 0));
}

static bool has_threads(const struct tenant *tn)
{
	const struct cxms_cells *c = tn->in->cells;
	size_t e = world_spell(tn)->epoch;
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++)
		if (c->cell[c->by_epoch[k]].cpu_ns > 0)
			return true;
	return false;
}

static bool is_through(const struct tenant *tn)
{
	return tn->spell >= tn->in->cells->spells.n;
}

static int solve(struct scene *s, struct cxms_check *check, struct cxms_err *err)
{
	if (s->loop)
		return cxms_event_loop_epoch(s->loop, &s->solve, err);
	cxms_solve_epoch(&s->solve);
	cxms_check_epoch(&s->solve, s->room, check);
	return 0;
}

static void note_solution(struct scene *s, const struct cxms_check *check)
{
	for (size_t i = 0; i < s->n_tenant; i++) {
		struct cxms_world *w = s->tenant[i].world;
		w->worst_residual = fmax(w->worst_residual, s->solve.residual);
		w->worst_gap = fmax(w->worst_gap, s->solve.start_gap);
		cxms_check_join(check, &w->check);
	}
}

/* The earliest time at which a phase that has not begun does; exact, as steps add up rounding. */
static double next_change(const struct scene *s)
{
	double at = INFINITY;
	for (size_t i = 0; i < s->n_tenant; i++) {
		const struct tenant *tn = &s->tenant[i];
		if (tn->phase + 1 < tn->in->n_phase)
			at = fmin(at, tn->in->phase[tn->phase + 1].at_ns);
	}
	return at;
}

/* Phases that have begun by now; returns when the next one does, from now on, in picoseconds. */
static double enter_phases(const struct scene *s, struct tenant *tn)
{
	const struct cxms_world_phase *phase = tn->in->phase;
	while (tn->phase + 1 < tn->in->n_phase && phase[tn->phase + 1].at_ns <= s->now_ns)
		tn->move_ns += phase[++tn->phase].move_ns;
	return tn->phase + 1 < tn->in->n_phase
		       ? (phase[tn->phase + 1].at_ns - s->now_ns) * PS_PER_NS
		       : INFINITY;
}

/* Threads that run now: a program whose pages move waits. */
static void load_spells(struct scene *s)
{
	s->solve.n_thread = 0;
	for (size_t i = 0; i < s->n_tenant; i++) {
		struct tenant *tn = &s->tenant[i];
		tn->n_thread = 0;
		tn->moves = !is_through(tn) && tn->move_ns > 0 && has_threads(tn);
		if (!is_through(tn) && !tn->moves)
			world_load_spell(s, tn);
	}
}

/* To the first end of a spell, of a move, or of a phase, among the programs that still run; 0:
 * none does, < 0: -ENOMEM.
 */
static int step(struct scene *s, struct cxms_err *err)
{
	struct cxms_check check = {0};
	double next_ps = INFINITY, phase_ps = INFINITY;
	for (size_t i = 0; i < s->n_tenant; i++)
		phase_ps = fmin(phase_ps, enter_phases(s, &s->tenant[i]));
	load_spells(s);
	int rc = s->solve.n_thread > 0 ? solve(s, &check, err) : 0;
	if (rc)
		return rc;
	if (s->solve.n_thread > 0)
		note_solution(s, &check);
	if (s->solve.n_thread > 0 && s->span == CXMS_SPAN_MID && !s->loop)
		cxms_noise_gains(&s->solve, s->demand, &s->noise);
	for (size_t i = 0; i < s->n_tenant; i++) {
		struct tenant *tn = &s->tenant[i];
		if (is_through(tn))
			continue;
		set_length(s, tn);
		next_ps = fmin(next_ps, world_until_ps(tn));
	}
	if (!isfinite(next_ps))
		return 0;
	next_ps = fmin(next_ps, phase_ps);
	if (s->span == CXMS_SPAN_MID)
		world_add_servers(s, next_ps / PS_PER_NS);
	for (size_t i = 0; i < s->n_tenant; i++)
		if (!is_through(&s->tenant[i]))
			world_account(s, &s->tenant[i], next_ps);
	s->now_ns = next_ps < phase_ps ? s->now_ns + next_ps / PS_PER_NS : next_change(s);
	return 1;
}

static int solve_all(struct scene *s, struct cxms_err *err)
{
	int rc;
	memset(s->solve.wait_ps, 0, s->fabric->n_server * sizeof(*s->solve.wait_ps));
	s->now_ns = 0;
	for (size_t i = 0; i < s->n_tenant; i++) {
		struct tenant *tn = &s->tenant[i];
		memset(tn->cell, 0, tn->in->cells->n * sizeof(*tn->cell));
		tn->spell = 0;
		tn->phase = 0;
		tn->move_ns = 0;
		tn->left = 1;
	}
	while ((rc = step(s, err)) > 0)
		;
	return rc;
}

/* What the event engine knows beside the times, and whether its books agree. */
static void take_requests(const struct scene *s, struct tenant *tn)
{
	size_t first = tn->in->host * s->fabric->n_host_target;
	struct cxms_err why = {0};
	if (cxms_event_loop_check(s->loop, &why))
		cxms_check_books(why.msg, &tn->world->check);
	for (size_t t = 0; t < s->fabric->n_host_target && s->span == CXMS_SPAN_MID; t++) {
		const struct cxms_hist *h = cxms_event_loop_hist(s->loop, (uint32_t)(first + t));
		struct cxms_world_target *w = &tn->world->target[t];
		w->p50_ps = (double)cxms_hist_quantile(h, 500000);
		w->p99_ps = (double)cxms_hist_quantile(h, 990000);
		w->p999_ps = (double)cxms_hist_quantile(h, 999000);
	}
}

/* Each end of the span begins with an empty network, so that equal demands come out equal. */
static int run_span(struct scene *s, struct cxms_err *err)
{
	const struct cxms_world_in *in = s->tenant[0].in;
	int rc = in->engine == CXMS_ENGINE_EVENT
			 ? cxms_event_loop_new(s->fabric, in->seed, &s->loop, err)
			 : 0;
	if (!rc)
		rc = solve_all(s, err);
	for (size_t i = 0; i < s->n_tenant && s->loop && !rc; i++)
		take_requests(s, &s->tenant[i]);
	cxms_event_loop_free(s->loop);
	s->loop = NULL;
	return rc;
}

static int lay_out(const struct scene *s, const struct tenant *tn, struct cxms_err *err)
{
	struct cxms_timeline line = {.thread_cpu_ns = tn->world->thread_cpu_ns};
	for (int mode = 0; mode < 2; mode++) {
		int rc = cxms_timeline_run(tn->in->rec, tn->in->cells, tn->cell,
					   (enum cxms_blocked)mode, &line, err);
		if (rc)
			return rc;
		tn->world->time_ns[s->span][mode] = line.time_ns;
		if (s->span == CXMS_SPAN_MID && mode == (int)tn->in->blocked) {
			memcpy(tn->world->cause_ns, line.cause_ns, sizeof(line.cause_ns));
			tn->world->taken_ns = line.taken_ns;
		}
	}
	for (size_t c = 0; c < tn->in->cells->n && s->span == CXMS_SPAN_MID; c++)
		tn->world->noise[c].cpu_ns = tn->cell[c].cpu_ns;
	return 0;
}

static int world_init(const struct cxms_world_in *in, struct cxms_world *out)
{
	*out = (struct cxms_world){0};
	out->thread_cpu_ns = calloc(in->rec->n_thread + 1, sizeof(*out->thread_cpu_ns));
	out->target = calloc(in->fabric->n_host_target, sizeof(*out->target));
	out->server = calloc(in->fabric->n_server, sizeof(*out->server));
	out->phase_ns = calloc(in->n_phase, sizeof(*out->phase_ns));
	out->noise = calloc(in->cells->n + 1, sizeof(*out->noise));
	return out->thread_cpu_ns && out->target && out->server && out->phase_ns && out->noise
		       ? 0
		       : -ENOMEM;
}

/* Sums over lines become means; an idle target answers in its idle latency. */
static void world_close(const struct tenant *tn)
{
	const struct cxms_fabric *f = tn->in->fabric;
	for (size_t t = 0; t < f->n_host_target; t++) {
		struct cxms_world_target *w = &tn->world->target[t];
		double lines = w->reads + w->writes;
		if (lines > 0) {
			w->latency_ps /= lines;
			w->utilization /= lines;
		} else {
			w->latency_ps = f->target[tn->in->host * f->n_host_target + t].idle_ps;
		}
	}
	cxms_check_lines(tn->got, tn->asked, &tn->world->check);
}

int cxms_world_run(const struct cxms_world_in *in, size_t n, struct cxms_world *out,
		   struct cxms_err *err)
{
	/* The middle comes last: what lay_out() leaves by thread is then the middle's. */
	static const enum cxms_span order[CXMS_SPAN_COUNT] = {CXMS_SPAN_LO, CXMS_SPAN_HI,
							      CXMS_SPAN_MID};
	struct scene s = {0};
	int rc = 0;
	for (size_t i = 0; i < n; i++)
		if (world_init(&in[i], &out[i]))
			rc = -ENOMEM;
	if (scene_init(&s, in, n, out) || rc)
		rc = cxms_fail(err, ENOMEM, "out of memory for the simulation");
	for (int i = 0; i < CXMS_SPAN_COUNT && !rc; i++) {
		s.span = order[i];
		rc = run_span(&s, err);
		for (size_t k = 0; k < n && !rc; k++)
			rc = lay_out(&s, &s.tenant[k], err);
	}
	for (size_t k = 0; k < n && !rc; k++)
		world_close(&s.tenant[k]);
	scene_fini(&s);
	for (size_t i = 0; i < n && rc; i++)
		cxms_world_fini(&out[i]);
	return rc;
}

int cxms_world_copy(const struct cxms_world_in *in, const struct cxms_world *from,
		    struct cxms_world *out, struct cxms_err *err)
{
	const struct cxms_fabric *f = in->fabric;
	struct cxms_world own;
	if (world_init(in, &own)) {
		cxms_world_fini(&own);
		return cxms_fail(err, ENOMEM, "out of memory for the simulation");
	}
	*out = *from;
	out->thread_cpu_ns = own.thread_cpu_ns;
	out->target = own.target;
	out->server = own.server;
	out->phase_ns = own.phase_ns;
	out->noise = own.noise;
	out->phase_ns[0] = from->phase_ns[0];
	memcpy(out->thread_cpu_ns, from->thread_cpu_ns,
	       in->rec->n_thread * sizeof(*out->thread_cpu_ns));
	memcpy(out->noise, from->noise, in->cells->n * sizeof(*out->noise));
	memcpy(out->target, from->target, f->n_host_target * sizeof(*out->target));
	memcpy(out->server, from->server, f->n_server * sizeof(*out->server));
	return 0;
}

void cxms_world_fini(struct cxms_world *w)
{
	free(w->thread_cpu_ns);
	free(w->target);
	free(w->server);
	free(w->phase_ns);
	free(w->noise);
	*w = (struct cxms_world){0};
}

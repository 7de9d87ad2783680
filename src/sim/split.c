#include "sim/split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/loads.h"
#include "sim/misses.h"
#include "sim/recording.h"
#include "sim/split_priv.h"

void cxms_stage_init(struct cxms_stage *out)
{
	pthread_mutex_init(&out->lock, NULL);
}

void cxms_stage_fini(struct cxms_stage *s)
{
	for (int h = 0; h < 3; h++) {
		cxms_loads_put(s->loads, s->base_load[h]);
		cxms_world_fini(&s->base[h]);
	}
	pthread_mutex_destroy(&s->lock);
}

static int get_load(const struct cxms_stage *s, const uint32_t *place_of_page, size_t n_place,
		    enum cxms_half half, const struct cxms_load_map **out, struct cxms_err *err)
{
	const struct cxms_fabric *f = s->fabric;
	double *place_ps = calloc(f->n_host_target + f->n_region, sizeof(*place_ps));
	if (!place_ps)
		return cxms_fail(err, ENOMEM, "out of memory for the demand of the program");
	cxms_fabric_place_ps(f, s->host, place_ps);
	int rc =
		cxms_loads_get(s->loads, s->view, place_of_page, place_ps, n_place, half, out, err);
	free(place_ps);
	return rc;
}

static struct cxms_world_in world_of(const struct cxms_stage *s,
				     const struct cxms_world_phase *phase, size_t n_phase)
{
	return (struct cxms_world_in){.rec = s->rec,
				      .cells = s->cells,
				      .ev = s->view->ev,
				      .fabric = s->fabric,
				      .host = s->host,
				      .phase = phase,
				      .n_phase = n_phase,
				      .blocked = s->cfg->blocked,
				      .engine = s->cfg->engine,
				      .seed = s->cfg->seed};
}

/* The program alone in the fabric. */
static int run_world(const struct cxms_stage *s, const struct cxms_world_phase *phase,
		     size_t n_phase, struct cxms_world *out, struct cxms_err *err)
{
	const struct cxms_world_in in = world_of(s, phase, n_phase);
	return cxms_world_run(&in, 1, out, err);
}

static int make_base(struct cxms_stage *s, enum cxms_half half, struct cxms_err *err)
{
	const struct cxms_load_map *load = NULL;
	uint32_t *local = calloc(s->view->n_page + 1, sizeof(*local));
	if (!local)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", s->view->n_page);
	int rc = get_load(s, local, s->fabric->n_host_target, half, &load, err);
	const struct cxms_world_phase only = {.load = load};
	if (!rc)
		rc = run_world(s, &only, 1, &s->base[half], err);
	if (!rc)
		s->base_load[half] = load;
	else
		cxms_loads_put(s->loads, load);
	free(local);
	return rc;
}

int cxms_stage_base(struct cxms_stage *s, enum cxms_half half, const struct cxms_world **out,
		    struct cxms_err *err)
{
	pthread_mutex_lock(&s->lock);
	int rc = s->base_load[half] ? 0 : make_base(s, half, err);
	pthread_mutex_unlock(&s->lock);
	if (!rc)
		*out = &s->base[half];
	return rc;
}

static void phases_fini(struct cxms_world_phase *phase, size_t n)
{
	for (size_t i = 0; phase && i < n; i++)
		free((double *)(uintptr_t)phase[i].miss);
	free(phase);
}

static void part_fini(struct part *p, int half)
{
	for (size_t i = 0; i < p->n_phase[half]; i++)
		cxms_loads_put(p->stage->loads, p->phase[half][i].load);
	phases_fini(p->phase[half], p->n_phase[half]);
	cxms_phases_fini(&p->change[half]);
	cxms_placement_fini(&p->place[half]);
}

static void row_fini(struct row *r)
{
	for (int h = 0; h < 2; h++) {
		for (size_t k = 0; k < r->n; k++) {
			if (r->part) {
				part_fini(&r->part[k], h);
			}
			if (r->world[h])
				cxms_world_fini(&r->world[h][k]);
		}
		free(r->world[h]);
	}
	free(r->part);
}

static int row_init(struct row *r, struct cxms_stage *s, size_t n, bool ranked)
{
	*r = (struct row){.n = n, .n_half = ranked ? 2 : 1};
	r->part = calloc(n, sizeof(*r->part));
	for (int h = 0; h < 2; h++)
		r->world[h] = calloc(n, sizeof(*r->world[h]));
	for (size_t k = 0; r->part && k < n; k++)
		r->part[k].stage = &s[k];
	return r->part && r->world[0] && r->world[1] ? 0 : -ENOMEM;
}

/* Touched bytes for one of those that a page is known of. */
static double known_scale(const struct cxms_stage *s)
{
	double known = 0, total = (double)cxms_pages_total_bytes(s->rec->pages);
	for (size_t i = 0; i < s->view->n_page; i++)
		known += (double)s->view->page[0][i].bytes;
	return known > 0 ? fmax(1, total / known) : 1;
}

static int place(struct part *p, const struct cxms_policy_ops *policy, double asked_pct,
		 enum cxms_half judged, int half, struct cxms_err *err)
{
	const struct cxms_stage *s = p->stage;
	const struct cxms_policy_page *page = s->view->page[judged];
	int rc = cxms_place_split(policy, page, s->view->n_page, asked_pct, s->cfg->seed, s->fabric,
				  &p->place[half], err);
	return rc ? rc
		  : cxms_phases_build(s->topo, s->name, s->fabric, page, s->view->n_page,
				      known_scale(s), &p->place[half], &p->change[half], err);
}

/* Demand of the placement, or of each phase of it. */
static int get_loads(struct part *p, enum cxms_half judged, int half, struct cxms_err *err)
{
	const struct cxms_phases *c = &p->change[half];
	const struct cxms_placement *at = &p->place[half];
	int rc = 0;
	p->phase[half] = calloc(c->n + 1, sizeof(*p->phase[half]));
	if (!p->phase[half])
		return cxms_fail(err, ENOMEM, "out of memory for the simulation");
	p->n_phase[half] = c->n == 0;
	if (c->n == 0)
		rc = get_load(p->stage, at->place_of_page, at->n_place, judged,
			      &p->phase[half]->load, err);
	for (size_t i = 0; i < c->n && !rc; i++) {
		struct cxms_world_phase *to = &p->phase[half][p->n_phase[half]++];
		*to = (struct cxms_world_phase){.at_ns = c->at[i].at_ns,
						.move_ns = c->at[i].move_ns};
		rc = get_load(p->stage, c->at[i].place_of_page, c->at[i].n_place, judged, &to->load,
			      err);
	}
	return rc;
}

/* Where the pages lie at a time of the run. */
static const uint32_t *placed_at(const struct part *p, int half, double at_ns)
{
	const struct cxms_phases *c = &p->change[half];
	size_t i = 0;
	while (i + 1 < c->n && c->at[i + 1].at_ns <= at_ns)
		i++;
	return c->n ? c->at[i].place_of_page : p->place[half].place_of_page;
}

static struct cxms_misses_host user_of(const struct part *p, int half, double at_ns)
{
	return (struct cxms_misses_host){.view = p->stage->view,
					 .place_of_page = placed_at(p, half, at_ns),
					 .time_ns = (double)p->stage->rec->duration_ns,
					 .scale = known_scale(p->stage)};
}

/* What @self of @n programs misses in the page buffers, in each phase of its own. */
static int set_misses(const struct part *part, size_t n, size_t self, int half,
		      struct cxms_world_phase *phase, struct cxms_err *err)
{
	const struct cxms_fabric *f = part->stage->fabric;
	struct cxms_misses_host *user = calloc(n, sizeof(*user));
	int rc = user ? 0 : cxms_fail(err, ENOMEM, "out of memory for the simulation");
	for (size_t i = 0; i < part[self].n_phase[half] && !rc; i++) {
		double *miss = calloc(f->n_host_target, sizeof(*miss));
		phase[i].miss = miss;
		for (size_t k = 0; k < n; k++)
			user[k] = user_of(&part[k], half, phase[i].at_ns);
		rc = miss ? cxms_misses_of(f, user, n, self, miss, err)
			  : cxms_fail(err, ENOMEM, "out of memory for the simulation");
	}
	free(user);
	return rc;
}

static bool has_buffers(const struct row *r)
{
	const struct cxms_fabric *f = r->part[0].stage->fabric;
	return f->n_shown < f->n_host_target;
}

static bool is_local(const struct part *p, int half)
{
	bool local = true;
	for (size_t i = 0; i < p->change[half].n; i++)
		local = local && p->change[half].at[i].local_pct >= 100;
	return p->change[half].n ? local : p->place[half].local_pct >= 100;
}

/* A program that is all local meets nobody: what it is alone is its base already. */
static int copy_base(struct row *r, size_t k, const struct cxms_world_in *in, enum cxms_half judged,
		     int half, struct cxms_err *err)
{
	const struct cxms_world *base;
	int rc = cxms_stage_base(r->part[k].stage, judged, &base, err);
	return rc ? rc : cxms_world_copy(in, base, &r->world[half][k], err);
}

/* Programs of the row that meet, and where each of them stands in the row. */
struct group {
	size_t n;
	size_t *of;
	struct cxms_world_in *in;
	struct cxms_world *world;
};

static int group_init(struct group *g, size_t n)
{
	*g = (struct group){.of = calloc(n, sizeof(*g->of)),
			    .in = calloc(n, sizeof(*g->in)),
			    .world = calloc(n, sizeof(*g->world))};
	return g->of && g->in && g->world ? 0 : -ENOMEM;
}

static void group_fini(struct group *g)
{
	free(g->of);
	free(g->in);
	free(g->world);
}

/* What a placement that changed was: shares over the time, bytes as the run ended. */
static void settle(struct part *p, const struct cxms_world *w, int half)
{
	const struct cxms_phases *c = &p->change[half];
	struct cxms_placement *at = &p->place[half];
	double local = 0, time = 0;
	size_t last = 0;
	for (size_t i = 0; i < c->n; i++) {
		local += c->at[i].local_pct * w->phase_ns[i];
		time += w->phase_ns[i];
		last = w->phase_ns[i] > 0 ? i : last;
	}
	if (time <= 0)
		return;
	at->local_pct = local / time;
	memcpy(at->bytes, c->at[last].bytes, p->stage->fabric->n_host_target * sizeof(*at->bytes));
	for (size_t i = 1; i <= last && half == 0; i++) {
		p->moved_bytes += c->at[i].moved_bytes;
		p->promotions += c->at[i].promotions;
		p->demotions += c->at[i].demotions;
	}
}

/* All programs of the row in the fabric at the same time. */
static int run_together(struct row *r, enum cxms_half judged, int half, struct cxms_err *err)
{
	struct group g;
	int rc = group_init(&g, r->n) ? cxms_fail(err, ENOMEM, "out of memory") : 0;
	for (size_t k = 0; k < r->n && !rc; k++)
		rc = get_loads(&r->part[k], judged, half, err);
	for (size_t k = 0; k < r->n && !rc; k++) {
		struct part *p = &r->part[k];
		if (has_buffers(r))
			rc = set_misses(r->part, r->n, k, half, p->phase[half], err);
		struct cxms_world_in in = world_of(p->stage, p->phase[half], p->n_phase[half]);
		if (!rc && is_local(p, half)) {
			rc = copy_base(r, k, &in, judged, half, err);
		} else if (!rc) {
			g.of[g.n] = k;
			g.in[g.n++] = in;
		}
	}
	if (!rc && g.n > 0)
		rc = cxms_world_run(g.in, g.n, g.world, err);
	for (size_t i = 0; i < g.n && !rc; i++)
		r->world[half][g.of[i]] = g.world[i];
	for (size_t k = 0; k < r->n && !rc; k++) {
		cxms_check_join(&r->world[half][k].check, &r->check);
		settle(&r->part[k], &r->world[half][k], half);
	}
	group_fini(&g);
	return rc;
}

/* Phases of the same placement with the page buffers to itself. */
static int own_phases(const struct row *r, const struct part *p, int half,
		      struct cxms_world_phase **out, struct cxms_err *err)
{
	size_t n = p->n_phase[half];
	struct cxms_world_phase *own = calloc(n, sizeof(*own));
	*out = own;
	if (!own)
		return cxms_fail(err, ENOMEM, "out of memory for the simulation");
	memcpy(own, p->phase[half], n * sizeof(*own));
	for (size_t i = 0; i < n; i++)
		own[i].miss = NULL;
	return has_buffers(r) ? set_misses(p, 1, 0, half, own, err) : 0;
}

/* The same placement without the others. */
static int run_alone(struct row *r, struct part *p, int half, const struct cxms_world *base,
		     struct cxms_err *err)
{
	struct cxms_world alone;
	struct cxms_world_phase *own;
	int rc = own_phases(r, p, half, &own, err);
	if (!rc)
		rc = run_world(p->stage, own, p->n_phase[half], &alone, err);
	phases_fini(own, p->n_phase[half]);
	if (rc)
		return rc;
	struct slow slow = cxms_row_slowdown(p->stage, &alone, base);
	double error;
	if (!is_local(p, half))
		rc = cxms_row_resample(p->stage, &alone, base, &slow, &error, err);
	p->contention +=
		cxms_row_ratio((half ? p->other : p->slow).mid, slow.mid) / (double)r->n_half;
	p->alone += slow.mid / (double)r->n_half;
	cxms_check_join(&alone.check, &r->check);
	cxms_world_fini(&alone);
	return rc;
}

static int judge_half(struct row *r, struct part *p, const struct cxms_world *base, int half,
		      struct cxms_err *err)
{
	const struct cxms_world *w = &r->world[half][p - r->part];
	struct slow *slow = half ? &p->other : &p->slow;
	double error = 0; /* of a program that is local throughout */
	*slow = cxms_row_slowdown(p->stage, w, base);
	int rc = is_local(p, half) ? 0 : cxms_row_resample(p->stage, w, base, slow, &error, err);
	p->error = half ? hypot(p->error, error) / 2 : error;
	return rc;
}

static int run_half(struct row *r, const struct cxms_policy_ops *policy, double asked_pct,
		    enum cxms_half judged, int half, struct cxms_err *err)
{
	int rc = 0;
	const struct cxms_world *base;
	for (size_t k = 0; k < r->n && !rc; k++) {
		rc = place(&r->part[k], policy, asked_pct, judged, half, err);
		if (!rc)
			rc = cxms_stage_base(r->part[k].stage, judged, &base, err);
	}
	if (!rc)
		rc = run_together(r, judged, half, err);
	for (size_t k = 0; k < r->n && !rc; k++) {
		struct part *p = &r->part[k];
		base = &p->stage->base[judged];
		rc = judge_half(r, p, base, half, err);
		p->gain = fmax(p->gain, cxms_row_gain(p, half, &r->world[half][k], base));
		cxms_check_join(&base->check, &r->check);
		if (r->n > 1 && !rc)
			rc = run_alone(r, p, half, base, err);
	}
	return rc;
}

static void average(struct slow *a, const struct slow *b)
{
	a->lo = fmin(a->lo, b->lo);
	a->hi = fmax(a->hi, b->hi);
	a->mid = (a->mid + b->mid) / 2;
}

static int judge_parts(struct row *r, enum cxms_half first, struct cxms_err *err)
{
	int rc = 0;
	for (size_t k = 0; k < r->n && !rc; k++) {
		struct part *p = &r->part[k];
		if (r->n_half > 1)
			average(&p->slow, &p->other);
		rc = cxms_stage_base(p->stage, first, &p->base, err);
		if (!rc)
			rc = cxms_stage_base(p->stage, CXMS_HALF_ALL, &p->whole, err);
		if (rc)
			break;
		p->judged = cxms_row_judge(p->stage, &p->place[0], &r->world[0][k], p->error,
					   p->gain, p->slow);
		p->time_ns = p->slow.mid * p->whole->time_ns[CXMS_SPAN_MID][p->stage->cfg->blocked];
	}
	return rc;
}

int cxms_split_run(struct cxms_stage *s, size_t n, const struct cxms_policy_ops *policy,
		   double asked_pct, struct cxms_split_result *out, struct cxms_warnings *warnings,
		   struct cxms_err *err)
{
	bool ranked = policy->needs & CXMS_POLICY_NEEDS_HEAT;
	enum cxms_half first = ranked ? CXMS_HALF_A : CXMS_HALF_ALL;
	struct row r;
	out->policy = policy->name;
	out->split_kind = "policy";
	out->asked_pct = asked_pct;
	int rc = row_init(&r, s, n, ranked) || cxms_row_allocate(&r, out)
			 ? cxms_fail(err, ENOMEM, "out of memory")
			 : 0;
	r.warnings = warnings;
	if (!rc)
		rc = run_half(&r, policy, asked_pct, first, 0, err);
	if (!rc && ranked)
		rc = run_half(&r, policy, asked_pct, CXMS_HALF_B, 1, err);
	if (!rc)
		rc = judge_parts(&r, first, err);
	if (!rc) {
		cxms_row_fill(&r, out);
		cxms_row_warn(&r, out);
	}
	row_fini(&r);
	return rc;
}

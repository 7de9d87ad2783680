#include "sim/split.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/loads.h"
#include "sim/recording.h"

/* Two-sided 90 % of a normal distribution; one-sided 90 % of no event seen of a Poisson count. */
#define Z90	     1.645
#define POISSON_NONE 2.303
/* Share of kernel time that may wait for user pages (zeroing, copying), for the upper bound. */
#define CXMS_ASSUMED_KERNEL_MEMORY_RATIO 0.5

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
	return cxms_loads_get(s->loads, s->view, place_of_page, n_place, half, out, err);
}

static struct cxms_world_in world_of(const struct cxms_stage *s, const struct cxms_load_map *load)
{
	return (struct cxms_world_in){.rec = s->rec,
				      .cells = s->cells,
				      .ev = &s->view->ev,
				      .fabric = s->fabric,
				      .host = s->host,
				      .load = load,
				      .blocked = s->cfg->blocked,
				      .engine = s->cfg->engine,
				      .seed = s->cfg->seed};
}

/* The program alone in the fabric. */
static int run_world(const struct cxms_stage *s, const struct cxms_load_map *load,
		     struct cxms_world *out, struct cxms_err *err)
{
	struct cxms_world_in in = world_of(s, load);
	return cxms_world_run(&in, 1, out, err);
}

static int make_base(struct cxms_stage *s, enum cxms_half half, struct cxms_err *err)
{
	const struct cxms_load_map *load = NULL;
	uint32_t *local = calloc(s->view->n_page + 1, sizeof(*local));
	if (!local)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", s->view->n_page);
	int rc = get_load(s, local, s->fabric->n_host_target, half, &load, err);
	if (!rc)
		rc = run_world(s, load, &s->base[half], err);
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

/* Slowdown against all-local, at the middle and at the outermost of the model's ends. */
struct slow {
	double mid, lo, hi;
};

/* A run too short to be timed is as fast anywhere. */
static double ratio(double time_ns, double base_ns)
{
	return base_ns > 0 ? time_ns / base_ns : 1;
}

static struct slow slowdown_of(const struct cxms_stage *s, const struct cxms_world *w,
			       const struct cxms_world *base)
{
	int mode = (int)s->cfg->blocked;
	struct slow r = {
		.mid = ratio(w->time_ns[CXMS_SPAN_MID][mode], base->time_ns[CXMS_SPAN_MID][mode])};
	r.lo = r.hi = r.mid;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		for (int m = 0; m < 2; m++) {
			double v = ratio(w->time_ns[k][m], base->time_ns[k][m]);
			r.lo = fmin(r.lo, v);
			r.hi = fmax(r.hi, v);
		}
	return r;
}

/* Mean latency of a place. */
static double latency_of(const struct cxms_fabric *f, const struct cxms_world *w, size_t place)
{
	double sum = 0;
	if (place < f->n_host_target)
		return w->target[place].latency_ps;
	const struct cxms_fabric_region *r = &f->region[place - f->n_host_target];
	for (size_t i = 0; i < r->n_target; i++)
		sum += w->target[r->target[i]].latency_ps;
	return sum / (double)r->n_target;
}

/*
 * Sampling error of the excess, relative: samples are Poisson counts, each adds its own extra time
 * x, so the variance of the sum is the sum of x^2. Only samples of the judged half count.
 */
static double sampling_error(const struct cxms_stage *s, const struct cxms_placement *p,
			     const struct cxms_world *w, enum cxms_half judged)
{
	double sum = 0, square = 0;
	for (int h = 0; h < 2; h++) {
		if (judged != CXMS_HALF_ALL && (judged == CXMS_HALF_B) != h)
			continue;
		for (size_t i = 0; i < s->view->n_page; i++) {
			uint32_t at = p->place_of_page[i];
			double extra = latency_of(s->fabric, w, at) - w->target[0].latency_ps;
			sum += at ? s->view->heat[h][i] * extra : 0;
			square += at ? s->view->square[h][i] * extra * extra : 0;
		}
	}
	return fabs(sum) > 0 ? sqrt(square) / fabs(sum) : 0;
}

/* What was never sampled may be on the slowest target: bounded as a Poisson count of none. */
static double unseen_half_width(const struct cxms_stage *s, const struct cxms_placement *p,
				const struct cxms_world *w)
{
	double steepest = 0;
	if (p->local_pct >= 100 || s->rec->n_sample == 0)
		return 0;
	for (size_t t = 1; t < s->fabric->n_host_target; t++)
		steepest =
			fmax(steepest, fabs(w->target[t].latency_ps / w->target[0].latency_ps - 1));
	return POISSON_NONE * steepest / (double)s->rec->n_sample;
}

/* Kernel work on CXL pages is not modelled: it may lengthen by the latency ratio. */
static double kernel_bound(const struct cxms_stage *s, const struct cxms_placement *p,
			   const struct cxms_world *w)
{
	double cpu = 0, kernel = 0, cxl = 0;
	for (size_t c = 0; c < s->cells->n; c++) {
		cpu += s->cells->cell[c].cpu_ns;
		kernel += s->cells->cell[c].kernel_ns;
	}
	if (cpu <= 0 || kernel < CXMS_KERNEL_RATIO * cpu)
		return 0;
	for (size_t t = 1; t < s->fabric->n_host_target; t++)
		cxl = fmax(cxl, w->target[t].latency_ps / w->target[0].latency_ps - 1);
	return CXMS_ASSUMED_KERNEL_MEMORY_RATIO * kernel / cpu * (1 - p->local_pct / 100) *
	       fmax(0, cxl);
}

/* A slowdown with its interval and what makes it wide. */
struct judged {
	double mid, lo, hi, sampling, model;
};

static struct judged judge(const struct cxms_stage *s, const struct cxms_placement *p,
			   const struct cxms_world *w, double error, struct slow r)
{
	double sampling = hypot(Z90 * error * (r.mid - 1), unseen_half_width(s, p, w));
	double hi = r.hi + kernel_bound(s, p, w);
	return (struct judged){.mid = r.mid,
			       .lo = fmax(0, r.mid - hypot(r.mid - r.lo, sampling)),
			       .hi = r.mid + hypot(hi - r.mid, sampling),
			       .sampling = sampling,
			       .model = (hi - r.lo) / 2};
}

/* One program of a row; of policies that rank, by the half that is judged. */
struct part {
	struct cxms_stage *stage;
	struct cxms_placement place[2];
	const struct cxms_load_map *load[2];
	struct slow slow, other;
	double error;
	double contention, alone; /* sums over the halves */
	const struct cxms_world *base, *whole;
	struct judged judged;
	double time_ns;
};

struct row {
	size_t n;
	struct part *part;
	struct cxms_world *world[2]; /* by half: [part] */
	unsigned n_half;
	struct cxms_check check;
	struct cxms_warnings *warnings;
};

static void row_fini(struct row *r)
{
	for (int h = 0; h < 2; h++) {
		for (size_t k = 0; k < r->n; k++) {
			if (r->part) {
				cxms_loads_put(r->part[k].stage->loads, r->part[k].load[h]);
				cxms_placement_fini(&r->part[k].place[h]);
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

static int place(struct part *p, const struct cxms_policy_ops *policy, double asked_pct,
		 enum cxms_half judged, int half, struct cxms_err *err)
{
	const struct cxms_stage *s = p->stage;
	return cxms_place_split(policy, s->view->page[judged], s->view->n_page, asked_pct,
				s->cfg->seed, s->fabric, &p->place[half], err);
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

/* All programs of the row in the fabric at the same time. */
static int run_together(struct row *r, enum cxms_half judged, int half, struct cxms_err *err)
{
	struct group g;
	int rc = group_init(&g, r->n) ? cxms_fail(err, ENOMEM, "out of memory") : 0;
	for (size_t k = 0; k < r->n && !rc; k++) {
		struct part *p = &r->part[k];
		const struct cxms_placement *at = &p->place[half];
		rc = get_load(p->stage, at->place_of_page, at->n_place, judged, &p->load[half],
			      err);
		struct cxms_world_in in = world_of(p->stage, p->load[half]);
		if (!rc && at->local_pct >= 100) {
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
	for (size_t k = 0; k < r->n && !rc; k++)
		cxms_check_join(&r->world[half][k].check, &r->check);
	group_fini(&g);
	return rc;
}

/* The same placement without the others. */
static int run_alone(struct row *r, struct part *p, int half, const struct cxms_world *base,
		     struct cxms_err *err)
{
	struct cxms_world alone;
	int mode = (int)p->stage->cfg->blocked;
	size_t k = (size_t)(p - r->part);
	int rc = run_world(p->stage, p->load[half], &alone, err);
	if (rc)
		return rc;
	double time_ns = alone.time_ns[CXMS_SPAN_MID][mode];
	p->contention +=
		ratio(r->world[half][k].time_ns[CXMS_SPAN_MID][mode], time_ns) / (double)r->n_half;
	p->alone += ratio(time_ns, base->time_ns[CXMS_SPAN_MID][mode]) / (double)r->n_half;
	cxms_check_join(&alone.check, &r->check);
	cxms_world_fini(&alone);
	return 0;
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
		*(half ? &p->other : &p->slow) = slowdown_of(p->stage, &r->world[half][k], base);
		double error =
			sampling_error(p->stage, &p->place[half], &r->world[half][k], judged);
		p->error = half ? hypot(p->error, error) / 2 : error;
		cxms_check_join(&base->check, &r->check);
		if (r->n > 1)
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
		p->judged = judge(p->stage, &p->place[0], &r->world[0][k], p->error, p->slow);
		p->time_ns = p->slow.mid * p->whole->time_ns[CXMS_SPAN_MID][p->stage->cfg->blocked];
	}
	return rc;
}

static size_t last_part(const struct row *r)
{
	size_t last = 0;
	for (size_t k = 1; k < r->n; k++)
		if (r->part[k].time_ns > r->part[last].time_ns)
			last = k;
	return last;
}

/* Of a set: until the last one ends, against the same with everything local. */
static void set_slowdown(const struct row *r, struct cxms_split_result *out)
{
	const struct part *last = &r->part[last_part(r)];
	double base = 0, lo = 0, hi = 0;
	int mode = (int)last->stage->cfg->blocked;
	for (size_t k = 0; k < r->n; k++) {
		double whole = r->part[k].whole->time_ns[CXMS_SPAN_MID][mode];
		base = fmax(base, whole);
		lo = fmax(lo, r->part[k].judged.lo * whole);
		hi = fmax(hi, r->part[k].judged.hi * whole);
	}
	double share = ratio(last->whole->time_ns[CXMS_SPAN_MID][mode], base);
	bool one = r->n == 1 || base <= 0;
	out->slowdown = one ? last->judged.mid : last->time_ns / base;
	out->slowdown_lo = one ? last->judged.lo : lo / base;
	out->slowdown_hi = one ? last->judged.hi : hi / base;
	out->sampling_half_width = last->judged.sampling * share;
	out->model_half_width = last->judged.model * share;
}

static void set_threads(const struct part *p, const struct cxms_world *w,
			struct cxms_split_result *out)
{
	const struct cxms_stage *s = p->stage;
	const struct cxms_cells *c = s->cells;
	for (size_t t = 0; t < s->rec->n_thread; t++) {
		double native = 0;
		for (size_t i = c->first_of_thread[t]; i < c->first_of_thread[t + 1]; i++)
			native += c->cell[i].cpu_ns;
		out->thread[out->n_thread++] = (struct cxms_thread_result){
			.pid = s->rec->thread[t].pid,
			.tid = s->rec->thread[t].tid,
			.native_ns = (uint64_t)llround(native),
			.slowdown = p->base->thread_cpu_ns[t] > 0
					    ? w->thread_cpu_ns[t] / p->base->thread_cpu_ns[t]
					    : 1};
	}
}

/* Where no page is known by address, resident bytes are dealt as asked. */
static double unseen_bytes(const struct cxms_stage *s, const struct cxms_placement *p, size_t t,
			   double total)
{
	double local = total * p->local_pct / 100;
	return t == 0 ? local : (total - local) * s->fabric->target[t].cxl_share;
}

static void warn_capacity(const struct row *r, const char *name, double bytes, double capacity)
{
	if (bytes > capacity)
		cxms_warn(r->warnings, CXMS_W_CAPACITY, "'%s' is asked to hold %.3g GiB of %.3g",
			  name, bytes / 0x1p30, capacity / 0x1p30);
}

/* Adds a program's share; latencies and utilisations stay sums over lines until close_targets(). */
static void add_targets(const struct row *r, const struct part *p, const struct cxms_world *w,
			struct cxms_split_result *out)
{
	const struct cxms_stage *s = p->stage;
	const struct cxms_placement *place = &p->place[0];
	double total = (double)cxms_pages_total_bytes(s->rec->pages), known = 0, dealt = 0;
	for (size_t t = 0; t < out->n_target; t++)
		known += place->bytes[t];
	for (size_t t = 0; t < out->n_target; t++) {
		const struct cxms_world_target *from = &w->target[t];
		/* pages that no sample or fault named are placed in the same proportion */
		double bytes = known > 0 ? place->bytes[t] * (total / known)
					 : unseen_bytes(s, place, t, total);
		uint64_t whole = (uint64_t)(llround(dealt + bytes) - llround(dealt));
		struct cxms_target_result *to = &out->target[t];
		to->bytes += whole;
		to->reads += (uint64_t)llround(from->reads);
		to->writes += (uint64_t)llround(from->writes);
		to->read_bytes_per_s += from->reads * CXMS_LINE_BYTES;
		to->write_bytes_per_s += from->writes * CXMS_LINE_BYTES;
		to->loaded_latency_ns += from->reads * from->latency_ps / (double)CXMS_PS_PER_NS;
		to->utilization_ratio += from->reads * from->utilization;
		to->stall_ns += from->stall_ns;
		/* of several hosts the slowest */
		to->p50_ns = fmax(to->p50_ns, from->p50_ps / (double)CXMS_PS_PER_NS);
		to->p99_ns = fmax(to->p99_ns, from->p99_ps / (double)CXMS_PS_PER_NS);
		to->p999_ns = fmax(to->p999_ns, from->p999_ps / (double)CXMS_PS_PER_NS);
		dealt += bytes;
		if (t == 0)
			warn_capacity(r, "local", (double)whole,
				      s->fabric->target[0].capacity_bytes);
	}
}

static void close_targets(const struct row *r, double time_ns, struct cxms_split_result *out)
{
	const struct cxms_stage *s = r->part[0].stage;
	double seconds = time_ns / (double)CXMS_NS_PER_S;
	for (size_t t = 0; t < out->n_target; t++) {
		const struct cxms_fabric_target *from = &s->fabric->target[t];
		struct cxms_target_result *to = &out->target[t];
		double reads = to->read_bytes_per_s / CXMS_LINE_BYTES;
		to->name = from->name;
		to->idle_latency_ns = from->idle_ps / (double)CXMS_PS_PER_NS;
		to->loaded_latency_ns =
			reads > 0 ? to->loaded_latency_ns / reads : to->idle_latency_ns;
		to->utilization_ratio = reads > 0 ? to->utilization_ratio / reads : 0;
		if (!(to->p50_ns > 0))
			to->p50_ns = to->p99_ns = to->p999_ns = NAN;
		to->read_bytes_per_s = seconds > 0 ? to->read_bytes_per_s / seconds : 0;
		to->write_bytes_per_s = seconds > 0 ? to->write_bytes_per_s / seconds : 0;
		if (t > 0)
			warn_capacity(r, to->name, (double)to->bytes, from->capacity_bytes);
	}
}

static const char *host_name(const struct row *r, uint32_t host)
{
	for (size_t k = 0; k < r->n; k++)
		if (r->n > 1 && r->part[k].stage->host == host)
			return r->part[k].stage->name;
	return NULL;
}

static void set_servers(const struct row *r, double time_ns, struct cxms_split_result *out)
{
	static const char *const words[] = {[CXMS_PART_LOCAL] = "local",
					    [CXMS_PART_BRIDGE] = "bridge",
					    [CXMS_PART_DEVICE] = "device"};
	const struct cxms_fabric *f = r->part[0].stage->fabric;
	double seconds = time_ns / (double)CXMS_NS_PER_S;
	for (size_t v = 0; v < f->n_server; v++) {
		struct cxms_world_server sum = {0};
		for (size_t k = 0; k < r->n; k++) {
			sum.reads += r->world[0][k].server[v].reads;
			sum.writes += r->world[0][k].server[v].writes;
			sum.wait_ps += r->world[0][k].server[v].wait_ps;
		}
		double lines = sum.reads + sum.writes;
		struct cxms_load load = {seconds > 0 ? sum.reads / seconds : 0,
					 seconds > 0 ? sum.writes / seconds : 0};
		bool link = f->part[v].part == CXMS_PART_LINK;
		for (int up = link; up >= 0; up--) {
			struct cxms_server_result *to = &out->server[out->n_server++];
			*to = (struct cxms_server_result){
				.host = host_name(r, f->part[v].host),
				.name = f->part[v].name,
				.part = !link ? words[f->part[v].part]
					: up  ? "link_up"
					      : "link_down",
				.utilization_ratio =
					link ? cxms_link_utilization(&f->server[v], &load, up)
					     : cxms_server_utilization(&f->server[v], &load),
				.read_bytes_per_s = load.read_lines_per_s * CXMS_LINE_BYTES,
				.write_bytes_per_s = load.write_lines_per_s * CXMS_LINE_BYTES,
				.wait_ns = lines > 0 ? sum.wait_ps / lines / (double)CXMS_PS_PER_NS
						     : 0};
		}
	}
}

/* The first of the busiest in the order of the fabric. */
static void set_binding(struct cxms_split_result *out)
{
	const struct cxms_server_result *most = NULL;
	for (size_t i = 0; i < out->n_server; i++)
		if (out->server[i].utilization_ratio > (most ? most->utilization_ratio : 0))
			most = &out->server[i];
	if (most)
		snprintf(out->binding, sizeof(out->binding), "%s%s%s %s",
			 most->host ? most->host : "", most->host ? ":" : "", most->name,
			 most->part);
}

static void set_tenants(const struct row *r, struct cxms_split_result *out)
{
	double sum = 0, square = 0;
	for (size_t k = 0; k < r->n; k++) {
		const struct part *p = &r->part[k];
		out->tenant[out->n_tenant++] =
			(struct cxms_tenant_result){.name = p->stage->name,
						    .slowdown = p->judged.mid,
						    .slowdown_lo = p->judged.lo,
						    .slowdown_hi = p->judged.hi,
						    .alone_slowdown = p->alone,
						    .contention_ratio = p->contention,
						    .time_ns = (uint64_t)llround(p->time_ns)};
		double progress = p->contention > 0 ? 1 / p->contention : 1;
		sum += progress;
		square += progress * progress;
	}
	/* Source: Jain, Chiu, Hawe, DEC-TR-301 (1984) */
	out->fairness = sum * sum / ((double)r->n * square);
}

static void set_figures(const struct row *r, struct cxms_split_result *out)
{
	size_t last = last_part(r);
	const struct part *p = &r->part[last];
	const struct cxms_world *w = &r->world[0][last];
	double own = w->time_ns[CXMS_SPAN_MID][p->stage->cfg->blocked];
	out->time_ns = (uint64_t)llround(p->time_ns);
	cxms_split_set_causes(w->cause_ns, own > 0 ? p->time_ns / own : 1, out);
	set_slowdown(r, out);
	for (size_t k = 0; k < r->n; k++) {
		const struct cxms_world *world = &r->world[0][k];
		out->local_pct += r->part[k].place[0].local_pct / (double)r->n;
		out->worst_residual =
			fmax(out->worst_residual, fmax(world->worst_residual, world->worst_gap));
		set_threads(&r->part[k], world, out);
		add_targets(r, &r->part[k], world, out);
	}
	close_targets(r, p->time_ns, out);
	set_servers(r, p->time_ns, out);
	set_binding(out);
	if (r->n > 1)
		set_tenants(r, out);
}

static void warn_of(const struct row *r, struct cxms_split_result *out)
{
	struct cxms_warnings *w = r->warnings;
	char what[120];
	if (out->worst_residual > 1e-3)
		cxms_warn(w, CXMS_W_NOT_CONVERGED,
			  "the closed loop stopped at a relative residual of %.2g",
			  out->worst_residual);
	out->self_check_failed = !cxms_check_holds(&r->check);
	if (!out->self_check_failed)
		return;
	cxms_check_tell(&r->check, what, sizeof(what));
	cxms_warn(w, CXMS_W_SELF_CHECK, "%s at %g %% local: %s", out->policy, out->asked_pct, what);
}

static int allocate(const struct row *r, struct cxms_split_result *out)
{
	const struct cxms_fabric *f = r->part[0].stage->fabric;
	size_t n_thread = 1;
	for (size_t k = 0; k < r->n; k++)
		n_thread += r->part[k].stage->rec->n_thread;
	out->n_target = f->n_host_target;
	out->thread = calloc(n_thread, sizeof(*out->thread));
	out->target = calloc(out->n_target, sizeof(*out->target));
	out->server = calloc(2 * f->n_server, sizeof(*out->server));
	out->tenant = calloc(r->n, sizeof(*out->tenant));
	return out->thread && out->target && out->server && out->tenant ? 0 : -ENOMEM;
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
	int rc = row_init(&r, s, n, ranked) || allocate(&r, out)
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
		set_figures(&r, out);
		warn_of(&r, out);
	}
	row_fini(&r);
	return rc;
}

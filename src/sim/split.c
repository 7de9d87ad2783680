#include "sim/split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/recording.h"

/* Two-sided 90 % of a normal distribution; one-sided 90 % of no event seen of a Poisson count. */
#define Z90	     1.645
#define POISSON_NONE 2.303
/* Share of kernel time that may wait for user pages (zeroing, copying), for the upper bound. */
#define CXMS_ASSUMED_KERNEL_MEMORY_RATIO 0.5

int cxms_stage_init(struct cxms_stage *out, struct cxms_err *err)
{
	out->n_page = cxms_pages_count(out->rec->pages);
	out->page = cxms_policy_pages_new(out->rec->pages);
	for (int h = 0; h < 2; h++) {
		out->heat[h] = calloc(out->n_page + 1, sizeof(*out->heat[h]));
		out->square[h] = calloc(out->n_page + 1, sizeof(*out->square[h]));
	}
	if (!out->page || !out->heat[0] || !out->heat[1] || !out->square[0] || !out->square[1])
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", out->n_page);
	for (size_t i = 0; i < out->rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &out->rec->sample[i];
		uint32_t g = out->ev->grain_of_sample[i];
		if (g == CXMS_NO_GRAIN)
			continue;
		int half = cxms_sample_half(i, out->cfg->seed) == CXMS_HALF_B;
		double waits = s->weight_ns * out->ev->grain[g].waits[CXMS_SPAN_MID];
		out->heat[half][s->page] += waits;
		out->square[half][s->page] += waits * waits;
	}
	return 0;
}

void cxms_stage_fini(struct cxms_stage *s)
{
	free(s->page);
	for (int h = 0; h < 2; h++) {
		free(s->heat[h]);
		free(s->square[h]);
	}
	for (int h = 0; h < 3; h++)
		if (s->base_ready[h])
			cxms_world_fini(&s->base[h]);
}

static int run_world(struct cxms_stage *s, const uint32_t *target_of_page, enum cxms_half half,
		     struct cxms_world *out, struct cxms_err *err)
{
	struct cxms_load_map load = {0};
	struct cxms_world_in in = {.rec = s->rec,
				   .cells = s->cells,
				   .ev = s->ev,
				   .fabric = s->fabric,
				   .load = &load,
				   .blocked = s->cfg->blocked};
	int rc = cxms_load_build(s->rec, s->cells, s->ev, target_of_page, s->fabric->n_target, half,
				 s->cfg->seed, &load, err);
	if (!rc)
		rc = cxms_world_run(&in, out, err);
	cxms_load_fini(&load);
	return rc;
}

int cxms_stage_base(struct cxms_stage *s, enum cxms_half half, const struct cxms_world **out,
		    struct cxms_err *err)
{
	if (!s->base_ready[half]) {
		uint32_t *local = calloc(s->n_page + 1, sizeof(*local));
		if (!local)
			return cxms_fail(err, ENOMEM, "out of memory for %zu pages", s->n_page);
		int rc = run_world(s, local, half, &s->base[half], err);
		free(local);
		if (rc)
			return rc;
		s->base_ready[half] = true;
	}
	*out = &s->base[half];
	return 0;
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
		for (size_t i = 0; i < s->n_page; i++) {
			uint32_t t = p->target_of_page[i];
			double extra = w->target[t].latency_ps - w->target[0].latency_ps;
			sum += t ? s->heat[h][i] * extra : 0;
			square += t ? s->square[h][i] * extra * extra : 0;
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
	for (size_t t = 1; t < s->fabric->n_target; t++)
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
	for (size_t t = 1; t < s->fabric->n_target; t++)
		cxl = fmax(cxl, w->target[t].latency_ps / w->target[0].latency_ps - 1);
	return CXMS_ASSUMED_KERNEL_MEMORY_RATIO * kernel / cpu * (1 - p->local_pct / 100) *
	       fmax(0, cxl);
}

static void set_interval(const struct cxms_stage *s, const struct cxms_placement *p,
			 const struct cxms_world *w, double error, struct slow r,
			 struct cxms_split_result *out)
{
	double sampling = hypot(Z90 * error * (r.mid - 1), unseen_half_width(s, p, w));
	double hi = r.hi + kernel_bound(s, p, w);
	out->slowdown = r.mid;
	out->sampling_half_width = sampling;
	out->model_half_width = (hi - r.lo) / 2;
	out->slowdown_lo = r.mid - hypot(r.mid - r.lo, sampling);
	out->slowdown_hi = r.mid + hypot(hi - r.mid, sampling);
	out->slowdown_lo = fmax(0, out->slowdown_lo);
}

static void set_threads(const struct cxms_stage *s, const struct cxms_world *w,
			const struct cxms_world *base, struct cxms_split_result *out)
{
	const struct cxms_cells *c = s->cells;
	out->n_thread = s->rec->n_thread;
	for (size_t t = 0; t < out->n_thread; t++) {
		double native = 0;
		for (size_t i = c->first_of_thread[t]; i < c->first_of_thread[t + 1]; i++)
			native += c->cell[i].cpu_ns;
		out->thread[t] = (struct cxms_thread_result){
			.pid = s->rec->thread[t].pid,
			.tid = s->rec->thread[t].tid,
			.native_ns = (uint64_t)llround(native),
			.slowdown = base->thread_cpu_ns[t] > 0
					    ? w->thread_cpu_ns[t] / base->thread_cpu_ns[t]
					    : 1};
	}
}

/* Where no page is known by address, resident bytes are dealt as asked. */
static double unseen_bytes(const struct cxms_stage *s, const struct cxms_placement *p, size_t t,
			   double total)
{
	double local = total * p->local_pct / 100;
	return t == 0 ? local : (total - local) / (double)s->fabric->n_interleave;
}

static void set_targets(const struct cxms_stage *s, const struct cxms_placement *p,
			const struct cxms_world *w, struct cxms_split_result *out)
{
	double seconds = (double)out->time_ns / (double)CXMS_NS_PER_S, known = 0, dealt = 0;
	for (size_t t = 0; t < s->fabric->n_target; t++)
		known += p->bytes[t];
	double total = (double)cxms_pages_total_bytes(s->rec->pages);
	out->n_target = s->fabric->n_target;
	for (size_t t = 0; t < out->n_target; t++) {
		const struct cxms_world_target *from = &w->target[t];
		/* pages that no sample or fault named are placed in the same proportion */
		double bytes =
			known > 0 ? p->bytes[t] * (total / known) : unseen_bytes(s, p, t, total);
		struct cxms_target_result *to = &out->target[t];
		*to = (struct cxms_target_result){
			.name = s->fabric->target[t].name,
			.bytes = (uint64_t)(llround(dealt + bytes) - llround(dealt)),
			.reads = (uint64_t)llround(from->reads),
			.writes = (uint64_t)llround(from->writes),
			.idle_latency_ns = s->fabric->target[t].idle_ps / (double)CXMS_PS_PER_NS,
			.loaded_latency_ns = from->latency_ps / (double)CXMS_PS_PER_NS,
			.utilization_ratio = from->utilization,
			.stall_ns = from->stall_ns};
		dealt += bytes;
		if (seconds > 0) {
			to->read_bytes_per_s = from->reads * CXMS_LINE_BYTES / seconds;
			to->write_bytes_per_s = from->writes * CXMS_LINE_BYTES / seconds;
		}
		if ((double)to->bytes > s->fabric->target[t].capacity_bytes)
			cxms_warn(s->warnings, CXMS_W_CAPACITY,
				  "'%s' is asked to hold %.3g GiB of %.3g", to->name,
				  (double)to->bytes / 0x1p30,
				  s->fabric->target[t].capacity_bytes / 0x1p30);
	}
}

static void set_figures(const struct cxms_stage *s, const struct cxms_placement *p,
			const struct cxms_world *w, const struct cxms_world *base, double time,
			struct cxms_split_result *out)
{
	double own = w->time_ns[CXMS_SPAN_MID][s->cfg->blocked];
	out->local_pct = p->local_pct;
	out->time_ns = (uint64_t)llround(time);
	out->worst_residual = fmax(w->worst_residual, w->worst_gap);
	out->worst_utilization = w->worst_utilization;
	cxms_split_set_causes(w->cause_ns, own > 0 ? time / own : 1, out);
	set_threads(s, w, base, out);
	set_targets(s, p, w, out);
	if (out->worst_residual > 1e-3)
		cxms_warn(s->warnings, CXMS_W_NOT_CONVERGED,
			  "the closed loop stopped at a relative residual of %.2g",
			  out->worst_residual);
}

static int split_once(struct cxms_stage *s, const struct cxms_policy_ops *policy, double asked_pct,
		      enum cxms_half judged, struct cxms_placement *place, struct cxms_world *world,
		      struct slow *slow, struct cxms_err *err)
{
	const struct cxms_world *base;
	int rc = cxms_stage_base(s, judged, &base, err);
	if (!rc && judged != CXMS_HALF_ALL) {
		const double *heat = s->heat[judged == CXMS_HALF_A]; /* the other half ranks */
		for (size_t i = 0; i < s->n_page; i++)
			s->page[i].heat = heat[i];
	}
	if (!rc)
		rc = cxms_place_split(policy, s->page, s->n_page, asked_pct, s->cfg->seed,
				      s->fabric, place, err);
	if (!rc)
		rc = run_world(s, place->target_of_page, judged, world, err);
	if (!rc)
		*slow = slowdown_of(s, world, base);
	return rc;
}

static void average(struct slow *a, const struct slow *b)
{
	a->lo = fmin(a->lo, b->lo);
	a->hi = fmax(a->hi, b->hi);
	a->mid = (a->mid + b->mid) / 2;
}

int cxms_split_run(struct cxms_stage *s, const struct cxms_policy_ops *policy, double asked_pct,
		   struct cxms_split_result *out, struct cxms_err *err)
{
	bool ranked = policy->needs & CXMS_POLICY_NEEDS_HEAT;
	struct cxms_placement place[2] = {0};
	struct cxms_world world[2] = {0};
	struct slow slow, other;
	double error = 0;
	const struct cxms_world *base, *whole;
	enum cxms_half first = ranked ? CXMS_HALF_A : CXMS_HALF_ALL;
	out->policy = policy->name;
	out->split_kind = "policy";
	out->asked_pct = asked_pct;
	out->thread = calloc(s->rec->n_thread + 1, sizeof(*out->thread));
	out->target = calloc(s->fabric->n_target, sizeof(*out->target));
	int rc = out->thread && out->target ? 0 : cxms_fail(err, ENOMEM, "out of memory");
	if (!rc)
		rc = split_once(s, policy, asked_pct, first, &place[0], &world[0], &slow, err);
	if (!rc)
		error = sampling_error(s, &place[0], &world[0], first);
	if (!rc && ranked) {
		rc = split_once(s, policy, asked_pct, CXMS_HALF_B, &place[1], &world[1], &other,
				err);
		if (!rc) {
			average(&slow, &other);
			error = hypot(error, sampling_error(s, &place[1], &world[1], CXMS_HALF_B)) /
				2;
		}
	}
	if (!rc)
		rc = cxms_stage_base(s, first, &base, err);
	if (!rc)
		rc = cxms_stage_base(s, CXMS_HALF_ALL, &whole, err);
	if (!rc) {
		double time = slow.mid * whole->time_ns[CXMS_SPAN_MID][s->cfg->blocked];
		set_interval(s, &place[0], &world[0], error, slow, out);
		set_figures(s, &place[0], &world[0], base, time, out);
	}
	for (int i = 0; i < 2; i++) {
		cxms_placement_fini(&place[i]);
		cxms_world_fini(&world[i]);
	}
	return rc;
}

/* A finished row as figures of the result. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "mem/curve.h"
#include "sim/cells.h"
#include "sim/recording.h"
#include "sim/split_priv.h"

#define MOST_BYTES 0x1p62

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
	bool one = r->n == 1 || base <= 0;
	double share = one ? 1 : last->whole->time_ns[CXMS_SPAN_MID][mode] / base;
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

/* What a damaged recording claims may be more than there are numbers for. */
static uint64_t whole_bytes(double bytes)
{
	return (uint64_t)llround(fmin(bytes, MOST_BYTES));
}

static void warn_capacity(const struct row *r, const char *name, double bytes, double capacity)
{
	if (bytes > capacity)
		cxms_warn(r->warnings, CXMS_W_CAPACITY, "'%s' is asked to hold %.3g GiB of %.3g",
			  name, bytes / 0x1p30, capacity / 0x1p30);
}

static void add_lines(const struct cxms_world_target *from, struct cxms_target_result *to)
{
	double lines = from->reads + from->writes;
	to->reads += (uint64_t)llround(from->reads);
	to->writes += (uint64_t)llround(from->writes);
	to->read_bytes_per_s += from->reads * CXMS_LINE_BYTES;
	to->write_bytes_per_s += from->writes * CXMS_LINE_BYTES;
	to->loaded_latency_ns += lines * from->latency_ps / (double)CXMS_PS_PER_NS;
	to->utilization_ratio += lines * from->utilization;
	to->stall_ns += from->stall_ns;
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
		uint64_t whole = whole_bytes(dealt + bytes) - whole_bytes(dealt);
		struct cxms_target_result *to = &out->target[t];
		to->bytes += whole;
		add_lines(from, to);
		/* of several hosts the slowest */
		to->p50_ns = fmax(to->p50_ns, from->p50_ps / (double)CXMS_PS_PER_NS);
		to->p99_ns = fmax(to->p99_ns, from->p99_ps / (double)CXMS_PS_PER_NS);
		to->p999_ns = fmax(to->p999_ns, from->p999_ps / (double)CXMS_PS_PER_NS);
		dealt += bytes;
		if (t == 0)
			warn_capacity(r, "local", (double)whole,
				      s->fabric->target[0].capacity_bytes);
		else
			warn_capacity(r, s->fabric->target[t].name, (double)whole,
				      cxms_host_share_bytes(s->topo, s->name, t));
	}
	for (size_t t = out->n_target; t < s->fabric->n_host_target; t++)
		add_lines(&w->target[t], &out->target[s->fabric->target[t].miss_of]);
}

static void close_targets(const struct row *r, double time_ns, struct cxms_split_result *out)
{
	const struct cxms_stage *s = r->part[0].stage;
	double seconds = time_ns / (double)CXMS_NS_PER_S;
	for (size_t t = 0; t < out->n_target; t++) {
		const struct cxms_fabric_target *from = &s->fabric->target[t];
		struct cxms_target_result *to = &out->target[t];
		double lines = (to->read_bytes_per_s + to->write_bytes_per_s) / CXMS_LINE_BYTES;
		to->name = from->name;
		to->idle_latency_ns = from->idle_ps / (double)CXMS_PS_PER_NS;
		to->loaded_latency_ns =
			lines > 0 ? to->loaded_latency_ns / lines : to->idle_latency_ns;
		to->utilization_ratio = lines > 0 ? to->utilization_ratio / lines : 0;
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

/* A curve says nothing of mixes that nobody measured. */
static void warn_share(const struct row *r, const struct cxms_server *s, const char *name,
		       const struct cxms_load *load)
{
	double lines = load->read_lines_per_s + load->write_lines_per_s;
	if (s->shape != CXMS_SHAPE_CURVE || lines <= 0)
		return;
	double share = load->read_lines_per_s / lines;
	if (cxms_curve_beyond(s->curve, share))
		cxms_warn(r->warnings, CXMS_W_CURVE_SHARE,
			  "'%s' is asked for %.0f %% reads, which its curve does not hold", name,
			  100 * share);
}

/*
 * The time in which the servers passed what they did: that of the run with the threads' waits for
 * each other, and never less than the simulated time of the solutions, in which none is above 1.
 */
static double span_of(const struct row *r)
{
	double span_ns = 0;
	for (size_t k = 0; k < r->n; k++) {
		const struct cxms_world *w = &r->world[0][k];
		double time_ns = w->time_ns[CXMS_SPAN_MID][r->part[k].stage->cfg->blocked];
		span_ns = fmax(span_ns, fmax(w->span_ns, time_ns));
	}
	return span_ns;
}

static void set_servers(const struct row *r, struct cxms_split_result *out)
{
	static const char *const words[] = {[CXMS_PART_LOCAL] = "local",
					    [CXMS_PART_BRIDGE] = "bridge",
					    [CXMS_PART_DEVICE] = "device",
					    [CXMS_PART_MEDIUM] = "medium"};
	const struct cxms_fabric *f = r->part[0].stage->fabric;
	double span_ns = span_of(r), seconds = span_ns / (double)CXMS_NS_PER_S;
	for (size_t v = 0; v < f->n_server; v++) {
		struct cxms_world_server sum = {0};
		for (size_t k = 0; k < r->n; k++) {
			sum.reads += r->world[0][k].server[v].reads;
			sum.writes += r->world[0][k].server[v].writes;
			sum.wait_ps += r->world[0][k].server[v].wait_ps;
			sum.busy_ns[0] += r->world[0][k].server[v].busy_ns[0];
			sum.busy_ns[1] += r->world[0][k].server[v].busy_ns[1];
		}
		double lines = sum.reads + sum.writes;
		struct cxms_load load = {seconds > 0 ? sum.reads / seconds : 0,
					 seconds > 0 ? sum.writes / seconds : 0};
		bool link = f->part[v].part == CXMS_PART_LINK;
		warn_share(r, &f->server[v], f->part[v].name, &load);
		for (int up = link; up >= 0; up--) {
			struct cxms_server_result *to = &out->server[out->n_server++];
			*to = (struct cxms_server_result){
				.host = host_name(r, f->part[v].host),
				.name = f->part[v].name,
				.part = !link ? words[f->part[v].part]
					: up  ? "link_up"
					      : "link_down",
				.utilization_ratio =
					span_ns > 0 ? sum.busy_ns[link && !up] / span_ns : 0,
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
	}
	out->fairness = cxms_fairness(out->tenant, out->n_tenant);
}

void cxms_row_fill(const struct row *r, struct cxms_split_result *out)
{
	size_t last = last_part(r);
	const struct part *p = &r->part[last];
	const struct cxms_world *w = &r->world[0][last];
	double own = w->time_ns[CXMS_SPAN_MID][p->stage->cfg->blocked];
	out->time_ns = (uint64_t)llround(p->time_ns);
	cxms_split_set_causes(w->cause_ns, own > 0 ? p->time_ns / own : 1, out);
	out->cpu_taken_ns = (uint64_t)fmin((double)out->causes_ns[CXMS_CAUSE_BLOCKED],
					   round(w->taken_ns * (own > 0 ? p->time_ns / own : 1)));
	set_slowdown(r, out);
	for (size_t k = 0; k < r->n; k++) {
		const struct cxms_world *world = &r->world[0][k];
		out->local_pct += r->part[k].place[0].local_pct / (double)r->n;
		out->migrated_bytes += (uint64_t)llround(r->part[k].moved_bytes);
		out->promotions += r->part[k].promotions;
		out->demotions += r->part[k].demotions;
		out->worst_residual =
			fmax(out->worst_residual, fmax(world->worst_residual, world->worst_gap));
		set_threads(&r->part[k], world, out);
		add_targets(r, &r->part[k], world, out);
	}
	close_targets(r, p->time_ns, out);
	set_servers(r, out);
	set_binding(out);
	if (r->n > 1)
		set_tenants(r, out);
}

void cxms_row_warn(const struct row *r, struct cxms_split_result *out)
{
	struct cxms_warnings *w = r->warnings;
	const struct cxms_stage *s = r->part[0].stage;
	const char *named = cxms_extents_of_others(s->topo, s->name);
	char what[120];
	if (named)
		cxms_warn(r->warnings, CXMS_W_CAPACITY,
			  "the extents of '%s' are those of named hosts and give nothing to this "
			  "run; see replay --host",
			  named);
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

int cxms_row_allocate(const struct row *r, struct cxms_split_result *out)
{
	const struct cxms_fabric *f = r->part[0].stage->fabric;
	size_t n_thread = 1;
	for (size_t k = 0; k < r->n; k++)
		n_thread += r->part[k].stage->rec->n_thread;
	out->n_target = f->n_shown;
	out->thread = calloc(n_thread, sizeof(*out->thread));
	out->target = calloc(out->n_target, sizeof(*out->target));
	out->server = calloc(2 * f->n_server, sizeof(*out->server));
	out->tenant = calloc(r->n, sizeof(*out->tenant));
	return out->thread && out->target && out->server && out->tenant ? 0 : -ENOMEM;
}

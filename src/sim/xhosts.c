#include "sim/xhosts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "core/xread.h"
#include "sim/asked.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "sim/phases.h"
#include "sim/replay.h"
#include "sim/xengine.h"
#include "sim/xorder.h"
#include "sim/xpass.h"
#include "sim/xreplay.h"
#include "sim/xrow.h"
#include "topo/topo.h"
#include "trace/trace.h"

/* One program: its recording, its pages, and what it is alone. */
struct guest {
	const struct cxms_host_trace *from;
	const struct cxms_facts *facts;
	struct cxms_xpages pages;
	struct cxms_result *alone;
	/* while a row is made */
	struct cxms_placement place;
	struct cxms_xpass pass;
	struct cxms_xread *read;
	bool ended;
};

struct hosts {
	const struct cxms_replay_cfg *cfg;
	size_t n;
	struct guest *guest;
	struct cxms_xhost *at; /* [n] of the engine */
	struct cxms_fabric fabric;
};

static void hosts_fini(struct hosts *h)
{
	for (size_t k = 0; h->guest && k < h->n; k++) {
		cxms_xpages_fini(&h->guest[k].pages);
		cxms_result_free(h->guest[k].alone);
	}
	free(h->guest);
	free(h->at);
}

static int check_sampling(const struct cxms_host_trace *host, const struct cxms_facts *facts,
			  struct cxms_err *err)
{
	return facts->exact.detail_insns
		       ? cxms_fail(err, EINVAL,
				   "the recording of host '%s' is sampled in time, and hosts are "
				   "not; record it without --exact-window",
				   host->name)
		       : 0;
}

static int run_alone(struct hosts *h, struct guest *g, struct cxms_err *err)
{
	struct cxms_xpass pass = {.pages = &g->pages, .counts_heat = true};
	g->alone = calloc(1, sizeof(*g->alone));
	if (!g->alone)
		return cxms_fail(err, ENOMEM, "out of memory for the result");
	int rc = cxms_xreplay_run(h->cfg, g->from->reader, g->alone, err);
	if (!rc)
		rc = cxms_xpass_read(&pass, false, g->from->reader, h->cfg->log, "pages", err);
	cxms_xpass_fini(&pass);
	return rc;
}

static int hosts_init(struct hosts *h, const struct cxms_host_trace *host, struct cxms_err *err)
{
	int rc = 0;
	h->guest = calloc(h->n, sizeof(*h->guest));
	h->at = calloc(h->n, sizeof(*h->at));
	if (!h->guest || !h->at)
		return cxms_fail(err, ENOMEM, "out of memory for %zu hosts", h->n);
	for (size_t k = 0; k < h->n && !rc; k++) {
		struct guest *g = &h->guest[k];
		g->from = &host[k];
		g->facts = &cxms_trace_reader_head(host[k].reader)->facts;
		g->pages.shift = cxms_xrow_page_shift(g->facts);
		rc = check_sampling(&host[k], g->facts, err);
		if (!rc)
			rc = run_alone(h, g, err);
	}
	return rc;
}

static int build_fabric(struct hosts *h, const struct cxms_topo *topo, struct cxms_err *err)
{
	double *mem_ps = calloc(h->n, sizeof(*mem_ps));
	if (!mem_ps)
		return cxms_fail(err, ENOMEM, "out of memory for %zu hosts", h->n);
	for (size_t k = 0; k < h->n; k++)
		mem_ps[k] = (double)h->guest[k].facts->mem_latency_ps;
	int rc = cxms_fabric_build_hosts(topo, mem_ps, h->n, &h->fabric, err);
	free(mem_ps);
	return rc;
}

/* One packet more of a program. */
static int feed(struct hosts *h, size_t k, struct cxms_xorder *order, struct cxms_err *err)
{
	struct guest *g = &h->guest[k];
	struct cxms_event ev;
	size_t n;
	int rc = cxms_trace_read(g->from->reader, &ev, 1, &n, err);
	if (!rc && n == 0) {
		g->ended = true;
		cxms_xorder_end_host(order, k);
	} else if (!rc && ev.kind == CXMS_EV_EXACT) {
		rc = cxms_xpass_packet(&g->pass, g->read, ev.exact.data, ev.exact.len, err);
	}
	return rc;
}

/* The program of which the least is known ahead comes next; SIZE_MAX: all have ended. */
static size_t next_guest(const struct hosts *h, const struct cxms_xorder *order)
{
	size_t out = SIZE_MAX, least = SIZE_MAX;
	for (size_t k = 0; k < h->n; k++) {
		size_t kept = h->guest[k].ended ? SIZE_MAX : cxms_xorder_kept(order, k);
		if (kept < least) {
			least = kept;
			out = k;
		}
	}
	return out;
}

static int feed_all(struct hosts *h, struct cxms_xorder *order, struct cxms_err *err)
{
	int rc = 0;
	for (size_t k; !rc && (k = next_guest(h, order)) != SIZE_MAX;)
		rc = feed(h, k, order, err);
	return rc ? rc : cxms_xorder_finish(order, err);
}

static int begin_guest(struct hosts *h, size_t k, const struct cxms_topo *topo,
		       const struct cxms_policy_ops *policy, double pct, struct cxms_xorder *order,
		       struct cxms_err *err)
{
	struct guest *g = &h->guest[k];
	g->pass = (struct cxms_xpass){
		.pages = &g->pages, .order = order, .host = (uint32_t)k, .n_host = (uint32_t)h->n};
	g->ended = false;
	cxms_trace_reader_rewind(g->from->reader);
	int rc = cxms_place_split(policy, g->pages.page, g->pages.n, pct, h->cfg->seed, &h->fabric,
				  &g->place, err);
	return rc ? rc : cxms_xread_new(!topo->host.uops_fused, &g->read, err);
}

static void end_guest(struct guest *g)
{
	cxms_xpass_fini(&g->pass);
	cxms_xread_free(g->read);
	g->read = NULL;
	cxms_placement_fini(&g->place);
}

static double end_ps(const struct cxms_xengine *e, size_t host)
{
	uint64_t end = 0;
	for (size_t i = 0; i < e->n_thread; i++) {
		const struct cxms_xthread *t = &e->thread[i];
		uint64_t at = cxms_xengine_on_host(e, t, host)
				      ? cxms_xengine_thread_ps(e, t->pid, t->tid, 0)
				      : 0;
		end = at > end ? at : end;
	}
	return (double)end;
}

static double base_ns(const struct guest *g, size_t row)
{
	const struct cxms_split_result *alone = &g->alone->split[row];
	return alone->slowdown > 0 ? (double)alone->time_ns / alone->slowdown : 0;
}

/* Each program against itself; returns the number of the one that ends last. */
static size_t set_tenants(const struct hosts *h, const struct cxms_xengine *e, size_t row,
			  struct cxms_split_result *out)
{
	size_t last = 0;
	for (size_t k = 0; k < h->n; k++) {
		const struct cxms_split_result *alone = &h->guest[k].alone->split[row];
		struct cxms_tenant_result *t = &out->tenant[out->n_tenant++];
		uint64_t ns = (uint64_t)llround(end_ps(e, k) / (double)CXMS_PS_PER_NS);
		double contention = alone->time_ns ? (double)ns / (double)alone->time_ns : 1;
		*t = (struct cxms_tenant_result){.name = h->guest[k].from->name,
						 .slowdown = alone->slowdown * contention,
						 .alone_slowdown = alone->slowdown,
						 .contention_ratio = contention,
						 .time_ns = ns};
		cxms_xrow_bounds(t->slowdown, cxms_xrow_model_half_width(t->slowdown),
				 &t->slowdown_lo, &t->slowdown_hi);
		if (t->time_ns > out->tenant[last].time_ns)
			last = k;
	}
	out->fairness = cxms_fairness(out->tenant, out->n_tenant);
	return last;
}

/* Of the set: until the last one ends, against the same with everything local. */
static void set_slowdown(const struct hosts *h, size_t row, size_t last,
			 struct cxms_split_result *out)
{
	double base = 0;
	for (size_t k = 0; k < h->n; k++) {
		base = fmax(base, base_ns(&h->guest[k], row));
		out->local_pct += h->guest[k].place.local_pct / (double)h->n;
	}
	out->time_ns = out->tenant[last].time_ns;
	out->slowdown = base > 0 ? (double)out->time_ns / base : 1;
	out->model_half_width = cxms_xrow_model_half_width(out->slowdown);
	cxms_xrow_bounds(out->slowdown, out->model_half_width, &out->slowdown_lo,
			 &out->slowdown_hi);
}

/* Host by host, each in the order of its program alone. */
static void set_threads(const struct hosts *h, const struct cxms_xengine *e, size_t row,
			struct cxms_split_result *out)
{
	for (size_t k = 0; k < h->n; k++) {
		const struct cxms_split_result *alone = &h->guest[k].alone->split[row];
		for (size_t b = 0; b < alone->n_thread; b++) {
			struct cxms_thread_result *to = &out->thread[out->n_thread++];
			*to = alone->thread[b];
			const struct cxms_xthread *t = cxms_xengine_thread(
				e, to->pid | (uint32_t)k << CXMS_XHOST_SHIFT, to->tid);
			to->slowdown = t && to->native_ns ? cxms_xthread_own_ps(t, 0) /
								    (double)CXMS_PS_PER_NS /
								    (double)to->native_ns
							  : 1;
		}
	}
}

/* What each host asks of its share; of a memdev all of them together, too. */
static void judge_capacity(const struct hosts *h, const struct cxms_topo *topo, size_t t,
			   double all, struct cxms_warnings *out)
{
	const struct cxms_fabric_target *target = &h->fabric.target[t];
	for (size_t k = 0; k < h->n; k++) {
		const struct guest *g = &h->guest[k];
		cxms_xrow_capacity(target->name, g->place.bytes[t],
				   t ? cxms_host_share_bytes(topo, g->from->name, t)
				     : target->capacity_bytes,
				   out);
	}
	if (t)
		cxms_xrow_capacity(target->name, all, target->capacity_bytes, out);
}

static void set_targets(const struct hosts *h, const struct cxms_xengine *e,
			struct cxms_warnings *warnings, struct cxms_split_result *out)
{
	const struct cxms_fabric *f = &h->fabric;
	const struct cxms_topo *topo = h->cfg->topo[out->topology];
	uint64_t end = cxms_xengine_end_ps(e, 0);
	out->n_target = f->n_shown;
	for (size_t t = 0; t < f->n_shown; t++) {
		struct cxms_xtarget_sum sum = {0};
		double bytes = 0, busy = 0;
		for (size_t k = 0; k < h->n; k++) {
			size_t at = k * f->n_host_target + t;
			const struct cxms_xtarget_sum *s = &e->lane[0].target[at];
			sum.reads += s->reads;
			sum.writes += s->writes;
			sum.latency_ps += s->latency_ps;
			cxms_hist_merge(&sum.hist, &s->hist, 1);
			bytes += h->guest[k].place.bytes[t];
			busy = fmax(busy, cxms_net_utilization(e->lane[0].net, (uint32_t)at, end));
		}
		cxms_xrow_target(f, t, &sum, 1, out);
		out->target[t].bytes = (uint64_t)llround(bytes);
		out->target[t].utilization_ratio = busy;
		judge_capacity(h, topo, t, bytes, warnings);
	}
}

static int fill_row(const struct hosts *h, const struct cxms_xengine *e, size_t row,
		    struct cxms_warnings *warnings, struct cxms_split_result *out,
		    struct cxms_err *err)
{
	struct cxms_err why = {0};
	size_t n_thread = 1;
	for (size_t k = 0; k < h->n; k++)
		n_thread += h->guest[k].alone->split[row].n_thread;
	out->thread = calloc(n_thread, sizeof(*out->thread));
	out->target = calloc(h->fabric.n_shown, sizeof(*out->target));
	out->tenant = calloc(h->n, sizeof(*out->tenant));
	if (!out->thread || !out->target || !out->tenant)
		return cxms_fail(err, ENOMEM, "out of memory for the result");
	size_t last = set_tenants(h, e, row, out);
	set_slowdown(h, row, last, out);
	cxms_xrow_causes(e, 0, last, out);
	set_threads(h, e, row, out);
	set_targets(h, e, warnings, out);
	out->self_check_failed = cxms_net_check(e->lane[0].net, &why) != 0;
	if (out->self_check_failed)
		cxms_warn(warnings, CXMS_W_SELF_CHECK, "%s", why.msg);
	cxms_xrow_late(cxms_net_late(e->lane[0].net), cxms_net_served(e->lane[0].net), warnings);
	return 0;
}

/* All programs on one network; @out has its topology, policy and share. */
static int run_row(struct hosts *h, size_t row, struct cxms_warnings *warnings,
		   struct cxms_split_result *out, struct cxms_err *err)
{
	const struct cxms_topo *topo = h->cfg->topo[out->topology];
	const struct cxms_policy_ops *policy = cxms_policy_find(out->policy);
	struct cxms_xengine e = {.fabric = &h->fabric,
				 .seed = h->cfg->seed,
				 .n_lane = 1,
				 .host = h->at,
				 .n_host = h->n};
	struct cxms_xorder *order = NULL;
	cxms_xengine_host(topo, 0, &e.window);
	int rc = cxms_xengine_init(&e, err);
	if (!rc)
		rc = cxms_xorder_new(&e, 1, &order, err);
	if (!rc)
		rc = cxms_xorder_hosts(order, h->n, err);
	for (size_t k = 0; k < h->n && !rc; k++) {
		struct cxms_window_cfg own;
		rc = begin_guest(h, k, topo, policy, out->asked_pct, order, err);
		cxms_xengine_host(topo, h->guest[k].facts->walk_ps, &own);
		h->at[k] = (struct cxms_xhost){&h->guest[k].pages, &h->guest[k].place, own.walk_ps};
	}
	if (!rc)
		rc = feed_all(h, order, err);
	if (!rc)
		rc = fill_row(h, &e, row, warnings, out, err);
	cxms_xorder_free(order);
	for (size_t k = 0; k < h->n; k++)
		end_guest(&h->guest[k]);
	cxms_xengine_fini(&e);
	return rc;
}

/* Rows stand in the order of those of each program alone. */
static int run_topology(struct hosts *h, uint32_t index, struct cxms_result *out,
			struct cxms_err *err)
{
	struct cxms_asked a = cxms_asked_of(h->cfg, h->cfg->topo[index]);
	int rc = build_fabric(h, h->cfg->topo[index], err);
	for (size_t i = 0; i < a.n_policy * a.n_split && !rc; i++) {
		struct cxms_split_result *to = &out->split[out->n_split];
		to->topology = index;
		to->policy = a.policy[i / a.n_split];
		to->split_kind = "policy";
		to->asked_pct = a.split_pct[i % a.n_split];
		cxms_log_progress(h->cfg->log, "replay: topology %u of %zu, %s %g:%g", index + 1,
				  h->cfg->n_topo, to->policy, to->asked_pct, 100 - to->asked_pct);
		rc = run_row(h, out->n_split++, &out->warnings, to, err);
	}
	cxms_fabric_fini(&h->fabric);
	return rc;
}

/* The first program's, but for its rows. */
static int begin_result(const struct hosts *h, struct cxms_result *out, struct cxms_err *err)
{
	struct cxms_result *first = h->guest[0].alone;
	const struct cxms_trace_head *head = cxms_trace_reader_head(h->guest[0].from->reader);
	struct cxms_split_result *split = calloc(cxms_asked_count(h->cfg) + 1, sizeof(*split));
	if (!split || cxms_asked_argv(head, out)) {
		free(split);
		return cxms_fail(err, ENOMEM, "out of memory for the result");
	}
	out->split = split;
	out->exact = true;
	out->facts = first->facts;
	out->totals = first->totals;
	out->xr = first->xr;
	out->basis = first->basis;
	out->seed = first->seed;
	out->engine = first->engine;
	out->confidence_pct = first->confidence_pct;
	out->n_topo = first->n_topo;
	out->topo = first->topo;
	out->n_assumed = first->n_assumed;
	for (size_t i = 0; i < first->n_assumed; i++)
		out->assumed[i] = first->assumed[i];
	return 0;
}

static void finish(const struct hosts *h, struct cxms_result *out)
{
	out->status = CXMS_STATUS_COMPLETE;
	for (size_t k = 0; k < h->n; k++) {
		const struct cxms_result *alone = h->guest[k].alone;
		for (size_t i = 0; i < alone->warnings.n; i++)
			cxms_warn_add(&out->warnings, &alone->warnings.list[i]);
		if (alone->status > out->status) /* the worst stands */
			out->status = alone->status;
	}
	for (size_t i = 0; i < out->n_split; i++)
		if (out->split[i].self_check_failed)
			out->status = CXMS_STATUS_SELF_CHECK_FAILED;
}

int cxms_xhosts_run(const struct cxms_replay_cfg *cfg, const struct cxms_host_trace *host, size_t n,
		    struct cxms_result *out, struct cxms_err *err)
{
	struct hosts h = {.cfg = cfg, .n = n};
	int rc = hosts_init(&h, host, err);
	if (!rc)
		rc = begin_result(&h, out, err);
	for (uint32_t i = 0; i < cfg->n_topo && !rc; i++)
		rc = run_topology(&h, i, out, err);
	if (!rc)
		finish(&h, out);
	hosts_fini(&h);
	return rc;
}

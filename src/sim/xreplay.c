#include "sim/xreplay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"
#include "sim/asked.h"
#include "sim/assumed.h"
#include "sim/event_net.h"
#include "sim/exact_host.h"
#include "sim/place_split.h"
#include "sim/xengine.h"
#include "sim/xorder.h"
#include "sim/xpass.h"
#include "sim/xrow.h"
#include "topo/topo.h"
#include "trace/trace.h"

#define CONFIDENCE_PCT 90.0
#define EVENTS_AT_ONCE 256
#define Z90	       1.645 /* two-sided 90 % of a normal distribution */
/* Nine of ten points of the cycle-level reference (tests/data/gem5) lie within both: error of what
 * memory adds, of the slowdown as a whole. */
#define CXMS_WINDOW_ADDED_ERROR	   0.29
#define CXMS_WINDOW_SLOWDOWN_ERROR 0.11

unsigned cxms_xrow_page_shift(const struct cxms_facts *facts)
{
	return facts->exact.tlb_page_bytes == 2u << 20 ? 21 : CXMS_XS_PAGE_SHIFT;
}

/* Lanes of one topology: everything local first, then the placements asked for. */
struct plan {
	const struct cxms_topo *topo;
	struct cxms_fabric fabric;
	struct cxms_asked asked;
	size_t n_place;
	struct cxms_placement *place;
	size_t n_engine;
	size_t per_engine; /* lanes of an engine: one where threads have each lane's own order */
	struct cxms_xengine *engine;
	struct cxms_deal deal; /* early: pages on CXL, as far as they are known */
	struct cxms_placement dealt;
};

static void plan_fini(struct plan *p)
{
	for (size_t i = 0; p->place && i < p->n_place; i++)
		cxms_placement_fini(&p->place[i]);
	for (size_t i = 0; p->engine && i < p->n_engine; i++)
		cxms_xengine_fini(&p->engine[i]);
	free(p->place);
	free(p->engine);
	cxms_deal_fini(&p->deal);
	cxms_placement_fini(&p->dealt);
	cxms_fabric_fini(&p->fabric);
}

static int plan_begin(struct plan *p, const struct cxms_replay_cfg *cfg, uint32_t index,
		      const struct cxms_facts *facts, size_t per_engine, struct cxms_err *err)
{
	*p = (struct plan){.topo = cfg->topo[index],
			   .asked = cxms_asked_of(cfg, cfg->topo[index]),
			   .per_engine = per_engine};
	p->n_place = p->asked.n_policy * p->asked.n_split;
	return cxms_fabric_build(p->topo, (double)facts->mem_latency_ps, &p->fabric, err);
}

static double pct_of(const struct plan *p, size_t place)
{
	return p->asked.split_pct[place % p->asked.n_split];
}

static int place_pages(struct plan *p, const struct cxms_xpages *pages, uint64_t seed,
		       struct cxms_err *err)
{
	int rc = 0;
	p->place = calloc(p->n_place + 1, sizeof(*p->place));
	if (!p->place)
		return cxms_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < p->n_place && !rc; i++)
		rc = cxms_place_split(cxms_policy_find(p->asked.policy[i / p->asked.n_split]),
				      pages->page, pages->n, pct_of(p, i), seed, &p->fabric,
				      &p->place[i], err);
	return rc;
}

struct lane_ref {
	struct cxms_xengine *e;
	unsigned lane;
};

/* Lane 0 of the first engine is the baseline; placement i has lane i + 1 in that order. */
static struct lane_ref lane_of(const struct plan *p, size_t place)
{
	size_t lane = place + 1;
	return (struct lane_ref){&p->engine[lane / p->per_engine],
				 (unsigned)(lane % p->per_engine)};
}

static int start_engines(struct plan *p, struct cxms_xpages *pages, uint64_t walk_ps, uint64_t seed,
			 struct cxms_err *err)
{
	size_t lanes = p->n_place + 1;
	int rc = 0;
	p->n_engine = (lanes + p->per_engine - 1) / p->per_engine;
	p->engine = calloc(p->n_engine, sizeof(*p->engine));
	if (!p->engine)
		return cxms_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < p->n_engine && !rc; i++) {
		struct cxms_xengine *e = &p->engine[i];
		size_t left = lanes - i * p->per_engine;
		e->fabric = &p->fabric;
		e->pages = pages;
		e->seed = seed;
		e->n_lane = (unsigned)(left < p->per_engine ? left : p->per_engine);
		cxms_xengine_host(p->topo, walk_ps, &e->window);
		rc = cxms_xengine_init(e, err);
	}
	return rc;
}

/* Each lane its placement. */
static void place_lanes(struct plan *p, const struct cxms_xpages *pages)
{
	for (size_t i = 0; i < p->n_place; i++) {
		struct lane_ref at = lane_of(p, i);
		at.e->lane[at.lane].place = &p->place[i];
		at.e->lane[at.lane].n_page = pages->n;
	}
}

/*
 * Sampling error of a ratio of sums over the timed stretches: variance of t - r b, by the usual
 * linearisation; 0 with everything timed.
 */
static double sampling_half_width(const struct plan *p, struct lane_ref at, double slowdown)
{
	const struct cxms_xengine *base = &p->engine[0];
	size_t n = base->n_stretch < at.e->n_stretch ? base->n_stretch : at.e->n_stretch;
	double square = 0, sum = 0;
	for (size_t i = 0; i < n; i++) {
		double b = (double)base->stretch[i].time_ps[0];
		double t = (double)at.e->stretch[i].time_ps[at.lane];
		square += (t - slowdown * b) * (t - slowdown * b);
		sum += b;
	}
	return n > 1 && sum > 0 ? Z90 * sqrt(square * (double)n / (double)(n - 1)) / sum : 0;
}

void cxms_xrow_causes(const struct cxms_xengine *e, unsigned lane, size_t host,
		      struct cxms_split_result *out)
{
	double ps[CXMS_CAUSE_COUNT] = {0}, sum = 0;
	for (size_t i = 0; i < e->n_thread; i++) {
		struct cxms_window_lane l;
		const struct cxms_xthread *t = &e->thread[i];
		if (!cxms_xengine_on_host(e, t, host))
			continue;
		cxms_window_lane(t->window, lane, &l);
		ps[CXMS_CAUSE_LOCAL] += (double)l.local_ps;
		ps[CXMS_CAUSE_CXL_LATENCY] += (double)l.cxl_ps;
		ps[CXMS_CAUSE_CXL_BANDWIDTH] += (double)l.queue_ps;
		ps[CXMS_CAUSE_SWITCH] += (double)l.switch_ps;
		ps[CXMS_CAUSE_BLOCKED] += (double)t->blocked_ps[lane];
		sum += cxms_xthread_own_ps(t, lane) + (double)t->blocked_ps[lane];
	}
	/* of several threads: their shares of the program's time */
	cxms_split_set_causes(ps, sum > 0 ? (double)out->time_ns / sum : 0, out);
}

/* In the order of the baseline: each engine meets those that begin in its own order of time. */
static void set_threads(const struct plan *p, struct lane_ref at, double repeat,
			struct cxms_split_result *out)
{
	const struct cxms_xengine *base = &p->engine[0];
	for (size_t i = 0; i < base->n_thread; i++) {
		const struct cxms_xthread *b = &base->thread[i];
		const struct cxms_xthread *t = cxms_xengine_thread(at.e, b->pid, b->tid);
		double was = cxms_xthread_own_ps(b, 0);
		double own = t ? cxms_xthread_own_ps(t, at.lane) : was;
		out->thread[out->n_thread++] = (struct cxms_thread_result){
			.pid = b->pid,
			.tid = b->tid,
			.native_ns = (uint64_t)(was * repeat / (double)CXMS_PS_PER_NS),
			.slowdown = was > 0 ? own / was : 1};
	}
}

static double quantile_ns(const struct cxms_hist *h, uint32_t ppm)
{
	return (double)cxms_hist_quantile(h, ppm) / (double)CXMS_PS_PER_NS;
}

void cxms_xrow_target(const struct cxms_fabric *f, size_t t, const struct cxms_xtarget_sum *s,
		      double repeat, struct cxms_split_result *out)
{
	struct cxms_target_result *to = &out->target[t];
	double seconds = (double)out->time_ns / (double)CXMS_NS_PER_S;
	to->name = f->target[t].name;
	to->reads = (uint64_t)llround((double)s->reads * repeat);
	to->writes = (uint64_t)llround((double)s->writes * repeat);
	to->idle_latency_ns = f->target[t].idle_ps / (double)CXMS_PS_PER_NS;
	to->loaded_latency_ns =
		s->reads ? (double)s->latency_ps / (double)s->reads / (double)CXMS_PS_PER_NS
			 : to->idle_latency_ns;
	to->p50_ns = s->reads ? quantile_ns(&s->hist, 500000) : NAN;
	to->p99_ns = s->reads ? quantile_ns(&s->hist, 990000) : NAN;
	to->p999_ns = s->reads ? quantile_ns(&s->hist, 999000) : NAN;
	if (seconds > 0) {
		to->read_bytes_per_s = (double)to->reads * CXMS_LINE_BYTES / seconds;
		to->write_bytes_per_s = (double)to->writes * CXMS_LINE_BYTES / seconds;
	}
}

void cxms_xrow_capacity(const char *name, double bytes, double capacity, struct cxms_warnings *out)
{
	if (bytes > capacity)
		cxms_warn(out, CXMS_W_CAPACITY, "'%s' is asked to hold %.3g GiB of %.3g", name,
			  bytes / 0x1p30, capacity / 0x1p30);
}

static void set_targets(const struct plan *p, size_t place, struct lane_ref at, double repeat,
			struct cxms_warnings *warnings, struct cxms_split_result *out)
{
	const struct cxms_xlane *x = &at.e->lane[at.lane];
	uint64_t end = cxms_xengine_end_ps(at.e, at.lane);
	out->n_target = p->fabric.n_shown;
	for (size_t t = 0; t < out->n_target; t++) {
		cxms_xrow_target(&p->fabric, t, &x->target[t], repeat, out);
		out->target[t].bytes = (uint64_t)llround(p->place[place].bytes[t]);
		out->target[t].utilization_ratio = cxms_net_utilization(x->net, (uint32_t)t, end);
		cxms_xrow_capacity(out->target[t].name, p->place[place].bytes[t],
				   p->fabric.target[t].capacity_bytes, warnings);
	}
}

double cxms_xrow_model_half_width(double slowdown)
{
	return fmin(CXMS_WINDOW_ADDED_ERROR * fabs(slowdown - 1),
		    CXMS_WINDOW_SLOWDOWN_ERROR * slowdown);
}

void cxms_xrow_bounds(double slowdown, double half_width, double *lo, double *hi)
{
	*lo = fmax(0, slowdown - half_width);
	*hi = slowdown + half_width;
}

static int fill_split(const struct plan *p, size_t place, uint32_t topo, double repeat,
		      struct cxms_warnings *warnings, struct cxms_split_result *out,
		      struct cxms_err *err)
{
	struct lane_ref at = lane_of(p, place);
	double base = (double)cxms_xengine_end_ps(&p->engine[0], 0);
	double end = (double)cxms_xengine_end_ps(at.e, at.lane);
	out->thread = calloc(p->engine[0].n_thread + 1, sizeof(*out->thread));
	out->target = calloc(p->fabric.n_shown, sizeof(*out->target));
	if (!out->thread || !out->target)
		return cxms_fail(err, ENOMEM, "out of memory for the result");
	out->topology = topo;
	out->policy = p->asked.policy[place / p->asked.n_split];
	out->split_kind = "policy";
	out->asked_pct = p->asked.split_pct[place % p->asked.n_split];
	out->local_pct = p->place[place].local_pct;
	out->slowdown = base > 0 ? end / base : 1;
	out->sampling_half_width = sampling_half_width(p, at, out->slowdown);
	out->model_half_width = cxms_xrow_model_half_width(out->slowdown);
	cxms_xrow_bounds(out->slowdown, hypot(out->sampling_half_width, out->model_half_width),
			 &out->slowdown_lo, &out->slowdown_hi);
	out->time_ns = (uint64_t)llround(end * repeat / (double)CXMS_PS_PER_NS);
	struct cxms_err why = {0};
	out->self_check_failed = cxms_net_check(at.e->lane[at.lane].net, &why) != 0;
	if (out->self_check_failed)
		cxms_warn(warnings, CXMS_W_SELF_CHECK, "%s", why.msg);
	cxms_xrow_causes(at.e, at.lane, 0, out);
	set_threads(p, at, repeat, out);
	set_targets(p, place, at, repeat, warnings, out);
	return 0;
}

void cxms_xrow_late(uint64_t late, uint64_t served, struct cxms_warnings *out)
{
	if (late)
		cxms_warn(out, CXMS_W_LATE,
			  "%.2g %% of the requests to links and devices came too far behind others "
			  "to be put in order with them",
			  100 * (double)late / (double)served);
}

/* What the figures leave out, said once. */
static void warn_of_gaps(const struct plan *p, struct cxms_warnings *w)
{
	uint64_t undecoded = 0, late = 0, served = 0;
	for (size_t i = 0; i < p->n_engine; i++) {
		const struct cxms_xengine *e = &p->engine[i];
		for (size_t t = 0; t < e->n_thread && i == 0; t++)
			undecoded += cxms_window_counts(e->thread[t].window)->undecoded;
		for (unsigned l = 0; l < e->n_lane; l++) {
			late += cxms_net_late(e->lane[l].net);
			served += cxms_net_served(e->lane[l].net);
		}
	}
	if (undecoded)
		cxms_warn(w, CXMS_W_EXACT_TOOL,
			  "%llu instructions run are unknown to the decoder: one uop each, without "
			  "operands",
			  (unsigned long long)undecoded);
	cxms_xrow_late(late, served, w);
}

static void add_counts(const struct plan *p, struct cxms_exact_result *xr)
{
	const struct cxms_xengine *e = &p->engine[0];
	uint64_t end = cxms_xengine_end_ps(e, 0);
	for (size_t i = 0; i < e->n_thread; i++) {
		const struct cxms_window_counts *c = cxms_window_counts(e->thread[i].window);
		xr->uops += c->uops;
		xr->loads += c->loads;
		xr->stores += c->stores;
		xr->l1d_misses += c->l1d_misses;
		xr->l2_misses += c->l2_misses;
		xr->llc_misses += c->llc_misses;
		xr->writebacks += c->writebacks;
		xr->prefetches += c->prefetches;
		xr->mispredicts += c->mispredicts;
		xr->walks += c->walks;
		xr->native_ipc += (double)c->insns;
	}
	for (size_t i = 0; i < e->n_stretch; i++)
		xr->n_window += e->stretch[i].time_ps[0] > 0;
	xr->native_ipc = end ? xr->native_ipc / ((double)end / (double)CXMS_PS_PER_S *
						 (double)e->window.frequency_hz)
			     : 0;
}

/* A reading of the recording for some of a topology's engines, which know nothing of each other. */
struct readings {
	struct plan *plan;
	const struct cxms_replay_cfg *cfg;
	struct cxms_trace_reader *reader;
	struct cxms_xpages *pages;
	size_t n;
};

/* Threads beside the first read the recording by a reader of their own, and tell nothing. */
static int read_beside(unsigned worker, struct cxms_trace_reader *first,
		       struct cxms_trace_reader **own, struct cxms_err *err)
{
	*own = NULL;
	return worker ? cxms_trace_reader_again(first, own, err) : 0;
}

static int run_reading(void *arg, unsigned worker, size_t i, struct cxms_err *err)
{
	const struct readings *r = arg;
	struct plan *p = r->plan;
	struct cxms_xengine *engine = &p->engine[i * p->n_engine / r->n];
	size_t n = (i + 1) * p->n_engine / r->n - i * p->n_engine / r->n;
	struct cxms_xpass pass = {.pages = r->pages};
	struct cxms_trace_reader *own;
	int rc = read_beside(worker, r->reader, &own, err);
	if (!rc && p->per_engine == 1)
		rc = cxms_xorder_new(engine, n, &pass.order, err);
	if (!rc)
		rc = cxms_xpass_add(&pass, engine, n, err);
	if (!rc)
		rc = cxms_xpass_read(&pass, !p->topo->host.uops_fused, own ? own : r->reader,
				     worker ? NULL : r->cfg->log, "replay", err);
	cxms_xorder_free(pass.order);
	cxms_xpass_fini(&pass);
	cxms_trace_reader_close(own);
	return rc;
}

static int read_topology(struct plan *p, const struct cxms_replay_cfg *cfg,
			 struct cxms_trace_reader *reader, struct cxms_xpages *pages,
			 struct cxms_err *err)
{
	const struct cxms_facts *facts = &cxms_trace_reader_head(reader)->facts;
	struct readings r = {p, cfg, reader, pages, cfg->jobs / cfg->n_topo};
	int rc = place_pages(p, pages, cfg->seed, err);
	if (!rc)
		rc = start_engines(p, pages, facts->walk_ps, cfg->seed, err);
	if (rc)
		return rc;
	place_lanes(p, pages);
	r.n = r.n < 1 ? 1 : r.n < p->n_engine ? r.n : p->n_engine;
	return cxms_pool_run((unsigned)r.n, r.n, run_reading, &r, err);
}

/* What one topology adds to the result. */
struct part {
	struct cxms_split_result *split; /* its first row */
	struct cxms_exact_result *xr;	 /* of the first topology; else NULL */
	struct cxms_warnings warnings;
};

static int fill_topology(const struct plan *p, uint32_t index, const struct cxms_facts *facts,
			 struct part *out, struct cxms_err *err)
{
	double repeat = facts->exact.detail_insns ? (double)facts->exact.period_insns /
							    (double)facts->exact.detail_insns
						  : 1;
	int rc = 0;
	if (cxms_xengine_end_ps(&p->engine[0], 0) == 0)
		return cxms_fail(err, ENODATA,
				 "nothing in the recording was timed; was the region "
				 "of interest ever entered?");
	for (size_t i = 0; i < p->n_place && !rc; i++)
		rc = fill_split(p, i, index, repeat, &out->warnings, &out->split[i], err);
	if (!rc && out->xr)
		add_counts(p, out->xr);
	if (!rc)
		warn_of_gaps(p, &out->warnings);
	return rc;
}

/* @early: of this topology, taken; NULL = none. */
static int run_topology(const struct cxms_replay_cfg *cfg, uint32_t index,
			struct cxms_trace_reader *reader, struct cxms_xpages *pages, bool threaded,
			struct plan *early, struct part *out, struct cxms_err *err)
{
	const struct cxms_facts *facts = &cxms_trace_reader_head(reader)->facts;
	struct plan p = {0};
	int rc = 0;
	if (early && early->n_engine > 0) {
		rc = place_pages(early, pages, cfg->seed, err);
		if (!rc)
			rc = fill_topology(early, index, facts, out, err);
		return rc;
	}
	rc = plan_begin(&p, cfg, index, facts, threaded ? 1 : CXMS_LANES, err);
	if (!rc)
		rc = read_topology(&p, cfg, reader, pages, err);
	if (!rc)
		rc = fill_topology(&p, index, facts, out, err);
	plan_fini(&p);
	return rc;
}

/* The caches ran while the program ran: a topology with others needs another recording. */
static int check_hosts(const struct cxms_replay_cfg *cfg, const struct cxms_exact_cfg *recorded,
		       struct cxms_err *err)
{
	for (size_t i = 0; i < cfg->n_topo; i++) {
		struct cxms_exact_cfg host;
		struct cxms_exact_diff d;
		int rc = cxms_exact_of_host(cfg->topo[i], &host, err);
		if (rc)
			return rc;
		if (cxms_exact_differ(recorded, &host, &d))
			return cxms_fail(
				err, EINVAL,
				"'%s' has %s %s, but the recording was made with %s; record "
				"or import again with -t '%s'",
				cfg->topo[i]->file, d.key, d.b, d.a, cfg->topo[i]->file);
		if (recorded->window && host.window > recorded->window)
			return cxms_fail(
				err, EINVAL,
				"'%s' has host.cpu.rob %u, but the recording tells what was in "
				"flight for a window of %u uops at most; record or import again "
				"with -t '%s'",
				cfg->topo[i]->file, host.window, recorded->window,
				cfg->topo[i]->file);
	}
	return 0;
}

/* Once over everything for the pages, the totals, and whether there is more than one thread. */
static int read_pages(const struct cxms_replay_cfg *cfg, struct cxms_trace_reader *reader,
		      struct cxms_xpages *pages, struct cxms_exact_result *totals, bool *threaded,
		      struct cxms_err *err)
{
	struct cxms_xpass pass = {.pages = pages, .counts_heat = true, .xr = totals};
	int rc = cxms_xpass_read(&pass, false, reader, cfg->log, "pages", err);
	*threaded = pass.n_begun > 0;
	cxms_xpass_fini(&pass);
	return rc;
}

struct cxms_xearly {
	const struct cxms_replay_cfg *cfg; /* borrowed */
	struct cxms_xpages pages;
	struct cxms_xpass pass;
	struct cxms_xread *read;
	struct cxms_exact_result totals;
	struct plan *plan; /* [n_topo]; without engines: replayed afterwards */
	uint64_t n_packet;
	bool failed; /* what was done is of no use */
};

int cxms_xearly_new(const struct cxms_replay_cfg *cfg, struct cxms_xearly **out,
		    struct cxms_err *err)
{
	struct cxms_xearly *x = calloc(1, sizeof(*x));
	int rc = x ? 0 : cxms_fail(err, ENOMEM, "out of memory");
	if (!rc) {
		x->cfg = cfg;
		x->plan = calloc(cfg->n_topo, sizeof(*x->plan));
		rc = x->plan ? cxms_xread_new(!cfg->topo[0]->host.uops_fused, &x->read, err)
			     : cxms_fail(err, ENOMEM, "out of memory");
	}
	if (rc)
		cxms_xearly_free(x);
	else
		*out = x;
	return rc;
}

static void drop_engines(struct cxms_xearly *x)
{
	x->pass.n_engine = 0;
	for (size_t i = 0; x->plan && i < x->cfg->n_topo; i++) {
		plan_fini(&x->plan[i]);
		x->plan[i] = (struct plan){0};
	}
}

void cxms_xearly_free(struct cxms_xearly *x)
{
	if (!x)
		return;
	drop_engines(x);
	free(x->plan);
	cxms_xread_free(x->read);
	cxms_xpass_fini(&x->pass);
	cxms_xpages_fini(&x->pages);
	free(x);
}

/* Where the page goes is known when it is first touched: either all are local or none. Other
 * shares are met to within a page of all there are. */
static bool is_settled(const struct plan *p)
{
	for (size_t i = 0; i < p->n_place; i++)
		if (pct_of(p, i) > 0 && pct_of(p, i) < 100)
			return false;
	return true;
}

/* New pages are dealt before anything is asked of them. */
static int deal_pages(void *arg, struct cxms_err *err)
{
	struct cxms_xearly *x = arg;
	size_t n = x->pages.n;
	for (size_t i = 0; i < x->cfg->n_topo; i++) {
		struct plan *p = &x->plan[i];
		if (p->n_engine == 0)
			continue;
		if (cxms_deal_room(&p->deal, n, err) < 0)
			return -ENOMEM;
		for (size_t k = x->pass.n_told; k < n; k++)
			cxms_deal_page(&p->deal, k, (double)x->pages.page[k].bytes);
		for (size_t k = 0; k < p->n_place; k++) {
			struct lane_ref at = lane_of(p, k);
			at.e->lane[at.lane].n_page = n;
		}
	}
	return 0;
}

static int begin_topology(struct cxms_xearly *x, uint32_t index, const struct cxms_facts *facts)
{
	struct plan *p = &x->plan[index];
	const struct cxms_replay_cfg *cfg = x->cfg;
	int rc = plan_begin(p, cfg, index, facts, CXMS_LANES, NULL);
	if (rc || !is_settled(p) ||
	    cfg->topo[index]->host.uops_fused != cfg->topo[0]->host.uops_fused)
		return rc;
	rc = start_engines(p, &x->pages, facts->walk_ps, cfg->seed, NULL);
	if (!rc)
		rc = cxms_deal_init(&p->deal, &p->fabric, &p->dealt, NULL);
	for (size_t i = 0; i < p->n_place && !rc; i++) {
		struct lane_ref at = lane_of(p, i);
		at.e->lane[at.lane].place = pct_of(p, i) < 100 ? &p->dealt : NULL;
	}
	return rc ? rc : cxms_xpass_add(&x->pass, p->engine, p->n_engine, NULL);
}

void cxms_xearly_begin(struct cxms_xearly *x, const struct cxms_facts *facts)
{
	x->pages.shift = cxms_xrow_page_shift(facts);
	x->pass.pages = &x->pages;
	x->pass.counts_heat = true;
	x->pass.xr = &x->totals;
	x->pass.on_pages = deal_pages;
	x->pass.arg = x;
	for (uint32_t i = 0; i < x->cfg->n_topo && !x->failed; i++)
		x->failed = begin_topology(x, i, facts) < 0;
}

void cxms_xearly_packet(struct cxms_xearly *x, const void *data, size_t len)
{
	x->n_packet++;
	if (!x->failed)
		x->failed = cxms_xpass_packet(&x->pass, x->read, data, len, NULL) < 0;
	if (x->failed || x->pass.n_begun > 0 || x->pages.moved)
		drop_engines(x);
}

/* A single topology of which every page's place is known when it is touched is replayed while the
 * pages are counted. *out: NULL = it is not, or the recording is damaged, which is told where it is
 * read again. */
static int replay_at_once(const struct cxms_replay_cfg *cfg, struct cxms_trace_reader *reader,
			  struct cxms_xearly **out, struct cxms_err *err)
{
	struct cxms_event ev[EVENTS_AT_ONCE];
	struct cxms_xearly *x = NULL;
	size_t n = 1;
	int rc = cfg->n_topo == 1 ? cxms_xearly_new(cfg, &x, err) : 0;
	if (rc || !x)
		return rc;
	cxms_trace_reader_rewind(reader);
	cxms_xearly_begin(x, &cxms_trace_reader_head(reader)->facts);
	x->failed |= x->plan[0].n_engine == 0;
	while (!rc && n > 0 && !x->failed) {
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, err);
		for (size_t i = 0; i < n && !rc; i++)
			if (ev[i].kind == CXMS_EV_EXACT)
				cxms_xearly_packet(x, ev[i].exact.data, ev[i].exact.len);
		cxms_log_progress(
			cfg->log, "replay: %llu MiB",
			(unsigned long long)(cxms_trace_reader_stats(reader)->raw_bytes >> 20));
	}
	if (rc || x->failed) {
		cxms_xearly_free(x);
		return rc;
	}
	*out = x;
	return 0;
}

/* Is what was done while the program ran of the recording as it stands? Reads it to its end, since
 * its last block has the totals of the run. */
static int check_early(const struct cxms_xearly *x, struct cxms_trace_reader *reader, bool *fits,
		       struct cxms_err *err)
{
	struct cxms_event ev[EVENTS_AT_ONCE];
	uint64_t n_packet = 0;
	size_t n = 1;
	int rc = 0;
	*fits = false;
	while (x && !x->failed && n > 0 && !rc) {
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, err);
		for (size_t i = 0; i < n && !rc; i++)
			n_packet += ev[i].kind == CXMS_EV_EXACT;
	}
	*fits = x && !x->failed && n_packet == x->n_packet && n_packet > 0;
	return rc;
}

/* How much is left to replay. */
static void tell_early(const struct cxms_xearly *x)
{
	size_t done = 0;
	for (size_t i = 0; i < x->cfg->n_topo; i++)
		done += x->plan[i].n_engine > 0;
	cxms_log(x->cfg->log, CXMS_LOG_INFO,
		 "while the program ran: pages counted, %zu of %zu topologies replayed", done,
		 x->cfg->n_topo);
}

static void warn_of(struct cxms_result *out)
{
	if (out->status == CXMS_STATUS_CUT)
		cxms_warn(&out->warnings, CXMS_W_CUT_TRACE, "the recording is cut");
	cxms_warn_outlived(out->totals.outlived, &out->warnings);
	if (!strcmp(out->facts.source, "lackey") || !strcmp(out->facts.source, "champsim"))
		cxms_warn(&out->warnings, CXMS_W_IMPORT_FREE,
			  "a trace of %s does not tell which address hangs on which load",
			  out->facts.source);
}

static void finish(struct cxms_trace_reader *reader, const struct cxms_xpages *pages,
		   struct cxms_result *out)
{
	out->totals = *cxms_trace_reader_totals(reader);
	out->xr.watch_ns = out->totals.duration_ns;
	out->status = cxms_trace_reader_state(reader) == CXMS_TRACE_CUT ? CXMS_STATUS_CUT
									: CXMS_STATUS_COMPLETE;
	out->basis.n_page = pages->n;
	out->basis.footprint_bytes = (uint64_t)pages->n << pages->shift;
	for (size_t i = 0; i < out->n_split; i++)
		if (out->split[i].self_check_failed)
			out->status = CXMS_STATUS_SELF_CHECK_FAILED;
	warn_of(out);
	cxms_assumed_exact(out);
}

static int begin_result(const struct cxms_replay_cfg *cfg, const struct cxms_trace_head *head,
			struct cxms_result *out, struct cxms_err *err)
{
	int rc = check_hosts(cfg, &head->facts.exact, err);
	out->exact = true;
	out->facts = head->facts;
	out->seed = cfg->seed;
	out->engine = "window";
	out->confidence_pct = CONFIDENCE_PCT;
	out->n_topo = cfg->n_topo;
	out->topo = cfg->topo;
	out->split = calloc(cxms_asked_count(cfg) + 1, sizeof(*out->split));
	if (!rc && (!out->split || cxms_asked_argv(head, out)))
		rc = cxms_fail(err, ENOMEM, "out of memory for the result");
	return rc;
}

/* All topologies of a replay: each is a pass of its own. */
struct passes {
	const struct cxms_replay_cfg *cfg;
	struct cxms_trace_reader *reader;
	struct cxms_xpages *pages;
	bool threaded;
	struct plan *early; /* [topology], NULL: none */
	struct cxms_result *out;
	size_t *first;		      /* [topology] row */
	struct cxms_warnings **found; /* [topology] owned; NULL: none */
};

static int passes_init(struct passes *p, struct cxms_err *err)
{
	size_t n = p->cfg->n_topo;
	p->first = calloc(n + 1, sizeof(*p->first));
	p->found = calloc(n, sizeof(struct cxms_warnings *));
	if (!p->first || !p->found)
		return cxms_fail(err, ENOMEM, "out of memory for the topologies");
	for (size_t i = 0; i < n; i++) {
		struct cxms_asked a = cxms_asked_of(p->cfg, p->cfg->topo[i]);
		p->first[i + 1] = p->first[i] + a.n_policy * a.n_split;
	}
	p->out->n_split = p->first[n];
	return 0;
}

static void passes_fini(struct passes *p)
{
	for (size_t i = 0; p->found && i < p->cfg->n_topo; i++)
		free(p->found[i]);
	free(p->found);
	free(p->first);
}

static int keep_warnings(struct passes *p, size_t index, const struct cxms_warnings *found,
			 struct cxms_err *err)
{
	if (found->n == 0)
		return 0;
	p->found[index] = malloc(sizeof(*found));
	if (!p->found[index])
		return cxms_fail(err, ENOMEM, "out of memory for the warnings");
	*p->found[index] = *found;
	return 0;
}

static int run_pass(void *arg, unsigned worker, size_t i, struct cxms_err *err)
{
	struct passes *p = arg;
	struct part part = {.split = p->out->split + p->first[i],
			    .xr = i == 0 ? &p->out->xr : NULL};
	struct cxms_replay_cfg cfg = *p->cfg;
	struct cxms_trace_reader *own;
	int rc = read_beside(worker, p->reader, &own, err);
	if (worker)
		cfg.log = NULL;
	if (!rc)
		rc = run_topology(&cfg, (uint32_t)i, own ? own : p->reader, p->pages, p->threaded,
				  p->early ? &p->early[i] : NULL, &part, err);
	cxms_trace_reader_close(own);
	return rc ? rc : keep_warnings(p, i, &part.warnings, err);
}

static int run_passes(struct passes *p, struct cxms_err *err)
{
	int rc = passes_init(p, err);
	if (!rc)
		rc = cxms_pool_run(p->cfg->jobs, p->cfg->n_topo, run_pass, p, err);
	for (size_t i = 0; i < p->cfg->n_topo && !rc; i++)
		for (size_t k = 0; p->found[i] && k < p->found[i]->n; k++)
			cxms_warn_add(&p->out->warnings, &p->found[i]->list[k]);
	passes_fini(p);
	return rc;
}

int cxms_xreplay_run(const struct cxms_replay_cfg *cfg, struct cxms_trace_reader *reader,
		     struct cxms_result *out, struct cxms_err *err)
{
	const struct cxms_trace_head *head = cxms_trace_reader_head(reader);
	struct cxms_xpages own = {.shift = cxms_xrow_page_shift(&head->facts)}, *pages = &own;
	struct cxms_xearly *early = cfg->early, *made = NULL;
	bool threaded = false, fits = false;
	int rc = begin_result(cfg, head, out, err);
	if (!rc)
		rc = check_early(early, reader, &fits, err);
	if (!rc && fits)
		tell_early(early);
	else if (!rc)
		rc = replay_at_once(cfg, reader, &made, err);
	early = fits ? early : made;
	if (!rc && early) {
		pages = &early->pages;
		threaded = early->pass.n_begun > 0;
		out->xr = early->totals;
	} else if (!rc) {
		rc = read_pages(cfg, reader, pages, &out->xr, &threaded, err);
	}
	struct passes p = {cfg, reader, pages, threaded, early ? early->plan : NULL,
			   out, NULL,	NULL};
	if (!rc)
		rc = run_passes(&p, err);
	if (!rc)
		finish(reader, pages, out);
	cxms_xearly_free(made);
	cxms_xpages_fini(&own);
	return rc;
}

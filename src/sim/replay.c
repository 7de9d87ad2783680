#include "sim/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"
#include "sim/asked.h"
#include "sim/assumed.h"
#include "sim/basis.h"
#include "sim/cells.h"
#include "sim/hw_report.h"
#include "sim/loads.h"
#include "sim/recording.h"
#include "sim/solve.h"
#include "sim/split.h"
#include "sim/xhosts.h"
#include "sim/xreplay.h"
#include "topo/topo.h"
#include "trace/trace.h"

#define CONFIDENCE_PCT 90.0

static int unknown_policy(const char *name, struct cxms_err *err)
{
	char known[256] = "";
	for (size_t i = 0; i < cxms_policy_count(); i++) {
		size_t at = strlen(known);
		snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "",
			 cxms_policy_at(i)->name);
	}
	return cxms_fail(err, EINVAL, "unknown policy '%s'; known are %s", name, known);
}

static int check_policies(const struct cxms_replay_cfg *cfg, struct cxms_err *err)
{
	for (size_t i = 0; i < cfg->n_topo; i++) {
		struct cxms_asked a = cxms_asked_of(cfg, cfg->topo[i]);
		for (size_t p = 0; p < a.n_policy; p++)
			if (!cxms_policy_find(a.policy[p]))
				return unknown_policy(a.policy[p], err);
	}
	return 0;
}

/* One recording with what is derived from it. */
struct subject {
	const char *name; /* of its host; NULL = the only one */
	struct cxms_recording rec;
	struct cxms_cells cells;
	struct cxms_evidence ev;
	struct cxms_basis basis;
	struct cxms_loads *loads;
	struct cxms_view view;
};

/* The programs of one topology: their hosts' fabric and what their splits share. */
struct bench {
	struct cxms_fabric fabric;
	struct cxms_stage *stage; /* [subject] */
};

/* One row of the result. */
struct row {
	uint32_t topo;
	const struct cxms_policy_ops *policy;
	double pct;
	size_t n_warning; /* in the order found; owned */
	struct cxms_warning *warning;
};

struct replay {
	const struct cxms_replay_cfg *cfg;
	size_t n;
	struct subject *subject;
	size_t n_bench;
	struct bench *bench; /* [topology] */
	size_t n_row;
	struct row *row;
	struct cxms_result *result;
};

static int build_fabric(const struct replay *r, const struct cxms_topo *topo,
			struct cxms_fabric *out, struct cxms_err *err)
{
	double *mem_ps = calloc(r->n, sizeof(*mem_ps));
	if (!mem_ps)
		return cxms_fail(err, ENOMEM, "out of memory for %zu hosts", r->n);
	for (size_t k = 0; k < r->n; k++)
		mem_ps[k] = r->subject[k].ev.stair.mem_ps;
	int rc = cxms_fabric_build_hosts(topo, mem_ps, r->n, out, err);
	free(mem_ps);
	return rc;
}

static int add_bench(struct replay *r, const struct cxms_topo *topo, struct cxms_err *err)
{
	struct bench *b = &r->bench[r->n_bench];
	int rc = build_fabric(r, topo, &b->fabric, err);
	if (rc)
		return rc;
	r->n_bench++;
	b->stage = calloc(r->n, sizeof(*b->stage));
	if (!b->stage)
		return cxms_fail(err, ENOMEM, "out of memory for %zu hosts", r->n);
	for (size_t k = 0; k < r->n; k++) {
		struct subject *s = &r->subject[k];
		b->stage[k] = (struct cxms_stage){.cfg = r->cfg,
						  .topo = topo,
						  .rec = &s->rec,
						  .cells = &s->cells,
						  .view = &s->view,
						  .loads = s->loads,
						  .fabric = &b->fabric,
						  .host = k,
						  .name = s->name};
		cxms_stage_init(&b->stage[k]);
	}
	return 0;
}

static void bench_fini(struct bench *b, size_t n)
{
	for (size_t k = 0; b->stage && k < n; k++)
		cxms_stage_fini(&b->stage[k]);
	free(b->stage);
	cxms_fabric_fini(&b->fabric);
}

static int prepare(struct replay *r, struct cxms_err *err)
{
	size_t n = r->cfg->n_topo;
	bool full = true;
	for (size_t k = 0; k < r->n; k++) {
		struct subject *s = &r->subject[k];
		s->loads = cxms_loads_new(&s->rec, &s->cells, r->cfg->seed);
		full = full && s->loads;
	}
	r->bench = calloc(n, sizeof(*r->bench));
	r->row = calloc(cxms_asked_count(r->cfg) + 1, sizeof(*r->row));
	int rc = full && r->bench && r->row
			 ? 0
			 : cxms_fail(err, ENOMEM, "out of memory for the topologies");
	for (uint32_t i = 0; i < n && !rc; i++) {
		struct cxms_asked a = cxms_asked_of(r->cfg, r->cfg->topo[i]);
		rc = add_bench(r, r->cfg->topo[i], err);
		for (size_t p = 0; p < a.n_policy; p++)
			for (size_t k = 0; k < a.n_split; k++)
				r->row[r->n_row++] =
					(struct row){.topo = i,
						     .policy = cxms_policy_find(a.policy[p]),
						     .pct = a.split_pct[k]};
	}
	return rc;
}

static int keep_warnings(struct row *row, const struct cxms_warnings *found, struct cxms_err *err)
{
	if (found->n == 0)
		return 0;
	row->warning = calloc(found->n, sizeof(*row->warning));
	if (!row->warning)
		return cxms_fail(err, ENOMEM, "out of memory for the warnings");
	row->n_warning = found->n;
	memcpy(row->warning, found->list, found->n * sizeof(*row->warning));
	return 0;
}

static int run_row(void *arg, unsigned worker, size_t i, struct cxms_err *err)
{
	struct replay *r = arg;
	struct row *row = &r->row[i];
	struct cxms_split_result *out = &r->result->split[i];
	struct cxms_warnings found = {.n = 0};
	if (worker == 0)
		cxms_log_progress(r->cfg->log, "replay: topology %u of %zu, %s %g:%g",
				  row->topo + 1, r->cfg->n_topo, row->policy->name, row->pct,
				  100 - row->pct);
	out->topology = row->topo;
	int rc = cxms_split_run(r->bench[row->topo].stage, r->n, row->policy, row->pct, out, &found,
				err);
	return rc ? rc : keep_warnings(row, &found, err);
}

static int fill_basis(struct replay *r, struct cxms_err *err)
{
	int rc = 0;
	for (size_t k = 0; k < r->n && !rc; k++) {
		struct subject *s = &r->subject[k];
		struct cxms_stage *stage = &r->bench[0].stage[k];
		const struct cxms_world *base;
		rc = cxms_stage_base(stage, CXMS_HALF_ALL, &base, err);
		if (!rc)
			rc = cxms_basis_fill(&s->rec, &s->cells, stage->view->ev, base, &s->basis,
					     err);
	}
	return rc;
}

/* What another tool recorded has no sums: slices and samples tell. */
static void tell_cpu_time(struct cxms_result *out)
{
	if (out->totals.user_ns || out->totals.system_ns)
		return;
	out->totals.user_ns = (uint64_t)out->basis.user_ns;
	out->totals.system_ns = (uint64_t)out->basis.kernel_ns;
}

static int evaluate(struct replay *r, struct cxms_err *err)
{
	int rc = prepare(r, err);
	r->result->n_split = r->n_row;
	if (!rc)
		rc = cxms_pool_run(r->cfg->jobs, r->n_row, run_row, r, err);
	for (size_t i = 0; i < r->n_row && !rc; i++) {
		for (size_t k = 0; k < r->row[i].n_warning; k++)
			cxms_warn_add(&r->result->warnings, &r->row[i].warning[k]);
		if (r->result->split[i].self_check_failed)
			r->result->status = CXMS_STATUS_SELF_CHECK_FAILED;
	}
	return rc ? rc : fill_basis(r, err);
}

/* Keys of the topologies, each counted once however many of them state it. */
struct key_set {
	size_t n, cap;
	const char **key;
	bool failed;
};

static void add_key(struct key_set *s, const char *key)
{
	void *list = s->key;
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->key[i], key))
			return;
	if (cxms_array_grow(&list, &s->cap, s->n + 1, sizeof(*s->key)) < 0) {
		s->failed = true;
		return;
	}
	s->key = list;
	s->key[s->n++] = key;
}

static void add_ignored(void *arg, const struct cxms_ignored *key)
{
	add_key(arg, key->key);
}

static int judge_topologies(const struct cxms_replay_cfg *cfg, enum cxms_topo_source source,
			    bool hosts, struct cxms_warnings *out, struct cxms_err *err)
{
	bool exact = source == CXMS_TOPO_FOR_EXACT;
	struct key_set assumed = {0}, ignored = {0};
	for (size_t i = 0; i < cfg->n_topo; i++) {
		for (size_t k = 0; k < cfg->topo[i]->n_assumed; k++)
			if (exact || !cfg->topo[i]->assumed[k].exact_only)
				add_key(&assumed, cfg->topo[i]->assumed[k].key);
		cxms_topo_ignored(cfg->topo[i], source, hosts, add_ignored, &ignored);
	}
	if (ignored.n)
		cxms_warn(out, CXMS_W_IGNORED_KEYS, "%zu topology keys were not used", ignored.n);
	if (assumed.n)
		cxms_warn(out, CXMS_W_ASSUMED_FIGURES, "%zu figures were not in the topology",
			  assumed.n);
	free(assumed.key);
	free(ignored.key);
	return assumed.failed || ignored.failed ? cxms_fail(err, ENOMEM, "out of memory") : 0;
}

static int fill_result(struct replay *r, const struct cxms_trace_head *head, struct cxms_err *err)
{
	struct cxms_result *out = r->result;
	const struct cxms_recording *rec = &r->subject[0].rec;
	out->facts = rec->facts;
	out->totals = rec->totals;
	if (out->totals.duration_ns == 0)
		out->totals.duration_ns = rec->duration_ns;
	out->status = CXMS_STATUS_COMPLETE;
	for (size_t k = 0; k < r->n; k++)
		if (r->subject[k].rec.cut)
			out->status = CXMS_STATUS_CUT;
	out->overhead_ratio = cxms_overhead_ratio(rec);
	out->seed = r->cfg->seed;
	out->engine = r->cfg->engine == CXMS_ENGINE_EVENT ? "event" : "epoch";
	out->confidence_pct = CONFIDENCE_PCT;
	out->n_topo = r->cfg->n_topo;
	out->topo = r->cfg->topo;
	out->split = calloc(cxms_asked_count(r->cfg) + 1, sizeof(*out->split));
	if (!out->split || cxms_asked_argv(head, out))
		return cxms_fail(err, ENOMEM, "out of memory for the result");
	return 0;
}

static int load_subject(const struct cxms_host_trace *host, const struct cxms_replay_cfg *cfg,
			struct subject *s, struct cxms_err *err)
{
	s->name = host->name;
	int rc = cxms_recording_load(host->reader, &s->rec, err);
	if (!rc && cfg->llc_bytes) {
		s->rec.facts.llc_bytes = cfg->llc_bytes;
		s->rec.facts.llc_given = true;
	}
	if (!rc)
		rc = cxms_cells_build(&s->rec, cfg->epoch_ns, &s->cells, err);
	if (!rc)
		rc = cxms_evidence_build(&s->rec, &s->cells, cfg->llc_bytes, &s->ev, err);
	if (!rc)
		rc = cxms_view_init(&s->rec, &s->ev, cfg->seed, &s->view, err);
	return rc;
}

static void replay_fini(struct replay *r)
{
	for (size_t i = 0; i < r->n_bench; i++)
		bench_fini(&r->bench[i], r->n);
	for (size_t i = 0; i < r->n_row; i++)
		free(r->row[i].warning);
	free(r->bench);
	free(r->row);
	for (size_t k = 0; r->subject && k < r->n; k++) {
		cxms_view_fini(&r->subject[k].view);
		cxms_loads_free(r->subject[k].loads);
		cxms_evidence_fini(&r->subject[k].ev);
		cxms_cells_fini(&r->subject[k].cells);
		cxms_recording_fini(&r->subject[k].rec);
	}
	free(r->subject);
	cxms_result_free(r->result);
}

/* Not refused: the run that it was asked for may be over. */
static void judge_epoch(const struct cxms_replay_cfg *cfg, const struct cxms_cells *cells,
			struct cxms_warnings *out)
{
	if (cfg->epoch_ns && cells->epoch_ns > cfg->epoch_ns)
		cxms_warn(out, CXMS_W_EPOCH,
			  "'--epoch' of %.3g ms makes too many steps of this run; they took %.3g "
			  "ms each",
			  (double)cfg->epoch_ns / 1e6, (double)cells->epoch_ns / 1e6);
}

static int replay_sampled(const struct cxms_host_trace *host, size_t n,
			  const struct cxms_replay_cfg *cfg, struct cxms_result **out,
			  struct cxms_err *err)
{
	struct replay r = {.cfg = cfg, .n = n};
	int rc = 0;
	r.subject = calloc(n, sizeof(*r.subject));
	r.result = calloc(1, sizeof(*r.result));
	if (!r.subject || !r.result)
		rc = cxms_fail(err, ENOMEM, "out of memory for the result");
	for (size_t k = 0; k < n && !rc; k++)
		rc = load_subject(&host[k], cfg, &r.subject[k], err);
	if (!rc)
		rc = fill_result(&r, cxms_trace_reader_head(host[0].reader), err);
	if (!rc)
		rc = evaluate(&r, err);
	if (!rc) {
		r.result->has_hosts = host[0].name != NULL;
		rc = judge_topologies(cfg, CXMS_TOPO_FOR_SAMPLED, r.result->has_hosts,
				      &r.result->warnings, err);
	}
	if (!rc) {
		r.result->basis = r.subject[0].basis;
		tell_cpu_time(r.result);
		cxms_assumed_sampled(&r.subject[0].rec, &r.subject[0].ev.stair, r.result);
		for (size_t k = 0; k < n; k++) {
			cxms_basis_judge(&r.subject[k].rec, &r.subject[k].basis,
					 cxms_overhead_ratio(&r.subject[k].rec),
					 &r.result->warnings);
			cxms_hw_judge(&r.subject[k].rec, &r.result->warnings);
			judge_epoch(cfg, &r.subject[k].cells, &r.result->warnings);
		}
		*out = r.result;
		r.result = NULL;
	}
	cxms_log_progress_end(cfg->log);
	replay_fini(&r);
	return rc;
}

/* One recording, or those of several hosts. */
static int replay_exact(const struct cxms_host_trace *host, size_t n,
			const struct cxms_replay_cfg *cfg, struct cxms_result **out,
			struct cxms_err *err)
{
	struct cxms_result *r = calloc(1, sizeof(*r));
	int rc = 0;
	if (!r)
		rc = cxms_fail(err, ENOMEM, "out of memory for the result");
	else if (n > 1)
		rc = cxms_xhosts_run(cfg, host, n, r, err);
	else
		rc = cxms_xreplay_run(cfg, host->reader, r, err);
	cxms_log_progress_end(cfg->log);
	if (!rc) {
		r->has_hosts = host[0].name != NULL;
		rc = judge_topologies(cfg, CXMS_TOPO_FOR_EXACT, r->has_hosts, &r->warnings, err);
	}
	if (!rc) {
		if (r->status == CXMS_STATUS_CUT)
			cxms_warn(&r->warnings, CXMS_W_CUT_TRACE, "the recording is cut");
		*out = r;
		r = NULL;
	}
	cxms_result_free(r);
	return rc;
}

const char *cxms_replay_not_exact(enum cxms_engine engine, enum cxms_blocked blocked,
				  uint64_t epoch_ns, uint64_t llc_bytes)
{
	return engine == CXMS_ENGINE_EPOCH    ? "--engine epoch"
	       : epoch_ns		      ? "--epoch"
	       : blocked == CXMS_BLOCKED_KEEP ? "--blocked keep"
	       : llc_bytes		      ? "--llc-size"
					      : NULL;
}

static int check_exact(const struct cxms_replay_cfg *cfg, struct cxms_err *err)
{
	const char *option =
		cxms_replay_not_exact(cfg->engine, cfg->blocked, cfg->epoch_ns, cfg->llc_bytes);
	return !option ? 0
		       : cxms_fail(err, EINVAL,
				   "'%s' does not apply to a recording of source exact, which "
				   "holds every request and is replayed one by one; leave the "
				   "option out",
				   option);
}

static bool is_exact(const struct cxms_host_trace *host)
{
	return cxms_trace_reader_head(host->reader)->facts.source_caps & CXMS_SRC_EXACT;
}

static int replay_any(const struct cxms_host_trace *host, size_t n,
		      const struct cxms_replay_cfg *cfg, struct cxms_result **out,
		      struct cxms_err *err)
{
	if (!is_exact(host))
		return replay_sampled(host, n, cfg, out, err);
	int rc = check_exact(cfg, err);
	return rc ? rc : replay_exact(host, n, cfg, out, err);
}

int cxms_replay(struct cxms_trace_reader *reader, const struct cxms_replay_cfg *cfg,
		struct cxms_result **out, struct cxms_err *err)
{
	const struct cxms_host_trace only = {NULL, reader};
	int rc = check_policies(cfg, err);
	if (rc)
		return rc;
	return replay_any(&only, 1, cfg, out, err);
}

/* Where a topology gives hosts shares of their own, it knows them by name. */
static bool knows(const struct cxms_topo *t, const char *name, bool *names_any)
{
	bool found = false;
	*names_any = false;
	for (size_t i = 0; i < t->n_dev; i++) {
		const struct cxms_dev *d = &t->dev[i];
		for (size_t k = 0; k < d->n_logical; k++) {
			*names_any = true;
			found = found || !strcmp(d->logical[k].host, name);
		}
		for (size_t k = 0; k < d->n_extent; k++) {
			if (!d->extent[k].host)
				continue;
			*names_any = true;
			found = found || !strcmp(d->extent[k].host, name);
		}
	}
	return found;
}

/* Extents that name no host are those of the only one: nothing says whose they are of several.
 * Source exact does not use them. */
static int check_extents(const struct cxms_host_trace *host, size_t n,
			 const struct cxms_replay_cfg *cfg, struct cxms_err *err)
{
	for (size_t i = 0; i < cfg->n_topo && n > 1 && !is_exact(host); i++)
		for (size_t k = 0; k < cfg->topo[i]->n_dev; k++) {
			const struct cxms_dev *d = &cfg->topo[i]->dev[k];
			if (d->n_extent && !d->extent[0].host)
				return cxms_fail(err, EINVAL,
						 "the 'extents' of '%s' in '%s' name no host, but "
						 "there are %zu; give each of them a 'host'",
						 d->name, cfg->topo[i]->file, n);
		}
	return 0;
}

static int check_hosts(const struct cxms_host_trace *host, size_t n,
		       const struct cxms_replay_cfg *cfg, struct cxms_err *err)
{
	for (size_t k = 0; k < n; k++) {
		for (size_t j = 0; j < k; j++)
			if (!strcmp(host[j].name, host[k].name))
				return cxms_fail(err, EINVAL,
						 "two hosts are named '%s'; rename one",
						 host[k].name);
		for (size_t i = 0; i < cfg->n_topo; i++) {
			bool any;
			if (!knows(cfg->topo[i], host[k].name, &any) && any)
				return cxms_fail(err, EINVAL,
						 "no 'logical' or 'extents' of '%s' names the host "
						 "'%s'; name it there, or rename the host",
						 cfg->topo[i]->file, host[k].name);
		}
		if (is_exact(&host[k]) != is_exact(&host[0]))
			return cxms_fail(err, EINVAL,
					 "the recordings of hosts '%s' and '%s' are not both of "
					 "source exact; hosts are all of it, or none",
					 host[0].name, host[k].name);
	}
	return 0;
}

int cxms_replay_hosts(const struct cxms_host_trace *host, size_t n,
		      const struct cxms_replay_cfg *cfg, struct cxms_result **out,
		      struct cxms_err *err)
{
	int rc = check_policies(cfg, err);
	if (!rc)
		rc = check_hosts(host, n, cfg, err);
	if (!rc)
		rc = check_extents(host, n, cfg, err);
	return rc ? rc : replay_any(host, n, cfg, out, err);
}

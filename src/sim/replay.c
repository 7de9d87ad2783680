#include "sim/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "sim/asked.h"
#include "sim/basis.h"
#include "sim/cells.h"
#include "sim/recording.h"
#include "sim/solve.h"
#include "sim/split.h"
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

struct replay {
	const struct cxms_replay_cfg *cfg;
	struct cxms_recording rec;
	struct cxms_cells cells;
	struct cxms_evidence ev;
	struct cxms_result *result;
};

static int add_split(struct replay *r, struct cxms_stage *stage, uint32_t topo, const char *policy,
		     double pct, struct cxms_err *err)
{
	struct cxms_split_result *out = &r->result->split[r->result->n_split++];
	out->topology = topo;
	int rc = cxms_split_run(stage, cxms_policy_find(policy), pct, out, err);
	if (rc)
		return rc;
	if (!(out->worst_utilization <= 1 + CXMS_SOLVE_RESIDUAL))
		r->result->status = CXMS_STATUS_SELF_CHECK_FAILED;
	return 0;
}

static int run_topology(struct replay *r, uint32_t index, struct cxms_err *err)
{
	const struct cxms_topo *topo = r->cfg->topo[index];
	struct cxms_asked a = cxms_asked_of(r->cfg, topo);
	struct cxms_fabric fabric = {0};
	struct cxms_stage stage = {.cfg = r->cfg,
				   .rec = &r->rec,
				   .cells = &r->cells,
				   .ev = &r->ev,
				   .fabric = &fabric,
				   .warnings = &r->result->warnings};
	const struct cxms_world *base;
	int rc = cxms_fabric_build(topo, r->ev.stair.mem_ps, &fabric, err);
	if (!rc)
		rc = cxms_evidence_set_rob(&r->rec, fabric.rob, &r->ev, err);
	if (!rc)
		rc = cxms_stage_init(&stage, err);
	for (size_t p = 0; p < a.n_policy && !rc; p++)
		for (size_t s = 0; s < a.n_split && !rc; s++) {
			cxms_log_progress(r->cfg->log, "replay: topology %u of %zu, %s %g:%g",
					  index + 1, r->cfg->n_topo, a.policy[p], a.split_pct[s],
					  100 - a.split_pct[s]);
			rc = add_split(r, &stage, index, a.policy[p], a.split_pct[s], err);
		}
	if (!rc && index == 0)
		rc = cxms_stage_base(&stage, CXMS_HALF_ALL, &base, err);
	if (!rc && index == 0)
		rc = cxms_basis_fill(&r->rec, &r->cells, &r->ev, base, &r->result->basis, err);
	cxms_stage_fini(&stage);
	cxms_fabric_fini(&fabric);
	return rc;
}

static void count_key(void *arg, const struct cxms_ignored *key)
{
	(void)key;
	++*(size_t *)arg;
}

static void judge_topologies(const struct cxms_replay_cfg *cfg, enum cxms_topo_source source,
			     struct cxms_warnings *out)
{
	bool exact = source == CXMS_TOPO_FOR_EXACT;
	size_t assumed = 0, ignored = 0;
	for (size_t i = 0; i < cfg->n_topo; i++) {
		for (size_t k = 0; k < cfg->topo[i]->n_assumed; k++)
			assumed += exact || !cfg->topo[i]->assumed[k].exact_only;
		cxms_topo_ignored(cfg->topo[i], source, count_key, &ignored);
	}
	if (ignored)
		cxms_warn(out, CXMS_W_IGNORED_KEYS, "%zu topology keys were not used", ignored);
	if (assumed)
		cxms_warn(out, CXMS_W_ASSUMED_FIGURES, "%zu figures were not in the topology",
			  assumed);
}

static int fill_result(struct replay *r, const struct cxms_trace_head *head, struct cxms_err *err)
{
	struct cxms_result *out = r->result;
	out->facts = r->rec.facts;
	out->totals = r->rec.totals;
	if (out->totals.duration_ns == 0)
		out->totals.duration_ns = r->rec.duration_ns;
	out->status = r->rec.cut ? CXMS_STATUS_CUT : CXMS_STATUS_COMPLETE;
	out->overhead_ratio = cxms_overhead_ratio(&r->rec);
	out->seed = r->cfg->seed;
	out->engine = "epoch";
	out->confidence_pct = CONFIDENCE_PCT;
	out->n_topo = r->cfg->n_topo;
	out->topo = r->cfg->topo;
	out->split = calloc(cxms_asked_count(r->cfg) + 1, sizeof(*out->split));
	if (!out->split || cxms_asked_argv(head, out))
		return cxms_fail(err, ENOMEM, "out of memory for the result");
	return 0;
}

static int replay_exact(struct cxms_trace_reader *reader, const struct cxms_replay_cfg *cfg,
			struct cxms_result **out, struct cxms_err *err)
{
	struct cxms_result *r = calloc(1, sizeof(*r));
	int rc = r ? cxms_xreplay_run(cfg, reader, r, err)
		   : cxms_fail(err, ENOMEM, "out of memory for the result");
	cxms_log_progress_end(cfg->log);
	if (!rc) {
		judge_topologies(cfg, CXMS_TOPO_FOR_EXACT, &r->warnings);
		if (r->status == CXMS_STATUS_CUT)
			cxms_warn(&r->warnings, CXMS_W_CUT_TRACE, "the recording is cut");
		*out = r;
		r = NULL;
	}
	cxms_result_free(r);
	return rc;
}

int cxms_replay(struct cxms_trace_reader *reader, const struct cxms_replay_cfg *cfg,
		struct cxms_result **out, struct cxms_err *err)
{
	struct replay r = {.cfg = cfg};
	int rc = check_policies(cfg, err);
	if (rc)
		return rc;
	if (cxms_trace_reader_head(reader)->facts.source_caps & CXMS_SRC_EXACT)
		return replay_exact(reader, cfg, out, err);
	rc = cxms_recording_load(reader, &r.rec, err);
	if (rc)
		return rc;
	r.result = calloc(1, sizeof(*r.result));
	rc = r.result ? fill_result(&r, cxms_trace_reader_head(reader), err)
		      : cxms_fail(err, ENOMEM, "out of memory for the result");
	if (!rc)
		rc = cxms_cells_build(&r.rec, cfg->epoch_ns, &r.cells, err);
	if (!rc)
		rc = cxms_evidence_build(&r.rec, &r.cells, cfg->llc_bytes, &r.ev, err);
	for (uint32_t i = 0; i < cfg->n_topo && !rc; i++)
		rc = run_topology(&r, i, err);
	if (!rc) {
		cxms_basis_assumed(r.result);
		judge_topologies(cfg, CXMS_TOPO_FOR_SAMPLED, &r.result->warnings);
		cxms_basis_judge(&r.rec, &r.result->basis, r.result->overhead_ratio,
				 &r.result->warnings);
		*out = r.result;
		r.result = NULL;
	}
	cxms_log_progress_end(cfg->log);
	cxms_result_free(r.result);
	cxms_evidence_fini(&r.ev);
	cxms_cells_fini(&r.cells);
	cxms_recording_fini(&r.rec);
	return rc;
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"
#include "policy/policy.h"
#include "report/report.h"
#include "sim/replay.h"
#include "topo/topo.h"
#include "trace/trace.h"

#define MAX_SPLITS 101

/* "unknown policy 'x' (did you mean 'y'?); known: ..." */
static void put_unknown(const char *word, struct cxms_buf *out)
{
	struct cxms_near near;
	char mean[CXMS_NEAR_MEAN_MAX];
	cxms_near_init(&near, word);
	for (size_t i = 0; i < cxms_policy_count(); i++)
		cxms_near_try(&near, cxms_policy_at(i)->name);
	cxms_buf_printf(out, "unknown policy '%.*s'%s; known: ", cxms_quote_len(word), word,
			cxms_near_mean(mean, "", near.best));
	for (size_t i = 0; i < cxms_policy_count(); i++)
		cxms_buf_printf(out, "%s%s", i ? ", " : "", cxms_policy_at(i)->name);
}

int cli_check_policy(struct cli *c, const struct cxms_topo *t)
{
	struct cxms_buf what = {0};
	if (!t->policy || cxms_policy_find(t->policy))
		return 0;
	put_unknown(t->policy, &what);
	int rc = cxms_fail(&c->err, EINVAL, "%s:%u:%u: %s", t->file, t->policy_line, t->policy_col,
			   cxms_buf_text(&what));
	cxms_buf_fini(&what);
	return rc;
}

static int load_topologies(struct cli *c, struct cli_eval *e)
{
	int rc = 0;
	if (c->opt.topology.n == 0) {
		cli_usage(c, "no topology; give one with --topology FILE");
		return -EINVAL;
	}
	e->topo = calloc(c->opt.topology.n, sizeof(*e->topo));
	if (!e->topo) {
		cxms_fail_sys(&c->err, ENOMEM, "cannot load the topologies");
		cli_fail(c, CLI_FAILED);
		return -ENOMEM;
	}
	/* go on after a bad one: its errors are worth as much as those of the next */
	for (size_t i = 0; i < c->opt.topology.n; i++) {
		struct cxms_topo *t = NULL;
		int bad = cxms_topo_load(c->opt.topology.v[i], &t, &c->err);
		if (bad < 0) {
			cli_fail_topology(c, c->opt.topology.v[i]);
			rc = bad;
			continue;
		}
		e->topo[e->n_topo++] = t;
		bad = cli_check_policy(c, t);
		if (bad < 0) {
			cli_fail(c, CLI_USAGE);
			rc = bad;
		}
	}
	return rc;
}

static int fail_policy(struct cli *c, const char *word)
{
	struct cxms_buf what = {0};
	put_unknown(word, &what);
	int rc = cxms_fail(&c->err, EINVAL, "%s", cxms_buf_text(&what));
	cxms_buf_fini(&what);
	return rc;
}

static int add_policy(struct cli *c, struct cli_eval *e, size_t *cap, const char *word)
{
	const struct cxms_policy_ops *p = cxms_policy_find(word);
	if (!p)
		return fail_policy(c, word);
	for (size_t i = 0; i < e->n_policy; i++)
		if (e->policy[i] == p->name)
			return cxms_fail(&c->err, EINVAL,
					 "policy '%s' is given twice; give it once", word);
	void *list = e->policy;
	if (cxms_array_grow(&list, cap, e->n_policy + 1, sizeof(*e->policy)) < 0)
		return cxms_fail_sys(&c->err, ENOMEM, "cannot keep the policies");
	e->policy = list;
	e->policy[e->n_policy++] = p->name;
	return 0;
}

static int load_policies(struct cli *c, struct cli_eval *e)
{
	int rc = 0;
	size_t cap = 0;
	for (size_t i = 0; rc == 0 && i < c->opt.policy.n; i++) {
		char *copy = strdup(c->opt.policy.v[i]);
		char *rest = copy, *word;
		if (!copy)
			return cxms_fail_sys(&c->err, ENOMEM, "cannot keep the policies");
		while (rc == 0 && (word = strsep(&rest, ",")))
			rc = add_policy(c, e, &cap, word);
		free(copy);
	}
	return rc;
}

bool cli_parse_pct(const char *word, double *out)
{
	size_t whole = strspn(word, "0123456789");
	size_t point = word[whole] == '.';
	size_t decimals = point ? strspn(word + whole + 1, "0123456789") : 0;
	if (whole == 0 || (point && decimals == 0) || word[whole + point + decimals])
		return false;
	*out = strtod(word, NULL);
	return *out <= 100;
}

static int add_split(struct cli *c, struct cli_eval *e, const char *word)
{
	double pct = 0;
	if (!cli_parse_pct(word, &pct))
		return cxms_fail(
			&c->err, EINVAL,
			"'--splits' must be per cents local 0 .. 100 with commas between, got "
			"'%.*s'",
			cxms_quote_len(word), word);
	for (size_t i = 0; i < e->n_split; i++)
		if (!(e->split_pct[i] < pct) && !(e->split_pct[i] > pct))
			return cxms_fail(&c->err, EINVAL, "'--splits' has '%s' twice; give it once",
					 word);
	if (e->n_split == MAX_SPLITS)
		return cxms_fail(&c->err, EINVAL, "'--splits' takes at most %d values; give fewer",
				 MAX_SPLITS);
	e->split_pct[e->n_split++] = pct;
	return 0;
}

static int load_splits(struct cli *c, struct cli_eval *e)
{
	int rc = 0;
	if (!c->opt.splits)
		return 0;
	char *copy = strdup(c->opt.splits);
	char *rest = copy, *word;
	e->split_pct = calloc(MAX_SPLITS, sizeof(*e->split_pct));
	if (!copy || !e->split_pct)
		rc = cxms_fail_sys(&c->err, ENOMEM, "cannot keep the splits");
	while (rc == 0 && (word = strsep(&rest, ",")))
		rc = add_split(c, e, word);
	free(copy);
	return rc;
}

int cli_eval_load(struct cli *c, struct cli_eval *e)
{
	int rc = load_policies(c, e);
	if (rc == 0)
		rc = load_splits(c, e);
	if (rc < 0) {
		cli_fail(c, CLI_USAGE);
		return rc;
	}
	rc = load_topologies(c, e);
	e->cfg = (struct cxms_replay_cfg){
		.topo = e->topo,
		.n_topo = e->n_topo,
		.policy = e->policy,
		.n_policy = e->n_policy,
		.split_pct = e->split_pct,
		.n_split = e->n_split,
		.epoch_ns = c->opt.epoch_ps / CXMS_PS_PER_NS,
		.seed = c->opt.seed,
		.jobs = (unsigned)c->opt.jobs,
		.blocked = (enum cxms_blocked)c->opt.blocked,
		.engine = (enum cxms_engine)c->opt.engine,
		.llc_bytes = c->opt.llc_bytes,
		.log = &c->log,
	};
	return rc;
}

void cli_eval_fini(struct cli_eval *e)
{
	for (size_t i = 0; i < e->n_topo; i++)
		cxms_topo_free((struct cxms_topo *)e->topo[i]);
	free(e->topo);
	free(e->policy);
	free(e->split_pct);
	*e = (struct cli_eval){0};
}

/* What was found while recording stands in the report of a live run as well. */
static void merge_warnings(struct cxms_warnings *to, const struct cxms_warnings *from)
{
	for (size_t i = 0; i < from->n; i++) {
		size_t k = 0;
		while (k < to->n && to->list[k].code != from->list[i].code)
			k++;
		if (k == to->n)
			to->list[to->n++] = from->list[i];
	}
}

static int render(struct cli *c, const struct cxms_result *r, struct cxms_buf *out)
{
	switch ((enum cli_format)c->opt.format) {
	case CLI_JSON:
		return cxms_report_json(r, out, &c->err);
	case CLI_CSV:
		cxms_report_csv(r, out);
		break;
	case CLI_TEXT:
		cxms_report_text(r, c->opt.explain, out);
		break;
	}
	return out->failed ? cxms_fail_sys(&c->err, ENOMEM, "cannot build the report") : 0;
}

int cli_eval_run(struct cli *c, const struct cli_eval *e, const struct cxms_host_trace *host,
		 size_t n, struct cxms_buf *out, bool *self_check)
{
	struct cxms_result *r = NULL;
	int rc = host->name ? cxms_replay_hosts(host, n, &e->cfg, &r, &c->err)
			    : cxms_replay(host->reader, &e->cfg, &r, &c->err);
	if (rc == 0) {
		merge_warnings(&r->warnings, &c->warnings);
		r->axes = e->axes;
		r->recording = e->recording;
		if (c->opt.format == CLI_CSV) /* it has no place for them */
			cli_warnings(c, &r->warnings);
		*self_check = r->status == CXMS_STATUS_SELF_CHECK_FAILED;
		rc = render(c, r, out);
	}
	cxms_log_progress_end(&c->log);
	cxms_result_free(r);
	return rc;
}

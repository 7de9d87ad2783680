#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/near.h"
#include "cli/cli.h"
#include "cli/sweep.h"
#include "sim/asked.h"
#include "sim/replay.h"
#include "topo/topo.h"
#include "trace/trace.h"

#define FORMAT_JSON 1 /* of the words of --format; the other is CSV */

struct job {
	struct cli *c;
	struct cli_eval eval; /* of the files; then of all points */
	struct sweep sweep;
	struct cli_play play;
	struct cxms_axes axes;
	const char **key, **value;
};

static void job_fini(struct job *j)
{
	cli_play_fini(&j->play);
	cli_eval_fini(&j->eval);
	sweep_fini(&j->sweep);
	free(j->key);
	free(j->value);
}

/* A device that is not there cannot be given one key only. */
static int check_device(const struct cxms_topo *t, const char *key, struct cxms_err *err)
{
	static const char devices[] = "devices.";
	const char *name = key + sizeof(devices) - 1;
	struct cxms_near near;
	char mean[CXMS_NEAR_MEAN_MAX];
	if (strncmp(key, devices, sizeof(devices) - 1) != 0)
		return 0;
	size_t len = strcspn(name, ".");
	char *word = strndup(name, len);
	if (!word)
		return cxms_fail_sys(err, ENOMEM, "cannot read '--set %s'", key);
	cxms_near_init(&near, word);
	for (size_t i = 0; i < t->n_dev; i++)
		cxms_near_try(&near, t->dev[i].name);
	int rc = 0;
	if (name[len] && cxms_topo_find(t, word) < 0)
		rc = cxms_fail(err, EINVAL, "'--set %s': '%s' has no device '%s'%s; name one of it",
			       key, t->file, word, cxms_near_mean(mean, "", near.best));
	free(word);
	return rc;
}

static bool below(const char *key, const char *above)
{
	size_t n = strlen(above);
	return strncmp(key, above, n) == 0 && (key[n] == '.' || !key[n]);
}

/* Keys stated at, above or below @key: how many, and how many of them a source leaves unused. */
struct uses {
	const char *key, *reason;
	size_t stated, unused;
};

static void count_unused(void *arg, const struct cxms_ignored *k)
{
	struct uses *u = arg;
	if (!below(k->key, u->key) && !below(u->key, k->key))
		return;
	u->unused++;
	u->reason = k->reason;
}

static int check_used(const struct cxms_host_trace *host, const struct cxms_topo *t,
		      const char *key, struct cxms_err *err)
{
	const struct cxms_facts *facts = &cxms_trace_reader_head(host->reader)->facts;
	bool exact = facts->source_caps & CXMS_SRC_EXACT;
	struct uses u = {.key = key};
	for (size_t i = 0; i < t->n_key; i++)
		u.stated += below(t->stated[i].key, key) || below(key, t->stated[i].key);
	cxms_topo_ignored(t, exact ? CXMS_TOPO_FOR_EXACT : CXMS_TOPO_FOR_SAMPLED,
			  host->name != NULL, count_unused, &u);
	if (below(key, "placement.splits") || below(key, "placement.policy") ||
	    strcmp(key, "placement") == 0)
		return cxms_fail(err, EINVAL, "'--set %s' is not swept; use --splits and --policy",
				 key);
	if (u.stated == 0)
		return cxms_fail(err, EINVAL, "'--set %s' changes no result; name another key",
				 key);
	if (u.unused == u.stated)
		return cxms_fail(err, EINVAL,
				 "'--set %s' changes no result: source '%s' does not use it (%s); "
				 "name another key",
				 key, facts->source, u.reason);
	return 0;
}

static int build_point(struct job *j, struct cxms_cfg *base, size_t point, struct cxms_topo **out,
		       struct cxms_err *err)
{
	const struct sweep *s = &j->sweep;
	struct cxms_buf how = {0};
	int rc = 0;
	for (size_t i = 0; i < s->n_axis && !rc; i++) {
		const struct sweep_axis *a = &s->axis[i];
		size_t at = sweep_at(s, point, i);
		cxms_buf_printf(&how, "%s=%s\n", a->key, a->value[at]);
		rc = cxms_cfg_set(base, a->key, a->cfg[at], err);
		if (rc)
			cxms_err_prefix(err, "--set");
	}
	cxms_cfg_vary(base, cxms_buf_text(&how));
	cxms_buf_fini(&how);
	if (!rc)
		rc = cxms_topo_from_cfg(base, out, err);
	for (size_t i = 0; i < s->n_axis && point == 0 && !rc; i++) {
		for (size_t k = 0; k < j->play.n && !rc; k++)
			rc = check_used(&j->play.host[k], *out, s->axis[i].key, err);
		if (rc)
			cxms_topo_free(*out);
	}
	return rc;
}

/* All points of one file behind those that are there. */
static int build_file(struct job *j, const struct cxms_topo *file, struct cli_eval *all,
		      struct cxms_err *err)
{
	const struct sweep *s = &j->sweep;
	struct cxms_cfg *base = NULL;
	int rc = 0;
	for (size_t i = 0; i < s->n_axis && !rc; i++)
		rc = check_device(file, s->axis[i].key, err);
	if (!rc)
		rc = cxms_cfg_load_yaml(file->file, &base, err);
	for (size_t p = 0; p < s->n_point && !rc; p++) {
		struct cxms_topo *t = NULL;
		rc = build_point(j, base, p, &t, err);
		for (size_t i = 0; i < s->n_axis && !rc; i++)
			j->value[all->n_topo * s->n_axis + i] = s->axis[i].value[sweep_at(s, p, i)];
		if (!rc)
			all->topo[all->n_topo++] = t;
	}
	cxms_cfg_free(base);
	return rc;
}

static int check_results(const struct cli_eval *e, struct cxms_err *err)
{
	size_t n = cxms_asked_count(&e->cfg);
	if (n > SWEEP_MAX_RESULTS)
		return cxms_fail(err, EINVAL,
				 "the sweep has %zu results, at most %u are allowed; use fewer "
				 "values or splits",
				 n, SWEEP_MAX_RESULTS);
	return 0;
}

/* From the files' topologies to those of all points. */
static int build_points(struct job *j, struct cxms_err *err)
{
	const struct sweep *s = &j->sweep;
	size_t n = j->eval.n_topo * s->n_point;
	struct cli_eval all = j->eval;
	if (n > SWEEP_MAX_TOPOLOGIES)
		return cxms_fail(err, EINVAL,
				 "the sweep has %zu topologies, at most %u are allowed; use larger "
				 "steps",
				 n, SWEEP_MAX_TOPOLOGIES);
	all.n_topo = 0;
	all.topo = calloc(n, sizeof(*all.topo));
	j->key = calloc(s->n_axis, sizeof(*j->key));
	j->value = calloc(n * s->n_axis, sizeof(*j->value));
	int rc = all.topo && j->key && j->value
			 ? 0
			 : cxms_fail_sys(err, ENOMEM, "cannot keep the points");
	for (size_t i = 0; i < j->eval.n_topo && !rc; i++)
		rc = build_file(j, j->eval.topo[i], &all, err);
	for (size_t i = 0; i < s->n_axis && !rc; i++)
		j->key[i] = s->axis[i].key;
	all.cfg.topo = all.topo;
	all.cfg.n_topo = all.n_topo;
	if (!rc)
		rc = check_results(&all, err);
	j->axes = (struct cxms_axes){.n_key = s->n_axis, .key = j->key, .value = j->value};
	all.axes = &j->axes;
	/* the files' own are no longer needed; policies and splits are both's */
	j->eval.policy = NULL;
	j->eval.split_pct = NULL;
	cli_eval_fini(&j->eval);
	j->eval = all;
	return rc;
}

static int prepare(struct job *j)
{
	struct cli *c = j->c;
	int rc = sweep_parse(&c->opt.set, &j->sweep, &c->err);
	if (!rc)
		rc = cli_play_open(c, &j->play);
	return rc ? rc : build_points(j, &c->err);
}

/* The table of one recording behind those of others: their columns are the same. */
static int add_table(struct job *j, struct cxms_buf *table, struct cxms_buf *out)
{
	const char *text = cxms_buf_text(table);
	size_t head = strcspn(text, "\n") + 1;
	if (out->len > 0 && strncmp(cxms_buf_text(out), text, head) != 0)
		return cxms_fail(&j->c->err, EINVAL,
				 "'%s' has other columns than '%s'; sweep exact recordings and "
				 "others apart",
				 j->eval.recording, j->play.path[0]);
	cxms_buf_printf(out, "%s", text + (out->len > 0 ? head : 0));
	return out->failed ? cxms_fail_sys(&j->c->err, ENOMEM, "cannot keep the table") : 0;
}

/* Hosts are one set; recordings without host are swept one after the other. */
static int run(struct job *j, struct cxms_buf *out, bool *self_check)
{
	struct cli_play *p = &j->play;
	int rc = 0;
	if (p->n == 1 || p->host[0].name)
		return cli_eval_run(j->c, &j->eval, p->host, p->n, out, self_check);
	for (size_t i = 0; i < p->n && !rc; i++) {
		struct cxms_buf table = {0};
		bool failed = false;
		j->eval.recording = p->path[i];
		rc = cli_eval_run(j->c, &j->eval, &p->host[i], 1, &table, &failed);
		*self_check |= failed;
		if (!rc)
			rc = add_table(j, &table, out);
		cxms_buf_fini(&table);
	}
	return rc;
}

static int check_operands(struct cli *c)
{
	if (c->opt.host.n && c->argc)
		return cli_usage(c, "'--host' takes the place of a recording, got '%.*s' as well",
				 cxms_quote_len(c->argv[0]), c->argv[0]);
	if (c->opt.host.n == 0 && c->argc == 0)
		return cli_usage(c,
				 "no recording to sweep; give one, as cxlmemsim record makes it");
	if (c->argc > 1 && c->opt.format == CLI_JSON)
		return cli_usage(c,
				 "'--format json' holds one recording, got %d; leave it out for "
				 "a table of all",
				 c->argc);
	return CLI_OK;
}

int cmd_sweep(struct cli *c)
{
	struct job j = {.c = c};
	struct cxms_buf out = {0};
	bool self_check = false;
	c->opt.format = c->opt.format == FORMAT_JSON ? CLI_JSON : CLI_CSV;
	int status = check_operands(c);
	if (status != CLI_OK)
		return status;
	status = CLI_USAGE;
	if (c->opt.set.n == 0)
		return cli_usage(c, "nothing to sweep; give '--set KEY=VALUE,...', or use "
				    "cxlmemsim replay");
	if (cli_play_load(c, &j.play) < 0 || cli_out_inputs(c, j.play.path, j.play.n) < 0) {
		cli_fail(c, CLI_USAGE);
		goto out;
	}
	if (cli_eval_load(c, &j.eval) < 0)
		goto out;
	int rc = prepare(&j);
	if (rc == 0)
		rc = run(&j, &out, &self_check);
	if (rc < 0) {
		status = cli_fail(c, cli_status_of(rc));
		goto out;
	}
	status = cli_out_done(c, &out);
	if (status == CLI_OK && self_check)
		status = CLI_SELF_CHECK;
out:
	cxms_buf_fini(&out);
	job_fini(&j);
	return status;
}

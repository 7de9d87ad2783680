#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/near.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

#define RESULT_SCHEMA	"cxlmemsim-result-1"
#define MAX_UTILIZATION 1e6  /* an overload that is told */
#define MAX_BYTES_PER_S 1e18 /* more than any fabric has */
#define MAX_WAIT_NS	1e12
#define MAX_ROWS	(1u << 20)

/* A result while one row of it is looked for and read. */
struct reader {
	const struct cxms_topo *t;
	struct cxms_cfg_errors errs;
	struct cxms_draw_load *load;
	const char *binding; /* "mem0 link_up", with "HOST:" in front of several */
};

static const char *text_of(const struct cxms_cfg_node *map, const char *key)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	return n && n->type == CXMS_CFG_SCALAR ? n->text : "";
}

static const struct cxms_cfg_node *list_of(struct reader *r, const struct cxms_cfg_node *map,
					   const char *key)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	if (n && n->type == CXMS_CFG_SEQ && n->n_child <= MAX_ROWS)
		return n;
	cxms_cfg_error(&r->errs, n ? n : map, false, "'%s' must be a list of at most %u", key,
		       MAX_ROWS);
	return NULL;
}

/* A number that must be there. */
static double number_of(struct reader *r, const struct cxms_cfg_node *map, const char *key,
			double max)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	double v = 0;
	if (n)
		cxms_cfg_double(n, 0, max, &v, &r->errs);
	else
		cxms_cfg_error(&r->errs, map, false, "the key '%s' is missing", key);
	return v;
}

/* The same where null stands for a number that is not known; NAN. */
static double known_or_nan(struct reader *r, const struct cxms_cfg_node *map, const char *key,
			   double max)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	bool is_null = n && n->type == CXMS_CFG_SCALAR && !n->quoted && !strcmp(n->text, "null");
	return is_null ? NAN : number_of(r, map, key, max);
}

/* Which of the result's topologies is this one; -1 with an error. */
static long find_topology(struct reader *r, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *list = list_of(r, root, "topologies");
	for (size_t i = 0; list && i < list->n_child; i++)
		if (strcmp(text_of(list->child[i], "sha256"), r->t->sha256) == 0)
			return (long)i;
	if (!list)
		return -1;
	const char *other = list->n_child ? text_of(list->child[0], "file") : "";
	cxms_cfg_error(&r->errs, list, true,
		       "'%s' is not the topology of this result, or has changed since (its sha256 "
		       "differs); the result has %zu, the first from '%.*s'",
		       r->t->file, list->n_child, cxms_quote_len(other), other);
	return -1;
}

static bool has_loads(const struct cxms_cfg_node *row)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(row, "servers");
	return n && n->type == CXMS_CFG_SEQ && n->n_child > 0;
}

/* NAN where the row says none */
static double split_of(const struct cxms_cfg_node *row)
{
	struct cxms_cfg_errors ignored = {0};
	const struct cxms_cfg_node *n = cxms_cfg_get(cxms_cfg_get(row, "split"), "asked_pct");
	double pct = NAN;
	if (n)
		cxms_cfg_double(n, 0, 100, &pct, &ignored);
	cxms_cfg_errors_fini(&ignored);
	return pct;
}

static void fail_row(struct reader *r, const struct cxms_cfg_node *list, bool any, double split_pct)
{
	if (any && !isnan(split_pct))
		cxms_cfg_error(&r->errs, list, true,
			       "no row of this topology has loads at %g %% local; give another "
			       "--split",
			       split_pct);
	else
		cxms_cfg_error(&r->errs, list, true,
			       "no row of this topology has loads of servers; evaluate it with the "
			       "epoch engine");
}

static const struct cxms_cfg_node *find_row(struct reader *r, const struct cxms_cfg_node *root,
					    long topology, double split_pct)
{
	const struct cxms_cfg_node *list = list_of(r, root, "results"), *best = NULL;
	double least = INFINITY;
	bool any = false;
	char index[24];
	snprintf(index, sizeof(index), "%ld", topology);
	for (size_t i = 0; list && i < list->n_child; i++) {
		const struct cxms_cfg_node *row = list->child[i];
		double pct = split_of(row);
		if (strcmp(text_of(row, "topology"), index) != 0 || !has_loads(row))
			continue;
		any = true;
		bool wanted = isnan(split_pct) ? pct < least : fabs(pct - split_pct) < 1e-6;
		if (!wanted || (best && !isnan(split_pct)))
			continue;
		best = row;
		least = pct;
	}
	if (list && !best)
		fail_row(r, list, any, split_pct);
	return best;
}

/* Where a server belongs; NULL with an error. */
static struct cxms_draw_part *part_of(struct reader *r, const struct cxms_cfg_node *n)
{
	const char *name = text_of(n, "name"), *part = text_of(n, "part");
	if (strcmp(part, "local") == 0)
		return &r->load->local;
	if (strcmp(part, "bridge") == 0)
		return &r->load->bridge;
	int dev = cxms_topo_find(r->t, name);
	if (dev < 0) {
		cxms_cfg_error(&r->errs, n, false, "server '%.*s' is no device of '%s'",
			       cxms_quote_len(name), name, r->t->file);
		return NULL;
	}
	struct cxms_draw_dev *d = &r->load->dev[dev];
	if (strcmp(part, "link_up") == 0)
		return &d->up;
	if (strcmp(part, "link_down") == 0)
		return &d->down;
	if (strcmp(part, "device") == 0)
		return &d->inside;
	if (strcmp(part, "medium") == 0)
		return &d->medium;
	cxms_cfg_error(&r->errs, n, false,
		       "'part' must be one of link_up, link_down, device, medium, local, bridge, "
		       "got '%.*s'",
		       cxms_quote_len(part), part);
	return NULL;
}

static bool is_binding(const struct reader *r, const struct cxms_cfg_node *n)
{
	char full[256];
	const char *host = text_of(n, "host");
	snprintf(full, sizeof(full), "%.64s%s%.64s %.64s", host, *host ? ":" : "",
		 text_of(n, "name"), text_of(n, "part"));
	return strcmp(full, r->binding) == 0;
}

static void read_server(struct reader *r, const struct cxms_cfg_node *n)
{
	struct cxms_draw_part *p = part_of(r, n);
	size_t before = r->errs.n;
	double u = number_of(r, n, "utilization_ratio", MAX_UTILIZATION);
	double reads = number_of(r, n, "read_bytes_per_s", MAX_BYTES_PER_S);
	double writes = number_of(r, n, "write_bytes_per_s", MAX_BYTES_PER_S);
	double wait = known_or_nan(r, n, "wait_ns", MAX_WAIT_NS);
	if (!p || r->errs.n != before)
		return;
	if (p->known && !*text_of(n, "host")) {
		cxms_cfg_error(&r->errs, n, false, "server '%.*s' is there twice",
			       cxms_quote_len(text_of(n, "name")), text_of(n, "name"));
		return;
	}
	p->known = true;
	p->binding |= is_binding(r, n);
	p->utilization = fmax(p->utilization, u);
	p->read_bytes_per_s += reads;
	p->write_bytes_per_s += writes;
	p->wait_ns = isnan(wait) || isnan(p->wait_ns) ? NAN : fmax(p->wait_ns, wait);
}

static void read_row(struct reader *r, const struct cxms_cfg_node *row)
{
	const struct cxms_cfg_node *servers = list_of(r, row, "servers");
	const char *policy = text_of(row, "policy");
	double slowdown = number_of(r, row, "slowdown", MAX_UTILIZATION);
	r->binding = text_of(row, "binding");
	for (size_t i = 0; servers && i < servers->n_child; i++)
		read_server(r, servers->child[i]);
	snprintf(r->load->title, sizeof(r->load->title), "%.64s, %g %% local: slowdown %.3g",
		 topo_is_ident(policy) ? policy : "a policy", split_of(row), slowdown);
}

int topo_draw_load_cfg(const struct cxms_topo *t, const struct cxms_cfg *cfg, double split_pct,
		       struct cxms_draw_load **out, struct cxms_err *err)
{
	struct reader r = {.t = t, .binding = ""};
	const struct cxms_cfg_node *root = cxms_cfg_root(cfg);
	int rc = 0;
	if (strcmp(text_of(root, "schema"), RESULT_SCHEMA) != 0)
		return cxms_fail(err, EINVAL, "'%s' is no result; its 'schema' must be %s",
				 cxms_cfg_file(cfg), RESULT_SCHEMA);
	r.load = calloc(1, sizeof(*r.load) + t->n_dev * sizeof(r.load->dev[0]));
	if (!r.load)
		return cxms_fail_sys(err, ENOMEM, "cannot read '%s'", cxms_cfg_file(cfg));
	r.load->n_dev = t->n_dev;
	long topology = find_topology(&r, root);
	const struct cxms_cfg_node *row =
		topology < 0 ? NULL : find_row(&r, root, topology, split_pct);
	if (row)
		read_row(&r, row);
	if (r.errs.n)
		rc = topo_fail_lines(&r.errs, EINVAL, err);
	if (rc == 0)
		*out = r.load;
	else
		free(r.load);
	cxms_cfg_errors_fini(&r.errs);
	return rc;
}

int cxms_draw_load_read(const struct cxms_topo *t, const char *path, double split_pct,
			struct cxms_draw_load **out, struct cxms_err *err)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_err why = {0};
	int rc = cxms_cfg_load_result(path, &cfg, &why);
	if (rc == -EINVAL)
		rc = cxms_fail(err, EINVAL,
			       "'%s' is no result in JSON; make one with cxlmemsim replay -f json",
			       path);
	else if (rc < 0)
		rc = cxms_fail(err, -rc, "%s", why.msg);
	else
		rc = topo_draw_load_cfg(t, cfg, split_pct, out, err);
	cxms_cfg_free(cfg);
	return rc;
}

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/units.h"
#include "base/warn.h"
#include "report/report.h"
#include "report/rpt_priv.h"

#define MAX_RESULTS (1u << 20) /* of one file; keeps every count below any overflow */

struct load {
	struct rpt_loaded *l;
	struct cxms_cfg_errors errs;
};

static bool is_null(const struct cxms_cfg_node *n)
{
	return n->type == CXMS_CFG_SCALAR && !n->quoted && strcmp(n->text, "null") == 0;
}

/* A missing key leaves the zero, as readers of the schema do; null is "not a number". */
static void load_field(struct load *ld, const struct cxms_cfg_node *n, const struct rpt_field *f,
		       void *base)
{
	static const uint64_t limits[] = {
		[RPT_U64] = INT64_MAX, [RPT_U32] = UINT32_MAX, [RPT_U16] = UINT16_MAX,
		[RPT_U8] = UINT8_MAX,  [RPT_SIZE] = INT64_MAX,
	};
	char *at = (char *)base + f->offset;
	uint64_t v = 0;
	if (f->type == RPT_F64) {
		double f64 = NAN;
		if (!is_null(n))
			cxms_cfg_double(n, -HUGE_VAL, HUGE_VAL, &f64, &ld->errs);
		memcpy(at, &f64, sizeof(f64));
		return;
	}
	cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, 0, limits[f->type], &v, &ld->errs);
	uint32_t u32 = (uint32_t)v;
	uint16_t u16 = (uint16_t)v;
	uint8_t u8 = (uint8_t)v;
	size_t size = (size_t)v;
	if (f->type == RPT_U64)
		memcpy(at, &v, sizeof(v));
	else if (f->type == RPT_U32)
		memcpy(at, &u32, sizeof(u32));
	else if (f->type == RPT_U16)
		memcpy(at, &u16, sizeof(u16));
	else if (f->type == RPT_U8)
		memcpy(at, &u8, sizeof(u8));
	else
		memcpy(at, &size, sizeof(size));
}

static void load_fields(struct load *ld, const struct cxms_cfg_node *map,
			const struct rpt_field *fields, void *base)
{
	for (const struct rpt_field *f = fields; f->key; f++) {
		const struct cxms_cfg_node *n = cxms_cfg_get(map, f->key);
		if (n)
			load_field(ld, n, f, base);
	}
}

static const char *load_str(struct load *ld, const struct cxms_cfg_node *map, const char *key)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	if (!n || is_null(n))
		return "";
	if (n->type == CXMS_CFG_SCALAR)
		return n->text;
	cxms_cfg_error(&ld->errs, n, true, "'%s' must be a string", key);
	return "";
}

static uint64_t load_u64(struct load *ld, const struct cxms_cfg_node *map, const char *key)
{
	uint64_t v = 0;
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	if (n && !is_null(n))
		cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, 0, INT64_MAX, &v, &ld->errs);
	return v;
}

static double load_f64(struct load *ld, const struct cxms_cfg_node *map, const char *key)
{
	double v = 0;
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	if (n && !is_null(n))
		cxms_cfg_double(n, -HUGE_VAL, HUGE_VAL, &v, &ld->errs);
	return v;
}

/* The items of an array, with room for as many of @size; 0 when absent. */
static const struct cxms_cfg_node *load_array(struct load *ld, const struct cxms_cfg_node *map,
					      const char *key, size_t size, void **room)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	if (!n)
		return NULL;
	if (n->type != CXMS_CFG_SEQ || n->n_child > MAX_RESULTS) {
		cxms_cfg_error(&ld->errs, n, true, "'%s' must be a list of at most %u", key,
			       MAX_RESULTS);
		return NULL;
	}
	*room = calloc(n->n_child + 1, size);
	if (!*room)
		ld->l->no_memory = true;
	return *room ? n : NULL;
}

static void load_head(struct load *ld, const struct cxms_cfg_node *root)
{
	struct cxms_result *r = &ld->l->r;
	const struct cxms_cfg_node *on = cxms_cfg_get(root, "recorded_on");
	const struct cxms_cfg_node *src = cxms_cfg_get(root, "source");
	const struct cxms_cfg_node *caps = cxms_cfg_get(src, "capabilities");
	r->engine = load_str(ld, root, "engine");
	r->seed = load_u64(ld, root, "seed");
	r->confidence_pct = load_f64(ld, root, "confidence_pct");
	r->overhead_ratio = load_f64(ld, src, "overhead_ratio");
	snprintf(r->facts.cpu, sizeof(r->facts.cpu), "%s", load_str(ld, on, "cpu"));
	snprintf(r->facts.kernel, sizeof(r->facts.kernel), "%s", load_str(ld, on, "kernel"));
	snprintf(r->facts.source, sizeof(r->facts.source), "%s", load_str(ld, src, "name"));
	snprintf(r->facts.source_reason, sizeof(r->facts.source_reason), "%s",
		 load_str(ld, src, "reason"));
	r->facts.page_bytes = load_u64(ld, on, "page_size");
	r->facts.mem_latency_ps =
		(uint64_t)(fmin(fmax(load_f64(ld, on, "local_latency_ns"), 0), 1e12) * 1e3 + 0.5);
	r->facts.latency_given = strcmp(load_str(ld, on, "latency_given"), "true") == 0;
	r->facts.period_ns = load_u64(ld, src, "period_ns");
	r->totals.samples = load_u64(ld, src, "samples");
	r->totals.lost_samples = load_u64(ld, src, "lost");
	r->totals.lost_faults = load_u64(ld, src, "lost_faults");
	r->totals.mem_samples = load_u64(ld, src, "accesses");
	r->totals.lost_mem = load_u64(ld, src, "accesses_lost");
	r->totals.throttled = load_u64(ld, src, "throttled");
	for (size_t i = 0; caps && i < caps->n_child; i++)
		for (unsigned bit = 0; rpt_cap_name(bit); bit++)
			if (caps->child[i]->type == CXMS_CFG_SCALAR &&
			    strcmp(caps->child[i]->text, rpt_cap_name(bit)) == 0)
				r->facts.source_caps |= 1u << bit;
}

static void load_workload(struct load *ld, const struct cxms_cfg_node *root)
{
	struct cxms_result *r = &ld->l->r;
	const struct cxms_cfg_node *w = cxms_cfg_get(root, "workload");
	const struct cxms_cfg_node *status = cxms_cfg_get(w, "exit_status");
	void *room = NULL;
	const struct cxms_cfg_node *argv = load_array(ld, w, "argv", sizeof(*r->argv), &room);
	r->argv = room;
	for (size_t i = 0; argv && i < argv->n_child; i++)
		r->argv[r->n_argv++] = argv->child[i]->text ? argv->child[i]->text : "";
	r->totals.duration_ns = load_u64(ld, w, "native_time_ns");
	r->totals.peak_rss_bytes = load_u64(ld, w, "peak_rss_bytes");
	r->totals.user_ns = load_u64(ld, w, "user_ns");
	r->totals.system_ns = load_u64(ld, w, "system_ns");
	uint64_t v = 0;
	if (status && !is_null(status) &&
	    cxms_cfg_quantity(status, CXMS_UNIT_COUNT, 0, 0, 255, &v, &ld->errs)) {
		r->totals.exit_known = true;
		r->totals.exit_status = W_EXITCODE((int)v, 0);
	}
}

static void load_topologies(struct load *ld, const struct cxms_cfg_node *root)
{
	struct rpt_loaded *l = ld->l;
	void *room = NULL, *list = NULL;
	const struct cxms_cfg_node *n = load_array(ld, root, "topologies", sizeof(*l->topo), &room);
	l->topo = room;
	if (!n || !load_array(ld, root, "topologies", sizeof(*l->topo_list), &list))
		return;
	l->topo_list = list;
	for (size_t i = 0; i < n->n_child; i++) {
		l->topo[i].file = load_str(ld, n->child[i], "file");
		l->topo[i].name = load_str(ld, n->child[i], "name");
		l->topo[i].sha256 = load_str(ld, n->child[i], "sha256");
		l->topo_list[i] = &l->topo[i];
	}
	l->r.topo = l->topo_list;
	l->r.n_topo = n->n_child;
}

static void load_target(struct load *ld, const struct cxms_cfg_node *n,
			struct cxms_target_result *t)
{
	const struct cxms_cfg_node *requests = cxms_cfg_get(n, "requests");
	t->name = load_str(ld, n, "name");
	t->p50_ns = t->p99_ns = t->p999_ns = NAN;
	load_fields(ld, n, rpt_target_fields, t);
	if (requests)
		load_fields(ld, requests, rpt_request_fields, t);
}

static void load_tenants(struct load *ld, const struct cxms_cfg_node *n,
			 struct cxms_split_result *s)
{
	void *room = NULL;
	const struct cxms_cfg_node *list = load_array(ld, n, "tenants", sizeof(*s->tenant), &room);
	s->tenant = room;
	s->fairness = load_f64(ld, n, "fairness_index");
	for (size_t i = 0; list && i < list->n_child; i++) {
		s->tenant[i].name = load_str(ld, list->child[i], "name");
		load_fields(ld, list->child[i], rpt_tenant_fields, &s->tenant[s->n_tenant++]);
	}
}

static void load_servers(struct load *ld, const struct cxms_cfg_node *n,
			 struct cxms_split_result *s)
{
	void *room = NULL;
	const struct cxms_cfg_node *list = load_array(ld, n, "servers", sizeof(*s->server), &room);
	s->server = room;
	snprintf(s->binding, sizeof(s->binding), "%s", load_str(ld, n, "binding"));
	for (size_t i = 0; list && i < list->n_child; i++) {
		struct cxms_server_result *v = &s->server[s->n_server++];
		const char *host = load_str(ld, list->child[i], "host");
		v->host = host[0] ? host : NULL;
		v->name = load_str(ld, list->child[i], "name");
		v->part = load_str(ld, list->child[i], "part");
		load_fields(ld, list->child[i], rpt_server_fields, v);
	}
}

static void load_split(struct load *ld, const struct cxms_cfg_node *n, struct cxms_split_result *s)
{
	const struct cxms_cfg_node *asked = cxms_cfg_get(n, "split");
	const struct cxms_cfg_node *causes = cxms_cfg_get(n, "causes_ns");
	void *room = NULL;
	const struct cxms_cfg_node *migration = cxms_cfg_get(n, "migration");
	load_fields(ld, n, rpt_split_fields, s);
	if (migration)
		load_fields(ld, migration, rpt_migration_fields, s);
	s->policy = load_str(ld, n, "policy");
	s->split_kind = load_str(ld, asked, "kind");
	s->asked_pct = load_f64(ld, asked, "asked_pct");
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		s->causes_ns[c] = load_u64(ld, causes, cxms_cause_name((enum cxms_cause)c));
	const struct cxms_cfg_node *list = load_array(ld, n, "threads", sizeof(*s->thread), &room);
	s->thread = room;
	for (size_t i = 0; list && i < list->n_child; i++)
		load_fields(ld, list->child[i], rpt_thread_fields, &s->thread[s->n_thread++]);
	room = NULL;
	list = load_array(ld, n, "targets", sizeof(*s->target), &room);
	s->target = room;
	for (size_t i = 0; list && i < list->n_child; i++) {
		load_target(ld, list->child[i], &s->target[s->n_target++]);
	}
	load_tenants(ld, n, s);
	load_servers(ld, n, s);
	if (s->topology >= ld->l->r.n_topo) {
		cxms_cfg_error(&ld->errs, n, false,
			       "'topology' is %" PRIu32 ", but the file has %zu", s->topology,
			       ld->l->r.n_topo);
		s->topology = 0;
	}
}

static void load_traffic(struct load *ld, const struct cxms_cfg_node *n, struct cxms_site_result *s)
{
	const char *how = load_str(ld, n, "traffic");
	snprintf(s->function, sizeof(s->function), "%s", load_str(ld, n, "function"));
	snprintf(s->object, sizeof(s->object), "%s", load_str(ld, n, "object"));
	snprintf(s->operand, sizeof(s->operand), "%s", load_str(ld, n, "operand"));
	snprintf(s->counter, sizeof(s->counter), "%s", load_str(ld, n, "counter"));
	for (uint8_t k = CXMS_TRAFFIC_OPEN; k <= CXMS_TRAFFIC_COUNTED; k++)
		if (strcmp(how, cxms_traffic_name((enum cxms_traffic_how)k)) == 0)
			s->how = k;
}

static void load_watched(struct load *ld, const struct cxms_cfg_node *of,
			 struct cxms_watch_result *w)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(of, "watched");
	if (n)
		load_fields(ld, n, rpt_watch_fields, w);
}

static void load_basis(struct load *ld, const struct cxms_cfg_node *root)
{
	struct cxms_basis *b = &ld->l->r.basis;
	const struct cxms_cfg_node *n = cxms_cfg_get(root, "basis");
	const struct cxms_cfg_node *sites = cxms_cfg_get(n, "sites");
	load_fields(ld, n, rpt_basis_fields, b);
	load_watched(ld, n, &b->watch);
	for (size_t i = 0; sites && i < sites->n_child && b->n_site < CXMS_TOP_SITES; i++) {
		struct cxms_site_result *s = &b->site[b->n_site++];
		const char *kind = load_str(ld, sites->child[i], "kind");
		load_fields(ld, sites->child[i], rpt_site_fields, s);
		load_watched(ld, sites->child[i], &s->watch);
		s->ip = strtoull(load_str(ld, sites->child[i], "ip"), NULL, 16);
		for (uint8_t k = CXMS_SITE_NONE; k <= CXMS_SITE_UNDECODED; k++)
			if (strcmp(kind, rpt_site_kind_name(k)) == 0)
				s->kind = k;
		load_traffic(ld, sites->child[i], s);
	}
}

static void load_exact_cache(struct load *ld, const struct cxms_cfg_node *n,
			     struct cxms_exact_cache *c)
{
	const struct cxms_cfg_node *list = cxms_cfg_get(n, "prefetch");
	if (!n || is_null(n))
		return;
	load_fields(ld, n, rpt_exact_cache_fields, c);
	c->inclusive = strcmp(load_str(ld, n, "inclusive"), "true") == 0;
	c->plru = strcmp(load_str(ld, n, "replacement"), "plru") == 0;
	c->hashed = strcmp(load_str(ld, n, "index"), "hashed") == 0;
	for (size_t i = 0; list && i < list->n_child && i < CXMS_EXACT_PREFETCH_MAX; i++) {
		struct cxms_exact_prefetch *f = &c->prefetch[c->n_prefetch++];
		load_fields(ld, list->child[i], rpt_exact_prefetch_fields, f);
		f->type = strcmp(load_str(ld, list->child[i], "type"), "stride") == 0
				  ? CXMS_EXACT_STRIDE
				  : CXMS_EXACT_NEXT_LINE;
	}
}

static void load_exact(struct load *ld, const struct cxms_cfg_node *root)
{
	struct cxms_result *r = &ld->l->r;
	struct cxms_exact_cfg *x = &r->facts.exact;
	const struct cxms_cfg_node *n = cxms_cfg_get(root, "exact");
	const struct cxms_cfg_node *host = cxms_cfg_get(n, "simulated");
	const struct cxms_cfg_node *caches = cxms_cfg_get(host, "caches");
	if (!n)
		return;
	r->exact = true;
	load_fields(ld, n, rpt_exact_fields, &r->xr);
	load_fields(ld, host, rpt_exact_host_fields, x);
	for (unsigned l = 0; l < CXMS_EXACT_LEVELS; l++)
		load_exact_cache(ld, cxms_cfg_get(caches, rpt_level_name(l)), &x->cache[l]);
	snprintf(x->roi_begin, sizeof(x->roi_begin), "%s", load_str(ld, host, "roi_begin"));
	snprintf(x->roi_end, sizeof(x->roi_end), "%s", load_str(ld, host, "roi_end"));
}

static void load_warnings(struct load *ld, const struct cxms_cfg_node *root)
{
	struct cxms_warnings *w = &ld->l->r.warnings;
	const struct cxms_cfg_node *list = cxms_cfg_get(root, "warnings");
	for (size_t i = 0; list && i < list->n_child && w->n < CXMS_W_COUNT; i++) {
		struct cxms_warning *to = &w->list[w->n++];
		const char *code = load_str(ld, list->child[i], "code");
		for (int c = 0; c < CXMS_W_COUNT; c++)
			if (strcmp(code, cxms_warn_name((enum cxms_warn_code)c)) == 0)
				to->code = (enum cxms_warn_code)c;
		snprintf(to->message, sizeof(to->message), "%s",
			 load_str(ld, list->child[i], "message"));
	}
}

static void load_notes(struct load *ld, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *assumed = cxms_cfg_get(root, "assumed");
	const struct cxms_cfg_node *ignored = cxms_cfg_get(root, "ignored");
	for (size_t i = 0; assumed && i < assumed->n_child; i++) {
		const struct cxms_cfg_node *n = assumed->child[i];
		rpt_notes_assumed(&ld->l->notes,
				  &(struct cxms_assumed){load_str(ld, n, "key"),
							 load_str(ld, n, "value"),
							 load_str(ld, n, "reason"), false});
	}
	for (size_t i = 0; ignored && i < ignored->n_child; i++) {
		const struct cxms_cfg_node *n = ignored->child[i];
		rpt_notes_ignored(&ld->l->notes, &(struct cxms_ignored){load_str(ld, n, "key"),
									load_str(ld, n, "source"),
									load_str(ld, n, "reason")});
	}
}

static const char *text_of(struct load *ld, const struct cxms_cfg_node *n)
{
	if (n->type == CXMS_CFG_SCALAR)
		return n->text;
	cxms_cfg_error(&ld->errs, n, false, "a key or value of 'sweep' must be a string");
	return "";
}

/* For each topology as many values as there are keys. */
static bool is_whole(const struct cxms_cfg_node *keys, const struct cxms_cfg_node *points, size_t n)
{
	bool whole = keys && points && points->n_child == n;
	for (size_t i = 0; whole && i < n; i++)
		whole = points->child[i]->n_child == keys->n_child;
	return whole;
}

static void load_axes(struct load *ld, const struct cxms_cfg_node *root)
{
	struct cxms_axes *a = &ld->l->axes;
	const struct cxms_cfg_node *sweep = cxms_cfg_get(root, "sweep");
	const struct cxms_cfg_node *keys = cxms_cfg_get(sweep, "keys");
	const struct cxms_cfg_node *points = cxms_cfg_get(sweep, "points");
	size_t n = ld->l->r.n_topo;
	if (!sweep)
		return;
	if (!is_whole(keys, points, n)) {
		cxms_cfg_error(
			&ld->errs, sweep, false,
			"'sweep' must have 'keys', and in 'points' a value of each for every "
			"topology");
		return;
	}
	const char **key = calloc(keys->n_child + 1, sizeof(*key));
	const char **value = calloc(n * keys->n_child + 1, sizeof(*value));
	*a = (struct cxms_axes){.key = key, .value = value};
	if (!key || !value) {
		ld->l->no_memory = true;
		return;
	}
	for (; a->n_key < keys->n_child; a->n_key++)
		key[a->n_key] = text_of(ld, keys->child[a->n_key]);
	for (size_t i = 0; i < n * a->n_key; i++)
		value[i] = text_of(ld, points->child[i / a->n_key]->child[i % a->n_key]);
	ld->l->r.axes = a;
}

static void load_document(struct load *ld, const struct cxms_cfg_node *root)
{
	static const char *const states[] = {"complete", "cut", "self_check_failed", NULL};
	struct cxms_result *r = &ld->l->r;
	const struct cxms_cfg_node *status = cxms_cfg_get(root, "status");
	int state = CXMS_STATUS_SELF_CHECK_FAILED;
	if (status)
		cxms_cfg_word(status, states, &state, &ld->errs);
	r->status = (enum cxms_status)state;
	load_head(ld, root);
	load_workload(ld, root);
	load_topologies(ld, root);
	load_axes(ld, root);
	void *room = NULL;
	const struct cxms_cfg_node *list =
		load_array(ld, root, "results", sizeof(*r->split), &room);
	r->split = room;
	for (size_t i = 0; list && i < list->n_child; i++)
		load_split(ld, list->child[i], &r->split[r->n_split++]);
	load_basis(ld, root);
	load_exact(ld, root);
	load_warnings(ld, root);
	load_notes(ld, root);
}

int rpt_load(const struct cxms_cfg *json, struct rpt_loaded **out, struct cxms_err *err)
{
	struct load ld = {.l = calloc(1, sizeof(*ld.l))};
	const struct cxms_cfg_node *root = cxms_cfg_root(json);
	const struct cxms_cfg_node *schema = cxms_cfg_get(root, "schema");
	int rc = 0;
	if (!ld.l) {
		rc = cxms_fail_sys(err, ENOMEM, "cannot read '%s'", cxms_cfg_file(json));
		goto out;
	}
	if (!schema || schema->type != CXMS_CFG_SCALAR || strcmp(schema->text, RPT_SCHEMA) != 0) {
		rc = cxms_fail(
			err, EINVAL,
			"'%s' is not a result of this version (no schema '%s'); make one with "
			"cxlmemsim replay -f json",
			cxms_cfg_file(json), RPT_SCHEMA);
		goto out;
	}
	load_document(&ld, root);
	if (ld.l->no_memory)
		rc = cxms_fail_sys(err, ENOMEM, "cannot read '%s'", cxms_cfg_file(json));
	else if (ld.errs.n)
		rc = cxms_fail(err, EINVAL, "%.*s", ld.errs.len ? (int)ld.errs.len - 1 : 0,
			       ld.errs.text ? ld.errs.text : "");
	else if (ld.l->r.n_split == 0)
		rc = cxms_fail(err, EINVAL, "'%s' holds no results", cxms_cfg_file(json));
	if (rc == 0) {
		*out = ld.l;
		ld.l = NULL;
	}
out:
	cxms_cfg_errors_fini(&ld.errs);
	rpt_loaded_free(ld.l);
	return rc;
}

void rpt_loaded_free(struct rpt_loaded *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->r.n_split; i++)
		cxms_split_result_fini(&l->r.split[i]);
	free(l->r.split);
	free(l->r.argv);
	free(l->topo);
	free(l->topo_list);
	free((void *)(uintptr_t)l->axes.key);
	free((void *)(uintptr_t)l->axes.value);
	free(l);
}

int cxms_report_from_json(const struct cxms_cfg *json, bool explain, struct cxms_buf *out,
			  struct cxms_err *err)
{
	struct rpt_loaded *l = NULL;
	int rc = rpt_load(json, &l, err);
	if (rc == 0)
		rpt_text(&l->r, &l->notes, explain, out);
	rpt_loaded_free(l);
	return rc;
}

int cxms_report_csv_from_json(const struct cxms_cfg *json, struct cxms_buf *out,
			      struct cxms_err *err)
{
	struct rpt_loaded *l = NULL;
	int rc = rpt_load(json, &l, err);
	if (rc == 0)
		cxms_report_csv(&l->r, out);
	rpt_loaded_free(l);
	return rc;
}

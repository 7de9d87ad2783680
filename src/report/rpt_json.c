#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "base/warn.h"
#include "report/report.h"
#include "report/rpt_priv.h"

static struct cxms_json *field_value(const void *base, const struct rpt_field *f)
{
	const char *at = (const char *)base + f->offset;
	double f64;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	size_t size;
	switch (f->type) {
	case RPT_F64:
		memcpy(&f64, at, sizeof(f64));
		return cxms_json_num(f64);
	case RPT_U64:
		memcpy(&u64, at, sizeof(u64));
		return cxms_json_u64(u64);
	case RPT_U32:
		memcpy(&u32, at, sizeof(u32));
		return cxms_json_u64(u32);
	case RPT_U16:
		memcpy(&u16, at, sizeof(u16));
		return cxms_json_u64(u16);
	case RPT_U8:
		return cxms_json_u64(*(const uint8_t *)at);
	case RPT_SIZE:
		memcpy(&size, at, sizeof(size));
		return cxms_json_u64(size);
	}
	return NULL;
}

static struct cxms_json *object_of(const void *base, const struct rpt_field *fields)
{
	struct cxms_json *o = cxms_json_object();
	for (const struct rpt_field *f = fields; f->key; f++)
		cxms_json_set(o, f->key, field_value(base, f));
	return o;
}

static void set_str(struct cxms_json *o, const char *key, const char *text)
{
	cxms_json_set(o, key, text ? cxms_json_str(text) : cxms_json_null());
}

static struct cxms_json *strings(const char *const *v, size_t n)
{
	struct cxms_json *a = cxms_json_array();
	for (size_t i = 0; i < n; i++)
		cxms_json_push(a, cxms_json_str(v[i]));
	return a;
}

static struct cxms_json *tool(void)
{
	struct cxms_json *o = cxms_json_object();
	set_str(o, "name", "cxlmemsim");
	set_str(o, "version", CXMS_VERSION);
	return o;
}

/* Under the exact tool times are the tool's, not the program's: they stand in "exact". */
static void set_native(struct cxms_json *o, const struct cxms_result *r, const char *key,
		       uint64_t ns)
{
	cxms_json_set(o, key, r->exact ? cxms_json_null() : cxms_json_u64(ns));
}

static struct cxms_json *workload(const struct cxms_result *r)
{
	struct cxms_json *o = cxms_json_object();
	int status = rpt_exit_status(&r->totals);
	cxms_json_set(o, "argv", strings(r->argv, r->n_argv));
	cxms_json_set(o, "exit_status", status < 0 ? cxms_json_null() : cxms_json_i64(status));
	set_native(o, r, "native_time_ns", r->totals.duration_ns);
	cxms_json_set(o, "peak_rss_bytes", cxms_json_u64(r->totals.peak_rss_bytes));
	set_native(o, r, "user_ns", r->totals.user_ns);
	set_native(o, r, "system_ns", r->totals.system_ns);
	return o;
}

static struct cxms_json *recorded_on(const struct cxms_result *r)
{
	struct cxms_json *o = cxms_json_object();
	const struct cxms_facts *f = &r->facts;
	set_str(o, "cpu", f->cpu[0] ? f->cpu : NULL);
	set_str(o, "kernel", f->kernel[0] ? f->kernel : NULL);
	cxms_json_set(o, "page_size", cxms_json_u64(f->page_bytes));
	cxms_json_set(o, "local_latency_ns",
		      cxms_json_num((double)f->mem_latency_ps / (double)CXMS_PS_PER_NS));
	cxms_json_set(o, "latency_given", cxms_json_bool(f->latency_given));
	return o;
}

static struct cxms_json *source(const struct cxms_result *r)
{
	struct cxms_json *o = cxms_json_object();
	struct cxms_json *caps = cxms_json_array();
	for (unsigned bit = 0; rpt_cap_name(bit); bit++)
		if (r->facts.source_caps & 1u << bit)
			cxms_json_push(caps, cxms_json_str(rpt_cap_name(bit)));
	cxms_json_set(o, "capabilities", caps);
	set_str(o, "name", r->facts.source);
	set_str(o, "reason", r->facts.source_reason[0] ? r->facts.source_reason : NULL);
	cxms_json_set(o, "samples", cxms_json_u64(r->totals.samples));
	cxms_json_set(o, "lost", cxms_json_u64(r->totals.lost_samples));
	cxms_json_set(o, "lost_faults", cxms_json_u64(r->totals.lost_faults));
	if (r->facts.source_caps & CXMS_SRC_MEM) {
		cxms_json_set(o, "accesses", cxms_json_u64(r->totals.mem_samples));
		cxms_json_set(o, "accesses_lost", cxms_json_u64(r->totals.lost_mem));
	}
	if (r->totals.throttled)
		cxms_json_set(o, "throttled", cxms_json_u64(r->totals.throttled));
	cxms_json_set(o, "overhead_ratio", cxms_json_num(r->overhead_ratio));
	cxms_json_set(o, "period_ns", cxms_json_u64(r->facts.period_ns));
	return o;
}

static struct cxms_json *topologies(const struct cxms_result *r)
{
	struct cxms_json *a = cxms_json_array();
	for (size_t i = 0; i < r->n_topo; i++) {
		struct cxms_json *o = cxms_json_object();
		set_str(o, "file", r->topo[i]->file);
		set_str(o, "name", r->topo[i]->name);
		set_str(o, "sha256", r->topo[i]->sha256);
		cxms_json_push(a, o);
	}
	return a;
}

/* The keys that a sweep varied, and each topology's values of them. */
static struct cxms_json *axes(const struct cxms_axes *a, size_t n_topo)
{
	struct cxms_json *o = cxms_json_object();
	struct cxms_json *points = cxms_json_array();
	cxms_json_set(o, "keys", strings(a->key, a->n_key));
	for (size_t i = 0; i < n_topo; i++)
		cxms_json_push(points, strings(a->value + i * a->n_key, a->n_key));
	cxms_json_set(o, "points", points);
	return o;
}

static struct cxms_json *targets(const struct cxms_split_result *s)
{
	struct cxms_json *a = cxms_json_array();
	for (size_t i = 0; i < s->n_target; i++) {
		struct cxms_json *o = object_of(&s->target[i], rpt_target_fields);
		set_str(o, "name", s->target[i].name);
		/* null where only means are known */
		cxms_json_set(o, "requests", object_of(&s->target[i], rpt_request_fields));
		cxms_json_push(a, o);
	}
	return a;
}

static struct cxms_json *tenants(const struct cxms_split_result *s)
{
	struct cxms_json *a = cxms_json_array();
	for (size_t i = 0; i < s->n_tenant; i++) {
		struct cxms_json *o = object_of(&s->tenant[i], rpt_tenant_fields);
		set_str(o, "name", s->tenant[i].name);
		cxms_json_push(a, o);
	}
	return a;
}

static struct cxms_json *servers(const struct cxms_split_result *s)
{
	struct cxms_json *a = cxms_json_array();
	for (size_t i = 0; i < s->n_server; i++) {
		const struct cxms_server_result *v = &s->server[i];
		struct cxms_json *o = object_of(v, rpt_server_fields);
		if (s->n_tenant)
			set_str(o, "host", v->host);
		set_str(o, "name", v->name);
		set_str(o, "part", v->part);
		cxms_json_push(a, o);
	}
	return a;
}

static struct cxms_json *split(const struct cxms_split_result *s)
{
	struct cxms_json *o = object_of(s, rpt_split_fields);
	struct cxms_json *asked = cxms_json_object();
	struct cxms_json *causes = cxms_json_object();
	struct cxms_json *threads = cxms_json_array();
	set_str(o, "policy", s->policy);
	set_str(asked, "kind", s->split_kind);
	cxms_json_set(asked, "asked_pct", cxms_json_num(s->asked_pct));
	cxms_json_set(o, "split", asked);
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_json_set(causes, cxms_cause_name((enum cxms_cause)c),
			      cxms_json_u64(s->causes_ns[c]));
	cxms_json_set(o, "causes_ns", causes);
	for (size_t i = 0; i < s->n_thread; i++)
		cxms_json_push(threads, object_of(&s->thread[i], rpt_thread_fields));
	cxms_json_set(o, "threads", threads);
	cxms_json_set(o, "tenants", tenants(s));
	if (s->n_tenant)
		cxms_json_set(o, "fairness_index", cxms_json_num(s->fairness));
	cxms_json_set(o, "servers", servers(s));
	set_str(o, "binding", s->binding[0] ? s->binding : NULL);
	cxms_json_set(o, "targets", targets(s));
	cxms_json_set(o, "migration", object_of(s, rpt_migration_fields));
	return o;
}

static void set_place(struct cxms_json *site, const struct cxms_site_result *s)
{
	char ip[24];
	snprintf(ip, sizeof(ip), "0x%" PRIx64, s->ip);
	set_str(site, "ip", ip);
	set_str(site, "function", s->function[0] ? s->function : NULL);
	set_str(site, "object", s->object[0] ? s->object : NULL);
}

static struct cxms_json *basis(const struct cxms_result *r)
{
	struct cxms_json *o = object_of(&r->basis, rpt_basis_fields);
	struct cxms_json *sites = cxms_json_array();
	for (size_t i = 0; i < r->basis.n_site; i++) {
		const struct cxms_site_result *s = &r->basis.site[i];
		struct cxms_json *site = object_of(s, rpt_site_fields);
		set_place(site, s);
		set_str(site, "kind", rpt_site_kind_name(s->kind));
		set_str(site, "operand", s->operand);
		set_str(site, "counter", s->counter[0] ? s->counter : NULL);
		set_str(site, "traffic", cxms_traffic_name((enum cxms_traffic_how)s->how));
		if (s->watch.words)
			cxms_json_set(site, "watched", object_of(&s->watch, rpt_watch_fields));
		cxms_json_push(sites, site);
	}
	cxms_json_set(o, "sites", sites);
	if (r->basis.watch.words)
		cxms_json_set(o, "watched", object_of(&r->basis.watch, rpt_watch_fields));
	return o;
}

static struct cxms_json *exact_cache(const struct cxms_exact_cache *c)
{
	if (c->size_bytes == 0)
		return cxms_json_null();
	struct cxms_json *o = object_of(c, rpt_exact_cache_fields);
	struct cxms_json *list = cxms_json_array();
	cxms_json_set(o, "inclusive", cxms_json_bool(c->inclusive));
	set_str(o, "replacement", c->plru ? "plru" : "lru");
	set_str(o, "index", c->hashed ? "hashed" : "modulo");
	for (uint32_t i = 0; i < c->n_prefetch; i++) {
		struct cxms_json *f = object_of(&c->prefetch[i], rpt_exact_prefetch_fields);
		set_str(f, "type", rpt_prefetch_name(c->prefetch[i].type));
		cxms_json_push(list, f);
	}
	cxms_json_set(o, "prefetch", list);
	return o;
}

static struct cxms_json *exact(const struct cxms_result *r)
{
	const struct cxms_exact_cfg *x = &r->facts.exact;
	struct cxms_json *o = object_of(&r->xr, rpt_exact_fields);
	struct cxms_json *host = object_of(x, rpt_exact_host_fields);
	struct cxms_json *caches = cxms_json_object();
	for (unsigned l = 0; l < CXMS_EXACT_LEVELS; l++)
		cxms_json_set(caches, rpt_level_name(l), exact_cache(&x->cache[l]));
	cxms_json_set(host, "caches", caches);
	set_str(host, "roi_begin", x->roi_begin[0] ? x->roi_begin : NULL);
	set_str(host, "roi_end", x->roi_end[0] ? x->roi_end : NULL);
	cxms_json_set(o, "simulated", host);
	return o;
}

static struct cxms_json *warnings(const struct cxms_result *r)
{
	struct cxms_json *a = cxms_json_array();
	for (size_t i = 0; i < r->warnings.n; i++) {
		struct cxms_json *o = cxms_json_object();
		set_str(o, "code", cxms_warn_name(r->warnings.list[i].code));
		set_str(o, "message", r->warnings.list[i].message);
		cxms_json_push(a, o);
	}
	return a;
}

static void set_notes(struct cxms_json *root, const struct rpt_notes *notes)
{
	struct cxms_json *assumed = cxms_json_array();
	struct cxms_json *ignored = cxms_json_array();
	for (size_t i = 0; i < notes->n_assumed; i++) {
		struct cxms_json *o = cxms_json_object();
		set_str(o, "key", notes->assumed[i].key);
		set_str(o, "value", notes->assumed[i].value);
		set_str(o, "reason", notes->assumed[i].reason);
		cxms_json_push(assumed, o);
	}
	for (size_t i = 0; i < notes->n_ignored; i++) {
		struct cxms_json *o = cxms_json_object();
		set_str(o, "key", notes->ignored[i].key);
		set_str(o, "source", notes->ignored[i].source);
		set_str(o, "reason", notes->ignored[i].reason);
		cxms_json_push(ignored, o);
	}
	cxms_json_set(root, "assumed", assumed);
	cxms_json_set(root, "ignored", ignored);
}

static struct cxms_json *document(const struct cxms_result *r, const struct rpt_notes *notes)
{
	struct cxms_json *root = cxms_json_object();
	struct cxms_json *results = cxms_json_array();
	set_str(root, "schema", RPT_SCHEMA);
	set_str(root, "status", rpt_status_name(r->status));
	set_str(root, "engine", r->engine);
	cxms_json_set(root, "tool", tool());
	cxms_json_set(root, "workload", workload(r));
	cxms_json_set(root, "recorded_on", recorded_on(r));
	cxms_json_set(root, "source", source(r));
	cxms_json_set(root, "topologies", topologies(r));
	if (r->axes)
		cxms_json_set(root, "sweep", axes(r->axes, r->n_topo));
	cxms_json_set(root, "seed", cxms_json_u64(r->seed));
	cxms_json_set(root, "confidence_pct", cxms_json_num(r->confidence_pct));
	for (size_t i = 0; i < r->n_split; i++)
		cxms_json_push(results, split(&r->split[i]));
	cxms_json_set(root, "results", results);
	cxms_json_set(root, "basis", basis(r));
	if (r->exact)
		cxms_json_set(root, "exact", exact(r));
	cxms_json_set(root, "warnings", warnings(r));
	set_notes(root, notes);
	return root;
}

int cxms_report_json(const struct cxms_result *r, struct cxms_buf *out, struct cxms_err *err)
{
	struct rpt_notes *notes = rpt_notes_of(r);
	struct cxms_json *root = notes ? document(r, notes) : NULL;
	int rc = cxms_json_print(root, out);
	if (rc < 0)
		cxms_fail_sys(err, -rc, "cannot build the JSON result");
	cxms_json_free(root);
	free(notes);
	return rc;
}

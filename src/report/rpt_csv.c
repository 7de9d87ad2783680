#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "report/report.h"
#include "report/rpt_priv.h"

/* RFC 4180, 2.6 and 2.7: quotes around what holds a comma, a quote or a line break; quotes doubled.
 */
static void put_text(struct cxms_buf *out, const char *text)
{
	if (!text)
		text = "";
	if (!text[strcspn(text, ",\"\r\n")]) {
		cxms_buf_printf(out, "%s", text);
		return;
	}
	cxms_buf_put_u8(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			cxms_buf_put_u8(out, '"');
		cxms_buf_put_u8(out, (uint8_t)*text);
	}
	cxms_buf_put_u8(out, '"');
}

/* The memdev with the longest 99th percentile; empty where only means are known. */
static void put_slowest(const struct cxms_split_result *s, struct cxms_buf *out)
{
	const struct cxms_target_result *slowest = NULL;
	for (size_t t = 1; t < s->n_target; t++)
		if (s->target[t].p99_ns > (slowest ? slowest->p99_ns : 0))
			slowest = &s->target[t];
	if (slowest)
		cxms_buf_printf(out, ",%.6g,%.6g,%.6g", slowest->p50_ns, slowest->p99_ns,
				slowest->p999_ns);
	else
		cxms_buf_printf(out, ",,,");
}

/* A cell for each key of a sweep: the name or the value. */
static void put_axes(const struct cxms_axes *a, const char *const *cell, struct cxms_buf *out)
{
	for (size_t i = 0; i < a->n_key; i++) {
		put_text(out, cell[i]);
		cxms_buf_put_u8(out, ',');
	}
}

static bool has_tenants(const struct cxms_result *r)
{
	for (size_t i = 0; i < r->n_split; i++)
		if (r->split[i].n_tenant)
			return true;
	return false;
}

/* What stands before the figures of a row. */
static void put_what(const struct cxms_result *r, const struct cxms_split_result *s,
		     struct cxms_buf *out)
{
	if (r->recording) {
		put_text(out, r->recording);
		cxms_buf_put_u8(out, ',');
	}
	if (r->axes)
		put_axes(r->axes, r->axes->value + s->topology * r->axes->n_key, out);
	put_text(out, r->topo[s->topology]->file);
	cxms_buf_put_u8(out, ',');
	put_text(out, r->topo[s->topology]->name);
	cxms_buf_put_u8(out, ',');
	put_text(out, s->policy);
	cxms_buf_printf(out, ",%.6g,%.6g", s->asked_pct, s->local_pct);
}

/* Of several hosts: what the whole set shares stays empty. */
static void put_tenant(const struct cxms_result *r, const struct cxms_split_result *s,
		       const struct cxms_tenant_result *t, bool requests, struct cxms_buf *out)
{
	put_what(r, s, out);
	cxms_buf_printf(out, ",%.6g,%.6g,%.6g,,,%" PRIu64, t->slowdown, t->slowdown_lo,
			t->slowdown_hi, t->time_ns);
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_buf_put_u8(out, ',');
	cxms_buf_printf(out, requests ? ",,,," : ",");
	put_text(out, t->name);
	cxms_buf_printf(out, ",%.6g,%.6g,,\n", t->alone_slowdown, t->contention_ratio);
}

static void put_row(const struct cxms_result *r, const struct cxms_split_result *s, bool tenants,
		    bool requests, struct cxms_buf *out)
{
	put_what(r, s, out);
	cxms_buf_printf(out, ",%.6g,%.6g,%.6g,%.6g,%.6g,%" PRIu64, s->slowdown, s->slowdown_lo,
			s->slowdown_hi, s->sampling_half_width, s->model_half_width, s->time_ns);
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_buf_printf(out, ",%" PRIu64, s->causes_ns[c]);
	if (requests)
		put_slowest(s, out);
	if (tenants)
		cxms_buf_printf(out, ",,,,%.6g", s->fairness);
	cxms_buf_printf(out, ",%" PRIu64 "\n", s->cpu_taken_ns);
	for (size_t i = 0; i < s->n_tenant; i++)
		put_tenant(r, s, &s->tenant[i], requests, out);
}

void cxms_report_csv(const struct cxms_result *r, struct cxms_buf *out)
{
	bool tenants = has_tenants(r), requests = rpt_has_requests(r->split, r->n_split);
	if (r->recording)
		cxms_buf_printf(out, "recording,");
	if (r->axes)
		put_axes(r->axes, r->axes->key, out);
	cxms_buf_printf(out,
			"topology_file,topology,policy,asked_pct,local_pct,slowdown,slowdown_lo,"
			"slowdown_hi,sampling_half_width,model_half_width,time_ns");
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_buf_printf(out, ",%s_ns", cxms_cause_name((enum cxms_cause)c));
	if (requests)
		cxms_buf_printf(out, ",cxl_read_p50_ns,cxl_read_p99_ns,cxl_read_p999_ns");
	if (tenants)
		cxms_buf_printf(out, ",tenant,alone_slowdown,contention_ratio,fairness_index");
	cxms_buf_printf(out, ",cpu_taken_ns\n");
	for (size_t i = 0; i < r->n_split; i++)
		put_row(r, &r->split[i], tenants, requests, out);
}

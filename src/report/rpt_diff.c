#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "report/report.h"
#include "report/rpt_priv.h"

#define SAME_PCT                                                                                   \
	1e-6 /* per cents asked are equal below this: both were written with six figures           \
	      */

static const struct cxms_split_result *match(const struct cxms_result *in,
					     const struct cxms_split_result *s)
{
	for (size_t i = 0; i < in->n_split; i++) {
		const struct cxms_split_result *c = &in->split[i];
		if (c->topology == s->topology && strcmp(c->policy, s->policy) == 0 &&
		    fabs(c->asked_pct - s->asked_pct) < SAME_PCT)
			return c;
	}
	return NULL;
}

static void put_file(const char *label, const struct cxms_cfg *json, const struct cxms_result *r,
		     struct cxms_buf *out)
{
	struct cxms_buf names = {0};
	for (size_t i = 0; i < r->n_topo; i++)
		cxms_buf_printf(&names, "%s%s (%s)", i ? ", " : "", r->topo[i]->name,
				r->topo[i]->file);
	rpt_para(out, label, "%s: %s on %s; %s %s, source %s", cxms_cfg_file(json),
		 r->n_argv ? r->argv[0] : "(program not recorded)", cxms_buf_text(&names),
		 r->exact ? "watched for" : "native",
		 rpt_time_ns(RPT_FMT, (double)(r->exact ? r->xr.watch_ns : r->totals.duration_ns)),
		 r->facts.source);
	cxms_buf_fini(&names);
}

static bool are_apart(const struct cxms_split_result *a, const struct cxms_split_result *b)
{
	return a->slowdown_hi < b->slowdown_lo || b->slowdown_hi < a->slowdown_lo;
}

static void put_pair(const struct cxms_split_result *a, const struct cxms_split_result *b,
		     struct cxms_buf *out)
{
	cxms_buf_printf(
		out,
		"%4u  %-16.16s  %7.1f  %7.3f (%.3f..%.3f)  %7.3f (%.3f..%.3f)  %+7.1f %%  %s\n",
		a->topology, a->policy, a->asked_pct, a->slowdown, a->slowdown_lo, a->slowdown_hi,
		b->slowdown, b->slowdown_lo, b->slowdown_hi, (b->slowdown / a->slowdown - 1) * 100,
		are_apart(a, b) ? "apart" : "overlap");
}

static void put_only(const struct cxms_split_result *s, const char *label, struct cxms_buf *out)
{
	cxms_buf_printf(out, "%4u  %-16.16s  %7.1f  only in %s\n", s->topology, s->policy,
			s->asked_pct, label);
}

static void put_table(const struct cxms_result *a, const struct cxms_result *b,
		      struct cxms_buf *out)
{
	size_t common = 0, apart = 0;
	cxms_buf_printf(out, "\ntopo  %-16s  local %%  %-24s  %-24s  %s  %s\n", "policy",
			"slowdown A (interval)", "slowdown B (interval)", "B over A", "intervals");
	for (size_t i = 0; i < a->n_split; i++) {
		const struct cxms_split_result *other = match(b, &a->split[i]);
		if (!other) {
			put_only(&a->split[i], "A", out);
			continue;
		}
		put_pair(&a->split[i], other, out);
		common++;
		apart += are_apart(&a->split[i], other);
	}
	for (size_t i = 0; i < b->n_split; i++)
		if (!match(a, &b->split[i]))
			put_only(&b->split[i], "B", out);
	cxms_buf_printf(out, "\n%zu split%s compared, %zu with intervals apart\n", common,
			common == 1 ? "" : "s", apart);
}

int cxms_report_diff(const struct cxms_cfg *a, const struct cxms_cfg *b, struct cxms_buf *out,
		     struct cxms_err *err)
{
	struct rpt_loaded *la = NULL, *lb = NULL;
	size_t start = out->len;
	int rc = rpt_load(a, &la, err);
	if (rc == 0)
		rc = rpt_load(b, &lb, err);
	if (rc == 0) {
		put_file("A", a, &la->r, out);
		put_file("B", b, &lb->r, out);
		put_table(&la->r, &lb->r, out);
		rpt_scrub(out, start);
	}
	rpt_loaded_free(la);
	rpt_loaded_free(lb);
	return rc;
}

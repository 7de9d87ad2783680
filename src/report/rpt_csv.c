#include <inttypes.h>
#include <math.h>
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
		if (isfinite(s->target[t].p99_ns) &&
		    (!slowest || s->target[t].p99_ns > slowest->p99_ns))
			slowest = &s->target[t];
	if (slowest)
		cxms_buf_printf(out, ",%.6g,%.6g,%.6g", slowest->p50_ns, slowest->p99_ns,
				slowest->p999_ns);
	else
		cxms_buf_printf(out, ",,,");
}

static void put_row(const struct cxms_result *r, const struct cxms_split_result *s,
		    struct cxms_buf *out)
{
	put_text(out, r->topo[s->topology]->file);
	cxms_buf_put_u8(out, ',');
	put_text(out, r->topo[s->topology]->name);
	cxms_buf_put_u8(out, ',');
	put_text(out, s->policy);
	cxms_buf_printf(out, ",%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%" PRIu64, s->asked_pct,
			s->local_pct, s->slowdown, s->slowdown_lo, s->slowdown_hi,
			s->sampling_half_width, s->model_half_width, s->time_ns);
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_buf_printf(out, ",%" PRIu64, s->causes_ns[c]);
	put_slowest(s, out);
	cxms_buf_put_u8(out, '\n');
}

void cxms_report_csv(const struct cxms_result *r, struct cxms_buf *out)
{
	cxms_buf_printf(out,
			"topology_file,topology,policy,asked_pct,local_pct,slowdown,slowdown_lo,"
			"slowdown_hi,sampling_half_width,model_half_width,time_ns");
	for (int c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_buf_printf(out, ",%s_ns", cxms_cause_name((enum cxms_cause)c));
	cxms_buf_printf(out, ",cxl_read_p50_ns,cxl_read_p99_ns,cxl_read_p999_ns\n");
	for (size_t i = 0; i < r->n_split; i++)
		put_row(r, &r->split[i], out);
}

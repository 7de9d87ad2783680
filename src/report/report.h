/* Reports: a result as text for people, JSON, or CSV; and the comparison of two. */
#ifndef CXMS_REPORT_REPORT_H
#define CXMS_REPORT_REPORT_H

#include <stdbool.h>

struct cxms_buf;
struct cxms_cfg;
struct cxms_err;
struct cxms_result;

/** all append to @out; out->failed tells of memory */
void cxms_report_text(const struct cxms_result *r, bool explain, struct cxms_buf *out);
int cxms_report_json(const struct cxms_result *r, struct cxms_buf *out, struct cxms_err *err);
/** one row per result, fixed columns, header row, RFC 4180 quoting, lines end with \n; of a sweep
 * the keys stand in front */
void cxms_report_csv(const struct cxms_result *r, struct cxms_buf *out);
/**
 * cxms_report_from_json() - a result file shown as text, as cxms_report_text() shows the result
 * itself Return: 0, -EINVAL when it is none of ours (another schema, a wrong type: every fault with
 * its position), -ENOMEM
 */
int cxms_report_from_json(const struct cxms_cfg *json, bool explain, struct cxms_buf *out,
			  struct cxms_err *err);
/** cxms_report_csv_from_json() - the same as CSV */
int cxms_report_csv_from_json(const struct cxms_cfg *json, struct cxms_buf *out,
			      struct cxms_err *err);
/**
 * cxms_report_diff() - two result files, split by split: slowdowns, difference, whether intervals
 * overlap Splits are matched by place of the topology, policy and per cent asked; those in one file
 * only are named.
 */
int cxms_report_diff(const struct cxms_cfg *a, const struct cxms_cfg *b, struct cxms_buf *out,
		     struct cxms_err *err);

#endif

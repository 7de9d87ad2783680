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
 * cxms_report_from_json() - a result file as text, just as cxms_report_text() shows the result
 * Return: 0; -EINVAL where it is no result file (another schema, a wrong type), with every fault
 * and its position; -ENOMEM
 */
int cxms_report_from_json(const struct cxms_cfg *json, bool explain, struct cxms_buf *out,
			  struct cxms_err *err);
/** cxms_report_csv_from_json() - the same as CSV */
int cxms_report_csv_from_json(const struct cxms_cfg *json, struct cxms_buf *out,
			      struct cxms_err *err);
/**
 * cxms_report_diff() - compare two result files split by split: slowdowns, their difference, and
 * whether the intervals overlap
 * Splits are matched by the place of their topology in the file, policy and per cent asked. Those
 * that only one file has are named.
 */
int cxms_report_diff(const struct cxms_cfg *a, const struct cxms_cfg *b, struct cxms_buf *out,
		     struct cxms_err *err);

#endif

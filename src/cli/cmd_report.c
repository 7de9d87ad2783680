#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "cli/cli.h"
#include "report/report.h"

#define REPORT_CSV 1 /* of the words of --format */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

/* A result that contradicts itself is told by the exit code as well, as when it was made. */
static int status_of(const struct cxms_cfg *json)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(cxms_cfg_root(json), "status");
	bool failed = n && n->type == CXMS_CFG_SCALAR && !strcmp(n->text, "self_check_failed");
	return failed ? CLI_SELF_CHECK : CLI_OK;
}

int cli_load_result(struct cli *c, const char *path, struct cxms_cfg **out)
{
	if (ends_with(path, ".cxlt"))
		return cxms_fail(&c->err, EINVAL,
				 "'%s' is a recording, not a result; use cxlmemsim replay", path);
	return cxms_cfg_load_result(path, out, &c->err);
}

static int load(struct cli *c, struct cxms_cfg **json, struct cxms_buf *text)
{
	int rc = cli_load_result(c, c->argv[0], json);
	if (rc == 0 && c->opt.format == REPORT_CSV)
		rc = cxms_report_csv_from_json(*json, text, &c->err);
	else if (rc == 0)
		rc = cxms_report_from_json(*json, c->opt.explain, text, &c->err);
	return rc;
}

int cmd_report(struct cli *c)
{
	struct cxms_cfg *json = NULL;
	struct cxms_buf text = {0};
	int rc = 0, status;
	if (c->argc != 1)
		return cli_usage(c, "report takes one result file in JSON, got %d", c->argc);
	if (c->opt.output)
		rc = cli_out_check(c, "--output", c->opt.output);
	if (rc == 0)
		rc = cli_out_distinct(c, c->opt.output, c->argv[0]);
	if (rc == 0)
		rc = load(c, &json, &text);
	status = rc < 0 ? cli_fail(c, cli_status_of(rc)) : cli_out_done(c, &text);
	if (status == CLI_OK)
		status = status_of(json);
	cxms_buf_fini(&text);
	cxms_cfg_free(json);
	return status;
}

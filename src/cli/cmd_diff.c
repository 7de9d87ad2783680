#include "base/buf.h"
#include "base/cfg.h"
#include "cli/cli.h"
#include "report/report.h"

int cmd_diff(struct cli *c)
{
	struct cxms_cfg *a = NULL, *b = NULL;
	struct cxms_buf text = {0};
	int rc = 0, status;
	if (c->argc != 2)
		return cli_usage(c, "diff takes two result files in JSON, got %d", c->argc);
	if (c->opt.output)
		rc = cli_out_check(c, "--output", c->opt.output);
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = cli_out_distinct(c, c->opt.output, c->argv[i]);
	if (rc == 0)
		rc = cli_load_result(c, c->argv[0], &a);
	if (rc == 0)
		rc = cli_load_result(c, c->argv[1], &b);
	if (rc == 0)
		rc = cxms_report_diff(a, b, &text, &c->err);
	status = rc < 0 ? cli_fail(c, cli_status_of(rc)) : cli_out_done(c, &text);
	cxms_buf_fini(&text);
	cxms_cfg_free(a);
	cxms_cfg_free(b);
	return status;
}

#include <inttypes.h>

#include "cli/cli.h"
#include "record/record.h"

#define DEFAULT_RECORDING "cxlmemsim.cxlt"

int cmd_record(struct cli *c)
{
	struct cli_rec rec;
	struct cxms_record_result res = {0};
	const char *path = c->opt.output ? c->opt.output : DEFAULT_RECORDING;
	int status = CLI_TOOL;
	if (cli_rec_open(c, &rec, path) < 0) {
		cli_fail(c, CLI_TOOL);
		goto out;
	}
	if (cli_rec_run(c, &rec, &res, &status) < 0)
		goto out;
	if (cli_rec_commit(c, &rec) < 0) {
		status = cli_fail(c, CLI_TOOL);
		goto out;
	}
	cli_warnings(c, &c->warnings);
	cxms_log(&c->log, CXMS_LOG_NORMAL, "'%s': %" PRIu64 " samples, %" PRIu64 " lost", path,
		 res.totals.samples, res.totals.lost_samples);
out:
	cli_rec_fini(&rec);
	return status;
}

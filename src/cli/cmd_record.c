#include <errno.h>
#include <inttypes.h>

#include "base/fmt.h"
#include "cli/cli.h"
#include "record/record.h"

#define DEFAULT_RECORDING "cxlmemsim.cxlt"

/* One at most: it is simulated while the program runs. */
static int load_topology(struct cli *c, struct cli_eval *eval)
{
	if (c->opt.topology.n == 0)
		return 0;
	if (c->opt.topology.n == 1)
		return cli_eval_load(c, eval);
	cli_usage(c, "record takes one '--topology', got %zu; give them to replay",
		  c->opt.topology.n);
	return -EINVAL;
}

int cmd_record(struct cli *c)
{
	char size[CXMS_FMT_MAX];
	struct cli_rec rec = {.fd = -1};
	struct cli_eval eval = {0};
	struct cxms_record_result res = {0};
	const char *path = c->opt.output ? c->opt.output : DEFAULT_RECORDING;
	int status = CLI_TOOL;
	if (load_topology(c, &eval) < 0)
		goto out;
	if (cli_rec_open(c, &rec, path, eval.topo, eval.n_topo) < 0) {
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
	if (res.source->caps & CXMS_SRC_MEM)
		cxms_log(&c->log, CXMS_LOG_NORMAL, "'%s': %" PRIu64 " accesses, %" PRIu64 " lost",
			 path, res.totals.mem_samples, res.totals.lost_mem);
	if (!(res.source->caps & CXMS_SRC_EXACT))
		cxms_log(&c->log, CXMS_LOG_NORMAL, "'%s': %" PRIu64 " samples, %" PRIu64 " lost",
			 path, res.totals.samples, res.totals.lost_samples);
	else
		cxms_log(&c->log, CXMS_LOG_NORMAL, "'%s': %s in %" PRIu64 " packets", path,
			 cxms_fmt_bytes(size, res.written_bytes), res.packets);
out:
	cli_eval_fini(&eval);
	cli_rec_fini(&rec);
	return status;
}

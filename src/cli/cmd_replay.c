#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"

static int check_operands(struct cli *c)
{
	if (c->opt.host.n && c->argc)
		return cli_usage(c, "'--host' takes the place of a recording, got '%.*s' as well",
				 cxms_quote_len(c->argv[0]), c->argv[0]);
	if (c->opt.host.n || c->argc == 1)
		return CLI_OK;
	if (c->argc)
		return cli_usage(c,
				 "replay takes one recording, got %d; give several as hosts on one "
				 "fabric, each with --host NAME=RECORDING",
				 c->argc);
	return cli_usage(c, "no recording to replay; give one, as cxlmemsim record makes it");
}

int cmd_replay(struct cli *c)
{
	struct cli_eval eval = {0};
	struct cli_play play = {0};
	struct cxms_buf text = {0};
	bool self_check = false;
	int status = check_operands(c), rc;
	if (status != CLI_OK)
		return status;
	status = CLI_USAGE;
	rc = cli_play_load(c, &play);
	if (rc == 0)
		rc = cli_out_inputs(c, play.path, play.n);
	if (rc < 0) {
		cli_fail(c, CLI_USAGE);
		goto out;
	}
	if (cli_eval_load(c, &eval) < 0)
		goto out;
	rc = cli_play_open(c, &play);
	if (rc == 0)
		rc = cli_eval_run(c, &eval, play.host, play.n, &text, &self_check);
	if (rc < 0) {
		status = cli_fail(c, cli_status_of(rc));
		goto out;
	}
	status = cli_out_done(c, &text);
	if (status == CLI_OK && self_check)
		status = CLI_SELF_CHECK;
out:
	cxms_buf_fini(&text);
	cli_play_fini(&play);
	cli_eval_fini(&eval);
	return status;
}

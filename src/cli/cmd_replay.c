#include "base/buf.h"
#include "cli/cli.h"
#include "trace/trace.h"

static int check_output(struct cli *c, const char *recording)
{
	const struct cli_opts *o = &c->opt;
	if (!o->output)
		return 0;
	int rc = cli_out_check(c, "--output", o->output);
	if (rc == 0)
		rc = cli_out_distinct(c, o->output, recording);
	for (size_t i = 0; rc == 0 && i < o->topology.n; i++)
		rc = cli_out_distinct(c, o->output, o->topology.v[i]);
	return rc;
}

int cmd_replay(struct cli *c)
{
	struct cli_eval eval = {0};
	struct cxms_trace_reader *reader = NULL;
	struct cxms_buf text = {0};
	bool self_check = false;
	int status = CLI_USAGE, rc;
	if (c->argc != 1)
		return cli_usage(c,
				 c->argc ? "replay takes one recording, got %d"
					 : "no recording to replay; give one, as cxlmemsim record "
					   "makes it",
				 c->argc);
	if (check_output(c, c->argv[0]) < 0)
		return cli_fail(c, CLI_USAGE);
	if (cli_eval_load(c, &eval) < 0)
		goto out;
	rc = cxms_trace_reader_open(c->argv[0], &reader, &c->err);
	if (rc == 0)
		rc = cli_eval_run(c, &eval, reader, &text, &self_check);
	if (rc < 0) {
		status = cli_fail(c, cli_status_of(rc));
		goto out;
	}
	status = cli_out_done(c, &text);
	if (status == CLI_OK && self_check)
		status = CLI_SELF_CHECK;
out:
	cxms_buf_fini(&text);
	cxms_trace_reader_close(reader);
	cli_eval_fini(&eval);
	return status;
}

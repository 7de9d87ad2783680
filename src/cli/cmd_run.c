#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "record/record.h"
#include "sim/replay.h"
#include "sim/xreplay.h"
#include "trace/trace.h"

static int check_outputs(struct cli *c)
{
	const struct cli_opts *o = &c->opt;
	int rc = 0;
	if (o->format != CLI_TEXT && !o->output && !o->to_stdout)
		return cxms_fail(
			&c->err, EINVAL,
			"a report in this format would mix with the program's output; give "
			"--output FILE, or --stdout");
	if (o->output && o->to_stdout)
		return cxms_fail(&c->err, EINVAL, "'--output' and '--stdout' exclude each other");
	if (o->output)
		rc = cli_out_check(c, "--output", o->output);
	if (rc == 0)
		rc = cli_out_topologies(c, o->output);
	if (rc == 0)
		rc = cli_out_topologies(c, o->save);
	if (rc == 0 && c->argc > 0)
		rc = cli_out_distinct(c, o->output, c->argv[0]);
	if (rc == 0)
		rc = cli_out_distinct(c, o->output, o->pcm);
	if (rc == 0)
		rc = cli_out_apart(c, o->output, o->save);
	return rc;
}

/* The recording must be read back: a pipe or a device cannot be. */
static int check_save(struct cli *c)
{
	struct stat st;
	if (c->opt.save && stat(c->opt.save, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode))
		return cxms_fail(&c->err, EINVAL, "'--save %s' is no regular file; name one",
				 c->opt.save);
	return 0;
}

static int replay(struct cli *c, const struct cli_eval *eval, const struct cli_rec *rec,
		  struct cxms_buf *text, bool *self_check)
{
	struct cxms_host_trace only = {0};
	int rc = cxms_trace_reader_open_fd(rec->fd, rec->path ? rec->path : "the recording",
					   &only.reader, &c->err);
	if (rc == 0)
		rc = cli_eval_run(c, eval, &only, 1, text, self_check);
	cxms_trace_reader_close(only.reader);
	return rc;
}

/* The program ran: whatever fails from here on, its status is told. */
static int judge(struct cli *c, const struct cli_eval *eval, struct cli_rec *rec, int status)
{
	struct cxms_buf text = {0};
	bool self_check = false;
	int rc = replay(c, eval, rec, &text, &self_check);
	int saved = cli_rec_commit(c, rec);
	if (rc == 0)
		rc = cli_out_put(c, &text, c->opt.to_stdout ? stdout : stderr);
	if (rc < 0 || saved < 0) {
		cli_fail(c, CLI_TOOL);
		cli_warnings(c, &c->warnings); /* no report holds them, and one may be the reason */
		cxms_log(&c->log, CXMS_LOG_NORMAL, "the program ended with status %d", status);
		status = CLI_TOOL;
	} else if (self_check) {
		status = CLI_TOOL;
	}
	cxms_buf_fini(&text);
	return status;
}

int cmd_run(struct cli *c)
{
	struct cli_eval eval = {0};
	struct cli_rec rec = {.fd = -1};
	struct cxms_record_result res = {0};
	int status = CLI_TOOL;
	if (check_outputs(c) < 0 || check_save(c) < 0) {
		cli_fail(c, CLI_TOOL);
		goto out;
	}
	if (cli_eval_load(c, &eval) < 0)
		goto out;
	if (cli_rec_open(c, &rec, c->opt.save, eval.topo, eval.n_topo) < 0) {
		cli_fail(c, CLI_TOOL);
		goto out;
	}
	if (rec.live && cxms_xearly_new(&eval.cfg, &rec.early, &c->err) < 0) {
		cli_fail(c, CLI_TOOL);
		goto out;
	}
	eval.cfg.early = rec.early;
	if (cli_rec_run(c, &rec, &res, &status) == 0)
		status = judge(c, &eval, &rec, status);
out:
	cxms_xearly_free(eval.cfg.early);
	cli_rec_fini(&rec);
	cli_eval_fini(&eval);
	return status;
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/sys.h"
#include "cli/cli.h"
#include "sim/calibrate.h"
#include "source/calib_run.h"
#include "source/calib_store.h"
#include "source/machine.h"

#define TABLE_MAX (16u << 20)

/* The table as text: measured now, or before. */
static int get_table(struct cli *c, struct cxms_buf *csv)
{
	if (c->opt.measured)
		return cxms_file_read(c->opt.measured, TABLE_MAX, csv, &c->err);
	int slow = c->opt.slow_node ? (int)strtol(c->opt.slow_node, NULL, 10) : -1;
	int rc = cxms_calib_measure(slow, &c->log, csv, &c->err);
	if (!rc && csv->failed)
		rc = cxms_fail(&c->err, ENOMEM, "out of memory for the table");
	return rc;
}

static int fit(struct cli *c, struct cxms_buf *csv, struct cxms_predictor *out,
	       struct cxms_buf *report)
{
	struct cxms_calib *table = calloc(1, sizeof(*table));
	if (!table)
		return cxms_fail(&c->err, ENOMEM, "out of memory for the kernels");
	int rc = cxms_calib_parse(cxms_buf_text(csv), table, &c->err);
	if (!rc)
		rc = cxms_calib_fit(table, out, &c->err);
	if (rc && c->opt.measured)
		cxms_err_prefix(&c->err, "'%s'", c->opt.measured);
	if (!rc)
		cxms_calib_print(table, out, report);
	free(table);
	return rc;
}

static int store(struct cli *c, const struct cxms_predictor *p)
{
	struct cxms_facts facts = {0};
	char path[4096];
	cxms_machine_identify(&facts);
	facts.predictor = *p;
	int rc = cxms_calib_save(&facts, &c->err);
	if (!rc && !cxms_calib_path(&facts, path, sizeof(path)))
		cxms_log(&c->log, CXMS_LOG_NORMAL, "kept in '%s'", path);
	return rc;
}

static bool is_number(const char *word)
{
	return *word && strspn(word, "0123456789") == strlen(word) && strlen(word) < 5;
}

int cmd_calibrate(struct cli *c)
{
	struct cxms_buf csv = {0}, report = {0};
	struct cxms_predictor predictor;
	if (c->argc > 0)
		return cli_usage(c, "calibrate takes no words, got '%s'", c->argv[0]);
	if (c->opt.slow_node && !is_number(c->opt.slow_node))
		return cli_usage(c, "'--slow-node' wants the number of a NUMA node, got '%s'",
				 c->opt.slow_node);
	if (c->opt.slow_node && c->opt.measured)
		return cli_usage(c, "'--slow-node' is for measuring; leave it out with "
				    "'--measured'");
	int rc = c->opt.output ? cli_out_check(c, "--output", c->opt.output) : 0;
	if (!rc)
		rc = get_table(c, &csv);
	if (!rc && c->opt.output)
		rc = cli_out_put(c, &csv, stdout);
	if (!rc)
		rc = fit(c, &csv, &predictor, &report);
	if (!rc)
		rc = store(c, &predictor);
	if (!rc)
		fputs(cxms_buf_text(&report), stdout);
	cxms_buf_fini(&csv);
	cxms_buf_fini(&report);
	return rc ? cli_fail(c, cli_status_of(rc)) : CLI_OK;
}

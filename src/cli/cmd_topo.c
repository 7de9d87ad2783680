#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"
#include "topo/draw.h"
#include "topo/preset.h"
#include "topo/topo.h"

static int check(struct cli *c, int n, char **path)
{
	int status = CLI_OK;
	for (int i = 0; i < n; i++) {
		struct cxms_topo *t = NULL;
		int rc = cxms_topo_load(path[i], &t, &c->err);
		if (rc < 0)
			status = cli_fail_topology(c, path[i]);
		else if (cli_check_policy(c, t) < 0)
			status = cli_fail(c, CLI_USAGE);
		else if (!c->opt.quiet)
			printf("%s: ok, %zu device%s, %zu of them memory\n", path[i], t->n_dev,
			       t->n_dev == 1 ? "" : "s", t->n_memdev);
		cxms_topo_free(t);
	}
	return status;
}

/* The row of --load that is asked for; NULL without one. */
static int read_load(struct cli *c, const struct cxms_topo *t, struct cxms_draw_load **load)
{
	double split_pct = NAN;
	if (c->opt.split && !c->opt.load)
		return cxms_fail(&c->err, EINVAL,
				 "'--split' chooses a row of '--load'; give that too");
	if (c->opt.split && !cli_parse_pct(c->opt.split, &split_pct))
		return cxms_fail(&c->err, EINVAL,
				 "'--split' must be a per cent local, 0 .. 100, got '%.*s'",
				 cxms_quote_len(c->opt.split), c->opt.split);
	return c->opt.load ? cxms_draw_load_read(t, c->opt.load, split_pct, load, &c->err) : 0;
}

static int draw(struct cli *c, const struct cxms_topo *t, struct cxms_buf *text)
{
	struct cxms_draw_load *load = NULL;
	int rc = read_load(c, t, &load);
	if (rc == 0)
		cxms_topo_draw(t, load, (enum cxms_draw_format)c->opt.format, text);
	free(load);
	return rc;
}

static int show_or_draw(struct cli *c, bool drawn, const char *path)
{
	struct cxms_topo *t = NULL;
	struct cxms_buf text = {0};
	int rc = 0, status;
	if (c->opt.output)
		rc = cli_out_check(c, "--output", c->opt.output);
	if (rc == 0)
		rc = cli_out_distinct(c, c->opt.output, path);
	if (rc == 0 && c->opt.load)
		rc = cli_out_distinct(c, c->opt.output, c->opt.load);
	if (rc < 0)
		return cli_fail(c, CLI_USAGE);
	rc = cxms_topo_load(path, &t, &c->err);
	if (rc < 0)
		return cli_fail_topology(c, path);
	if (drawn)
		rc = draw(c, t, &text);
	else
		cxms_topo_show(t, &text);
	status = rc < 0 ? cli_fail(c, cli_status_of(rc)) : cli_out_done(c, &text);
	cxms_buf_fini(&text);
	cxms_topo_free(t);
	return status;
}

static int preset(struct cli *c, const char *name)
{
	struct cxms_buf text = {0};
	int rc = c->opt.output ? cli_out_check(c, "--output", c->opt.output) : 0;
	if (rc == 0)
		rc = cxms_preset_text(name, &text, &c->err);
	int status = rc < 0 ? cli_fail(c, CLI_USAGE) : cli_out_done(c, &text);
	cxms_buf_fini(&text);
	return status;
}

int cmd_topo(struct cli *c)
{
	static const char *const words[] = {"check", "show", "draw", "preset", NULL};
	char mean[CXMS_NEAR_MEAN_MAX];
	if (c->argc == 0)
		return cli_usage(c, "what to do is missing; one of check, show, draw, preset");
	const char *word = c->argv[0];
	if (strcmp(word, "check") != 0 && strcmp(word, "show") != 0 && strcmp(word, "draw") != 0 &&
	    strcmp(word, "preset") != 0)
		return cli_usage(c,
				 "unknown word '%.*s' after topo%s; one of check, show, draw, "
				 "preset",
				 cxms_quote_len(word), word,
				 cxms_near_mean(mean, "", cxms_near_word(word, words)));
	if (c->argc == 1)
		return word[0] == 'p'
			       ? cli_usage(c, "no preset named; see 'cxlmemsim list presets'")
			       : cli_usage(c, "no topology file; give one after 'topo %s'", word);
	if (word[0] != 'd' && (c->opt.load || c->opt.split))
		return cli_usage(c, "'topo %s' draws no loads; use --load with 'topo draw'", word);
	if (word[0] == 'c')
		return c->opt.output || c->opt.format
			       ? cli_usage(c, "'topo check' writes nothing; leave --output and "
					      "--format out")
			       : check(c, c->argc - 1, c->argv + 1);
	if (c->argc > 2)
		return cli_usage(c, "'topo %s' takes one operand, got %d", word, c->argc - 1);
	if (word[0] != 'd' && c->opt.format)
		return cli_usage(c, "'topo %s' writes YAML only; use --format with 'topo draw'",
				 word);
	if (word[0] == 'p')
		return preset(c, c->argv[1]);
	return show_or_draw(c, word[0] == 'd', c->argv[1]);
}

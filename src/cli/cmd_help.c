#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"

int cmd_help(struct cli *c)
{
	struct cxms_buf out = {0};
	struct cxms_near near;
	char mean[CXMS_NEAR_MEAN_MAX];
	if (c->argc > 1)
		return cli_usage(c, "help takes one verb, got %d words", c->argc);
	if (c->argc == 0) {
		cli_help_all(&out);
	} else if (cli_verb_find(c->argv[0])) {
		cli_help_verb(cli_verb_find(c->argv[0]), &out);
	} else {
		cxms_near_init(&near, c->argv[0]);
		for (size_t i = 0; i < cli_verb_count(); i++)
			cxms_near_try(&near, cli_verb_at(i)->name);
		return cli_usage(c, "unknown verb '%.*s'%s; see 'cxlmemsim help'",
				 cxms_quote_len(c->argv[0]), c->argv[0],
				 cxms_near_mean(mean, "", near.best));
	}
	int status = cli_out_done(c, &out);
	cxms_buf_fini(&out);
	return status;
}

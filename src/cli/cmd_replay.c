#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"
#include "sim/replay.h"
#include "trace/trace.h"

#define MAX_HOSTS     64
#define MAX_HOST_NAME 64

/* What is replayed: one recording, or one for each --host. */
struct play {
	size_t n;
	struct cxms_host_trace *host;
	const char **path; /* borrowed from argv */
	char **name;	   /* owned; NULL for one recording */
};

static void play_fini(struct play *p)
{
	for (size_t i = 0; i < p->n; i++) {
		cxms_trace_reader_close(p->host[i].reader);
		free(p->name[i]);
	}
	free(p->host);
	free(p->path);
	free(p->name);
}

static bool is_host_name(const char *s, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.:-";
	return n > 0 && n <= MAX_HOST_NAME && strspn(s, letters) >= n && *s != '.' && *s != '-';
}

static int add_host(struct cli *c, struct play *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : 0;
	if (!equals || !equals[1] || !is_host_name(word, n))
		return cxms_fail(&c->err, EINVAL,
				 "'--host' must be NAME=FILE, a name of 1 to %d letters, digits, "
				 "'_', '.', ':' or '-', got '%.*s'",
				 MAX_HOST_NAME, cxms_quote_len(word), word);
	p->name[p->n] = strndup(word, n);
	if (!p->name[p->n])
		return cxms_fail_sys(&c->err, ENOMEM, "cannot keep the hosts");
	p->host[p->n].name = p->name[p->n];
	p->path[p->n++] = equals + 1;
	return 0;
}

static int load_play(struct cli *c, struct play *p)
{
	size_t n = c->opt.host.n;
	int rc = 0;
	if (n > MAX_HOSTS)
		return cxms_fail(&c->err, EINVAL, "%zu hosts are too many; give at most %d", n,
				 MAX_HOSTS);
	p->host = calloc(n + 1, sizeof(*p->host));
	p->path = calloc(n + 1, sizeof(*p->path));
	p->name = calloc(n + 1, sizeof(*p->name));
	if (!p->host || !p->path || !p->name)
		return cxms_fail_sys(&c->err, ENOMEM, "cannot keep the hosts");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_host(c, p, c->opt.host.v[i]);
	if (n == 0)
		p->path[p->n++] = c->argv[0];
	return rc;
}

static int check_operands(struct cli *c)
{
	if (c->opt.host.n && c->argc)
		return cli_usage(c, "'--host' takes the place of a recording, got '%.*s' as well",
				 cxms_quote_len(c->argv[0]), c->argv[0]);
	if (c->opt.host.n || c->argc == 1)
		return CLI_OK;
	if (c->argc)
		return cli_usage(c, "replay takes one recording, got %d", c->argc);
	return cli_usage(c, "no recording to replay; give one, as cxlmemsim record makes it");
}

int cmd_replay(struct cli *c)
{
	struct cli_eval eval = {0};
	struct play play = {0};
	struct cxms_buf text = {0};
	bool self_check = false;
	int status = check_operands(c), rc;
	if (status != CLI_OK)
		return status;
	status = CLI_USAGE;
	rc = load_play(c, &play);
	if (rc == 0)
		rc = cli_out_inputs(c, play.path, play.n);
	if (rc < 0) {
		cli_fail(c, CLI_USAGE);
		goto out;
	}
	if (cli_eval_load(c, &eval) < 0)
		goto out;
	for (size_t i = 0; i < play.n && rc == 0; i++)
		rc = cxms_trace_reader_open(play.path[i], &play.host[i].reader, &c->err);
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
	play_fini(&play);
	cli_eval_fini(&eval);
	return status;
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "cli/cli.h"
#include "sim/replay.h"
#include "trace/trace.h"

#define MAX_HOSTS     64
#define MAX_HOST_NAME 64

void cli_play_fini(struct cli_play *p)
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

static int add_host(struct cli *c, struct cli_play *p, const char *word)
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

int cli_play_load(struct cli *c, struct cli_play *p)
{
	size_t n = c->opt.host.n;
	int rc = 0;
	if (n > MAX_HOSTS)
		return cxms_fail(&c->err, EINVAL, "%zu hosts are too many; give at most %d", n,
				 MAX_HOSTS);
	size_t room = n ? n : (size_t)c->argc;
	p->host = calloc(room + 1, sizeof(*p->host));
	p->path = calloc(room + 1, sizeof(*p->path));
	p->name = calloc(room + 1, sizeof(*p->name));
	if (!p->host || !p->path || !p->name)
		return cxms_fail_sys(&c->err, ENOMEM, "cannot keep the hosts");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_host(c, p, c->opt.host.v[i]);
	for (int i = 0; i < c->argc && n == 0; i++)
		p->path[p->n++] = c->argv[i];
	return rc;
}

int cli_play_open(struct cli *c, struct cli_play *p)
{
	int rc = 0;
	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = cxms_trace_reader_open(p->path[i], &p->host[i].reader, &c->err);
	return rc;
}

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "topo/topo.h"

/* "file:12:3: what": positions stand first in the line, where editors look for them. */
static bool has_position(const char *msg)
{
	for (const char *p = strchr(msg, ':'); p; p = strchr(p + 1, ':')) {
		size_t line = strspn(p + 1, "0123456789");
		if (line == 0 || p[1 + line] != ':')
			continue;
		size_t col = strspn(p + 2 + line, "0123456789");
		if (col && strncmp(p + 2 + line + col, ": ", 2) == 0)
			return true;
	}
	return false;
}

int cli_fail(struct cli *c, int status)
{
	const char *msg = c->err.msg;
	cxms_log_progress_end(&c->log);
	fprintf(stderr, has_position(msg) ? "%s\n" : "cxlmemsim: %s\n", msg);
	cxms_err_clear(&c->err);
	return c->verb && c->verb->is_runner ? CLI_TOOL : status;
}

int cli_fail_topology(struct cli *c, const char *path)
{
	char *errors = NULL;
	struct cxms_err ignored = {0};
	int status = cli_status_of(-c->err.code) == CLI_FAILED ? CLI_FAILED : CLI_USAGE;
	/* a failed load keeps only the first errors of the file */
	cxms_topo_check(path, &errors, &ignored);
	if (errors && has_position(errors)) {
		fprintf(stderr, "%s%s", errors, errors[strlen(errors) - 1] == '\n' ? "" : "\n");
		cxms_err_clear(&c->err);
	} else {
		cli_fail(c, status);
	}
	free(errors);
	return status;
}

int cli_usage(struct cli *c, const char *fmt, ...)
{
	char msg[CXMS_ERR_MSG_MAX];
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
		msg[0] = '\0';
	va_end(ap);
	cxms_fail(&c->err, EINVAL, "%s", msg);
	return cli_fail(c, CLI_USAGE);
}

int cli_not_yet(struct cli *c, const char *what)
{
	return cli_usage(c, "'%s' is not available yet", what);
}

int cli_status_of(int rc)
{
	switch (-rc) {
	case EINVAL:
	case EBADMSG:
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EACCES:
	case EISDIR:
	case EFBIG:
	case ENODATA:
	case ERANGE:
	case EDOM:
		return CLI_USAGE;
	case ENOTSUP:
	case ENOSYS:
	case EPERM:
		return CLI_CANNOT;
	default:
		return CLI_FAILED;
	}
}

void cli_warnings(struct cli *c, const struct cxms_warnings *w)
{
	for (size_t i = 0; i < w->n; i++)
		cxms_log(&c->log, CXMS_LOG_NORMAL, "warning: %s", w->list[i].message);
}

void cli_help_verb(const struct cli_verb *v, struct cxms_buf *out)
{
	cxms_buf_printf(out, "usage: %s\n\n%s\n\noptions:\n", v->synopsis, v->summary);
	cxms_opt_help(v->opts, out);
	if (v->examples)
		cxms_buf_printf(out, "\nexamples:\n%s", v->examples);
}

void cli_help_all(struct cxms_buf *out)
{
	cxms_buf_printf(out,
			"usage: cxlmemsim [run] [options] -t FILE -- PROGRAM [ARG...]\n"
			"       cxlmemsim VERB [options] [FILE...]\n\n"
			"How much slower does a program get when part of its memory sits behind "
			"CXL, and why?\n\nverbs:\n");
	for (size_t i = 0; i < cli_verb_count(); i++)
		cxms_buf_printf(out, "  %-9s %s\n", cli_verb_at(i)->name, cli_verb_at(i)->summary);
	cxms_buf_printf(out, "\n'cxlmemsim help VERB' shows the options of a verb; --version the "
			     "version\n");
}

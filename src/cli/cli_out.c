#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/near.h"
#include "base/sys.h"
#include "cli/cli.h"

int cli_out_check(struct cli *c, const char *option, const char *path)
{
	struct stat st;
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (!*path)
		return cxms_fail(&c->err, EINVAL, "'%s' is given an empty name; name a file",
				 option);
	if (strlen(slash ? slash + 1 : path) > NAME_MAX)
		return cxms_fail_sys(&c->err, ENAMETOOLONG, "cannot write '%.*s...'",
				     cxms_quote_len(path), path);
	if (strcmp(path, "-") == 0)
		return cxms_fail(&c->err, EINVAL,
				 "'%s -' is no file; leave the option out or use /dev/stdout",
				 option);
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return cxms_fail(&c->err, EISDIR,
					 "cannot write '%s': it is a directory; name a file", path);
		if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
			return cxms_fail_sys(&c->err, errno, "cannot write '%s'", path);
		if (!S_ISREG(st.st_mode))
			return 0;
	}
	int len = slash ? (int)(slash - path) + 1 : 1;
	if (snprintf(dir, sizeof(dir), "%.*s", len, slash ? path : ".") >= (int)sizeof(dir))
		return cxms_fail_sys(&c->err, ENAMETOOLONG, "cannot write '%s'", path);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
		return cxms_fail_sys(&c->err, errno, "cannot write '%s' in directory '%s'", path,
				     dir);
	return 0;
}

int cli_out_distinct(struct cli *c, const char *path, const char *input)
{
	struct stat a, b;
	if (!path || !input || stat(path, &a) < 0 || stat(input, &b) < 0)
		return 0;
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino || !S_ISREG(a.st_mode))
		return 0;
	return cxms_fail(&c->err, EINVAL,
			 "'%s' would be overwritten, but it is also an input; choose another name",
			 path);
}

/* The folder a file is to be in; "" = not to be told. */
static void folder_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	if (slash && (size_t)(slash - path) + 2 <= sizeof(folder))
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	if (!realpath(folder, out))
		out[0] = '\0';
}

int cli_out_apart(struct cli *c, const char *path, const char *other)
{
	char a[PATH_MAX], b[PATH_MAX];
	if (!path || !other)
		return 0;
	const char *name = strrchr(path, '/'), *its = strrchr(other, '/');
	folder_of(path, a);
	folder_of(other, b);
	if (strcmp(name ? name + 1 : path, its ? its + 1 : other) == 0 && a[0] && !strcmp(a, b))
		return cxms_fail(&c->err, EINVAL,
				 "'%s' would be written twice; choose another name for one", path);
	return cli_out_distinct(c, path, other);
}

int cli_out_topologies(struct cli *c, const char *path)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < c->opt.topology.n; i++)
		rc = cli_out_distinct(c, path, c->opt.topology.v[i]);
	return rc;
}

int cli_out_inputs(struct cli *c, const char *const *recording, size_t n)
{
	const struct cli_opts *o = &c->opt;
	if (!o->output)
		return 0;
	int rc = cli_out_check(c, "--output", o->output);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = cli_out_distinct(c, o->output, recording[i]);
	return rc ? rc : cli_out_topologies(c, o->output);
}

int cli_out_put(struct cli *c, struct cxms_buf *text, FILE *fp)
{
	struct cxms_outfile f = {0};
	if (text->failed)
		return cxms_fail_sys(&c->err, ENOMEM, "cannot build the output");
	if (c->opt.output) {
		int rc = cxms_outfile_open(&f, c->opt.output, &c->err);
		if (rc == 0)
			rc = cxms_outfile_write(&f, text->data, text->len, &c->err);
		if (rc == 0)
			rc = cxms_outfile_commit(&f, &c->err);
		cxms_outfile_abort(&f);
		return rc;
	}
	fflush(stdout);
	cxms_log_progress_end(&c->log);
	errno = 0;
	if (fwrite(text->data, 1, text->len, fp) != text->len || fflush(fp) != 0)
		return cxms_fail_sys(&c->err, errno ? errno : EIO, "cannot write standard %s",
				     fp == stdout ? "output" : "error");
	return 0;
}

int cli_out_done(struct cli *c, struct cxms_buf *text)
{
	return cli_out_put(c, text, stdout) < 0 ? cli_fail(c, CLI_FAILED) : CLI_OK;
}

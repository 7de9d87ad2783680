#include "source/exact_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

#define LOG_MAX (1u << 20) /* bytes of one log that are looked at */

/* Valgrind keeps there what /proc says of the program, and its log. 0 or an errno value */
static int try_write(const char *dir)
{
	static const char page[4096];
	char path[PATH_MAX + 8];
	int fd, errnum = 0;

	snprintf(path, sizeof(path), "%s/try", dir);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	errno = 0;
	if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
		errnum = errno ? errno : ENOSPC;
	if (close(fd) < 0 && !errnum)
		errnum = errno;
	unlink(path);
	return errnum;
}

int cxms_exact_log_open(struct cxms_exact_log *l, struct cxms_err *err)
{
	const char *tmp = getenv("TMPDIR");
	char dir[PATH_MAX];
	int n = snprintf(dir, sizeof(dir), "%s/cxlmemsim-exact.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	int errnum = n < (int)sizeof(dir) ? 0 : ENAMETOOLONG;

	/* absolute: the program may go elsewhere before it executes another */
	if (!errnum && (!mkdtemp(dir) || !realpath(dir, l->dir)))
		errnum = errno;
	else if (!errnum && (errnum = try_write(l->dir)))
		rmdir(l->dir);
	if (!errnum)
		return 0;
	l->dir[0] = '\0';
	/* ENOENT and the like would be the program's */
	return cxms_fail(
		err, ENOTSUP,
		"cannot make a folder in '%s' for Valgrind's log: %s; set TMPDIR to one that "
		"can be written",
		tmp && *tmp ? tmp : "/tmp", strerrordesc_np(errnum));
}

/* Lines begin with "==123== ", "--123-- " or "**123** ". */
static const char *without_mark(const char *line)
{
	size_t digits;

	if (!line[0] || line[1] != line[0] || !strchr("=-*", line[0]))
		return line;
	digits = strspn(line + 2, "0123456789");
	if (digits == 0 || line[2 + digits] != line[0] || line[3 + digits] != line[0])
		return line;
	line += 4 + digits;
	return *line == ' ' ? line + 1 : line;
}

static void read_file(const struct cxms_exact_log *l, const char *name, struct cxms_buf *out)
{
	char path[PATH_MAX + NAME_MAX + 2];
	struct cxms_buf text = {0};
	char *rest = NULL;

	snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	if (cxms_file_read(path, LOG_MAX, &text, NULL) == 0 && *cxms_buf_text(&text)) {
		for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest))
			if (*without_mark(line))
				cxms_buf_printf(out, "%s\n", without_mark(line));
	}
	cxms_buf_fini(&text);
}

void cxms_exact_log_read(const struct cxms_exact_log *l, pid_t pid, struct cxms_buf *out)
{
	char name[32];

	snprintf(name, sizeof(name), "log.%ld", (long)pid);
	read_file(l, name, out);
}

/* @fn for each log. */
static void each_log(const struct cxms_exact_log *l,
		     void (*fn)(const struct cxms_exact_log *l, const char *name, void *arg),
		     void *arg)
{
	DIR *dir = l->dir[0] ? opendir(l->dir) : NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			fn(l, e->d_name, arg);
	if (dir)
		closedir(dir);
}

struct search {
	const char *text;
	struct cxms_buf *rest;
	bool found;
};

static void search_log(const struct cxms_exact_log *l, const char *name, void *arg)
{
	struct search *s = arg;
	struct cxms_buf text = {0};
	const char *at;

	read_file(l, name, &text);
	at = s->found ? NULL : strstr(cxms_buf_text(&text), s->text);
	if (at) {
		at += strlen(s->text);
		cxms_buf_printf(s->rest, "%.*s", (int)strcspn(at, "\n"), at);
		s->found = true;
	}
	cxms_buf_fini(&text);
}

bool cxms_exact_log_find(const struct cxms_exact_log *l, const char *text, struct cxms_buf *rest)
{
	struct search s = {.text = text, .rest = rest};

	each_log(l, search_log, &s);
	return s.found;
}

static void remove_log(const struct cxms_exact_log *l, const char *name, void *arg)
{
	char path[PATH_MAX + NAME_MAX + 2];

	(void)arg;
	snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	unlink(path);
}

void cxms_exact_log_close(struct cxms_exact_log *l)
{
	if (!l->dir[0])
		return;
	each_log(l, remove_log, NULL);
	rmdir(l->dir);
	l->dir[0] = '\0';
}

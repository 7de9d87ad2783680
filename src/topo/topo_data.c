#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "topo/topo_priv.h"

/* An installed program stands in bin/, its data in share/. */
static bool is_installed(char room[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", room, PATH_MAX - 1);
	room[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(room, '/');
	size_t left = slash ? (size_t)(room + PATH_MAX - slash) : 0;
	struct stat st;
	return slash && snprintf(slash, left, "/../share/cxlmemsim") < (int)left &&
	       stat(room, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *topo_data_dir(char room[PATH_MAX])
{
	const char *dir = getenv("CXMS_DATA_DIR");
	if (dir && *dir)
		return dir;
	return is_installed(room) ? room : CXMS_DATA_DIR;
}

bool topo_is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int topo_data_read(const char *path, size_t max, struct cxms_buf *out, struct cxms_err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return cxms_fail_sys(err, errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return cxms_fail(err, EINVAL, "'%s' is no regular file", path);
	return cxms_file_read(path, max, out, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void topo_names_free(struct topo_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct topo_names){0};
}

/* @file without @suffix, when it has it and is a name. */
static int add_name(struct topo_names *names, const char *file, const char *suffix)
{
	size_t len = strlen(file), tail = strlen(suffix);
	void *list = names->name;
	if (len <= tail || strcmp(file + len - tail, suffix) != 0)
		return 0;
	char *name = strndup(file, len - tail);
	if (!name || cxms_array_grow(&list, &names->cap, names->n + 1, sizeof(*names->name)) < 0) {
		free(name);
		return -ENOMEM;
	}
	names->name = list;
	if (topo_is_ident(name))
		names->name[names->n++] = name;
	else
		free(name);
	return 0;
}

int topo_data_names(const char *folder, const char *suffix, struct topo_names *out)
{
	char *path = NULL, room[PATH_MAX];
	if (asprintf(&path, "%s/%s", topo_data_dir(room), folder) < 0)
		return -ENOMEM;
	DIR *dir = opendir(path);
	int rc = dir ? 0 : -errno;
	free(path);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e && rc == 0; e = readdir(dir))
		rc = add_name(out, e->d_name, suffix);
	if (dir)
		closedir(dir);
	if (rc == 0 && out->n)
		qsort(out->name, out->n, sizeof(*out->name), by_text);
	return rc;
}

void topo_data_join(const struct topo_names *names, struct cxms_buf *out)
{
	for (size_t i = 0; i < names->n; i++)
		cxms_buf_printf(out, "%s%s", i ? ", " : "", names->name[i]);
	if (names->n == 0)
		cxms_buf_printf(out, "none; is CXMS_DATA_DIR right?");
}

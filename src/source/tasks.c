#include "source/tasks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/sys.h"

#define STAT_MAX 4096

/* The state is the letter behind the name, which may itself hold parentheses. */
static bool runs(pid_t pid, const char *tid)
{
	char path[NAME_MAX + 64];
	struct cxms_buf text = {0};
	const char *name_end = NULL;
	bool is_running;

	snprintf(path, sizeof(path), "/proc/%ld/task/%s/stat", (long)pid, tid);
	if (cxms_file_read(path, STAT_MAX, &text, NULL) == 0)
		name_end = strrchr(cxms_buf_text(&text), ')');
	is_running = name_end && (name_end[2] == 'R' || name_end[2] == 'D');
	cxms_buf_fini(&text);
	return is_running;
}

bool cxms_tasks_run(pid_t pid)
{
	char path[64];
	bool any = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	dir = opendir(path);
	for (struct dirent *e; dir && !any && (e = readdir(dir));)
		any = e->d_name[0] != '.' && runs(pid, e->d_name);
	if (dir)
		closedir(dir);
	return any;
}

#include "source/tasks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/sys.h"
#include "source/ptrace_task.h"

#define STAT_MAX 4096

static bool runs(pid_t pid, const char *tid)
{
	char path[NAME_MAX + 64];
	struct cxms_buf text = {0};
	struct cxms_pt_stat stat = {0};
	bool is_running;

	snprintf(path, sizeof(path), "/proc/%ld/task/%s/stat", (long)pid, tid);
	is_running = cxms_file_read(path, STAT_MAX, &text, NULL) == 0 &&
		     cxms_pt_parse_stat(cxms_buf_text(&text), text.len, &stat) &&
		     (stat.state == 'R' || stat.state == 'D');
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

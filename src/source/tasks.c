#include "source/tasks.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/sys.h"
#include "source/ptrace_task.h"

#define STAT_MAX	4096
#define GENERATIONS_MAX 1000

/* proc(5); 0 = it cannot be read */
static char state_of(const char *path)
{
	struct cxms_buf text = {0};
	struct cxms_pt_stat stat = {0};

	if (cxms_file_read(path, STAT_MAX, &text, NULL) ||
	    !cxms_pt_parse_stat(cxms_buf_text(&text), text.len, &stat))
		stat.state = 0;
	cxms_buf_fini(&text);
	return stat.state;
}

static bool runs(pid_t pid, const char *tid)
{
	char path[NAME_MAX + 64], state;

	snprintf(path, sizeof(path), "/proc/%ld/task/%s/stat", (long)pid, tid);
	state = state_of(path);
	return state == 'R' || state == 'D';
}

bool cxms_process_lives(pid_t pid)
{
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	state = state_of(path);
	return state && state != 'Z' && state != 'X';
}

/* proc(5): the fourth field, behind the name; 0 = it cannot be read */
static pid_t parent_of(pid_t pid)
{
	struct cxms_buf text = {0};
	char path[64];
	long parent = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (cxms_file_read(path, STAT_MAX, &text, NULL) == 0) {
		const char *name_end = strrchr(cxms_buf_text(&text), ')');

		if (!name_end || sscanf(name_end, ") %*c %ld", &parent) != 1)
			parent = 0;
	}
	cxms_buf_fini(&text);
	return (pid_t)parent;
}

bool cxms_process_descends(pid_t pid, pid_t from)
{
	for (int i = 0; i < GENERATIONS_MAX && pid > 0; i++) {
		pid = parent_of(pid);
		if (pid == from)
			return true;
	}
	return false;
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

bool cxms_task_ready_ns(uint32_t pid, uint32_t tid, uint64_t *out)
{
	struct cxms_buf text = {0};
	char path[96];
	uint64_t run_ns;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/schedstat", pid, tid);
	ok = !cxms_file_read(path, STAT_MAX, &text, NULL) &&
	     sscanf(cxms_buf_text(&text), "%" SCNu64 " %" SCNu64, &run_ns, out) == 2;
	cxms_buf_fini(&text);
	return ok;
}

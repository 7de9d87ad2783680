#include "source/perf_open.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "source/perf_attr.h"
#include "source/perf_dry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PARANOID_FILE "/proc/sys/kernel/perf_event_paranoid"
/* Highest levels at which a process without privileges may sample its own children in user space,
 * look into the kernel, and count whoever runs on a CPU (Linux, admin-guide/sysctl/kernel.rst). */
#define PARANOID_OWN	2
#define PARANOID_KERNEL 1
#define PARANOID_CPU	0

static void dump_attr(const struct perf_event_attr *attr)
{
	const char *path = getenv("CXMS_PERF_ATTR_DUMP");
	struct cxms_buf text = {0};
	FILE *fp = path && *path ? fopen(path, "ae") : NULL;

	if (!fp)
		return;
	cxms_perf_attr_print(attr, &text);
	fputs(cxms_buf_text(&text), fp);
	cxms_buf_fini(&text);
	fclose(fp);
}

/* The level, or -2 when unknown: it may be negative, so the reader of unsigned numbers does not
 * serve. */
static long paranoid_level(void)
{
	struct cxms_buf text = {0};
	long level = -2;

	if (!cxms_sys_read(PARANOID_FILE, 64, &text, NULL))
		level = strtol(cxms_buf_text(&text), NULL, 10);
	cxms_buf_fini(&text);
	return level;
}

static long usable_level(const struct perf_event_attr *attr, pid_t pid)
{
	if (pid == -1)
		return PARANOID_CPU;
	return attr->exclude_kernel ? PARANOID_OWN : PARANOID_KERNEL;
}

static int refused(int errnum, long usable, struct cxms_err *err)
{
	long level = paranoid_level();

	if (errnum == ENOSYS)
		return cxms_fail(err, ENOSYS,
				 "this kernel or its seccomp profile has no perf_event_open; use a "
				 "kernel with CONFIG_PERF_EVENTS, or allow perf_event_open in the "
				 "container's profile");
	if (level > usable)
		return cxms_fail(err, errnum,
				 "perf_event_open is refused (kernel.perf_event_paranoid is %ld); "
				 "set it to %ld or lower: sysctl kernel.perf_event_paranoid=%ld%s",
				 level, usable, usable,
				 usable == PARANOID_CPU ? ", or run with CAP_PERFMON" : "");
	return cxms_fail(err, errnum,
			 "perf_event_open is refused by a seccomp profile or security module; "
			 "allow perf_event_open in the container's profile");
}

int cxms_perf_open_in(const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
		      struct cxms_err *err)
{
	int fd;

	dump_attr(attr);
	if (cxms_perf_is_dry())
		fd = cxms_perf_dry_open(attr, pid, paranoid_level());
	else
		fd = (int)syscall(SYS_perf_event_open, attr, pid, cpu, group_fd,
				  PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM || errno == ENOSYS)
		return refused(errno, usable_level(attr, pid), err);
	if (errno == EMFILE || errno == ENFILE)
		return cxms_fail(err, errno,
				 "there is no room for another perf event; raise the "
				 "limit of open files (ulimit -n)");
	return cxms_fail_sys(err, errno, "cannot open perf event %" PRIu64 " on CPU %d",
			     (uint64_t)attr->config, cpu);
}

int cxms_perf_open(const struct perf_event_attr *attr, pid_t pid, int cpu, struct cxms_err *err)
{
	return cxms_perf_open_in(attr, pid, cpu, -1, err);
}

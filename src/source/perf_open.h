/* The one place where perf_event_open(2) is called. */
#ifndef CXMS_SOURCE_PERF_OPEN_H
#define CXMS_SOURCE_PERF_OPEN_H

#include <sys/types.h>

struct cxms_err;
struct perf_event_attr;

/**
 * cxms_perf_open() - open an event on a process, close-on-exec
 * @pid: 0 = this thread; @cpu: -1 = any
 *
 * CXMS_PERF_ATTR_DUMP=FILE in the environment: the attributes are appended to FILE as text
 * beforehand. CXMS_PERF_DRY=1: nothing is asked of the kernel (perf_dry.h). Return: a descriptor,
 * or -errno; -EACCES, -EPERM and -ENOSYS say what the user can do
 */
int cxms_perf_open(const struct perf_event_attr *attr, pid_t pid, int cpu, struct cxms_err *err);

/** cxms_perf_open_in() - the same, as a member of the group that @group_fd leads; -1 = of its own
 */
int cxms_perf_open_in(const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
		      struct cxms_err *err);

#endif

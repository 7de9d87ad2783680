/* In place of the kernel, for tests: what would be opened can be seen on machines that cannot. */
#ifndef CXMS_SOURCE_PERF_DRY_H
#define CXMS_SOURCE_PERF_DRY_H

#include <stdbool.h>
#include <sys/types.h>

struct perf_event_attr;

/** CXMS_PERF_DRY is set in the environment, and not empty */
bool cxms_perf_is_dry(void);
/**
 * cxms_perf_dry_open() - a descriptor that can be mapped as a ring in which nothing comes, and
 * whose count stays 0
 * @pid:      as of perf_event_open(2); -1 = whoever runs on a CPU
 * @paranoid: the level whose refusals are imitated, for a process without privileges: above 2 all,
 *            above 1 what looks into the kernel or at physical addresses, above 0 what counts the
 *            whole machine
 * Return: a descriptor, or -1 with errno
 */
int cxms_perf_dry_open(const struct perf_event_attr *attr, pid_t pid, long paranoid);

#endif

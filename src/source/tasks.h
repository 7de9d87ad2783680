/* Whether a process is doing something, as the kernel tells it. */
#ifndef CXMS_SOURCE_TASKS_H
#define CXMS_SOURCE_TASKS_H

#include <stdbool.h>
#include <sys/types.h>

/** cxms_process_lives() - @pid has not ended; false also where it cannot be seen from here */
bool cxms_process_lives(pid_t pid);
/** cxms_tasks_run() - a thread of @pid runs, waits for a CPU, or for a page or a disk; false: all
 * sleep or are stopped, it ended, or it cannot be seen from here */
bool cxms_tasks_run(pid_t pid);

#endif

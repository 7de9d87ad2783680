/* Whether a process is doing something, as the kernel tells it. */
#ifndef CXMS_SOURCE_TASKS_H
#define CXMS_SOURCE_TASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** cxms_process_lives() - @pid has not ended; false also where it cannot be seen from here */
bool cxms_process_lives(pid_t pid);
/** cxms_process_descends() - @pid was started by @from, or by who was; false also where a process
 * between the two has ended, or cannot be seen from here */
bool cxms_process_descends(pid_t pid, pid_t from);
/** cxms_tasks_run() - a thread of @pid runs, waits for a CPU, or for a page or a disk; false: all
 * sleep or are stopped, it ended, or it cannot be seen from here */
bool cxms_tasks_run(pid_t pid);
/** cxms_task_ready_ns() - how long a thread was ready to run and had no CPU, since its birth, as
 * /proc/<pid>/task/<tid>/schedstat tells; false: it is gone, or the kernel does not count */
bool cxms_task_ready_ns(uint32_t pid, uint32_t tid, uint64_t *out);

#endif

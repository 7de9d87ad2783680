/* Numbered tasks shared out to threads; what they find does not depend on how many there are. */
#ifndef CXMS_BASE_POOL_H
#define CXMS_BASE_POOL_H

#include <stddef.h>

struct cxms_err;

/** one task: 0 or -errno with @err; @worker: 0 = the thread that called cxms_pool_run() */
typedef int (*cxms_pool_fn)(void *arg, unsigned worker, size_t task, struct cxms_err *err);

/**
 * cxms_pool_run() - tasks 0 .. @n - 1, each once, begun in rising order on at most @jobs threads
 * @jobs: 0 counts as 1; fewer threads are used where the system gives no more
 *
 * After a failure no further task begins. All tasks below the failed one have then begun and are
 * waited for, so that the one reported, the lowest that failed, is the same for any @jobs.
 * Return: 0, or what that task returned, with its error in @err
 */
int cxms_pool_run(unsigned jobs, size_t n, cxms_pool_fn fn, void *arg, struct cxms_err *err);

/** cxms_pool_cpus() - CPUs that this process may run on, at least 1 */
unsigned cxms_pool_cpus(void);

#endif

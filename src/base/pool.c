#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

struct pool {
	cxms_pool_fn fn;
	void *arg;
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
};

struct worker {
	struct pool *pool;
	unsigned index;
	pthread_t thread;
	int rc; /* of the task below; a worker ends with its first failure */
	size_t task;
	struct cxms_err err;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	/* asked before a task is taken: a task once taken is run */
	while (!w->rc && !atomic_load(&p->failed)) {
		w->task = atomic_fetch_add(&p->next, 1);
		if (w->task >= p->n)
			break;
		w->rc = p->fn(p->arg, w->index, w->task, &w->err);
		if (w->rc)
			atomic_store(&p->failed, true);
	}
	return NULL;
}

static int first_failure(const struct worker *w, size_t n, struct cxms_err *err)
{
	const struct worker *first = NULL;
	for (size_t i = 0; i < n; i++)
		if (w[i].rc && (!first || w[i].task < first->task))
			first = &w[i];
	if (!first)
		return 0;
	if (first->err.code)
		cxms_fail(err, first->err.code, "%s", first->err.msg);
	return first->rc;
}

int cxms_pool_run(unsigned jobs, size_t n, cxms_pool_fn fn, void *arg, struct cxms_err *err)
{
	struct pool pool = {.fn = fn, .arg = arg, .n = n};
	size_t n_worker = jobs < n ? jobs : n, begun = 1;
	struct worker alone = {.pool = &pool}, *w = NULL;
	if (n_worker > 1)
		w = calloc(n_worker, sizeof(*w));
	if (!w) { /* no memory for more threads: go on with this one */
		work(&alone);
		return first_failure(&alone, 1, err);
	}
	for (size_t i = 0; i < n_worker; i++)
		w[i] = (struct worker){.pool = &pool, .index = (unsigned)i};
	while (begun < n_worker && !pthread_create(&w[begun].thread, NULL, work, &w[begun]))
		begun++;
	work(&w[0]);
	for (size_t i = 1; i < begun; i++)
		pthread_join(w[i].thread, NULL);
	int rc = first_failure(w, begun, err);
	free(w);
	return rc;
}

/* The set is too small for machines of more than 1024 CPUs, which say so. */
unsigned cxms_pool_cpus(void)
{
	cpu_set_t set;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	if (!sched_getaffinity(0, sizeof(set), &set))
		return (unsigned)CPU_COUNT(&set);
	return online > 0 ? (unsigned)online : 1;
}

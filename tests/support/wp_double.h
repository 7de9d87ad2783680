/*
 * In place of the kernel's hardware breakpoints: threads that use words at known times, four
 * breakpoints each, and records of uses written as perf does, until the third.
 */
#ifndef WP_DOUBLE_H
#define WP_DOUBLE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "perf_double.h"
#include "source/wp_set.h"

#define WP_RING	   4096u
#define WP_HANDLES 1024
#define WP_TIDS	   512

/* A sample of CXMS_PERF_FAULTS and of a breakpoint alike. */
struct wp_record {
	struct perf_event_header header;
	uint64_t ip;
	uint32_t pid, tid;
	uint64_t time_ns, addr;
	uint32_t cpu, reserved;
};

struct wp_point {
	bool is_set;
	uint32_t tid;
	uint64_t addr;
	unsigned uses;
	struct perf_double ring;
};

struct wp_double {
	uint64_t now_ns;
	/* When the word is used next, after @after_ns; UINT64_MAX = never. */
	uint64_t (*next_ns)(uint32_t tid, uint64_t addr, uint64_t after_ns);
	unsigned taken; /* breakpoints of each thread that a debugger has */
	unsigned n_set[WP_TIDS], most_set, n_all, most_all;
	bool has_ended[WP_TIDS];
	struct wp_point point[WP_HANDLES];
};

static inline int wp_double_set(void *arg, uint32_t tid, uint64_t addr, struct cxms_perf_ring *ring)
{
	struct wp_double *d = arg;
	struct wp_point *p = NULL;
	int handle = 0;

	if (d->has_ended[tid])
		return -ESRCH;
	if (d->n_set[tid] + d->taken >= 4)
		return -ENOSPC;
	while (handle < WP_HANDLES && d->point[handle].is_set)
		handle++;
	if (handle == WP_HANDLES || addr % 8)
		return -EINVAL;
	p = &d->point[handle];
	*p = (struct wp_point){.is_set = true, .tid = tid, .addr = addr};
	p->ring.bytes = WP_RING;
	p->ring.page = calloc(1, sizeof(*p->ring.page));
	p->ring.data = calloc(1, WP_RING);
	if (!p->ring.page || !p->ring.data ||
	    cxms_perf_ring_attach(ring, p->ring.page, p->ring.data, WP_RING, NULL))
		return -ENOMEM;
	d->n_set[tid]++;
	d->n_all++;
	if (d->n_set[tid] > d->most_set)
		d->most_set = d->n_set[tid];
	if (d->n_all > d->most_all)
		d->most_all = d->n_all;
	return handle;
}

static inline void wp_double_clear(void *arg, int handle, struct cxms_perf_ring *ring)
{
	struct wp_double *d = arg;
	struct wp_point *p = &d->point[handle];

	cxms_perf_ring_close(ring);
	free(p->ring.page);
	free(p->ring.data);
	p->is_set = false;
	d->n_set[p->tid]--;
	d->n_all--;
}

static inline uint64_t wp_double_now_ns(void *arg)
{
	return ((struct wp_double *)arg)->now_ns;
}

static const struct cxms_wp_ops wp_double_ops = {
	.set = wp_double_set,
	.clear = wp_double_clear,
	.now_ns = wp_double_now_ns,
};

/* Time goes on; what is used meanwhile is told, at most three times. */
static inline void wp_double_advance(struct wp_double *d, uint64_t to_ns)
{
	for (int i = 0; i < WP_HANDLES; i++) {
		struct wp_point *p = &d->point[i];
		uint64_t at = d->now_ns;

		while (p->is_set && !d->has_ended[p->tid] && p->uses < CXMS_WP_USES &&
		       (at = d->next_ns(p->tid, p->addr, at)) <= to_ns) {
			struct wp_record r = {
				.header = {.type = PERF_RECORD_SAMPLE,
					   .misc = PERF_RECORD_MISC_USER,
					   .size = sizeof(r)},
				.tid = p->tid,
				.time_ns = at,
				.addr = p->addr,
			};

			p->uses++;
			perf_double_write(&p->ring, &r, sizeof(r), at);
		}
	}
	d->now_ns = to_ns;
}

#endif

/* Words of sampled lines followed by watchpoints: which, for how long, and when they were used. */
#ifndef CXMS_SOURCE_WP_SET_H
#define CXMS_SOURCE_WP_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "source/idmap.h"
#include "source/perf_ring.h"
#include "trace/event.h"

struct cxms_evq;
struct wp_thread;

/* Debug registers of an x86-64 core: as many watchpoints can a thread have. */
#define CXMS_WP_PER_THREAD 4u
/* Of all threads together: each takes a descriptor and 8 KiB of the memory-lock quota. */
#define CXMS_WP_MAX 256u
/* One use to begin with, then as many times between two as an event holds. */
#define CXMS_WP_USES 3u

/** struct cxms_wp_ops - who sets watchpoints: perf (cxms_wp_perf), or a test */
struct cxms_wp_ops {
	/**
	 * set() - watch the 8 bytes at @addr for thread @tid until CXMS_WP_USES uses; their records
	 * go to @ring, laid out as those of CXMS_PERF_FAULTS
	 * Return: a handle >= 0, or -errno: -ENOSPC, -EBUSY (none is free), -ESRCH (it has ended)
	 */
	int (*set)(void *arg, uint32_t tid, uint64_t addr, struct cxms_perf_ring *ring);
	void (*clear)(void *arg, int handle, struct cxms_perf_ring *ring);
	uint64_t (*now_ns)(void *arg); /* CLOCK_MONOTONIC */
};
extern const struct cxms_wp_ops cxms_wp_perf;

/** struct cxms_wp_set - cxms_wp_set_init() or zero it; zeroed follows nothing */
struct cxms_wp_set {
	const struct cxms_wp_ops *ops;
	void *arg;
	struct cxms_evq *out; /* WATCH events go here */
	uint64_t base_ns;     /* the recording began: CLOCK_MONOTONIC */
	struct cxms_rng rng;
	struct cxms_idmap threads; /* tid -> struct wp_thread */
	unsigned n_set;		   /* now */
	uint64_t watches;	   /* set so far */
	uint64_t refused;	   /* could not be set: taken by others, or no memory to lock */
	int refused_rc;		   /* the first time; 0 = never */
};

void cxms_wp_set_init(struct cxms_wp_set *w, const struct cxms_wp_ops *ops, void *arg,
		      struct cxms_evq *out, uint64_t seed);
/**
 * cxms_wp_sample() - a wait of a thread, and the word it was for
 * Of the waits of a thread since the last round each has the same chance at the next one (reservoir
 * sampling); those taken stand for all since the thread last had a watchpoint free. Return: 0 or
 * -ENOMEM
 */
int cxms_wp_sample(struct cxms_wp_set *w, uint32_t pid, uint32_t tid, uint64_t addr, uint32_t site);
/**
 * cxms_wp_round() - look at all: tell those that are over, and set what is free anew
 * A watch is over after CXMS_WP_USES uses, or CXMS_WATCH_LIMIT_NS after it was set or used.
 */
void cxms_wp_round(struct cxms_wp_set *w);
/** the thread ended at @now_ns (CLOCK_MONOTONIC): what is known of its watches is told */
void cxms_wp_thread_end(struct cxms_wp_set *w, uint32_t tid, uint64_t now_ns);
/** the process has a new image: its watches mean nothing any more */
void cxms_wp_exec(struct cxms_wp_set *w, uint32_t pid);
/** the recording ends: as of cxms_wp_thread_end(), for all */
void cxms_wp_end(struct cxms_wp_set *w, uint64_t now_ns);
void cxms_wp_set_fini(struct cxms_wp_set *w);

#endif

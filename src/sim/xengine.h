/* One topology and up to CXMS_LANES placements: a window for each thread, one shared fabric a lane,
 * and the threads' common time. */
#ifndef CXMS_SIM_XENGINE_H
#define CXMS_SIM_XENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/window.h"
#include "sim/xfabric.h"
#include "sim/xpages.h"

struct cxms_topo;

/** struct cxms_xthread - one thread of one process image chain */
struct cxms_xthread {
	uint32_t pid, tid, space;
	struct cxms_window *window;
	uint64_t begun_ps[CXMS_LANES];	 /* on the common time line */
	uint64_t blocked_ps[CXMS_LANES]; /* of its time: waited for others */
	uint64_t timed_ps[CXMS_LANES];	 /* at the begin of the open timed stretch */
	uint64_t woken_ps[CXMS_LANES];	 /* where it sleeps, or is to: when it is woken */
	bool is_woken;
};

/* Process numbers of Linux are below 2^22; hosts stand above. */
#define CXMS_XHOST_SHIFT 24

/** struct cxms_xwake - when a futex was last woken, or a process ended, by lane */
struct cxms_xwake {
	uint32_t space;
	uint64_t addr;
	uint64_t at_ps[CXMS_LANES];
};

/** struct cxms_xpipe - when each of its writes was over: n_lane times for each, owned */
struct cxms_xpipe {
	uint64_t *at_ps;
	size_t n, cap; /* times */
};

/** the address space in which an address of a WAKE or RESUME is told from others, that of its
 * process alone where it says so; @n_host: 0 = one */
uint32_t cxms_xwake_space(uint32_t space, uint32_t pid, uint64_t addr, size_t n_host);

/** struct cxms_xstretch - time of one timed stretch, by lane */
struct cxms_xstretch {
	uint64_t time_ps[CXMS_LANES];
};

/** struct cxms_xhost - one of several hosts in one engine: what is its program's own */
struct cxms_xhost {
	struct cxms_xpages *pages;	    /* borrowed */
	const struct cxms_placement *place; /* borrowed */
	uint64_t walk_ps;		    /* as in window */
};

struct cxms_xengine {
	struct cxms_fabric *fabric; /* borrowed */
	struct cxms_window_cfg window;
	uint64_t seed; /* of the devices' tails */
	unsigned n_lane;
	struct cxms_xlane lane[CXMS_LANES];
	struct cxms_xpages *pages; /* borrowed; of one host */
	/* several hosts, one lane: host of a space = space % n_host; borrowed. 0 = one host */
	struct cxms_xhost *host;
	size_t n_host;
	struct cxms_xthread *thread;
	size_t n_thread, cap_thread;
	uint32_t n_request; /* of all lanes, since the fabric was told what is past */
	struct cxms_xwake *wake;
	size_t n_wake, cap_wake;
	struct cxms_xpipe *pipe;
	size_t n_pipe, cap_pipe;
	struct cxms_xstretch *stretch;
	size_t n_stretch, cap_stretch;
	/* of the request being served, and a line of its page */
	uint32_t space, pid, view, page;
	uint64_t page_line;
};

/** figures of the host for the window; @mem_ps: the recording machine's latency and walk, for what
 * the topology leaves to it */
void cxms_xengine_host(const struct cxms_topo *topo, uint64_t walk_ps, struct cxms_window_cfg *out);
/** lanes zeroed; e->fabric, window, seed, n_lane, pages set by the caller. 0 or -ENOMEM */
int cxms_xengine_init(struct cxms_xengine *e, struct cxms_err *err);
void cxms_xengine_fini(struct cxms_xengine *e);
/** a block ran in a thread of address space @space. 0 or -ENOMEM */
int cxms_xengine_run(struct cxms_xengine *e, uint32_t space, const struct cxms_xrun *run,
		     struct cxms_err *err);
/** threads begin, sleep and wake; timed stretches begin and end. 0 or -ENOMEM */
int cxms_xengine_control(struct cxms_xengine *e, uint32_t space,
			 const struct cxms_xcontrol *control, struct cxms_err *err);
/** the first of two threads that have begun wakes the second, which sleeps: that one's next RESUME
 * is behind this. Who is woken by nobody in particular waits for the last WAKE of its address. */
void cxms_xengine_wake(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t sleeper_pid,
		       uint32_t sleeper_tid);
/** the first of two threads goes on behind where the second went to sleep */
void cxms_xengine_meet(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t sleeper_pid,
		       uint32_t sleeper_tid);
/** a thread that has begun has written to pipe number @pipe for the @write-th time, from 0. 0 or
 * -ENOMEM */
int cxms_xengine_written(struct cxms_xengine *e, uint32_t pid, uint32_t tid, size_t pipe,
			 size_t write, struct cxms_err *err);
/** a thread has read what that write wrote: it goes on behind it */
void cxms_xengine_read(struct cxms_xengine *e, uint32_t pid, uint32_t tid, size_t pipe,
		       size_t write);
/** when a sleeper that has been woken goes on; UINT64_MAX: none has, or not yet */
uint64_t cxms_xengine_woken_ps(const struct cxms_xengine *e, uint32_t pid, uint32_t tid,
			       unsigned lane);
/** a thread that has begun, else NULL; borrowed until another begins */
const struct cxms_xthread *cxms_xengine_thread(const struct cxms_xengine *e, uint32_t pid,
					       uint32_t tid);
/** has the thread begun? */
bool cxms_xengine_knows(const struct cxms_xengine *e, uint32_t pid, uint32_t tid);
/** last retirement of one thread; 0 when it never ran */
uint64_t cxms_xengine_thread_ps(const struct cxms_xengine *e, uint32_t pid, uint32_t tid,
				unsigned lane);
/** last retirement of any thread of a lane */
uint64_t cxms_xengine_end_ps(const struct cxms_xengine *e, unsigned lane);
/** does the thread run on that host? Always where there is one */
bool cxms_xengine_on_host(const struct cxms_xengine *e, const struct cxms_xthread *t, size_t host);
/** time that the thread was neither unborn nor asleep */
double cxms_xthread_own_ps(const struct cxms_xthread *t, unsigned lane);

#endif

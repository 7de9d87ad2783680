/*
 * Exact replay of one topology with up to CXMS_LANES placements: a window for each thread, in each
 * lane one fabric that all threads share, and the time that they have in common.
 */
#ifndef CXMS_SIM_XENGINE_H
#define CXMS_SIM_XENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/window.h"
#include "sim/xfabric.h"
#include "sim/xpages.h"

struct cxms_topo;

/** struct cxms_xthread - one thread; times by lane, ps */
struct cxms_xthread {
	uint32_t pid, tid, space;
	struct cxms_window *window;
	uint64_t begun_ps[CXMS_LANES];	 /* when it began, in the common time */
	uint64_t blocked_ps[CXMS_LANES]; /* how long it has waited for others */
	uint64_t timed_ps[CXMS_LANES];	 /* when the timed stretch began that is open */
	uint64_t woken_ps[CXMS_LANES];	 /* with is_woken: when its sleep, or the next, ends */
	bool is_woken;
};

/* Process numbers of Linux are below 2^22; hosts stand above. */
#define CXMS_XHOST_SHIFT 24

/** struct cxms_xwake - when a futex was last woken, or a process ended, by lane; @addr: as in
 * WAKE and RESUME (core/xstream.h) */
struct cxms_xwake {
	uint32_t space;
	uint64_t addr;
	uint64_t at_ps[CXMS_LANES];
};

/** struct cxms_xforked - when a process was forked that has not begun, by lane */
struct cxms_xforked {
	uint32_t pid;
	uint64_t at_ps[CXMS_LANES];
};

/** struct cxms_xpipe - when each of its writes was over: n_lane times for each, owned */
struct cxms_xpipe {
	uint64_t *at_ps;
	size_t n, cap; /* times */
};

/** cxms_xwake_space() - the address space that an address of a WAKE or RESUME belongs to; one of
 * the process alone where the address says so (CXMS_XS_PRIVATE). @n_host: 0 = one */
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
	/* borrowed; several hosts take turns in the numbers of spaces (space % n_host), and there
	 * is one lane. n_host 0 = one host */
	struct cxms_xhost *host;
	size_t n_host;
	struct cxms_xthread *thread;
	size_t n_thread, cap_thread;
	uint32_t n_request; /* in all lanes since the fabric was last told what is past */
	struct cxms_xwake *wake;
	size_t n_wake, cap_wake;
	struct cxms_xpipe *pipe;
	size_t n_pipe, cap_pipe;
	struct cxms_xforked *forked;
	size_t n_forked, cap_forked;
	struct cxms_xstretch *stretch;
	size_t n_stretch, cap_stretch;
	/* of the request that is being served; page_line: a line of its page */
	uint32_t space, pid, view, page;
	uint64_t page_line;
	struct cxms_xmemo memo;
};

/** cxms_xengine_host() - the figures of the topology's host; @walk_ps: page walk of the recording
 * machine, for a topology that leaves it to that */
void cxms_xengine_host(const struct cxms_topo *topo, uint64_t walk_ps, struct cxms_window_cfg *out);
/** cxms_xengine_init() - the caller has zeroed @e and set fabric, window, seed, n_lane and pages.
 * 0 or -ENOMEM. Owner: cxms_xengine_fini() */
int cxms_xengine_init(struct cxms_xengine *e, struct cxms_err *err);
void cxms_xengine_fini(struct cxms_xengine *e);
/** cxms_xengine_run() - a thread of address space @space ran blocks. 0 or -ENOMEM */
int cxms_xengine_run(struct cxms_xengine *e, uint32_t space, const struct cxms_xruns *runs,
		     struct cxms_err *err);
/** cxms_xengine_control() - a thread begins, sleeps or wakes, or a timed stretch begins or ends.
 * 0 or -ENOMEM */
int cxms_xengine_control(struct cxms_xengine *e, uint32_t space,
			 const struct cxms_xcontrol *control, struct cxms_err *err);
/** cxms_xengine_wake() - the first of two threads, which have both begun, wakes the second, which
 * sleeps: that one's next RESUME is no earlier than now. (A sleeper that nobody is told to have
 * woken goes on behind the last WAKE of its address.) */
void cxms_xengine_wake(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t sleeper_pid,
		       uint32_t sleeper_tid);
/** cxms_xengine_meet() - the first of two threads goes on no earlier than the second went to sleep
 */
void cxms_xengine_meet(struct cxms_xengine *e, uint32_t pid, uint32_t tid, uint32_t sleeper_pid,
		       uint32_t sleeper_tid);
/** cxms_xengine_written() - a thread, which has begun, ended write number @write (from 0) to pipe
 * number @pipe. 0 or -ENOMEM */
int cxms_xengine_written(struct cxms_xengine *e, uint32_t pid, uint32_t tid, size_t pipe,
			 size_t write, struct cxms_err *err);
/** cxms_xengine_read() - a thread read what that write wrote: it goes on no earlier than the write
 */
void cxms_xengine_read(struct cxms_xengine *e, uint32_t pid, uint32_t tid, size_t pipe,
		       size_t write);
/** cxms_xengine_woken_ps() - when the sleep of a thread that was woken ends; UINT64_MAX: it was not
 */
uint64_t cxms_xengine_woken_ps(const struct cxms_xengine *e, uint32_t pid, uint32_t tid,
			       unsigned lane);
/** cxms_xengine_thread() - a thread that has begun, else NULL; borrowed until another begins */
const struct cxms_xthread *cxms_xengine_thread(const struct cxms_xengine *e, uint32_t pid,
					       uint32_t tid);
/** cxms_xengine_knows() - has the thread begun? */
bool cxms_xengine_knows(const struct cxms_xengine *e, uint32_t pid, uint32_t tid);
/** cxms_xengine_thread_ps() - last retirement of a thread; 0 = it never ran */
uint64_t cxms_xengine_thread_ps(const struct cxms_xengine *e, uint32_t pid, uint32_t tid,
				unsigned lane);
/** cxms_xengine_end_ps() - last retirement of any thread in a lane */
uint64_t cxms_xengine_end_ps(const struct cxms_xengine *e, unsigned lane);
/** cxms_xengine_on_host() - does the thread run on @host? Always true where there is one host */
bool cxms_xengine_on_host(const struct cxms_xengine *e, const struct cxms_xthread *t, size_t host);
/** cxms_xthread_own_ps() - time of a thread since it began, without what it slept */
double cxms_xthread_own_ps(const struct cxms_xthread *t, unsigned lane);

#endif

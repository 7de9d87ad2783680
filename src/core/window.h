/*
 * The window of an out-of-order core: it turns runs of blocks with their miss records into time.
 * Several placements of the pages are simulated at once, each in a *lane* with a time of its own: a
 * uop is the same in all of them, and only memory answers each lane differently. MODELS: exact
 * source.
 */
#ifndef CXMS_CORE_WINDOW_H
#define CXMS_CORE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/xread.h"

#define CXMS_LANES 8

/* Mechanisms that can be left out, to see what each is worth (results/ablation). Where a figure of
 * the core is the bound, a large figure leaves it out. */
enum cxms_window_part {
	CXMS_WP_WRONG_PATH = 1u << 0,  /* loads behind mispredicted branches */
	CXMS_WP_REDIRECT = 1u << 1,    /* fetch waits for a mispredicted branch */
	CXMS_WP_IN_FLIGHT = 1u << 2,   /* a hit waits for the fill that brings its line */
	CXMS_WP_FORWARD = 1u << 3,     /* a load waits for the store it reads */
	CXMS_WP_UNITS = 1u << 4,       /* so many of a class start in a cycle */
	CXMS_WP_DEPENDENCES = 1u << 5, /* operands through registers */
	CXMS_WP_WALK = 1u << 6,	       /* the reorder buffer is walked behind a branch */
	CXMS_WP_HOLD = 1u << 7,	       /* loads hold the scheduler until they are done */
	CXMS_WP_JOIN = 1u << 8,	       /* accesses that wait for a line are bounded */
	CXMS_WP_ONE_STORE = 1u << 9,   /* stores in strict order leave one by one */
	CXMS_WP_FULL = 1u << 10,       /* without a miss register the first level takes nobody */
	CXMS_WP_RESERVE = 1u << 11,    /* prefetches leave registers to misses */
	CXMS_WP_SETS = 1u << 12,       /* loads that ran before a store they read learn to wait */
	CXMS_WP_WALK_REGISTER = 1u << 13, /* page walks hold miss registers */
	CXMS_WP_END = 1u << 14
};

/** struct cxms_window_cfg - the core; latencies are load to use, idle */
struct cxms_window_cfg {
	uint32_t without; /* enum cxms_window_part; 0 = everything modelled */
	uint64_t frequency_hz;
	uint32_t width, rob, scheduler, load_queue, store_queue, l1d_mshrs, l2_mshrs;
	uint32_t walkers; /* page walks at a time, >= 1 */
	bool split;	  /* cracking rule of the uops, and the units that go with it (uops.h) */
	bool fetch_lines; /* instructions come line by line from the L1I, not from decoded uops */
	bool store_tso;
	bool has_l2;
	uint64_t l1i_ps, l1d_ps, l2_ps, llc_ps,
		walk_ps; /* walk: added by a page walk; 0 = not timed */
};

enum cxms_xrequest { CXMS_XR_READ, CXMS_XR_OWN, CXMS_XR_PREFETCH, CXMS_XR_FETCH, CXMS_XR_WRITE };

/** struct cxms_xreply - what memory answers; parts of the latency for the report */
struct cxms_xreply {
	uint64_t latency_ps;	      /* load to use */
	uint64_t queue_ps, switch_ps; /* parts of it */
	uint32_t target;	      /* 0 = local */
};
/** struct cxms_xmemory - memory behind the LLC, asked once for each request and lane; @at_ps: in
 * the lane's time */
struct cxms_xmemory {
	void *arg;
	void (*request)(void *arg, unsigned lane, uint64_t line, enum cxms_xrequest kind,
			uint64_t at_ps, struct cxms_xreply *out);
};

/**
 * struct cxms_window_lane - time of a lane, and what it was lost to
 * @time_ps: of the last retirement
 * @local_ps, @cxl_ps, @queue_ps, @switch_ps: time by which retirement waited, by cause: for a line
 *     from memory, whoever had asked for it first, or for room in the store queue that a store to
 *     such a line held. Their sum is no more than @time_ps
 */
struct cxms_window_lane {
	uint64_t time_ps;
	uint64_t local_ps, cxl_ps, queue_ps, switch_ps;
};
struct cxms_window_counts {
	uint64_t insns, uops, loads, stores;
	uint64_t l1d_misses, l2_misses, llc_misses, prefetches, writebacks, uses, forwards;
	uint64_t mispredicts, wrong_loads, walks, undecoded;
};

struct cxms_window;
/**
 * cxms_window_new() - one core, idle at time 0
 * @n_lane: 1 .. CXMS_LANES
 * @memory: copied; what it points to is borrowed
 * Return: 0 or -ENOMEM. Owner: cxms_window_free()
 */
int cxms_window_new(const struct cxms_window_cfg *cfg, unsigned n_lane,
		    const struct cxms_xmemory *memory, struct cxms_window **out,
		    struct cxms_err *err);
void cxms_window_free(struct cxms_window *w);
/** cxms_window_run() - let the uops of @n blocks go through the window, one behind the other */
void cxms_window_run(struct cxms_window *w, const struct cxms_xrun *run, size_t n);
/** cxms_window_lane() - what a lane took so far */
void cxms_window_lane(const struct cxms_window *w, unsigned lane, struct cxms_window_lane *out);
/** cxms_window_past_ps() - no later request of a lane will lie before that time */
uint64_t cxms_window_past_ps(const struct cxms_window *w, unsigned lane);
/** of all that ran so far, once for all lanes; borrowed until free */
const struct cxms_window_counts *cxms_window_counts(const struct cxms_window *w);
/** cxms_window_wait() - the thread slept: nothing of the lane retires before @until_ps */
void cxms_window_wait(struct cxms_window *w, unsigned lane, uint64_t until_ps);

#endif

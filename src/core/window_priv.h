/* State of the window model. Times are ticks, CXMS_TICKS a cycle, relative to a lane's own base. */
#ifndef CXMS_CORE_WINDOW_PRIV_H
#define CXMS_CORE_WINDOW_PRIV_H

#include "core/window.h"

#define CXMS_TICKS	   32
#define CXMS_TICK_SHIFT	   5
#define CXMS_TICK_LONG	   (1 << 28) /* a lane's base moves on when it passes this */
#define CXMS_TICK_LONG_AGO (-(1 << 28))
#define CXMS_TICK_NEVER	   INT32_MAX /* a fill that did not begin */
#define CXMS_WAIT_RING	   4096	     /* cycles; divides the step of the base */
#define CXMS_FILL_RING	   4096
#define CXMS_STORE_RING	   256
#define CXMS_FETCH_RING	   256
#define CXMS_MSHR_MAX	   1280 /* requests; beyond it the first to end are forgotten */

/* One value a lane. */
struct cxms_lanes {
	int32_t v[CXMS_LANES];
} __attribute__((aligned(32)));

/* A level's miss registers: requests that are not yet over. Begins and ends are sorted each by
 * itself: how many are in flight at a time is all that matters. */
struct cxms_mshr {
	uint32_t limit, n;
	int32_t full_from, full_to; /* no register is free within */
	int32_t start[CXMS_MSHR_MAX], end[CXMS_MSHR_MAX];
};

/* Uops of a lane that wait to issue, by the cycle in which they will. */
struct cxms_waiters {
	int32_t n, cursor; /* cursor: cycle up to which they have left */
	uint32_t at[CXMS_WAIT_RING];
	uint64_t any[CXMS_WAIT_RING / 64]; /* bit set: someone leaves in that cycle */
};

struct cxms_fill {
	struct cxms_lanes done;
	uint64_t line;
	uint8_t from;
};

struct cxms_window {
	struct cxms_window_cfg cfg;
	struct cxms_xmemory memory;
	unsigned n_lane;
	/* figures of cfg in ticks */
	int32_t l1d, l2, llc, walk, step;
	int32_t fetch_bubble, fetch_loss; /* of a line; of a group that ends early */
	uint64_t tick_ps_q20;		  /* picoseconds of a tick, 20 fractional bits */
	uint32_t step_rest;		  /* of the width, Bresenham */
	/* clocks */
	struct cxms_lanes fetch, dispatch, retire, drained, floor;
	uint64_t base[CXMS_LANES]; /* ticks */
	struct cxms_lanes slot[CXMS_SLOT_COUNT];
	struct cxms_lanes unit[CXMS_UC_COUNT];
	/* rings by number */
	struct cxms_lanes *rob, *load_queue, *store_queue;
	uint32_t rob_mask, load_mask, store_mask;
	struct cxms_lanes store_ready[CXMS_STORE_RING], fetched[CXMS_FETCH_RING];
	struct cxms_fill fill[CXMS_FILL_RING];
	uint64_t n_rob, n_load, n_store, n_fill, n_uop;
	uint64_t next_addr; /* where the block that ran last would go on */
	struct cxms_mshr l1_mshr[CXMS_LANES], l2_mshr[CXMS_LANES];
	struct cxms_waiters waiting[CXMS_LANES];
	/* sums */
	uint64_t local[CXMS_LANES], cxl[CXMS_LANES], queue[CXMS_LANES], at_switch[CXMS_LANES];
	struct cxms_window_counts counts;
	/* the access being timed */
	struct cxms_xreply reply[CXMS_LANES];
	bool missed;
};

#endif

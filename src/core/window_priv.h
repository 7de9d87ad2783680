/* State of the window model. Times are ticks, CXMS_TICKS a cycle, relative to a lane's own base. */
#ifndef CXMS_CORE_WINDOW_PRIV_H
#define CXMS_CORE_WINDOW_PRIV_H

#include "core/fetch.h"
#include "core/window.h"
#include "core/window_assumed.h"

#define CXMS_TICKS	   32
#define CXMS_TICK_SHIFT	   5
#define CXMS_TICK_LONG	   (1 << 28) /* a lane's base moves on when it passes this */
#define CXMS_TICK_LONG_AGO (-(1 << 28))
#define CXMS_TICK_NEVER	   INT32_MAX /* a fill that did not begin */
#define CXMS_WAIT_NONE	   INT32_MIN /* in a lane in which the uop does not wait */
#define CXMS_WAIT_RING	   4096	     /* cycles; divides the step of the base */
#define CXMS_WAIT_PART	   64	     /* cycles of it */
#define CXMS_WAIT_NOTES	   32	     /* in a note book */
#define CXMS_WAIT_BOOKS	   8
#define CXMS_FILL_RING	   4096
#define CXMS_WIDTH_CYCLES  32 /* in the ring of dispatch: blocks seldom meet its end */
#define CXMS_STORE_RING	   256
#define CXMS_MSHR_MAX	   1280 /* requests; beyond it the first to end are forgotten */
#define CXMS_MSHR_SPARE	   256	/* entries that are over before the others move down */

/* Where uops are split: accesses that a miss register of the first level holds; with so many that
 * level takes no more of any kind before the line has come (gem5 v24.0: tgts_per_mshr of the
 * reference's machine, and src/mem/cache/base.cc). */
#define CXMS_MSHR_JOIN 16
/* Where uops are split: registers of a level that no prefetch takes: one is reserved, and one more
 * has to be free (gem5 v24.0: demand_mshr_reserve, src/mem/cache/mshr_queue.hh). */
#define CXMS_MSHR_RESERVE 2

/* Prefetches of a prefetcher that wait for a register; one more takes the place of the oldest
 * (tests/data/gem5: queue_size of the reference's prefetcher, and gem5 v24.0,
 * src/mem/cache/prefetch/queued.cc). */
#define CXMS_PREFETCH_QUEUE 64

/* Where the last fill stands of those that prefetch below the first level, by a hash of their line.
 */
#define CXMS_PREFETCHED 1024

/* Where uops are split (gem5 v24.0, src/cpu/o3/FuncUnitConfig.py: IntALU). */
#define CXMS_INTEGER_UNITS 6

/* Where uops are split: cycles from the start of a load to its value, where a store has it (gem5
 * v24.0, src/cpu/o3/lsq_unit.cc: one cycle from the execution on). Other cores: as long as
 * a hit (assumed). */
#define CXMS_FORWARD_CYC 2

/* Cycles from fetch to dispatch, which stands for rename: decode is between them (gem5 v24.0,
 * src/cpu/o3/BaseO3CPU.py: fetchToDecodeDelay, decodeToRenameDelay). Other cores: assumed. */
#define CXMS_FRONT_CYC 2
/* Cycles from a branch's completion to the first new fetch, where lines are fetched: to the commit
 * stage, from there to fetch, and the one in which fetch is told (gem5 v24.0,
 * src/cpu/o3/BaseO3CPU.py: iewToCommitDelay, commitToFetchDelay). */
#define CXMS_REDIRECT_CYC 3

/* One value a lane; as one vector where all lanes take the same step. */
typedef int32_t cxms_v8 __attribute__((vector_size(4 * CXMS_LANES)));
struct cxms_lanes {
	union {
		int32_t v[CXMS_LANES];
		cxms_v8 all;
	};
};

/* A buffer or queue whose entries are taken and freed in order: when each is free again. The entry
 * at @next is the oldest; whoever needs an entry waits for it, and overwrites it. */
struct cxms_ring {
	struct cxms_lanes *first, *end, *next;
};

/*
 * The miss registers of a level of caches in one lane, or its page walkers: requests that are not
 * yet over, window_registers.h. Begins and ends are sorted each by itself, since only the number of
 * requests in flight matters.
 * @limit: registers there are
 * @first, @n: the requests stand in @start and @end from @first on, and there are @n of them
 * @full_from, @full_to: from the first tick on and before the second no register is free; this was
 *     found by a search, which need not be made again
 */
struct cxms_mshr {
	uint32_t limit, first, n;
	int32_t full_from, full_to;
	int32_t start[CXMS_MSHR_MAX + CXMS_MSHR_SPARE], end[CXMS_MSHR_MAX + CXMS_MSHR_SPARE];
};

/*
 * Prefetches of one prefetcher in one lane that have not begun, in the order in which they were
 * asked for.
 * @from: the first of them does not find its registers free before this tick
 * @fill: the number of each prefetch's fill
 */
struct cxms_prefetch_queue {
	uint32_t n;
	int32_t from;
	int32_t asked[CXMS_PREFETCH_QUEUE];
	uint64_t fill[CXMS_PREFETCH_QUEUE];
};

/*
 * How many uops of a lane issue in each of the next cycles.
 * @at: a ring by cycle. Entry CXMS_WAIT_RING is written for lanes in which a uop does not wait, and
 *     never read. The sizes keep lanes from being a multiple of a page apart
 * @some: 0 where nobody issues in that part of the ring
 */
struct cxms_waiters {
	uint32_t at[CXMS_WAIT_RING + 16];
	uint8_t some[CXMS_WAIT_RING / CXMS_WAIT_PART + 64];
};

/* Notes of when uops that wait will issue. Most books are never sorted into the ring above, since
 * all their uops have issued before the scheduler could be full. @last: the latest note of each
 * lane. */
struct cxms_wait_book {
	struct cxms_lanes last, start[CXMS_WAIT_NOTES];
};

/* Ticks, whatever a topology says of the first level: 256ths of them stay in range. */
#define CXMS_FETCH_BUBBLE_MAX (1024 * CXMS_TICKS)

/*
 * Loads and stores that are known to meet, by instruction: those of a set wait for its last store.
 * All is forgotten after so many stores (sizes: gem5 v24.0, src/cpu/o3/BaseO3CPU.py; the time:
 * tests/data/gem5, and mem_dep_unit.cc, which does not count loads).
 */
#define CXMS_SETS      1024
#define CXMS_SETS_KEPT 1000
struct cxms_store_sets {
	bool used;
	uint64_t term; /* of so many stores, in which something was learnt */
	uint16_t set[CXMS_SETS];
	struct cxms_lanes known[CXMS_SETS]; /* -1: in that lane the instruction is of its set */
	struct cxms_lanes last[CXMS_SETS];  /* of a set: when its last store is executed */
};

/* What a block that ran lately takes to fetch. */
#define CXMS_FETCH_MEMOS 1024
struct cxms_fetch_memo {
	const struct cxms_block *block;
	struct cxms_fetch_cost cost;
};

/*
 * A line on its way into the first level, or by a prefetch into one below.
 * @done: when the line is there; NEVER where the fill has not begun
 * @begin: when it took its registers; LONG_AGO where no access can be before it any more
 * @joined: how many accesses wait for it beside the first
 * @below: of a prefetch, one more than the number of the one that brings its line to the L2; else 0
 * @older: of a prefetch below the first level, one more than the number of the last one before it
 *     whose line has the same hash; 0 = there was none
 * @origin: the number of its request to memory; 0 = it makes none
 * @from, @into: the level that has the line, and that of the first registers it took
 */
struct cxms_fill {
	struct cxms_lanes done, begin, joined;
	uint64_t line;
	uint64_t below, older;
	uint32_t origin;
	uint8_t from, into;
};

/* How long a request to memory took in each lane, and how much of that in queues and switches: read
 * when retirement waited for its line. */
struct cxms_origin {
	uint32_t latency_ps[CXMS_LANES], queue_ps[CXMS_LANES], switch_ps[CXMS_LANES];
	bool is_cxl[CXMS_LANES];
};

/*
 * A window: one core, timed in all lanes at once. Its fields stand in the order of use: the figures
 * of the core, its clocks, what it holds, and what is known of the block and of the access at hand.
 */
struct cxms_window {
	struct cxms_window_cfg cfg;
	struct cxms_xmemory memory;
	void (*run)(struct cxms_window *w, const struct cxms_xrun *run, size_t n);
	unsigned n_lane;
	/* latencies of cfg in ticks; step: a cycle divided by the width, from one uop to the next
	 */
	int32_t l1d, l2, llc, walk, step;
	/* the latency of the last request to memory, in ticks and in picoseconds: a request that
	 * takes as long need not be converted again */
	struct cxms_lanes far;
	uint64_t far_ps[CXMS_LANES];
	int32_t forward;		  /* latency of a load that a store gives its value */
	int32_t fetch_bubble;		  /* until the next line of instructions is there */
	uint64_t tick_ps_q20;		  /* picoseconds of a tick, with 20 fractional bits */
	int32_t latency[CXMS_UC_COUNT];	  /* by class; of loads, that of the first level */
	int32_t unit_step[CXMS_UC_COUNT]; /* from one start in the units of a class to the next; 0 =
					     only the width bounds them */
	uint8_t unit_of[CXMS_UC_COUNT];	  /* the class whose units one of this class starts in */
	bool plain; /* uops stay fused and come decoded, and no part of the model is left out */
	/* Parts of the model that only a core that splits uops has: walks is CXMS_WP_WALK, holds
	 * _HOLD, joins _JOIN, one_store _ONE_STORE, closes _FULL, learns _SETS with _FORWARD. */
	bool walks, holds, joins, one_store, closes, learns;
	uint8_t walk_level; /* that has what a page walk reads */
	uint32_t l1_reserve, l2_reserve;
	/* CXMS_TICKS, step, and the latency of an integer operation, in all lanes */
	struct cxms_lanes cycle, one_step, integer;
	/* how long dispatch takes for each of the next uops: as many as the width take a cycle
	 * together. The same CXMS_WIDTH_CYCLES times over. */
	struct cxms_ring width;
	/* The clocks: when the last uop was fetched, dispatched and retired, and when the last
	 * store had left the store queue. Nothing is dispatched before floor. */
	struct cxms_lanes fetch, dispatch, retire, drained, floor;
	/* When dispatch went on behind the last walk of the reorder buffer that blocked it. The
	 * first n_resume uops from there on may find a stage of the front end that is still
	 * blocked; resumed of them have come. */
	struct cxms_lanes resume;
	uint32_t resumed, n_resume;
	uint64_t base[CXMS_LANES]; /* of each lane's times, in ticks since the start */
	struct cxms_lanes slot[CXMS_SLOT_COUNT]; /* when the value that a slot names is there */
	struct cxms_lanes unit[CXMS_UC_COUNT];	 /* when the units of a class last took one */
	struct cxms_ring rob, load_queue, store_queue;
	uint32_t *store_origin; /* by entry of the store queue: the origin that holds it */
	/* Rings by number: of stores, when their value is there and when the first level has it; of
	 * uops, when they left the fetch queue; of fills. */
	struct cxms_lanes store_ready[CXMS_STORE_RING], fetched[CXMS_ASSUMED_FETCH_QUEUE];
	uint64_t store_pc[CXMS_STORE_RING];
	struct cxms_lanes store_drained[CXMS_STORE_RING];
	struct cxms_fill fill[CXMS_FILL_RING];
	uint64_t prefetched[CXMS_PREFETCHED]; /* one more than the number of the fill; 0 = none */
	struct cxms_origin origin[CXMS_FILL_RING];
	uint32_t n_origin;
	uint64_t n_store, n_fill, n_uop;
	uint64_t next_addr;    /* the address at which the block that ran last would go on */
	int32_t fetch_rest_q8; /* what the last group of that block lacks, in 256ths of ticks */
	int32_t fetch_into;    /* from the begin of the block until its uop at hand was fetched */
	uint64_t block_addr;   /* of the block at hand, or of the one that ran last */
	bool redirected;       /* its last branch was mispredicted: fetch begins anew behind it */
	struct cxms_fetch_memo fetch_memo[CXMS_FETCH_MEMOS];
	/* the instruction with a rep prefix that ran last, and the bytes that it has moved since
	 * uops were last made of it */
	uint64_t string_addr, string_bytes;
	struct cxms_mshr l1_mshr[CXMS_LANES], l2_mshr[CXMS_LANES], walker[CXMS_LANES];
	struct cxms_prefetch_queue queue_l1[CXMS_LANES], queue_l2[CXMS_LANES];
	/* from when until when the first level takes no access, where uops are split */
	struct cxms_lanes block_from, block_to;
	/* Of the uops that wait to issue: how many are sorted into waiter, and the cycle before
	 * which all have left it. used: -1 in each lane in use, a mask. */
	struct cxms_lanes waiting, cursor, used;
	struct cxms_waiters waiter[CXMS_LANES];
	struct cxms_wait_book book[CXMS_WAIT_BOOKS];
	uint8_t book_at[CXMS_WAIT_BOOKS];
	uint32_t n_book;	      /* books that are full; they stand first in book_at */
	struct cxms_wait_book *notes; /* the book that is being written */
	/* where its next note goes, and where it is full. While sorts is set each uop is sorted at
	 * once, and its last place is written again and again. */
	struct cxms_lanes *note, *note_end;
	uint32_t n_sorted; /* uops sorted at once since the books were last looked through */
	bool sorts;	   /* the scheduler may be full */
	struct cxms_store_sets sets;
	/* sums */
	uint64_t local[CXMS_LANES], cxl[CXMS_LANES], queue[CXMS_LANES], at_switch[CXMS_LANES];
	struct cxms_window_counts counts;
	/* the access being timed */
	struct cxms_xreply reply[CXMS_LANES];
	struct cxms_lanes begun; /* when the last of its misses had its registers */
	uint64_t pc;		 /* of its instruction */
	bool missed, skipped;
	uint32_t waited;	 /* the origin that it waits for, by number; 0 = none */
	uint32_t drained_origin; /* the origin that the last store which waited did wait for */
};

/* window_run.c, window_run_avx2.c: the same steps with two sets of instructions. */
void cxms_window_run_plain(struct cxms_window *w, const struct cxms_xrun *run, size_t n);
void cxms_window_run_avx2(struct cxms_window *w, const struct cxms_xrun *run, size_t n);

/* window.c */
int32_t cxms_window_ticks(const struct cxms_window *w, uint64_t ps);
static inline uint64_t cxms_window_ps(const struct cxms_window *w, uint64_t ticks)
{
	__extension__ unsigned __int128 ps = (unsigned __int128)ticks * w->tick_ps_q20;
	return (uint64_t)(ps >> 20);
}
/** lanes whose times grew too large are moved */
void cxms_window_bound(struct cxms_window *w);

/* window_miss.c: what is not the same in all lanes */
/** one event of an access from *asked on; moves both on. @done: when its data is there */
void cxms_window_event(struct cxms_window *w, const struct cxms_xevent *e, enum cxms_xrequest kind,
		       struct cxms_lanes *asked, struct cxms_lanes *done);
/** lines of instructions that the first level did not have */
void cxms_window_fetch_misses(struct cxms_window *w, const struct cxms_xrun *run);
/** a branch whose exit has that many uops is done: if it went elsewhere than predicted */
void cxms_window_end_branch(struct cxms_window *w, const struct cxms_xrun *run, uint32_t uops,
			    const struct cxms_lanes *done);
/** ticks until the first new line is there that is fetched, at @to, behind a mispredicted branch
 * that ends at @end in a block at @block */
int32_t cxms_window_line_again(const struct cxms_window *w, uint64_t block, uint64_t end,
			       uint64_t to);
/** retirement waited for this load: by how much more than @could, and for what */
void cxms_window_attribute(struct cxms_window *w, const struct cxms_lanes *could);
/** retirement waited from @from to @to for what @origin brings or takes */
void cxms_window_attribute_to(struct cxms_window *w, uint32_t origin, const struct cxms_lanes *from,
			      const struct cxms_lanes *to);
/** notes of who waits begin in a blank book, if not each is sorted at once */
void cxms_window_blank_book(struct cxms_window *w);
/** everybody in the full books is sorted */
void cxms_window_sort_books(struct cxms_window *w);
/** sorted uops up to now are forgotten, to make room in the ring */
void cxms_window_forget(struct cxms_window *w);
/** schedulers that are full: dispatch waits until one that waits has issued */
void cxms_window_leave(struct cxms_window *w);

/* window_sets.c */
/** a load or store of a set waits for the set's last store: *ready is moved */
void cxms_window_held(struct cxms_window *w, uint64_t pc, struct cxms_lanes *ready);
/** a store of a set is executed at @done */
void cxms_window_set_store(struct cxms_window *w, uint64_t pc, const struct cxms_lanes *done);
/** a load at @load ran before the store at @store that it meets, in the lanes of @where */
void cxms_window_met(struct cxms_window *w, uint64_t load, uint64_t store,
		     const struct cxms_lanes *where);

#endif

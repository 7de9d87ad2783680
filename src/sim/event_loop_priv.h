/* The event engine's own: who asks for lines in an epoch, and what is counted of them. */
#ifndef CXMS_SIM_EVENT_LOOP_PRIV_H
#define CXMS_SIM_EVENT_LOOP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/rng.h"
#include "sim/event_loop.h"

struct cxms_net;
struct cxms_solve_thread;

#define ONE_Q16 65536.0
/* One, as odds: 2^31. */
#define ODDS 2147483648.0
/* Quantiles of the exponential distribution, in 2^-16 of its mean. */
#define QUANTILES 1024u

/* Miss registers: a min-heap of the times at which those in use are free again. */
struct registers {
	uint64_t *free_ps;
	uint32_t n, most;
};

/* Which line comes next. One that is only written was stored past the caches. */
struct choice {
	uint32_t target;
	bool prefetched, waited_for, written;
};

/* One thread of the epoch. A turn is perhaps a line that it waits for in the end, and the others
 * that it fills meanwhile: a window goes on behind its oldest miss. */
struct worker {
	const struct cxms_solve_thread *thread;
	double turns;		  /* in the epoch */
	uint64_t own_off_ps;	  /* of off_ps, but for what its CPU does meanwhile */
	uint64_t off_ps, work_ps; /* means of a turn: not on the CPU or in the kernel; working */
	uint32_t queued_q16; /* waiting for a CPU that other programs hold, of the time on it */
	uint64_t walk_ps, mem_ps;
	uint32_t other_q16; /* lines beside the one waited for: mean of a turn */
	uint32_t own_q16;   /* share of the turns that end with a wait for a line of their own */
	uint32_t bare_q16;  /* share that end with a wait whose line was counted elsewhere */
	/* [3 * n_target] cumulative, of ODDS: others, on demand, ahead, only written */
	const uint32_t *pick;
	const uint32_t *pick_own, *pick_bare; /* [n_target] */
	const uint32_t *write_q16;	      /* [n_target] lines written back for one filled */
	const uint64_t *stall_ps;	      /* [n_target] exposed part of a wait at L_mem */
	uint64_t *last_ps;		      /* [n_target] latency of the last line */
};

/*
 * What asks for lines: a thread with a CPU of its own, or one of the CPUs on which threads of a
 * program take turns. There each turn is one of theirs, drawn as often as each has turns in its
 * predicted time: as many of them are at work at any time as there are CPUs.
 */
struct source {
	struct worker *worker; /* whose turn it is */
	struct worker *first;  /* of those who take turns here */
	uint32_t *odds;	       /* [n] cumulative, of ODDS */
	size_t n;
	double cpus;	   /* that they share; 0 = its own */
	uint64_t began_ps; /* this turn's time on the CPU; 0 = the first is still to come */
	uint32_t left;	   /* lines of this turn still to come; 0 = the turn is over */
	uint64_t slice_ps; /* mean work before each of them */
	bool own, bare;	   /* how this turn ends */
	bool opens;	   /* the next line is its first */
	uint64_t wait_ps;  /* at its end, for its own line; 0: that is still to come, or none */
	struct choice next;
	struct registers demand, all;
	struct cxms_rng rng;
};

/* What a source does next is due at a time; equal times go by number. */
struct due {
	uint64_t at_ps;
	uint32_t source;
};

/* What the counted lines of an epoch came to, by target. */
struct tally {
	uint64_t reads, latency_ps;
	uint64_t stores, stored_ps; /* past the caches */
	uint64_t waits, waited_ps;  /* those that a thread waited for, and how long they took */
	struct cxms_hist hist;
};

struct cxms_event_loop {
	const struct cxms_fabric *fabric;
	struct cxms_net *net;
	uint64_t seed, epoch;
	uint64_t now_ps; /* everything before is over */
	bool counts;
	uint64_t lines, counted, counted_ps;
	struct tally *tally;	 /* [target] of this epoch */
	struct cxms_hist *total; /* [target] */
	double *waited_ps;	 /* [target] of this epoch */
	uint64_t *newest_ps;	 /* [target] latency of the epoch's last line; 0 = none so far */
	uint32_t exp_q16[QUANTILES];
	struct worker *worker;
	struct source *source;
	struct due *heap;
	size_t n_worker, n_register;
	uint64_t begin_ps; /* of the epoch */
	size_t n, cap_worker, cap_source, cap_heap;
	uint32_t *odds; /* tables of all workers, then the odds of each program's */
	uint64_t *times, *registers;
	double *part; /* of one source */
	size_t cap_odds, cap_times, cap_registers, cap_part;
};

/** Room for every thread of @s that fills lines. 0 or -ENOMEM */
int event_make_room(struct cxms_event_loop *l, const struct cxms_solve *s);
/** The threads of @s that fill lines, as sources that begin after all that was; the heap is not in
 * order yet. Room was made. */
void event_set_sources(struct cxms_event_loop *l, const struct cxms_solve *s);
/** Time that @th takes of a CPU in which it runs for @cpu_ps: also while other programs have it. */
double event_busy_ps(const struct cxms_solve_thread *th, double cpu_ps);
/** @ps as the time between so many lines, within what the clock can take */
uint64_t event_pause_ps(double ps, double lines);

#endif

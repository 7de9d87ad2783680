/*
 * The closed loop of one epoch: how long threads take sets the load of each server, loads set
 * latencies, and latencies set how long threads take. MODELS: closed loop. S, n, T, R: its
 * notation.
 */
#ifndef CXMS_SIM_SOLVE_H
#define CXMS_SIM_SOLVE_H

#include <stddef.h>
#include <stdint.h>

struct cxms_fabric;

/**
 * struct cxms_demand - what one thread asks of one target in the epoch
 * @stall_ps, @waits: S and n
 * @spare_ps:   added to S + n (L - L_mem) on a target that is faster than the recording machine's
 *              memory: each instruction's waits end at none by themselves, not below
 * @reads, @writes: lines filled (R), lines written (W)
 * @prefetched: those of the reads that were fetched ahead of demand
 * @past:       those of the writes that were stored past the caches, through the miss registers
 * @own_ps:     what a line takes beyond the target's latency: the recording machine's own memory is
 *              as slow as the waits were judged to be (cxms_wait_spread()); else 0
 * @kernel_waits, @kernel_reads: those of waits and reads that are the kernel's, on pages of the
 *              program; none of them is prefetched
 */
struct cxms_demand {
	double stall_ps, waits;
	double spare_ps;
	double prefetched;
	double reads, writes;
	double past;
	double own_ps;
	double kernel_waits, kernel_reads;
};

/** struct cxms_solve_thread - one thread in the epoch; arrays by target */
struct cxms_solve_thread {
	double cpu_ps;	  /* T */
	double kernel_ps; /* the kernel's part of T, without its waits: no traffic stretches it */
	double wall_ps;	  /* length of the epoch */
	double queued_ps; /* part of it: not on a CPU, but waiting for one or for who has one */
	double taken_ps;  /* part of queued_ps: for one that another program has */
	uint32_t program; /* threads of one stand side by side, and hold each other's CPUs */
	double walk_ps;	  /* mean page walk beside each fill */
	double mem_ps;	  /* L_mem that the waits were judged with */
	/* lines that the thread can have in flight, on demand and in all: those of its core, or
	 * what it was seen to have where that is more */
	double demand_limit, all_limit;
	const struct cxms_demand *demand;
	double new_cpu_ps; /* out: T' */
	double bound_ps;   /* out: part of T' that only the limits of lines in flight force */
	double holders_ps, new_holders_ps; /* out: T and T' of the program's other threads */
};

struct cxms_solve_room;

/** struct cxms_solve - scratch and results of one closed loop */
struct cxms_solve {
	const struct cxms_fabric *fabric;
	struct cxms_solve_room *room; /* cxms_solve_room_new() of the fabric */
	size_t n_thread;
	struct cxms_solve_thread *thread;
	double *wait_ps;    /* [server] in: where to start; out: the solution */
	double *latency_ps; /* [target] out: loaded latency, mean of all lines */
	/* [target] out: mean of the lines that are waited for; NULL = that of all */
	const double *waited_ps;
	double *utilization; /* [target] out: of the busiest server on its path */
	double residual;     /* out: how far the last step moved a wait at most, relative */
	/* out: relative difference of the solutions that an idle and a saturated start lead to */
	double start_gap;
	unsigned sweeps; /* out: steps of all servers that it took */
};

#define CXMS_SOLVE_RESIDUAL   1e-6
#define CXMS_SOLVE_MAX_SWEEPS 200u

/** cxms_solve_room_new() - for epochs of at most @n_thread threads; NULL: out of memory */
struct cxms_solve_room *cxms_solve_room_new(const struct cxms_fabric *f, size_t n_thread);
void cxms_solve_room_free(struct cxms_solve_room *r);
/**
 * cxms_solve_epoch() - find the waits at which every server waits as its load says
 *
 * Formula: S' = max(0, S + spare + n (L - L_mem)) for each target, L with own_ps;
 *   T' is the longest of T + sum(S' - S),
 *   kernel + sum((R_demand + W_past) (L + walk))/demand_limit and
 *   kernel + sum(R (L + walk))/all_limit; a load is R/wall'.
 *   The kernel's own reads are not in these sums; its waits bound them: kernel = kernel_ps +
 *   sum(n_kernel L).
 * All servers step at once, each along its own secant, as long as the steps shrink. Where they do
 * not, one server after the other is solved by bracketing, the others fixed (Gauss-Seidel).
 * It starts at the waits given; where several servers are over half busy, at full servers as well.
 */
void cxms_solve_epoch(struct cxms_solve *s);
/** cxms_solve_held_ps() - of the time it waits for a CPU what the program's other threads hold it:
 * min(queued - taken, H), H the time of those threads; >= 0 */
double cxms_solve_held_ps(const struct cxms_solve_thread *th);
/**
 * cxms_solve_wall_ps() - how long the epoch takes for a thread at its new time on CPU
 * Formula: wall' = wall - T + T' + held (H'/H - 1) + (queued - held) (T'/T - 1), with H the time of
 *   the program's other threads and held = cxms_solve_held_ps().
 * While the thread waits for a CPU, the program's other threads hold it, and take longer as well,
 * on average by H'/H. What went to other programs, as the scheduler told or as it is beyond H,
 * comes again as often as the thread leaves its CPU. The time line has the same rule (timeline.c).
 */
double cxms_solve_wall_ps(const struct cxms_solve_thread *th);
/** cxms_solve_times() - the out fields of every thread, at the latencies of @s */
void cxms_solve_times(struct cxms_solve *s);
/** cxms_solve_latency_ps() - latency of target @t at the waits of @s */
double cxms_solve_latency_ps(const struct cxms_solve *s, size_t t);
/** cxms_solve_waited_ps() - latency of target @t for lines that are waited for. In the event engine
 * it is longer than the mean of all where lines come behind others of their own thread */
double cxms_solve_waited_ps(const struct cxms_solve *s, size_t t);

#endif

/* The closed loop of one epoch: times set loads, loads set latencies, latencies set times. */
#ifndef CXMS_SIM_SOLVE_H
#define CXMS_SIM_SOLVE_H

#include <stddef.h>
#include <stdint.h>

struct cxms_fabric;

/** struct cxms_demand - one thread on one target in the epoch */
struct cxms_demand {
	double stall_ps, waits; /* S, n */
	double spare_ps;	/* what S + n (L - L_mem) leaves out: waits fall to none each */
	double prefetched;	/* of reads: fetched ahead of demand */
	double reads, writes;	/* lines filled; lines written */
	double past;		/* of writes: stored past the caches, through the miss registers */
	/* what lines of the target take beyond its latency: the recording machine's own memory is
	 * as slow as the waits were judged to be (cxms_wait_spread()); else 0 */
	double own_ps;
	/* of waits and of reads: the kernel's, on the program's pages; none of prefetched */
	double kernel_waits, kernel_reads;
};

/** struct cxms_solve_thread - one thread in the epoch; arrays by target */
struct cxms_solve_thread {
	double cpu_ps;	  /* T */
	double kernel_ps; /* of T, but for kernel_waits: never bounded by user traffic */
	double wall_ps;	  /* length of the epoch */
	double queued_ps; /* of it, beside T: waiting for a CPU, or for who has one */
	uint32_t program; /* threads of one are neighbours, and hold each other's CPUs */
	double walk_ps;	  /* mean page walk beside each fill */
	double mem_ps;	  /* L_mem that the waits were judged with */
	/* lines the thread can have in flight: on demand, and in all; at least what it was seen to
	 * have */
	double demand_limit, all_limit;
	const struct cxms_demand *demand;
	double new_cpu_ps; /* out: T' */
	double bound_ps;   /* out: of T', time beyond the latency term that the miss registers force
			    */
	double holders_ps, new_holders_ps; /* out: T and T' of the program's other threads */
};

struct cxms_solve_room;

/** struct cxms_solve - scratch and results of one closed loop */
struct cxms_solve {
	const struct cxms_fabric *fabric;
	struct cxms_solve_room *room; /* cxms_solve_room_new() of the fabric */
	size_t n_thread;
	struct cxms_solve_thread *thread;
	double *wait_ps;    /* [server] in: starting point; out: solution */
	double *latency_ps; /* [target] out: loaded latency */
	/* [target] out: of the lines that are waited for; NULL: that of all */
	const double *waited_ps;
	double *utilization; /* [target] out: of the busiest server on its path */
	double residual;     /* out: relative */
	double start_gap; /* out: relative difference of the solutions from idle and from saturated
			   */
	unsigned sweeps;  /* out */
};

#define CXMS_SOLVE_RESIDUAL   1e-6
#define CXMS_SOLVE_MAX_SWEEPS 200u

/** cxms_solve_room_new() - for epochs of at most @n_thread threads; NULL: out of memory */
struct cxms_solve_room *cxms_solve_room_new(const struct cxms_fabric *f, size_t n_thread);
void cxms_solve_room_free(struct cxms_solve_room *r);
/**
 * cxms_solve_epoch() - the waits at which every server's wait is that of its load
 * Formula: MODELS, closed loop. S' = max(0, S + spare + n (L - L_mem)) for each target, L with
 *   own_ps;
 *   T' = max(T + sum(S' - S), kernel + sum((R_demand + W_past) (L + walk))/demand_limit,
 *   kernel + sum(R (L + walk))/all_limit); load = R/wall'. The kernel's own reads are
 *   bounded by its waits: they are not in these sums, and kernel = kernel_ps + sum(n_kernel L).
 * All servers step at once, each along its own secant, while the steps shrink; else Gauss-Seidel,
 * each server by bracketing with the others fixed, until they do.
 * Starting points: the waits given; where several servers are over half busy the saturated start
 * too.
 */
void cxms_solve_epoch(struct cxms_solve *s);
/**
 * cxms_solve_wall_ps() - length of the epoch for a thread at its new time
 * Formula: wall' = wall - T + T' + held (H'/H - 1) + (queued - held) (T'/T - 1), with H the time of
 * the program's other threads and held = min(queued, H): who has the CPU meanwhile takes that much
 * longer, on average; what is beyond their time went to other programs, and comes again as often as
 * the thread leaves its CPU. The time line has the same rule (timeline.c)
 */
double cxms_solve_wall_ps(const struct cxms_solve_thread *th);
/** the results of every thread at the latencies of @s */
void cxms_solve_times(struct cxms_solve *s);
/** latency of target @t at the waits of @s */
double cxms_solve_latency_ps(const struct cxms_solve *s, size_t t);
/** latency of target @t that a wait takes; in the event engine a line that comes behind others of
 * its own thread takes longer than their mean */
double cxms_solve_waited_ps(const struct cxms_solve *s, size_t t);

#endif

/* How much chance in the samples moves the time of a cell, to first order. */
#ifndef CXMS_SIM_NOISE_H
#define CXMS_SIM_NOISE_H

#include <stddef.h>

struct cxms_demand;
struct cxms_solve;
struct cxms_solve_thread;

/** struct cxms_noise - one cell, of all samples or of the half that is judged */
struct cxms_noise {
	double cpu_ns; /* T' */
	/* at the latencies that were found: */
	double square_ns2;  /* variance of T' */
	double with_waits;  /* covariance of T' and the number of waits, ns */
	double per_wait_ns; /* what one more wait adds, mean over its waits */
	double waits_ns;    /* what all its waits add */
	/* dT'/dx where the waits of all threads grow by (1 + x), by what latencies do alone */
	double answer_ns;
};

/** struct cxms_noise_sums - over the targets of a cell; the caller zeroes all but samples */
struct cxms_noise_sums {
	double samples; /* on CPU in the cell, drawn or not; 0 = not known */
	double waits, time_ps, square_waits, square_ps, square_ps2;
};

/**
 * cxms_noise_add() - add one target of the cell, as it was solved
 * @square_waits: sum over samples of the waits that each stands for, squared
 */
void cxms_noise_add(const struct cxms_solve_thread *th, const struct cxms_demand *d,
		    double latency_ps, double square_waits, struct cxms_noise_sums *sums);
/** struct cxms_noise_room - scratch of cxms_noise_gains(): a copy of what is solved */
struct cxms_noise_room {
	struct cxms_demand *demand;    /* [thread][target] */
	double *wait_ps, *utilization; /* [server], [target] */
	double *before_ps;	       /* [thread] */
	double *gain;		       /* [thread] out */
};
/**
 * cxms_noise_gains() - how much more the time of each thread grows with the waits of all threads
 * than it would at fixed latencies; to room->gain
 * @s:      solved; only residual, start_gap and sweeps of it change
 * @demand: of all its threads, writable
 * Where servers are busy, all waits are raised by a 64th and it is solved again; elsewhere it is 1.
 */
void cxms_noise_gains(struct cxms_solve *s, struct cxms_demand *demand,
		      struct cxms_noise_room *room);
/**
 * cxms_noise_close() - add @part of the epoch to the cell's noise
 * @gain: of cxms_noise_gains()
 *
 * The n samples of a cell fall on what it does by chance, so a sum of x over them has the variance
 * sum(x^2) - (sum x)^2/n (multinomial). x of a sample is its waits times what one of them adds at
 * the latencies found: L - L_mem, or its lines' share of the bound by miss registers.
 */
void cxms_noise_close(const struct cxms_noise_sums *sums, double gain, double part,
		      struct cxms_noise *out);

#endif

/* The closed loop of one epoch by events: threads as generators of requests on one network. */
#ifndef CXMS_SIM_EVENT_LOOP_H
#define CXMS_SIM_EVENT_LOOP_H

#include <stdint.h>

struct cxms_err;
struct cxms_event_loop;
struct cxms_fabric;
struct cxms_hist;
struct cxms_solve;

/*
 * Lines simulated of one epoch: first those that fill the queues, not counted; then blocks until
 * the mean latency over all of them moves by less than CXMS_EVENT_STEADY with the last, at most
 * BLOCKS. Waits of neighbouring lines hang together, so a block of 2048 has about 100 independent
 * ones: with waits as large as the idle latency its mean is good to 5 %, that of four to 2.5 %. The
 * times are what a typical device or a curve looks back over: a mean that forgets with eight
 * buckets of 262 ns or more.
 */
#define CXMS_EVENT_FILL	    4096u
#define CXMS_EVENT_BLOCK    2048u
#define CXMS_EVENT_FILL_PS  UINT64_C(10000000)
#define CXMS_EVENT_BLOCK_PS UINT64_C(4000000)
#define CXMS_EVENT_BLOCKS   16u
#define CXMS_EVENT_STEADY   0.002

/** @fabric: borrowed. 0 or -ENOMEM. Owner: _free() */
int cxms_event_loop_new(const struct cxms_fabric *fabric, uint64_t seed,
			struct cxms_event_loop **out, struct cxms_err *err);
void cxms_event_loop_free(struct cxms_event_loop *l);
/**
 * cxms_event_loop_epoch() - what cxms_solve_epoch() does, from a simulated sample of the requests
 * @s: in and out as there; wait_ps, residual, start_gap and sweeps are not used
 *
 * Each thread is a closed loop: per exposed wait it works (exponential, of the mean that its time
 * leaves), asking first for the line that it will wait for and then for its others, each as soon as
 * a miss register is free, and then waits as long as the epoch engine would: S/n + latency - L_mem.
 * Threads that wait for each other's CPUs take turns on as many as their time fills. Latencies are
 * the means seen, of all lines and of those waited for; times follow from them by the same formula
 * (cxms_solve_times()). Return: 0 or -ENOMEM
 */
int cxms_event_loop_epoch(struct cxms_event_loop *l, struct cxms_solve *s, struct cxms_err *err);
/** latencies of the reads of a target over all epochs so far, ps, each epoch by its lines */
const struct cxms_hist *cxms_event_loop_hist(const struct cxms_event_loop *l, uint32_t target);
/** cxms_net_check() of the network. 0 or -EPROTO */
int cxms_event_loop_check(const struct cxms_event_loop *l, struct cxms_err *err);

#endif

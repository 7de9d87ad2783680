/* Why each slice began when it did: who woke its thread, who had the CPU before, or nobody. */
#ifndef CXMS_SIM_WAKES_H
#define CXMS_SIM_WAKES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_recording;

/*
 * From the waker's call to the waiter's first instruction: an interrupt to an idle CPU of a guest
 * took 10 to 60 us, and a loaded one can keep it longer.
 */
#define CXMS_ASSUMED_WAKE_NS 200000u

enum cxms_why {
	CXMS_WHY_KEPT,	 /* so and so long after the slice before: sleep, I/O */
	CXMS_WHY_UNTIL,	 /* at a time of the clock */
	CXMS_WHY_WAKER,	 /* thread @by did something */
	CXMS_WHY_CPU,	 /* thread @by left the CPU */
	CXMS_WHY_QUEUED, /* another program left the CPU */
};

/** struct cxms_step - one slice */
struct cxms_step {
	uint64_t start_ns, end_ns; /* within the thread's life */
	uint32_t thread, by;
	uint8_t why;	/* enum cxms_why */
	bool joins;	/* WAKER: it waited for all its children that have ended */
	uint16_t meets; /* WAKER: so many steps from here on are of threads that meet at a barrier,
			   and with @by; 0 = no barrier, or counted before */
};

/** struct cxms_wakes - zeroed is none: slices that are not the scheduler's tell nothing */
struct cxms_wakes {
	size_t n;
	struct cxms_step *step;	      /* by start */
	uint32_t *by_birth, *by_exit; /* threads in that order */
};

/**
 * cxms_wakes_build() - find who woke whom
 *
 * A thread that left its CPU while it could have gone on, or was just born, waits for the CPU. One
 * that blocked was woken by a thread on CPU within CXMS_ASSUMED_WAKE_NS before it came back, if
 * any: of several by the one that was there more often, at this thread's returns, than its time on
 * CPU explains; one that has just left its CPU itself counts double, a child that has just ended
 * fourfold. A futex wait without timeout and a wait for a child, where nobody was there that lately
 * (the CPU was not free for who came back), were ended by the last thread that left its CPU
 * meanwhile. Sleep and I/O, where the system call was seen, are kept; where it was not, waits that
 * repeat, and that neither who was on CPU nor who had just left explains, are taken for sleep.
 * Several threads woken at once by one, or two that wake each other in turn, meet at a barrier.
 * Return: 0 or -ENOMEM; cxms_wakes_fini()
 */
int cxms_wakes_build(const struct cxms_recording *rec, struct cxms_wakes *out,
		     struct cxms_err *err);
void cxms_wakes_fini(struct cxms_wakes *w);

#endif

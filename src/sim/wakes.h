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
	CXMS_WHY_KEPT,	 /* sleep or I/O: so much time after the slice before */
	CXMS_WHY_UNTIL,	 /* at a time of the clock */
	CXMS_WHY_WAKER,	 /* thread @by woke it */
	CXMS_WHY_CPU,	 /* thread @by left the CPU */
	CXMS_WHY_QUEUED, /* another program left the CPU */
};

/** struct cxms_step - one slice */
struct cxms_step {
	uint64_t start_ns, end_ns; /* within the thread's life */
	uint32_t thread, by;
	uint8_t why; /* enum cxms_why */
	bool joins;  /* WAKER: it had waited for all its children that ended by then */
	/* WAKER: the threads of so many steps from this one on meet each other and @by at a
	 * barrier; 0 = there is none, or this step belongs to an earlier count */
	uint16_t meets;
};

/** struct cxms_wakes - zeroed: nothing is known, as slices are not the scheduler's */
struct cxms_wakes {
	size_t n;
	struct cxms_step *step;	      /* by start */
	uint32_t *by_birth, *by_exit; /* threads in that order */
};

/**
 * cxms_wakes_build() - find who woke whom
 *
 * - A thread that was preempted, or was just born, waits for the CPU.
 * - One that blocked was woken by a thread that was on CPU within CXMS_ASSUMED_WAKE_NS before it
 *   came back, if there was one. Of several it is the one that was there at this thread's returns
 *   more often than its time on CPU explains; one that has just left its CPU counts double, a child
 *   that has just ended fourfold.
 * - A futex wait without a time-out, a wait for a pipe or event descriptor, and one for a child
 * were ended by somebody. Where no thread was on CPU that lately (the woken one had to wait for a
 * CPU), it was the last that left its CPU meanwhile. Of waits of which no call was seen that is
 * said of a thread that had woken this one before, and was there more often than by chance.
 * - Sleep and I/O that the system call tells are kept. Where no call was seen, waits that repeat,
 *   and that neither who was on CPU nor who had just left explains, are taken for sleep.
 * - Several threads that one wakes at once, or two that wake each other in turn, meet at a barrier.
 * Return: 0 or -ENOMEM. Owner: cxms_wakes_fini()
 */
int cxms_wakes_build(const struct cxms_recording *rec, struct cxms_wakes *out,
		     struct cxms_err *err);
void cxms_wakes_fini(struct cxms_wakes *w);

#endif

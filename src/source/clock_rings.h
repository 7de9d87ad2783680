/* The perf events of the sampling sources: three per CPU and those of the hardware, each with its
 * ring. */
#ifndef CXMS_SOURCE_CLOCK_RINGS_H
#define CXMS_SOURCE_CLOCK_RINGS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "source/order.h"
#include "source/perf_attr.h"
#include "source/perf_ring.h"

struct cxms_err;
struct cxms_hw_event;
struct cxms_hw_plan;
struct cxms_warnings;

struct cxms_clock_ring {
	int fd;
	enum cxms_perf_event event;	/* with hw: SIDE, whose records but samples are alike */
	const struct cxms_hw_event *hw; /* accesses sampled by it; NULL = one of ours */
	int leader_fd;			/* of hw's group; -1 = none */
	unsigned cpu;
	struct cxms_perf_ring ring;
};
/** struct cxms_clock_rings - zeroed is empty; ring[i] feeds stream i of the order */
struct cxms_clock_rings {
	struct cxms_clock_ring *ring;
	unsigned n, cap;
	size_t most_bytes;   /* size of a ring of faults; none is larger */
	size_t hw_bytes;     /* of a ring of accesses */
	struct pollfd *poll; /* n rings, then two descriptors of the caller */
};

/**
 * cxms_clock_rings_open() - events on @pid and what it will fork, on every CPU, off until its exec
 * @hw: accesses to sample as well, on the CPUs that have their PMU; borrowed until close
 * Rings begin at 4 MiB, those of samples at what four seconds need, those of accesses at less where
 * there are many CPUs. They shrink to fit the memory-lock quota, those of accesses first, down to
 * 32 KiB, with a warning.
 * Return: 0, -EACCES, -EPERM or -ENOSYS (perf is refused, with the remedy), -ENOMEM, -EMFILE
 */
int cxms_clock_rings_open(struct cxms_clock_rings *r, pid_t pid, uint64_t period_ns,
			  const struct cxms_hw_plan *hw, struct cxms_warnings *warnings,
			  struct cxms_err *err);
/** each page fault from now on, or one in CXMS_THIN_PERIOD, which side records bring in any case */
void cxms_clock_rings_record_faults(const struct cxms_clock_rings *r, bool each);
/** wait until a ring is a quarter full, or one of two descriptors (-1 = none) is readable, or the
 * time is over */
void cxms_clock_rings_wait(struct cxms_clock_rings *r, int fd_a, int fd_b, int timeout_ms);
/**
 * cxms_clock_rings_stopped() - an event of accesses that the kernel has stopped; NULL = none
 * They are pinned: one that finds its counter taken is stopped for good, and reads as at its end.
 */
const struct cxms_clock_ring *cxms_clock_rings_stopped(const struct cxms_clock_rings *r);
/** move what the rings hold into @order, and give the room back */
int cxms_clock_rings_drain(struct cxms_clock_rings *r, struct cxms_order *order,
			   struct cxms_err *err);
void cxms_clock_rings_close(struct cxms_clock_rings *r);

#endif

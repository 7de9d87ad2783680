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
	bool was_half_full; /* when it was drained: records may have found no room */
	uint64_t lost_seen; /* records without room, by the kernel's records of them */
	uint64_t lost_told; /* of them put into the order */
};
/** struct cxms_clock_rings - zeroed is empty; ring[i] feeds stream i of the order */
struct cxms_clock_rings {
	struct cxms_clock_ring *ring;
	unsigned n, cap;
	size_t most_bytes;    /* size of a ring of faults; none is larger */
	size_t hw_bytes;      /* of a ring of accesses */
	uint64_t read_format; /* of all events; 0: the kernel counts nothing that rings lost */
	struct pollfd *poll;  /* n rings, then two descriptors of the caller */
};

/**
 * cxms_clock_rings_first_bytes() - of a ring of faults, to begin with, where @n_cpu CPUs are online
 *
 * The program waits for the memory of all rings before it starts: 0.18 ms a MiB (KVM guest, AMD Zen
 * 4), which with 4 MiB each would be a tenth of a second with 128 CPUs. Together they take 64 MiB
 * at most, of up to 512 CPUs; of more 128 KiB each.
 *
 * Return: a power of two, 128 KiB .. 4 MiB
 */
size_t cxms_clock_rings_first_bytes(unsigned n_cpu);
/**
 * cxms_clock_rings_open() - events on @pid and what it will fork, on every CPU, off until its exec
 * @hw: accesses to sample as well, on the CPUs that have their PMU; borrowed until close
 * Rings begin at 4 MiB, with many CPUs at less, those of samples at what four seconds need if that
 * is less. They shrink to fit the memory-lock quota, those of accesses first, down to 32 KiB, with
 * a warning.
 *
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
/**
 * cxms_clock_rings_drain() - move what the rings hold into @order, and give the room back
 * A LOST record of none stands behind the last fault of a ring that had no room for another.
 */
int cxms_clock_rings_drain(struct cxms_clock_rings *r, struct cxms_order *order,
			   struct cxms_err *err);
/**
 * cxms_clock_rings_tell_lost() - drain for the last time, with LOST records for what rings had no
 * room for and no record has told
 * The kernel tells of it in front of the next record, and behind the program's end none comes:
 * events are asked, before Linux 6.0 rings that were half full are given one record more.
 */
int cxms_clock_rings_tell_lost(struct cxms_clock_rings *r, struct cxms_order *order,
			       struct cxms_err *err);
/** cxms_clock_rings_count_faults() - page faults since the program's exec, recorded or not; those
 * of tasks that have ended */
uint64_t cxms_clock_rings_count_faults(const struct cxms_clock_rings *r);
void cxms_clock_rings_close(struct cxms_clock_rings *r);

#endif

/* A perf ring buffer: records out of shared memory, each whole, however it wraps around. */
#ifndef CXMS_SOURCE_PERF_RING_H
#define CXMS_SOURCE_PERF_RING_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;

/** largest record the kernel can write (its size field has 16 bits) */
#define CXMS_PERF_RECORD_MAX 65536u

struct cxms_perf_ring {
	struct perf_event_mmap_page *page; /* NULL = not open */
	const uint8_t *data;
	uint64_t mask;	     /* data bytes - 1, a power of two less one */
	size_t map_bytes;    /* of the mapping; 0 = memory of the caller */
	uint64_t head, tail; /* what this round saw; how far it was read */
	uint8_t *bounce;     /* of CXMS_PERF_RECORD_MAX: a record that wraps around */
};

/**
 * cxms_perf_ring_open() - map the ring of an event
 * @data_bytes: a power of two, at least one page
 * Return: 0, or -EPERM (over the memory-lock quota), -ENOMEM
 */
int cxms_perf_ring_open(struct cxms_perf_ring *r, int fd, size_t data_bytes, struct cxms_err *err);
/** over memory of the caller, for tests: @data of @data_bytes, a power of two */
int cxms_perf_ring_attach(struct cxms_perf_ring *r, struct perf_event_mmap_page *page,
			  const void *data, size_t data_bytes, struct cxms_err *err);
/** begin a round: records written up to now will be seen */
void cxms_perf_ring_begin(struct cxms_perf_ring *r);
/**
 * cxms_perf_ring_next() - the next record of the round, borrowed until the next call
 * A header that cannot be (shorter than itself, not a multiple of 8, longer than what was written)
 * ends the round and gives up the rest of it: *bad is then set. Return: NULL when none is left
 */
const struct perf_event_header *cxms_perf_ring_next(struct cxms_perf_ring *r, bool *bad);
/** end a round: the kernel may overwrite what was read */
void cxms_perf_ring_end(struct cxms_perf_ring *r);
void cxms_perf_ring_close(struct cxms_perf_ring *r);

#endif

/* A server that is asked in the order of time: the next begins when the last is through. */
#ifndef CXMS_MEM_FIFO_H
#define CXMS_MEM_FIFO_H

#include <stdint.h>

/** struct cxms_fifo - zeroed is idle; sums as of struct cxms_calendar */
struct cxms_fifo {
	uint64_t free_ps; /* end of the last service */
	uint64_t busy_ps, bytes, requests, wait_ps;
};

/**
 * cxms_fifo_take() - serve @bytes for @service_ps at @at_ps or when the last is through
 * One that comes before the last did is served after it all the same.
 * Return: how long it waited, ps
 */
static inline uint64_t cxms_fifo_take(struct cxms_fifo *f, uint64_t at_ps, uint64_t service_ps,
				      uint32_t bytes)
{
	uint64_t start = f->free_ps > at_ps ? f->free_ps : at_ps;
	f->free_ps = start + service_ps;
	f->busy_ps += service_ps;
	f->bytes += bytes;
	f->requests++;
	f->wait_ps += start - at_ps;
	return start - at_ps;
}

#endif

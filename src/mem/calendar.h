/* A server's time in slots: who comes when, in any order, finds the first time with room. */
#ifndef CXMS_MEM_CALENDAR_H
#define CXMS_MEM_CALENDAR_H

#include <stdint.h>

struct cxms_err;

/* A slot lasts two services of a line, so that requests which meet wait for each other, but is not
 * so short that the ring forgets threads that lag behind. */
#define CXMS_CALENDAR_SLOT_MIN_PS 16000u
#define CXMS_CALENDAR_SLOT_MAX_PS 1000000000u
#define CXMS_CALENDAR_SLOTS	  131072u /* 2 ms or more: how far back a request may lie */

/** struct cxms_calendar - one server that passes so many bytes a second */
struct cxms_calendar {
	uint64_t ps_per_byte_q16;    /* 0 = unbounded: nothing ever waits */
	uint64_t latest;	     /* highest slot used so far */
	uint64_t full_from, full_to; /* slots known to be full: [from, to) */
	uint32_t slot_ps;
	uint32_t *slot;	   /* [CXMS_CALENDAR_SLOTS] turn of the ring that stands there */
	uint32_t *used_ps; /* of it */
	uint64_t busy_ps, bytes, requests, wait_ps; /* sums */
	uint64_t late; /* requests before what is remembered: served without waiting */
};

/** @bytes_per_s: capacity; 0 or UINT64_MAX = unbounded. 0 or -ENOMEM. Owner: _fini() */
int cxms_calendar_init(struct cxms_calendar *c, uint64_t bytes_per_s, struct cxms_err *err);
void cxms_calendar_fini(struct cxms_calendar *c);
/**
 * cxms_calendar_take() - serve @bytes at @at_ps or as soon after as there is room
 * Requests may come in any order within CXMS_CALENDAR_SLOTS slots; one that lies further back finds
 * the server free. Within a slot the order does not matter.
 * Return: how long it waited, ps; never more is served in a slot than fits.
 */
uint64_t cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes);

#endif

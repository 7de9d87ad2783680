/* A server's time in slots: who comes when, in any order, finds the first time with room. */
#ifndef CXMS_MEM_CALENDAR_H
#define CXMS_MEM_CALENDAR_H

#include <stdint.h>

struct cxms_err;

/* A slot is a power of two that lasts at least two services of a line, so that one cache line holds
 * what meets, but not so short that the ring forgets threads that lag behind. */
#define CXMS_CALENDAR_SLOT_MIN_BITS 14u	    /* 16 ns */
#define CXMS_CALENDAR_SLOT_MAX_BITS 30u	    /* 1 ms */
#define CXMS_CALENDAR_SLOTS	    131072u /* 2 ms or more: how far back a request may lie */

/* What is taken of a slot: @used ps in all, the last of them without a gap from begin to end. */
struct cxms_calendar_slot {
	uint32_t turn; /* of the ring that stands here */
	uint32_t used_ps;
	uint32_t begin_ps; /* full slots: slots from here to the next that may have room */
	uint32_t end_ps;
};

/** struct cxms_calendar - one server that passes so many bytes a second */
struct cxms_calendar {
	uint64_t ps_per_byte_q16; /* 0 = no rate: nothing ever waits, or services are in ps */
	uint64_t first, latest;	  /* slots remembered: latest is the highest used so far */
	uint32_t slot_ps, slot_bits;
	uint32_t ring_bits, most_bits;	 /* log2 of the slots: now, at most */
	struct cxms_calendar_slot *slot; /* [1 << ring_bits]; NULL = unbounded */
	/* nobody will ask for a time before it any more; borrowed, set by the owner behind init;
	 * NULL = not known. Only saves room. */
	const uint64_t *past_ps;
	uint64_t busy_ps, bytes, requests, wait_ps; /* sums */
	uint64_t late; /* requests before what is remembered: served without waiting */
};

/** @bytes_per_s: capacity; 0 or UINT64_MAX = unbounded. 0 or -ENOMEM. Owner: _fini() */
int cxms_calendar_init(struct cxms_calendar *c, uint64_t bytes_per_s, struct cxms_err *err);
/**
 * cxms_calendar_init_ps() - a server asked by cxms_calendar_take_ps()
 * @service_ps: the usual service, > 0
 * @ring_bits:  log2 of the slots remembered, 1..17; there are fewer as long as they suffice
 * Return: 0 or -ENOMEM. Owner: _fini()
 */
int cxms_calendar_init_ps(struct cxms_calendar *c, uint64_t service_ps, uint32_t ring_bits,
			  struct cxms_err *err);
/** the same as cxms_calendar_init() with a shorter memory: @ring_bits slots, log2, 1..17 */
int cxms_calendar_init_ring(struct cxms_calendar *c, uint64_t bytes_per_s, uint32_t ring_bits,
			    struct cxms_err *err);
void cxms_calendar_fini(struct cxms_calendar *c);
/**
 * cxms_calendar_take() - serve @bytes at @at_ps or as soon after as there is room
 * Requests that come in order are served exactly as by a first-come queue. They may come in any
 * order within the slots remembered; one that lies further back finds the server free. One that
 * comes late takes the gaps that are left, several if need be.
 * Return: how long it waited, ps; never more is served in a slot than fits.
 */
uint64_t cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes);
/** how long from @at_ps until there is room, ps; 0 where nothing bounds it, or for what lies too
 * far back */
uint64_t cxms_calendar_backlog_ps(struct cxms_calendar *c, uint64_t at_ps);
/** cxms_calendar_take() for a service of @service_ps, which may be longer than a slot */
uint64_t cxms_calendar_take_ps(struct cxms_calendar *c, uint64_t at_ps, uint64_t service_ps);

#endif

#include "mem/calendar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"

#define RING_BITS 17u
/* Remembered at first, as long as nothing newer is forgotten for it: so short a ring stays in the
 * caches. */
#define RING_BITS_FIRST 6u
_Static_assert(1u << RING_BITS == CXMS_CALENDAR_SLOTS, "a power of two");

int cxms_calendar_init_ps(struct cxms_calendar *c, uint64_t service_ps, uint32_t ring_bits,
			  struct cxms_err *err)
{
	*c = (struct cxms_calendar){.slot_bits = CXMS_CALENDAR_SLOT_MIN_BITS,
				    .ring_bits = ring_bits < RING_BITS_FIRST ? ring_bits
									     : RING_BITS_FIRST,
				    .most_bits = ring_bits};
	while (c->slot_bits < CXMS_CALENDAR_SLOT_MAX_BITS && 1ull << c->slot_bits < 2 * service_ps)
		c->slot_bits++;
	c->slot_ps = 1u << c->slot_bits;
	c->slot = calloc((size_t)1 << c->ring_bits, sizeof(*c->slot));
	return c->slot ? 0 : cxms_fail(err, ENOMEM, "out of memory");
}

int cxms_calendar_init(struct cxms_calendar *c, uint64_t bytes_per_s, struct cxms_err *err)
{
	return cxms_calendar_init_ring(c, bytes_per_s, RING_BITS, err);
}

int cxms_calendar_init_ring(struct cxms_calendar *c, uint64_t bytes_per_s, uint32_t ring_bits,
			    struct cxms_err *err)
{
	*c = (struct cxms_calendar){0};
	if (bytes_per_s == 0 || bytes_per_s == UINT64_MAX)
		return 0;
	uint64_t q16 = ((CXMS_PS_PER_S << 16) + bytes_per_s / 2) / bytes_per_s;
	int rc = cxms_calendar_init_ps(c, (CXMS_LINE_BYTES * q16) >> 16, ring_bits, err);
	c->ps_per_byte_q16 = q16;
	return rc;
}

void cxms_calendar_fini(struct cxms_calendar *c)
{
	free(c->slot);
	*c = (struct cxms_calendar){0};
}

static size_t index_of(const struct cxms_calendar *c, uint64_t number)
{
	return number & ((1ull << c->ring_bits) - 1);
}

/* May what stands in the slot at @index still be asked for? */
static bool is_needed(const struct cxms_calendar *c, size_t index)
{
	const struct cxms_calendar_slot *s = &c->slot[index];
	uint64_t number = ((uint64_t)s->turn << c->ring_bits) + index;
	return s->used_ps > 0 && (!c->past_ps || (number + 1) << c->slot_bits > *c->past_ps);
}

/* Twice the slots; those that are used keep their times. Without memory for it all stays as it is.
 */
static bool remember_more(struct cxms_calendar *c)
{
	struct cxms_calendar more = *c;
	more.ring_bits++;
	more.slot = calloc((size_t)1 << more.ring_bits, sizeof(*more.slot));
	for (size_t i = 0; more.slot && i < (size_t)1 << c->ring_bits; i++) {
		struct cxms_calendar_slot s = c->slot[i];
		uint64_t number = ((uint64_t)s.turn << c->ring_bits) + i;
		s.turn = (uint32_t)(number >> more.ring_bits);
		more.slot[index_of(&more, number)] = s;
	}
	if (!more.slot)
		return false;
	free(c->slot);
	*c = more;
	return true;
}

/* Is a slot behind the latest, and nothing needed that may stand where it belongs? It is taken over
 * unread, as it is in no cache. */
static bool is_fresh(const struct cxms_calendar *c, uint64_t number)
{
	uint64_t ring = 1ull << c->ring_bits;
	return number > c->latest &&
	       (c->ring_bits >= c->most_bits || number < ring ||
		(c->past_ps && (number - ring + 1) << c->slot_bits <= *c->past_ps));
}

/* A slot that stands for another time is taken over, unless that is needed and there is room to
 * remember more: then the slots move. */
static struct cxms_calendar_slot *take_over(struct cxms_calendar *c, uint64_t number)
{
	struct cxms_calendar_slot *s = &c->slot[index_of(c, number)];
	uint32_t turn = (uint32_t)(number >> c->ring_bits);
	while (c->ring_bits < c->most_bits && !is_fresh(c, number) && s->turn != turn &&
	       is_needed(c, index_of(c, number)) && remember_more(c)) {
		s = &c->slot[index_of(c, number)];
		turn = (uint32_t)(number >> c->ring_bits);
	}
	if (number > c->latest || s->turn != turn)
		*s = (struct cxms_calendar_slot){.turn = turn};
	return s;
}

static inline struct cxms_calendar_slot *slot_at(struct cxms_calendar *c, uint64_t number)
{
	struct cxms_calendar_slot *s = &c->slot[index_of(c, number)];
	if (number <= c->latest && s->turn == (uint32_t)(number >> c->ring_bits))
		return s;
	return take_over(c, number);
}

/* The first slot from @number on that is not full. A full slot knows how far it was the last time,
 * so a backlog is passed in few steps. */
static uint64_t next_open(struct cxms_calendar *c, uint64_t number)
{
	uint64_t from = number;
	const struct cxms_calendar_slot *s = slot_at(c, number);
	while (s->used_ps == c->slot_ps) {
		number += s->begin_ps;
		s = slot_at(c, number);
	}
	if (number != from && number - from < 1ull << c->ring_bits)
		slot_at(c, from)->begin_ps = (uint32_t)(number - from);
	return number;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Serves up to @rest ps from @from on within a slot. Idle time before the last stretch is known as
 * a sum only: what of it lies behind @from is assumed to be free as far as the sum allows. *@end:
 * where the service ended. Return: what is left to serve.
 */
static uint64_t serve(struct cxms_calendar_slot *s, uint64_t slot_ps, uint64_t from, uint64_t rest,
		      uint64_t *end)
{
	if (from < s->begin_ps) {
		uint64_t before = s->begin_ps, idle = s->end_ps - s->used_ps, gap = before - from;
		uint64_t take = least(rest, least(idle, gap));
		s->used_ps += (uint32_t)take;
		s->begin_ps = take == gap ? (uint32_t)from : s->begin_ps;
		rest -= take;
		if (rest == 0) {
			uint64_t wait = take * (before - idle) / (2 * idle);
			*end = least(from + take + wait, before);
			return 0;
		}
	}
	uint64_t start = from > s->end_ps ? from : s->end_ps;
	uint64_t take = least(rest, slot_ps - start);
	if (take == 0)
		return rest;
	if (start > s->end_ps || s->used_ps == 0)
		s->begin_ps = (uint32_t)start;
	s->end_ps = (uint32_t)(start + take);
	s->used_ps += (uint32_t)take;
	*end = start + take;
	return rest - take;
}

uint64_t cxms_calendar_backlog_ps(struct cxms_calendar *c, uint64_t at_ps)
{
	uint64_t number = at_ps >> c->slot_bits, from = at_ps & (c->slot_ps - 1);
	if (!c->slot || number < c->first || number > c->latest)
		return 0;
	uint64_t open = next_open(c, number);
	const struct cxms_calendar_slot *s = slot_at(c, open);
	if (open != number)
		return (open << c->slot_bits) + (s->begin_ps ? 0 : s->end_ps) - at_ps;
	return s->begin_ps <= from && from < s->end_ps ? s->end_ps - from : 0;
}

static void note_latest(struct cxms_calendar *c, uint64_t number)
{
	uint64_t ring = 1ull << c->most_bits;
	c->latest = number;
	c->first = number < ring ? 0 : number - ring + 1;
}

static uint64_t wait_for(struct cxms_calendar *c, uint64_t at_ps, uint64_t service)
{
	uint64_t number = at_ps >> c->slot_bits, from = at_ps & (c->slot_ps - 1), end = 0;
	if (number < c->first) {
		c->late++;
		return 0;
	}
	for (uint64_t rest = service;; number++, from = 0) {
		uint64_t open = next_open(c, number);
		struct cxms_calendar_slot *s = slot_at(c, open);
		from = open == number ? from : 0;
		number = open;
		rest = serve(s, c->slot_ps, from, rest, &end);
		if (s->used_ps == c->slot_ps)
			s->begin_ps = 1;
		if (rest == 0)
			break;
	}
	if (number > c->latest)
		note_latest(c, number);
	end += number << c->slot_bits;
	return end > at_ps + service ? end - at_ps - service : 0;
}

/* The first in a slot that is_fresh(): written without a look at what stood there. */
static void begin_slot(struct cxms_calendar *c, uint64_t number, uint64_t from, uint64_t service)
{
	c->slot[index_of(c, number)] =
		(struct cxms_calendar_slot){.turn = (uint32_t)(number >> c->ring_bits),
					    .used_ps = (uint32_t)service,
					    .begin_ps = (uint32_t)from,
					    .end_ps = (uint32_t)(from + service)};
	note_latest(c, number);
}

/* What most requests find: room in one slot behind all that is there. */
static inline bool fits(struct cxms_calendar *c, uint64_t at_ps, uint64_t service, uint64_t *wait)
{
	uint64_t number = at_ps >> c->slot_bits, from = at_ps & (c->slot_ps - 1);
	if (number < c->first)
		return false;
	if (from + service < c->slot_ps && is_fresh(c, number)) {
		begin_slot(c, number, from, service);
		*wait = 0;
		return true;
	}
	struct cxms_calendar_slot *s = slot_at(c, number);
	uint64_t start = from > s->end_ps ? from : s->end_ps;
	if (from < s->begin_ps || start + service >= c->slot_ps)
		return false;
	s->begin_ps = start > s->end_ps ? (uint32_t)start : s->begin_ps;
	s->end_ps = (uint32_t)(start + service);
	s->used_ps += (uint32_t)service;
	if (number > c->latest)
		note_latest(c, number);
	*wait = start - from;
	return true;
}

uint64_t cxms_calendar_take_ps(struct cxms_calendar *c, uint64_t at_ps, uint64_t service_ps)
{
	uint64_t wait;
	c->requests++;
	if (!c->slot || service_ps == 0)
		return 0;
	c->busy_ps += service_ps;
	if (!fits(c, at_ps, service_ps, &wait))
		wait = wait_for(c, at_ps, service_ps);
	c->wait_ps += wait;
	return wait;
}

uint64_t cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes)
{
	c->bytes += bytes;
	return cxms_calendar_take_ps(c, at_ps, (bytes * c->ps_per_byte_q16) >> 16);
}

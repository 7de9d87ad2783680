#include "mem/calendar.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"

int cxms_calendar_init(struct cxms_calendar *c, uint64_t bytes_per_s, struct cxms_err *err)
{
	*c = (struct cxms_calendar){0};
	if (bytes_per_s == 0 || bytes_per_s == UINT64_MAX)
		return 0;
	c->ps_per_byte_q16 = ((CXMS_PS_PER_S << 16) + bytes_per_s / 2) / bytes_per_s;
	uint64_t two = (2 * CXMS_LINE_BYTES * c->ps_per_byte_q16) >> 16;
	c->slot_ps = two < CXMS_CALENDAR_SLOT_MIN_PS   ? CXMS_CALENDAR_SLOT_MIN_PS
		     : two > CXMS_CALENDAR_SLOT_MAX_PS ? CXMS_CALENDAR_SLOT_MAX_PS
						       : (uint32_t)two;
	c->slot = calloc(CXMS_CALENDAR_SLOTS, sizeof(*c->slot));
	c->used_ps = calloc(CXMS_CALENDAR_SLOTS, sizeof(*c->used_ps));
	if (c->slot && c->used_ps)
		return 0;
	cxms_calendar_fini(c);
	return cxms_fail(err, ENOMEM, "out of memory");
}

void cxms_calendar_fini(struct cxms_calendar *c)
{
	free(c->slot);
	free(c->used_ps);
	*c = (struct cxms_calendar){0};
}

/* Room of a slot; one that stands for an older time is taken over. */
static uint32_t *slot_at(struct cxms_calendar *c, uint64_t number)
{
	uint64_t i = number % CXMS_CALENDAR_SLOTS;
	uint32_t turn = (uint32_t)(number / CXMS_CALENDAR_SLOTS);
	if (c->slot[i] != turn) {
		c->slot[i] = turn;
		c->used_ps[i] = 0;
	}
	return &c->used_ps[i];
}

/* The latest stretch of full slots is remembered, so that a backlog is passed in one step. */
static void note_full(struct cxms_calendar *c, uint64_t number)
{
	if (number == c->full_to) {
		c->full_to++;
	} else if (number > c->full_to) {
		c->full_from = number;
		c->full_to = number + 1;
	}
}

uint64_t cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes)
{
	c->requests++;
	c->bytes += bytes;
	if (c->ps_per_byte_q16 == 0)
		return 0;
	uint64_t service = (bytes * c->ps_per_byte_q16) >> 16, rest = service;
	uint64_t number = at_ps / c->slot_ps, end = at_ps;
	if (service == 0)
		return 0;
	c->busy_ps += service;
	if (number + CXMS_CALENDAR_SLOTS <= c->latest) {
		c->late++;
		return 0;
	}
	if (number >= c->full_from && number < c->full_to)
		number = c->full_to;
	for (; rest > 0; number++) {
		uint32_t *used = slot_at(c, number);
		uint64_t room = c->slot_ps - *used;
		uint64_t take = room < rest ? room : rest;
		*used += (uint32_t)take;
		rest -= take;
		end = number * c->slot_ps + *used;
		if (*used == c->slot_ps)
			note_full(c, number);
	}
	if (number - 1 > c->latest)
		c->latest = number - 1;
	uint64_t wait = end > at_ps + service ? end - at_ps - service : 0;
	c->wait_ps += wait;
	return wait;
}

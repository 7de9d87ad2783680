/* The scheduler of each lane: who waits in it to issue, and when it has room again. */
#include "core/window_priv.h"

static int32_t later_of(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

/* The first part of the ring, from the one that begins at @cycle on, in which somebody leaves. */
static int32_t next_part(struct cxms_waiters *q, int32_t cycle)
{
	for (;; cycle += CXMS_WAIT_PART) {
		uint32_t from = (uint32_t)cycle % CXMS_WAIT_RING, any = 0;
		uint8_t *some = &q->some[from / CXMS_WAIT_PART];
		for (unsigned i = 0; *some && i < CXMS_WAIT_PART; i++)
			any |= q->at[from + i];
		if (any)
			return cycle;
		*some = 0;
	}
}

/* Those that issue in the next cycle in which any does are gone; there is one. Returns how many of
 * @n still wait. */
static int32_t leave_next(struct cxms_waiters *q, int32_t n, int32_t *cursor)
{
	int32_t cycle = *cursor;
	uint32_t *at = &q->at[(uint32_t)cycle % CXMS_WAIT_RING];
	while (*at == 0) {
		if (++cycle % CXMS_WAIT_PART == 0)
			cycle = next_part(q, cycle);
		at = &q->at[(uint32_t)cycle % CXMS_WAIT_RING];
	}
	n -= (int32_t)*at;
	*at = 0;
	*cursor = cycle + 1;
	return n;
}

void cxms_window_leave(struct cxms_window *w)
{
	int32_t room = (int32_t)w->cfg.scheduler;
	for (unsigned l = 0; l < w->n_lane; l++) {
		int32_t n = w->waiting.v[l], cursor = w->cursor.v[l];
		if (n < room)
			continue;
		while (n >= room)
			n = leave_next(&w->waiter[l], n, &cursor);
		w->waiting.v[l] = n;
		w->cursor.v[l] = cursor;
		w->floor.v[l] = later_of(w->floor.v[l], cursor * CXMS_TICKS);
	}
}

#define FORGET_STEP 8 /* cycles; divides a part of the ring */

static int32_t take_step(uint32_t *at)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < FORGET_STEP; i++) {
		sum += at[i];
		at[i] = 0;
	}
	return (int32_t)sum;
}

/* Sorted uops that issue before cycle @now are gone. */
static void forget(struct cxms_window *w, unsigned l, int32_t now)
{
	struct cxms_waiters *q = &w->waiter[l];
	int32_t n = w->waiting.v[l], cycle = w->cursor.v[l];
	while (n > 0 && cycle < now) {
		uint32_t *at = &q->at[(uint32_t)cycle % CXMS_WAIT_RING];
		if (cycle % FORGET_STEP == 0 && now - cycle >= FORGET_STEP) {
			n -= take_step(at);
			cycle += FORGET_STEP;
		} else {
			n -= (int32_t)*at;
			*at = 0;
			cycle++;
		}
		if (cycle % CXMS_WAIT_PART == 0 && n > 0)
			cycle = next_part(q, cycle);
	}
	w->waiting.v[l] = n;
	w->cursor.v[l] = later_of(w->cursor.v[l], now);
}

void cxms_window_forget(struct cxms_window *w)
{
	for (unsigned l = 0; l < w->n_lane; l++)
		forget(w, l, w->dispatch.v[l] >> CXMS_TICK_SHIFT);
}

/* The next notes go to the first book in which nobody waits. */
void cxms_window_blank_book(struct cxms_window *w)
{
	w->notes = &w->book[w->book_at[w->n_book]];
	w->note_end = w->notes->start + CXMS_WAIT_NOTES;
	w->note = w->sorts ? w->note_end - 1 : w->notes->start;
	w->n_sorted = 0;
	for (int l = 0; l < CXMS_LANES; l++)
		w->notes->last.v[l] = CXMS_WAIT_NONE;
}

static void sort_book(struct cxms_window *w, const struct cxms_wait_book *b)
{
	for (unsigned l = 0; l < w->n_lane; l++)
		for (unsigned i = 0; i < CXMS_WAIT_NOTES; i++) {
			int32_t cycle = b->start[i].v[l] >> CXMS_TICK_SHIFT;
			if (cycle < w->cursor.v[l])
				continue;
			uint32_t at = (uint32_t)cycle % CXMS_WAIT_RING;
			w->waiter[l].at[at]++;
			w->waiter[l].some[at / CXMS_WAIT_PART] = 1;
			w->waiting.v[l]++;
		}
}

void cxms_window_sort_books(struct cxms_window *w)
{
	for (uint32_t i = 0; i < w->n_book; i++)
		sort_book(w, &w->book[w->book_at[i]]);
	w->n_book = 0;
}

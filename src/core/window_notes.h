/*
 * Who waits in the scheduler: notes are kept in books, and sorted by the cycle of issue only where
 * the scheduler could be full. Included by window_step.h.
 */
#ifndef CXMS_CORE_WINDOW_NOTES_H
#define CXMS_CORE_WINDOW_NOTES_H

#include <string.h>

#include "core/window_loop.h"

/* Has everybody in the book issued before @now, when a cycle begins? */
CXMS_STEP bool is_past(const struct cxms_window *w, const struct cxms_wait_book *b, cxms_v8 now)
{
	return !any((b->last.all >= now) & w->used.all);
}

/* Books in which nobody waits any more are blank again; the others are the first. Without a branch
 * for each: which are over is hard to foresee. */
CXMS_STEP void clear_books(struct cxms_window *w, cxms_v8 now)
{
	uint8_t blank[CXMS_WAIT_BOOKS];
	uint32_t n = w->n_book + !w->sorts, n_full = 0, n_blank = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t this = w->book_at[i];
		bool past = is_past(w, &w->book[this], now);
		w->book_at[n_full] = this;
		blank[n_blank] = this;
		n_full += !past;
		n_blank += past;
	}
	memcpy(w->book_at + n_full, blank, n_blank);
	w->n_book = n_full;
}

/* Can so many wait? */
CXMS_STEP bool wait_at_least(const struct cxms_window *w, int32_t n)
{
	return any((w->waiting.all >= n) & w->used.all);
}

/* What was sorted and has issued by now is gone. */
CXMS_STEP void forget(struct cxms_window *w)
{
	if (wait_at_least(w, 1))
		cxms_window_forget(w);
	else
		w->cursor.all = later(w->cursor.all, w->dispatch.all >> CXMS_TICK_SHIFT);
}

/* Some uops have begun to wait: can the scheduler be full before as many have again? */
CXMS_STEP void look(struct cxms_window *w)
{
	int32_t room = (int32_t)w->cfg.scheduler - CXMS_WAIT_NOTES;
	clear_books(w, w->dispatch.all & -CXMS_TICKS);
	forget(w);
	if (w->n_book + 1 >= CXMS_WAIT_BOOKS ||
	    wait_at_least(w, room - (int32_t)(w->n_book * CXMS_WAIT_NOTES)))
		cxms_window_sort_books(w);
	w->sorts = wait_at_least(w, room);
	cxms_window_blank_book(w);
}

/* Sorted at once: by @start in the lanes of @waits. */
CXMS_STEP void sort_wait(struct cxms_window *w, cxms_v8 start, cxms_v8 waits)
{
	cxms_v8 cycle = start >> CXMS_TICK_SHIFT;
	if (any(waits & (cycle - w->cursor.all >= CXMS_WAIT_RING)))
		cxms_window_forget(w);
	const struct cxms_lanes at = {
		.all = choose(waits, cycle & (CXMS_WAIT_RING - 1), all(CXMS_WAIT_RING))};
	for (unsigned l = 0; l < w->n_lane; l++) {
		uint32_t i = (uint32_t)at.v[l];
		w->waiter[l].at[i]++;
		w->waiter[l].some[i / CXMS_WAIT_PART] = 1;
	}
	w->waiting.all -= waits;
	if (any(w->waiting.all >= (int32_t)w->cfg.scheduler))
		cxms_window_leave(w);
}

/* The next note would stand behind the book. */
static void end_notes(struct cxms_window *w, cxms_v8 start, cxms_v8 waits)
{
	if (w->sorts) {
		sort_wait(w, start, waits & w->used.all);
		if (++w->n_sorted < CXMS_WAIT_NOTES)
			return;
	}
	look(w);
}

/* Notes are written whether or not the uop waits anywhere, and count when it does: whether it does
 * is hard to foresee. @waits: -1 in the lanes in which the uop starts later than it could, at
 * @start. */
CXMS_STEP void wait_to_issue(struct cxms_window *w, struct step *s, cxms_v8 start, cxms_v8 waits)
{
	cxms_v8 end = s->dispatch + (CXMS_WAIT_RING - 1) * CXMS_TICKS;
	cxms_v8 note = choose(waits, earlier(start, end), all(CXMS_WAIT_NONE));
	s->note->all = note;
	s->last = later(s->last, note);
	s->note += any(waits);
	if (s->note == w->note_end) {
		w->dispatch.all = s->dispatch;
		w->notes->last.all = s->last;
		end_notes(w, note, waits);
		s->note = w->note;
		s->front = front_of(w);
		s->last = w->notes->last.all;
	}
}

#endif

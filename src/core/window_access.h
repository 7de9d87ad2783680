/*
 * What events of an access add to its time, where they are the same in all lanes; others are looked
 * at lane by lane (window_miss.c). Included by window_step.h.
 */
#ifndef CXMS_CORE_WINDOW_ACCESS_H
#define CXMS_CORE_WINDOW_ACCESS_H

#include <assert.h>

#include "core/window_loop.h"

/* An event of the access that is not the same in all lanes, and whatever else is rare. */
CXMS_STEP void rare_event(struct cxms_window *w, const struct cxms_xevent *e,
			  enum cxms_xrequest kind, cxms_v8 *asked, cxms_v8 *done)
{
	struct cxms_lanes a = {.all = *asked}, d = {.all = *done};
	cxms_window_event(w, e, kind, &a, &d);
	*asked = a.all;
	*done = d.all;
}

/* The first level takes nobody from @from to @to, in the lanes of @where. One that touches the last
 * such time makes it longer. */
CXMS_STEP void block(struct cxms_window *w, cxms_v8 where, cxms_v8 from, cxms_v8 to)
{
	cxms_v8 apart = from > w->block_to.all;
	w->block_from.all = choose(where, choose(apart, from, earlier(w->block_from.all, from)),
				   w->block_from.all);
	w->block_to.all = choose(where, later(w->block_to.all, to), w->block_to.all);
}

/* When the first level takes an access of @at. */
CXMS_STEP cxms_v8 taken(const struct cxms_window *w, cxms_v8 at, struct kind k)
{
	if (k.plain || (!w->joins && !w->closes))
		return at;
	cxms_v8 waits = (at >= w->block_from.all) & (at < w->block_to.all);
	return choose(waits, w->block_to.all, at);
}

/* One more access waits for a fill. */
CXMS_STEP void join(struct cxms_window *w, struct cxms_fill *f, cxms_v8 asked)
{
	cxms_v8 waits = asked < f->done.all;
	f->joined.all -= waits;
	cxms_v8 full = waits & (f->joined.all >= CXMS_MSHR_JOIN - 1);
	if (any(full))
		block(w, full, asked, f->done.all);
}

/* The lanes in which a load at @asked ran before a store that is executed at @ready. */
CXMS_STEP cxms_v8 ran_before(const struct cxms_window *w, cxms_v8 asked, cxms_v8 ready)
{
	return (asked + CXMS_TICKS < ready) & w->used.all;
}

/* When a load at @asked has its value from a store that was executed before; @done: from the
 * caches. It waits for no line. */
CXMS_STEP cxms_v8 forwarded(const struct cxms_window *w, cxms_v8 asked, cxms_v8 done)
{
	return choose(done == asked + w->l1d, asked + w->forward, done);
}

/* A hit on what is in flight, or on what was just stored: false = look closer. */
CXMS_STEP bool common_event(struct cxms_window *w, const struct cxms_xevent *e, cxms_v8 asked,
			    cxms_v8 *done, struct kind k)
{
	if (e->flags || (!k.plain && w->cfg.without & (CXMS_WP_IN_FLIGHT | CXMS_WP_FORWARD)))
		return false;
	bool near = e->kind == CXMS_XE_NEAR;
	if ((near || e->kind == CXMS_XE_FWD) && e->back <= w->n_store &&
	    e->back <= CXMS_STORE_RING) {
		cxms_v8 ready = w->store_ready[(w->n_store - e->back) % CXMS_STORE_RING].all;
		if (!k.plain && w->learns && any(ran_before(w, asked, ready)))
			return false;
		if (near)
			return true;
		*done = later(forwarded(w, asked, *done), ready);
		w->counts.forwards++;
		return true;
	}
	if (e->kind != CXMS_XE_USE || e->back > w->n_fill || e->back > CXMS_FILL_RING)
		return false;
	struct cxms_fill *f = &w->fill[(w->n_fill - e->back) % CXMS_FILL_RING];
	if (any((f->done.all == CXMS_TICK_NEVER) | ((f->begin.all > asked) & w->used.all)))
		return false;
	if (!k.plain && w->joins && w->string_bytes == CXMS_STRING_PIECE) /* no string's piece */
		join(w, f, asked);
	w->waited = f->origin ? f->origin : w->waited;
	*done = later(*done, f->done.all);
	w->counts.uses++;
	return true;
}

/* Bit of events behind a wrong path's, whatever their kind. */
#define CXMS_KIND_BEHIND (1u << 31)
/* Kinds of events that do not belong to an access. */
#define CXMS_KINDS_ASIDE                                                                           \
	(1u << CXMS_XE_MISP | 1u << CXMS_XE_IF | 1u << CXMS_XE_WRONG | 1u << CXMS_XE_WRONGUSE |    \
	 CXMS_KIND_BEHIND)

static_assert(CXMS_XE_KIND_END <= 31, "a bit for each kind");

/* Kinds of events of a run, a bit each. */
CXMS_STEP uint32_t kinds_of(const struct cxms_xrun *run)
{
	uint32_t kinds = 0;
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		kinds |= 1u << e->kind | (e->flags & CXMS_XE_BEHIND ? CXMS_KIND_BEHIND : 0);
	}
	return kinds;
}

CXMS_STEP bool is_aside(const struct cxms_xevent *e)
{
	return (CXMS_KINDS_ASIDE >> e->kind & 1) || e->flags & CXMS_XE_BEHIND;
}

/* Event @at of a load says that its line is in flight, but a store has what it reads. */
CXMS_STEP bool needs_no_line(const struct cxms_window *w, const struct cxms_xrun *run, size_t at,
			     struct kind k)
{
	const struct cxms_xevent *e = &run->event[at];
	if (e->kind != CXMS_XE_USE || e->flags || (!k.plain && w->cfg.without & CXMS_WP_FORWARD))
		return false;
	for (size_t i = at + 1; i < run->n_event && run->event[i].index == e->index; i++)
		if (run->event[i].kind == CXMS_XE_FWD)
			return true;
	return false;
}

/* Events of one access, from @asked on; moves *done to when its line is there. */
CXMS_STEP void access_events(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			     uint32_t access, enum cxms_xrequest kind, cxms_v8 asked, cxms_v8 *done,
			     struct kind k)
{
	for (; s->event < run->n_event; s->event++) {
		const struct cxms_xevent *e = &run->event[s->event];
		if (s->kinds & CXMS_KINDS_ASIDE && is_aside(e))
			continue;
		/* a line written back stands right behind what drove it out */
		if (e->index > access && e->kind != CXMS_XE_WB)
			break;
		if (s->kinds & 1u << CXMS_XE_FWD && needs_no_line(w, run, s->event, k))
			continue;
		if (!common_event(w, e, asked, done, k))
			rare_event(w, e, kind, &asked, done);
	}
}

/* Nobody waits for its line, but it is not done before it has the registers to ask for it. */
CXMS_STEP cxms_v8 software_prefetch(struct cxms_window *w, struct step *s,
				    const struct cxms_xrun *run, uint32_t access, cxms_v8 start,
				    cxms_v8 done, struct kind k)
{
	cxms_v8 there = done;
	w->begun.all = start;
	access_events(w, s, run, access, CXMS_XR_PREFETCH, start, &there, k);
	w->missed = false; /* it is its registers that it waits for */
	return later(done, w->begun.all);
}

#endif

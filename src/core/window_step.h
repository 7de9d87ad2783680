/*
 * The step of a uop through the window, in all lanes at once. Included by each file that compiles
 * it for a set of instructions; everything is inlined into the caller's loop.
 *
 * Three clocks a lane, in the order of the uops: D dispatch into the window, C completion, R
 * retirement. A uop dispatches when the front end has it and the reorder buffer, scheduler and
 * queues have room; starts when its operands are there; retires in order.
 */
#ifndef CXMS_CORE_WINDOW_STEP_H
#define CXMS_CORE_WINDOW_STEP_H

#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "base/units.h"
#include "core/window_priv.h"

#define CXMS_STEP static inline __attribute__((always_inline))

#ifdef __AVX2__
CXMS_STEP cxms_v8 later(cxms_v8 a, cxms_v8 b)
{
	return (cxms_v8)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

/* @mask: lanes of 0 or -1 */
CXMS_STEP bool any(cxms_v8 mask)
{
	return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
}

CXMS_STEP cxms_v8 earlier(cxms_v8 a, cxms_v8 b)
{
	return (cxms_v8)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

/* @mask: as above; @a where it is set */
CXMS_STEP cxms_v8 choose(cxms_v8 mask, cxms_v8 a, cxms_v8 b)
{
	return (cxms_v8)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)mask);
}
#else
CXMS_STEP cxms_v8 choose(cxms_v8 mask, cxms_v8 a, cxms_v8 b)
{
	return (a & mask) | (b & ~mask);
}

CXMS_STEP cxms_v8 later(cxms_v8 a, cxms_v8 b)
{
	return choose(a > b, a, b);
}

CXMS_STEP cxms_v8 earlier(cxms_v8 a, cxms_v8 b)
{
	return choose(a < b, a, b);
}

CXMS_STEP bool any(cxms_v8 mask)
{
	int32_t some = 0;
	for (int l = 0; l < CXMS_LANES; l++)
		some |= mask[l];
	return some != 0;
}
#endif

CXMS_STEP cxms_v8 all(int32_t v)
{
	return (cxms_v8){v, v, v, v, v, v, v, v};
}

/* What is true of all uops of a run: constants where the loop over them is compiled. */
struct kind {
	bool events; /* the run has some */
	bool lines;  /* instructions are fetched line by line */
	bool plain;  /* w->plain */
};

/* What the loop over uops keeps in registers. */
struct step {
	cxms_v8 dispatch, retire;	/* of the last uop */
	struct cxms_lanes *width, *rob; /* next of their rings */
	size_t event;			/* next */
	cxms_v8 late;			/* by how much stores held up the uop */
	uint32_t late_origin;		/* and which of them */
	bool branches;			/* a branch of the run was mispredicted */
	struct cxms_lanes *note;	/* the next of those who wait */
	cxms_v8 last;			/* of the book's notes */
};

CXMS_STEP struct cxms_lanes *behind(const struct cxms_ring *r, struct cxms_lanes *at)
{
	return at + 1 == r->end ? r->first : at + 1;
}

/* Not before @room, which a store gives. */
CXMS_STEP cxms_v8 wait_for_stores(struct step *s, cxms_v8 at, cxms_v8 room, uint32_t origin)
{
	s->late_origin = origin;
	if (origin)
		s->late = room - at;
	return later(at, room);
}

/* Of the next entry of the store queue. */
CXMS_STEP uint32_t *store_origin(struct cxms_window *w)
{
	return &w->store_origin[w->store_queue.next - w->store_queue.first];
}

/* @fetched: when the front end has it, where lines are fetched; else whenever there is room. */
CXMS_STEP void dispatch(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			enum cxms_uop_class class, cxms_v8 fetched)
{
	cxms_v8 d = s->dispatch;
	if (u->rob) {
		d = later(d + s->width->all, s->rob->all);
		s->width = behind(&w->width, s->width);
	}
	d = later(d, later(fetched, w->floor.all));
	if (class == CXMS_UC_LOAD)
		d = later(d, w->load_queue.next->all);
	else if (class == CXMS_UC_STORE)
		d = wait_for_stores(s, d, w->store_queue.next->all, *store_origin(w));
	s->dispatch = d;
}

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

/* Some uops have begun to wait: can the scheduler be full before as many have again? */
CXMS_STEP void look(struct cxms_window *w)
{
	int32_t room = (int32_t)w->cfg.scheduler - CXMS_WAIT_NOTES;
	clear_books(w, w->dispatch.all & -CXMS_TICKS);
	cxms_window_forget(w);
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
		s->last = w->notes->last.all;
	}
}

/* Fences and locked operations. */
CXMS_STEP cxms_v8 wait_in_order(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
				cxms_v8 ready)
{
	if (u->flags & CXMS_UF_OLDEST)
		ready = later(ready, s->retire);
	if (u->flags & CXMS_UF_LOCKED)
		ready = wait_for_stores(s, ready, w->drained.all, w->drained_origin);
	return ready;
}

/* When it starts: operands, then the units of its class, which take so many in dispatch order. */
CXMS_STEP cxms_v8 start_of(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			   enum cxms_uop_class class, struct kind k)
{
	cxms_v8 earliest = s->dispatch + CXMS_ASSUMED_ISSUE_CYC * CXMS_TICKS;
	cxms_v8 ready = later(later(w->slot[u->src[0]].all, w->slot[u->src[1]].all),
			      later(w->slot[u->src[2]].all, earliest));
	if (!k.plain && w->cfg.without & CXMS_WP_DEPENDENCES)
		ready = earliest;
	if (w->unit_step[class]) {
		struct cxms_lanes *unit = &w->unit[w->unit_of[class]];
		unit->all = later(unit->all + w->unit_step[class], earliest);
		ready = later(ready, unit->all);
	}
	if (u->flags & (CXMS_UF_OLDEST | CXMS_UF_LOCKED))
		ready = wait_in_order(w, s, u, ready);
	if (class == CXMS_UC_LOAD && !k.plain && w->holds)
		return ready;
	wait_to_issue(w, s, ready, ready > earliest);
	return ready;
}

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
	if (!k.plain && w->joins)
		join(w, f, asked);
	w->waited = f->origin ? f->origin : w->waited;
	*done = later(*done, f->done.all);
	w->counts.uses++;
	return true;
}

/* Events that do not belong to an access. */
CXMS_STEP bool is_aside(const struct cxms_xevent *e)
{
	const uint32_t aside = 1u << CXMS_XE_MISP | 1u << CXMS_XE_IF | 1u << CXMS_XE_WRONG |
			       1u << CXMS_XE_WRONGUSE;
	return (aside >> e->kind & 1) || e->flags & CXMS_XE_BEHIND;
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
		if (is_aside(e))
			continue;
		/* a line written back stands right behind what drove it out */
		if (e->index > access && e->kind != CXMS_XE_WB)
			break;
		if (!needs_no_line(w, run, s->event, k) && !common_event(w, e, asked, done, k))
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

/* Returns when it could have retired but for @done. */
CXMS_STEP cxms_v8 retire(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			 cxms_v8 done)
{
	cxms_v8 could = s->retire, at = done + CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS;
	if (u->rob) {
		could += w->step;
		s->retire = later(could, at);
		s->rob->all = s->retire + CXMS_TICKS;
		s->rob = behind(&w->rob, s->rob);
	} else {
		s->retire = later(could, at);
	}
	return could;
}

/* Retirement waited for memory: by how much more than for the first level. */
CXMS_STEP void attribute(struct cxms_window *w, const struct step *s, cxms_v8 could,
			 cxms_v8 without_miss)
{
	const struct cxms_lanes c = {
		.all = later(could, without_miss + CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS)};
	if (any(s->retire > c.all)) {
		w->retire.all = s->retire;
		if (w->missed)
			cxms_window_attribute(w, &c);
		else
			cxms_window_attribute_to(w, w->waited, &c, &w->retire);
	}
	w->missed = false;
	w->waited = 0;
}

/* Retirement waited because stores before it were not done. */
CXMS_STEP void attribute_late(struct cxms_window *w, const struct step *s, cxms_v8 could,
			      cxms_v8 without_miss)
{
	if (!any(s->late > 0))
		return;
	cxms_v8 at = without_miss + CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS;
	const struct cxms_lanes to = {.all = later(could, at)},
				from = {.all = later(could, at - later(s->late, all(0)))};
	cxms_window_attribute_to(w, s->late_origin, &from, &to);
}

/* A store leaves to the first level after it retired, in order; ownership is asked for at once, or
 * where stores leave one by one, when the one before has its line. */
CXMS_STEP void drain_store(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			   const struct cxms_uop *u, struct kind k)
{
	bool one_store = !k.plain && w->one_store;
	cxms_v8 asked = s->retire + CXMS_TICKS;
	if (one_store)
		asked = later(asked, w->drained.all);
	asked = taken(w, asked, k);
	cxms_v8 done = asked;
	if (one_store) /* the answer comes a cycle before a load could use it */
		done += w->l1d - CXMS_TICKS;
	if (k.events)
		w->skipped = false;
	if (k.events && u->access >= 0)
		access_events(w, s, run, (uint32_t)u->access, CXMS_XR_OWN, asked, &done, k);
	if (k.events && w->waited)
		w->drained_origin = w->waited;
	else if (w->drained_origin && !any(w->drained.all > done))
		w->drained_origin = 0;
	*store_origin(w) = w->drained_origin;
	if (w->cfg.store_tso)
		done = later(done, w->drained.all);
	w->drained.all = later(w->drained.all, done);
	w->store_queue.next->all = done;
	w->store_drained[w->n_store % CXMS_STORE_RING].all = done;
	w->store_queue.next = behind(&w->store_queue, w->store_queue.next);
	/* one that did not happen has no number, nor had it for who wrote the stream */
	w->n_store += u->access >= 0 && !(k.events && w->skipped);
	w->counts.stores += u->access >= 0;
	if (k.events) {
		w->missed = false;
		w->waited = 0;
	}
}

CXMS_STEP uint64_t pc_of(const struct cxms_xrun *run, const struct cxms_uop *u)
{
	return run->block->addr + (uint64_t)(int64_t)run->block->fetch[u->insn].at;
}

/* When a load or store that could start at @start does, if a store set may hold it. */
CXMS_STEP cxms_v8 held_by_set(struct cxms_window *w, const struct cxms_xrun *run,
			      const struct cxms_uop *u, cxms_v8 start)
{
	struct cxms_lanes ready = {.all = start};
	cxms_window_held(w, pc_of(run, u), &ready);
	return ready.all;
}

CXMS_STEP void store_of_set(struct cxms_window *w, const struct cxms_xrun *run,
			    const struct cxms_uop *u, cxms_v8 done)
{
	const struct cxms_lanes at = {.all = done};
	w->store_pc[w->n_store % CXMS_STORE_RING] = pc_of(run, u);
	if (w->sets.used)
		cxms_window_set_store(w, pc_of(run, u), &at);
}

/* @class: of the uop; a constant where it matters. */
CXMS_STEP cxms_v8 step_class(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			     const struct cxms_uop *u, enum cxms_uop_class class, cxms_v8 fetched,
			     struct kind k)
{
	dispatch(w, s, u, class, fetched);
	cxms_v8 start = start_of(w, s, u, class, k);
	if ((class == CXMS_UC_LOAD || class == CXMS_UC_STORE) && !k.plain && w->sets.used)
		start = held_by_set(w, run, u, start);
	if (class == CXMS_UC_LOAD)
		start = taken(w, start, k);
	cxms_v8 done = start + w->latency[class], without_miss = done;
	if (k.events) {
		w->dispatch.all = s->dispatch;
		w->rob.next = s->rob;
		if (class == CXMS_UC_LOAD)
			w->pc = pc_of(run, u);
	}
	if (k.events && class == CXMS_UC_LOAD && u->access >= 0)
		access_events(w, s, run, (uint32_t)u->access, CXMS_XR_READ, start, &done, k);
	if (class == CXMS_UC_PREFETCH) {
		if (k.events && u->access >= 0)
			done = software_prefetch(w, s, run, (uint32_t)u->access, start, done, k);
	} else if (class == CXMS_UC_STORE) {
		w->store_ready[w->n_store % CXMS_STORE_RING].all = done;
		if (!k.plain && w->learns)
			store_of_set(w, run, u, done);
	}
	if (class == CXMS_UC_LOAD && !k.plain && w->holds)
		wait_to_issue(w, s, done, w->used.all);
	w->slot[u->dst[0]].all = done;
	w->slot[u->dst[1]].all = done;
	cxms_v8 could = retire(w, s, u, done);
	if ((class == CXMS_UC_STORE || u->flags & CXMS_UF_LOCKED) && s->late_origin)
		attribute_late(w, s, could, without_miss);
	if (k.events && (class == CXMS_UC_LOAD || class == CXMS_UC_PREFETCH) && w->waited)
		attribute(w, s, could, without_miss);
	if (class == CXMS_UC_LOAD) {
		w->load_queue.next->all = s->retire;
		w->load_queue.next = behind(&w->load_queue, w->load_queue.next);
		w->counts.loads += u->access >= 0;
	} else if (class == CXMS_UC_STORE) {
		drain_store(w, s, run, u, k);
	}
	return done;
}

CXMS_STEP cxms_v8 step_uop(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			   const struct cxms_uop *u, cxms_v8 fetched, struct kind k)
{
	switch (u->class) {
	case CXMS_UC_LOAD:
		return step_class(w, s, run, u, CXMS_UC_LOAD, fetched, k);
	case CXMS_UC_STORE:
		return step_class(w, s, run, u, CXMS_UC_STORE, fetched, k);
	case CXMS_UC_PREFETCH:
		return step_class(w, s, run, u, CXMS_UC_PREFETCH, fetched, k);
	case CXMS_UC_INT:
		return step_class(w, s, run, u, CXMS_UC_INT, fetched, k);
	default:
		return step_class(w, s, run, u, (enum cxms_uop_class)u->class, fetched, k);
	}
}

CXMS_STEP void after_uop(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			 uint32_t i, cxms_v8 done)
{
	if (s->branches && run->block->uop[i].flags & CXMS_UF_LAST) {
		const struct cxms_lanes at = {.all = done};
		w->rob.next = s->rob;
		cxms_window_end_branch(w, run, i + 1, &at);
	}
	/* a few long waits already fill the range */
	if (i % 2 == 1 && any(s->retire > CXMS_TICK_LONG)) {
		w->retire.all = s->retire;
		w->notes->last.all = s->last;
		cxms_window_bound(w);
		s->retire = w->retire.all;
		s->dispatch = w->dispatch.all;
		s->last = w->notes->last.all;
	}
}

/* 256ths of ticks that the integer units take for a block, branches among it. */
CXMS_STEP int32_t integers_q8(const struct cxms_block *b)
{
	int32_t n = 0;
	for (uint32_t i = 0; i < b->n_uop; i++)
		n += b->uop[i].class <= CXMS_UC_BRANCH && b->uop[i].rob > 0;
	return n * (CXMS_TICKS << 8) / CXMS_INTEGER_UNITS;
}

CXMS_STEP const struct cxms_fetch_cost *fetch_cost(struct cxms_window *w,
						   const struct cxms_block *b)
{
	struct cxms_fetch_memo *m = &w->fetch_memo[(b->addr ^ b->addr >> 10) % CXMS_FETCH_MEMOS];
	if (m->block != b) {
		m->block = b;
		cxms_fetch_cost(b, w->cfg.width, CXMS_TICKS, w->fetch_bubble, &m->cost);
		/* what cannot run faster need not come faster */
		int32_t units = integers_q8(b) - m->cost.rest_q8;
		if (w->cfg.split && !(w->cfg.without & CXMS_WP_UNITS) && m->cost.own_q8 < units)
			m->cost.own_q8 = units;
	}
	return &m->cost;
}

/* Ticks that are lost between a block which ended before @from and one at @addr. */
CXMS_STEP int32_t next_group(const struct cxms_window *w, uint64_t from, uint64_t addr)
{
	int32_t apart_q8 = cxms_fetch_apart_q8(from - 1, addr), q8 = apart_q8 * w->fetch_bubble;
	q8 += addr != from ? w->fetch_rest_q8 : apart_q8 * w->fetch_rest_q8 / 256;
	return q8 >> 8;
}

/* Where a block begins in the fetch stream: behind a taken branch in a new group, in another line
 * when that is there. Returns 256ths of ticks that a uop of it takes. */
CXMS_STEP int32_t begin_block(struct cxms_window *w, const struct cxms_xrun *run)
{
	const struct cxms_block *b = run->block;
	const struct cxms_fetch_insn *last = &b->fetch[b->exit_insns[run->exit] - 1];
	uint64_t from = w->next_addr, last_addr = w->block_addr;
	w->block_addr = b->addr;
	w->next_addr = b->addr + (uint64_t)(int64_t)last->at + last->len;
	if (!w->cfg.fetch_lines)
		return 0;
	const struct cxms_fetch_cost *cost = fetch_cost(w, b);
	int32_t ticks = w->redirected ? cxms_window_line_again(w, last_addr, from - 1, b->addr)
				      : next_group(w, from, b->addr);
	w->redirected = false;
	if (w->n_uop >= CXMS_ASSUMED_FETCH_QUEUE)
		w->fetch.all =
			later(w->fetch.all, w->fetched[w->n_uop % CXMS_ASSUMED_FETCH_QUEUE].all -
						    CXMS_FRONT_CYC * CXMS_TICKS);
	w->fetch.all += ticks;
	/* where a block is left half-way, half a group is lost */
	w->fetch_rest_q8 = run->exit == b->n_exit ? cost->rest_q8 : (CXMS_TICKS / 2) << 8;
	return cost->own_q8 / (int32_t)b->n_uop;
}

/*
 * When the front end has what is fetched at @fetched, if dispatch was blocked not long ago: it
 * takes the group at hand, but decode learns a cycle later that it may send again; of what decode
 * holds, two groups, the same is true of fetch (gem5 v24.0, src/cpu/o3/decode.cc: skid buffer).
 */
CXMS_STEP cxms_v8 after_block(struct cxms_window *w, cxms_v8 fetched)
{
	uint32_t at = w->resumed++;
	if (at == w->cfg.width)
		return later(fetched, w->resume.all + 2 * CXMS_TICKS);
	if (at == 3 * w->cfg.width)
		return later(fetched, w->resume.all + 5 * CXMS_TICKS);
	return fetched;
}

CXMS_STEP void step_block(struct cxms_window *w, const struct cxms_xrun *run, uint32_t end,
			  int32_t step_q8, struct kind k)
{
	struct step s = {.dispatch = w->dispatch.all,
			 .retire = w->retire.all,
			 .width = w->width.next,
			 .rob = w->rob.next,
			 .note = w->note,
			 .last = w->notes->last.all};
	for (size_t i = 0; k.events && i < run->n_event; i++)
		s.branches |= run->event[i].kind == CXMS_XE_MISP;
	const struct cxms_uop *u = run->block->uop;
	for (uint32_t i = 0; i < end; i++, u++) {
		cxms_v8 fetched = w->fetch.all;
		if (k.lines)
			fetched += CXMS_FRONT_CYC * CXMS_TICKS + ((int32_t)i * step_q8 >> 8);
		if (k.lines && w->resumed < w->n_resume)
			fetched = after_block(w, fetched);
		if (k.events && k.lines)
			w->fetch_into = (int32_t)(i + 1) * step_q8 >> 8;
		cxms_v8 done = step_uop(w, &s, run, u, fetched, k);
		if (k.lines)
			w->fetched[(w->n_uop + i) % CXMS_ASSUMED_FETCH_QUEUE].all = s.dispatch;
		if (k.events)
			after_uop(w, &s, run, i, done);
	}
	w->n_uop += end;
	w->dispatch.all = s.dispatch;
	if (k.events) {
		cxms_v8 rest = s.dispatch;
		access_events(w, &s, run, UINT32_MAX, CXMS_XR_READ, s.dispatch, &rest, k);
		w->missed = false;
		w->waited = 0;
	}
	w->retire.all = s.retire;
	w->width.next = s.width;
	w->rob.next = s.rob;
	w->note = s.note;
	w->notes->last.all = s.last;
}

/* @k: but for events. */
CXMS_STEP void step_kind(struct cxms_window *w, const struct cxms_xrun *run, uint32_t end,
			 int32_t step_q8, struct kind k)
{
	const struct kind with_events = {.events = true, .lines = k.lines, .plain = k.plain};
	if (run->n_event > 0)
		step_block(w, run, end, step_q8, with_events);
	else
		step_block(w, run, end, step_q8, k);
}

/* Nothing but hits on lines in flight: whoever began the piece waits for them. */
CXMS_STEP bool only_uses(const struct cxms_xrun *run)
{
	size_t i = 0;
	while (i < run->n_event && run->event[i].kind == CXMS_XE_USE && !run->event[i].flags)
		i++;
	return i == run->n_event;
}

/* A round of a rep instruction runs when it begins a piece, or when its access misses. */
CXMS_STEP bool within_piece(struct cxms_window *w, const struct cxms_xrun *run)
{
	const struct cxms_block *b = run->block;
	bool again = w->string_addr == b->addr;
	w->string_addr = b->string_bytes > 0 ? b->addr : 0;
	if (again && b->string_bytes > 0 && w->string_bytes + b->string_bytes < CXMS_STRING_PIECE &&
	    only_uses(run)) {
		w->string_bytes += b->string_bytes;
		return true;
	}
	w->string_bytes = 0;
	return false;
}

CXMS_STEP void run_block(struct cxms_window *w, const struct cxms_xrun *run)
{
	const struct cxms_block *b = run->block;
	uint32_t end = b->exit_uops[run->exit];
	uint64_t store = w->n_store + b->exit_stores[run->exit];
	if (within_piece(w, run)) {
		w->counts.insns += b->exit_insns[run->exit];
		w->n_store = store;
		return;
	}
	int32_t step_q8 = begin_block(w, run);
	if (run->n_event > 0)
		cxms_window_fetch_misses(w, run);
	if (w->plain)
		step_kind(w, run, end, step_q8, (struct kind){.plain = true});
	else if (w->cfg.fetch_lines)
		step_kind(w, run, end, step_q8, (struct kind){.lines = true});
	else
		step_kind(w, run, end, step_q8, (struct kind){0});
	w->fetch.all += (int32_t)end * step_q8 >> 8;
	w->counts.insns += b->exit_insns[run->exit];
	w->counts.uops += end;
	w->counts.undecoded += b->n_undecoded;
	if (b->string_rounds > 0)
		w->n_store = store;
	if (any(w->retire.all > CXMS_TICK_LONG))
		cxms_window_bound(w);
}

#endif

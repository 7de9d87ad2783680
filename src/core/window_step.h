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

#include "base/units.h"
#include "core/window_access.h"
#include "core/window_front.h"
#include "core/window_notes.h"

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

/* @fetched: when the front end has it, where lines are fetched; else whenever there is room. Of a
 * core that is plain: front_of() it. */
CXMS_STEP void dispatch(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			enum cxms_uop_class class, cxms_v8 fetched, struct kind k)
{
	cxms_v8 d = s->dispatch;
	if (u->rob) {
		d = later(d + s->width->all, s->rob->all);
		s->width++;
	}
	d = later(d, k.plain ? fetched : later(fetched, w->floor.all));
	if (class == CXMS_UC_LOAD)
		d = later(d, w->load_queue.next->all);
	else if (class == CXMS_UC_STORE)
		d = wait_for_stores(s, d, w->store_queue.next->all, *store_origin(w));
	s->dispatch = d;
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

static_assert(sizeof(struct cxms_lanes) == CXMS_SLOT_BYTES, "as uops have it");

/* Of the slot @bytes behind the first. */
CXMS_STEP cxms_v8 *value(struct cxms_window *w, uint16_t bytes)
{
	return &((struct cxms_lanes *)((char *)w->slot + bytes))->all;
}

/* When it starts: operands, then the units of its class, which take so many in dispatch order. */
CXMS_STEP cxms_v8 start_of(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			   enum cxms_uop_class class, struct kind k)
{
	cxms_v8 earliest = s->dispatch + CXMS_ASSUMED_ISSUE_CYC * CXMS_TICKS;
	cxms_v8 ready = later(later(*value(w, u->from[0]), *value(w, u->from[1])),
			      later(*value(w, u->from[2]), earliest));
	if (!k.plain && w->cfg.without & CXMS_WP_DEPENDENCES)
		ready = earliest;
	if (class != CXMS_UC_INT && w->unit_step[class]) { /* no core has too few integer units */
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

/* Returns when it could have retired but for @done. */
CXMS_STEP cxms_v8 retire(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			 cxms_v8 done)
{
	cxms_v8 could = s->retire, at = done + CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS;
	if (u->rob) {
		could += w->step;
		s->retire = later(could, at);
		s->rob->all = s->retire + w->cycle.all;
		s->rob++;
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
	dispatch(w, s, u, class, fetched, k);
	cxms_v8 start = start_of(w, s, u, class, k);
	if ((class == CXMS_UC_LOAD || class == CXMS_UC_STORE) && !k.plain && w->sets.used)
		start = held_by_set(w, run, u, start);
	if (class == CXMS_UC_LOAD)
		start = taken(w, start, k);
	cxms_v8 done = start + w->latency[class], without_miss = done;
	if (k.events)
		w->rob.next = s->rob;
	if (k.events && u->access >= 0)
		w->dispatch.all = s->dispatch;
	if (k.events && class == CXMS_UC_LOAD && u->access >= 0) {
		w->pc = pc_of(run, u);
		access_events(w, s, run, (uint32_t)u->access, CXMS_XR_READ, start, &done, k);
	}
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
	*value(w, u->to[0]) = done;
	*value(w, u->to[1]) = done;
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

/* The same of one that is CXMS_UF_SIMPLE, in a core that is plain: most are. */
CXMS_STEP cxms_v8 step_simple(struct cxms_window *w, struct step *s, const struct cxms_uop *u,
			      cxms_v8 fetched)
{
	s->dispatch = later(later(s->dispatch + s->width++->all, s->rob->all), fetched);
	cxms_v8 earliest = s->dispatch + CXMS_ASSUMED_ISSUE_CYC * CXMS_TICKS;
	cxms_v8 start = later(later(*value(w, u->from[0]), *value(w, u->from[1])), earliest);
	wait_to_issue(w, s, start, start > earliest);
	cxms_v8 done = start + w->integer.all;
	*value(w, u->to[0]) = done;
	*value(w, u->to[1]) = done;
	s->retire = later(s->retire + w->one_step.all, done + CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS);
	s->rob++->all = s->retire + w->cycle.all;
	return done;
}

CXMS_STEP cxms_v8 step_uop(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			   const struct cxms_uop *u, cxms_v8 fetched, struct kind k)
{
	if (k.plain && u->flags & CXMS_UF_SIMPLE)
		return step_simple(w, s, u, fetched);
	if (!k.plain && u->class == CXMS_UC_INT) /* half of all */
		return step_class(w, s, run, u, CXMS_UC_INT, fetched, k);
	if (u->class == CXMS_UC_BRANCH) /* most blocks end with one */
		return step_class(w, s, run, u, CXMS_UC_BRANCH, fetched, k);
	switch (u->class) {
	case CXMS_UC_LOAD:
		return step_class(w, s, run, u, CXMS_UC_LOAD, fetched, k);
	case CXMS_UC_STORE:
		return step_class(w, s, run, u, CXMS_UC_STORE, fetched, k);
	case CXMS_UC_PREFETCH:
		return step_class(w, s, run, u, CXMS_UC_PREFETCH, fetched, k);
	default:
		return step_class(w, s, run, u, (enum cxms_uop_class)u->class, fetched, k);
	}
}

/* After how many uops, more than @uops, comes the first exit whose branch was mispredicted? 0 =
 * there is none. */
CXMS_STEP uint32_t next_mispredicted(const struct cxms_xrun *run, uint32_t kinds, uint32_t uops)
{
	uint32_t first = 0;
	for (size_t i = 0; kinds & 1u << CXMS_XE_MISP && i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		if (e->kind != CXMS_XE_MISP)
			continue;
		uint32_t at = run->block->exit[e->index].uops;
		if (at > uops && (first == 0 || at < first))
			first = at;
	}
	return first;
}

CXMS_STEP void after_uop(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			 const struct cxms_uop *u, uint32_t i, cxms_v8 done)
{
	if (i + 1 == s->mispredicted) {
		const struct cxms_lanes at = {.all = done};
		w->dispatch.all = s->dispatch;
		w->rob.next = s->rob;
		cxms_window_end_branch(w, run, i + 1, &at);
		s->mispredicted = next_mispredicted(run, s->kinds, i + 1);
		s->front = front_of(w);
	}
	/* a few long waits already fill the range */
	if (u->access >= 0 && any(s->retire > CXMS_TICK_LONG)) {
		w->retire.all = s->retire;
		w->notes->last.all = s->last;
		cxms_window_bound(w);
		s->retire = w->retire.all;
		s->dispatch = w->dispatch.all;
		s->front = front_of(w);
		s->last = w->notes->last.all;
	}
}

/* Rings that were followed to their end begin anew. */
CXMS_STEP void close_rings(const struct cxms_window *w, struct step *s)
{
	s->width = s->width == w->width.end ? w->width.first : s->width;
	s->rob = s->rob == w->rob.end ? w->rob.first : s->rob;
}

/* How many of @n uops may be stepped before that. */
CXMS_STEP uint32_t open_for(const struct cxms_window *w, const struct step *s, uint32_t n)
{
	ptrdiff_t width = w->width.end - s->width, rob = w->rob.end - s->rob;
	ptrdiff_t least = width < rob ? width : rob;
	return n < least ? n : (uint32_t)least;
}

/* Uop @i of the run, @u. */
CXMS_STEP cxms_v8 step_at(struct cxms_window *w, struct step *s, const struct cxms_xrun *run,
			  const struct cxms_uop *u, uint32_t i, int32_t step_q8, struct kind k)
{
	cxms_v8 fetched = k.plain ? s->front : w->fetch.all;
	if (k.lines)
		fetched += CXMS_FRONT_CYC * CXMS_TICKS + ((int32_t)i * step_q8 >> 8);
	if (k.lines && w->resumed < w->n_resume)
		fetched = after_block(w, fetched);
	if (k.events && k.lines)
		w->fetch_into = (int32_t)(i + 1) * step_q8 >> 8;
	cxms_v8 done = step_uop(w, s, run, u, fetched, k);
	if (k.lines)
		w->fetched[(w->n_uop + i) % CXMS_ASSUMED_FETCH_QUEUE].all = s->dispatch;
	return done;
}

CXMS_STEP void step_block(struct cxms_window *w, const struct cxms_xrun *run, int32_t step_q8,
			  uint32_t kinds, struct kind k)
{
	struct step s = {.dispatch = w->dispatch.all,
			 .retire = w->retire.all,
			 .front = front_of(w),
			 .width = w->width.next,
			 .rob = w->rob.next,
			 .kinds = kinds,
			 .mispredicted = next_mispredicted(run, kinds, 0),
			 .note = w->note,
			 .last = w->notes->last.all};
	const struct cxms_uop *u = run->block->uop;
	const uint32_t end = run->block->exit[run->exit].uops;
	for (uint32_t i = 0; i < end;) {
		const uint32_t until = i + open_for(w, &s, end - i);
		for (; i < until; u++, i++) {
			cxms_v8 done = step_at(w, &s, run, u, i, step_q8, k);
			if (k.events)
				after_uop(w, &s, run, u, i, done);
		}
		close_rings(w, &s);
	}
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
CXMS_STEP void step_kind(struct cxms_window *w, const struct cxms_xrun *run, int32_t step_q8,
			 struct kind k)
{
	const struct kind with_events = {.events = true, .lines = k.lines, .plain = k.plain};
	if (run->n_event == 0) {
		step_block(w, run, step_q8, 0, k);
		return;
	}
	uint32_t kinds = kinds_of(run);
	if (kinds & 1u << CXMS_XE_IF)
		cxms_window_fetch_misses(w, run);
	step_block(w, run, step_q8, kinds, with_events);
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
	if (b->string_bytes == 0) {
		w->string_bytes = CXMS_STRING_PIECE; /* whatever comes begins one */
		return false;
	}
	bool again = w->string_addr == b->addr;
	w->string_addr = b->addr;
	if (again && w->string_bytes + b->string_bytes < CXMS_STRING_PIECE && only_uses(run)) {
		w->string_bytes += b->string_bytes;
		return true;
	}
	w->string_bytes = 0;
	return false;
}

CXMS_STEP void run_block(struct cxms_window *w, const struct cxms_xrun *run, struct kind k)
{
	const struct cxms_block *b = run->block;
	const struct cxms_block_exit *exit = &b->exit[run->exit];
	uint64_t store = w->n_store + exit->stores;
	w->counts.insns += exit->insns;
	if (within_piece(w, run)) {
		w->n_store = store;
		return;
	}
	int32_t step_q8 = k.lines ? begin_block(w, run) : 0;
	step_kind(w, run, step_q8, k);
	if (k.lines)
		end_block(w, exit->uops, step_q8);
	w->counts.uops += exit->uops;
	w->counts.undecoded += b->n_undecoded;
	if (b->string_rounds > 0)
		w->n_store = store;
	if (any(w->retire.all > CXMS_TICK_LONG))
		cxms_window_bound(w);
}

CXMS_STEP void run_kind(struct cxms_window *w, const struct cxms_xrun *run, size_t n, struct kind k)
{
	for (size_t i = 0; i < n; i++)
		run_block(w, &run[i], k);
}

CXMS_STEP void run_blocks(struct cxms_window *w, const struct cxms_xrun *run, size_t n)
{
	if (w->plain)
		run_kind(w, run, n, (struct kind){.plain = true});
	else if (w->cfg.fetch_lines)
		run_kind(w, run, n, (struct kind){.lines = true});
	else
		run_kind(w, run, n, (struct kind){0});
}

#endif

/* Prefetches of each lane: they wait in their prefetcher's queue until they have their registers.
 */
#include <string.h>

#include "core/window_fill.h"

/* Earliest time from @t on at which a register that no request of the core has is free for @len,
 * and not one of the last @reserve. Return: NEVER if there are no others. */
static int32_t unreserved(const struct cxms_mshr *m, uint32_t reserve, int32_t t, int32_t len)
{
	uint32_t limit = m->limit - reserve;
	return limit ? stays_below(m, limit, below(m, limit, t), len) : CXMS_TICK_NEVER;
}

/* A prefetch into the first level, or into one below. Takes the registers of each level that it
 * crosses. Return: NEVER if all of them are kept for others. */
static int32_t prefetch_free(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
			     bool first, int32_t asked)
{
	uint8_t level = level_for(f, below_of(w, f), l);
	int32_t len = way_to(w, l, level);
	int32_t t = asked;
	if (first)
		t = unreserved(&w->l1_mshr[l], w->l1_reserve, t, len);
	if (t != CXMS_TICK_NEVER && (!first || is_beyond_l2(w, level)))
		t = unreserved(&w->l2_mshr[l], w->l2_reserve, t, len);
	return t;
}

/* @asked: others that wait may still begin from then on, however far the core has come. */
static void begin_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, bool first,
			   int32_t asked, int32_t t)
{
	int32_t now = asked < w->dispatch.v[l] ? asked : w->dispatch.v[l];
	struct cxms_xreply reply; /* nobody waits for it */
	struct cxms_fill *under = below_of(w, f);
	uint8_t level = level_for(f, under, l);
	if (under && under->done.v[l] == CXMS_TICK_NEVER) {
		under->done.v[l] = latency_from(w, l, under, CXMS_XR_PREFETCH, t, &reply);
		under->begin.v[l] = t;
	}
	int32_t done = latency_from(w, l, f, CXMS_XR_PREFETCH, t, &reply);
	if (under) /* with its line, in whatever order they were asked for */
		done = later_of(done, under->done.v[l]);
	f->begin.v[l] = t;
	f->done.v[l] = done;
	if (first)
		mshr_take(&w->l1_mshr[l], t, done, now);
	if (!first || is_beyond_l2(w, level))
		mshr_take(&w->l2_mshr[l], t, done, now);
}

static void drop_oldest(struct cxms_prefetch_queue *q)
{
	q->n--;
	memmove(q->asked, q->asked + 1, q->n * sizeof(*q->asked));
	memmove(q->fill, q->fill + 1, q->n * sizeof(*q->fill));
}

/* The next of a queue begins, if it can by @until. One whose line was asked for meanwhile, or that
 * nobody can name any more, is gone. Return: whether it left the queue. */
static bool begin_next(struct cxms_window *w, unsigned l, struct cxms_prefetch_queue *q, bool first,
		       int32_t until)
{
	struct cxms_fill *f = &w->fill[q->fill[0] & (CXMS_FILL_RING - 1)];
	if (w->n_fill - q->fill[0] <= CXMS_FILL_RING && f->done.v[l] == CXMS_TICK_NEVER) {
		int32_t t = prefetch_free(w, l, f, first, later_of(q->asked[0], q->from));
		if (t > until) {
			q->from = later_of(q->from, t);
			return false;
		}
		begin_prefetch(w, l, f, first, q->asked[0], t);
	}
	drop_oldest(q);
	return true;
}

/* Whether the next of @q was asked for before that of @other. */
static bool is_before(const struct cxms_prefetch_queue *q, const struct cxms_prefetch_queue *other)
{
	if (q->asked[0] != other->asked[0])
		return q->asked[0] < other->asked[0];
	return q->fill[0] < other->fill[0];
}

void cxms_window_begin_queued(struct cxms_window *w, unsigned l, int32_t until)
{
	struct cxms_prefetch_queue *l1 = &w->queue_l1[l], *l2 = &w->queue_l2[l];
	bool try_l1 = true, try_l2 = true;
	for (;;) {
		try_l1 = try_l1 && waits_until(l1, until);
		try_l2 = try_l2 && waits_until(l2, until);
		if (try_l1 && (!try_l2 || is_before(l1, l2)))
			try_l1 = begin_next(w, l, l1, true, until);
		else if (try_l2)
			try_l2 = begin_next(w, l, l2, false, until);
		else
			break;
	}
}

/* By when it was asked for; the oldest makes room. */
static void enqueue(struct cxms_prefetch_queue *q, int32_t asked, uint64_t fill)
{
	if (q->n == CXMS_PREFETCH_QUEUE)
		drop_oldest(q);
	uint32_t at = q->n++;
	for (; at > 0 && q->asked[at - 1] > asked; at--) {
		q->asked[at] = q->asked[at - 1];
		q->fill[at] = q->fill[at - 1];
	}
	q->asked[at] = asked;
	q->fill[at] = fill;
}

/* It does not begin before a request that comes later in the program has been looked at: one that
 * waited for a register already takes it, and so does one that is as early. */
void cxms_window_ask_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, uint8_t into,
			      int32_t asked)
{
	f->done.v[l] = CXMS_TICK_NEVER;
	begin_waiting(w, l, asked - 1);
	enqueue(into == CXMS_XL_L1 ? &w->queue_l1[l] : &w->queue_l2[l], asked, w->n_fill - 1);
}

/* Arrays that are used together often lie a power of two apart. */
static uint64_t *prefetched(struct cxms_window *w, uint64_t line)
{
	uint64_t folded = line ^ line / CXMS_PREFETCHED ^ line / CXMS_PREFETCHED / CXMS_PREFETCHED;
	return &w->prefetched[folded % CXMS_PREFETCHED];
}

/* One more than the number of the last prefetch of @line below the first level; 0 = there is none
 * that can still be named. */
static uint64_t last_below(struct cxms_window *w, uint64_t line)
{
	uint64_t number = *prefetched(w, line);
	while (number > 0 && w->n_fill - (number - 1) <= CXMS_FILL_RING) {
		const struct cxms_fill *f = &w->fill[(number - 1) & (CXMS_FILL_RING - 1)];
		if (f->line == line)
			return number;
		number = f->older;
	}
	return 0;
}

struct cxms_fill *cxms_window_new_prefetch(struct cxms_window *w, const struct cxms_xevent *e)
{
	struct cxms_fill *f = new_fill(w, e->line, e->from);
	f->into = e->into;
	if (e->into > CXMS_XL_L1) {
		f->older = *prefetched(w, e->line);
		*prefetched(w, e->line) = w->n_fill;
	} else if (e->from < CXMS_XL_MEM) {
		f->below = last_below(w, e->line);
		if (f->below)
			f->origin = below_of(w, f)->origin;
	}
	return f;
}

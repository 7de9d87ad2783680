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

static void begin_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, bool first,
			   int32_t t)
{
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
		mshr_take(&w->l1_mshr[l], t, done, w->dispatch.v[l]);
	if (!first || is_beyond_l2(w, level))
		mshr_take(&w->l2_mshr[l], t, done, w->dispatch.v[l]);
}

static void drop_oldest(struct cxms_prefetch_queue *q, uint32_t n)
{
	q->n -= n;
	memmove(q->asked, q->asked + n, q->n * sizeof(*q->asked));
	memmove(q->fill, q->fill + n, q->n * sizeof(*q->fill));
}

/* One whose line was asked for meanwhile, or that nobody can name any more, is gone. */
void cxms_window_begin_queued(struct cxms_window *w, unsigned l, bool first, int32_t until)
{
	struct cxms_prefetch_queue *q = first ? &w->queue_l1[l] : &w->queue_l2[l];
	uint32_t over = 0;
	for (; over < q->n && q->from <= until; over++) {
		struct cxms_fill *f = &w->fill[q->fill[over] & (CXMS_FILL_RING - 1)];
		if (w->n_fill - q->fill[over] > CXMS_FILL_RING || f->done.v[l] != CXMS_TICK_NEVER)
			continue;
		int32_t t = prefetch_free(w, l, f, first, later_of(q->asked[over], q->from));
		if (t > until) {
			if (q->asked[over] <= until)
				q->from = later_of(q->from, t);
			break;
		}
		begin_prefetch(w, l, f, first, t);
	}
	if (over > 0)
		drop_oldest(q, over);
}

/* By when it was asked for; the oldest makes room. */
static void enqueue(struct cxms_prefetch_queue *q, int32_t asked, uint64_t fill)
{
	if (q->n == CXMS_PREFETCH_QUEUE)
		drop_oldest(q, 1);
	uint32_t at = q->n++;
	for (; at > 0 && q->asked[at - 1] > asked; at--) {
		q->asked[at] = q->asked[at - 1];
		q->fill[at] = q->fill[at - 1];
	}
	q->asked[at] = asked;
	q->fill[at] = fill;
}

void cxms_window_ask_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, uint8_t into,
			      int32_t asked)
{
	bool first = into == CXMS_XL_L1;
	struct cxms_prefetch_queue *q = first ? &w->queue_l1[l] : &w->queue_l2[l];
	f->done.v[l] = CXMS_TICK_NEVER;
	if (q->n == 0 && q->from <= asked) { /* it is next, and may begin at once */
		int32_t t = prefetch_free(w, l, f, first, asked);
		if (t <= asked) {
			begin_prefetch(w, l, f, first, t);
			return;
		}
		q->from = t;
	}
	enqueue(q, asked, w->n_fill - 1);
	cxms_window_begin_queued(w, l, first, asked);
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

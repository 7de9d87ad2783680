/* What happens in each lane by itself: misses and their registers, prefetches, what runs behind a
 * mispredicted branch, the scheduler when it is full. */
#include <string.h>

#include "base/units.h"
#include "core/window_priv.h"

/* Cycles from a branch's completion to the first new fetch, where lines are fetched: to the commit
 * stage, from there to fetch, and the one in which fetch is told (gem5 v24.0,
 * src/cpu/o3/BaseO3CPU.py: iewToCommitDelay, commitToFetchDelay). */
#define CXMS_REDIRECT_CYC 3
/* Where uops are split, those behind a mispredicted branch leave the reorder buffer one by one, as
 * many in a cycle as twice the width (tests/data/gem5: squash width 16 of an eight-wide core). */
#define CXMS_SQUASH_WIDTHS 2
/* Such a walk blocks dispatch if it is not over in the cycle in which the stages are told to drop
 * what ran in error; cycles from its end until dispatch is told so: to the stage that issues, in
 * which it stops blocking, and from there (gem5 v24.0, src/cpu/o3/iew.cc: checkSignalsAndUpdate;
 * BaseO3CPU.py: commitToIEWDelay, iewToRenameDelay). */
#define CXMS_BLOCKING_WALK_CYC 2
#define CXMS_WALKED_CYC	       3

static int32_t later_of(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

/* How many of @v, sorted, are at most @t. */
static uint32_t count_until(const int32_t *v, uint32_t n, int32_t t)
{
	uint32_t low = 0;
	while (n > 0) {
		uint32_t half = n / 2;
		bool over = v[low + half] <= t;
		low = over ? low + half + 1 : low;
		n = over ? n - half - 1 : half;
	}
	return low;
}

/* Earliest time from @t on at which fewer than @limit registers are taken. */
static int32_t below(const struct cxms_mshr *m, uint32_t limit, int32_t t)
{
	if (m->n < limit)
		return t;
	const int32_t *start = m->start + m->first, *end = m->end + m->first;
	uint32_t s = start[m->n - 1] <= t ? m->n : count_until(start, m->n, t), over;
	if (s < limit || end[s - limit] <= t)
		return t;
	/* so many have to be over; others may have begun by then */
	do {
		over = s - limit + 1;
		t = end[over - 1];
		while (s < m->n && start[s] <= t)
			s++;
	} while (s - over >= limit);
	return t;
}

/*
 * Earliest time from @t on at which a register is free. Requests are not served in program order:
 * one that waits for an operand holds no register before it begins. Requests only come in, so what
 * was found full stays full.
 */
static int32_t mshr_free(struct cxms_mshr *m, int32_t t)
{
	if (m->n < m->limit)
		return t;
	bool inside = t >= m->full_from && t < m->full_to;
	if (inside)
		t = m->full_to;
	int32_t free = below(m, m->limit, t);
	if (free == t)
		return t;
	if (!inside)
		m->full_from = t;
	m->full_to = free;
	return free;
}

/* Earliest time from @t on, when fewer than @limit registers are taken, from which on that stays so
 * for @len. Stores leave long after they dispatched: those that are known to begin within keep
 * theirs. */
static int32_t stays_below(const struct cxms_mshr *m, uint32_t limit, int32_t t, int32_t len)
{
	const int32_t *start = m->start + m->first, *end = m->end + m->first;
	if (m->n < limit || start[m->n - 1] <= t)
		return t;
	uint32_t k = count_until(start, m->n, t), over = k < limit ? 0 : k - limit;
	while (k < m->n && start[k] - t < len) {
		while (over < k && end[over] <= start[k])
			over++;
		if (k + 1 - over >= limit)
			t = below(m, limit, start[k]);
		do
			k++;
		while (k < m->n && start[k] <= t);
	}
	return t;
}

/* Earliest time from @t on at which a register is free, and stays so for @len. */
static int32_t free_for(struct cxms_mshr *m, int32_t t, int32_t len)
{
	return stays_below(m, m->limit, mshr_free(m, t), len);
}

/* Most are later than all before. */
static void insert(int32_t *v, uint32_t n, int32_t x)
{
	for (; n > 0 && v[n - 1] > x; n--)
		v[n] = v[n - 1];
	v[n] = x;
}

/* What ended before @now, when the youngest uop dispatched, is of no more interest; as many of the
 * begins go as of the ends, the first ones: each of them lies before its end. */
static void mshr_take(struct cxms_mshr *m, int32_t start, int32_t end, int32_t now)
{
	uint32_t over = 0;
	while (over < m->n && m->end[m->first + over] <= now)
		over++;
	if (over == 0 && m->n == CXMS_MSHR_MAX)
		over = 1;
	m->first += over;
	m->n -= over;
	if (m->first >= CXMS_MSHR_SPARE) {
		memmove(m->start, m->start + m->first, m->n * sizeof(*m->start));
		memmove(m->end, m->end + m->first, m->n * sizeof(*m->end));
		m->first = 0;
	}
	insert(m->start + m->first, m->n, start);
	insert(m->end + m->first, m->n, end);
	m->n++;
}

/* A request that was to begin at @start and to end at @end does not. Return: whether there was one.
 */
static bool mshr_give_back(struct cxms_mshr *m, int32_t start, int32_t end)
{
	int32_t *starts = m->start + m->first, *ends = m->end + m->first;
	uint32_t s = count_until(starts, m->n, start), e = count_until(ends, m->n, end);
	if (s == 0 || e == 0 || starts[s - 1] != start || ends[e - 1] != end)
		return false;
	memmove(starts + s - 1, starts + s, (m->n - s) * sizeof(*starts));
	memmove(ends + e - 1, ends + e, (m->n - e) * sizeof(*ends));
	m->n--;
	m->full_from = m->full_to = CXMS_TICK_LONG_AGO;
	return true;
}

static void ask_memory(struct cxms_window *w, unsigned l, uint64_t line, enum cxms_xrequest kind,
		       int32_t at)
{
	int64_t ticks = (int64_t)w->base[l] + at;
	w->memory.request(w->memory.arg, l, line, kind,
			  cxms_window_ps(w, (uint64_t)(ticks > 0 ? ticks : 0)), &w->reply[l]);
}

static bool is_beyond_l2(const struct cxms_window *w, uint8_t level)
{
	return w->cfg.has_l2 && level > CXMS_XL_L2;
}

/* How long a request to @level is under way; to memory: as the last one. */
static int32_t way_to(const struct cxms_window *w, unsigned l, uint8_t level)
{
	return level <= CXMS_XL_L2 ? w->l2 : level == CXMS_XL_LLC ? w->llc : w->far.v[l];
}

static uint32_t new_origin(struct cxms_window *w)
{
	w->n_origin += w->n_origin == UINT32_MAX ? 2 : 1; /* 0 is none */
	w->origin[w->n_origin & (CXMS_FILL_RING - 1)] = (struct cxms_origin){0};
	return w->n_origin;
}

/* NULL if it is long ago. */
static struct cxms_origin *origin_of(struct cxms_window *w, uint32_t number)
{
	if (number == 0 || w->n_origin - number >= CXMS_FILL_RING)
		return NULL;
	return &w->origin[number & (CXMS_FILL_RING - 1)];
}

/* Parts of a whole, with 32 bits: 4 ms, or more in coarser steps. */
static void set_origin(struct cxms_origin *o, unsigned l, const struct cxms_xreply *r)
{
	unsigned shift = r->latency_ps > UINT32_MAX ? 16 : 0;
	o->latency_ps[l] = (uint32_t)(r->latency_ps >> shift);
	o->queue_ps[l] = (uint32_t)(r->queue_ps >> shift);
	o->switch_ps[l] = (uint32_t)(r->switch_ps >> shift);
	o->is_cxl[l] = r->target != 0;
}

static struct cxms_fill *new_fill(struct cxms_window *w, uint64_t line, uint8_t from)
{
	struct cxms_fill *f = &w->fill[w->n_fill++ & (CXMS_FILL_RING - 1)];
	f->line = line;
	f->from = from;
	f->into = CXMS_XL_L1;
	f->below = 0;
	memset(&f->joined, 0, sizeof(f->joined));
	for (int l = 0; l < CXMS_LANES; l++)
		f->begin.v[l] = CXMS_TICK_LONG_AGO;
	f->origin = from == CXMS_XL_MEM ? new_origin(w) : 0;
	return f;
}

/* A fill that begins at @t: when it is done. Asks memory if it comes from there. */
static int32_t latency_from(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
			    enum cxms_xrequest kind, int32_t t)
{
	if (f->from <= CXMS_XL_L2)
		return t + w->l2;
	if (f->from == CXMS_XL_LLC)
		return t + w->llc;
	ask_memory(w, l, f->line, kind, t);
	struct cxms_origin *o = origin_of(w, f->origin);
	if (o)
		set_origin(o, l, &w->reply[l]);
	w->far.v[l] = cxms_window_ticks(w, w->reply[l].latency_ps);
	return t + w->far.v[l];
}

/* A request that began at @t may have taken the last register of the first level, which then takes
 * nobody, hits neither, until one is free (gem5 v24.0, src/mem/cache/base.hh: Blocked_NoMSHRs).
 * Such times that touch are one. */
static void close_when_full(struct cxms_window *w, unsigned l, int32_t t)
{
	const struct cxms_mshr *m = &w->l1_mshr[l];
	if (!w->closes || m->n < m->limit)
		return;
	int32_t to = below(m, m->limit, t), *from = &w->block_from.v[l];
	if (to == t)
		return;
	if (t > w->block_to.v[l] || t < *from)
		*from = t;
	w->block_to.v[l] = later_of(w->block_to.v[l], to);
}

/* The registers of a request of the first level on its way to @level. */
static void take_registers(struct cxms_window *w, unsigned l, uint8_t level, int32_t t,
			   int32_t done)
{
	mshr_take(&w->l1_mshr[l], t, done, w->dispatch.v[l]);
	close_when_full(w, l, t);
	if (is_beyond_l2(w, level))
		mshr_take(&w->l2_mshr[l], t, done, w->dispatch.v[l]);
}

/* The same of one into the first level, with the registers that it takes. @there: when a fill under
 * way brings its line; it holds them as long. */
static int32_t miss_from(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
			 enum cxms_xrequest kind, int32_t t, int32_t there)
{
	int32_t done = later_of(latency_from(w, l, f, kind, t), there);
	take_registers(w, l, f->from, t, done);
	return done;
}

/* What brings the line of a prefetch into the first level to the L2, or NULL. */
static struct cxms_fill *below_of(struct cxms_window *w, const struct cxms_fill *f)
{
	if (f->below == 0 || w->n_fill - (f->below - 1) > CXMS_FILL_RING)
		return NULL;
	return &w->fill[(f->below - 1) & (CXMS_FILL_RING - 1)];
}

/* Where its line is for the lane: what was to bring it nearer may not have begun. */
static uint8_t level_for(const struct cxms_fill *f, const struct cxms_fill *under, unsigned l)
{
	return under && under->done.v[l] == CXMS_TICK_NEVER ? under->from : f->from;
}

/* A prefetch into the first level, or into one below. Takes the registers of each level that it
 * crosses. Return: NEVER if all of them are kept for others. */
static int32_t prefetch_free(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
			     bool first, int32_t asked)
{
	uint8_t level = level_for(f, below_of(w, f), l);
	uint32_t limit = w->cfg.l2_mshrs - w->l2_reserve;
	int32_t len = way_to(w, l, level);
	int32_t t = first ? free_for(&w->l1_mshr[l], asked, len) : asked;
	if (first && !is_beyond_l2(w, level))
		return t;
	if (limit == 0)
		return CXMS_TICK_NEVER;
	return stays_below(&w->l2_mshr[l], limit, below(&w->l2_mshr[l], limit, t), len);
}

static void begin_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, bool first,
			   int32_t t)
{
	struct cxms_xreply kept = w->reply[l];
	struct cxms_fill *under = below_of(w, f);
	uint8_t level = level_for(f, under, l);
	if (under && under->done.v[l] == CXMS_TICK_NEVER) {
		under->done.v[l] = latency_from(w, l, under, CXMS_XR_PREFETCH, t);
		under->begin.v[l] = t;
	}
	int32_t done = latency_from(w, l, f, CXMS_XR_PREFETCH, t);
	if (under) /* with its line, in whatever order they were asked for */
		done = later_of(done, under->done.v[l]);
	w->reply[l] = kept;
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

/* Prefetches that wait begin, if they can by @until. One whose line was asked for meanwhile, or
 * that nobody can name any more, is gone. */
static void begin_queued(struct cxms_window *w, unsigned l, bool first, int32_t until)
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

/*
 * Earliest time from @at on at which a request of the first level has the registers that it needs
 * on its way to @level, for @len.
 *
 * A request of the core takes a register before any prefetch that still waits for one (gem5 v24.0,
 * src/mem/cache/base.cc, getNextQueueEntry: the prefetcher is asked last): those that could begin
 * before it have.
 */
static int32_t registers_for(struct cxms_window *w, unsigned l, uint8_t level, int32_t at,
			     int32_t len)
{
	begin_queued(w, l, true, at - 1);
	begin_queued(w, l, false, at - 1);
	int32_t t = free_for(&w->l1_mshr[l], at, len);
	return is_beyond_l2(w, level) ? free_for(&w->l2_mshr[l], t, len) : t;
}

static int32_t registers_free(struct cxms_window *w, unsigned l, uint8_t level, int32_t at)
{
	return registers_for(w, l, level, at, way_to(w, l, level));
}

static struct cxms_fill *fill_back(struct cxms_window *w, uint32_t back)
{
	if (back > w->n_fill || back > CXMS_FILL_RING)
		return NULL;
	return &w->fill[(w->n_fill - back) & (CXMS_FILL_RING - 1)];
}

/* Registers that a fill had at a later time, and gave back. */
struct given_back {
	bool l1, l2;
};

static struct given_back give_back(struct cxms_window *w, unsigned l, const struct cxms_fill *f)
{
	int32_t begin = f->begin.v[l], end = f->done.v[l];
	return (struct given_back){mshr_give_back(&w->l1_mshr[l], begin, end),
				   mshr_give_back(&w->l2_mshr[l], begin, end)};
}

static void take_again(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
		       struct given_back given)
{
	if (given.l1)
		mshr_take(&w->l1_mshr[l], f->begin.v[l], f->done.v[l], w->dispatch.v[l]);
	if (given.l2)
		mshr_take(&w->l2_mshr[l], f->begin.v[l], f->done.v[l], w->dispatch.v[l]);
}

/*
 * An access at @at comes to a line that a prefetch, or an access older in the program, asks for
 * later than that: the line is asked for now, if there are registers before. Memory has answered
 * already; the line takes as long. Return: whether it begins now, at *begin; who asks takes the
 * registers.
 */
static bool begin_before(struct cxms_window *w, unsigned l, struct cxms_fill *f, int32_t at,
			 int32_t *begin)
{
	if (f->done.v[l] == CXMS_TICK_NEVER || f->begin.v[l] <= at)
		return false;
	begin_queued(w, l, true, at - 1);
	begin_queued(w, l, false, at - 1);
	struct given_back given = give_back(w, l, f);
	int32_t len = f->done.v[l] - f->begin.v[l], t = free_for(&w->l1_mshr[l], at, len);
	if (is_beyond_l2(w, f->from))
		t = free_for(&w->l2_mshr[l], t, len);
	if (t >= f->begin.v[l]) {
		take_again(w, l, f, given);
		return false;
	}
	*begin = t;
	f->begin.v[l] = CXMS_TICK_LONG_AGO;
	f->done.v[l] = t + len;
	return true;
}

/* The newest fill is a prefetch's: it waits in its prefetcher's queue for registers. */
static void ask_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, uint8_t into,
			 int32_t asked)
{
	bool first = into == CXMS_XL_L1;
	struct cxms_prefetch_queue *q = first ? &w->queue_l1[l] : &w->queue_l2[l];
	f->done.v[l] = CXMS_TICK_NEVER;
	if (q->n == CXMS_PREFETCH_QUEUE)
		drop_oldest(q, 1);
	uint32_t at = q->n++;
	for (; at > 0 && q->asked[at - 1] > asked; at--) {
		q->asked[at] = q->asked[at - 1];
		q->fill[at] = q->fill[at - 1];
	}
	q->asked[at] = asked;
	q->fill[at] = w->n_fill - 1;
	begin_queued(w, l, first, asked);
}

/* A line that a prefetcher asks for; the first level may find it on its way to the L2. */
static struct cxms_fill *new_prefetch(struct cxms_window *w, const struct cxms_xevent *e)
{
	struct cxms_fill *f = new_fill(w, e->line, e->from);
	uint64_t *last = &w->prefetched[e->line % CXMS_PREFETCHED];
	f->into = e->into;
	if (e->into > CXMS_XL_L1) {
		*last = w->n_fill;
	} else if (e->from < CXMS_XL_MEM) {
		f->below = *last;
		const struct cxms_fill *under = below_of(w, f);
		if (under && under->line == e->line)
			f->origin = under->origin;
		else
			f->below = 0;
	}
	return f;
}

static void prefetch(struct cxms_window *w, const struct cxms_xevent *e,
		     const struct cxms_lanes *asked)
{
	struct cxms_fill *f = new_prefetch(w, e);
	w->counts.prefetches++;
	for (unsigned l = 0; l < w->n_lane; l++)
		ask_prefetch(w, l, f, e->into, asked->v[l]);
}

static void waits_for(struct cxms_window *w, const struct cxms_fill *f)
{
	w->waited = f->origin ? f->origin : w->waited;
}

/* A miss of the first level from @at on. @before: brings its line to the level it asks, or NULL;
 * one that has not begun, this one begins, with the registers on its way. Return: when its line is
 * there; @begin: when it has its registers. */
static int32_t miss_lane(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
			 struct cxms_fill *before, enum cxms_xrequest kind, int32_t at,
			 int32_t *begin)
{
	bool waits = before && before->done.v[l] == CXMS_TICK_NEVER;
	if (before && begin_before(w, l, before, at, begin)) {
		int32_t there = later_of(latency_from(w, l, f, kind, *begin), before->done.v[l]);
		take_registers(w, l, before->from, *begin, there);
		return there;
	}
	*begin = registers_free(w, l, waits ? before->from : f->from, at);
	if (!before)
		return miss_from(w, l, f, kind, *begin, CXMS_TICK_LONG_AGO);
	if (before->done.v[l] != CXMS_TICK_NEVER)
		return miss_from(w, l, f, kind, *begin, before->done.v[l]);
	struct cxms_xreply kept = w->reply[l];
	before->done.v[l] = latency_from(w, l, before, kind, *begin);
	w->reply[l] = kept;
	int32_t done = later_of(latency_from(w, l, f, kind, *begin), before->done.v[l]);
	take_registers(w, l, before->from, *begin, done);
	return done;
}

/* The same of a prefetch that waits for the one that brings its line to the L2: it has not begun.
 */
static void call_off(struct cxms_window *w, unsigned l, struct cxms_fill *f, int32_t at)
{
	if (f->done.v[l] == CXMS_TICK_NEVER || f->begin.v[l] <= at)
		return;
	uint8_t level = level_for(f, below_of(w, f), l);
	struct given_back given = give_back(w, l, f);
	if (registers_free(w, l, level, at) < f->begin.v[l])
		f->done.v[l] = CXMS_TICK_NEVER;
	else
		take_again(w, l, f, given);
}

/* When the line of a fill is there. One that never began in this lane begins now. */
static int32_t fill_done(struct cxms_window *w, unsigned l, struct cxms_fill *f,
			 enum cxms_xrequest kind, int32_t at)
{
	int32_t t;
	if (f->below)
		call_off(w, l, f, at);
	else if (begin_before(w, l, f, at, &t))
		take_registers(w, l, f->from, t, f->done.v[l]);
	if (f->done.v[l] != CXMS_TICK_NEVER)
		return f->done.v[l];
	begin_queued(w, l, true, at - 1);
	begin_queued(w, l, false, at - 1);
	if (f->done.v[l] == CXMS_TICK_NEVER) { /* nor was it a prefetch that began meanwhile */
		struct cxms_xreply kept = w->reply[l];
		f->done.v[l] = miss_lane(w, l, f, below_of(w, f), kind, at, &t);
		w->reply[l] = kept;
	}
	return f->done.v[l];
}

/* The access missed, or hit what is in flight: done is moved accordingly. The level below sees a
 * miss, and its prefetcher is told, when it has its registers: at is moved to that. */
static void data_event(struct cxms_window *w, const struct cxms_xevent *e, enum cxms_xrequest kind,
		       struct cxms_lanes *at, struct cxms_lanes *done)
{
	static const uint8_t level_of[CXMS_XE_KIND_END] = {
		[CXMS_XE_L2] = CXMS_XL_L2,	[CXMS_XE_LLC] = CXMS_XL_LLC,
		[CXMS_XE_MEM] = CXMS_XL_MEM,	[CXMS_XE_L2USE] = CXMS_XL_L2,
		[CXMS_XE_LLCUSE] = CXMS_XL_LLC,
	};
	struct cxms_fill *before = NULL;
	uint8_t level = level_of[e->kind];
	if ((e->kind == CXMS_XE_USE || e->kind == CXMS_XE_L2USE || e->kind == CXMS_XE_LLCUSE) &&
	    !(w->cfg.without & CXMS_WP_IN_FLIGHT))
		before = fill_back(w, e->back);
	if (level) {
		struct cxms_fill *f = new_fill(w, e->line, level);
		w->counts.l1d_misses++;
		w->counts.l2_misses += level != CXMS_XL_L2;
		w->counts.llc_misses += level == CXMS_XL_MEM;
		for (unsigned l = 0; l < w->n_lane; l++) {
			int32_t begin;
			int32_t t = miss_lane(w, l, f, before, kind, at->v[l], &begin);
			f->done.v[l] = t;
			f->begin.v[l] = before ? CXMS_TICK_LONG_AGO : begin;
			done->v[l] = t > done->v[l] ? t : done->v[l];
			w->begun.v[l] = later_of(w->begun.v[l], begin);
			at->v[l] = begin;
		}
		w->missed |= level == CXMS_XL_MEM;
		if (before)
			f->origin = before->origin;
		waits_for(w, f);
	} else if (before) {
		waits_for(w, before);
		for (unsigned l = 0; l < w->n_lane; l++) {
			int32_t there = fill_done(w, l, before, kind, at->v[l]);
			done->v[l] = there > done->v[l] ? there : done->v[l];
		}
		w->counts.uses++;
	}
}

/* @done: moved to when memory has room; NULL = nobody waits for it. */
static void write_back(struct cxms_window *w, const struct cxms_xevent *e,
		       const struct cxms_lanes *at, struct cxms_lanes *done)
{
	struct cxms_origin *o = NULL;
	w->counts.writebacks++;
	if (done) {
		w->waited = new_origin(w);
		o = origin_of(w, w->waited);
	}
	for (unsigned l = 0; l < w->n_lane; l++) {
		struct cxms_xreply kept = w->reply[l];
		ask_memory(w, l, e->line, CXMS_XR_WRITE, at->v[l]);
		int32_t taken = at->v[l] + cxms_window_ticks(w, w->reply[l].queue_ps);
		if (done && taken > done->v[l])
			done->v[l] = taken;
		if (o) { /* waits in queues only */
			w->reply[l].latency_ps = w->reply[l].queue_ps;
			w->reply[l].switch_ps = 0;
			set_origin(o, l, &w->reply[l]);
		}
		w->reply[l] = kept;
	}
}

static uint32_t rob_size(const struct cxms_window *w)
{
	return (uint32_t)(w->rob.end - w->rob.first);
}

/* When the entry of the reorder buffer is free that the uop @n behind the one at hand takes. */
static const struct cxms_lanes *rob_behind(const struct cxms_window *w, uint32_t n)
{
	return &w->rob.first[((uint32_t)(w->rob.next - w->rob.first) + n) % rob_size(w)];
}

/* Entries of the reorder buffer for what is behind the uop at hand that are free by @t: those older
 * than it that have not retired hold theirs. */
static uint32_t room_behind(const struct cxms_window *w, unsigned l, int32_t t)
{
	uint32_t low = 0, high = rob_size(w);
	while (low < high) {
		uint32_t half = low + (high - low) / 2;
		bool is_free = rob_behind(w, half)->v[l] <= t;
		low = is_free ? half + 1 : low;
		high = is_free ? high : half;
	}
	return low;
}

/* Cycles for which the reorder buffer is walked: what came behind the branch fills it. */
static int32_t walk_cycles(const struct cxms_window *w, unsigned l, int32_t done)
{
	int64_t room = (int64_t)room_behind(w, l, done) * CXMS_TICKS,
		a_cycle = CXMS_SQUASH_WIDTHS * w->cfg.width;
	int64_t behind = (int64_t)(done - w->dispatch.v[l]) * w->cfg.width;
	int64_t walked = behind < room ? behind : room;
	return walked > 0 ? (int32_t)((walked + a_cycle * CXMS_TICKS - 1) / (a_cycle * CXMS_TICKS))
			  : 0;
}

/*
 * Dispatch goes on when the reorder buffer has been walked, three cycles of signals later. A walk
 * of one cycle blocks nobody.
 */
static void block_dispatch(struct cxms_window *w, unsigned l, int32_t done)
{
	int32_t cycles = walk_cycles(w, l, done);
	w->resume.v[l] = CXMS_TICK_LONG_AGO;
	w->resumed = 0;
	if (cycles < CXMS_BLOCKING_WALK_CYC)
		return;
	w->resume.v[l] = done + (cycles + CXMS_WALKED_CYC) * CXMS_TICKS;
	w->floor.v[l] = later_of(w->floor.v[l], w->resume.v[l]);
}

/* Fetch goes on, in the lanes of @where, when what ran in error is gone: that is known at @done,
 * and where a line has to come first, as if at @there. */
static void refetch(struct cxms_window *w, const struct cxms_lanes *where,
		    const struct cxms_lanes *done, const struct cxms_lanes *there)
{
	int32_t cyc = w->cfg.fetch_lines ? CXMS_REDIRECT_CYC : CXMS_ASSUMED_REDIRECT_CYC;
	for (unsigned l = 0; l < w->n_lane; l++) {
		if (!where->v[l])
			continue;
		if (w->walks)
			block_dispatch(w, l, done->v[l]);
		/* where the block would have begun for what follows to come then */
		w->fetch.v[l] =
			later_of(w->fetch.v[l], there->v[l] + cyc * CXMS_TICKS - w->fetch_into);
	}
}

/* A load ran before a store it meets, in the lanes of @early: when the store is executed at @store,
 * it and what follows it are fetched again. */
static void ran_too_early(struct cxms_window *w, uint64_t store_pc, const struct cxms_lanes *early,
			  const struct cxms_lanes *store, struct cxms_lanes *done)
{
	int32_t again =
		w->l1d + CXMS_TICKS * (CXMS_REDIRECT_CYC + CXMS_FRONT_CYC + CXMS_ASSUMED_ISSUE_CYC);
	refetch(w, early, store, store);
	for (unsigned l = 0; l < w->n_lane; l++)
		if (early->v[l])
			done->v[l] = later_of(done->v[l], store->v[l] + again);
	cxms_window_met(w, w->pc, store_pc, early);
}

/* The load reads more than what a recent store wrote: it begins anew when the first level has it.
 */
static void wait_for_first_level(struct cxms_window *w, const struct cxms_xevent *e,
				 struct cxms_lanes *asked, struct cxms_lanes *done)
{
	if (e->back > w->n_store || e->back > CXMS_STORE_RING || w->cfg.without & CXMS_WP_FORWARD)
		return;
	uint32_t at = (uint32_t)((w->n_store - e->back) % CXMS_STORE_RING);
	for (unsigned l = 0; l < w->n_lane; l++) {
		asked->v[l] = later_of(asked->v[l], w->store_drained[at].v[l]);
		done->v[l] = later_of(done->v[l], asked->v[l] + w->l1d);
	}
}

/* The load reads what a recent store wrote, or @near it: a core that learns which loads and stores
 * meet looks at 16 bytes (gem5 v24.0, src/cpu/o3/BaseO3CPU.py: LSQDepCheckShift). */
static void forward(struct cxms_window *w, const struct cxms_xevent *e, bool near,
		    const struct cxms_lanes *asked, struct cxms_lanes *done)
{
	w->counts.forwards += !near;
	if (e->back > w->n_store || e->back > CXMS_STORE_RING || w->cfg.without & CXMS_WP_FORWARD)
		return;
	uint32_t at = (uint32_t)((w->n_store - e->back) % CXMS_STORE_RING);
	struct cxms_lanes ready = w->store_ready[at], early = {0};
	bool any = false;
	for (unsigned l = 0; l < w->n_lane; l++) {
		early.v[l] = w->learns && asked->v[l] + CXMS_TICKS < ready.v[l] ? -1 : 0;
		any |= early.v[l];
		if (!near)
			done->v[l] = later_of(done->v[l], ready.v[l]);
	}
	if (any)
		ran_too_early(w, w->store_pc[at], &early, &ready, done);
}

/*
 * A page that the second TLB does not have either waits for a walker, which reads the table through
 * the data caches and holds the miss registers of a load that goes as far (Intel's counters
 * PAGE_WALKER_LOADS.DTLB_L1 to _MEMORY: its hits are those of the L1D and its fill buffers).
 */
static int32_t walk_lane(struct cxms_window *w, unsigned l, int32_t asked)
{
	int32_t begin = mshr_free(&w->walker[l], asked), read = begin;
	if (w->walk_level > CXMS_XL_L1)
		read = registers_for(w, l, w->walk_level, begin, w->walk);
	mshr_take(&w->walker[l], begin, read + w->walk, w->dispatch.v[l]);
	if (w->walk_level > CXMS_XL_L1)
		take_registers(w, l, w->walk_level, read, read + w->walk);
	return read + w->walk;
}

static void walk(struct cxms_window *w, struct cxms_lanes *asked, struct cxms_lanes *done)
{
	w->counts.walks++;
	for (unsigned l = 0; w->walk > 0 && l < w->n_lane; l++) {
		int32_t more = walk_lane(w, l, asked->v[l]) - asked->v[l];
		asked->v[l] += more;
		done->v[l] += more;
	}
}

static void second_tlb(struct cxms_lanes *asked, struct cxms_lanes *done)
{
	asked->all += CXMS_ASSUMED_TLB2_CYC * CXMS_TICKS;
	done->all += CXMS_ASSUMED_TLB2_CYC * CXMS_TICKS;
}

void cxms_window_event(struct cxms_window *w, const struct cxms_xevent *e, enum cxms_xrequest kind,
		       struct cxms_lanes *asked, struct cxms_lanes *done)
{
	if (e->flags & CXMS_XE_WALK)
		walk(w, asked, done);
	else if (e->flags)
		second_tlb(asked, done);
	switch (e->kind) {
	case CXMS_XE_PF:
		prefetch(w, e, asked);
		break;
	case CXMS_XE_WB:
		write_back(w, e, asked, NULL);
		break;
	case CXMS_XE_NT: /* holds its entry of the store queue until memory takes it */
		write_back(w, e, asked, done);
		break;
	case CXMS_XE_FWD:
		forward(w, e, false, asked, done);
		break;
	case CXMS_XE_NEAR:
		forward(w, e, true, asked, done);
		break;
	case CXMS_XE_PART:
		forward(w, e, true, asked, done);
		wait_for_first_level(w, e, asked, done);
		break;
	case CXMS_XE_SKIP:
		w->skipped = true;
		break;
	default:
		data_event(w, e, kind, asked, done);
	}
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

static uint64_t share_of(uint64_t ps, uint64_t part, uint64_t whole)
{
	uint64_t small;
	if (!__builtin_mul_overflow(ps, part, &small))
		return small / whole;
	__extension__ unsigned __int128 p = (unsigned __int128)ps * part;
	return (uint64_t)(p / whole);
}

/* Time by which retirement waited for a request of which queues and switches took that much. */
static void add_stall(struct cxms_window *w, unsigned l, uint64_t ps, const struct cxms_xreply *r)
{
	uint64_t queue = share_of(ps, r->queue_ps, r->latency_ps);
	uint64_t at_switch = share_of(ps, r->switch_ps, r->latency_ps);
	w->queue[l] += r->target ? queue : 0;
	w->at_switch[l] += at_switch;
	if (r->target)
		w->cxl[l] += ps - queue - at_switch;
	else
		w->local[l] += ps;
}

/* Retirement waited for this load: by how much, and for what. */
void cxms_window_attribute(struct cxms_window *w, const struct cxms_lanes *could)
{
	for (unsigned l = 0; l < w->n_lane; l++) {
		const struct cxms_xreply *r = &w->reply[l];
		int64_t stall = (int64_t)w->retire.v[l] - could->v[l];
		if (stall <= 0 || r->latency_ps == 0)
			continue;
		uint64_t ps = cxms_window_ps(w, (uint64_t)stall);
		add_stall(w, l, ps < r->latency_ps ? ps : r->latency_ps, r);
	}
}

void cxms_window_attribute_to(struct cxms_window *w, uint32_t origin, const struct cxms_lanes *from,
			      const struct cxms_lanes *to)
{
	const struct cxms_origin *o = origin_of(w, origin);
	for (unsigned l = 0; o && l < w->n_lane; l++) {
		int64_t stall = (int64_t)to->v[l] - from->v[l];
		const struct cxms_xreply r = {.latency_ps = o->latency_ps[l],
					      .queue_ps = o->queue_ps[l],
					      .switch_ps = o->switch_ps[l],
					      .target = o->is_cxl[l]};
		if (stall > 0 && r.latency_ps > 0)
			add_stall(w, l, cxms_window_ps(w, (uint64_t)stall), &r);
	}
}

/* Lines of instructions that the first level did not have. */
void cxms_window_fetch_misses(struct cxms_window *w, const struct cxms_xrun *run)
{
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		if (e->kind != CXMS_XE_IF)
			continue;
		for (unsigned l = 0; l < w->n_lane; l++) {
			int32_t now = later_of(w->fetch.v[l], w->dispatch.v[l]);
			int32_t more = e->from == CXMS_XL_LLC ? w->llc : w->l2;
			if (e->from == CXMS_XL_MEM) {
				ask_memory(w, l, e->line, CXMS_XR_FETCH, now);
				more = cxms_window_ticks(w, w->reply[l].latency_ps);
			}
			/* where one run fetches so much that it passes the range, time is lost */
			w->fetch.v[l] = now < 4 * CXMS_TICK_LONG ? now + more : now;
		}
	}
}

/*
 * The front end has one line at hand, that of what it fetched in error: somewhere about the branch.
 * The new one is there at once if all of that is one line, else after an access that waits for the
 * begin of a cycle (gem5 v24.0, src/cpu/o3/fetch.cc).
 */
int32_t cxms_window_line_again(const struct cxms_window *w, uint64_t block, uint64_t end,
			       uint64_t to)
{
	uint64_t first = to < block ? to : block, last = to > end ? to : end;
	int32_t apart_q8 = last - first < CXMS_LINE_BYTES ? cxms_fetch_apart_q8(first, last) : 256;
	return apart_q8 * (w->fetch_bubble + CXMS_TICKS) >> 8;
}

/* The predictor was wrong about @exit: fetch goes on where the branch says, once it is done. */
static void redirect(struct cxms_window *w, const struct cxms_xrun *run, uint32_t exit,
		     const struct cxms_lanes *done)
{
	const struct cxms_block *b = run->block;
	const struct cxms_fetch_insn *in = &b->fetch[b->exit_insns[exit] - 1];
	uint64_t behind = b->addr + (uint64_t)(int64_t)in->at + in->len;
	struct cxms_lanes from = *done;
	/* where to: the next block tells */
	w->redirected = b->exit_insns[exit] == b->exit_insns[run->exit];
	if (w->cfg.fetch_lines && !w->redirected)
		from.all += cxms_window_line_again(w, b->addr, behind - 1, behind);
	refetch(w, &w->used, done, &from);
	w->counts.mispredicts++;
}

/* Which exit's branch, the one that ends with this many uops, was mispredicted; -1 = none. */
static int64_t mispredicted_at(const struct cxms_xrun *run, uint32_t uops)
{
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		if (e->kind == CXMS_XE_MISP && run->block->exit_uops[e->index] == uops)
			return e->index;
	}
	return -1;
}

/* A load of the wrong path that has a register before the branch is done; else it is gone. */
static int32_t wrong_miss(struct cxms_window *w, unsigned l, const struct cxms_fill *f, int32_t at,
			  int32_t branch_done)
{
	struct cxms_xreply kept = w->reply[l];
	int32_t t = registers_free(w, l, f->from, at);
	if (t >= branch_done)
		return CXMS_TICK_NEVER;
	int32_t done = miss_from(w, l, f, CXMS_XR_READ, t, CXMS_TICK_LONG_AGO);
	w->reply[l] = kept;
	return done;
}

/*
 * A fill of the wrong path in the lanes where its load began; in the others it never does. What
 * such a load made a prefetcher bring, the right path asks for soon after, if not the wrong one.
 */
static void wrong_fill(struct cxms_window *w, const struct cxms_xevent *e,
		       const struct cxms_lanes *at, const struct cxms_lanes *branch_done)
{
	struct cxms_fill *f =
		e->kind == CXMS_XE_PF ? new_prefetch(w, e) : new_fill(w, e->line, e->from);
	for (unsigned l = 0; l < w->n_lane; l++) {
		bool began = at->v[l] < branch_done->v[l] && !(w->cfg.without & CXMS_WP_WRONG_PATH);
		if (e->kind == CXMS_XE_PF)
			ask_prefetch(w, l, f, e->into, began ? at->v[l] : branch_done->v[l]);
		else if (began)
			f->done.v[l] = wrong_miss(w, l, f, at->v[l], branch_done->v[l]);
		else
			f->done.v[l] = CXMS_TICK_NEVER;
	}
}

/* A line that an earlier wrong path did not get to: in those lanes this one may. */
static void wrong_use(struct cxms_window *w, const struct cxms_xevent *e,
		      const struct cxms_lanes *at, const struct cxms_lanes *branch_done)
{
	struct cxms_fill *f = fill_back(w, e->back);
	for (unsigned l = 0; f && l < w->n_lane; l++)
		if (f->done.v[l] == CXMS_TICK_NEVER && at->v[l] < branch_done->v[l] &&
		    !(w->cfg.without & CXMS_WP_WRONG_PATH))
			f->done.v[l] = wrong_miss(w, l, f, at->v[l], branch_done->v[l]);
}

/*
 * When a load of the wrong path, @insns behind the branch of @b, begins: as fast as blocks like
 * this one are fetched, and when the reorder buffer has room for it. What has none before the
 * branch retires never begins: as late as the branch is done.
 */
static void begin_wrong(const struct cxms_window *w, const struct cxms_block *b, uint32_t insns,
			const struct cxms_lanes *branch_done, struct cxms_lanes *at)
{
	uint32_t n = insns * b->n_uop / b->n_insn;
	const struct cxms_lanes *room = rob_behind(w, n);
	int32_t later = (int32_t)(n * CXMS_TICKS / w->cfg.width);
	if (w->cfg.fetch_lines) /* a group ends with the block */
		later = (int32_t)(n * CXMS_TICKS * ((b->n_uop - 1) / w->cfg.width + 1) / b->n_uop);
	*at = *branch_done;
	for (unsigned l = 0; n < rob_size(w) && l < w->n_lane; l++)
		at->v[l] = later_of(w->dispatch.v[l] + later, room->v[l]) +
			   CXMS_ASSUMED_ISSUE_CYC * CXMS_TICKS;
}

/*
 * Loads behind a mispredicted branch: they follow it through the front end and begin unless the
 * branch is done before; then the line comes though nobody waits for it.
 */
static void wrong_path(struct cxms_window *w, const struct cxms_xrun *run, int64_t exit,
		       const struct cxms_lanes *branch_done)
{
	const struct cxms_block *b = run->block;
	struct cxms_lanes at = w->dispatch;
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		bool wrong = e->kind == CXMS_XE_WRONG, use = e->kind == CXMS_XE_WRONGUSE;
		if (e->index != exit || !(wrong || use || e->flags & CXMS_XE_BEHIND))
			continue;
		if (wrong || use)
			begin_wrong(w, b, wrong ? e->back : e->behind + 1u, branch_done, &at);
		w->counts.wrong_loads += wrong;
		if (use)
			wrong_use(w, e, &at, branch_done);
		else if (wrong || e->kind == CXMS_XE_PF)
			wrong_fill(w, e, &at, branch_done);
		else
			write_back(w, e, &at, NULL);
	}
}

/* A branch whose exit has that many uops is done: if it went elsewhere than predicted. */
void cxms_window_end_branch(struct cxms_window *w, const struct cxms_xrun *run, uint32_t uops,
			    const struct cxms_lanes *done)
{
	int64_t exit = mispredicted_at(run, uops);
	if (exit < 0)
		return;
	wrong_path(w, run, exit, done);
	if (!(w->cfg.without & CXMS_WP_REDIRECT))
		redirect(w, run, (uint32_t)exit, done);
}

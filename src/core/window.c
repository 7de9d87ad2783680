/*
 * Three clocks a lane, in the order of the uops: D dispatch into the window, C completion, R
 * retirement. A uop dispatches when the front end has it and the reorder buffer, scheduler and
 * queues have room; starts when its operands are there; retires in order.
 */
#include "core/window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "core/window_priv.h"

/* Cycles from dispatch to the earliest issue: the scheduler's own stages. */
#define CXMS_ASSUMED_ISSUE_CYC 2
/* Cycles from completion to retirement, and from there to the reuse of the entry. */
#define CXMS_ASSUMED_RETIRE_CYC 2
/* Cycles from fetch to dispatch: decode and rename. */
#define CXMS_ASSUMED_FRONT_CYC 4
/* Cycles from a branch's completion to the first new fetch, where lines are fetched. */
#define CXMS_ASSUMED_REDIRECT_CYC 2
/* The same, plus the way to dispatch, of a core that has decoded uops at hand. */
#define CXMS_ASSUMED_REDIRECT_DECODED_CYC 12
/* Uops between fetch and dispatch: queue and pipeline registers. */
#define CXMS_ASSUMED_FETCH_QUEUE 64
/* A first-level TLB miss that hits the second: cycles added. */
#define CXMS_ASSUMED_TLB2_CYC 7

static inline struct cxms_lanes all(int32_t v)
{
	struct cxms_lanes o;
	for (int l = 0; l < CXMS_LANES; l++)
		o.v[l] = v;
	return o;
}

static inline struct cxms_lanes later(struct cxms_lanes a, struct cxms_lanes b)
{
	struct cxms_lanes o;
	for (int l = 0; l < CXMS_LANES; l++)
		o.v[l] = a.v[l] > b.v[l] ? a.v[l] : b.v[l];
	return o;
}

static inline struct cxms_lanes plus(struct cxms_lanes a, int32_t b)
{
	struct cxms_lanes o;
	for (int l = 0; l < CXMS_LANES; l++)
		o.v[l] = a.v[l] + b;
	return o;
}

static uint32_t ring_for(uint32_t n)
{
	uint32_t size = 16;
	while (size < n + 1)
		size *= 2;
	return size;
}

/* Not over a quarter of the range, whatever a file says: a request that waits so long waits for
 * ever. */
static int32_t ticks_of(const struct cxms_window *w, uint64_t ps)
{
	__extension__ unsigned __int128 t = ((unsigned __int128)ps << 20) + w->tick_ps_q20 / 2;
	t /= w->tick_ps_q20;
	return t < CXMS_TICK_LONG ? (int32_t)t : CXMS_TICK_LONG;
}

static uint64_t ps_of(const struct cxms_window *w, uint64_t ticks)
{
	__extension__ unsigned __int128 ps = (unsigned __int128)ticks * w->tick_ps_q20;
	return (uint64_t)(ps >> 20);
}

static void set_figures(struct cxms_window *w)
{
	const struct cxms_window_cfg *c = &w->cfg;
	__extension__ unsigned __int128 one = (unsigned __int128)CXMS_PS_PER_S << 20;
	w->tick_ps_q20 = (uint64_t)(one / (c->frequency_hz * CXMS_TICKS));
	w->l1d = ticks_of(w, c->l1d_ps);
	w->l2 = ticks_of(w, c->l2_ps);
	w->llc = ticks_of(w, c->llc_ps);
	w->walk = ticks_of(w, c->walk_ps);
	w->step = CXMS_TICKS / (int32_t)c->width;
	w->step_rest = CXMS_TICKS % c->width;
	/* a first-level access less the address generation of a load; the line then feeds the next
	 * cycle */
	w->fetch_bubble = w->l1d > 2 * CXMS_TICKS ? w->l1d - 2 * CXMS_TICKS : 0;
	w->fetch_loss = (int32_t)(c->width - 1) * CXMS_TICKS / (2 * (int32_t)c->width);
}

static void reset_clocks(struct cxms_window *w)
{
	for (unsigned i = 0; i < CXMS_UC_COUNT; i++)
		w->unit[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i <= w->rob_mask; i++)
		w->rob[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i <= w->load_mask; i++)
		w->load_queue[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i <= w->store_mask; i++)
		w->store_queue[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i < CXMS_STORE_RING; i++)
		w->store_ready[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i < CXMS_FETCH_RING; i++)
		w->fetched[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i < CXMS_FILL_RING; i++)
		w->fill[i].done = all(CXMS_TICK_LONG_AGO);
	for (unsigned l = 0; l < CXMS_LANES; l++) {
		w->l1_mshr[l].limit = w->cfg.l1d_mshrs;
		w->l2_mshr[l].limit = w->cfg.l2_mshrs;
	}
}

int cxms_window_new(const struct cxms_window_cfg *cfg, unsigned n_lane,
		    const struct cxms_xmemory *memory, struct cxms_window **out,
		    struct cxms_err *err)
{
	struct cxms_window *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	if (!w)
		return cxms_fail(err, ENOMEM, "out of memory");
	memset(w, 0, sizeof(*w));
	w->cfg = *cfg;
	w->memory = *memory;
	w->n_lane = n_lane;
	w->rob_mask = ring_for(cfg->rob) - 1;
	w->load_mask = ring_for(cfg->load_queue) - 1;
	w->store_mask = ring_for(cfg->store_queue) - 1;
	w->rob = aligned_alloc(32, (w->rob_mask + 1) * sizeof(*w->rob));
	w->load_queue = aligned_alloc(32, (w->load_mask + 1) * sizeof(*w->load_queue));
	w->store_queue = aligned_alloc(32, (w->store_mask + 1) * sizeof(*w->store_queue));
	if (!w->rob || !w->load_queue || !w->store_queue) {
		cxms_window_free(w);
		return cxms_fail(err, ENOMEM, "out of memory");
	}
	set_figures(w);
	reset_clocks(w);
	*out = w;
	return 0;
}

void cxms_window_free(struct cxms_window *w)
{
	if (!w)
		return;
	free(w->rob);
	free(w->load_queue);
	free(w->store_queue);
	free(w);
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
	uint32_t s = count_until(m->start, m->n, t), e = count_until(m->end, m->n, t);
	if (s - e < m->limit)
		return t;
	if (!inside)
		m->full_from = t;
	while (s - e >= m->limit && e < m->n) {
		t = m->end[e++];
		while (s < m->n && m->start[s] <= t)
			s++;
	}
	m->full_to = t;
	return t;
}

static void insert(int32_t *v, uint32_t n, int32_t x)
{
	uint32_t at = count_until(v, n, x);
	memmove(v + at + 1, v + at, (n - at) * sizeof(*v));
	v[at] = x;
}

/* What ended before @now, when the youngest uop dispatched, is of no more interest; as many of the
 * begins go as of the ends, the first ones: each of them lies before its end. */
static void mshr_take(struct cxms_mshr *m, int32_t start, int32_t end, int32_t now)
{
	uint32_t over = count_until(m->end, m->n, now);
	if (over == 0 && m->n == CXMS_MSHR_MAX)
		over = 1;
	if (over > 0) {
		m->n -= over;
		memmove(m->start, m->start + over, m->n * sizeof(*m->start));
		memmove(m->end, m->end + over, m->n * sizeof(*m->end));
	}
	insert(m->start, m->n, start);
	insert(m->end, m->n, end);
	m->n++;
}

static void ask_memory(struct cxms_window *w, unsigned l, uint64_t line, enum cxms_xrequest kind,
		       int32_t at)
{
	int64_t ticks = (int64_t)w->base[l] + at;
	w->memory.request(w->memory.arg, l, line, kind, ps_of(w, (uint64_t)(ticks > 0 ? ticks : 0)),
			  &w->reply[l]);
}

/* A request of the first level that goes to @level: when it is done. */
static int32_t miss(struct cxms_window *w, unsigned l, uint8_t level, uint64_t line,
		    enum cxms_xrequest kind, int32_t at)
{
	int32_t t = mshr_free(&w->l1_mshr[l], at), done;
	bool beyond = w->cfg.has_l2 && level != CXMS_XL_L2;
	if (beyond)
		t = mshr_free(&w->l2_mshr[l], t);
	if (level == CXMS_XL_L2) {
		done = t + w->l2;
	} else if (level == CXMS_XL_LLC) {
		done = t + w->llc;
	} else {
		ask_memory(w, l, line, kind, t);
		done = t + ticks_of(w, w->reply[l].latency_ps);
	}
	mshr_take(&w->l1_mshr[l], t, done, w->dispatch.v[l]);
	if (beyond)
		mshr_take(&w->l2_mshr[l], t, done, w->dispatch.v[l]);
	return done;
}

static struct cxms_fill *new_fill(struct cxms_window *w, uint64_t line, uint8_t from)
{
	struct cxms_fill *f = &w->fill[w->n_fill++ & (CXMS_FILL_RING - 1)];
	f->line = line;
	f->from = from;
	return f;
}

static struct cxms_fill *fill_back(struct cxms_window *w, uint32_t back)
{
	if (back > w->n_fill || back > CXMS_FILL_RING)
		return NULL;
	return &w->fill[(w->n_fill - back) & (CXMS_FILL_RING - 1)];
}

/* When the line of a fill is there. One that never began in this lane begins now. */
static int32_t fill_done(struct cxms_window *w, unsigned l, struct cxms_fill *f,
			 enum cxms_xrequest kind, int32_t at)
{
	struct cxms_xreply kept = w->reply[l];
	if (f->done.v[l] == CXMS_TICK_NEVER) {
		f->done.v[l] = miss(w, l, f->from, f->line, kind, at);
		w->reply[l] = kept;
	}
	return f->done.v[l];
}

static int32_t prefetch_lane(struct cxms_window *w, unsigned l, const struct cxms_xevent *e,
			     int32_t asked)
{
	struct cxms_mshr *m = e->into == CXMS_XL_L1 ? &w->l1_mshr[l] : &w->l2_mshr[l];
	struct cxms_xreply kept = w->reply[l];
	int32_t t = mshr_free(m, asked), done = t + (e->from == CXMS_XL_LLC ? w->llc : w->l2);
	if (e->from == CXMS_XL_MEM) {
		ask_memory(w, l, e->line, CXMS_XR_PREFETCH, t);
		done = t + ticks_of(w, w->reply[l].latency_ps);
		w->reply[l] = kept;
	}
	mshr_take(m, t, done, w->dispatch.v[l]);
	return done;
}

static void prefetch(struct cxms_window *w, const struct cxms_xevent *e,
		     const struct cxms_lanes *asked)
{
	struct cxms_fill *f = new_fill(w, e->line, e->from);
	w->counts.prefetches++;
	for (unsigned l = 0; l < w->n_lane; l++)
		f->done.v[l] = prefetch_lane(w, l, e, asked->v[l]);
}

/* The access missed, or hit what is in flight: done is moved accordingly. */
static void data_event(struct cxms_window *w, const struct cxms_xevent *e, enum cxms_xrequest kind,
		       const struct cxms_lanes *at, struct cxms_lanes *done)
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
			int32_t t = miss(w, l, level, e->line, kind, at->v[l]);
			int32_t there = before ? fill_done(w, l, before, kind, at->v[l]) : t;
			t = there > t ? there : t;
			f->done.v[l] = t;
			done->v[l] = t > done->v[l] ? t : done->v[l];
		}
		w->missed |= level == CXMS_XL_MEM;
	} else if (before) {
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
	w->counts.writebacks++;
	for (unsigned l = 0; l < w->n_lane; l++) {
		struct cxms_xreply kept = w->reply[l];
		ask_memory(w, l, e->line, CXMS_XR_WRITE, at->v[l]);
		int32_t taken = at->v[l] + ticks_of(w, w->reply[l].queue_ps);
		if (done && taken > done->v[l])
			done->v[l] = taken;
		w->reply[l] = kept;
	}
}

/* Events of one access, from *at on; moves *done to when its line is there. */
static void access_events(struct cxms_window *w, const struct cxms_xrun *run, size_t *next,
			  uint32_t access, enum cxms_xrequest kind, struct cxms_lanes asked,
			  struct cxms_lanes *done)
{
	for (; *next < run->n_event; (*next)++) {
		const struct cxms_xevent *e = &run->event[*next];
		if (e->kind == CXMS_XE_MISP || e->kind == CXMS_XE_IF || e->kind == CXMS_XE_WRONG ||
		    e->flags & CXMS_XE_BEHIND)
			continue;
		/* a line written back stands right behind what drove it out */
		if (e->index > access && e->kind != CXMS_XE_WB)
			break;
		if (e->flags) {
			bool walk = e->flags & CXMS_XE_WALK;
			int32_t more = walk ? w->walk : CXMS_ASSUMED_TLB2_CYC * CXMS_TICKS;
			w->counts.walks += walk;
			asked = plus(asked, more);
			*done = plus(*done, more);
		}
		switch (e->kind) {
		case CXMS_XE_PF:
			prefetch(w, e, &asked);
			break;
		case CXMS_XE_WB:
			write_back(w, e, &asked, NULL);
			break;
		case CXMS_XE_NT: /* holds its entry of the store queue until memory takes it */
			write_back(w, e, &asked, done);
			break;
		case CXMS_XE_FWD:
			w->counts.forwards++;
			if (e->back <= w->n_store && e->back <= CXMS_STORE_RING &&
			    !(w->cfg.without & CXMS_WP_FORWARD))
				*done = later(*done, w->store_ready[(w->n_store - e->back) &
								    (CXMS_STORE_RING - 1)]);
			break;
		default:
			data_event(w, e, kind, &asked, done);
		}
	}
}

/* Those that issue in the next cycle in which any does are gone; there is one. */
static void leave_next(struct cxms_waiters *q)
{
	uint32_t from = (uint32_t)q->cursor & (CXMS_WAIT_RING - 1), at = from;
	while (!(q->any[at / 64] >> at % 64))
		at = (at / 64 + 1) * 64 & (CXMS_WAIT_RING - 1);
	at += (uint32_t)__builtin_ctzll(q->any[at / 64] >> at % 64);
	q->any[at / 64] &= ~(1ull << at % 64);
	q->n -= (int32_t)q->at[at];
	q->at[at] = 0;
	q->cursor += (int32_t)((at - from) & (CXMS_WAIT_RING - 1)) + 1;
}

/* The scheduler is full: dispatch waits until enough of those that wait have issued. */
static void leave_scheduler(struct cxms_window *w, unsigned l)
{
	struct cxms_waiters *q = &w->waiting[l];
	while (q->n >= (int32_t)w->cfg.scheduler)
		leave_next(q);
	int32_t t = q->cursor * CXMS_TICKS;
	if (t > w->floor.v[l])
		w->floor.v[l] = t;
}

static void wait_to_issue(struct cxms_window *w, unsigned l, int32_t dispatch, int32_t start)
{
	struct cxms_waiters *q = &w->waiting[l];
	int32_t cycle = start >> CXMS_TICK_SHIFT, now = dispatch >> CXMS_TICK_SHIFT;
	if (cycle - q->cursor >= CXMS_WAIT_RING) {
		while (q->n > 0 && q->cursor < now)
			leave_next(q);
		if (q->cursor < now)
			q->cursor = now; /* nothing waits */
		if (cycle - q->cursor >= CXMS_WAIT_RING)
			cycle = q->cursor + CXMS_WAIT_RING - 1;
	}
	if (cycle < q->cursor)
		return;
	uint32_t at = (uint32_t)cycle & (CXMS_WAIT_RING - 1);
	q->at[at]++;
	q->any[at / 64] |= 1ull << at % 64;
	if (++q->n >= (int32_t)w->cfg.scheduler)
		leave_scheduler(w, l);
}

static uint64_t share_of(uint64_t ps, uint64_t part, uint64_t whole)
{
	__extension__ unsigned __int128 p = (unsigned __int128)ps * part;
	return (uint64_t)(p / whole);
}

/* Retirement waited for this load: by how much, and for what. */
static void attribute(struct cxms_window *w, const struct cxms_lanes *could)
{
	for (unsigned l = 0; l < w->n_lane; l++) {
		const struct cxms_xreply *r = &w->reply[l];
		int64_t stall = (int64_t)w->retire.v[l] - could->v[l];
		if (stall <= 0 || r->latency_ps == 0)
			continue;
		uint64_t ps = ps_of(w, (uint64_t)stall);
		if (ps > r->latency_ps)
			ps = r->latency_ps;
		uint64_t queue = share_of(ps, r->queue_ps, r->latency_ps);
		uint64_t at_switch = share_of(ps, r->switch_ps, r->latency_ps);
		w->queue[l] += r->target ? queue : 0;
		w->at_switch[l] += at_switch;
		if (r->target)
			w->cxl[l] += ps - queue - at_switch;
		else
			w->local[l] += ps;
	}
}

/* A store leaves to the first level after it retired, in order; ownership is asked for at once. */
static void drain_store(struct cxms_window *w, const struct cxms_xrun *run, size_t *next,
			const struct cxms_uop *u)
{
	struct cxms_lanes asked = plus(w->retire, CXMS_TICKS), done = asked;
	if (u->access >= 0)
		access_events(w, run, next, (uint32_t)u->access, CXMS_XR_OWN, asked, &done);
	if (w->cfg.store_tso)
		done = later(done, w->drained);
	w->drained = later(w->drained, done);
	w->store_queue[w->n_store & w->store_mask] = done;
	w->n_store++;
	w->counts.stores++;
}

/* Ticks of @n taken branches. The target's line is another with a probability of bytes / 64; its
 * address is known a cycle later than that of the next line. */
static int32_t jump_cost(const struct cxms_window *w, uint32_t n, uint32_t bytes)
{
	return (int32_t)n * w->fetch_loss +
	       (int32_t)bytes * (w->fetch_bubble + CXMS_TICKS) / (int32_t)CXMS_LINE_BYTES;
}

/*
 * Where a block begins in the fetch stream. Lines are fetched one after another, each for the
 * latency of the L1I beyond the cycle that hides it; the last group of a line and of a taken branch
 * is half empty on average. Where the lines of a loop happen to begin is the linker's choice, so
 * the costs are those of an average placement: what a byte costs is a 64th of a line.
 */
static void begin_block(struct cxms_window *w, const struct cxms_block *b)
{
	uint64_t from = w->next_addr, to = b->addr;
	w->next_addr = b->end_addr;
	if (!w->cfg.fetch_lines)
		return;
	if (w->n_uop >= CXMS_ASSUMED_FETCH_QUEUE) {
		uint64_t behind = w->n_uop - CXMS_ASSUMED_FETCH_QUEUE;
		w->fetch = later(w->fetch, plus(w->fetched[behind & (CXMS_FETCH_RING - 1)],
						-CXMS_ASSUMED_FRONT_CYC * CXMS_TICKS));
	}
	if (to == from)
		return;
	uint64_t bytes = to > from ? to - from : from - to;
	if (bytes > CXMS_LINE_BYTES)
		bytes = CXMS_LINE_BYTES;
	w->fetch = plus(w->fetch, jump_cost(w, 1, (uint32_t)bytes));
}

/* Ticks of fetch a uop of this block takes. */
static int32_t fetch_step_q8(const struct cxms_window *w, const struct cxms_block *b)
{
	if (!w->cfg.fetch_lines)
		return 0;
	int32_t lines =
		(w->fetch_bubble + w->fetch_loss) * (int32_t)b->n_bytes / (int32_t)CXMS_LINE_BYTES +
		jump_cost(w, b->n_jump, b->jump_bytes);
	return (CXMS_TICKS << 8) / (int32_t)w->cfg.width + (lines << 8) / (int32_t)b->n_uop;
}

/* Lines of instructions that the first level did not have. */
static void fetch_misses(struct cxms_window *w, const struct cxms_xrun *run)
{
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		if (e->kind != CXMS_XE_IF)
			continue;
		struct cxms_lanes now = later(w->fetch, w->dispatch);
		for (unsigned l = 0; l < w->n_lane; l++) {
			int32_t more = e->from == CXMS_XL_LLC ? w->llc : w->l2;
			if (e->from == CXMS_XL_MEM) {
				ask_memory(w, l, e->line, CXMS_XR_FETCH, now.v[l]);
				more = ticks_of(w, w->reply[l].latency_ps);
			}
			w->fetch.v[l] = now.v[l] + more;
		}
	}
}

static void dispatch(struct cxms_window *w, const struct cxms_uop *u, struct cxms_lanes fetched)
{
	struct cxms_lanes d = w->dispatch;
	if (u->rob) {
		w->step_rest += CXMS_TICKS % w->cfg.width;
		int32_t step = w->step;
		if (w->step_rest >= w->cfg.width) {
			w->step_rest -= w->cfg.width;
			step++;
		}
		d = plus(d, step);
		d = later(d, w->rob[(w->n_rob - w->cfg.rob) & w->rob_mask]);
	}
	d = later(later(d, fetched), w->floor);
	if (u->class == CXMS_UC_LOAD)
		d = later(d, w->load_queue[(w->n_load - w->cfg.load_queue) & w->load_mask]);
	else if (u->class == CXMS_UC_STORE)
		d = later(d, w->store_queue[(w->n_store - w->cfg.store_queue) & w->store_mask]);
	w->dispatch = d;
	w->fetched[w->n_uop & (CXMS_FETCH_RING - 1)] = d;
}

/* When it starts: operands, then the units of its class, which take so many in dispatch order. */
static struct cxms_lanes start_of(struct cxms_window *w, const struct cxms_uop *u)
{
	struct cxms_lanes earliest = plus(w->dispatch, CXMS_ASSUMED_ISSUE_CYC * CXMS_TICKS);
	struct cxms_lanes ready = later(later(w->slot[u->src[0]], w->slot[u->src[1]]),
					later(w->slot[u->src[2]], earliest));
	uint8_t per_64 = cxms_uop_cost(u->class)->per_64_cyc;
	if (w->cfg.without & CXMS_WP_DEPENDENCES)
		ready = earliest;
	if (per_64 && !(w->cfg.without & CXMS_WP_UNITS)) {
		w->unit[u->class] =
			later(plus(w->unit[u->class], 64 * CXMS_TICKS / per_64), earliest);
		ready = later(ready, w->unit[u->class]);
	}
	if (u->flags & CXMS_UF_LOCKED)
		ready = later(ready, w->drained);
	for (unsigned l = 0; l < w->n_lane; l++)
		if (ready.v[l] > earliest.v[l])
			wait_to_issue(w, l, w->dispatch.v[l], ready.v[l]);
	return ready;
}

static void retire(struct cxms_window *w, const struct cxms_uop *u, struct cxms_lanes done,
		   const struct cxms_lanes *without_miss)
{
	struct cxms_lanes could = u->rob ? plus(w->retire, w->step) : w->retire;
	w->retire = later(could, plus(done, CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS));
	if (u->rob)
		w->rob[w->n_rob++ & w->rob_mask] = plus(w->retire, CXMS_TICKS);
	if (w->missed) {
		could = later(could, plus(*without_miss, CXMS_ASSUMED_RETIRE_CYC * CXMS_TICKS));
		attribute(w, &could);
		w->missed = false;
	}
}

static struct cxms_lanes run_uop(struct cxms_window *w, const struct cxms_xrun *run,
				 const struct cxms_uop *u, struct cxms_lanes fetched, size_t *next)
{
	dispatch(w, u, fetched);
	struct cxms_lanes start = start_of(w, u), done, without_miss;
	done = plus(start, cxms_uop_cost(u->class)->latency_cyc * CXMS_TICKS);
	without_miss = done;
	if (u->class == CXMS_UC_LOAD || u->class == CXMS_UC_PREFETCH) {
		done = without_miss = plus(start, w->l1d);
		if (u->access >= 0)
			access_events(w, run, next, (uint32_t)u->access, CXMS_XR_READ, start,
				      &done);
		if (u->class == CXMS_UC_PREFETCH) {
			done = without_miss;
			w->missed = false;
		}
	} else if (u->class == CXMS_UC_STORE) {
		w->store_ready[w->n_store & (CXMS_STORE_RING - 1)] = done;
	}
	w->slot[u->dst[0]] = done;
	w->slot[u->dst[1]] = done;
	retire(w, u, done, &without_miss);
	if (u->class == CXMS_UC_LOAD) {
		w->load_queue[w->n_load++ & w->load_mask] = w->retire;
		w->counts.loads++;
	} else if (u->class == CXMS_UC_STORE) {
		drain_store(w, run, next, u);
		w->missed = false;
	}
	w->n_uop++;
	return done;
}

/* The predictor was wrong: fetch goes on where the branch says, once it is done. */
static void redirect(struct cxms_window *w, struct cxms_lanes done)
{
	int32_t cyc =
		w->cfg.fetch_lines ? CXMS_ASSUMED_REDIRECT_CYC : CXMS_ASSUMED_REDIRECT_DECODED_CYC;
	w->fetch = later(w->fetch, plus(done, cyc * CXMS_TICKS));
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

static int32_t wrong_miss(struct cxms_window *w, unsigned l, const struct cxms_xevent *e,
			  int32_t at)
{
	struct cxms_xreply kept = w->reply[l];
	int32_t done = miss(w, l, e->from, e->line, CXMS_XR_READ, at);
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
	struct cxms_fill *f = new_fill(w, e->line, e->from);
	for (unsigned l = 0; l < w->n_lane; l++) {
		bool began = at->v[l] < branch_done->v[l] && !(w->cfg.without & CXMS_WP_WRONG_PATH);
		if (e->kind == CXMS_XE_PF)
			f->done.v[l] = prefetch_lane(w, l, e, began ? at->v[l] : branch_done->v[l]);
		else if (began)
			f->done.v[l] = wrong_miss(w, l, e, at->v[l]);
		else
			f->done.v[l] = CXMS_TICK_NEVER;
	}
}

/*
 * Loads behind a mispredicted branch: they follow it through the front end and begin unless the
 * branch is done before; then the line comes though nobody waits for it.
 */
static void wrong_path(struct cxms_window *w, const struct cxms_xrun *run, int64_t exit,
		       struct cxms_lanes branch_done)
{
	const struct cxms_block *b = run->block;
	int32_t per_insn = CXMS_TICKS * (int32_t)b->n_uop / (int32_t)(w->cfg.width * b->n_insn);
	struct cxms_lanes at = w->dispatch;
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		bool wrong = e->kind == CXMS_XE_WRONG;
		if (e->index != exit || !(wrong || e->flags & CXMS_XE_BEHIND))
			continue;
		if (wrong) {
			at = plus(w->dispatch, (int32_t)e->back * per_insn +
						       CXMS_ASSUMED_ISSUE_CYC * CXMS_TICKS);
			w->counts.wrong_loads++;
		}
		if (wrong || e->kind == CXMS_XE_PF)
			wrong_fill(w, e, &at, &branch_done);
		else
			write_back(w, e, &at, NULL);
	}
}

/* A branch whose exit has that many uops is done: if it went elsewhere than predicted. */
static void end_branch(struct cxms_window *w, const struct cxms_xrun *run, uint32_t uops,
		       struct cxms_lanes done)
{
	int64_t exit = mispredicted_at(run, uops);
	if (exit < 0)
		return;
	wrong_path(w, run, exit, done);
	if (!(w->cfg.without & CXMS_WP_REDIRECT))
		redirect(w, done);
}

/* A lane's times stay small: its base moves on, by whole turns of the ring of waiters. */
static void move_base(struct cxms_window *w, unsigned l);

static void bound_ticks(struct cxms_window *w)
{
	for (unsigned l = 0; l < w->n_lane; l++)
		while (w->retire.v[l] > CXMS_TICK_LONG)
			move_base(w, l);
}

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default")))
#endif
void cxms_window_run(struct cxms_window *w, const struct cxms_xrun *run)
{
	const struct cxms_block *b = run->block;
	uint32_t end = b->exit_uops[run->exit];
	size_t next = 0;
	begin_block(w, b);
	if (run->n_event > 0)
		fetch_misses(w, run);
	int32_t step_q8 = fetch_step_q8(w, b);
	int32_t front = w->cfg.fetch_lines ? CXMS_ASSUMED_FRONT_CYC * CXMS_TICKS : 0;
	for (uint32_t i = 0; i < end; i++) {
		const struct cxms_uop *u = &b->uop[i];
		struct cxms_lanes at = plus(w->fetch, front + ((int32_t)i * step_q8 >> 8));
		struct cxms_lanes done = run_uop(w, run, u, at, &next);
		if (run->n_event == 0)
			continue;
		if (u->flags & CXMS_UF_LAST)
			end_branch(w, run, i + 1, done);
		if (i % 2 == 1)
			bound_ticks(w); /* a few long waits already fill the range */
	}
	struct cxms_lanes rest = w->dispatch;
	access_events(w, run, &next, UINT32_MAX, CXMS_XR_READ, w->dispatch, &rest);
	w->missed = false;
	w->fetch = plus(w->fetch, (int32_t)end * step_q8 >> 8);
	w->counts.insns += b->exit_insns[run->exit];
	w->counts.uops += end;
	w->counts.undecoded += b->n_undecoded;
	bound_ticks(w);
}

static void shift(int32_t *v, int32_t by)
{
	if (*v == CXMS_TICK_NEVER)
		return;
	int64_t to = (int64_t)*v - by;
	*v = to < CXMS_TICK_LONG_AGO ? CXMS_TICK_LONG_AGO : (int32_t)to;
}

static void shift_ring(struct cxms_lanes *ring, size_t n, unsigned l, int32_t by)
{
	for (size_t i = 0; i < n; i++)
		shift(&ring[i].v[l], by);
}

static void shift_mshr(struct cxms_mshr *m, int32_t by)
{
	shift(&m->full_from, by);
	shift(&m->full_to, by);
	for (uint32_t i = 0; i < m->n; i++) {
		shift(&m->start[i], by);
		shift(&m->end[i], by);
	}
}

static void move_base(struct cxms_window *w, unsigned l)
{
	int32_t by = CXMS_TICK_LONG - CXMS_TICK_LONG % (CXMS_WAIT_RING * CXMS_TICKS);
	w->base[l] += (uint64_t)by;
	shift(&w->fetch.v[l], by);
	shift(&w->dispatch.v[l], by);
	shift(&w->retire.v[l], by);
	shift(&w->drained.v[l], by);
	shift(&w->floor.v[l], by);
	shift_ring(w->slot, CXMS_SLOT_COUNT, l, by);
	shift_ring(w->unit, CXMS_UC_COUNT, l, by);
	shift_ring(w->rob, w->rob_mask + 1, l, by);
	shift_ring(w->load_queue, w->load_mask + 1, l, by);
	shift_ring(w->store_queue, w->store_mask + 1, l, by);
	shift_ring(w->store_ready, CXMS_STORE_RING, l, by);
	shift_ring(w->fetched, CXMS_FETCH_RING, l, by);
	for (int i = 0; i < CXMS_FILL_RING; i++)
		shift(&w->fill[i].done.v[l], by);
	shift_mshr(&w->l1_mshr[l], by);
	shift_mshr(&w->l2_mshr[l], by);
	w->waiting[l].cursor -= by / CXMS_TICKS;
	/* of a thread that sleeps: by whole turns of the ring, which lose nothing */
	if (w->waiting[l].cursor < CXMS_TICK_LONG_AGO / CXMS_TICKS)
		w->waiting[l].cursor += by / CXMS_TICKS;
}

void cxms_window_lane(const struct cxms_window *w, unsigned lane, struct cxms_window_lane *out)
{
	int64_t ticks = (int64_t)w->base[lane] + w->retire.v[lane];
	*out = (struct cxms_window_lane){.time_ps = ps_of(w, (uint64_t)(ticks > 0 ? ticks : 0)),
					 .local_ps = w->local[lane],
					 .cxl_ps = w->cxl[lane],
					 .queue_ps = w->queue[lane],
					 .switch_ps = w->at_switch[lane]};
}

const struct cxms_window_counts *cxms_window_counts(const struct cxms_window *w)
{
	return &w->counts;
}

void cxms_window_wait(struct cxms_window *w, unsigned lane, uint64_t until_ps)
{
	/* rounded up, so that time does not go back */
	__extension__ unsigned __int128 t =
		(((unsigned __int128)until_ps << 20) + w->tick_ps_q20 - 1) / w->tick_ps_q20;
	int64_t ticks = (int64_t)((uint64_t)t - w->base[lane]);
	while (ticks > CXMS_TICK_LONG) {
		move_base(w, lane);
		ticks = (int64_t)((uint64_t)t - w->base[lane]);
	}
	if (ticks > w->retire.v[lane]) {
		w->retire.v[lane] = (int32_t)ticks;
		w->dispatch.v[lane] = (int32_t)ticks;
		w->fetch.v[lane] = (int32_t)ticks;
	}
}

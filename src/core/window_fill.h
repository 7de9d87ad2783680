/*
 * Lines on their way to a lane: fills, the registers that they take, and what memory answers.
 * Inlined into the files that begin them.
 */
#ifndef CXMS_CORE_WINDOW_FILL_H
#define CXMS_CORE_WINDOW_FILL_H

#include <string.h>

#include "core/window_registers.h"

/* window_prefetch.c */
/** prefetches of a lane that wait begin, if they can by @until, in the order they were asked for */
void cxms_window_begin_queued(struct cxms_window *w, unsigned l, int32_t until);
/** the newest fill, @f, is a prefetch's: from @asked on it waits in its prefetcher's queue */
void cxms_window_ask_prefetch(struct cxms_window *w, unsigned l, struct cxms_fill *f, uint8_t into,
			      int32_t asked);
/** a line that a prefetcher asks for; the first level may find it on its way to the L2 */
struct cxms_fill *cxms_window_new_prefetch(struct cxms_window *w, const struct cxms_xevent *e);

/* window_miss.c */
/** a line goes to memory. @done: moved to when there is room for it; NULL = nobody waits */
void cxms_window_write_back(struct cxms_window *w, const struct cxms_xevent *e,
			    const struct cxms_lanes *at, struct cxms_lanes *done);

/* window_branch.c */
/** fetch goes on behind what ran in error, in the lanes of @where: that is known at @done, and
 * where a line has to come first, it is as if at @there */
void cxms_window_refetch(struct cxms_window *w, const struct cxms_lanes *where,
			 const struct cxms_lanes *done, const struct cxms_lanes *there);

static inline void ask_memory(const struct cxms_window *w, unsigned l, uint64_t line,
			      enum cxms_xrequest kind, int32_t at, struct cxms_xreply *out)
{
	int64_t ticks = (int64_t)w->base[l] + at;
	w->memory.request(w->memory.arg, l, line, kind,
			  cxms_window_ps(w, (uint64_t)(ticks > 0 ? ticks : 0)), out);
}

static inline bool is_beyond_l2(const struct cxms_window *w, uint8_t level)
{
	return w->cfg.has_l2 && level > CXMS_XL_L2;
}

/* How long a request to @level is under way; to memory: as the last one. */
static inline int32_t way_to(const struct cxms_window *w, unsigned l, uint8_t level)
{
	return level <= CXMS_XL_L2 ? w->l2 : level == CXMS_XL_LLC ? w->llc : w->far.v[l];
}

static inline uint32_t new_origin(struct cxms_window *w)
{
	w->n_origin += w->n_origin == UINT32_MAX ? 2 : 1; /* 0 is none */
	w->origin[w->n_origin & (CXMS_FILL_RING - 1)] = (struct cxms_origin){0};
	return w->n_origin;
}

/* NULL if it is long ago. */
static inline struct cxms_origin *origin_of(struct cxms_window *w, uint32_t number)
{
	if (number == 0 || w->n_origin - number >= CXMS_FILL_RING)
		return NULL;
	return &w->origin[number & (CXMS_FILL_RING - 1)];
}

/* Parts of a whole, with 32 bits: 4 ms, or more in coarser steps. */
static inline void set_origin(struct cxms_origin *o, unsigned l, const struct cxms_xreply *r)
{
	unsigned shift = r->latency_ps > UINT32_MAX ? 16 : 0;
	o->latency_ps[l] = (uint32_t)(r->latency_ps >> shift);
	o->queue_ps[l] = (uint32_t)(r->queue_ps >> shift);
	o->switch_ps[l] = (uint32_t)(r->switch_ps >> shift);
	o->is_cxl[l] = r->target != 0;
}

static inline struct cxms_fill *new_fill(struct cxms_window *w, uint64_t line, uint8_t from)
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

/* A fill that begins at @t: when it is done. Asks memory if it comes from there; else @reply stays
 * as it is. */
static inline int32_t latency_from(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
				   enum cxms_xrequest kind, int32_t t, struct cxms_xreply *reply)
{
	if (f->from <= CXMS_XL_L2)
		return t + w->l2;
	if (f->from == CXMS_XL_LLC)
		return t + w->llc;
	ask_memory(w, l, f->line, kind, t, reply);
	struct cxms_origin *o = origin_of(w, f->origin);
	if (o)
		set_origin(o, l, reply);
	if (reply->latency_ps != w->far_ps[l]) {
		w->far_ps[l] = reply->latency_ps;
		w->far.v[l] = cxms_window_ticks(w, reply->latency_ps);
	}
	return t + w->far.v[l];
}

/* A request that began at @t may have taken the last register of the first level, which then takes
 * nobody, hits neither, until one is free (gem5 v24.0, src/mem/cache/base.hh: Blocked_NoMSHRs).
 * Such times that touch are one. */
static inline void close_when_full(struct cxms_window *w, unsigned l, int32_t t)
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
static inline void take_registers(struct cxms_window *w, unsigned l, uint8_t level, int32_t t,
				  int32_t done)
{
	mshr_take(&w->l1_mshr[l], t, done, w->dispatch.v[l]);
	close_when_full(w, l, t);
	if (is_beyond_l2(w, level))
		mshr_take(&w->l2_mshr[l], t, done, w->dispatch.v[l]);
}

/* The same of one into the first level, with the registers that it takes. @there: when a fill under
 * way brings its line; it holds them as long. */
static inline int32_t miss_from(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
				enum cxms_xrequest kind, int32_t t, int32_t there,
				struct cxms_xreply *reply)
{
	int32_t done = later_of(latency_from(w, l, f, kind, t, reply), there);
	take_registers(w, l, f->from, t, done);
	return done;
}

/* What brings the line of a prefetch into the first level to the L2, or NULL. */
static inline struct cxms_fill *below_of(struct cxms_window *w, const struct cxms_fill *f)
{
	if (f->below == 0 || w->n_fill - (f->below - 1) > CXMS_FILL_RING)
		return NULL;
	return &w->fill[(f->below - 1) & (CXMS_FILL_RING - 1)];
}

/* Where its line is for the lane: what was to bring it nearer may not have begun. */
static inline uint8_t level_for(const struct cxms_fill *f, const struct cxms_fill *under,
				unsigned l)
{
	return under && under->done.v[l] == CXMS_TICK_NEVER ? under->from : f->from;
}

static inline bool waits_until(const struct cxms_prefetch_queue *q, int32_t until)
{
	return q->n > 0 && q->asked[0] <= until && q->from <= until;
}

/* Prefetches that wait for registers of either level begin, if they can by @until. */
static inline void begin_waiting(struct cxms_window *w, unsigned l, int32_t until)
{
	if (waits_until(&w->queue_l1[l], until) || waits_until(&w->queue_l2[l], until))
		cxms_window_begin_queued(w, l, until);
}

/*
 * Earliest time from @at on at which a request of the first level has the registers that it needs
 * on its way to @level, for @len.
 *
 * A request of the core takes a register before any prefetch that still waits for one (gem5 v24.0,
 * src/mem/cache/base.cc, getNextQueueEntry: the prefetcher is asked last): those that could begin
 * before it have.
 */
static inline int32_t registers_for(struct cxms_window *w, unsigned l, uint8_t level, int32_t at,
				    int32_t len)
{
	begin_waiting(w, l, at - 1);
	int32_t t = free_for(&w->l1_mshr[l], at, len);
	return is_beyond_l2(w, level) ? free_for(&w->l2_mshr[l], t, len) : t;
}

static inline int32_t registers_free(struct cxms_window *w, unsigned l, uint8_t level, int32_t at)
{
	return registers_for(w, l, level, at, way_to(w, l, level));
}

static inline struct cxms_fill *fill_back(struct cxms_window *w, uint32_t back)
{
	if (back > w->n_fill || back > CXMS_FILL_RING)
		return NULL;
	return &w->fill[(w->n_fill - back) & (CXMS_FILL_RING - 1)];
}

#endif

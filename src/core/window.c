#include "core/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "core/window_priv.h"

static struct cxms_lanes all(int32_t v)
{
	struct cxms_lanes o;
	for (int l = 0; l < CXMS_LANES; l++)
		o.v[l] = v;
	return o;
}

/* Not over a quarter of the range, whatever a file says: a request that waits so long waits for
 * ever. */
int32_t cxms_window_ticks(const struct cxms_window *w, uint64_t ps)
{
	__extension__ unsigned __int128 t = ((unsigned __int128)ps << 20) + w->tick_ps_q20 / 2;
	t = t <= UINT64_MAX ? (uint64_t)t / w->tick_ps_q20 : t / w->tick_ps_q20;
	return t < CXMS_TICK_LONG ? (int32_t)t : CXMS_TICK_LONG;
}

/*
 * How far a page walk reads: a level that answers later than the walk is over was not asked. One
 * read a walk, as the upper levels of the table are cached in the walkers.
 */
static uint8_t walk_level(const struct cxms_window *w)
{
	if (w->walk <= w->l1d || w->cfg.without & CXMS_WP_WALK_REGISTER)
		return CXMS_XL_L1;
	return w->cfg.has_l2 && w->walk > w->l2 ? CXMS_XL_LLC : CXMS_XL_L2;
}

static uint32_t reserve_of(uint32_t registers)
{
	return registers < CXMS_MSHR_RESERVE ? registers : CXMS_MSHR_RESERVE;
}

static void set_figures(struct cxms_window *w)
{
	const struct cxms_window_cfg *c = &w->cfg;
	__extension__ unsigned __int128 one = (unsigned __int128)CXMS_PS_PER_S << 20;
	w->tick_ps_q20 = (uint64_t)(one / (c->frequency_hz * CXMS_TICKS));
	w->l1d = cxms_window_ticks(w, c->l1d_ps);
	w->forward = w->l1d;
	if (c->split && w->forward > CXMS_FORWARD_CYC * CXMS_TICKS)
		w->forward = CXMS_FORWARD_CYC * CXMS_TICKS;
	w->l2 = cxms_window_ticks(w, c->l2_ps);
	w->llc = cxms_window_ticks(w, c->llc_ps);
	w->walk = cxms_window_ticks(w, c->walk_ps);
	w->walk_level = walk_level(w);
	w->step = CXMS_TICKS / (int32_t)c->width;
	w->cycle = all(CXMS_TICKS);
	w->one_step = all(w->step);
	/* a first-level access less the address generation of a load; the line then feeds the next
	 * cycle */
	int32_t l1i = cxms_window_ticks(w, c->l1i_ps);
	w->fetch_bubble = l1i > 2 * CXMS_TICKS ? l1i - 2 * CXMS_TICKS : 0;
	if (w->fetch_bubble > CXMS_FETCH_BUBBLE_MAX)
		w->fetch_bubble = CXMS_FETCH_BUBBLE_MAX;
	w->plain = !c->split && !c->fetch_lines && !c->without;
	w->walks = c->split && !(c->without & CXMS_WP_WALK);
	w->n_resume = w->walks ? 3 * c->width + 1 : 0;
	w->resumed = w->n_resume;
	w->holds = c->split && !(c->without & CXMS_WP_HOLD);
	w->joins = c->split && !(c->without & CXMS_WP_JOIN);
	w->one_store = c->split && c->store_tso && !(c->without & CXMS_WP_ONE_STORE);
	w->closes = c->split && !(c->without & CXMS_WP_FULL);
	w->learns = c->split && !(c->without & (CXMS_WP_SETS | CXMS_WP_FORWARD));
	if (c->split && !(c->without & CXMS_WP_RESERVE)) {
		w->l1_reserve = reserve_of(c->l1d_mshrs);
		w->l2_reserve = reserve_of(c->l2_mshrs);
	}
	for (int i = 0; i < CXMS_UC_COUNT; i++) {
		const struct cxms_uop_cost *u = cxms_uop_cost((enum cxms_uop_class)i, c->split);
		bool loads = i == CXMS_UC_LOAD || i == CXMS_UC_PREFETCH;
		w->latency[i] = loads ? w->l1d : u->latency_cyc * CXMS_TICKS;
		w->unit_of[i] = (uint8_t)cxms_uop_units((enum cxms_uop_class)i, c->split);
		if (u->per_64_cyc && !(c->without & CXMS_WP_UNITS))
			w->unit_step[i] = 64 * CXMS_TICKS / u->per_64_cyc;
	}
	w->integer = all(w->latency[CXMS_UC_INT]);
}

/* The ticks of a cycle over the uops of one, evenly; where they begin to be rounded is as if one of
 * them had dispatched before. */
static void set_width(struct cxms_window *w)
{
	uint32_t width = w->cfg.width, rest = CXMS_TICKS % width;
	for (struct cxms_lanes *v = w->width.first; v < w->width.end; v++) {
		rest += CXMS_TICKS % width;
		*v = all(w->step + (rest >= width));
		rest -= rest >= width ? width : 0;
	}
}

static void reset_ring(struct cxms_ring *r)
{
	for (struct cxms_lanes *v = r->first; v < r->end; v++)
		*v = all(CXMS_TICK_LONG_AGO);
}

static void reset_clocks(struct cxms_window *w)
{
	for (unsigned i = 0; i < CXMS_UC_COUNT; i++)
		w->unit[i] = all(CXMS_TICK_LONG_AGO);
	reset_ring(&w->rob);
	reset_ring(&w->load_queue);
	reset_ring(&w->store_queue);
	for (unsigned i = 0; i < CXMS_STORE_RING; i++)
		w->store_ready[i] = w->store_drained[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i < CXMS_ASSUMED_FETCH_QUEUE; i++)
		w->fetched[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i < CXMS_FILL_RING; i++)
		w->fill[i].done = all(CXMS_TICK_LONG_AGO);
	w->block_from = w->block_to = w->resume = all(CXMS_TICK_LONG_AGO);
	for (unsigned i = 0; i < CXMS_SETS; i++)
		w->sets.last[i] = all(CXMS_TICK_LONG_AGO);
	for (unsigned l = 0; l < CXMS_LANES; l++) {
		w->l1_mshr[l].limit = w->cfg.l1d_mshrs;
		w->l2_mshr[l].limit = w->cfg.l2_mshrs;
		w->walker[l].limit = w->cfg.walkers;
		w->queue_l1[l].from = w->queue_l2[l].from = CXMS_TICK_LONG_AGO;
		w->used.v[l] = l < w->n_lane ? -1 : 0;
	}
}

static int new_ring(uint32_t asked, struct cxms_ring *out)
{
	const size_t n = asked ? asked : 1;
	out->first = aligned_alloc(sizeof(*out->first), n * sizeof(*out->first));
	out->end = out->first ? out->first + n : NULL;
	out->next = out->first;
	return out->first ? 0 : -ENOMEM;
}

static int new_rings(struct cxms_window *w)
{
	const struct cxms_window_cfg *c = &w->cfg;
	if (new_ring(c->width * CXMS_WIDTH_CYCLES, &w->width) || new_ring(c->rob, &w->rob) ||
	    new_ring(c->load_queue, &w->load_queue) || new_ring(c->store_queue, &w->store_queue))
		return -ENOMEM;
	w->store_origin = calloc((size_t)(w->store_queue.end - w->store_queue.first),
				 sizeof(*w->store_origin));
	return w->store_origin ? 0 : -ENOMEM;
}

/* The steps for the instructions that this machine has; the times are the same. */
static void choose_run(struct cxms_window *w)
{
	w->run = cxms_window_run_plain;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		w->run = cxms_window_run_avx2;
#endif
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
	if (new_rings(w)) {
		cxms_window_free(w);
		return cxms_fail(err, ENOMEM, "out of memory");
	}
	set_figures(w);
	set_width(w);
	reset_clocks(w);
	for (uint8_t i = 0; i < CXMS_WAIT_BOOKS; i++)
		w->book_at[i] = i;
	w->sorts = cfg->scheduler <= CXMS_WAIT_NOTES;
	cxms_window_blank_book(w);
	choose_run(w);
	*out = w;
	return 0;
}

void cxms_window_free(struct cxms_window *w)
{
	if (!w)
		return;
	free(w->width.first);
	free(w->rob.first);
	free(w->load_queue.first);
	free(w->store_queue.first);
	free(w->store_origin);
	free(w);
}

static void shift(int32_t *v, int32_t by)
{
	if (*v == CXMS_TICK_NEVER)
		return;
	int64_t to = (int64_t)*v - by;
	*v = to < CXMS_TICK_LONG_AGO ? CXMS_TICK_LONG_AGO : (int32_t)to;
}

static void shift_all(struct cxms_lanes *v, size_t n, unsigned l, int32_t by)
{
	for (size_t i = 0; i < n; i++)
		shift(&v[i].v[l], by);
}

static void shift_ring(struct cxms_ring *r, unsigned l, int32_t by)
{
	shift_all(r->first, (size_t)(r->end - r->first), l, by);
}

static void shift_mshr(struct cxms_mshr *m, int32_t by)
{
	shift(&m->full_from, by);
	shift(&m->full_to, by);
	for (uint32_t i = m->first; i < m->first + m->n; i++) {
		shift(&m->start[i], by);
		shift(&m->end[i], by);
	}
}

/* Who issued so long ago waits no more, whatever cycle the lane is in. */
static void shift_notes(struct cxms_wait_book *b, unsigned l, int32_t by)
{
	int32_t *last = &b->last.v[l];
	*last = *last < CXMS_TICK_LONG_AGO + by ? CXMS_WAIT_NONE : *last - by;
	for (int i = 0; i < CXMS_WAIT_NOTES; i++) {
		int32_t *start = &b->start[i].v[l];
		*start = *start < CXMS_TICK_LONG_AGO + by ? CXMS_WAIT_NONE : *start - by;
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
	shift(&w->resume.v[l], by);
	shift_all(w->slot, CXMS_SLOT_COUNT, l, by);
	shift_all(w->unit, CXMS_UC_COUNT, l, by);
	shift_ring(&w->rob, l, by);
	shift_ring(&w->load_queue, l, by);
	shift_ring(&w->store_queue, l, by);
	shift_all(w->store_ready, CXMS_STORE_RING, l, by);
	shift_all(w->store_drained, CXMS_STORE_RING, l, by);
	shift_all(w->sets.last, CXMS_SETS, l, by);
	shift_all(w->fetched, CXMS_ASSUMED_FETCH_QUEUE, l, by);
	for (int i = 0; i < CXMS_FILL_RING; i++) {
		shift(&w->fill[i].done.v[l], by);
		shift(&w->fill[i].begin.v[l], by);
	}
	shift(&w->block_from.v[l], by);
	shift(&w->block_to.v[l], by);
	shift_mshr(&w->l1_mshr[l], by);
	shift_mshr(&w->l2_mshr[l], by);
	shift_mshr(&w->walker[l], by);
	shift(&w->queue_l1[l].from, by);
	shift(&w->queue_l2[l].from, by);
	for (int i = 0; i < CXMS_PREFETCH_QUEUE; i++) {
		shift(&w->queue_l1[l].asked[i], by);
		shift(&w->queue_l2[l].asked[i], by);
	}
	for (int i = 0; i < CXMS_WAIT_BOOKS; i++)
		shift_notes(&w->book[i], l, by);
	w->cursor.v[l] -= by / CXMS_TICKS;
	/* of a thread that sleeps: by whole turns of the ring, which lose nothing */
	if (w->cursor.v[l] < CXMS_TICK_LONG_AGO / CXMS_TICKS)
		w->cursor.v[l] += by / CXMS_TICKS;
}

void cxms_window_bound(struct cxms_window *w)
{
	for (unsigned l = 0; l < CXMS_LANES; l++)
		while (w->retire.v[l] > CXMS_TICK_LONG)
			move_base(w, l);
}

void cxms_window_run(struct cxms_window *w, const struct cxms_xrun *run, size_t n)
{
	w->run(w, run, n);
}

void cxms_window_lane(const struct cxms_window *w, unsigned lane, struct cxms_window_lane *out)
{
	int64_t ticks = (int64_t)w->base[lane] + w->retire.v[lane];
	*out = (struct cxms_window_lane){
		.time_ps = cxms_window_ps(w, (uint64_t)(ticks > 0 ? ticks : 0)),
		.local_ps = w->local[lane],
		.cxl_ps = w->cxl[lane],
		.queue_ps = w->queue[lane],
		.switch_ps = w->at_switch[lane]};
}

/* Instructions are fetched from memory, too, when those before them have dispatched; prefetches
 * that wait begin when they were asked for at the earliest. */
uint64_t cxms_window_past_ps(const struct cxms_window *w, unsigned lane)
{
	const struct cxms_prefetch_queue *l1 = &w->queue_l1[lane], *l2 = &w->queue_l2[lane];
	int32_t first = w->dispatch.v[lane];
	if (l1->n > 0 && l1->asked[0] < first)
		first = l1->asked[0];
	if (l2->n > 0 && l2->asked[0] < first)
		first = l2->asked[0];
	int64_t ticks = (int64_t)w->base[lane] + first;
	return cxms_window_ps(w, (uint64_t)(ticks > 0 ? ticks : 0));
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

/*
 * When the front end has uops, where it fetches line by line. Included by window_step.h.
 */
#ifndef CXMS_CORE_WINDOW_FRONT_H
#define CXMS_CORE_WINDOW_FRONT_H

#include "core/window_loop.h"

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
	const struct cxms_fetch_cost *cost = fetch_cost(w, b);
	uint64_t from = w->next_addr;
	int32_t ticks = w->redirected ? cxms_window_line_again(w, w->block_addr, from - 1, b->addr)
				      : next_group(w, from, b->addr);
	w->redirected = false;
	w->block_addr = b->addr;
	w->next_addr = b->exit[run->exit].behind;
	if (w->n_uop >= CXMS_ASSUMED_FETCH_QUEUE)
		w->fetch.all =
			later(w->fetch.all, w->fetched[w->n_uop % CXMS_ASSUMED_FETCH_QUEUE].all -
						    CXMS_FRONT_CYC * CXMS_TICKS);
	w->fetch.all += ticks;
	/* where a block is left half-way, half a group is lost */
	w->fetch_rest_q8 = run->exit == b->n_exit ? cost->rest_q8 : (CXMS_TICKS / 2) << 8;
	return cost->own_q8 / (int32_t)b->n_uop;
}

/* The block has been fetched, of which @n uops took that much each. */
CXMS_STEP void end_block(struct cxms_window *w, uint32_t n, int32_t step_q8)
{
	w->n_uop += n;
	w->fetch.all += (int32_t)n * step_q8 >> 8;
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

#endif

/*
 * Store sets (Chrysos and Emer, ISCA 1998) as the cycle-level reference has them (gem5 v24.0,
 * src/cpu/o3/store_set.cc): a load that ran before a store it meets is run again, and from then on
 * waits, whatever their addresses, for the last store of the same set.
 */
#include <string.h>

#include "core/window_priv.h"

static unsigned at_of(uint64_t pc)
{
	return (pc >> 2) % CXMS_SETS;
}

static uint64_t term_of(const struct cxms_window *w)
{
	return w->counts.stores / (CXMS_SETS_KEPT + 1);
}

/* Whether what was learnt still counts. */
static bool is_kept(struct cxms_window *w)
{
	struct cxms_store_sets *s = &w->sets;
	if (s->used && s->term != term_of(w)) {
		memset(s->known, 0, sizeof(s->known));
		s->used = false;
	}
	return s->used;
}

void cxms_window_held(struct cxms_window *w, uint64_t pc, struct cxms_lanes *ready)
{
	struct cxms_store_sets *s = &w->sets;
	unsigned at = at_of(pc);
	if (!is_kept(w))
		return;
	const struct cxms_lanes *known = &s->known[at], *last = &s->last[s->set[at]];
	for (unsigned l = 0; l < w->n_lane; l++)
		if (known->v[l] && last->v[l] > ready->v[l])
			ready->v[l] = last->v[l];
}

void cxms_window_set_store(struct cxms_window *w, uint64_t pc, const struct cxms_lanes *done)
{
	struct cxms_store_sets *s = &w->sets;
	unsigned at = at_of(pc);
	for (unsigned l = 0; l < w->n_lane; l++)
		if (s->known[at].v[l])
			s->last[s->set[at]].v[l] = done->v[l];
}

static bool is_in_any(const struct cxms_lanes *known)
{
	bool any = false;
	for (unsigned l = 0; l < CXMS_LANES; l++)
		any |= known->v[l] != 0;
	return any;
}

/* The set of both from now on; of two the smaller number. */
static void join_sets(struct cxms_store_sets *s, uint64_t load_pc, unsigned load, unsigned store)
{
	bool has_load = is_in_any(&s->known[load]), has_store = is_in_any(&s->known[store]);
	if (!has_load && !has_store)
		s->set[load] = s->set[store] = (uint16_t)((load_pc ^ load_pc >> 10) % CXMS_SETS);
	else if (!has_store || (has_load && s->set[load] < s->set[store]))
		s->set[store] = s->set[load];
	else
		s->set[load] = s->set[store];
}

void cxms_window_met(struct cxms_window *w, uint64_t load, uint64_t store,
		     const struct cxms_lanes *where)
{
	struct cxms_store_sets *s = &w->sets;
	unsigned l_at = at_of(load), s_at = at_of(store);
	(void)is_kept(w);
	s->used = true;
	s->term = term_of(w);
	join_sets(s, load, l_at, s_at);
	s->known[l_at].all |= where->all;
	s->known[s_at].all |= where->all;
}

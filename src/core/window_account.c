/* What retirement waited for in each lane: local memory, CXL, queues on the way, switches. */
#include "core/window_fill.h"

static uint64_t share_of(uint64_t ps, uint64_t part, uint64_t whole)
{
	uint64_t small;
	if (part == 0)
		return 0;
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

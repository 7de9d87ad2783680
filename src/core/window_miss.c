/* Misses and forwards in each lane by itself: what an event of an access adds to its time. */
#include "core/window_fill.h"

/* Registers that a fill had at a later time, and gave back. */
struct given_back {
	bool l1, l2;
};

static struct given_back give_back(struct cxms_window *w, unsigned l, const struct cxms_fill *f)
{
	int32_t begin = f->begin.v[l], end = f->done.v[l];
	bool l1 = f->into == CXMS_XL_L1, l2 = !l1 || is_beyond_l2(w, f->from);
	return (struct given_back){l1 && mshr_give_back(&w->l1_mshr[l], begin, end),
				   l2 && mshr_give_back(&w->l2_mshr[l], begin, end)};
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
	begin_waiting(w, l, at - 1);
	/* its own registers, which begin later, take none before */
	int32_t t = mshr_free(&w->l1_mshr[l], at);
	if (t < f->begin.v[l] && is_beyond_l2(w, f->from))
		t = mshr_free(&w->l2_mshr[l], t);
	if (t >= f->begin.v[l])
		return false;
	struct given_back given = give_back(w, l, f);
	int32_t len = f->done.v[l] - f->begin.v[l];
	t = free_for(&w->l1_mshr[l], at, len);
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

static void prefetch(struct cxms_window *w, const struct cxms_xevent *e,
		     const struct cxms_lanes *asked)
{
	struct cxms_fill *f = cxms_window_new_prefetch(w, e);
	w->counts.prefetches++;
	for (unsigned l = 0; l < w->n_lane; l++)
		cxms_window_ask_prefetch(w, l, f, e->into, asked->v[l]);
}

static void waits_for(struct cxms_window *w, const struct cxms_fill *f)
{
	w->waited = f->origin ? f->origin : w->waited;
}

/* A miss of the first level from @at on. @before: brings its line to the level it asks, or NULL;
 * one that has not begun, this one begins, with the registers on its way. Return: when its line is
 * there; @begin: when it has its registers; @reply: what memory answers, if @f asks it. */
static int32_t miss_lane(struct cxms_window *w, unsigned l, const struct cxms_fill *f,
			 struct cxms_fill *before, enum cxms_xrequest kind, int32_t at,
			 int32_t *begin, struct cxms_xreply *reply)
{
	struct cxms_xreply other;
	bool waits = before && before->done.v[l] == CXMS_TICK_NEVER;
	if (before && begin_before(w, l, before, at, begin)) {
		int32_t there =
			later_of(latency_from(w, l, f, kind, *begin, reply), before->done.v[l]);
		take_registers(w, l, before->from, *begin, there);
		return there;
	}
	*begin = registers_free(w, l, waits ? before->from : f->from, at);
	if (!before)
		return miss_from(w, l, f, kind, *begin, CXMS_TICK_LONG_AGO, reply);
	if (before->done.v[l] != CXMS_TICK_NEVER)
		return miss_from(w, l, f, kind, *begin, before->done.v[l], reply);
	before->done.v[l] = latency_from(w, l, before, kind, *begin, &other);
	int32_t done = later_of(latency_from(w, l, f, kind, *begin, reply), before->done.v[l]);
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
	begin_waiting(w, l, at - 1);
	if (f->done.v[l] == CXMS_TICK_NEVER) { /* nor was it a prefetch that began meanwhile */
		struct cxms_xreply reply;
		f->done.v[l] = miss_lane(w, l, f, below_of(w, f), kind, at, &t, &reply);
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
			int32_t t =
				miss_lane(w, l, f, before, kind, at->v[l], &begin, &w->reply[l]);
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

void cxms_window_write_back(struct cxms_window *w, const struct cxms_xevent *e,
			    const struct cxms_lanes *at, struct cxms_lanes *done)
{
	struct cxms_origin *o = NULL;
	w->counts.writebacks++;
	if (done) {
		w->waited = new_origin(w);
		o = origin_of(w, w->waited);
	}
	for (unsigned l = 0; l < w->n_lane; l++) {
		struct cxms_xreply reply;
		ask_memory(w, l, e->line, CXMS_XR_WRITE, at->v[l], &reply);
		if (!done)
			continue;
		int32_t taken = at->v[l] + cxms_window_ticks(w, reply.queue_ps);
		done->v[l] = later_of(done->v[l], taken);
		reply.latency_ps = reply.queue_ps; /* waits in queues only */
		reply.switch_ps = 0;
		if (o)
			set_origin(o, l, &reply);
	}
}

/* A load ran before a store it meets, in the lanes of @early: when the store is executed at @store,
 * it and what follows it are fetched again. */
static void ran_too_early(struct cxms_window *w, uint64_t store_pc, const struct cxms_lanes *early,
			  const struct cxms_lanes *store, struct cxms_lanes *done)
{
	int32_t again =
		w->l1d + CXMS_TICKS * (CXMS_REDIRECT_CYC + CXMS_FRONT_CYC + CXMS_ASSUMED_ISSUE_CYC);
	cxms_window_refetch(w, early, store, store);
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
		cxms_window_write_back(w, e, asked, NULL);
		break;
	case CXMS_XE_NT: /* holds its entry of the store queue until memory takes it */
		cxms_window_write_back(w, e, asked, done);
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
				struct cxms_xreply reply;
				ask_memory(w, l, e->line, CXMS_XR_FETCH, now, &reply);
				more = cxms_window_ticks(w, reply.latency_ps);
			}
			/* where one run fetches so much that it passes the range, time is lost */
			w->fetch.v[l] = now < 4 * CXMS_TICK_LONG ? now + more : now;
		}
	}
}

/* Behind a branch that went elsewhere than predicted: the wrong path, and when the right one is
 * fetched. */
#include "base/units.h"
#include "core/window_fill.h"

/* Where uops are split, those behind a mispredicted branch leave the reorder buffer one by one, as
 * many in a cycle as twice the width (tests/data/gem5: squash width 16 of an eight-wide core). */
#define CXMS_SQUASH_WIDTHS 2
/* Such a walk blocks dispatch if it is not over in the cycle in which the stages are told to drop
 * what ran in error; cycles from its end until dispatch is told so: to the stage that issues, in
 * which it stops blocking, and from there (gem5 v24.0, src/cpu/o3/iew.cc: checkSignalsAndUpdate;
 * BaseO3CPU.py: commitToIEWDelay, iewToRenameDelay). */
#define CXMS_BLOCKING_WALK_CYC 2
#define CXMS_WALKED_CYC	       3

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
void cxms_window_refetch(struct cxms_window *w, const struct cxms_lanes *where,
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
	uint64_t behind = b->exit[exit].behind;
	struct cxms_lanes from = *done;
	/* where to: the next block tells */
	w->redirected = b->exit[exit].insns == b->exit[run->exit].insns;
	if (w->cfg.fetch_lines && !w->redirected)
		from.all += cxms_window_line_again(w, b->addr, behind - 1, behind);
	cxms_window_refetch(w, &w->used, done, &from);
	w->counts.mispredicts++;
}

/* Which exit's branch, the one that ends with this many uops, was mispredicted; -1 = none. */
static int64_t mispredicted_at(const struct cxms_xrun *run, uint32_t uops)
{
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		if (e->kind == CXMS_XE_MISP && run->block->exit[e->index].uops == uops)
			return e->index;
	}
	return -1;
}

/* A load of the wrong path that has a register before the branch is done; else it is gone. */
static int32_t wrong_miss(struct cxms_window *w, unsigned l, const struct cxms_fill *f, int32_t at,
			  int32_t branch_done)
{
	struct cxms_xreply reply; /* nobody waits for it */
	int32_t t = registers_free(w, l, f->from, at);
	if (t >= branch_done)
		return CXMS_TICK_NEVER;
	return miss_from(w, l, f, CXMS_XR_READ, t, CXMS_TICK_LONG_AGO, &reply);
}

/*
 * A fill of the wrong path in the lanes where its load began; in the others it never does. What
 * such a load made a prefetcher bring, the right path asks for soon after, if not the wrong one.
 */
static void wrong_fill(struct cxms_window *w, const struct cxms_xevent *e,
		       const struct cxms_lanes *at, const struct cxms_lanes *branch_done)
{
	struct cxms_fill *f = e->kind == CXMS_XE_PF ? cxms_window_new_prefetch(w, e)
						    : new_fill(w, e->line, e->from);
	for (unsigned l = 0; l < w->n_lane; l++) {
		bool began = at->v[l] < branch_done->v[l] && !(w->cfg.without & CXMS_WP_WRONG_PATH);
		if (e->kind == CXMS_XE_PF)
			cxms_window_ask_prefetch(w, l, f, e->into,
						 began ? at->v[l] : branch_done->v[l]);
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
			cxms_window_write_back(w, e, &at, NULL);
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

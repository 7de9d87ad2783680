#include "sim/traffic.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/recording.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
/* Loops are not longer (their instructions are a 16-bit number in recordings). */
#define MAX_INSNS 65535.0
/* Loops around a loop that are looked at. */
#define MAX_NEST 64
/* Of its loop's waiting: the rest may be other chains, which overlap with it. */
#define MOSTLY_ALONE 0.9

/* Sums over sites that belong together: one instruction behind several sampled addresses, with
 * those that use the same line in a turn; a loop. */
struct sums {
	uint32_t *first; /* [site] the site that stands for all of them */
	double *stall_ns;
	double (*memory_ns)[CXMS_SPAN_COUNT]; /* of it, by span */
};

enum together { BY_INSTRUCTION, BY_LOOP };

static int sums_init(const struct cxms_recording *rec, enum together how, struct sums *s)
{
	struct cxms_pagemap map = {0};
	int rc = 0;
	s->first = calloc(rec->n_site + 1, sizeof(*s->first));
	s->stall_ns = calloc(rec->n_site + 1, sizeof(*s->stall_ns));
	s->memory_ns = calloc(rec->n_site + 1, sizeof(*s->memory_ns));
	if (!s->first || !s->stall_ns || !s->memory_ns)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_site && !rc; i++) {
		const struct cxms_rec_site *site = &rec->site[i];
		uint64_t key = how == BY_LOOP ? site->loop_ip : site->ip;
		s->first[i] = cxms_pagemap_get(&map, site->pid, key);
		if (s->first[i] != CXMS_NO_PAGE)
			continue;
		s->first[i] = (uint32_t)i;
		rc = cxms_pagemap_put(&map, site->pid, key, (uint32_t)i);
	}
	cxms_pagemap_fini(&map);
	return rc;
}

/* An instruction that may use the line of others of its loop. */
struct sharer {
	const struct cxms_rec_site *is;
	uint32_t site, loop;
};

/* Recordings of before made_at have neither. */
static bool may_share(const struct cxms_rec_site *site)
{
	const unsigned none = CXMS_SITE_STACK | CXMS_SITE_TLS | CXMS_SITE_GATHER;
	return site->loop_ip && (site->base || site->index) && !(site->flags & none) &&
	       (site->made_at || site->flags & CXMS_SITE_AFFINE) &&
	       site->kind != CXMS_SITE_STRING && site->kind != CXMS_SITE_NONE;
}

static int by_registers(const struct sharer *a, const struct sharer *b)
{
	if (a->loop != b->loop)
		return a->loop < b->loop ? -1 : 1;
	if (a->is->base != b->is->base)
		return a->is->base < b->is->base ? -1 : 1;
	if (a->is->index != b->is->index)
		return a->is->index < b->is->index ? -1 : 1;
	if (a->is->scale != b->is->scale)
		return a->is->scale < b->is->scale ? -1 : 1;
	if (a->is->made_at != b->is->made_at)
		return a->is->made_at < b->is->made_at ? -1 : 1;
	return 0;
}

static int by_place(const void *pa, const void *pb)
{
	const struct sharer *a = pa, *b = pb;
	int order = by_registers(a, b);
	if (order)
		return order;
	if (a->is->disp != b->is->disp)
		return a->is->disp < b->is->disp ? -1 : 1;
	return a->site < b->site ? -1 : a->site > b->site;
}

static bool is_same_line(const struct sharer *leader, const struct sharer *is)
{
	return by_registers(leader, is) == 0 &&
	       (uint64_t)is->is->disp - (uint64_t)leader->is->disp < CXMS_LINE_BYTES;
}

/* Instructions of a loop that use one line in each turn are as the one of them at the lowest
 * address; from a line's length above it on another begins. */
static int join_lines(const struct cxms_recording *rec, const struct sums *by_loop, struct sums *s)
{
	struct sharer *list = malloc((rec->n_site + 1) * sizeof(*list));
	size_t n = 0, leader = 0;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_site; i++)
		if (s->first[i] == i && may_share(&rec->site[i]))
			list[n++] = (struct sharer){&rec->site[i], (uint32_t)i, by_loop->first[i]};
	qsort(list, n, sizeof(*list), by_place);
	for (size_t i = 0; i < n; i++) {
		if (!is_same_line(&list[leader], &list[i]))
			leader = i;
		s->first[list[i].site] = list[leader].site;
	}
	for (size_t i = 0; i < rec->n_site; i++)
		s->first[i] = s->first[s->first[i]];
	free(list);
	return 0;
}

static void sums_fini(struct sums *s)
{
	free(s->first);
	free(s->stall_ns);
	free(s->memory_ns);
}

static void sums_add(struct sums *s, const struct cxms_group *g)
{
	uint32_t first = s->first[g->site];
	s->stall_ns[first] += g->stall_ns;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		s->memory_ns[first][k] += g->stall_ns * cxms_group_memory(g, (enum cxms_span)k);
}

bool cxms_is_carried(const struct cxms_rec_site *site)
{
	return site->flags & (CXMS_SITE_CARRIED | CXMS_SITE_SELF);
}

/* A string instruction moves many lines each time. */
static bool is_counted(const struct cxms_rec_site *site, const struct cxms_group *g,
		       const struct cxms_turns *turns)
{
	return turns->found && g->lines_per_stall_ns <= 0 && !cxms_is_carried(site) &&
	       site->kind != CXMS_SITE_STRING;
}

/* One link of a chain in each turn. */
static bool is_hop(const struct cxms_rec_site *site, const struct cxms_turns *turns)
{
	return turns->found && turns->turns > 0 && cxms_is_carried(site) &&
	       !(site->flags & CXMS_SITE_UNEVEN);
}

/* Areas of an instruction together: the turns do not tell which of them each hop lay in. */
static void set_hop(struct cxms_evidence *ev, struct cxms_group *g, double stall_ns,
		    const double memory_ns[CXMS_SPAN_COUNT])
{
	double turn_ps = stall_ns / ev->turns[g->site].turns * PS_PER_NS;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		g->hop_ps[k] = cxms_hop_seen_ps(
			turn_ps, fmin(1, memory_ns[k] / stall_ns),
			ev->stair.mem_ps * cxms_wait_spread((enum cxms_span)k), ev->stair.llc_ps);
}

static void set_runs(const struct cxms_recording *rec, const struct sums *by_insn,
		     const struct sums *by_loop, struct cxms_evidence *ev)
{
	for (size_t i = 0; i < ev->n_group; i++) {
		struct cxms_group *g = &ev->group[i];
		const struct cxms_turns *turns = &ev->turns[g->site];
		double stall = by_insn->stall_ns[by_insn->first[g->site]];
		if (is_counted(&rec->site[g->site], g, turns) && stall > 0)
			g->runs_per_stall_ns = turns->turns / stall;
		if (!is_hop(&rec->site[g->site], turns) || stall <= 0)
			continue;
		double all_ns = by_loop->stall_ns[by_loop->first[g->site]];
		set_hop(ev, g, stall, by_insn->memory_ns[by_insn->first[g->site]]);
		g->hop_sure = stall >= MOSTLY_ALONE * all_ns &&
			      g->hop_ps[CXMS_SPAN_MID] > ev->stair.mem_ps;
	}
}

/** struct loop_times - CPU time, by samples: of each loop's own instructions, of all, and what all
 * wait of it; [site] is the site that stands for its loop */
struct loop_times {
	double *own_ns;
	double *inner_ns, *inner_stall_ns; /* of its inner loops, and of theirs */
	double all_ns, stall_ns;
};

/* Adds what @loop takes to all loops around it, as far as samples name them. */
static void add_inner(const struct cxms_recording *rec, const struct cxms_pagemap *loop_at,
		      const struct sums *by_loop, size_t loop, struct loop_times *out)
{
	const struct cxms_rec_site *site = &rec->site[loop];
	for (int depth = 0; depth < MAX_NEST && site->outer_back; depth++) {
		if (site->outer_back > site->loop_ip)
			return;
		uint64_t outer_ip = site->loop_ip - site->outer_back;
		uint32_t outer = cxms_pagemap_get(loop_at, site->pid, outer_ip);
		if (outer == CXMS_NO_PAGE)
			return;
		out->inner_ns[outer] += out->own_ns[loop];
		out->inner_stall_ns[outer] += by_loop->stall_ns[loop];
		site = &rec->site[outer];
	}
}

static int find_inner(const struct cxms_recording *rec, const struct sums *by_loop,
		      struct loop_times *out)
{
	struct cxms_pagemap loop_at = {0};
	int rc = 0;
	for (size_t i = 0; i < rec->n_site && !rc; i++)
		if (by_loop->first[i] == i)
			rc = cxms_pagemap_put(&loop_at, rec->site[i].pid, rec->site[i].loop_ip,
					      (uint32_t)i);
	for (size_t i = 0; i < rec->n_site && !rc; i++)
		if (by_loop->first[i] == i)
			add_inner(rec, &loop_at, by_loop, i, out);
	cxms_pagemap_fini(&loop_at);
	return rc;
}

static int loop_times_init(const struct cxms_recording *rec, const struct cxms_evidence *ev,
			   const struct sums *by_loop, struct loop_times *out)
{
	const size_t n = rec->n_site + 1;
	*out = (struct loop_times){.own_ns = calloc(n, sizeof(*out->own_ns)),
				   .inner_ns = calloc(n, sizeof(*out->inner_ns)),
				   .inner_stall_ns = calloc(n, sizeof(*out->inner_stall_ns))};
	if (!out->own_ns || !out->inner_ns || !out->inner_stall_ns)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (!cxms_rec_is_own(s))
			continue;
		out->all_ns += s->weight_ns;
		if (s->site != CXMS_NO_SITE)
			out->own_ns[by_loop->first[s->site]] += s->weight_ns;
	}
	for (size_t g = 0; g < ev->n_group; g++)
		out->stall_ns += ev->group[g].stall_ns;
	return find_inner(rec, by_loop, out);
}

static void loop_times_fini(struct loop_times *t)
{
	free(t->own_ns);
	free(t->inner_ns);
	free(t->inner_stall_ns);
}

/* Share of @ns that is not waited. */
static double work_share(double ns, double stall_ns)
{
	return ns > 0 ? fmin(1, fmax(0, 1 - stall_ns / ns)) : 1;
}

/*
 * Of the time between turns of a loop, what its own waits can fill: not what inner loops and called
 * functions wait, as those waits lie in the same time. Of what is called nothing tells which it is:
 * it waits as all does that is neither this loop nor known to be in it.
 */
static double fillable_ns(const struct loop_times *t, size_t loop, double turns_ns, double stall_ns)
{
	double own_ns = fmin(fmax(t->own_ns[loop], stall_ns), turns_ns);
	double inner_ns = fmin(t->inner_ns[loop], turns_ns - own_ns);
	double called = work_share(t->all_ns - t->own_ns[loop] - t->inner_ns[loop],
				   t->stall_ns - stall_ns - t->inner_stall_ns[loop]);
	return own_ns + inner_ns * work_share(t->inner_ns[loop], t->inner_stall_ns[loop]) +
	       (turns_ns - own_ns - inner_ns) * called;
}

/* Time in a loop that is no wait for memory, by its instructions. */
static void set_between(const struct cxms_recording *rec, const struct sums *by_loop,
			const struct loop_times *times, struct cxms_evidence *ev)
{
	for (size_t i = 0; i < rec->n_site; i++) {
		const struct cxms_rec_site *site = &rec->site[i];
		const struct cxms_turns *turns = &ev->turns[i];
		ev->between[i].insns = site->loop_insns;
		if (!turns->found || !site->loop_insns)
			continue;
		double stall_ns = by_loop->stall_ns[by_loop->first[i]];
		ev->between[i].loop_per_stall =
			fillable_ns(times, by_loop->first[i], turns->time_ns, stall_ns) / stall_ns;
		ev->between[i].work_ns = fmax(
			0, turns->time_ns - by_loop->memory_ns[by_loop->first[i]][CXMS_SPAN_MID]);
		if (!(site->flags & CXMS_SITE_LONG))
			ev->between[i].uop_ps = ev->between[i].work_ns * PS_PER_NS /
						(turns->turns * site->loop_insns);
	}
	for (size_t i = 0; i < ev->n_group; i++) { /* a stream misses once in several turns */
		const struct cxms_group *g = &ev->group[i];
		const struct cxms_turns *turns = &ev->turns[g->site];
		struct cxms_between *b = &ev->between[g->site];
		if (!turns->found || g->lines_per_stall_ns <= 0)
			continue;
		double turns_a_line = turns->per_ns * CXMS_LINE_BYTES / fabs(g->bytes_per_ns);
		double insns = rec->site[g->site].loop_insns * fmax(1, turns_a_line);
		b->insns = (unsigned)fmin(MAX_INSNS, insns);
	}
}

int cxms_traffic_count(const struct cxms_recording *rec, struct cxms_evidence *ev)
{
	struct sums by_insn = {0}, by_loop = {0};
	struct loop_times times = {0};
	ev->between = calloc(rec->n_site + 1, sizeof(*ev->between));
	int rc = ev->between ? sums_init(rec, BY_INSTRUCTION, &by_insn) : -ENOMEM;
	if (!rc)
		rc = sums_init(rec, BY_LOOP, &by_loop);
	if (!rc)
		rc = join_lines(rec, &by_loop, &by_insn);
	for (size_t i = 0; i < ev->n_group && !rc; i++) {
		sums_add(&by_insn, &ev->group[i]);
		sums_add(&by_loop, &ev->group[i]);
	}
	if (!rc)
		rc = loop_times_init(rec, ev, &by_loop, &times);
	if (!rc) {
		set_runs(rec, &by_insn, &by_loop, ev);
		set_between(rec, &by_loop, &times, ev);
	}
	loop_times_fini(&times);
	sums_fini(&by_insn);
	sums_fini(&by_loop);
	return rc;
}

/* Of a turn with calls or inner loops by its time. */
double cxms_traffic_window_turns(const struct cxms_recording *rec, const struct cxms_evidence *ev,
				 const struct cxms_group *g, unsigned rob)
{
	const struct cxms_rec_site *site = &rec->site[g->site];
	const struct cxms_turns *turns = &ev->turns[g->site];
	double held = (double)rob / fmax(1, site->loop_insns);
	double held_ns = rob * CXMS_ASSUMED_CPI_MAX * 1e9 / CXMS_ASSUMED_CLOCK_HZ;
	double work_ns = ev->between[g->site].work_ns;
	if (site->flags & CXMS_SITE_LONG && work_ns > 0)
		held = fmin(held, held_ns * turns->turns / work_ns);
	return held;
}

/*
 * New lines a run, at an end: who goes on where it ended uses up each line before the next, while
 * the cache holds those of all places. A load that takes a new line waits as long as memory and the
 * LLC take at most, so its waiting tells how many do at least: with places that outnumber the cache
 * each of them, which part of each wait may hide: at the high end all do where new lines alone do
 * not explain the waiting. Waits of stores are the queue's, and tell nothing of it.
 */
static double lines_a_run(const struct cxms_rec_site *site, const struct cxms_runs *in,
			  enum cxms_span end)
{
	double step = fabs((double)site->stride) / CXMS_LINE_BYTES, share = in->share[end];
	double lines = share / in->seen_ps + (in->llc_ps > 0 ? (1 - share) / in->llc_ps : 0);
	double seen = lines * PS_PER_NS / in->runs;
	if (site->kind != CXMS_SITE_LOAD || seen <= step)
		return fmin(1, step);
	return end == CXMS_SPAN_HI ? 1 : fmin(1, seen);
}

/* Runs that take no new line are none. */
static void bound_by_new_lines(const struct cxms_rec_site *site, const struct cxms_runs *in,
			       struct cxms_grain *out)
{
	const struct cxms_grain was = *out;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		double a_run = lines_a_run(site, in, (enum cxms_span)k);
		struct cxms_runs part = *in;
		double waits[CXMS_SPAN_COUNT], lines[CXMS_SPAN_COUNT];
		memcpy(waits, was.waits, sizeof(waits));
		part.runs *= a_run;
		part.window_turns *= a_run;
		cxms_runs_bound(&part, waits, lines);
		out->waits[k] = waits[k];
		out->lines[k] = lines[k];
	}
	out->lines[CXMS_SPAN_LO] = fmin(out->lines[CXMS_SPAN_LO], out->lines[CXMS_SPAN_MID]);
	out->lines[CXMS_SPAN_HI] = fmax(out->lines[CXMS_SPAN_HI], out->lines[CXMS_SPAN_MID]);
}

static void bound_by_runs(const struct cxms_recording *rec, const struct cxms_evidence *ev,
			  const struct cxms_group *g, unsigned rob, struct cxms_grain *out)
{
	const struct cxms_rec_site *site = &rec->site[g->site];
	const struct cxms_turns *turns = &ev->turns[g->site];
	double seen_ps = out->waits[CXMS_SPAN_MID] > 0 ? out->seen_ps / out->waits[CXMS_SPAN_MID]
						       : ev->stair.mem_ps;
	double stall_ns = turns->turns / g->runs_per_stall_ns;
	struct cxms_runs in = {.runs = g->runs_per_stall_ns,
			       .share = {g->share.lo, g->share.mid, g->share.hi},
			       .seen_ps = seen_ps,
			       .llc_ps = ev->stair.llc_ps * seen_ps / ev->stair.mem_ps,
			       .window_turns = cxms_traffic_window_turns(rec, ev, g, rob),
			       .most_lines = CXMS_MOST_L1D_MSHRS * turns->time_ns * PS_PER_NS /
					     (seen_ps * stall_ns),
			       .most_waits =
				       ev->between[g->site].loop_per_stall * PS_PER_NS / seen_ps,
			       .uneven = site->flags & CXMS_SITE_UNEVEN,
			       .queued = site->kind == CXMS_SITE_STORE || g->column_step};
	if (site->flags & CXMS_SITE_APPENDS)
		bound_by_new_lines(site, &in, out);
	else
		cxms_runs_bound(&in, out->waits, out->lines);
	out->seen_ps = out->waits[CXMS_SPAN_MID] * seen_ps;
}

/*
 * Lines of a stream come ahead of it. Who waits no longer for each than the LLC takes may have
 * found them all there: at the low end such waits are no memory's, but as far as full miss
 * registers let lines come at the pace of memory.
 */
static void leave_out_arrived(const struct cxms_evidence *ev, const struct cxms_group *g,
			      struct cxms_grain *out)
{
	const enum cxms_span lo = CXMS_SPAN_LO;
	double arrived_ps = (1 - g->full[lo]) * out->lines[lo] * ev->stair.llc_ps;
	double left = out->stall_ps[lo] > arrived_ps ? 1 - arrived_ps / out->stall_ps[lo] : 0;
	out->stall_ps[lo] *= left;
	out->waits[lo] *= left;
}

void cxms_traffic_of(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		     const struct cxms_group *group, unsigned rob, struct cxms_grain *out)
{
	const struct cxms_rec_site *site = &rec->site[group->site];
	bool carried = cxms_is_carried(site), is_stream = !carried && group->lines_per_stall_ns > 0;
	out->store = site->kind == CXMS_SITE_STORE || site->kind == CXMS_SITE_UPDATE ||
		     site->flags & CXMS_SITE_DIRTIES;
	out->past = site->flags & CXMS_SITE_NONTEMP;
	out->known = carried || is_stream || group->runs_per_stall_ns > 0;
	out->prefetched = is_stream;
	if (!out->known)
		return;
	if (!carried && !is_stream)
		bound_by_runs(rec, ev, group, rob, out);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		if (carried)
			out->lines[k] = out->waits[k];
		else if (is_stream)
			out->lines[k] = group->lines_per_stall_ns *
					cxms_group_share(group, (enum cxms_span)k);
		out->written[k] = out->lines[k];
	}
	if (is_stream && !out->past)
		leave_out_arrived(ev, group, out);
	for (int k = 0; k < CXMS_SPAN_COUNT && out->past; k++)
		out->lines[k] = 0;
}

#include "sim/evidence.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"
#include "core/reuse.h"
#include "place/pagemap.h"
#include "sim/ahead.h"
#include "sim/cells.h"
#include "sim/columns.h"
#include "sim/company.h"
#include "sim/hw_cells.h"
#include "sim/linewaits.h"
#include "sim/loops.h"
#include "sim/open_lines.h"
#include "sim/reach.h"
#include "sim/recording.h"
#include "sim/streams.h"
#include "sim/traffic.h"

/* Code within one block of this size is taken for one loop when traffic is bounded from above. */
#define CODE_BLOCK_SHIFT 9u

static bool is_same(const struct cxms_group *a, const struct cxms_group *b)
{
	return a->site == b->site && a->area == b->area && a->hw == b->hw;
}

/* The number of group @g, which is made when new; *group: that of the sample before. */
static int group_of(struct cxms_evidence *e, struct cxms_pagemap *map, size_t *cap,
		    const struct cxms_group *g, uint32_t *group)
{
	uint64_t key = (uint64_t)g->site << 32 | g->area;
	if (*group < e->n_group && is_same(&e->group[*group], g))
		return 0;
	*group = cxms_pagemap_get(map, g->hw, key);
	if (*group != CXMS_NO_PAGE)
		return 0;
	if (cxms_array_grow((void **)&e->group, cap, e->n_group + 1, sizeof(*e->group)) ||
	    cxms_pagemap_put(map, g->hw, key, (uint32_t)e->n_group))
		return -ENOMEM;
	*group = (uint32_t)e->n_group;
	e->group[e->n_group] = *g;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		e->group[e->n_group].at_line[k] = 1;
	for (int k = 0; k < CXMS_SPAN_HI; k++)
		e->group[e->n_group].apart[k] = 1;
	e->n_group++;
	return 0;
}

/* Where accesses were sampled, what they explain waits, and in the stretch and term that they do.
 */
static bool is_wait(const struct cxms_recording *rec, size_t i, uint32_t *hw)
{
	*hw = 0;
	if (!rec->hw.cells)
		return cxms_rec_is_wait(rec, &rec->sample[i]);
	*hw = rec->hw.cells->term_of_sample[i];
	return *hw != CXMS_NO_GRAIN;
}

static int assign_groups(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	struct cxms_pagemap map = {0};
	size_t cap = 0;
	uint32_t g = 0;
	int rc = 0;
	e->grain_of_sample = malloc((rec->n_sample + 1) * sizeof(*e->grain_of_sample));
	if (!e->grain_of_sample)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		struct cxms_group group = {.site = s->site};
		e->grain_of_sample[i] = CXMS_NO_GRAIN;
		if (!rec->hw.cells && cxms_rec_is_unread(rec, s))
			e->unread_ns += s->weight_ns;
		if (!is_wait(rec, i, &group.hw))
			continue;
		e->wait_ns += s->weight_ns;
		if (s->page == CXMS_NO_PAGE)
			continue;
		e->known_ns += s->weight_ns;
		const struct cxms_page *page = cxms_pages_at(rec->pages, s->page);
		group.area = page->area;
		rc = group_of(e, &map, &cap, &group, &g);
		if (rc)
			break;
		e->group[g].stall_ns += s->weight_ns;
		e->grain_of_sample[i] = 2 * g + (page->bytes > rec->facts.page_bytes);
	}
	cxms_pagemap_fini(&map);
	return rc;
}

/* The waits with an address, as core/judge.h wants them. */
static size_t gather(const struct cxms_recording *rec, const struct cxms_evidence *e,
		     struct cxms_judge_sample *out)
{
	size_t n = 0;
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (e->grain_of_sample[i] == CXMS_NO_GRAIN)
			continue;
		uint64_t space = cxms_pages_at(rec->pages, s->page)->space;
		out[n++] =
			(struct cxms_judge_sample){.line = s->addr / CXMS_LINE_BYTES ^ space << 52,
						   .time_ns = s->time_ns,
						   .group = e->grain_of_sample[i] / 2,
						   .weight_ns = s->weight_ns};
	}
	return n;
}

static int judge_groups(const struct cxms_recording *rec, const struct cxms_cells *cells,
			struct cxms_evidence *e)
{
	size_t n_area = cxms_pages_area_count(rec->pages);
	struct cxms_judge_sample *sample = malloc((rec->n_sample + 1) * sizeof(*sample));
	struct cxms_judge_group *group = calloc(e->n_group + 1, sizeof(*group));
	double *touched = calloc(n_area + 1, sizeof(*touched));
	int rc = sample && group && touched ? 0 : -ENOMEM;
	if (!rc && rec->n_watch) {
		e->reuse = calloc(CXMS_SPAN_COUNT, sizeof(*e->reuse));
		rc = e->reuse ? 0 : -ENOMEM;
	}
	if (!rc) {
		for (size_t a = 0; a < n_area; a++)
			touched[a] = (double)cxms_pages_area_bytes(rec->pages, (uint32_t)a);
		for (size_t g = 0; g < e->n_group; g++)
			group[g] = (struct cxms_judge_group){
				.area = e->group[g].area,
				.lines_per_stall_ns = e->group[g].lines_per_stall_ns,
				.is_walk = cxms_is_carried(&rec->site[e->group[g].site])};
		rc = cxms_judge(&(struct cxms_judge){.stair = &e->stair,
						     .sample = sample,
						     .n_sample = gather(rec, e, sample),
						     .group = group,
						     .n_group = e->n_group,
						     .touched_bytes = touched,
						     .n_area = n_area,
						     .window_ns = cells->epoch_ns,
						     .reuse = e->reuse});
	}
	for (size_t g = 0; g < e->n_group && !rc; g++)
		e->group[g].share = group[g].share;
	free(sample);
	free(group);
	free(touched);
	return rc;
}

/* A stream behind another finds the lines that this one brought, unless they left the cache. At the
 * low end that keeps as much more as its size may be larger; at the high end all are gone. */
static void judge_followers(struct cxms_evidence *e)
{
	for (size_t i = 0; i < e->n_group; i++) {
		struct cxms_group *g = &e->group[i];
		double gone[2];
		for (int k = 0; k < 2 && g->behind_bytes > 0; k++) {
			double bytes = g->behind_bytes / (k ? 1 : e->stair.span);
			double miss = cxms_stair_miss_ratio(&e->stair, bytes);
			gone[k] =
				1 - g->behind_ratio * (1 - cxms_stair_time_share(&e->stair, miss));
		}
		g->share.lo *= g->apart[CXMS_SPAN_LO];
		g->share.mid *= g->apart[CXMS_SPAN_MID];
		if (g->behind_bytes > 0) {
			g->share.lo *= gone[0];
			g->share.mid *= gone[1];
		}
	}
}

double cxms_group_share(const struct cxms_group *g, enum cxms_span end)
{
	const double share[CXMS_SPAN_COUNT] = {g->share.lo, g->share.mid, g->share.hi};
	return share[end];
}

double cxms_group_memory(const struct cxms_group *g, enum cxms_span end)
{
	return cxms_group_share(g, end) * g->at_line[end];
}

struct cxms_grain cxms_grain_of(const double share[CXMS_SPAN_COUNT], const struct cxms_wait *wait)
{
	struct cxms_grain g = {0};
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		g.stall_ps[k] = share[k] * (double)CXMS_PS_PER_NS;
		g.waits[k] = g.stall_ps[k] * wait->per_ps[k];
	}
	g.seen_ps = g.waits[CXMS_SPAN_MID] * wait->seen_ps[CXMS_SPAN_MID];
	return g;
}

/* Walks for one use of a line: a stream walks once a page, and so does who goes on where it ended
 * (appends or reads on), in few enough places. */
static double walks_a_line(const struct cxms_recording *rec, const struct cxms_group *g, bool huge)
{
	const double page = (double)(huge ? rec->facts.huge_bytes : rec->facts.page_bytes);
	double step = 0;
	if (g->lines_per_stall_ns > 0)
		step = g->bytes_per_line;
	else if (rec->site[g->site].flags & CXMS_SITE_APPENDS)
		step = (double)CXMS_LINE_BYTES;
	return step > 0 && page > 0 ? fmin(1, step / page) : 1;
}

/*
 * Page walks of a group. A use at random walks each time, within what its loop's uses reach, or at
 * the low end within its area as well, which others may use meanwhile.
 * Where neither is known an area may be used page by page: no walks at the high end, and at the low
 * end the upper quartile of those measured, also for who goes on where it ended: in more places
 * than pages have translations. A chain whose turns are counted tells its hop, and so what of it
 * was not the memory in this very run: walks, or other programs.
 */
static void walks_of(const struct cxms_recording *rec, const struct cxms_evidence *e,
		     const struct cxms_group *g, bool huge, double walk_ps[CXMS_SPAN_COUNT])
{
	double area = (double)cxms_pages_area_bytes(rec->pages, g->area);
	double reach = g->reach_bytes > 0 ? g->reach_bytes : area;
	double each = walks_a_line(rec, g, huge);
	double most = g->lines_per_stall_ns > 0 ? each : 1;
	walk_ps[CXMS_SPAN_LO] = most * cxms_stair_walk_high_ps(&e->stair, fmax(area, reach), huge);
	walk_ps[CXMS_SPAN_MID] = each * cxms_stair_walk_ps(&e->stair, reach, huge);
	walk_ps[CXMS_SPAN_HI] = g->lines_per_stall_ns > 0 ? walk_ps[CXMS_SPAN_MID] : 0;
	for (int k = 0; k < CXMS_SPAN_COUNT && g->hop_ps[k] > 0; k++) {
		/* its time is that of this run, however long the memory's part of it was */
		double hop = g->hop_ps[k] / cxms_wait_spread((enum cxms_span)k) - e->stair.mem_ps;
		bool longest = k == CXMS_SPAN_LO && !g->hop_sure;
		walk_ps[k] = longest ? fmax(hop, walk_ps[k]) : hop;
	}
}

/*
 * Of a walk through memory most lines are fetched ahead, and the few that are late are waited for
 * whole: the loop's own time behind them counts as the registers are full, and at the high end.
 */
static void wait_of(const struct cxms_evidence *e, const struct cxms_group *g, bool carried,
		    const double walk_ps[CXMS_SPAN_COUNT], unsigned rob, struct cxms_wait *out)
{
	const struct cxms_between *work = &e->between[g->site];
	double uop_ps[CXMS_SPAN_COUNT];
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		uop_ps[k] =
			g->walk_step && k < CXMS_SPAN_HI ? work->uop_ps * g->full[k] : work->uop_ps;
	cxms_wait_model(e->stair.mem_ps, walk_ps, carried, work->insns, rob, uop_ps, out);
}

/* The wait was hidden in the machine that recorded: its window counts, whatever is simulated. */
static int set_waits(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	const unsigned rob = CXMS_ASSUMED_RECORDED_ROB;
	e->grain = calloc(2 * e->n_group + 2, sizeof(*e->grain));
	if (!e->grain)
		return -ENOMEM;
	if (rec->hw.cells) {
		cxms_hw_grains(rec, e);
		return 0;
	}
	for (size_t i = 0; i < 2 * e->n_group; i++) {
		const struct cxms_group *g = &e->group[i / 2];
		double share[CXMS_SPAN_COUNT];
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			share[k] = cxms_group_memory(g, (enum cxms_span)k);
		double walk_ps[CXMS_SPAN_COUNT];
		struct cxms_wait wait;
		walks_of(rec, e, g, i % 2, walk_ps);
		bool carried = cxms_is_carried(&rec->site[g->site]);
		wait_of(e, g, carried, walk_ps, rob, &wait);
		if (!carried && g->lines_per_stall_ns <= 0)
			cxms_wait_ahead(e->between[g->site].ahead_per_stall, &wait);
		e->grain[i] = cxms_grain_of(share, &wait);
		cxms_traffic_of(rec, e, g, rob, &e->grain[i]);
	}
	return 0;
}

/* Number of each site's block of code; the program's processes apart. */
static int find_blocks(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	struct cxms_pagemap map = {0};
	uint32_t *block_of = calloc(rec->n_site + 1, sizeof(*block_of));
	int rc = block_of ? 0 : -ENOMEM;
	e->block_of_site = block_of;
	for (size_t i = 0; i < rec->n_site && !rc; i++) {
		const struct cxms_rec_site *s = &rec->site[i];
		uint64_t block = s->ip >> CODE_BLOCK_SHIFT;
		block_of[i] = cxms_pagemap_get(&map, s->pid, block);
		if (block_of[i] == CXMS_NO_PAGE) {
			block_of[i] = (uint32_t)i;
			rc = cxms_pagemap_put(&map, s->pid, block, (uint32_t)i);
		}
	}
	cxms_pagemap_fini(&map);
	return rc;
}

/* A block of code counts as active when at least two samples in it waited for memory. */
static int find_active(const struct cxms_recording *rec, const struct cxms_cells *cells,
		       struct cxms_evidence *e)
{
	const uint32_t *block_of = e->block_of_site;
	size_t *waits = calloc(rec->n_site + 1, sizeof(*waits));
	e->active_ns = calloc(cells->n + 1, sizeof(*e->active_ns));
	int rc = waits && e->active_ns ? 0 : -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		uint32_t g = e->grain_of_sample[i];
		if (g != CXMS_NO_GRAIN && e->group[g / 2].share.mid > 0)
			waits[block_of[rec->sample[i].site]]++;
	}
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (s->site != CXMS_NO_SITE && !(s->flags & CXMS_SAMPLE_KERNEL) &&
		    waits[block_of[s->site]] >= 2)
			e->active_ns[cells->cell_of_sample[i]] += s->weight_ns;
	}
	free(waits);
	return rc;
}

/*
 * Waits whose address is not known are taken to be as much memory as those whose address is. The
 * fewer of all these are, the less do they vouch for: the rest may miss as uses do that go through
 * the largest area. Code that was not read may compute, or wait like them all the time.
 */
static void judge_floating(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	double sum[CXMS_SPAN_COUNT] = {0}, bytes = 0, rest = 0;
	double vouched = e->wait_ns > 0 ? e->known_ns / e->wait_ns : 1;
	for (uint32_t a = 0; a < cxms_pages_area_count(rec->pages); a++)
		bytes = fmax(bytes, (double)cxms_pages_area_bytes(rec->pages, a));
	for (size_t i = 0; i < e->n_group; i++)
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			sum[k] += e->group[i].stall_ns *
				  cxms_group_memory(&e->group[i], (enum cxms_span)k);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		double span = k == CXMS_SPAN_HI ? e->stair.span : 1;
		double known = e->known_ns > 0 ? fmin(1, sum[k] / e->known_ns) : 0;
		double miss = cxms_stair_miss_ratio(&e->stair, span * bytes);
		rest = cxms_stair_time_share(&e->stair, miss);
		double all = vouched * known + (1 - vouched) * rest;
		e->floating_share[k] = k == CXMS_SPAN_HI ? fmax(known, all) : all;
	}
	e->floating_share[CXMS_SPAN_LO] = 0;
	/* no address at all: nothing tells how much memory there is */
	if (bytes <= 0)
		e->floating_share[CXMS_SPAN_HI] = 1;
	/* the last span is the high end */
	e->unread_share[CXMS_SPAN_HI] = fmax(e->floating_share[CXMS_SPAN_HI], rest);
}

int cxms_evidence_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
			uint64_t llc_bytes, struct cxms_evidence *out, struct cxms_err *err)
{
	*out = (struct cxms_evidence){0};
	cxms_stair_init(&out->stair, &rec->facts, llc_bytes);
	bool hw = rec->hw.cells;
	int rc = cxms_turns_find(rec, &out->turns);
	if (!rc)
		rc = assign_groups(rec, out);
	if (!rc && hw)
		cxms_hw_shares(rec, out);
	if (!rc)
		rc = find_blocks(rec, out);
	if (!rc && !hw)
		rc = cxms_columns_find(rec, out, err);
	if (!rc && !hw)
		rc = cxms_streams_find(rec, out, err);
	if (!rc && !hw)
		rc = judge_groups(rec, cells, out);
	if (!rc && !hw)
		judge_followers(out);
	if (!rc && !hw)
		cxms_columns_judge(out);
	if (!rc && !hw)
		rc = cxms_linewaits_find(rec, out);
	if (!rc && !hw)
		rc = cxms_reach_find(rec, out);
	if (!rc)
		rc = find_active(rec, cells, out);
	if (!rc)
		rc = cxms_traffic_count(rec, out);
	if (!rc)
		rc = cxms_ahead_find(rec, out);
	if (!rc)
		rc = set_waits(rec, out);
	if (!rc)
		rc = cxms_company_find(rec, out);
	if (rc) {
		cxms_evidence_fini(out);
		return cxms_fail(err, ENOMEM, "out of memory for the evidence");
	}
	judge_floating(rec, out);
	rc = cxms_open_lines(rec, cells, out, err);
	if (rc)
		cxms_evidence_fini(out);
	return rc;
}

void cxms_evidence_fini(struct cxms_evidence *e)
{
	free(e->group);
	free(e->grain_of_sample);
	free(e->grain);
	free(e->turns);
	free(e->between);
	free(e->block_of_site);
	free(e->active_ns);
	free(e->company);
	free(e->company_of_group);
	free(e->reuse);
	*e = (struct cxms_evidence){0};
}

#include "sim/evidence.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"
#include "place/pagemap.h"
#include "sim/cells.h"
#include "sim/hw_cells.h"
#include "sim/loops.h"
#include "sim/recording.h"
#include "sim/streams.h"
#include "sim/traffic.h"

/* Code within one block of this size is taken for one loop when traffic is bounded from above. */
#define CODE_BLOCK_SHIFT 9u

#define NO_KEY UINT32_MAX
/* Members of one group (or area), gathered in time order. */
struct gather {
	size_t *first; /* n + 1 */
	uint32_t *sample;
	uint64_t *line, *work;
	uint32_t *window;
};

/* The group of a site and area, made when new; *group: the group of the sample before. */
static int group_of(struct cxms_evidence *e, struct cxms_pagemap *map, size_t *cap, uint32_t site,
		    uint32_t area, uint32_t *group)
{
	if (*group < e->n_group && e->group[*group].site == site && e->group[*group].area == area)
		return 0;
	*group = cxms_pagemap_get(map, area, site);
	if (*group != CXMS_NO_PAGE)
		return 0;
	if (cxms_array_grow((void **)&e->group, cap, e->n_group + 1, sizeof(*e->group)) ||
	    cxms_pagemap_put(map, area, site, (uint32_t)e->n_group))
		return -ENOMEM;
	*group = (uint32_t)e->n_group;
	e->group[e->n_group++] = (struct cxms_group){.site = site, .area = area};
	return 0;
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
		e->grain_of_sample[i] = CXMS_NO_GRAIN;
		if (!cxms_rec_is_wait(rec, s))
			continue;
		e->wait_ns += s->weight_ns;
		if (s->page == CXMS_NO_PAGE)
			continue;
		e->known_ns += s->weight_ns;
		const struct cxms_page *page = cxms_pages_at(rec->pages, s->page);
		rc = group_of(e, &map, &cap, s->site, page->area, &g);
		if (rc)
			break;
		e->group[g].stall_ns += s->weight_ns;
		e->grain_of_sample[i] = 2 * g + (page->bytes > rec->facts.page_bytes);
	}
	cxms_pagemap_fini(&map);
	return rc;
}

static void gather_fini(struct gather *g)
{
	free(g->first);
	free(g->sample);
	free(g->line);
	free(g->work);
	free(g->window);
	*g = (struct gather){0};
}

/* Counting sort of the samples by key, stable, so each key's samples stay in time order. */
static int gather_init(struct gather *g, const uint32_t *key_of, size_t n_sample, size_t n_key)
{
	*g = (struct gather){.first = calloc(n_key + 2, sizeof(*g->first)),
			     .sample = malloc((n_sample + 1) * sizeof(*g->sample)),
			     .line = malloc((n_sample + 1) * sizeof(*g->line)),
			     .work = malloc(2 * (n_sample + 1) * sizeof(*g->work)),
			     .window = malloc((n_sample + 1) * sizeof(*g->window))};
	if (!g->first || !g->sample || !g->line || !g->work || !g->window)
		return -ENOMEM;
	for (size_t i = 0; i < n_sample; i++)
		if (key_of[i] != NO_KEY)
			g->first[key_of[i] + 2]++;
	for (size_t k = 2; k < n_key + 2; k++)
		g->first[k] += g->first[k - 1];
	for (size_t i = 0; i < n_sample; i++)
		if (key_of[i] != NO_KEY)
			g->sample[g->first[key_of[i] + 1]++] = (uint32_t)i;
	return 0;
}

/* Who is judged together: what the keys stand for. */
struct judged {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_evidence *e;
	struct gather by;
};

static struct cxms_share judge_key(struct judged *j, size_t key, uint32_t area)
{
	struct gather *g = &j->by;
	struct cxms_collide_counts near, far;
	size_t from = g->first[key], n = g->first[key + 1] - from;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_rec_sample *s = &j->rec->sample[g->sample[from + i]];
		uint64_t space = cxms_pages_at(j->rec->pages, s->page)->space;
		g->line[i] = s->addr / CXMS_LINE_BYTES ^ space << 52;
		g->window[i] = (uint32_t)(s->time_ns / j->cells->epoch_ns);
	}
	cxms_collide_count(g->line, g->window, n, g->work, &near);
	memset(g->window, 0, n * sizeof(*g->window));
	cxms_collide_count(g->line, g->window, n, g->work, &far);
	return cxms_collide_share(&near, &far, (double)cxms_pages_area_bytes(j->rec->pages, area),
				  &j->e->stair);
}

/* Groups that show too few collisions take the share of their area, if others reach it too. */
static int judge_areas(struct judged *j, struct cxms_evidence *e, uint32_t *key_of)
{
	size_t n_area = cxms_pages_area_count(j->rec->pages);
	uint32_t *groups = calloc(n_area + 1, sizeof(*groups));
	bool *wanted = calloc(n_area + 1, sizeof(*wanted));
	int rc = groups && wanted ? 0 : -ENOMEM;
	for (size_t i = 0; i < e->n_group && !rc; i++) {
		groups[e->group[i].area]++;
		wanted[e->group[i].area] |= e->group[i].share.resolved_ratio <= 0;
	}
	for (size_t i = 0; i < j->rec->n_sample && !rc; i++) {
		uint32_t area = key_of[i] == NO_KEY ? NO_KEY : e->group[key_of[i]].area;
		key_of[i] = area != NO_KEY && wanted[area] && groups[area] > 1 ? area : NO_KEY;
	}
	if (!rc)
		rc = gather_init(&j->by, key_of, j->rec->n_sample, n_area);
	for (uint32_t a = 0; a < n_area && !rc; a++) {
		if (!wanted[a] || groups[a] < 2)
			continue;
		struct cxms_share share = judge_key(j, a, a);
		for (size_t i = 0; i < e->n_group; i++)
			if (e->group[i].area == a && e->group[i].share.resolved_ratio <= 0)
				e->group[i].share = share;
	}
	free(groups);
	free(wanted);
	return rc;
}

/* Every group by its own collisions. */
static int judge_groups(const struct cxms_recording *rec, const struct cxms_cells *cells,
			struct cxms_evidence *e)
{
	struct judged j = {.rec = rec, .cells = cells, .e = e};
	uint32_t *key_of = malloc((rec->n_sample + 1) * sizeof(*key_of));
	int rc = key_of ? 0 : -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++)
		key_of[i] =
			e->grain_of_sample[i] == CXMS_NO_GRAIN ? NO_KEY : e->grain_of_sample[i] / 2;
	if (!rc)
		rc = gather_init(&j.by, key_of, rec->n_sample, e->n_group);
	for (size_t i = 0; i < e->n_group && !rc; i++)
		e->group[i].share = judge_key(&j, i, e->group[i].area);
	gather_fini(&j.by);
	if (!rc)
		rc = judge_areas(&j, e, key_of);
	gather_fini(&j.by);
	free(key_of);
	return rc;
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

/* The wait was hidden in the machine that recorded: its window counts, whatever is simulated. */
static int set_waits(const struct cxms_recording *rec, struct cxms_evidence *e)
{
	const unsigned rob = CXMS_ASSUMED_RECORDED_ROB;
	const double walk[2] = {(double)rec->facts.walk_ps, 0};
	e->wait = calloc(2 * rec->n_site + 2, sizeof(*e->wait));
	e->grain = calloc(2 * e->n_group + 2, sizeof(*e->grain));
	if (!e->wait || !e->grain)
		return -ENOMEM;
	for (size_t i = 0; i < 2 * rec->n_site; i++) {
		const struct cxms_between *work = &e->between[i / 2];
		bool carried = rec->site[i / 2].flags & (CXMS_SITE_CARRIED | CXMS_SITE_SELF);
		cxms_wait_model(e->stair.mem_ps, walk[i % 2], carried, work->insns, rob,
				work->uop_ps, &e->wait[i]);
	}
	if (rec->hw.cells) {
		cxms_hw_grains(rec, e);
		return 0;
	}
	for (size_t i = 0; i < 2 * e->n_group; i++) {
		const struct cxms_group *g = &e->group[i / 2];
		const double share[CXMS_SPAN_COUNT] = {g->share.lo, g->share.mid, g->share.hi};
		e->grain[i] = cxms_grain_of(share, &e->wait[2 * g->site + i % 2]);
		cxms_traffic_of(rec, e, g, rob, &e->grain[i]);
	}
	return 0;
}

/* Number of each site's block of code; the program's processes apart. */
static int find_blocks(const struct cxms_recording *rec, uint32_t *block_of)
{
	struct cxms_pagemap map = {0};
	int rc = 0;
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
	uint32_t *block_of = calloc(rec->n_site + 1, sizeof(*block_of));
	e->block_of_site = block_of;
	size_t *waits = calloc(rec->n_site + 1, sizeof(*waits));
	e->active_ns = calloc(cells->n + 1, sizeof(*e->active_ns));
	int rc = block_of && waits && e->active_ns ? find_blocks(rec, block_of) : -ENOMEM;
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

/* Waits whose address is not known are taken to be as much memory as those whose address is. */
static void judge_floating(struct cxms_evidence *e)
{
	double sum[CXMS_SPAN_COUNT] = {0};
	for (size_t i = 0; i < e->n_group; i++) {
		sum[CXMS_SPAN_LO] += e->group[i].stall_ns * e->group[i].share.lo;
		sum[CXMS_SPAN_MID] += e->group[i].stall_ns * e->group[i].share.mid;
		sum[CXMS_SPAN_HI] += e->group[i].stall_ns * e->group[i].share.hi;
	}
	for (int k = 0; k < CXMS_SPAN_COUNT; k++)
		e->floating_share[k] = e->known_ns > 0 ? sum[k] / e->known_ns : 0;
	e->floating_share[CXMS_SPAN_LO] = 0;
}

int cxms_evidence_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
			uint64_t llc_bytes, struct cxms_evidence *out, struct cxms_err *err)
{
	*out = (struct cxms_evidence){0};
	cxms_stair_init(&out->stair, &rec->facts, llc_bytes);
	bool hw = rec->hw.cells;
	int rc = cxms_turns_find(rec, &out->turns);
	if (!rc)
		rc = hw ? cxms_hw_groups(rec, out) : assign_groups(rec, out);
	if (!rc && !hw)
		rc = judge_groups(rec, cells, out);
	if (!rc)
		rc = find_active(rec, cells, out);
	if (!rc && !hw)
		rc = cxms_streams_find(rec, out, err);
	if (!rc)
		rc = cxms_traffic_count(rec, out);
	if (!rc)
		rc = set_waits(rec, out);
	if (rc) {
		cxms_evidence_fini(out);
		return cxms_fail(err, ENOMEM, "out of memory for the evidence");
	}
	judge_floating(out);
	return 0;
}

void cxms_evidence_fini(struct cxms_evidence *e)
{
	free(e->group);
	free(e->grain_of_sample);
	free(e->grain);
	free(e->wait);
	free(e->turns);
	free(e->between);
	free(e->block_of_site);
	free(e->active_ns);
	*e = (struct cxms_evidence){0};
}

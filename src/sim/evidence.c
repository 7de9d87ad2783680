#include "sim/evidence.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "place/pagemap.h"
#include "sim/cells.h"
#include "sim/recording.h"

/* Code within one block of this size is taken for one loop when traffic is bounded from above. */
#define CODE_BLOCK_SHIFT 9u
/* More lines than this of one group are thinned by line number: pairs of the kept lines stay whole.
 */
#define THIN_ABOVE 65536u

/* Members of one group (or area), gathered in time order. */
struct gather {
	size_t *first; /* n + 1 */
	uint32_t *sample;
	uint64_t *line, *work;
	uint32_t *window;
};

static int assign_groups(const struct cxms_recording *rec, struct cxms_evidence *e,
			 struct cxms_err *err)
{
	struct cxms_pagemap map = {0};
	size_t cap = 0;
	int rc = 0;
	e->group_of_sample = malloc((rec->n_sample + 1) * sizeof(*e->group_of_sample));
	if (!e->group_of_sample)
		return cxms_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		e->group_of_sample[i] = CXMS_NO_GROUP;
		if (!cxms_rec_is_wait(rec, s))
			continue;
		e->wait_ns += s->weight_ns;
		if (s->page == CXMS_NO_PAGE)
			continue;
		e->known_ns += s->weight_ns;
		uint32_t area = cxms_pages_at(rec->pages, s->page)->area;
		uint32_t g = cxms_pagemap_get(&map, area, s->site);
		if (g == CXMS_NO_PAGE) {
			g = (uint32_t)e->n_group;
			if (cxms_array_grow((void **)&e->group, &cap, e->n_group + 1,
					    sizeof(*e->group)) ||
			    cxms_pagemap_put(&map, area, s->site, g)) {
				rc = cxms_fail(err, ENOMEM, "out of memory");
				break;
			}
			e->group[e->n_group++] = (struct cxms_group){.site = s->site, .area = area};
		}
		e->group[g].stall_ns += s->weight_ns;
		e->group_of_sample[i] = g;
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
}

/* Counting sort of the samples by key, stable, so each key's samples stay in time order. */
static int gather_init(struct gather *g, const uint32_t *key_of, size_t n_sample, size_t n_key)
{
	*g = (struct gather){.first = calloc(n_key + 2, sizeof(*g->first)),
			     .sample = malloc((n_sample + 1) * sizeof(*g->sample)),
			     .line = malloc((n_sample + 1) * sizeof(*g->line)),
			     .work = malloc((n_sample + 1) * sizeof(*g->work)),
			     .window = malloc((n_sample + 1) * sizeof(*g->window))};
	if (!g->first || !g->sample || !g->line || !g->work || !g->window)
		return -ENOMEM;
	for (size_t i = 0; i < n_sample; i++)
		if (key_of[i] != CXMS_NO_GROUP)
			g->first[key_of[i] + 2]++;
	for (size_t k = 2; k < n_key + 2; k++)
		g->first[k] += g->first[k - 1];
	for (size_t i = 0; i < n_sample; i++)
		if (key_of[i] != CXMS_NO_GROUP)
			g->sample[g->first[key_of[i] + 1]++] = (uint32_t)i;
	return 0;
}

struct lags {
	struct cxms_collide_counts near, far;
};

static void count_key(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      struct gather *g, size_t key, struct lags *out)
{
	size_t from = g->first[key], n = g->first[key + 1] - from, kept = 0;
	double keep = n > THIN_ABOVE ? (double)THIN_ABOVE / (double)n : 1;
	uint64_t below = keep < 1 ? (uint64_t)(keep * 0x1p63) * 2 : UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_rec_sample *s = &rec->sample[g->sample[from + i]];
		uint64_t line = s->addr / CXMS_LINE_BYTES;
		if (cxms_hash_u64(line) > below)
			continue;
		g->line[kept] = line ^ (uint64_t)cxms_pages_at(rec->pages, s->page)->space << 52;
		g->window[kept++] = (uint32_t)(s->time_ns / cells->epoch_ns);
	}
	cxms_collide_count(g->line, g->window, kept, g->work, &out->near);
	memset(g->window, 0, kept * sizeof(*g->window));
	cxms_collide_count(g->line, g->window, kept, g->work, &out->far);
	out->near.sum_sq /= keep;
	out->far.sum_sq /= keep;
}

/* Every group by its own collisions; one that shows too few takes its area's. */
static int judge_groups(const struct cxms_recording *rec, const struct cxms_cells *cells,
			struct cxms_evidence *e)
{
	size_t n_area = cxms_pages_area_count(rec->pages);
	struct gather by_group = {0}, by_area = {0};
	struct cxms_share *area_share = calloc(n_area + 1, sizeof(*area_share));
	uint32_t *area_of = malloc((rec->n_sample + 1) * sizeof(*area_of));
	int rc = area_share && area_of ? 0 : -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++)
		area_of[i] = e->group_of_sample[i] == CXMS_NO_GROUP
				     ? CXMS_NO_GROUP
				     : e->group[e->group_of_sample[i]].area;
	if (!rc)
		rc = gather_init(&by_group, e->group_of_sample, rec->n_sample, e->n_group);
	if (!rc)
		rc = gather_init(&by_area, area_of, rec->n_sample, n_area);
	for (size_t a = 0; a < n_area && !rc; a++) {
		struct lags c;
		count_key(rec, cells, &by_area, a, &c);
		area_share[a] = cxms_collide_share(
			&c.near, &c.far, (double)cxms_pages_area_bytes(rec->pages, (uint32_t)a),
			&e->stair);
	}
	for (size_t i = 0; i < e->n_group && !rc; i++) {
		struct cxms_group *g = &e->group[i];
		struct lags c;
		count_key(rec, cells, &by_group, i, &c);
		g->share = cxms_collide_share(&c.near, &c.far,
					      (double)cxms_pages_area_bytes(rec->pages, g->area),
					      &e->stair);
		if (g->share.resolved_ratio <= 0)
			g->share = area_share[g->area];
	}
	gather_fini(&by_group);
	gather_fini(&by_area);
	free(area_share);
	free(area_of);
	return rc;
}

int cxms_evidence_set_rob(const struct cxms_recording *rec, unsigned rob, struct cxms_evidence *e,
			  struct cxms_err *err)
{
	double walk = (double)rec->facts.walk_ps;
	free(e->wait);
	e->wait = calloc(2 * rec->n_site + 2, sizeof(*e->wait));
	if (!e->wait)
		return cxms_fail(err, ENOMEM, "out of memory for the waits");
	for (size_t i = 0; i < rec->n_site; i++) {
		const struct cxms_rec_site *s = &rec->site[i];
		bool carried = s->flags & (CXMS_SITE_CARRIED | CXMS_SITE_SELF);
		cxms_wait_model(e->stair.mem_ps, walk, carried, s->loop_insns, rob,
				&e->wait[2 * i]);
		cxms_wait_model(e->stair.mem_ps, 0, carried, s->loop_insns, rob,
				&e->wait[2 * i + 1]);
	}
	return 0;
}

static uint32_t block_space(const struct cxms_recording *rec, const struct cxms_rec_sample *s)
{
	return rec->site[s->site].pid;
}

/* A block of code counts as active when at least two samples in it waited for memory. */
static int find_active(const struct cxms_recording *rec, const struct cxms_cells *cells,
		       struct cxms_evidence *e)
{
	struct cxms_pagemap waits = {0};
	int rc = 0;
	e->active_ns = calloc(cells->n + 1, sizeof(*e->active_ns));
	if (!e->active_ns)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		uint32_t g = e->group_of_sample[i];
		if (g == CXMS_NO_GROUP || e->group[g].share.mid <= 0)
			continue;
		uint64_t block = rec->site[s->site].ip >> CODE_BLOCK_SHIFT;
		uint32_t seen = cxms_pagemap_get(&waits, block_space(rec, s), block);
		if (seen == CXMS_NO_PAGE || seen < 2)
			rc = cxms_pagemap_set(&waits, block_space(rec, s), block,
					      seen == CXMS_NO_PAGE ? 1 : 2);
	}
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (s->site == CXMS_NO_SITE || s->flags & CXMS_SAMPLE_KERNEL)
			continue;
		if (cxms_pagemap_get(&waits, block_space(rec, s),
				     rec->site[s->site].ip >> CODE_BLOCK_SHIFT) == 2)
			e->active_ns[cxms_cells_at(cells, s->thread, s->time_ns)] += s->weight_ns;
	}
	cxms_pagemap_fini(&waits);
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
	int rc = assign_groups(rec, out, err);
	if (!rc)
		rc = judge_groups(rec, cells, out);
	if (!rc)
		rc = find_active(rec, cells, out);
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
	free(e->group_of_sample);
	free(e->wait);
	free(e->active_ns);
	*e = (struct cxms_evidence){0};
}

/*
 * Provisional pages are base pages, created in order of first appearance; settling folds those that
 * lie in a block the kernel backed with one huge page into that page.
 */
#include "place/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "place/areas.h"
#include "place/pagemap.h"

/* A huge block shows one fault; more faulted base pages than this and it was filled page by page.
 */
#define HUGE_MAX_FAULTS 1u
/* Without a look at the mapping: this many sampled, never faulted base pages in a block with one
 * fault. */
#define HUGE_MIN_UNFAULTED 4u
/* Share of a mapping's resident bytes in huge pages from which each of its whole blocks counts as
 * huge. */
#define HUGE_WHOLE_PCT 90u

struct provisional {
	uint64_t addr;
	uint32_t space, area;
	bool faulted;
};

struct look {
	uint32_t space, area;
	uint64_t addr, end, resident, huge;
};

struct cxms_pages {
	uint64_t base, huge;
	struct cxms_areas *areas;
	struct cxms_pagemap map; /* (space, base page number) -> provisional index */
	struct provisional *prov;
	size_t n_prov, cap_prov;
	struct look *look;
	size_t n_look, cap_look;
	bool *of_file; /* [area] maps a file; areas beyond n_of_file do not */
	size_t n_of_file, cap_of_file;
	bool saw_fault;
	uint32_t last;
	struct cxms_page *page;
	uint32_t *remap;
	size_t n_page;
	uint64_t *area_bytes;
	size_t n_area;
	uint64_t total_bytes;
};

int cxms_pages_new(uint64_t base_bytes, uint64_t huge_bytes, struct cxms_pages **out,
		   struct cxms_err *err)
{
	struct cxms_pages *p = calloc(1, sizeof(*p));
	if (!p)
		return cxms_fail(err, ENOMEM, "out of memory");
	p->base = base_bytes ? base_bytes : 4096;
	p->huge = huge_bytes > p->base ? huge_bytes : 2u << 20;
	p->last = CXMS_NO_PAGE;
	int rc = cxms_areas_new(&p->areas, err);
	if (rc) {
		free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void cxms_pages_free(struct cxms_pages *p)
{
	if (!p)
		return;
	cxms_areas_free(p->areas);
	cxms_pagemap_fini(&p->map);
	free(p->prov);
	free(p->look);
	free(p->of_file);
	free(p->page);
	free(p->remap);
	free(p->area_bytes);
	free(p);
}

static int add_provisional(struct cxms_pages *p, uint32_t space, uint64_t addr, bool faulted,
			   uint32_t *out, struct cxms_err *err)
{
	int rc = cxms_array_grow((void **)&p->prov, &p->cap_prov, p->n_prov + 1, sizeof(*p->prov));
	if (!rc && p->n_prov >= CXMS_NO_PAGE - 1)
		rc = -ENOMEM;
	uint32_t area = 0;
	if (!rc)
		rc = cxms_areas_find(p->areas, space, addr, &area);
	if (!rc)
		rc = cxms_pagemap_put(&p->map, space, addr / p->base, (uint32_t)p->n_prov);
	if (rc)
		return cxms_fail(err, ENOMEM, "out of memory for the page table of the recording");
	p->prov[p->n_prov] = (struct provisional){
		.addr = addr - addr % p->base, .space = space, .area = area, .faulted = faulted};
	*out = (uint32_t)p->n_prov++;
	return 0;
}

/* A page not touched in its own space since the fork is still the parent's. */
static uint32_t find_inherited(const struct cxms_pages *p, uint32_t space, uint64_t vpn)
{
	for (uint32_t s = space; s != CXMS_NO_SPACE; s = cxms_areas_parent(p->areas, s)) {
		uint32_t index = cxms_pagemap_get(&p->map, s, vpn);
		if (index != CXMS_NO_PAGE)
			return index;
	}
	return CXMS_NO_PAGE;
}

static bool is_of_file(const struct cxms_pages *p, uint32_t area)
{
	return area < p->n_of_file && p->of_file[area];
}

static int on_fault(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space;
	p->saw_fault = true;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	if (rc)
		return rc;
	uint32_t index = cxms_pagemap_get(&p->map, space, ev->fault.addr / p->base);
	if (index != CXMS_NO_PAGE)
		p->prov[index].faulted = true;
	else
		rc = add_provisional(p, space, ev->fault.addr, true, &index, err);
	if (!rc && !is_of_file(p, p->prov[index].area))
		p->last = index;
	return rc;
}

static int on_sample(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space;
	if (!(ev->sample.flags & CXMS_SAMPLE_ADDR))
		return 0;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	if (rc)
		return rc;
	p->last = find_inherited(p, space, ev->sample.addr / p->base);
	if (p->last != CXMS_NO_PAGE)
		return 0;
	return add_provisional(p, space, ev->sample.addr, false, &p->last, err);
}

static int on_map(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space, area;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	if (!rc)
		rc = cxms_areas_map(p->areas, space, ev->map.addr, ev->map.len, err);
	if (rc || ev->map.len == 0)
		return rc;
	if (cxms_areas_find(p->areas, space, ev->map.addr, &area) ||
	    cxms_array_grow((void **)&p->of_file, &p->cap_of_file, area + 1u, sizeof(*p->of_file)))
		return cxms_fail(err, ENOMEM, "out of memory");
	while (p->n_of_file <= area)
		p->of_file[p->n_of_file++] = false;
	p->of_file[area] = ev->map.path && ev->map.path[0] == '/';
	return 0;
}

static int on_area(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	if (rc)
		return rc;
	rc = cxms_areas_map(p->areas, space, ev->area.addr, ev->area.len, err);
	if (rc)
		return rc;
	uint32_t area;
	if (cxms_array_grow((void **)&p->look, &p->cap_look, p->n_look + 1, sizeof(*p->look)) ||
	    cxms_areas_find(p->areas, space, ev->area.addr, &area))
		return cxms_fail(err, ENOMEM, "out of memory");
	p->look[p->n_look++] = (struct look){.space = space,
					     .area = area,
					     .addr = ev->area.addr,
					     .end = ev->area.addr + ev->area.len,
					     .resident = ev->area.resident_bytes,
					     .huge = ev->area.huge_bytes};
	return 0;
}

int cxms_pages_event(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	p->last = CXMS_NO_PAGE;
	switch (ev->kind) {
	case CXMS_EV_SAMPLE:
		return on_sample(p, ev, err);
	case CXMS_EV_FAULT:
		return on_fault(p, ev, err);
	case CXMS_EV_AREA:
		return on_area(p, ev, err);
	case CXMS_EV_MAP:
		return on_map(p, ev, err);
	case CXMS_EV_FORK:
		if (ev->fork.parent_pid == ev->pid)
			return 0; /* a thread: the same space */
		/* was there before, and its mappings were told first */
		if (ev->fork.parent_pid == 0 && cxms_areas_knows(p->areas, ev->pid))
			return 0;
		return cxms_areas_fork(p->areas, ev->pid, ev->fork.parent_pid, err);
	case CXMS_EV_EXEC:
		return cxms_areas_exec(p->areas, ev->pid, err);
	default:
		return 0;
	}
}

uint32_t cxms_pages_last(const struct cxms_pages *p)
{
	return p->last;
}

struct block {
	uint32_t space;
	uint64_t addr; /* huge-aligned */
	uint32_t n, faulted;
};

/* The last look that covers the whole block decides; none: the pattern of faults does. */
static bool block_is_huge(const struct cxms_pages *p, const struct block *b)
{
	for (size_t i = p->n_look; i-- > 0;) {
		const struct look *l = &p->look[i];
		if (l->space != b->space || b->addr < l->addr || b->addr + p->huge > l->end)
			continue;
		if (l->huge == 0)
			return false;
		return l->huge >= l->resident / 100 * HUGE_WHOLE_PCT ||
		       b->faulted <= HUGE_MAX_FAULTS;
	}
	return p->saw_fault && b->faulted == 1 && b->n - b->faulted >= HUGE_MIN_UNFAULTED;
}

/* Each block of the recording with its number of base pages and faulted ones, by a second page map.
 */
static int collect_blocks(struct cxms_pages *p, struct cxms_pagemap *map, struct block **out,
			  size_t *n_out)
{
	struct block *block = NULL;
	size_t n = 0, cap = 0;
	for (size_t i = 0; i < p->n_prov; i++) {
		const struct provisional *v = &p->prov[i];
		uint32_t b = cxms_pagemap_get(map, v->space, v->addr / p->huge);
		if (b == CXMS_NO_PAGE) {
			b = (uint32_t)n;
			if (cxms_array_grow((void **)&block, &cap, n + 1, sizeof(*block)) ||
			    cxms_pagemap_put(map, v->space, v->addr / p->huge, b)) {
				free(block);
				return -ENOMEM;
			}
			block[n++] = (struct block){.space = v->space,
						    .addr = v->addr - v->addr % p->huge};
		}
		block[b].n++;
		block[b].faulted += v->faulted;
	}
	*out = block;
	*n_out = n;
	return 0;
}

static void settle_page(struct cxms_pages *p, size_t i, bool huge, uint32_t *first_of_block)
{
	const struct provisional *v = &p->prov[i];
	if (huge && *first_of_block != CXMS_NO_PAGE) {
		p->remap[i] = *first_of_block;
		return;
	}
	uint64_t bytes = huge ? p->huge : p->base;
	p->remap[i] = (uint32_t)p->n_page;
	if (huge)
		*first_of_block = (uint32_t)p->n_page;
	p->page[p->n_page] = (struct cxms_page){.space = v->space,
						.area = v->area,
						.addr = v->addr - v->addr % bytes,
						.bytes = bytes,
						.touch_rank = p->n_page};
	p->n_page++;
	p->area_bytes[v->area] += bytes;
	p->total_bytes += bytes;
}

/* A source without page faults knows only sampled pages; what was resident tells the true size. */
static void count_resident(struct cxms_pages *p)
{
	for (size_t i = 0; i < p->n_look; i++) {
		uint64_t *bytes = &p->area_bytes[p->look[i].area];
		if (p->look[i].resident > *bytes) {
			p->total_bytes += p->look[i].resident - *bytes;
			*bytes = p->look[i].resident;
		}
	}
}

int cxms_pages_settle(struct cxms_pages *p, const uint32_t **remap, size_t *n_provisional,
		      struct cxms_err *err)
{
	struct cxms_pagemap map = {0};
	struct block *block = NULL;
	size_t n_block = 0;
	uint32_t *first = NULL;
	bool *huge = NULL;
	int rc = collect_blocks(p, &map, &block, &n_block);
	p->n_area = cxms_areas_count(p->areas);
	p->page = calloc(p->n_prov + 1, sizeof(*p->page));
	p->remap = calloc(p->n_prov + 1, sizeof(*p->remap));
	p->area_bytes = calloc(p->n_area + 1, sizeof(*p->area_bytes));
	first = malloc((n_block + 1) * sizeof(*first));
	huge = calloc(n_block + 1, sizeof(*huge));
	if (rc || !p->page || !p->remap || !p->area_bytes || !first || !huge) {
		rc = cxms_fail(err, ENOMEM, "out of memory for %zu pages", p->n_prov);
		goto out;
	}
	for (size_t b = 0; b < n_block; b++) {
		first[b] = CXMS_NO_PAGE;
		huge[b] = block_is_huge(p, &block[b]);
	}
	for (size_t i = 0; i < p->n_prov; i++) {
		uint32_t b = cxms_pagemap_get(&map, p->prov[i].space, p->prov[i].addr / p->huge);
		settle_page(p, i, huge[b], &first[b]);
	}
	count_resident(p);
	*remap = p->remap;
	*n_provisional = p->n_prov;
out:
	cxms_pagemap_fini(&map);
	free(block);
	free(first);
	free(huge);
	return rc;
}

size_t cxms_pages_count(const struct cxms_pages *p)
{
	return p->n_page;
}

const struct cxms_page *cxms_pages_at(const struct cxms_pages *p, uint32_t index)
{
	return &p->page[index];
}

size_t cxms_pages_area_count(const struct cxms_pages *p)
{
	return p->n_area;
}

uint64_t cxms_pages_area_bytes(const struct cxms_pages *p, uint32_t area)
{
	return p->area_bytes[area];
}

uint64_t cxms_pages_total_bytes(const struct cxms_pages *p)
{
	return p->total_bytes;
}

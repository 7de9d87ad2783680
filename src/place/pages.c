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
#include "place/resident.h"

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
	bool faulted, zero; /* zero: by loads only, and nothing else is known to be there */
};

struct cxms_pages {
	uint64_t base, huge;
	struct cxms_areas *areas;
	struct cxms_pagemap map; /* (space, base page number) -> provisional index */
	struct provisional *prov;
	size_t n_prov, cap_prov;
	struct cxms_look *look;
	size_t n_look, cap_look;
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

/*
 * A load that faults in private memory is shown the kernel's zero page, until someone stores there:
 * that is another fault.
 */
static int on_fault(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space;
	p->saw_fault = true;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	if (rc)
		return rc;
	uint32_t index = cxms_pagemap_get(&p->map, space, ev->fault.addr / p->base);
	if (index == CXMS_NO_PAGE)
		rc = add_provisional(p, space, ev->fault.addr, false, &index, err);
	if (rc)
		return rc;
	struct provisional *v = &p->prov[index];
	enum cxms_area_kind kind = cxms_areas_kind(p->areas, space, ev->fault.addr);
	bool loads = ev->fault.flags & CXMS_FAULT_LOAD && kind == CXMS_AREA_MEMORY;
	v->zero = loads && (v->zero || !v->faulted);
	v->faulted = true;
	if (kind != CXMS_AREA_FILE)
		p->last = index;
	return 0;
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

/* Memory that the kernel shows by a path: shared, of a file system in memory, or of huge pages. */
static enum cxms_area_kind kind_of(const char *path)
{
	static const char *const of_memory[] = {
		"/dev/zero", "/dev/shm/", "/memfd:", "/SYSV", "/anon_hugepage", "/dev/hugepages/"};
	for (size_t i = 0; i < sizeof(of_memory) / sizeof(of_memory[0]); i++)
		if (strncmp(path, of_memory[i], strlen(of_memory[i])) == 0)
			return CXMS_AREA_SHARED;
	return path[0] == '/' ? CXMS_AREA_FILE : CXMS_AREA_MEMORY;
}

static int on_map(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	return rc ? rc
		  : cxms_areas_map(p->areas, space, ev->map.addr, ev->map.len,
				   kind_of(ev->map.path ? ev->map.path : ""), err);
}

static int on_area(struct cxms_pages *p, const struct cxms_event *ev, struct cxms_err *err)
{
	uint32_t space;
	int rc = cxms_areas_space(p->areas, ev->pid, &space, err);
	if (rc)
		return rc;
	rc = cxms_areas_map(p->areas, space, ev->area.addr, ev->area.len, CXMS_AREA_ANY, err);
	if (rc)
		return rc;
	uint64_t end = ev->area.addr + ev->area.len;
	if (end <= ev->area.addr) /* empty, or beyond the end of the address space */
		return 0;
	if (cxms_array_grow((void **)&p->look, &p->cap_look, p->n_look + 1, sizeof(*p->look)))
		return cxms_fail(err, ENOMEM, "out of memory");
	p->look[p->n_look++] = (struct cxms_look){.space = space,
						  .addr = ev->area.addr,
						  .end = end,
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
	uint32_t n, faulted, zero;
};

/* The last look that covers the whole block; NULL = none */
static struct cxms_look *look_at(const struct cxms_pages *p, const struct block *b)
{
	for (size_t i = p->n_look; i-- > 0;) {
		struct cxms_look *l = &p->look[i];
		if (l->space == b->space && b->addr >= l->addr && b->addr + p->huge <= l->end)
			return l;
	}
	return NULL;
}

/* The look decides; none: the pattern of faults does. */
static bool block_is_huge(const struct cxms_pages *p, const struct block *b)
{
	const struct cxms_look *l = look_at(p, b);
	if (!l)
		return p->saw_fault && b->faulted == 1 && b->n - b->faulted >= HUGE_MIN_UNFAULTED;
	if (l->huge == 0)
		return false;
	return l->huge >= l->resident / 100 * HUGE_WHOLE_PCT || b->faulted <= HUGE_MAX_FAULTS;
}

/* A load was the only fault, and the rest was there then: the zero page of 2 MiB. */
static bool block_is_zero(const struct block *b)
{
	return b->faulted == 1 && b->zero == 1 && b->n > 1;
}

static void add_zero(struct cxms_pages *p, const struct block *b)
{
	struct cxms_look *l = b->zero ? look_at(p, b) : NULL;
	if (l)
		l->zero += block_is_zero(b) ? p->huge : b->zero * p->base;
}

/* The zero page is never resident, so there must be room for it beside what is: else the kernel
 * stored there (a system call that reads), which is no fault that is told. */
static bool has_room(const struct cxms_pages *p, const struct block *b)
{
	const struct cxms_look *l = look_at(p, b);
	return !l || l->resident + l->zero <= l->end - l->addr;
}

/* Each block of the recording with its number of base pages, faulted and zero ones, by a second
 * page map.
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
		block[b].zero += v->zero;
	}
	*out = block;
	*n_out = n;
	return 0;
}

/* STORED: by base pages, of which none is zero */
enum backing { BACKED_BASE, BACKED_STORED, BACKED_HUGE, BACKED_ZERO };

static enum backing backing_of(const struct cxms_pages *p, const struct block *b)
{
	bool zero = b->zero && has_room(p, b);
	if (zero && block_is_zero(b))
		return BACKED_ZERO;
	if (block_is_huge(p, b))
		return BACKED_HUGE;
	return zero ? BACKED_BASE : BACKED_STORED;
}

static void settle_page(struct cxms_pages *p, size_t i, enum backing backing,
			uint32_t *first_of_block)
{
	const struct provisional *v = &p->prov[i];
	bool huge = backing == BACKED_HUGE;
	if (backing == BACKED_ZERO || (backing == BACKED_BASE && v->zero)) {
		p->remap[i] = CXMS_NO_PAGE;
		return;
	}
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
static int count_resident(struct cxms_pages *p)
{
	const struct cxms_resident in = {.areas = p->areas,
					 .look = p->look,
					 .n_look = p->n_look,
					 .page = p->page,
					 .n_page = p->n_page,
					 .n_area = p->n_area};
	uint64_t *unseen = calloc(p->n_area + 1, sizeof(*unseen));
	int rc = unseen ? cxms_resident_unseen(&in, unseen) : -ENOMEM;
	for (size_t a = 0; a < p->n_area && !rc; a++) {
		p->area_bytes[a] += unseen[a];
		p->total_bytes += unseen[a];
	}
	free(unseen);
	return rc;
}

int cxms_pages_settle(struct cxms_pages *p, const uint32_t **remap, size_t *n_provisional,
		      struct cxms_err *err)
{
	struct cxms_pagemap map = {0};
	struct block *block = NULL;
	size_t n_block = 0;
	uint32_t *first = NULL;
	enum backing *backing = NULL;
	int rc = collect_blocks(p, &map, &block, &n_block);
	p->n_area = cxms_areas_count(p->areas);
	p->page = calloc(p->n_prov + 1, sizeof(*p->page));
	p->remap = calloc(p->n_prov + 1, sizeof(*p->remap));
	p->area_bytes = calloc(p->n_area + 1, sizeof(*p->area_bytes));
	first = malloc((n_block + 1) * sizeof(*first));
	backing = calloc(n_block + 1, sizeof(*backing));
	if (rc || !p->page || !p->remap || !p->area_bytes || !first || !backing) {
		rc = cxms_fail(err, ENOMEM, "out of memory for %zu pages", p->n_prov);
		goto out;
	}
	for (size_t b = 0; b < n_block; b++)
		add_zero(p, &block[b]);
	for (size_t b = 0; b < n_block; b++) {
		first[b] = CXMS_NO_PAGE;
		backing[b] = backing_of(p, &block[b]);
	}
	for (size_t i = 0; i < p->n_prov; i++) {
		uint32_t b = cxms_pagemap_get(&map, p->prov[i].space, p->prov[i].addr / p->huge);
		settle_page(p, i, backing[b], &first[b]);
	}
	rc = count_resident(p);
	if (rc) {
		cxms_fail(err, ENOMEM, "out of memory for %zu pages", p->n_prov);
		goto out;
	}
	*remap = p->remap;
	*n_provisional = p->n_prov;
out:
	cxms_pagemap_fini(&map);
	free(block);
	free(first);
	free(backing);
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

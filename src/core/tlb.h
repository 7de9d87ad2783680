/*
 * A two-level TLB: each level fully or set associative, LRU. Freestanding: the caller gives
 * storage.
 */
#ifndef CXMS_CORE_TLB_H
#define CXMS_CORE_TLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "No entry" in links. */
#define CXMS_TLB_NONE UINT32_MAX

/**
 * struct cxms_tlb_cfg - geometry
 * @entries:    of the first and the second level; 1 .. 2^20; second 0: there is none
 * @ways:       of each level, divides @entries; 0: fully associative
 * @page_shift: log2 of the page size: 12 or 21
 */
struct cxms_tlb_cfg {
	uint32_t entries[2], ways[2], page_shift;
};

/* An entry is in the list of its set, by age, and in a hash chain. */
struct cxms_tlb_entry {
	uint64_t page;
	uint32_t newer, older, next;
	bool valid;
};

/* @mask: sets - 1, or 0 if their number is no power of two. */
struct cxms_tlb_level {
	uint32_t sets, mask, ways, buckets;
	struct cxms_tlb_entry *entry;
	uint32_t *newest, *oldest; /* by set */
	uint32_t *bucket;
};

/**
 * struct cxms_tlb - one core's TLB
 * @last: the page of the last access: a hit that changes nothing, for the caller's fast path
 * @at:   its entry in the first level
 */
struct cxms_tlb {
	uint64_t last;
	uint32_t page_shift, at;
	struct cxms_tlb_level level[2];
};

enum cxms_tlb_result { CXMS_TLB_HIT, CXMS_TLB_SECOND, CXMS_TLB_WALK };

bool cxms_tlb_check(const struct cxms_tlb_cfg *cfg);
size_t cxms_tlb_bytes(const struct cxms_tlb_cfg *cfg);
void cxms_tlb_init(struct cxms_tlb *t, const struct cxms_tlb_cfg *cfg, void *mem);

/** cxms_tlb_access() - looks up the page of @address; what missed is brought into both levels. */
enum cxms_tlb_result cxms_tlb_access(struct cxms_tlb *t, uint64_t address);

/* The set of @page. */
static inline uint32_t cxms_tlb_set(const struct cxms_tlb_level *l, uint64_t page)
{
	if (l->mask || l->sets == 1)
		return (uint32_t)page & l->mask;
	return (uint32_t)(page % l->sets);
}

/* Makes entry @i the most recently used of its set, to whose list it belongs. */
static inline void cxms_tlb_make_newest(struct cxms_tlb_level *l, uint32_t set, uint32_t i)
{
	struct cxms_tlb_entry *e = &l->entry[i];
	uint32_t newest = l->newest[set], newer = e->newer, older = e->older;

	if (newest == i)
		return;
	l->entry[newer].older = older;
	if (older == CXMS_TLB_NONE)
		l->oldest[set] = newer;
	else
		l->entry[older].newer = newer;
	e->newer = CXMS_TLB_NONE;
	e->older = newest;
	l->entry[newest].newer = i;
	l->newest[set] = i;
}

/** cxms_tlb_again() - whether entry @at of the first level is @page's; if so, that is a hit. */
static inline bool cxms_tlb_again(struct cxms_tlb *t, uint64_t page, uint32_t at)
{
	struct cxms_tlb_level *l = &t->level[0];

	if (l->entry[at].page != page || !l->entry[at].valid)
		return false;
	cxms_tlb_make_newest(l, cxms_tlb_set(l, page), at);
	t->last = page;
	return true;
}

#endif

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
/* The page of an entry that holds none. */
#define CXMS_TLB_NO_PAGE UINT64_MAX

/**
 * struct cxms_tlb_cfg - geometry
 * @entries:    of the first and the second level; 1 .. 2^20; second 0: there is none
 * @ways:       of each level, divides @entries; 0: fully associative
 * @page_shift: log2 of the page size: 12 or 21
 */
struct cxms_tlb_cfg {
	uint32_t entries[2], ways[2], page_shift;
};

/* An entry is in the list of its set, and in a hash chain. */
struct cxms_tlb_entry {
	uint64_t page;
	uint32_t newer, older, next;
};

/**
 * struct cxms_tlb_stamp - of an entry of the first level
 * @used:   when it was used last, by the level's clock
 * @placed: what @used was when it came to its place in the list, which is in this order: a use may
 *          leave it where it is, since only who looks for the oldest needs to know
 */
struct cxms_tlb_stamp {
	uint64_t used, placed;
};

/* @mask: sets - 1, or 0 if their number is no power of two;  @clock: uses so far;  @stamp: NULL in
 * the second level. */
struct cxms_tlb_level {
	uint64_t clock;
	uint32_t sets, mask, ways, buckets;
	struct cxms_tlb_entry *entry;
	struct cxms_tlb_stamp *stamp;
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

/** cxms_tlb_again() - whether entry @at of the first level is @page's; if so, that is a hit. */
static inline bool cxms_tlb_again(struct cxms_tlb *t, uint64_t page, uint32_t at)
{
	struct cxms_tlb_level *l = &t->level[0];

	if (l->entry[at].page != page)
		return false;
	l->stamp[at].used = ++l->clock;
	t->last = page;
	return true;
}

#endif

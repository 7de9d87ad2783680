/*
 * A two-level TLB. Each level is fully or set associative and keeps the pages that were used last
 * (LRU). What misses the second level walks the page table; what a walk costs is the window's
 * business. Freestanding: the Valgrind tool uses it, which has no libc, so the caller gives the
 * storage.
 */
#ifndef CXMS_CORE_TLB_H
#define CXMS_CORE_TLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In place of the number of an entry: there is none. */
#define CXMS_TLB_NONE UINT32_MAX
/* In place of a page number: the entry holds none. */
#define CXMS_TLB_NO_PAGE UINT64_MAX

/**
 * struct cxms_tlb_cfg - geometry; index 0 is the first level, 1 the second
 * @entries:    pages that a level holds, 1 .. 2^20; of the second level also 0: there is none
 * @ways:       entries of a set, a divisor of @entries; 0: fully associative
 * @page_shift: log2 of the bytes of a page, 12 .. 30
 */
struct cxms_tlb_cfg {
	uint32_t entries[2], ways[2], page_shift;
};

/**
 * struct cxms_tlb_entry - one entry
 * @page:         address of the page >> page_shift, or CXMS_TLB_NO_PAGE
 * @newer, older: its neighbours in the list of its set, by use; CXMS_TLB_NONE at the ends
 * @next:         the next entry of its hash chain; CXMS_TLB_NONE at the end
 */
struct cxms_tlb_entry {
	uint64_t page;
	uint32_t newer, older, next;
};

/**
 * struct cxms_tlb_stamp - when an entry of the first level was used, by the level's clock
 * @used:   the last use
 * @placed: what @used was when the entry came to its place in the list. The list is in this order:
 *          a use may leave the entry where it is, since only who looks for the oldest has to know
 */
struct cxms_tlb_stamp {
	uint64_t used, placed;
};

/**
 * struct cxms_tlb_level - one level; the arrays lie in the caller's storage
 * @clock:          uses so far
 * @sets, @ways:    their product is the number of entries
 * @mask:           sets - 1 where the number of sets is a power of two, else 0
 * @buckets:        hash chains, a power of two
 * @entry:          [sets * ways], set after set
 * @stamp:          [sets * ways]; NULL in the second level
 * @newest, oldest: [sets] ends of the list of each set
 * @bucket:         [buckets] first entry of each hash chain
 */
struct cxms_tlb_level {
	uint64_t clock;
	uint32_t sets, mask, ways, buckets;
	struct cxms_tlb_entry *entry;
	struct cxms_tlb_stamp *stamp;
	uint32_t *newest, *oldest;
	uint32_t *bucket;
};

/**
 * struct cxms_tlb - one core's TLB
 * @last: the page of the last access: an access to it hits and changes nothing, so the caller may
 *        leave it out
 * @at:   its entry in the first level
 */
struct cxms_tlb {
	uint64_t last;
	uint32_t page_shift, at;
	struct cxms_tlb_level level[2];
};

enum cxms_tlb_result {
	CXMS_TLB_HIT,	 /* the first level has the page */
	CXMS_TLB_SECOND, /* the second level has it */
	CXMS_TLB_WALK	 /* neither has */
};

/** cxms_tlb_check() - is the geometry within the ranges of struct cxms_tlb_cfg? The functions below
 * rely on it. */
bool cxms_tlb_check(const struct cxms_tlb_cfg *cfg);

/** cxms_tlb_bytes() - how much storage cxms_tlb_init() needs, in bytes */
size_t cxms_tlb_bytes(const struct cxms_tlb_cfg *cfg);

/**
 * cxms_tlb_init() - an empty TLB
 * @mem: cxms_tlb_bytes() of storage, aligned as by malloc(3). The caller's: it has to stay as
 *       long as @t is used, and there is nothing else to free
 */
void cxms_tlb_init(struct cxms_tlb *t, const struct cxms_tlb_cfg *cfg, void *mem);

/**
 * cxms_tlb_access() - look up the page of @address, and count that as its last use
 * What missed a level is brought into it, in place of what its set used longest ago.
 * Return: where the page was found
 */
enum cxms_tlb_result cxms_tlb_access(struct cxms_tlb *t, uint64_t address);

/**
 * cxms_tlb_again() - a hit without a search, for a caller that remembers where a page was
 * @page: address >> page_shift
 * @at:   an entry of the first level, as struct cxms_tlb.at was after an access to the page
 * Return: true, and it counts as a use, where the entry still is @page's; else nothing changes
 */
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

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

struct cxms_tlb_level {
	uint32_t sets, ways, buckets;
	struct cxms_tlb_entry *entry;
	uint32_t *newest, *oldest; /* by set */
	uint32_t *bucket;
};

/**
 * struct cxms_tlb - one core's TLB
 * @last: the page of the last access: a hit that changes nothing, for the caller's fast path
 */
struct cxms_tlb {
	uint64_t last;
	uint32_t page_shift;
	struct cxms_tlb_level level[2];
};

enum cxms_tlb_result { CXMS_TLB_HIT, CXMS_TLB_SECOND, CXMS_TLB_WALK };

bool cxms_tlb_check(const struct cxms_tlb_cfg *cfg);
size_t cxms_tlb_bytes(const struct cxms_tlb_cfg *cfg);
void cxms_tlb_init(struct cxms_tlb *t, const struct cxms_tlb_cfg *cfg, void *mem);

/** cxms_tlb_access() - looks up the page of @address; what missed is brought into both levels. */
enum cxms_tlb_result cxms_tlb_access(struct cxms_tlb *t, uint64_t address);

#endif

/*
 * Set-associative caches and the hierarchy of a host: private L1I, L1D and L2 (optional) per core,
 * one shared LLC. Freestanding: no libc, no allocation; the caller gives zeroed storage.
 * Write-back, write-allocate; addresses are lines of 64 bytes (address / 64).
 */
#ifndef CXMS_CORE_CACHE_H
#define CXMS_CORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/prefetch.h"

#define CXMS_CACHE_LINE_SHIFT 6
#define CXMS_CACHE_NO_SLOT    SIZE_MAX
#define CXMS_CACHE_NO_TAG     UINT64_MAX
/* A line with this in fresh[] was prefetched and not used since. */
#define CXMS_CACHE_UNUSED UINT64_MAX
/* A line with this in fill[] has no fill that anyone may refer to. */
#define CXMS_CACHE_NO_FILL UINT64_MAX
/* fill[] is thread << FILL_BITS | number of the fill in that thread. */
#define CXMS_CACHE_FILL_BITS 48

/**
 * struct cxms_cache_cfg - geometry of one cache
 * @bytes:     capacity; a multiple of 64 * @ways; the number of sets need not be a power of two
 * @ways:      1 .. 64; 0: there is no such cache
 * @inclusive: a line evicted here is invalidated in the levels above (towards the core)
 * @plru:      tree pseudo-LRU; else true LRU
 */
struct cxms_cache_cfg {
	uint64_t bytes;
	uint32_t ways;
	bool inclusive, plru;
};

/* What caches are indexed by, of a line: its physical place, for those larger than a page a way. */
typedef uint64_t cxms_cache_index_fn(uint64_t line);

/**
 * struct cxms_cache - one cache; arrays hold sets x ways slots, set by set
 * @tag:   line << 1 | dirty, or CXMS_CACHE_NO_TAG
 * @fresh: the fill may still be in flight while the thread's instruction count is <= this
 * @fill:  which fill brought the line, see CXMS_CACHE_FILL_BITS
 * @index_of: the set is chosen by this of the line; NULL: by the line itself
 * @order: LRU: the ways of a set, most recent first; PLRU: [0] is the most recent way
 * @tree:  PLRU: the direction bits of a set, node 1 is the root; 1 = the victim is on the right
 */
struct cxms_cache {
	uint64_t sets, mask;
	uint32_t ways, leaves;
	bool inclusive, plru;
	cxms_cache_index_fn *index_of;
	uint64_t *tag, *fresh, *fill, *tree;
	uint8_t *order;
};

/** cxms_cache_check() - whether a geometry is possible. */
bool cxms_cache_check(const struct cxms_cache_cfg *cfg);

/** cxms_cache_bytes() - storage that a cache needs, a multiple of 64; @cfg has passed the check. */
size_t cxms_cache_bytes(const struct cxms_cache_cfg *cfg);

/**
 * cxms_cache_init() - an empty cache in @mem
 * Owner: @mem stays the caller's, aligned to 8, cxms_cache_bytes() long; it must outlive @c.
 */
void cxms_cache_init(struct cxms_cache *c, const struct cxms_cache_cfg *cfg, void *mem);

/** cxms_cache_find() - slot of @line, or CXMS_CACHE_NO_SLOT. Changes nothing. */
size_t cxms_cache_find(const struct cxms_cache *c, uint64_t line);

/** cxms_cache_touch() - makes the line in @slot the most recently used of its set. */
void cxms_cache_touch(struct cxms_cache *c, size_t slot);

/**
 * cxms_cache_insert() - puts @line, which is absent, into a free or the victim's slot as most
 * recent
 * @old: the tag that was there: CXMS_CACHE_NO_TAG, or line << 1 | dirty of the victim
 * Return: the slot; its tag is clean, fresh and fill are for the caller to set.
 */
size_t cxms_cache_insert(struct cxms_cache *c, uint64_t line, uint64_t *old);

/** cxms_cache_drop() - removes @line. Return: its tag, or CXMS_CACHE_NO_TAG if it was absent. */
uint64_t cxms_cache_drop(struct cxms_cache *c, uint64_t line);

/** cxms_cache_mru() - slot of the most recently used way of the set of @line; without index_of. */
static inline size_t cxms_cache_mru(const struct cxms_cache *c, uint64_t line)
{
	size_t base = (size_t)(c->mask ? line & c->mask : line % c->sets) * c->ways;

	return base + c->order[base];
}

/* ---- hierarchy ---- */

/* Where a line was found, or goes: the numbers of enum cxms_xs_level. */
enum cxms_hier_level { CXMS_HIER_L1 = 1, CXMS_HIER_L2 = 2, CXMS_HIER_LLC = 3, CXMS_HIER_MEM = 4 };

/**
 * struct cxms_hier_cfg - a host
 * @cores:  private L1I, L1D and L2 each; 1 .. 1024
 * @l2:     ways 0: no L2
 * @window: instructions of a thread within which a line that came may still be in flight
 * @index_of: of L2 and LLC; NULL: by the line itself
 */
struct cxms_hier_cfg {
	uint32_t cores;
	uint64_t window;
	cxms_cache_index_fn *index_of;
	struct cxms_cache_cfg l1i, l1d, l2, llc;
	struct cxms_prefetch_cfg pf_l1d, pf_l2, pf_llc;
};

/* What an access caused: a prefetch (into, from), or a dirty line that left for memory (from 0). */
struct cxms_hier_effect {
	uint64_t line;
	uint8_t into, from;
};
#define CXMS_HIER_EFFECTS 1024u

struct cxms_hier_core {
	struct cxms_cache l1i, l1d, l2;
	struct cxms_prefetch pf_l1d, pf_l2;
};

/**
 * struct cxms_hier - the caches of a host
 * @active:    cores that any access has used: [0, @active) are searched for copies
 * @effect:    what the accesses since the caller last set @n_effect = 0 caused, in order
 * @lost:      effects that found no room in @effect (only write-backs: prefetches are not made)
 * @writeback: dirty lines that went to memory;  @prefetched: lines brought by prefetchers
 */
struct cxms_hier {
	uint32_t cores, active;
	uint64_t window;
	struct cxms_hier_core *core;
	struct cxms_cache llc;
	struct cxms_prefetch pf_llc;
	bool has_l2, has_prefetch;
	unsigned n_effect;
	struct cxms_hier_effect effect[CXMS_HIER_EFFECTS];
	uint64_t lost, writeback, prefetched;
};

/**
 * struct cxms_hier_req - one access
 * @thread: the thread, 0 .. 2^16-2; @now: instructions that it has run
 * @fill:   number of the next fill of the thread; CXMS_CACHE_NO_FILL while only warming
 * @floor:  older fills than this number are not to be referred to
 * @idle:   a software prefetch: the line counts as prefetched, not as used
 */
struct cxms_hier_req {
	uint64_t line, address, pc, now, fill, floor;
	uint32_t thread, core;
	bool store, idle;
};

/**
 * struct cxms_hier_res - its answer
 * @level: where the line was; more than L1: a fill was begun
 * @use:   the line there may still be in flight: fill number @number of the thread brings it
 */
struct cxms_hier_res {
	enum cxms_hier_level level;
	bool use;
	uint64_t number;
};

bool cxms_hier_check(const struct cxms_hier_cfg *cfg);
size_t cxms_hier_bytes(const struct cxms_hier_cfg *cfg);
void cxms_hier_init(struct cxms_hier *h, const struct cxms_hier_cfg *cfg, void *mem);

/**
 * cxms_hier_data() - a load or store of one line: looks up, fills, evicts, invalidates other cores'
 * copies; runs no prefetcher. The caller numbers the fill: req->fill was used if level > L1.
 */
void cxms_hier_data(struct cxms_hier *h, const struct cxms_hier_req *req,
		    struct cxms_hier_res *res);

/**
 * cxms_hier_prefetch() - shows an access that was served at @level to the prefetchers it reached
 * @req: fill = number of the next fill (advanced by each prefetch), or CXMS_CACHE_NO_FILL
 */
void cxms_hier_prefetch(struct cxms_hier *h, struct cxms_hier_req *req, enum cxms_hier_level level);

/** cxms_hier_fetch() - an instruction line; its fills have no number. Return: where it was. */
enum cxms_hier_level cxms_hier_fetch(struct cxms_hier *h, uint32_t core, uint64_t line);

/** cxms_hier_flush() - removes a line from all caches, writing it back if dirty (NT stores). */
void cxms_hier_flush(struct cxms_hier *h, uint64_t line);

/** cxms_hier_forget() - drops lines [first, last] from all first-level data caches, unwritten. */
void cxms_hier_forget(struct cxms_hier *h, uint64_t first, uint64_t last);

#endif

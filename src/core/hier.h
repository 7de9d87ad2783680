/*
 * The cache hierarchy of a host: private L1I, L1D and L2 (which may be absent) for each core, one
 * LLC that they share, and a prefetcher at each level. Write-back, write-allocate. Freestanding: no
 * libc, no allocation; the caller gives zeroed storage.
 */
#ifndef CXMS_CORE_HIER_H
#define CXMS_CORE_HIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cache.h"
#include "core/prefetch.h"

/* Where a line was found, or goes: the numbers of enum cxms_xs_level. */
enum cxms_hier_level { CXMS_HIER_L1 = 1, CXMS_HIER_L2 = 2, CXMS_HIER_LLC = 3, CXMS_HIER_MEM = 4 };

/* A store has left the reorder buffer when it asks for its line: what bounds how far the core runs
 * meanwhile is the store queue. Instructions; at four a cycle and 3 GHz they take 680 ns. */
#define CXMS_HIER_STORE_WINDOW 8192

/**
 * struct cxms_hier_cfg - a host
 * @cores:  private L1I, L1D and L2 each; 1 .. 1024
 * @l2:     ways 0: no L2
 * @window: instructions of a thread within which a line that a load asked for may still be in
 *          flight; CXMS_HIER_STORE_WINDOW, if that is more, of a store
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

/**
 * struct cxms_hier_core - the private caches of a core
 * @l1i_state: stands for what the L1I holds and for the line of each set that was used last: after
 *             a change of these it is a number that no core's has been
 */
struct cxms_hier_core {
	struct cxms_cache l1i;
	uint64_t l1i_state;
	struct cxms_cache l1d, l2;
	struct cxms_prefetch pf_l1d, pf_l2;
};

/**
 * struct cxms_hier - the caches of a host
 * @window:    of its cfg, for lines that loads asked for;  @store_window: for those of stores
 * @active:    cores that any access has used: [0, @active) are searched for copies
 * @states:    the last @l1i_state that a core was given
 * @effect:    what the accesses since the caller last set @n_effect = 0 caused, in order
 * @driven_out: the line that an L2 drove out last, if the LLC was told, and its set there;
 *              UINT64_MAX: none. It counts as used there before that set is looked at again
 * @below_l2:  the last line that was not in an L1D was not in the L2 either; false without an L2
 * @lost:      effects that found no room in @effect (only write-backs: prefetches are not made)
 * @writeback: dirty lines that went to memory;  @prefetched: lines brought by prefetchers
 */
struct cxms_hier {
	uint32_t cores, active;
	uint64_t window, store_window, states;
	struct cxms_hier_core *core;
	struct {
		uint64_t line;
		size_t set;
	} driven_out;
	struct cxms_cache llc;
	struct cxms_prefetch pf_llc;
	bool has_l2, has_prefetch, below_l2;
	unsigned n_effect;
	struct cxms_hier_effect effect[CXMS_HIER_EFFECTS];
	uint64_t lost, writeback, prefetched;
};

/**
 * struct cxms_hier_req - one access
 * @thread: the thread, 0 .. 2^16-1; @now: instructions that it has run
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

/** cxms_hier_check() - is the geometry one that the functions below can hold? They rely on it */
bool cxms_hier_check(const struct cxms_hier_cfg *cfg);
/** bytes of storage that cxms_hier_init() needs */
size_t cxms_hier_bytes(const struct cxms_hier_cfg *cfg);
/** cxms_hier_init() - empty caches; @h is zeroed, or has been initialised before. */
void cxms_hier_init(struct cxms_hier *h, const struct cxms_hier_cfg *cfg, void *mem);

/**
 * cxms_hier_expect() - @line, which is not in the L1D, will be asked for by @core: has the
 * processor fetch its sets of L2 and LLC, unless the last such line was in the L2
 */
static inline void cxms_hier_expect(const struct cxms_hier *h, uint32_t core, uint64_t line)
{
	if (!h->below_l2)
		return;
	cxms_cache_expect_fill(&h->core[core].l2, cxms_cache_set(&h->core[core].l2, line));
	cxms_cache_expect_fill(&h->llc, cxms_cache_set(&h->llc, line));
}

/**
 * cxms_hier_data() - a load or store of one line: looks up, fills, evicts, invalidates other cores'
 * copies; runs no prefetcher. The caller numbers the fill: req->fill was used if level > L1.
 */
void cxms_hier_data(struct cxms_hier *h, const struct cxms_hier_req *req,
		    struct cxms_hier_res *res);

/** cxms_hier_miss() - the same for a line that is not in the L1D; @set: its set there. */
void cxms_hier_miss(struct cxms_hier *h, const struct cxms_hier_req *req, size_t set,
		    struct cxms_hier_res *res);

/**
 * cxms_hier_prefetch() - shows an access that was served at @level to the prefetchers it reached,
 * and what they bring to those below
 * @req: fill = number of the next fill (advanced by each prefetch), or CXMS_CACHE_NO_FILL
 */
void cxms_hier_prefetch(struct cxms_hier *h, struct cxms_hier_req *req, enum cxms_hier_level level);

/** cxms_hier_fetch() - an instruction line; its fills have no number. Return: where it was. */
enum cxms_hier_level cxms_hier_fetch(struct cxms_hier *h, uint32_t core, uint64_t line);

/** cxms_hier_flush() - removes a line from all caches, writing it back if dirty (NT stores). */
void cxms_hier_flush(struct cxms_hier *h, uint64_t line);

/** cxms_hier_forget() - drops lines [first, last] from all first-level data caches, unwritten. */
void cxms_hier_forget(struct cxms_hier *h, uint64_t first, uint64_t last);

/** cxms_hier_clean() - no line of the data caches is dirty: another hierarchy writes them back. */
void cxms_hier_clean(struct cxms_hier *h);

#endif

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

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/prefetch.h"

#define CXMS_CACHE_LINE_SHIFT 6
#define CXMS_CACHE_NO_SLOT    SIZE_MAX
#define CXMS_CACHE_NO_TAG     UINT64_MAX
/* No fill that anyone may refer to: what is brought while only warming. */
#define CXMS_CACHE_NO_FILL UINT64_MAX

/* A tag is line << CXMS_TAG_SHIFT | flags, or CXMS_CACHE_NO_TAG. */
#define CXMS_TAG_SHIFT 3
#define CXMS_TAG_DIRTY UINT64_C(1)
/* Prefetched and not used since. */
#define CXMS_TAG_UNUSED UINT64_C(2)
/* The slot's mark says which fill brought the line; it may still be in flight. */
#define CXMS_TAG_MARKED UINT64_C(4)
#define CXMS_TAG_FLAGS	UINT64_C(7)

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
	bool hashed; /* cxms_cache_hash() chooses the set */
};

/* What caches are indexed by, of a line: its physical place, for those larger than a page a way. */
typedef uint64_t cxms_cache_index_fn(uint64_t line);

/**
 * struct cxms_cache_mark - which fill brought a line, and till when it may be in flight
 * @fresh: while the thread's instruction count is not more than this (low bits)
 * @fill:  number of the fill in its thread (low bits)
 */
struct cxms_cache_mark {
	uint32_t fresh, fill;
};

/**
 * struct cxms_cache - one cache; arrays hold sets x stride slots, set by set
 * @stride:   ways, rounded up to 8, 16, 32 or 64; slots beyond ways stay empty
 * @shift:    log2(stride)
 * @mask:     sets - 1 where the low bits of a line are its set; 0 = they are not
 * @index_of: the set is chosen by this of the line; NULL: by the line itself
 * @tag:      see CXMS_TAG_SHIFT;  @mark, @owner: valid where the tag says so; owner = thread
 * @order:    of each set 2 * stride bytes: when each slot was used last, by the clock of the set,
 *            0 = it is empty; then the most recently used way; then the clock
 * @tree:     PLRU: the direction bits of a set, node 1 is the root; 1 = the victim is on the right
 */
struct cxms_cache {
	uint64_t sets, mask;
	uint32_t ways, stride, shift, leaves;
	bool inclusive, plru, hashed;
	cxms_cache_index_fn *index_of;
	uint64_t *tag, *tree;
	struct cxms_cache_mark *mark;
	uint16_t *owner;
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

static inline uint8_t *cxms_cache_order(const struct cxms_cache *c, size_t set)
{
	return c->order + (set << c->shift << 1);
}

/** cxms_cache_recent() - the most recently used way of a set. */
static inline uint8_t *cxms_cache_recent(const struct cxms_cache *c, size_t set)
{
	return cxms_cache_order(c, set) + c->stride;
}

/**
 * cxms_cache_hash() - the set of a physical line by all of its bits
 *
 * Formula: (i + floor(sets frac(q/phi))) mod sets, q = floor(i/sets), phi the golden section. As
 *   of an LLC in slices, neighbouring lines fill all sets alike, and so do lines any power of two
 *   apart (Weyl's sequence): each time around it begins at another set.
 */
size_t cxms_cache_hash(uint64_t sets, uint64_t index);

/** cxms_cache_set() - the set of @line. */
static inline size_t cxms_cache_set(const struct cxms_cache *c, uint64_t line)
{
	uint64_t index = c->index_of ? c->index_of(line) : line;

	if (c->mask)
		return (size_t)(index & c->mask);
	return c->hashed ? cxms_cache_hash(c->sets, index) : (size_t)(index % c->sets);
}

#if defined(__SSE2__)
/* Both halves of which of two tags equal the key: all ones. */
static inline __m128i cxms_cache_equal(const uint64_t *tags, __m128i key)
{
	const __m128i flags = _mm_set1_epi64x((long long)CXMS_TAG_FLAGS);
	__m128i two = _mm_load_si128((const __m128i *)(const void *)tags);

	return _mm_cmpeq_epi32(_mm_or_si128(two, flags), key);
}

/* Which of eight tags equal the key: 16 bits each, all ones or zeros. */
static inline __m128i cxms_cache_match(const uint64_t *tags, __m128i key)
{
	__m128i low = _mm_packs_epi32(cxms_cache_equal(tags, key), cxms_cache_equal(tags + 2, key));
	__m128i high =
		_mm_packs_epi32(cxms_cache_equal(tags + 4, key), cxms_cache_equal(tags + 6, key));

	return _mm_cmpeq_epi16(_mm_packs_epi16(low, high), _mm_set1_epi16(-1));
}
#endif

/** cxms_cache_expect() - set @set will be looked up soon: has the processor fetch it. */
static inline void cxms_cache_expect(const struct cxms_cache *c, size_t set)
{
	size_t base = set << c->shift;

	for (uint32_t way = 0; way < c->ways; way += 8)
		__builtin_prefetch(&c->tag[base + way]);
	__builtin_prefetch(cxms_cache_order(c, set));
}

/* The slot of a line in the set that begins at slot @base, of more than eight; @want: its tag with
 * all flags. */
size_t cxms_cache_find_wide(const struct cxms_cache *c, size_t base, uint64_t want);

/** cxms_cache_find() - slot of @line in its set, or CXMS_CACHE_NO_SLOT. Changes nothing. */
static inline __attribute__((always_inline)) size_t cxms_cache_find(const struct cxms_cache *c,
								    size_t set, uint64_t line)
{
	size_t base = set << c->shift;
	uint64_t want = line << CXMS_TAG_SHIFT | CXMS_TAG_FLAGS;

#if defined(__SSE2__)
	if (c->stride == 8) {
		__m128i key = _mm_set1_epi64x((long long)want);
		__m128i all =
			_mm_packs_epi16(cxms_cache_match(c->tag + base, key), _mm_setzero_si128());
		unsigned mask = (unsigned)_mm_movemask_epi8(all);

		return mask ? base + (unsigned)__builtin_ctz(mask) : CXMS_CACHE_NO_SLOT;
	}
#endif
	return cxms_cache_find_wide(c, base, want);
}

/* A set's clock stops here; slots that are no ways stand above it and are never the oldest. */
#define CXMS_ORDER_END 254

/* The part of a touch that is rare, or only for PLRU. */
void cxms_cache_touch_more(struct cxms_cache *c, size_t set, uint8_t way);

/** cxms_cache_touch() - makes the line in @slot the most recently used of its set. */
static inline void cxms_cache_touch(struct cxms_cache *c, size_t set, size_t slot)
{
	uint8_t *order = cxms_cache_order(c, set), *clock = order + c->stride + 1;
	uint8_t way = (uint8_t)(slot - (set << c->shift));

	if (c->plru || *clock == CXMS_ORDER_END)
		cxms_cache_touch_more(c, set, way);
	order[c->stride] = way;
	order[way] = ++*clock;
}

/**
 * cxms_cache_insert() - puts @line, which is absent, into a free or the victim's slot of its set,
 * as most recent
 * @flags: of its tag
 * @slot:  where it is now
 * Return: the tag that was there: CXMS_CACHE_NO_TAG, or the victim's
 */
uint64_t cxms_cache_insert(struct cxms_cache *c, size_t set, uint64_t line, uint64_t flags,
			   size_t *slot);

/** cxms_cache_drop() - removes @line. Return: its tag, or CXMS_CACHE_NO_TAG if it was absent. */
uint64_t cxms_cache_drop(struct cxms_cache *c, uint64_t line);

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
 * @active:    cores that any access has used: [0, @active) are searched for copies
 * @states:    the last @l1i_state that a core was given
 * @effect:    what the accesses since the caller last set @n_effect = 0 caused, in order
 * @below_l2:  the last line that was not in an L1D was not in the L2 either; false without an L2
 * @lost:      effects that found no room in @effect (only write-backs: prefetches are not made)
 * @writeback: dirty lines that went to memory;  @prefetched: lines brought by prefetchers
 */
struct cxms_hier {
	uint32_t cores, active;
	uint64_t window, states;
	struct cxms_hier_core *core;
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

bool cxms_hier_check(const struct cxms_hier_cfg *cfg);
size_t cxms_hier_bytes(const struct cxms_hier_cfg *cfg);
/** cxms_hier_init() - empty caches; @h is zeroed, or has been initialised before. */
void cxms_hier_init(struct cxms_hier *h, const struct cxms_hier_cfg *cfg, void *mem);

/**
 * cxms_hier_expect() - @line, which is not in the L1D, will be asked for: has the processor fetch
 * its set of the LLC, unless the last such line was in the L2
 */
static inline void cxms_hier_expect(const struct cxms_hier *h, uint64_t line)
{
	if (h->below_l2)
		cxms_cache_expect(&h->llc, cxms_cache_set(&h->llc, line));
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

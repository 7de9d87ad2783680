/*
 * A set-associative cache: which lines it holds, and which one goes next. Freestanding: no libc, no
 * allocation; the caller gives zeroed storage. A line is 64 bytes, its number address / 64.
 */
#ifndef CXMS_CORE_CACHE_H
#define CXMS_CORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

/* What storage for caches is a multiple of: a line of the machine that simulates. */
#define CXMS_CACHE_ALIGN 64

static inline size_t cxms_cache_aligned(size_t bytes)
{
	return (bytes + CXMS_CACHE_ALIGN - 1) / CXMS_CACHE_ALIGN * CXMS_CACHE_ALIGN;
}

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

/** cxms_cache_expect_fill() - the same, where a line will be put into it most likely */
static inline void cxms_cache_expect_fill(const struct cxms_cache *c, size_t set)
{
	size_t base = set << c->shift;

	cxms_cache_expect(c, set);
	for (uint32_t way = 0; way < c->ways; way += 8)
		__builtin_prefetch(&c->mark[base + way], 1);
	__builtin_prefetch(&c->owner[base], 1);
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

#endif

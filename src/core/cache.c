#include "core/cache.h"

#define MAX_WAYS 64
#define LANES	 8 /* times compared at a time */
#define NO_WAY	 255
/* Behind the times of a set's slots: its most recent way, then its clock. */
#define CLOCK 1
/* 2^64 over the golden section: of all factors its multiples come least near to each other. */
#define GOLDEN_SECTION UINT64_C(0x9e3779b97f4a7c15)

static uint64_t sets_of(const struct cxms_cache_cfg *cfg)
{
	return cfg->bytes >> CXMS_CACHE_LINE_SHIFT > 0
		       ? (cfg->bytes >> CXMS_CACHE_LINE_SHIFT) / cfg->ways
		       : 0;
}

bool cxms_cache_check(const struct cxms_cache_cfg *cfg)
{
	return cfg->ways >= 1 && cfg->ways <= MAX_WAYS && cfg->bytes >= 64 &&
	       cfg->bytes <= UINT64_C(1) << 40 && cfg->bytes % (64 * (uint64_t)cfg->ways) == 0;
}

static uint32_t shift_of(const struct cxms_cache_cfg *cfg)
{
	uint32_t shift = 3;

	while (1u << shift < cfg->ways)
		shift++;
	return shift;
}

size_t cxms_cache_hash(uint64_t sets, uint64_t index)
{
	uint64_t around = index / sets;
	uint64_t turned = (around * GOLDEN_SECTION >> 32) * sets >> 32;

	return (size_t)((index - around * sets + turned) % sets);
}

size_t cxms_cache_bytes(const struct cxms_cache_cfg *cfg)
{
	size_t sets = (size_t)sets_of(cfg), slots = sets << shift_of(cfg);

	return cxms_cache_aligned(slots * sizeof(uint64_t)) +
	       cxms_cache_aligned(slots * sizeof(struct cxms_cache_mark)) +
	       cxms_cache_aligned(slots * sizeof(uint16_t)) + cxms_cache_aligned(2 * slots) +
	       (cfg->plru ? cxms_cache_aligned(sets * sizeof(uint64_t)) : 0);
}

static void *carve(char **at, size_t bytes)
{
	void *p = *at;

	*at += cxms_cache_aligned(bytes);
	return p;
}

void cxms_cache_init(struct cxms_cache *c, const struct cxms_cache_cfg *cfg, void *mem)
{
	size_t sets = (size_t)sets_of(cfg), slots = sets << shift_of(cfg);
	char *at = mem;

	*c = (struct cxms_cache){.sets = sets,
				 .ways = cfg->ways,
				 .stride = 1u << shift_of(cfg),
				 .shift = shift_of(cfg),
				 .leaves = 1,
				 .inclusive = cfg->inclusive,
				 .plru = cfg->plru,
				 .hashed = cfg->hashed};
	/* A single set has mask 0 and takes the division, which is right too. */
	c->mask = (sets & (sets - 1)) == 0 && !c->hashed ? sets - 1 : 0;
	while (c->leaves < c->ways)
		c->leaves *= 2;
	c->tag = carve(&at, slots * sizeof(*c->tag));
	c->mark = carve(&at, slots * sizeof(*c->mark));
	c->owner = carve(&at, slots * sizeof(*c->owner));
	c->order = carve(&at, 2 * slots);
	c->tree = c->plru ? carve(&at, sets * sizeof(*c->tree)) : NULL;
	for (size_t i = 0; i < slots; i++)
		c->tag[i] = CXMS_CACHE_NO_TAG;
	for (size_t set = 0; set < sets; set++) {
		uint8_t *order = cxms_cache_order(c, set);

		for (uint32_t way = 0; way < 2 * c->stride; way++)
			order[way] = way < c->ways || way >= c->stride ? 0 : NO_WAY;
		if (c->tree)
			c->tree[set] = 0;
	}
}

size_t cxms_cache_find_wide(const struct cxms_cache *c, size_t base, uint64_t want)
{
#if defined(__SSE2__)
	__m128i key = _mm_set1_epi64x((long long)want);

	for (size_t at = base; at < base + c->stride; at += 16) {
		__m128i all = _mm_packs_epi16(cxms_cache_match(c->tag + at, key),
					      cxms_cache_match(c->tag + at + 8, key));
		unsigned mask = (unsigned)_mm_movemask_epi8(all);

		if (mask)
			return at + (unsigned)__builtin_ctz(mask);
	}
#else
	for (size_t at = base; at < base + c->stride; at++)
		if ((c->tag[at] | CXMS_TAG_FLAGS) == want)
			return at;
#endif
	return CXMS_CACHE_NO_SLOT;
}

/* Points every node on the way to the leaf away from it. */
static void tree_touch(struct cxms_cache *c, size_t set, uint32_t way)
{
	uint32_t node = 1;

	for (uint32_t half = c->leaves / 2; half; half /= 2) {
		bool right = way & half;

		if (right)
			c->tree[set] &= ~(UINT64_C(1) << node);
		else
			c->tree[set] |= UINT64_C(1) << node;
		node = 2 * node + right;
	}
}

/* Follows the bits down; a right half without ways (not a power of two) is never entered. */
static uint32_t tree_victim(const struct cxms_cache *c, size_t set)
{
	uint32_t node = 1, way = 0;

	for (uint32_t half = c->leaves / 2; half; half /= 2) {
		bool right = (c->tree[set] >> node & 1) && way + half < c->ways;

		way += right ? half : 0;
		node = 2 * node + right;
	}
	return way;
}

/* The clock of a set has run out: keeps the order, in the smallest numbers. */
static void renumber(struct cxms_cache *c, size_t set)
{
	uint8_t *used = cxms_cache_order(c, set), rank[MAX_WAYS];

	for (uint32_t way = 0; way < c->ways; way++) {
		rank[way] = used[way] ? 1 : 0;
		for (uint32_t other = 0; rank[way] && other < c->ways; other++)
			rank[way] = (uint8_t)(rank[way] + (used[other] && used[other] < used[way]));
	}
	for (uint32_t way = 0; way < c->ways; way++)
		used[way] = rank[way];
	used[c->stride + CLOCK] = (uint8_t)c->ways;
}

void cxms_cache_touch_more(struct cxms_cache *c, size_t set, uint8_t way)
{
	if (cxms_cache_order(c, set)[c->stride + CLOCK] == CXMS_ORDER_END)
		renumber(c, set);
	if (c->plru)
		tree_touch(c, set, way);
}

/* The least recently used way; an empty one was used least. */
static uint32_t oldest_of(const uint8_t *used, uint32_t stride, uint8_t *when)
{
#if defined(__SSE2__)
	__m128i least = _mm_loadl_epi64((const __m128i *)(const void *)used);
	uint32_t at = 0, mask;

	for (uint32_t i = LANES; i < stride; i += LANES)
		least = _mm_min_epu8(least,
				     _mm_loadl_epi64((const __m128i *)(const void *)(used + i)));
	least = _mm_min_epu8(least, _mm_srli_epi64(least, 32));
	least = _mm_min_epu8(least, _mm_srli_epi64(least, 16));
	least = _mm_min_epu8(least, _mm_srli_epi64(least, 8));
	*when = (uint8_t)_mm_cvtsi128_si32(least);
	least = _mm_set1_epi8((char)*when);
	for (;; at += LANES) {
		__m128i lanes = _mm_loadl_epi64((const __m128i *)(const void *)(used + at));

		mask = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(lanes, least)) & 0xff;
		if (mask)
			return at + (uint32_t)__builtin_ctz(mask);
	}
#else
	uint32_t oldest = 0;

	for (uint32_t way = 1; way < stride; way++)
		oldest = used[way] < used[oldest] ? way : oldest;
	*when = used[oldest];
	return oldest;
#endif
}

uint64_t cxms_cache_insert(struct cxms_cache *c, size_t set, uint64_t line, uint64_t flags,
			   size_t *slot)
{
	uint8_t when;
	uint32_t way = oldest_of(cxms_cache_order(c, set), c->stride, &when);
	uint64_t old;

	if (c->plru && when)
		way = tree_victim(c, set);
	*slot = (set << c->shift) + way;
	old = c->tag[*slot];
	c->tag[*slot] = line << CXMS_TAG_SHIFT | flags;
	cxms_cache_touch(c, set, *slot);
	return old;
}

uint64_t cxms_cache_drop(struct cxms_cache *c, uint64_t line)
{
	size_t set = cxms_cache_set(c, line), slot = cxms_cache_find(c, set, line);
	uint64_t tag;

	if (slot == CXMS_CACHE_NO_SLOT)
		return CXMS_CACHE_NO_TAG;
	tag = c->tag[slot];
	c->tag[slot] = CXMS_CACHE_NO_TAG;
	cxms_cache_order(c, set)[slot - (set << c->shift)] = 0;
	return tag;
}

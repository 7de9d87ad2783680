#include "core/tlb.h"

#define MAX_ENTRIES (1u << 20)
#define ALIGN	    64

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static uint32_t ways_of(const struct cxms_tlb_cfg *cfg, unsigned level)
{
	return cfg->ways[level] ? cfg->ways[level] : cfg->entries[level];
}

static uint32_t buckets_of(uint32_t entries)
{
	uint32_t n = 1;

	while (n < entries)
		n *= 2;
	return n;
}

bool cxms_tlb_check(const struct cxms_tlb_cfg *cfg)
{
	if (cfg->entries[0] == 0 || cfg->page_shift < 12 || cfg->page_shift > 30)
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (cfg->entries[i] > MAX_ENTRIES ||
		    (cfg->entries[i] && cfg->entries[i] % ways_of(cfg, i) != 0))
			return false;
	return true;
}

size_t cxms_tlb_bytes(const struct cxms_tlb_cfg *cfg)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < 2; i++) {
		size_t n = cfg->entries[i], sets = n ? n / ways_of(cfg, i) : 0;

		bytes += aligned(n * sizeof(struct cxms_tlb_entry)) +
			 2 * aligned(sets * sizeof(uint32_t)) +
			 (n ? aligned(buckets_of((uint32_t)n) * sizeof(uint32_t)) : 0);
	}
	return bytes;
}

static uint32_t *words(char **at, size_t n, uint32_t value)
{
	uint32_t *w = (void *)*at;

	*at += aligned(n * sizeof(*w));
	for (size_t i = 0; i < n; i++)
		w[i] = value;
	return w;
}

static void link_set(struct cxms_tlb_level *l, uint32_t set)
{
	uint32_t first = set * l->ways, last = first + l->ways - 1;

	for (uint32_t i = first; i <= last; i++)
		l->entry[i] = (struct cxms_tlb_entry){.newer = i == first ? CXMS_TLB_NONE : i - 1,
						      .older = i == last ? CXMS_TLB_NONE : i + 1,
						      .next = CXMS_TLB_NONE};
	l->newest[set] = first;
	l->oldest[set] = last;
}

void cxms_tlb_init(struct cxms_tlb *t, const struct cxms_tlb_cfg *cfg, void *mem)
{
	char *at = mem;

	*t = (struct cxms_tlb){.last = UINT64_MAX, .page_shift = cfg->page_shift};
	for (unsigned i = 0; i < 2; i++) {
		struct cxms_tlb_level *l = &t->level[i];

		if (!cfg->entries[i])
			continue;
		l->ways = ways_of(cfg, i);
		l->sets = cfg->entries[i] / l->ways;
		l->mask = (l->sets & (l->sets - 1)) == 0 ? l->sets - 1 : 0;
		l->buckets = buckets_of(cfg->entries[i]);
		l->entry = (void *)at;
		at += aligned(cfg->entries[i] * sizeof(*l->entry));
		l->newest = words(&at, l->sets, 0);
		l->oldest = words(&at, l->sets, 0);
		l->bucket = words(&at, l->buckets, CXMS_TLB_NONE);
		for (uint32_t set = 0; set < l->sets; set++)
			link_set(l, set);
	}
}

static uint32_t *bucket_of(struct cxms_tlb_level *l, uint64_t page)
{
	/* 2^64 / golden ratio: spreads pages that differ in few bits. */
	return &l->bucket[(page * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (l->buckets - 1)];
}

/* The entry of a page, which is the newest of its set afterwards, or CXMS_TLB_NONE. */
static uint32_t hit(struct cxms_tlb_level *l, uint64_t page)
{
	uint32_t i = *bucket_of(l, page);

	while (i != CXMS_TLB_NONE && l->entry[i].page != page)
		i = l->entry[i].next;
	if (i != CXMS_TLB_NONE)
		cxms_tlb_make_newest(l, cxms_tlb_set(l, page), i);
	return i;
}

/* Returns the entry. */
static uint32_t insert(struct cxms_tlb_level *l, uint64_t page)
{
	uint32_t set = cxms_tlb_set(l, page), i = l->oldest[set];
	struct cxms_tlb_entry *e = &l->entry[i];
	uint32_t *bucket;

	if (e->valid) {
		bucket = bucket_of(l, e->page);
		while (*bucket != i)
			bucket = &l->entry[*bucket].next;
		*bucket = e->next;
	}
	bucket = bucket_of(l, page);
	e->page = page;
	e->valid = true;
	e->next = *bucket;
	*bucket = i;
	cxms_tlb_make_newest(l, set, i);
	return i;
}

enum cxms_tlb_result cxms_tlb_access(struct cxms_tlb *t, uint64_t address)
{
	uint64_t page = address >> t->page_shift;
	enum cxms_tlb_result result = CXMS_TLB_WALK;

	t->last = page;
	t->at = hit(&t->level[0], page);
	if (t->at != CXMS_TLB_NONE)
		return CXMS_TLB_HIT;
	if (t->level[1].entry) {
		if (hit(&t->level[1], page) != CXMS_TLB_NONE)
			result = CXMS_TLB_SECOND;
		else
			insert(&t->level[1], page);
	}
	t->at = insert(&t->level[0], page);
	return result;
}

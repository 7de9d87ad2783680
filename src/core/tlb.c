#include "core/tlb.h"

#define MAX_ENTRIES (1u << 20)
#define ALIGN	    64
/* Most pages that are looked up in vain meet an empty bucket. */
#define BUCKETS_OF_ENTRY 4

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

	while (n < BUCKETS_OF_ENTRY * entries)
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
			 (i == 0 ? aligned(n * sizeof(struct cxms_tlb_stamp)) : 0) +
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

	for (uint32_t i = first; i <= last && l->stamp; i++)
		l->stamp[i] = (struct cxms_tlb_stamp){0};
	for (uint32_t i = first; i <= last; i++)
		l->entry[i] = (struct cxms_tlb_entry){.page = CXMS_TLB_NO_PAGE,
						      .newer = i == first ? CXMS_TLB_NONE : i - 1,
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
		if (i == 0) {
			l->stamp = (void *)at;
			at += aligned(cfg->entries[i] * sizeof(*l->stamp));
		}
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

/* The set of @page. */
static uint32_t set_of(const struct cxms_tlb_level *l, uint64_t page)
{
	if (l->mask || l->sets == 1)
		return (uint32_t)page & l->mask;
	return (uint32_t)(page % l->sets);
}

/* Not the newest. */
static void unlink_entry(struct cxms_tlb_level *l, uint32_t set, const struct cxms_tlb_entry *e)
{
	l->entry[e->newer].older = e->older;
	if (e->older == CXMS_TLB_NONE)
		l->oldest[set] = e->newer;
	else
		l->entry[e->older].newer = e->newer;
}

/* Puts an entry that is in no list where @newer is the next newer one. */
static void link_entry(struct cxms_tlb_level *l, uint32_t set, uint32_t i, uint32_t newer)
{
	struct cxms_tlb_entry *e = &l->entry[i];
	uint32_t *from = newer == CXMS_TLB_NONE ? &l->newest[set] : &l->entry[newer].older;

	e->newer = newer;
	e->older = *from;
	*from = i;
	*(e->older == CXMS_TLB_NONE ? &l->oldest[set] : &l->entry[e->older].newer) = i;
}

static void make_newest(struct cxms_tlb_level *l, uint32_t set, uint32_t i)
{
	if (l->stamp)
		l->stamp[i].used = l->stamp[i].placed = ++l->clock;
	if (l->newest[set] == i)
		return;
	unlink_entry(l, set, &l->entry[i]);
	link_entry(l, set, i, CXMS_TLB_NONE);
}

/* Takes an entry that was used since it came there to where it belongs in the list of its set. */
static void place(struct cxms_tlb_level *l, uint32_t set, uint32_t i)
{
	uint64_t used = l->stamp[i].used;
	uint32_t newer = CXMS_TLB_NONE, at;

	l->stamp[i].placed = used;
	if (l->newest[set] == i)
		return;
	unlink_entry(l, set, &l->entry[i]);
	for (at = l->newest[set]; at != CXMS_TLB_NONE && l->stamp[at].placed > used;
	     at = l->entry[at].older)
		newer = at;
	link_entry(l, set, i, newer);
}

/* The entry at the old end that was not used since it came there: those before it were not either.
 */
static uint32_t oldest_of(struct cxms_tlb_level *l, uint32_t set)
{
	uint32_t i = l->oldest[set];

	while (l->stamp && l->stamp[i].used != l->stamp[i].placed) {
		place(l, set, i);
		i = l->oldest[set];
	}
	return i;
}

/* The entry of a page, which is the newest of its set afterwards, or CXMS_TLB_NONE. */
static uint32_t hit(struct cxms_tlb_level *l, uint64_t page)
{
	uint32_t i = *bucket_of(l, page);

	while (i != CXMS_TLB_NONE && l->entry[i].page != page)
		i = l->entry[i].next;
	if (i != CXMS_TLB_NONE)
		make_newest(l, set_of(l, page), i);
	return i;
}

/* Returns the entry. */
static uint32_t insert(struct cxms_tlb_level *l, uint64_t page)
{
	uint32_t set = set_of(l, page), i = oldest_of(l, set);
	struct cxms_tlb_entry *e = &l->entry[i];
	uint32_t *bucket;

	if (e->page != CXMS_TLB_NO_PAGE) {
		bucket = bucket_of(l, e->page);
		while (*bucket != i)
			bucket = &l->entry[*bucket].next;
		*bucket = e->next;
	}
	bucket = bucket_of(l, page);
	e->page = page;
	e->next = *bucket;
	*bucket = i;
	make_newest(l, set, i);
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

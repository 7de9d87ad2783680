/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages: which have been accessed, which a forked process has for itself, and which physical frame
 * each has, as far as caches that are indexed by physical addresses see it: frames go to pages in
 * the order of their first access, like those of a system that has just started. By chunks of 2^15
 * pages (128 MiB), in a hash table.
 */
#include "ex.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_hashtable.h"

#define CHUNK_SHIFT 15
#define CHUNK_PAGES (1u << CHUNK_SHIFT)
#define RECENT	    64u
#define PAGE_LINES  (CXMS_XS_PAGE_SHIFT - CXMS_XS_LINE_SHIFT)

struct chunk {
	VgHashNode node;
	uint64_t seen[CHUNK_PAGES / 64], own[CHUNK_PAGES / 64];
	uint32_t frame[CHUNK_PAGES]; /* + 1 */
};				     /* own: stored to since the fork */

static VgHashTable *chunks;
static struct chunk *recent[RECENT]; /* chunks asked for, by the low bits of their number */
static uint32_t frames;		     /* handed out */
static bool forked;
/* Memory that a process shares with those that it forks. */
struct range {
	uint64_t first, last;
};
static struct {
	struct range *at;
	unsigned n, cap;
} shared;
static struct {
	uint64_t page;
	uint32_t frame;
} asked = {.page = UINT64_MAX}; /* the page that was asked for last */

static struct chunk *find_chunk(uint64_t page, bool make)
{
	struct chunk *c;

	if (!chunks)
		chunks = VG_(HT_construct)("cxms.pages");
	c = VG_(HT_lookup)(chunks, page >> CHUNK_SHIFT);
	if (!c && make) {
		c = VG_(calloc)("cxms.pages.chunk", 1, sizeof(*c));
		c->node.key = page >> CHUNK_SHIFT;
		VG_(HT_add_node)(chunks, c);
	}
	if (c)
		recent[(page >> CHUNK_SHIFT) % RECENT] = c;
	return c;
}

static inline struct chunk *chunk_of(uint64_t page, bool make)
{
	struct chunk *c = recent[(page >> CHUNK_SHIFT) % RECENT];

	if (EX_LIKELY(c && c->node.key == page >> CHUNK_SHIFT))
		return c;
	return find_chunk(page, make);
}

static uint64_t *word_of(struct chunk *c, uint64_t page)
{
	return &c->seen[page % CHUNK_PAGES / 64];
}

static uint64_t bit_of(uint64_t page)
{
	return UINT64_C(1) << page % 64;
}

static bool is_shared(uint64_t page)
{
	for (unsigned i = 0; i < shared.n; i++)
		if (page >= shared.at[i].first && page <= shared.at[i].last)
			return true;
	return false;
}

/* Of a file there is one page that all see, until they store. */
static bool is_of_file(uint64_t page)
{
	const NSegment *segment = VG_(am_find_nsegment)(page << CXMS_XS_PAGE_SHIFT);

	return segment && segment->kind == SkFileC;
}

/* Is it this forked process's own from this access on, which is its first, or its first store? */
static bool becomes_own(uint64_t page, bool is_store, bool is_seen)
{
	return !is_shared(page) && (is_store || (!is_seen && !is_of_file(page)));
}

NEVER_INLINE void tell_page(struct chunk *c, uint64_t page, bool is_store)
{
	uint64_t *seen = word_of(c, page), *own = &c->own[page % CHUNK_PAGES / 64];
	bool is_seen = *seen & bit_of(page);
	bool is_own = forked && becomes_own(page, is_store, is_seen);

	*seen |= bit_of(page);
	*own |= is_store || is_own ? bit_of(page) : 0;
	if (is_seen && !is_own)
		return;
	ex_control(CXMS_XC_PAGE, 16);
	ex_varint(page);
	ex_byte((uint8_t)((is_store ? CXMS_XP_STORE : 0) | (is_own ? CXMS_XP_OWN : 0)));
}

void ex_page_touch(uint64_t page, bool is_store)
{
	struct chunk *c = chunk_of(page, true);
	const uint64_t *seen = word_of(c, page), *own = &c->own[page % CHUNK_PAGES / 64];

	if (EX_UNLIKELY(!((is_store && forked ? *own : *seen) & bit_of(page))))
		tell_page(c, page, is_store);
}

bool ex_page_known(uint64_t page)
{
	struct chunk *c = chunk_of(page, false);

	return c && *word_of(c, page) & bit_of(page);
}

/* A page keeps its frame even if it is unmapped and mapped again: what the caches hold of it
 * stays where it is. */
static uint32_t find_frame(uint64_t page)
{
	uint32_t *frame = &chunk_of(page, true)->frame[page % CHUNK_PAGES];

	if (EX_UNLIKELY(!*frame))
		*frame = ++frames;
	asked.page = page;
	asked.frame = *frame;
	return *frame;
}

static inline uint32_t frame_of(uint64_t page)
{
	return EX_LIKELY(asked.page == page) ? asked.frame : find_frame(page);
}

uint64_t ex_page_index(uint64_t line)
{
	/* Huge pages are contiguous: it is them that get frames. */
	unsigned more = ex.opt.has_tlb ? ex.opt.tlb.page_shift - CXMS_XS_PAGE_SHIFT : 0;
	unsigned shift = PAGE_LINES + more;

	return (uint64_t)frame_of(line >> shift) << shift | (line & ((UINT64_C(1) << shift) - 1));
}

void ex_page_forget(uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page <= last;) {
		struct chunk *c = chunk_of(page, false);
		uint64_t end = ((page >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT;

		if (end > last + 1)
			end = last + 1;
		for (; c && page < end; page++) {
			*word_of(c, page) &= ~bit_of(page);
			c->own[page % CHUNK_PAGES / 64] &= ~bit_of(page);
		}
		page = end;
	}
}

void ex_page_move(uint64_t first, uint64_t last, uint64_t to)
{
	for (uint64_t page = first; page <= last; page++) {
		struct chunk *c = chunk_of(page, false), *new;
		uint64_t at = to + (page - first);

		if (!c)
			page |= CHUNK_PAGES - 1;
		if (!c || !(*word_of(c, page) & bit_of(page)))
			continue;
		new = chunk_of(at, true);
		*word_of(new, at) |= bit_of(at);
		if (c->own[page % CHUNK_PAGES / 64] & bit_of(page))
			new->own[at % CHUNK_PAGES / 64] |= bit_of(at);
	}
	if (is_shared(first))
		ex_page_share(to, to + (last - first));
}

void ex_page_share(uint64_t first, uint64_t last)
{
	if (shared.n == shared.cap) {
		shared.cap = shared.cap ? 2 * shared.cap : 16;
		shared.at = VG_(realloc)("cxms.pages.shared", shared.at,
					 shared.cap * sizeof(*shared.at));
	}
	shared.at[shared.n++] = (struct range){first, last};
}

void ex_page_unshare(uint64_t first, uint64_t last)
{
	for (unsigned i = shared.n; i-- > 0;) {
		const struct range r = shared.at[i];

		if (r.last < first || r.first > last)
			continue;
		shared.at[i] = shared.at[--shared.n];
		if (r.first < first)
			ex_page_share(r.first, first - 1);
		if (r.last > last)
			ex_page_share(last + 1, r.last);
	}
}

void ex_page_forked(void)
{
	struct chunk *c;

	forked = true;
	if (!chunks)
		return;
	VG_(HT_ResetIter)(chunks);
	while ((c = VG_(HT_Next)(chunks)))
		VG_(memset)(c->own, 0, sizeof(c->own));
}

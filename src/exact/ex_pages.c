/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages: which have been accessed, and which physical frame each has, as far as caches that are
 * indexed by physical addresses see it: frames go to pages in the order of their first access, like
 * those of a system that has just started. By chunks of 2^15 pages (128 MiB), in a hash table.
 */
#include "ex.h"

#include "pub_tool_hashtable.h"

#define CHUNK_SHIFT 15
#define CHUNK_PAGES (1u << CHUNK_SHIFT)
#define RECENT	    64u
#define PAGE_LINES  (CXMS_XS_PAGE_SHIFT - CXMS_XS_LINE_SHIFT)

struct chunk {
	VgHashNode node;
	uint64_t seen[CHUNK_PAGES / 64];
	uint32_t frame[CHUNK_PAGES]; /* + 1 */
};

static VgHashTable *chunks;
static struct chunk *recent[RECENT]; /* chunks asked for, by the low bits of their number */
static uint32_t frames;		     /* handed out */
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

void ex_page_touch(uint64_t page, bool is_store)
{
	uint64_t *word = word_of(chunk_of(page, true), page), bit = UINT64_C(1) << page % 64;

	if (EX_LIKELY(*word & bit))
		return;
	*word |= bit;
	ex_control(CXMS_XC_PAGE, 16);
	ex_varint(page);
	ex_byte(is_store);
}

bool ex_page_known(uint64_t page)
{
	struct chunk *c = chunk_of(page, false);

	return c && (*word_of(c, page) >> page % 64 & 1);
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
		for (; c && page < end; page++)
			*word_of(c, page) &= ~(UINT64_C(1) << page % 64);
		page = end;
	}
}

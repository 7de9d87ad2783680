#include "sim/xpages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "core/xstream.h"

#define SPACE_SHIFT 52 /* page numbers of 48-bit addresses stay below */

void cxms_xpages_fini(struct cxms_xpages *p)
{
	for (size_t i = 0; i < p->n_slot; i++)
		free(p->slot[i].leaf);
	free(p->page);
	free(p->slot);
	*p = (struct cxms_xpages){.shift = p->shift};
}

static uint64_t page_of(const struct cxms_xpages *p, uint32_t space, uint64_t line)
{
	return (uint64_t)space << SPACE_SHIFT ^ line >> (p->shift - CXMS_XS_LINE_SHIFT);
}

/* Where the key stands, or the empty slot where it belongs. */
static struct cxms_xslot *probe(const struct cxms_xpages *p, uint64_t key)
{
	size_t at = cxms_hash_u64(key) & (p->n_slot - 1);
	while (p->slot[at].leaf && p->slot[at].key != key)
		at = (at + 1) & (p->n_slot - 1);
	return &p->slot[at];
}

static int grow_slots(struct cxms_xpages *p)
{
	const struct cxms_xpages old = *p;
	size_t n = p->n_slot ? 2 * p->n_slot : 64;
	struct cxms_xslot *slot = calloc(n, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	p->slot = slot;
	p->n_slot = n;
	for (size_t i = 0; i < old.n_slot; i++)
		if (old.slot[i].leaf)
			*probe(p, old.slot[i].key) = old.slot[i];
	free(old.slot);
	return 0;
}

/* The leaf of a page, made when it is new; NULL = out of memory. */
static struct cxms_xleaf *leaf_of(struct cxms_xpages *p, uint64_t page)
{
	if (2 * (p->n_leaf + 1) > p->n_slot && grow_slots(p) < 0)
		return NULL;
	struct cxms_xslot *s = probe(p, page / CXMS_XPAGES_LEAF);
	if (!s->leaf) {
		*s = (struct cxms_xslot){page / CXMS_XPAGES_LEAF, calloc(1, sizeof(*s->leaf))};
		p->n_leaf += s->leaf != NULL;
	}
	return s->leaf;
}

static int add(struct cxms_xpages *p, uint64_t page, uint32_t *index, struct cxms_err *err)
{
	struct cxms_xleaf *leaf = leaf_of(p, page);
	if (!leaf || cxms_array_grow((void **)&p->page, &p->cap, p->n + 1, sizeof(*p->page)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", p->n);
	p->page[p->n] = (struct cxms_policy_page){
		.key = cxms_hash_u64(page), .bytes = 1ull << p->shift, .touch_rank = p->n};
	*index = (uint32_t)p->n++;
	leaf->index1[page % CXMS_XPAGES_LEAF] = *index + 1;
	return 0;
}

int cxms_xpages_add(struct cxms_xpages *p, uint32_t space, uint64_t line, uint32_t *index,
		    struct cxms_err *err)
{
	uint32_t known = cxms_xpages_find(p, space, line);
	if (known == CXMS_XPAGE_NONE)
		return add(p, page_of(p, space, line), index, err);
	*index = known;
	return 0;
}

uint32_t cxms_xpages_find(const struct cxms_xpages *p, uint32_t space, uint64_t line)
{
	if (p->n_slot == 0)
		return CXMS_XPAGE_NONE;
	uint64_t page = page_of(p, space, line);
	const struct cxms_xleaf *leaf = probe(p, page / CXMS_XPAGES_LEAF)->leaf;
	/* never touched: 0 - 1 = NONE */
	return leaf ? leaf->index1[page % CXMS_XPAGES_LEAF] - 1 : CXMS_XPAGE_NONE;
}

#include "sim/xpages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "core/xstream.h"

/* Page numbers of 48-bit addresses stay below 2^36; above stand the view and the space. */
#define VIEW_SHIFT  36
#define SPACE_SHIFT 52
#define PAGES_MAX   (1ull << VIEW_SHIFT)
/* Of 4 KiB: Valgrind gives programs 128 GiB. */
#define MOVED_MOST (1ull << 25)
/* Views from this number on are of processes that were forked; below, address spaces. */
#define FORKED	  (1u << 20)
#define VIEWS_MAX ((1u << (SPACE_SHIFT - VIEW_SHIFT)) - 1)
/* Of index1: the page is known by another address or to another process, too. */
#define ALSO (1u << 31)

void cxms_xpages_fini(struct cxms_xpages *p)
{
	for (size_t i = 0; i < p->n_slot; i++)
		free(p->slot[i].leaf);
	free(p->page);
	free(p->slot);
	free(p->view);
	*p = (struct cxms_xpages){.shift = p->shift};
}

static uint64_t number_of(const struct cxms_xpages *p, uint64_t line)
{
	return line >> (p->shift - CXMS_XS_LINE_SHIFT);
}

static uint64_t page_of(const struct cxms_xpages *p, uint32_t view, uint64_t line)
{
	if (view < FORKED)
		return (uint64_t)view << SPACE_SHIFT ^ number_of(p, line);
	return (uint64_t)p->view[view - FORKED].space << SPACE_SHIFT ^
	       (uint64_t)(view - FORKED + 1) << VIEW_SHIFT ^ number_of(p, line);
}

int cxms_xpages_fork(struct cxms_xpages *p, uint32_t pid, uint32_t parent, uint32_t space,
		     struct cxms_err *err)
{
	const struct cxms_xview v = {pid, space, cxms_xpages_view(p, parent, space)};
	if (p->n_view == VIEWS_MAX)
		return 0; /* takes its parent's pages for its own */
	if (cxms_array_grow((void **)&p->view, &p->cap_view, p->n_view + 1, sizeof(*p->view)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for a process");
	p->view[p->n_view++] = v;
	return 0;
}

uint32_t cxms_xpages_view(const struct cxms_xpages *p, uint32_t pid, uint32_t space)
{
	for (size_t i = p->n_view; i-- > 0;)
		if (p->view[i].pid == pid && p->view[i].space == space)
			return FORKED + (uint32_t)i;
	return space;
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
	if (!leaf || p->n >= ALSO - 1 ||
	    cxms_array_grow((void **)&p->page, &p->cap, p->n + 1, sizeof(*p->page)) < 0)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", p->n);
	p->page[p->n] = (struct cxms_policy_page){
		.key = cxms_hash_u64(page), .bytes = 1ull << p->shift, .touch_rank = p->n};
	*index = (uint32_t)p->n++;
	leaf->index1[page % CXMS_XPAGES_LEAF] = *index + 1;
	return 0;
}

/* What is known of it in this view alone; NULL = nothing. */
static uint32_t *own_of(const struct cxms_xpages *p, uint64_t page)
{
	if (p->n_slot == 0)
		return NULL;
	struct cxms_xleaf *leaf = probe(p, page / CXMS_XPAGES_LEAF)->leaf;
	uint32_t *index1 = leaf ? &leaf->index1[page % CXMS_XPAGES_LEAF] : NULL;
	return index1 && *index1 ? index1 : NULL;
}

/* The same as those above it see it. */
static uint32_t *seen_by(const struct cxms_xpages *p, uint32_t view, uint64_t line)
{
	uint32_t *index1 = own_of(p, page_of(p, view, line));
	while (!index1 && view >= FORKED) {
		view = p->view[view - FORKED].up;
		index1 = own_of(p, page_of(p, view, line));
	}
	return index1;
}

int cxms_xpages_add(struct cxms_xpages *p, uint32_t view, uint64_t line, uint32_t *index,
		    struct cxms_err *err)
{
	uint32_t known = cxms_xpages_find(p, view, line);
	if (known == CXMS_XPAGE_NONE)
		return add(p, page_of(p, view, line), index, err);
	*index = known;
	return 0;
}

int cxms_xpages_touch(struct cxms_xpages *p, uint32_t view, uint64_t line, bool own,
		      struct cxms_err *err)
{
	const uint64_t page = page_of(p, view, line);
	const uint32_t *known = own ? own_of(p, page) : seen_by(p, view, line);
	uint32_t index;
	return known && !(*known & ALSO) ? 0 : add(p, page, &index, err);
}

static int move_page(struct cxms_xpages *p, uint32_t view, uint64_t line, uint64_t to,
		     struct cxms_err *err)
{
	const uint64_t page = page_of(p, view, to);
	uint32_t *from = seen_by(p, view, line), index1 = from ? *from : 0;
	if (!from)
		return 0;
	if (from == own_of(p, page_of(p, view, line))) {
		*from |= ALSO; /* who maps something else there has another page */
		index1 &= ~ALSO;
	} else {
		index1 |= ALSO;
	}
	struct cxms_xleaf *leaf = leaf_of(p, page);
	if (!leaf)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", p->n);
	leaf->index1[page % CXMS_XPAGES_LEAF] = index1;
	return 0;
}

int cxms_xpages_move(struct cxms_xpages *p, uint32_t view, uint64_t line, uint64_t to,
		     uint64_t lines, struct cxms_err *err)
{
	const uint64_t step = 1ull << (p->shift - CXMS_XS_LINE_SHIFT), end = line + lines;
	int rc = 0;
	if (lines >> (CXMS_XS_PAGE_SHIFT - CXMS_XS_LINE_SHIFT) > MOVED_MOST ||
	    end / step > PAGES_MAX || to / step > PAGES_MAX)
		return cxms_fail(err, EINVAL, "the exact stream is damaged: a move");
	p->moved = true;
	if ((line ^ to) % step)
		return 0;
	for (uint64_t at = (line + step - 1) / step * step; at + step <= end && !rc; at += step)
		rc = move_page(p, view, at, to + (at - line), err);
	return rc;
}

uint32_t cxms_xpages_find(const struct cxms_xpages *p, uint32_t view, uint64_t line)
{
	const uint32_t *known = seen_by(p, view, line);
	return known ? (*known & ~ALSO) - 1 : CXMS_XPAGE_NONE;
}

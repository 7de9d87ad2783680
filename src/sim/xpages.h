/*
 * Pages of an exact recording, numbered in order of first touch, and found by address space and
 * address. A forked process sees the pages of its parent, except those that it has for itself
 * (adr/0063).
 */
#ifndef CXMS_SIM_XPAGES_H
#define CXMS_SIM_XPAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/xstream.h"
#include "policy/policy.h"

struct cxms_err;

#define CXMS_XPAGE_NONE UINT32_MAX

#define CXMS_XPAGES_LEAF 512u /* pages: 2 MiB of small ones */

/** struct cxms_xleaf - neighbouring pages; @index1: number of each + 1, 0 = never touched. A bit of
 * it tells that the page is known by another address as well */
struct cxms_xleaf {
	uint32_t index1[CXMS_XPAGES_LEAF];
};

/** struct cxms_xslot - @key: number of the leaf in the addresses of all views;  @leaf: owned; NULL
 * = the slot is empty */
struct cxms_xslot {
	uint64_t key;
	struct cxms_xleaf *leaf;
};

/** struct cxms_xview - how a forked process sees pages, until it executes another program; @up: the
 * view of its parent, for pages that it does not have for itself */
struct cxms_xview {
	uint32_t pid, space, up;
};

/** struct cxms_xpages - zeroed = empty; @page[i].heat counts the misses to memory of page i */
struct cxms_xpages {
	unsigned shift; /* log2 of the page size, 12 or 21 */
	struct cxms_policy_page *page;
	size_t n, cap;
	struct cxms_xslot *slot; /* open addressing */
	size_t n_slot, n_leaf;	 /* slots: a power of two */
	struct cxms_xview *view;
	size_t n_view, cap_view;
	bool moved; /* some were moved: an address may have meant several pages over time */
};

#define CXMS_XMEMO_PAGES 64u
/** struct cxms_xmemo - pages of one view that were found lately; zeroed = none. Whoever keeps it
 * empties it where the view changes, or what the view sees at an address */
struct cxms_xmemo {
	uint64_t number1[CXMS_XMEMO_PAGES]; /* address / page size + 1; 0 = nothing */
	uint32_t index[CXMS_XMEMO_PAGES];
};

void cxms_xpages_fini(struct cxms_xpages *p);
/** cxms_xpages_fork() - @parent forked @pid; both have address space @space. 0 or -ENOMEM */
int cxms_xpages_fork(struct cxms_xpages *p, uint32_t pid, uint32_t parent, uint32_t space,
		     struct cxms_err *err);
/** cxms_xpages_view() - the view of a process: its own if it was forked, else its address space */
uint32_t cxms_xpages_view(const struct cxms_xpages *p, uint32_t pid, uint32_t space);
/** cxms_xpages_add() - number of the page that holds @line (address / 64), added when it is new.
 * 0 or -ENOMEM */
int cxms_xpages_add(struct cxms_xpages *p, uint32_t view, uint64_t line, uint32_t *index,
		    struct cxms_err *err);
/** cxms_xpages_touch() - the page of @line is accessed first; @own: this view has it for itself.
 * 0 or -ENOMEM */
int cxms_xpages_touch(struct cxms_xpages *p, uint32_t view, uint64_t line, bool own,
		      struct cxms_err *err);
/** cxms_xpages_move() - the pages of @lines lines from @line on are found from line @to on now;
 * whole pages, which begin alike at both. Return: 0, -EINVAL (more than there can be), -ENOMEM */
int cxms_xpages_move(struct cxms_xpages *p, uint32_t view, uint64_t line, uint64_t to,
		     uint64_t lines, struct cxms_err *err);
/** cxms_xpages_find() - number of the page that holds @line; CXMS_XPAGE_NONE = never touched */
uint32_t cxms_xpages_find(const struct cxms_xpages *p, uint32_t view, uint64_t line);

/** cxms_xmemo_get() - the page of @line, if it was found lately. Return: whether it was */
static inline bool cxms_xmemo_get(const struct cxms_xmemo *m, const struct cxms_xpages *p,
				  uint64_t line, uint32_t *index)
{
	uint64_t number = line >> (p->shift - CXMS_XS_LINE_SHIFT);
	*index = m->index[number % CXMS_XMEMO_PAGES];
	return m->number1[number % CXMS_XMEMO_PAGES] == number + 1;
}

/** cxms_xmemo_put() - the page of @line was found */
static inline void cxms_xmemo_put(struct cxms_xmemo *m, const struct cxms_xpages *p, uint64_t line,
				  uint32_t index)
{
	uint64_t number = line >> (p->shift - CXMS_XS_LINE_SHIFT);
	m->number1[number % CXMS_XMEMO_PAGES] = number + 1;
	m->index[number % CXMS_XMEMO_PAGES] = index;
}

#endif

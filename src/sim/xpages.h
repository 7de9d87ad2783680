/* Pages of an exact recording: number of each by address space and address, in order of first
 * touch. A process that was forked sees the pages of its parent, but for those that it has for
 * itself. */
#ifndef CXMS_SIM_XPAGES_H
#define CXMS_SIM_XPAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct cxms_err;

#define CXMS_XPAGE_NONE UINT32_MAX

#define CXMS_XPAGES_LEAF 512u /* pages: 2 MiB of small ones */

/** struct cxms_xleaf - neighbours: @index1[i] is the index of the i-th page + 1, with a bit that
 * tells that it is known by another address, too; 0 = never touched
 */
struct cxms_xleaf {
	uint32_t index1[CXMS_XPAGES_LEAF];
};

/** struct cxms_xslot - @key: number of the page, told from that of other views, /
 * CXMS_XPAGES_LEAF;  @leaf: owned; NULL = empty */
struct cxms_xslot {
	uint64_t key;
	struct cxms_xleaf *leaf;
};

/** struct cxms_xview - of a process that was forked, until it executes another program; @up: its
 * parent's view */
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
	bool moved; /* some were: their addresses do not mean one page all the time */
};

void cxms_xpages_fini(struct cxms_xpages *p);
/** process @pid of address space @space was forked by @parent, which has the same. 0 or -ENOMEM */
int cxms_xpages_fork(struct cxms_xpages *p, uint32_t pid, uint32_t parent, uint32_t space,
		     struct cxms_err *err);
/** what a process sees pages by: its address space, or a view of its own if it was forked */
uint32_t cxms_xpages_view(const struct cxms_xpages *p, uint32_t pid, uint32_t space);
/** the page that holds @line of 64 B, added when new. 0 or -ENOMEM */
int cxms_xpages_add(struct cxms_xpages *p, uint32_t view, uint64_t line, uint32_t *index,
		    struct cxms_err *err);
/** the same for who accesses the page first; @own: it is for this view alone. 0 or -ENOMEM */
int cxms_xpages_touch(struct cxms_xpages *p, uint32_t view, uint64_t line, bool own,
		      struct cxms_err *err);
/** the pages from @line on are those from line @to on now, @lines; whole ones, that both addresses
 * tell alike. 0, or -EINVAL: more than there can be; -ENOMEM */
int cxms_xpages_move(struct cxms_xpages *p, uint32_t view, uint64_t line, uint64_t to,
		     uint64_t lines, struct cxms_err *err);
/** the page that holds @line: CXMS_XPAGE_NONE when it was never touched */
uint32_t cxms_xpages_find(const struct cxms_xpages *p, uint32_t view, uint64_t line);

#endif

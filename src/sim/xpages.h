/* Pages of an exact recording: number of each by address space and address, in order of first
 * touch. */
#ifndef CXMS_SIM_XPAGES_H
#define CXMS_SIM_XPAGES_H

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct cxms_err;

#define CXMS_XPAGE_NONE UINT32_MAX

#define CXMS_XPAGES_LEAF 512u /* pages: 2 MiB of small ones */

/** struct cxms_xleaf - neighbours: @index1[i] is the index of the i-th page + 1; 0 = never touched
 */
struct cxms_xleaf {
	uint32_t index1[CXMS_XPAGES_LEAF];
};

/** struct cxms_xslot - @key: space << 52 | page number / CXMS_XPAGES_LEAF;  @leaf: owned; NULL =
 * empty */
struct cxms_xslot {
	uint64_t key;
	struct cxms_xleaf *leaf;
};

/** struct cxms_xpages - zeroed = empty; @page[i].heat counts the misses to memory of page i */
struct cxms_xpages {
	unsigned shift; /* log2 of the page size, 12 or 21 */
	struct cxms_policy_page *page;
	size_t n, cap;
	struct cxms_xslot *slot; /* open addressing */
	size_t n_slot, n_leaf;	 /* slots: a power of two */
};

void cxms_xpages_fini(struct cxms_xpages *p);
/** the page that holds @line of 64 B, added when new. 0 or -ENOMEM */
int cxms_xpages_add(struct cxms_xpages *p, uint32_t space, uint64_t line, uint32_t *index,
		    struct cxms_err *err);
/** the same without adding: CXMS_XPAGE_NONE when it was never touched */
uint32_t cxms_xpages_find(const struct cxms_xpages *p, uint32_t space, uint64_t line);

#endif

/* Pages of an exact recording: number of each by address space and address, in order of first
 * touch. */
#ifndef CXMS_SIM_XPAGES_H
#define CXMS_SIM_XPAGES_H

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct cxms_err;

#define CXMS_XPAGE_NONE UINT32_MAX

/** struct cxms_xslot - @key: space << 52 | page number;  @index1: index + 1; 0 = empty */
struct cxms_xslot {
	uint64_t key;
	uint32_t index1;
};

/** struct cxms_xpages - zeroed = empty; @page[i].heat counts the misses to memory of page i */
struct cxms_xpages {
	unsigned shift; /* log2 of the page size, 12 or 21 */
	struct cxms_policy_page *page;
	size_t n, cap;
	struct cxms_xslot *slot; /* open addressing */
	size_t n_slot;		 /* a power of two */
};

void cxms_xpages_fini(struct cxms_xpages *p);
/** the page that holds @line of 64 B, added when new. 0 or -ENOMEM */
int cxms_xpages_add(struct cxms_xpages *p, uint32_t space, uint64_t line, uint32_t *index,
		    struct cxms_err *err);
/** the same without adding: CXMS_XPAGE_NONE when it was never touched */
uint32_t cxms_xpages_find(const struct cxms_xpages *p, uint32_t space, uint64_t line);

#endif

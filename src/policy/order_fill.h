/* Filling local memory with pages in an order until the asked share of bytes is reached. */
#ifndef CXMS_POLICY_ORDER_FILL_H
#define CXMS_POLICY_ORDER_FILL_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_policy_page;

/** a page with a smaller key goes local first; ties by @tie, then by index */
struct cxms_fill_key {
	double key;
	uint64_t tie;
	size_t index;
};

/**
 * cxms_fill_in_order() - sort @keys, then give local memory to pages while at least half of the
 * page fits
 * @keys: n entries, reordered
 */
void cxms_fill_in_order(const struct cxms_policy_page *pages, size_t n, struct cxms_fill_key *keys,
			double local_pct, uint8_t *local);

#endif

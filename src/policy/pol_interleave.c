#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "policy/order_fill.h"
#include "policy/policy.h"

/*
 * Each page has a fixed draw from its key; the pages with the smallest draws are local, as many as
 * the share asks for. Neighbours are independent, as after a long time of weighted interleaving
 * over a fragmented free list, yet the share is met to within a page.
 */
static int split(const struct cxms_policy_page *pages, size_t n, double local_pct, uint64_t seed,
		 uint8_t *local, struct cxms_err *err)
{
	uint64_t salt = cxms_hash_u64(seed);
	struct cxms_fill_key *keys = malloc((n + 1) * sizeof(*keys));
	if (!keys)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", n);
	for (size_t i = 0; i < n; i++) {
		uint64_t draw = cxms_hash_u64(pages[i].key ^ salt);
		keys[i] = (struct cxms_fill_key){
			.key = (double)(draw >> 11), .tie = draw, .index = i};
	}
	cxms_fill_in_order(pages, n, keys, local_pct, local);
	free(keys);
	return 0;
}

const struct cxms_policy_ops cxms_policy_page_interleave = {
	.abi = CXMS_POLICY_ABI,
	.name = "page-interleave",
	.summary = "pages spread by a fixed hash of the page number, in the asked proportion",
	.split = split,
};

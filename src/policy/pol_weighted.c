#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/order_fill.h"
#include "policy/policy.h"

/*
 * The order of first touch is dealt out in turn, as Linux does since 6.9 (MPOL_WEIGHTED_INTERLEAVE:
 * weights 3:1 put three pages in local memory, then one on CXL). Any share must nest in any larger
 * one, so the turn is the bit-reversed page number (van der Corput's sequence): a share of m/2^k
 * gives each 2^k pages exactly m, and 3:1 the kernel's own pattern; other shares differ from it by
 * a page or two at any time.
 */
static double turn_of(uint64_t rank)
{
	double turn = 0, digit = 0.5;
	for (; rank; rank >>= 1, digit /= 2)
		turn += (double)(rank & 1) * digit;
	return turn;
}

static int split(const struct cxms_policy_page *pages, size_t n, double local_pct, uint64_t seed,
		 uint8_t *local, struct cxms_err *err)
{
	struct cxms_fill_key *keys = malloc((n + 1) * sizeof(*keys));
	(void)seed; /* nothing is drawn */
	if (!keys)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", n);
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct cxms_fill_key){.key = turn_of(pages[i].touch_rank),
						 .tie = pages[i].touch_rank,
						 .index = i};
	cxms_fill_in_order(pages, n, keys, local_pct, local);
	free(keys);
	return 0;
}

const struct cxms_policy_ops cxms_policy_weighted_interleave = {
	.abi = CXMS_POLICY_ABI,
	.name = "weighted-interleave",
	.summary =
		"pages in turn by weights in the order of first touch, as Linux 6.9 and later do",
	.split = split,
};

/* Policies that fill local memory in an order: by first touch, by heat, by cold. */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "policy/order_fill.h"
#include "policy/policy.h"

typedef double (*key_fn)(const struct cxms_policy_page *page);

static int split_by(key_fn key, const struct cxms_policy_page *pages, size_t n, double local_pct,
		    uint64_t seed, uint8_t *local, struct cxms_err *err)
{
	struct cxms_fill_key *keys = malloc((n + 1) * sizeof(*keys));
	if (!keys)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", n);
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct cxms_fill_key){.key = key(&pages[i]),
						 .tie = cxms_hash_u64(pages[i].key ^ seed),
						 .index = i};
	cxms_fill_in_order(pages, n, keys, local_pct, local);
	free(keys);
	return 0;
}

static double touch_key(const struct cxms_policy_page *page)
{
	return (double)page->touch_rank;
}

/* Per byte: a huge page takes the room of 512 small ones. */
static double hot_key(const struct cxms_policy_page *page)
{
	return -page->heat / (double)page->bytes;
}

static double cold_key(const struct cxms_policy_page *page)
{
	return page->heat / (double)page->bytes;
}

static int split_first_touch(const struct cxms_policy_page *pages, size_t n, double local_pct,
			     uint64_t seed, uint8_t *local, struct cxms_err *err)
{
	return split_by(touch_key, pages, n, local_pct, seed, local, err);
}

static int split_hot(const struct cxms_policy_page *pages, size_t n, double local_pct,
		     uint64_t seed, uint8_t *local, struct cxms_err *err)
{
	return split_by(hot_key, pages, n, local_pct, seed, local, err);
}

static int split_cold(const struct cxms_policy_page *pages, size_t n, double local_pct,
		      uint64_t seed, uint8_t *local, struct cxms_err *err)
{
	return split_by(cold_key, pages, n, local_pct, seed, local, err);
}

const struct cxms_policy_ops cxms_policy_first_touch = {
	.abi = CXMS_POLICY_ABI,
	.name = "first-touch",
	.summary = "pages touched first are local until local memory is full, the rest on CXL",
	.split = split_first_touch,
};

const struct cxms_policy_ops cxms_policy_hot_local = {
	.abi = CXMS_POLICY_ABI,
	.name = "hot-local",
	.summary =
		"pages whose move to CXL would cost most are local; a bound for static placement",
	.needs = CXMS_POLICY_NEEDS_HEAT,
	.split = split_hot,
};

const struct cxms_policy_ops cxms_policy_cold_local = {
	.abi = CXMS_POLICY_ABI,
	.name = "cold-local",
	.summary = "pages whose move to CXL would cost least are local; the worst static placement",
	.needs = CXMS_POLICY_NEEDS_HEAT,
	.split = split_cold,
};

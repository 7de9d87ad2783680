#include "policy/order_fill.h"

#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

static int by_key(const void *pa, const void *pb)
{
	const struct cxms_fill_key *a = pa, *b = pb;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->tie != b->tie)
		return a->tie < b->tie ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

void cxms_fill_in_order(const struct cxms_policy_page *pages, size_t n, struct cxms_fill_key *keys,
			double local_pct, uint8_t *local)
{
	double total = 0, used = 0;
	for (size_t i = 0; i < n; i++)
		total += (double)pages[i].bytes;
	memset(local, local_pct >= 100.0, n);
	if (local_pct >= 100.0 || local_pct <= 0.0)
		return;
	double budget = total * local_pct / 100.0;
	qsort(keys, n, sizeof(*keys), by_key);
	for (size_t i = 0; i < n; i++) {
		double bytes = (double)pages[keys[i].index].bytes;
		if (used + bytes / 2 > budget)
			return;
		local[keys[i].index] = 1;
		used += bytes;
	}
}

#include "policy/order_fill.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

/* A strict order: indices differ. */
static bool less(const struct cxms_fill_key *a, const struct cxms_fill_key *b)
{
	if (a->key < b->key || a->key > b->key)
		return a->key < b->key;
	return a->tie != b->tie ? a->tie < b->tie : a->index < b->index;
}

static void swap(struct cxms_fill_key *a, struct cxms_fill_key *b)
{
	struct cxms_fill_key t = *a;
	*a = *b;
	*b = t;
}

/* Puts the middle key of [from, to) where a sort would; smaller ones stand before it, returned. */
static size_t partition(struct cxms_fill_key *keys, size_t from, size_t to)
{
	size_t at = from, last = to - 1;
	swap(&keys[from + (to - from) / 2], &keys[last]);
	for (size_t i = from; i < last; i++)
		if (less(&keys[i], &keys[last]))
			swap(&keys[i], &keys[at++]);
	swap(&keys[at], &keys[last]);
	return at;
}

/*
 * Only the border between local and CXL is wanted, so this is a selection by bytes, not a sort:
 * used + bytes / 2 never falls along the order, and each round keeps the side that holds the
 * border.
 */
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
	for (size_t from = 0, to = n; from < to;) {
		size_t mid = partition(keys, from, to);
		double before = used, bytes = (double)pages[keys[mid].index].bytes;
		for (size_t i = from; i < mid; i++)
			before += (double)pages[keys[i].index].bytes;
		if (before + bytes / 2 > budget) {
			to = mid;
			continue;
		}
		for (; from <= mid; from++)
			local[keys[from].index] = 1;
		used = before + bytes;
	}
}

/* The host of a topology as what the exact source simulates, and whether two such hosts are the
 * same. */
#ifndef CXMS_SIM_EXACT_HOST_H
#define CXMS_SIM_EXACT_HOST_H

#include <stdbool.h>

#include "trace/exact_cfg.h"

struct cxms_err;
struct cxms_topo;

/**
 * cxms_exact_of_host() - caches, prefetchers, TLB, cores and reorder buffer of @t
 * @out: overwritten; what no topology says (region, sampling) is 0
 * Return: 0, or -EINVAL: more than the exact source can simulate, names the key
 */
int cxms_exact_of_host(const struct cxms_topo *t, struct cxms_exact_cfg *out, struct cxms_err *err);

/** struct cxms_exact_diff - the first key that differs, with both values as YAML */
struct cxms_exact_diff {
	char key[48];
	char a[128], b[128];
};

/**
 * cxms_exact_differ() - do two hosts lead to other accesses of memory?
 * Compares cores, caches, prefetchers and TLB; not the window, the region or the sampling.
 * Return: true with @out filled, in the order of the keys in SCHEMA.md; @out may be NULL
 */
bool cxms_exact_differ(const struct cxms_exact_cfg *a, const struct cxms_exact_cfg *b,
		       struct cxms_exact_diff *out);

#endif

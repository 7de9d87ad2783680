/* A split: which target each page goes to. */
#ifndef CXMS_SIM_PLACE_SPLIT_H
#define CXMS_SIM_PLACE_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct cxms_err;
struct cxms_fabric;
struct cxms_pages;

struct cxms_placement {
	uint32_t *target_of_page;
	double *bytes;	  /* [target] */
	double local_pct; /* measured; as asked where no page is known */
};

/**
 * cxms_place_split() - ask the policy, then deal CXL pages over the region's memdevs in turn
 * @page: n_page entries for the policy; @out: arrays allocated, freed with cxms_placement_fini()
 */
int cxms_place_split(const struct cxms_policy_ops *policy, const struct cxms_policy_page *page,
		     size_t n_page, double local_pct, uint64_t seed, const struct cxms_fabric *f,
		     struct cxms_placement *out, struct cxms_err *err);
void cxms_placement_fini(struct cxms_placement *p);
/** what policies see of each page, heat 0; array of count + 1, caller frees; NULL: out of memory */
struct cxms_policy_page *cxms_policy_pages_new(const struct cxms_pages *pages);

#endif

/* Where pages lie: the policy chooses the local ones, the others are dealt over the regions. */
#ifndef CXMS_SIM_PLACE_SPLIT_H
#define CXMS_SIM_PLACE_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

struct cxms_err;
struct cxms_fabric;
struct cxms_pages;

/** struct cxms_placement - where each page lies; places: see struct cxms_fabric */
struct cxms_placement {
	uint32_t *place_of_page; /* [page] */
	uint64_t *frame_of_page; /* [page] of CXL pages: offset in their region, bytes */
	size_t n_place;	  /* all places in use are below it; n_host_target = no page is spread */
	double *bytes;	  /* [target of a host] */
	double local_pct; /* share of the bytes that is local; as asked where no page is known */
};

/** struct cxms_deal - CXL pages being dealt into @out, in order of page number */
struct cxms_deal {
	const struct cxms_fabric *f;
	struct cxms_placement *out;
	double *given; /* [region] bytes */
	double total;
	size_t cap_place, cap_frame; /* of out's arrays */
};
/** cxms_deal_init() - begin; @out is emptied. 0 or -ENOMEM. Owner: cxms_deal_fini(), and
 * cxms_placement_fini() for @out */
int cxms_deal_init(struct cxms_deal *d, const struct cxms_fabric *f, struct cxms_placement *out,
		   struct cxms_err *err);
void cxms_deal_fini(struct cxms_deal *d);
/** cxms_deal_room() - there are @n pages from now on; those that are new are local. 0 or -ENOMEM */
int cxms_deal_room(struct cxms_deal *d, size_t n, struct cxms_err *err);
/** cxms_deal_page() - a page, for which there is room, goes to CXL: to the region whose turn it is
 */
void cxms_deal_page(struct cxms_deal *d, size_t page, double bytes);

/**
 * cxms_place_split() - ask the policy, then deal CXL pages over the regions
 *
 * Pages go to regions in turn, so that each has its share of the bytes at any time, and take the
 * frames of a region in order. Where the granularity is smaller than the page, its lines are spread
 * over all targets; else the region's decoder says which one holds it.
 * @page: n_page entries for the policy; @out: arrays allocated, freed with cxms_placement_fini()
 */
int cxms_place_split(const struct cxms_policy_ops *policy, const struct cxms_policy_page *page,
		     size_t n_page, double local_pct, uint64_t seed, const struct cxms_fabric *f,
		     struct cxms_placement *out, struct cxms_err *err);
/**
 * cxms_place_target() - target of a host that holds a line of a page
 * @line: number in the page
 * @dpa:  device address of the line, by the decoder of its region; untouched for local memory
 */
uint32_t cxms_place_target(const struct cxms_fabric *f, const struct cxms_placement *p, size_t page,
			   uint64_t line, uint64_t *dpa);
/** cxms_place_prefetch() - what cxms_place_target() will read of a page is brought near */
static inline void cxms_place_prefetch(const struct cxms_placement *p, size_t page)
{
	__builtin_prefetch(&p->place_of_page[page]);
	__builtin_prefetch(&p->frame_of_page[page]);
}
void cxms_placement_fini(struct cxms_placement *p);
/** what policies see of each page, heat 0; array of count + 1, caller frees; NULL: out of memory */
struct cxms_policy_page *cxms_policy_pages_new(const struct cxms_pages *pages);

#endif

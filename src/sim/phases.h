/* Dynamic capacity: where pages lie while memdevs gain and lose extents. */
#ifndef CXMS_SIM_PHASES_H
#define CXMS_SIM_PHASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_fabric;
struct cxms_placement;
struct cxms_policy_page;
struct cxms_topo;

/*
 * Time of a page that moves beside its bytes: unmap, TLB shootdown, allocation, remap. Kernel
 * patches report what batching saves, not what a page costs.
 */
#define CXMS_ASSUMED_MOVE_PAGE_NS 2000.0

/** struct cxms_phase - from a time of the run on; the first at 0 */
struct cxms_phase {
	double at_ns;
	uint32_t *place_of_page;
	size_t n_place;
	double *bytes; /* [target of a host] */
	double local_pct;
	/* what moves when it begins; to local memory: promotion */
	double move_ns, moved_bytes;
	uint64_t promotions, demotions;
};
struct cxms_phases {
	size_t n; /* 0: the host's capacity never changes */
	struct cxms_phase *at;
};

/**
 * cxms_phases_build() - the phases of a host
 * @host: its name, NULL where there is one only
 * @asked: where pages lie while there is room; those that find none, in the order of @page, are
 *         local
 * @scale: touched bytes for one of those that @page knows
 * Moving takes, for each page, its bytes over the bandwidth of the way read and of the way
 * written, and CXMS_ASSUMED_MOVE_PAGE_NS.
 * Return: 0 or -ENOMEM. Owner: cxms_phases_fini()
 */
int cxms_phases_build(const struct cxms_topo *topo, const char *host, const struct cxms_fabric *f,
		      const struct cxms_policy_page *page, size_t n_page, double scale,
		      const struct cxms_placement *asked, struct cxms_phases *out,
		      struct cxms_err *err);
void cxms_phases_fini(struct cxms_phases *p);
/** the first memdev whose extents all belong to other hosts than @host; NULL: none */
const char *cxms_extents_of_others(const struct cxms_topo *topo, const char *host);
/** a host's share of a memdev's capacity: 0 where it is divided between others; INFINITY where it
 * is not divided. @target: 1 .. n */
double cxms_host_share_bytes(const struct cxms_topo *topo, const char *host, size_t target);

#endif

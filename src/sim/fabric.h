/* A topology as servers and paths, ready for the solver; one fabric for one host or several. */
#ifndef CXMS_SIM_FABRIC_H
#define CXMS_SIM_FABRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/server.h"
#include "topo/decode.h"

struct cxms_curve;
struct cxms_device_cfg;
struct cxms_err;
struct cxms_memory;
struct cxms_topo;

/** struct cxms_fabric_target - of each host: 0 is local memory, then the memdevs in file order */
struct cxms_fabric_target {
	const char *name;
	double idle_ps;	  /* whole path, the mean of the device's tail included */
	double switch_ps; /* of it: switches and links above the device */
	double tail_ps;	  /* of it: mean of the device's tail */
	/* it is the recording machine's own memory (`latency: auto`), whatever that took in the run
	 */
	bool own;
	size_t n_server;
	size_t *server;	       /* indices into cxms_fabric.server, from the device up */
	double capacity_bytes; /* INFINITY when not stated */
	double cxl_share; /* of the bytes on CXL: what its region and weight give it; local: 0 */
	size_t region;	  /* that it belongs to; local: none, 0 */
	/* behind those shown: requests to target @miss_of that its page buffer lacks; else 0 */
	size_t miss_of;
	double page_bytes, buffer_bytes;
};

/** struct cxms_fabric_region - memdevs that share pages */
struct cxms_fabric_region {
	const char *name;
	size_t n_target;
	size_t *target; /* of a host, by way of the decoder */
	struct cxms_decoder decoder;
	double share; /* of the pages on CXL */
};

enum cxms_part {
	CXMS_PART_LOCAL,
	CXMS_PART_BRIDGE, /* what local and CXL traffic of a host share */
	CXMS_PART_DEVICE, /* a memdev, or the inside of a switch */
	CXMS_PART_MEDIUM, /* what fills the page buffer of a memdev */
	CXMS_PART_LINK	  /* to the upstream of the device it is named after */
};
#define CXMS_PART_SHARED UINT32_MAX
/** struct cxms_fabric_part - what a server stands for */
struct cxms_fabric_part {
	const char *name; /* of the device; "local", "bridge" */
	enum cxms_part part;
	uint32_t host; /* the only host that uses it, or CXMS_PART_SHARED */
	size_t above;  /* the one server that all its traffic comes through; SIZE_MAX: none */
	size_t head; /* LINK: the device whose wires are apart that it is one of; SIZE_MAX: none */
};

/**
 * struct cxms_fabric - servers, targets and regions
 *
 * A *place* is where a page lies: the number of a target, or n_host_target + r for a page whose
 * lines are spread evenly over region r, since its granularity is smaller than the page.
 * Target @t of host @h is target[h * n_host_target + t].
 */
struct cxms_fabric {
	const struct cxms_topo *topo; /* borrowed: what it was built of; NULL = made by hand */
	size_t n_host, n_host_target;
	size_t n_shown; /* of a host: local and the memdevs; misses of page buffers follow */
	size_t n_target, n_server; /* of all hosts */
	struct cxms_fabric_target *target;
	struct cxms_server *server;
	struct cxms_fabric_part *part; /* [n_server] */
	size_t n_region;
	struct cxms_fabric_region *region;
	size_t n_curve;
	struct cxms_curve **curve; /* owned; servers of measured devices point to them */
	double l1d_mshrs, l2_mshrs;
};

/** cxms_fabric_build() - @mem_latency_ps: the recording machine's, for `latency: auto`.
 * 0, -ENOMEM, or -EINVAL for a curve that is none */
int cxms_fabric_build(const struct cxms_topo *topo, double mem_latency_ps, struct cxms_fabric *out,
		      struct cxms_err *err);
/**
 * cxms_fabric_build_hosts() - the same for @n_host hosts of the topology's kind
 * @mem_latency_ps: by host
 * Each host has its own local memory, bridge and links to its root ports; what lies below these
 * is shared. A memdev on a root port is one device with a link to every host (multi-headed).
 */
int cxms_fabric_build_hosts(const struct cxms_topo *topo, const double *mem_latency_ps,
			    size_t n_host, struct cxms_fabric *out, struct cxms_err *err);
void cxms_fabric_fini(struct cxms_fabric *f);
/** cxms_fabric_place_ps() - idle latency of each place of @host: n_host_target + n_region of @out
 */
void cxms_fabric_place_ps(const struct cxms_fabric *f, size_t host, double *out);
/** cxms_fabric_bank() - kind and timings of a memory of model bank; caps are the caller's */
void cxms_fabric_bank(const struct cxms_memory *m, struct cxms_device_cfg *out);
/** does the way to a target lead through a server? */
bool cxms_fabric_passes(const struct cxms_fabric *f, size_t target, size_t server);

#endif

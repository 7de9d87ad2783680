/*
 * A topology as servers (mem/server.h) and the ways of requests through them, for one host or for
 * several on the same switches and devices. The engines ask this, never the topology.
 */
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

/**
 * struct cxms_fabric_target - what a request can go to: of each host local memory (0), then the
 * memdevs in the order of the file, then for each memdev with a page buffer what that lacks
 */
struct cxms_fabric_target {
	const char *name;
	double idle_ps;	  /* load to use, whole path, the mean of the device's tail included */
	double switch_ps; /* part of it: switches, and links above the device */
	double tail_ps;	  /* part of it: mean of the device's tail */
	bool own; /* the recording machine's own memory (`latency: auto`), as slow as in that run */
	size_t n_server;
	size_t *server;	       /* indices into cxms_fabric.server, from the device up */
	double capacity_bytes; /* INFINITY when not stated */
	double cxl_share;      /* of the bytes on CXL, by its region and weight; local memory: 0 */
	size_t region;	       /* that it belongs to; local memory: 0, of no meaning */
	size_t miss_of;	       /* the target whose page buffer lacks these requests; else 0 */
	double page_bytes, buffer_bytes; /* of that buffer; else 0 */
};

/** struct cxms_fabric_region - memdevs that are interleaved */
struct cxms_fabric_region {
	const char *name;
	size_t n_target;
	size_t *target; /* [way of the decoder], numbers within a host */
	struct cxms_decoder decoder;
	double share; /* of the pages on CXL, 0 .. 1 */
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
	size_t above;  /* the one server that all its traffic comes through; SIZE_MAX = none */
	size_t head;   /* LINK: the server of the multi-headed device that it leads to (server.h,
			  wires_apart); SIZE_MAX = none */
};

/**
 * struct cxms_fabric - servers, targets and regions
 *
 * A *place* is where a page lies: the number of a target, or n_host_target + r where region r
 * interleaves by less than a page, so that the lines of the page are spread evenly over its
 * targets. Target t of host h is target[h * n_host_target + t].
 */
struct cxms_fabric {
	const struct cxms_topo *topo; /* borrowed; NULL = made by hand */
	size_t n_host, n_host_target;
	size_t n_shown; /* targets of a host without the misses of page buffers, which follow */
	size_t n_target, n_server; /* of all hosts */
	struct cxms_fabric_target *target;
	struct cxms_server *server;
	struct cxms_fabric_part *part; /* [n_server] */
	size_t n_region;
	struct cxms_fabric_region *region;
	size_t n_curve;
	struct cxms_curve **curve;  /* owned; servers of measured devices point to them */
	double l1d_mshrs, l2_mshrs; /* miss registers of a core */
};

/**
 * cxms_fabric_build() - for one host
 * @mem_latency_ps: of the recording machine's memory, for `latency: auto`
 * Return: 0, -ENOMEM, or -EINVAL for points that make no curve. Owner: cxms_fabric_fini()
 */
int cxms_fabric_build(const struct cxms_topo *topo, double mem_latency_ps, struct cxms_fabric *out,
		      struct cxms_err *err);
/**
 * cxms_fabric_build_hosts() - the same for @n_host hosts, all as the topology's
 * @mem_latency_ps: [host]
 * Each host has its own local memory, bridge and links to its root ports; what lies below these
 * is shared. A memdev on a root port is one device with a link to every host (multi-headed).
 */
int cxms_fabric_build_hosts(const struct cxms_topo *topo, const double *mem_latency_ps,
			    size_t n_host, struct cxms_fabric *out, struct cxms_err *err);
void cxms_fabric_fini(struct cxms_fabric *f);
/** cxms_fabric_place_ps() - @out: idle latency of each place of @host, n_host_target + n_region */
void cxms_fabric_place_ps(const struct cxms_fabric *f, size_t host, double *out);
/** cxms_fabric_bank() - kind and timings of a memory of model `bank`; the caller sets the caps */
void cxms_fabric_bank(const struct cxms_memory *m, struct cxms_device_cfg *out);

#endif

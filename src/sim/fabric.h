/* A topology as servers and paths, ready for the solver. */
#ifndef CXMS_SIM_FABRIC_H
#define CXMS_SIM_FABRIC_H

#include <stddef.h>

#include "mem/server.h"

struct cxms_err;
struct cxms_topo;

/** struct cxms_fabric_target - 0 is local memory, then the memdevs in file order */
struct cxms_fabric_target {
	const char *name;
	double idle_ps;	  /* whole path */
	double switch_ps; /* of it: switches and links above the device */
	size_t n_server;
	size_t *server;	       /* indices into cxms_fabric.server */
	double capacity_bytes; /* INFINITY when not stated */
};

struct cxms_fabric {
	size_t n_target, n_server;
	struct cxms_fabric_target *target;
	struct cxms_server *server;
	size_t n_interleave; /* memdevs of the region, in order: targets CXL pages go to */
	size_t *interleave;
	double l1d_mshrs, l2_mshrs;
	unsigned rob;
};

/** cxms_fabric_build() - @mem_latency_ps: the recording machine's, for `latency: auto`. 0 or
 * -ENOMEM */
int cxms_fabric_build(const struct cxms_topo *topo, double mem_latency_ps, struct cxms_fabric *out,
		      struct cxms_err *err);
void cxms_fabric_fini(struct cxms_fabric *f);

#endif

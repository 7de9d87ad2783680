/* The fabric as a window sees it: one copy of the network for each lane. */
#ifndef CXMS_SIM_XFABRIC_H
#define CXMS_SIM_XFABRIC_H

#include <stdint.h>

#include "base/hist.h"
#include "core/window.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "sim/place_split.h"

/** struct cxms_xtarget_sum - what a lane asked of one target; latency over reads only */
struct cxms_xtarget_sum {
	uint64_t reads, writes, latency_ps;
	uint64_t idle_ps, switch_ps; /* of the fabric's target, whole ps */
	struct cxms_hist hist;	     /* latency of reads, ps */
};

/** struct cxms_xlane - the network and sums of one lane */
struct cxms_xlane {
	struct cxms_net *net;
	struct cxms_xtarget_sum *target;    /* [fabric.n_target] */
	const struct cxms_placement *place; /* borrowed; NULL = everything local */
	size_t n_page;
};

/** @fabric: borrowed; @seed: of the devices' tails. 0 or -ENOMEM. Owner: cxms_xlane_fini() */
int cxms_xlane_init(struct cxms_xlane *x, const struct cxms_fabric *fabric, uint64_t seed,
		    struct cxms_err *err);
void cxms_xlane_fini(struct cxms_xlane *x);
/** cxms_xlane_request() - one line from or to a target; @dpa: its device address, bytes */
static inline void cxms_xlane_request(struct cxms_xlane *x, uint32_t target,
				      enum cxms_xrequest kind, uint64_t dpa, uint64_t at_ps,
				      struct cxms_xreply *out)
{
	struct cxms_xtarget_sum *sum = &x->target[target];
	bool write = kind == CXMS_XR_WRITE;
	uint64_t latency = cxms_net_request(x->net, target, write, dpa, at_ps);
	out->latency_ps = latency;
	out->queue_ps = latency > sum->idle_ps ? latency - sum->idle_ps : 0;
	out->switch_ps = sum->switch_ps;
	out->target = target;
	if (write) {
		sum->writes++;
		return;
	}
	sum->reads++;
	sum->latency_ps += latency;
	cxms_hist_add(&sum->hist, latency);
}

#endif

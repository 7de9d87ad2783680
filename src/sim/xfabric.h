/* The fabric asked request by request: one copy of every server for each lane of a window. */
#ifndef CXMS_SIM_XFABRIC_H
#define CXMS_SIM_XFABRIC_H

#include <stdint.h>

#include "core/window.h"
#include "mem/calendar.h"
#include "sim/fabric.h"
#include "sim/place_split.h"

/* A link has two directions, a device up to three limits. */
enum cxms_xserver_part {
	CXMS_XP_UP,
	CXMS_XP_DOWN,
	CXMS_XP_READ,
	CXMS_XP_WRITE,
	CXMS_XP_TOTAL,
	CXMS_XP_COUNT
};

/** struct cxms_xtarget_sum - what a lane asked of one target; latency over reads only */
struct cxms_xtarget_sum {
	uint64_t reads, writes, latency_ps, wait_ps;
};

/** struct cxms_xlane - the servers and sums of one lane */
struct cxms_xlane {
	struct cxms_calendar *server;	    /* [fabric.n_server * CXMS_XP_COUNT] */
	struct cxms_xtarget_sum *target;    /* [fabric.n_target] */
	const struct cxms_placement *place; /* borrowed; NULL = everything local */
	size_t n_page;
};

/** @fabric: borrowed. 0 or -ENOMEM. Owner: cxms_xlane_fini() */
int cxms_xlane_init(struct cxms_xlane *x, const struct cxms_fabric *fabric, struct cxms_err *err);
void cxms_xlane_fini(struct cxms_xlane *x, const struct cxms_fabric *fabric);
/**
 * cxms_xlane_request() - one line from or to a target
 * Reads pass the request down each link and the data up; writes carry their data down. What a
 * request waits at one server delays it at the next.
 */
void cxms_xlane_request(struct cxms_xlane *x, const struct cxms_fabric *f, uint32_t target,
			enum cxms_xrequest kind, uint64_t at_ps, struct cxms_xreply *out);
/** requests that lay before what a calendar remembers, and were served without waiting */
uint64_t cxms_xlane_late(const struct cxms_xlane *x, const struct cxms_fabric *f);
/** busiest server's share of @time_ps on the way to a target; 0 where none is bounded */
double cxms_xlane_utilization(const struct cxms_xlane *x, const struct cxms_fabric *f,
			      uint32_t target, uint64_t time_ps);

#endif

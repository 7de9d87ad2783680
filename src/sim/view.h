/* What policies see of a recording: its pages, and the heat that the evidence gives them. */
#ifndef CXMS_SIM_VIEW_H
#define CXMS_SIM_VIEW_H

#include <stdint.h>

#include "sim/evidence.h"
#include "sim/load.h"

struct cxms_err;
struct cxms_policy_page;
struct cxms_recording;

/** struct cxms_view - read only after init, shared by all topologies */
struct cxms_view {
	const struct cxms_evidence *ev; /* borrowed */
	size_t n_page;
	struct cxms_policy_page *page[3]; /* what policies see, by enum cxms_half judged: the other
					     half gives the heat; all: no heat */
	double *heat[2];   /* [half A, half B][page]: exposed waits of that half's samples */
	double *square[2]; /* the same: sum of each sample's waits squared */
};

/** cxms_view_init() - @ev: built; must outlive @out. 0 or -ENOMEM; always cxms_view_fini() */
int cxms_view_init(const struct cxms_recording *rec, const struct cxms_evidence *ev, uint64_t seed,
		   struct cxms_view *out, struct cxms_err *err);
void cxms_view_fini(struct cxms_view *v);

#endif

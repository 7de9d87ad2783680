/* The instructions that wait most, and how their figures come about. */
#ifndef CXMS_SIM_TOP_SITES_H
#define CXMS_SIM_TOP_SITES_H

#include "sim/result.h"

struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_top_sites() - fill site[] and n_site of @out
 * @lines_per_free_wait: of waits whose lines nothing tells, middle. 0 or -ENOMEM
 */
int cxms_top_sites(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		   double lines_per_free_wait, struct cxms_basis *out);

#endif

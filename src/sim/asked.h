/* What a replay is asked for: the command line first, then the file, then the defaults. */
#ifndef CXMS_SIM_ASKED_H
#define CXMS_SIM_ASKED_H

#include <stddef.h>

#include "sim/replay.h"

struct cxms_trace_head;

/** struct cxms_asked - of one topology; borrowed from the configuration and the topology */
struct cxms_asked {
	const char *const *policy;
	size_t n_policy;
	const double *split_pct;
	size_t n_split;
};
struct cxms_asked cxms_asked_of(const struct cxms_replay_cfg *cfg, const struct cxms_topo *t);
/** results of all topologies together */
size_t cxms_asked_count(const struct cxms_replay_cfg *cfg);
/** the recorded command line into a result. 0 or -ENOMEM */
int cxms_asked_argv(const struct cxms_trace_head *head, struct cxms_result *out);

#endif

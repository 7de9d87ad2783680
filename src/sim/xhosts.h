/* Exact recordings of several hosts that share one fabric. */
#ifndef CXMS_SIM_XHOSTS_H
#define CXMS_SIM_XHOSTS_H

#include <stddef.h>

struct cxms_err;
struct cxms_host_trace;
struct cxms_replay_cfg;
struct cxms_result;

/**
 * cxms_xhosts_run() - evaluate @n exact recordings that begin together, each on its own host
 *
 * Each is replayed alone first (xreplay.h): that is its base and its time without the others. Then,
 * for each topology and placement, the threads of all of them run in the order of simulated time
 * over one network.
 * @out: zeroed by the caller, who frees it with cxms_result_free() in every case; figures that
 * belong to one recording are those of the first
 * Return: as cxms_xreplay_run(); also -EINVAL (a recording that was sampled in time)
 */
int cxms_xhosts_run(const struct cxms_replay_cfg *cfg, const struct cxms_host_trace *host, size_t n,
		    struct cxms_result *out, struct cxms_err *err);

#endif

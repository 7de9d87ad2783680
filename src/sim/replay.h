/* Replay: evaluate a recording against topologies, policies and splits. */
#ifndef CXMS_SIM_REPLAY_H
#define CXMS_SIM_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/result.h"

struct cxms_err;
struct cxms_log;
struct cxms_trace_reader;
struct cxms_xearly;

enum cxms_blocked { CXMS_BLOCKED_STRETCH, CXMS_BLOCKED_KEEP };

/* How queueing is computed. Exact recordings are replayed request by request, by their window. */
enum cxms_engine { CXMS_ENGINE_DEFAULT, CXMS_ENGINE_EPOCH, CXMS_ENGINE_EVENT };

struct cxms_replay_cfg {
	const struct cxms_topo *const *topo; /* n_topo >= 1; borrowed until the result is freed */
	size_t n_topo;
	const char *const *policy; /* n_policy 0: the topology's, else page-interleave */
	size_t n_policy;
	const double *split_pct; /* n_split 0: the topology's, else 100 75 50 25 0 */
	size_t n_split;
	uint64_t epoch_ns; /* 0 = auto */
	uint64_t seed;
	unsigned jobs; /* threads that evaluate; the result is the same for any number */
	enum cxms_blocked blocked;
	enum cxms_engine engine;   /* default: epoch for sampled recordings */
	uint64_t llc_bytes;	   /* 0 = from the staircase of the recording, else llc of facts */
	struct cxms_xearly *early; /* what was done while the recording grew; NULL = nothing */
	struct cxms_log *log;
};

/**
 * cxms_replay() - evaluate the recording that @r reads, to its end
 * Return: 0; -EINVAL (an unknown policy; for an exact recording an option that
 * cxms_replay_not_exact() names); -ENODATA (no thread ran in the recording); -ENOMEM.
 * Owner: cxms_result_free()
 */
int cxms_replay(struct cxms_trace_reader *r, const struct cxms_replay_cfg *cfg,
		struct cxms_result **out, struct cxms_err *err);

/** cxms_replay_not_exact() - the first of these options, as on the command line, that a recording
 * of source exact has no use for; NULL = none */
const char *cxms_replay_not_exact(enum cxms_engine engine, enum cxms_blocked blocked,
				  uint64_t epoch_ns, uint64_t llc_bytes);

/** struct cxms_host_trace - a host of several, and what runs on it */
struct cxms_host_trace {
	const char *name; /* borrowed until the result is freed */
	struct cxms_trace_reader *reader;
};

/**
 * cxms_replay_hosts() - programs that begin at the same time, each on a host of its own
 * @host: @n >= 1 of them; all share the switches and memdevs of the topology
 * Figures of the result that belong to one recording are those of the first.
 * Return: as cxms_replay(); also -EINVAL (two hosts of one name, a name that the topology does not
 * know where it names hosts, extents of several hosts that name none; some recordings are of source
 * exact and some are not, or one of these is sampled in time)
 */
int cxms_replay_hosts(const struct cxms_host_trace *host, size_t n,
		      const struct cxms_replay_cfg *cfg, struct cxms_result **out,
		      struct cxms_err *err);

#endif

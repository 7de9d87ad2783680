/* Replay of an exact recording: the instruction window of each thread against topologies, policies
 * and splits, all in one pass. */
#ifndef CXMS_SIM_XREPLAY_H
#define CXMS_SIM_XREPLAY_H

struct cxms_err;
struct cxms_replay_cfg;
struct cxms_result;
struct cxms_trace_reader;

/**
 * cxms_xreplay_run() - evaluate a recording whose source saw every access
 * @out: zeroed by the caller, who frees it with cxms_result_free() in every case
 * Return: 0, -EINVAL (a damaged stream, or a topology with other caches than the recording's),
 * -ENODATA (nothing was timed), -ENOMEM
 */
int cxms_xreplay_run(const struct cxms_replay_cfg *cfg, struct cxms_trace_reader *reader,
		     struct cxms_result *out, struct cxms_err *err);

#endif

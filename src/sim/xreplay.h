/*
 * Replay of an exact recording: once over its packets for the pages, then once for each topology,
 * with a window (core/window.h) for each thread and a lane for each policy and split.
 */
#ifndef CXMS_SIM_XREPLAY_H
#define CXMS_SIM_XREPLAY_H

#include <stddef.h>

struct cxms_err;
struct cxms_facts;
struct cxms_replay_cfg;
struct cxms_result;
struct cxms_trace_reader;

/**
 * cxms_xreplay_run() - evaluate an exact recording
 * @out: zeroed by the caller, who frees it with cxms_result_free() in every case
 * Return: 0, -EINVAL (a damaged stream, or a topology with other caches than the recording's),
 * -ENODATA (nothing was timed), -ENOMEM
 */
int cxms_xreplay_run(const struct cxms_replay_cfg *cfg, struct cxms_trace_reader *reader,
		     struct cxms_result *out, struct cxms_err *err);

/*
 * The part of a replay that is done while the program still runs. Its pages are counted. Where only
 * splits of 100 and 0 are asked of a topology, the place of a page is known when it is touched, and
 * the topology is replayed as well until a second thread begins. The result is the same either way.
 * A single topology of a finished recording is replayed so, too.
 */
struct cxms_xearly;

/** @cfg: that of the replay to come, borrowed. 0 or -ENOMEM. Owner: cxms_xearly_free() */
int cxms_xearly_new(const struct cxms_replay_cfg *cfg, struct cxms_xearly **out,
		    struct cxms_err *err);
void cxms_xearly_free(struct cxms_xearly *x);
/** @facts: of the recording, before its first packet */
void cxms_xearly_begin(struct cxms_xearly *x, const struct cxms_facts *facts);
/** every packet that is recorded, in that order; where it fails, the replay does it all itself */
void cxms_xearly_packet(struct cxms_xearly *x, const void *data, size_t len);

#endif

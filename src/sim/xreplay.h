/* Replay of an exact recording: the instruction window of each thread against topologies, policies
 * and splits, all in one pass. */
#ifndef CXMS_SIM_XREPLAY_H
#define CXMS_SIM_XREPLAY_H

#include <stddef.h>

struct cxms_err;
struct cxms_facts;
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

/* What of a replay is done while the program still runs, on what is recorded: its pages are counted
 * for every replay; topologies are replayed of which only splits of 100 and 0 are asked, where a
 * page's place is known when it is touched, until a second thread begins. The result is the same.
 * A single topology of a recording is replayed so, too.
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

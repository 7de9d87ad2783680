/* Which instructions stream, and how many lines a nanosecond of their waiting stands for. */
#ifndef CXMS_SIM_STREAMS_H
#define CXMS_SIM_STREAMS_H

struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_streams_find() - fill lines_per_stall_ns of the groups whose address moves evenly with time
 * Copies of one stream (an unrolled loop) share its lines. A stream's lines are its rate x the time
 * in its block of code, spread over its own waiting. Of one that uses each line several times also
 * walk_step and at_line. 0 or -ENOMEM
 */
int cxms_streams_find(const struct cxms_recording *rec, struct cxms_evidence *ev,
		      struct cxms_err *err);

#endif

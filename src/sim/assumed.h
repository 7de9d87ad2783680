/* Figures of the models that no source gives: what a result rests on, for its report. */
#ifndef CXMS_SIM_ASSUMED_H
#define CXMS_SIM_ASSUMED_H

struct cxms_recording;
struct cxms_result;
struct cxms_stair;

/**
 * cxms_assumed_sampled() - set the list of @out, which is complete otherwise
 * @rec:   the first recording, for what was counted
 * @stair: what memory and cache were told apart by
 * Listed is what this result may rest on: of a memory model where a topology uses it, of moved
 * pages where some moved. Text is static.
 */
void cxms_assumed_sampled(const struct cxms_recording *rec, const struct cxms_stair *stair,
			  struct cxms_result *out);
/** cxms_assumed_exact() - the same of source exact: figures of its window and of its tool */
void cxms_assumed_exact(struct cxms_result *out);

#endif

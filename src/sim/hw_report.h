/* What a result says of the hardware's samples and counters behind it. */
#ifndef CXMS_SIM_HW_REPORT_H
#define CXMS_SIM_HW_REPORT_H

#include "sim/result.h"

struct cxms_recording;

/** cxms_hw_judge() - warnings: stalls not counted, no calibration, counted in turns */
void cxms_hw_judge(const struct cxms_recording *rec, struct cxms_warnings *out);
/** cxms_hw_assumed() - what was assumed for lack of a counter */
void cxms_hw_assumed(const struct cxms_recording *rec, struct cxms_result *out);

#endif

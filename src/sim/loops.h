/* How often the loops around the instructions went round. */
#ifndef CXMS_SIM_LOOPS_H
#define CXMS_SIM_LOOPS_H

#include "core/turns.h"

struct cxms_recording;

/**
 * cxms_turns_find() - turns of the loop around each site, from all samples in that loop
 * @out: [site]; sites of one loop have the same; free(). 0 or -ENOMEM
 */
int cxms_turns_find(const struct cxms_recording *rec, struct cxms_turns **out);

#endif

/* Waits for lines that samples show a few instructions behind the one that waited. */
#ifndef CXMS_SIM_LINEWAITS_H
#define CXMS_SIM_LINEWAITS_H

struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_linewaits_find() - raise at_line of the walks through memory by what stands behind them
 * An interrupt that waits for a group of instructions to retire stands at the group's end. Such a
 * sample shows no operand, but the register that counts the loop's turns moves with the walk: of an
 * instruction whose samples gather at one place in a line (core/linewait.h), that share of its time
 * is added to the walks of its loop, by their waiting. Instructions that are not run in each turn
 * are left out: of work that is done once a line the place is no sign of a wait.
 * Only where at_line and walk_step were set (streams.h). 0 or -ENOMEM
 */
int cxms_linewaits_find(const struct cxms_recording *rec, struct cxms_evidence *ev);

#endif

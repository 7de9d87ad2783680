/* Waits for lines whose samples stand a few instructions behind the one that waited. */
#ifndef CXMS_SIM_LINEWAITS_H
#define CXMS_SIM_LINEWAITS_H

struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_linewaits_find() - raise at_line of walks through memory by samples that stand behind them
 *
 * An interrupt may wait until a group of instructions retires, and then stands at the group's end.
 * Such a sample shows no operand. But the register that counts the loop's turns moves with the
 * walk: where the samples of an instruction gather at one place in a line (core/linewait.h), that
 * share of its time is added to the walks of its loop, in proportion to their waiting. Instructions
 * that do not run in each turn are left out: of work that is done once a line the place tells
 * nothing. So are loops whose register moves by less than a line in all (an inner loop over part of
 * one, begun anew): it tells how far a run is. Only for groups with walk_step (streams.h). Return:
 * 0 or -ENOMEM
 */
int cxms_linewaits_find(const struct cxms_recording *rec, struct cxms_evidence *ev);

#endif

/* Loops that ask for lines by prefetch instructions: how long they run for what they wait. */
#ifndef CXMS_SIM_AHEAD_H
#define CXMS_SIM_AHEAD_H

struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_ahead_find() - sets between[].ahead_per_stall: of the loop that runs prefetch instructions
 * (struct cxms_site, ahead_ip), its time over the waiting of all its instructions
 * Return: 0 or -ENOMEM. Needs groups and between[].
 */
int cxms_ahead_find(const struct cxms_recording *rec, struct cxms_evidence *ev);

#endif

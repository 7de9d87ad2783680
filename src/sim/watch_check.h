/* The share of memory by watched words (adr/0028), to be shown beside the one that is used. */
#ifndef CXMS_SIM_WATCH_CHECK_H
#define CXMS_SIM_WATCH_CHECK_H

struct cxms_basis;
struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_watch_check() - fill @out->watch, and watch of each of @out->site, which are there already
 *
 * The time between two uses of a word becomes a number of other lines in between, by the uses of
 * lines that the judgement of the samples found (core/reuse.h), times the lines that pass while one
 * is waited for. That becomes a miss ratio by the staircase. A watchpoint sees one word of the
 * eight of a line, and one thread, so the line is used again no later than the word (high end). It
 * is used again no earlier than the word's time times two shares: that of the area's waits that
 * fall on this place in a line (middle; without it where the address moves evenly, as a line is
 * then used at once) and that of this thread (low end). Return: 0 or -ENOMEM
 */
int cxms_watch_check(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		     struct cxms_basis *out, struct cxms_err *err);

#endif

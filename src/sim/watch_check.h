/* The share of memory by watched words, beside the one that is used. */
#ifndef CXMS_SIM_WATCH_CHECK_H
#define CXMS_SIM_WATCH_CHECK_H

struct cxms_basis;
struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_watch_check() - fill out->watch, and that of out->site, which is filled already
 *
 * A word's time between uses becomes a number of lines in between by the uses that the judgement of
 * the samples found (core/reuse.h), times the lines that pass while one is waited for; that becomes
 * a miss ratio by the staircase. A watchpoint sees one word of eight, and one thread: the line's
 * time between uses is at most the word's (hi). At least it is the word's times the share of the
 * area's waits that fall on this place in a line (middle, unless the address moves evenly: a line
 * is then used at once) and on this thread (lo). Return: 0 or -ENOMEM
 */
int cxms_watch_check(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		     struct cxms_basis *out, struct cxms_err *err);

#endif

/* Hardware breakpoints on data: one word of one thread, told each time it is used. */
#ifndef CXMS_SOURCE_WATCHPOINT_H
#define CXMS_SOURCE_WATCHPOINT_H

#include <stdint.h>

struct cxms_err;

/** a breakpoint covers this much, from a multiple of it on */
#define CXMS_WATCH_WORD_BYTES 8u

/**
 * cxms_watchpoint_open() - watch a word of thread @tid (0 = this one), off until it is enabled
 * Return: a descriptor, or -errno: -ENOSPC or -EBUSY, all breakpoints are taken (by a debugger);
 * -ESRCH, the thread has ended; others as of cxms_perf_open()
 */
int cxms_watchpoint_open(uint32_t tid, uint64_t addr, struct cxms_err *err);
/**
 * cxms_watchpoint_probe() - does one on a word of our own fire when the word is used?
 * Return: 0, -ENOTSUP (it opens and does not fire), or -errno of the opening; all with the remedy
 */
int cxms_watchpoint_probe(struct cxms_err *err);

#endif

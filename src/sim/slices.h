/* The stretched time line slice by slice, where the recording has the scheduler's own slices. */
#ifndef CXMS_SIM_SLICES_H
#define CXMS_SIM_SLICES_H

#include "sim/replay.h"
#include "sim/timeline.h"

struct cxms_cells;
struct cxms_err;
struct cxms_new_cell;
struct cxms_recording;

/**
 * cxms_slices_run() - lay every slice to where what it waited for has come (sim/wakes.h)
 *
 * Slices are taken in the order they began. On CPU a thread's time grows as its cell does. A slice
 * begins, after the one before it of its thread has ended,
 * - woken:  when its waker reaches the moment at which it woke it; after a join, when all children
 *           that had ended by then have ended; at a barrier, when the last has come;
 * - queued: when who had the CPU before has left it;
 * - kept:   as long after the slice before as recorded;
 * - until:  at the recorded time.
 * @blocked keep: woken slices are kept.
 * At equal times this is the recorded time line, and no slice begins earlier when one grows.
 * @cells: with wakes. Return: 0 or -ENOMEM; out->thread_cpu_ns is not touched
 */
int cxms_slices_run(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_new_cell *cell, enum cxms_blocked blocked,
		    struct cxms_timeline *out, struct cxms_err *err);

#endif

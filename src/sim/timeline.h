/* From stretched cells to the program's time: who waits for whom, and where the time goes. */
#ifndef CXMS_SIM_TIMELINE_H
#define CXMS_SIM_TIMELINE_H

#include <stddef.h>

#include "sim/replay.h"
#include "sim/result.h"

struct cxms_cells;
struct cxms_err;
struct cxms_recording;

/** struct cxms_new_cell - a cell in the simulated world */
struct cxms_new_cell {
	double cpu_ns;			   /* T' */
	double cause_ns[CXMS_CAUSE_COUNT]; /* sums to cpu_ns; BLOCKED 0 */
};

struct cxms_timeline {
	double time_ns;			   /* last exit */
	double cause_ns[CXMS_CAUSE_COUNT]; /* along the path to it; sums to time_ns */
	double *thread_cpu_ns;		   /* [thread] sum of T'; caller's storage, n_thread */
};

/**
 * cxms_timeline_run() - lay the cells end to end
 *
 * On-CPU time is replaced by T'. Off-CPU time during which other threads of the program ran is
 * taken as waiting for the slowest of them (those on CPU at least half as long as the longest), and
 * grows with it (@blocked stretch) or stays (keep); off-CPU time while nobody ran (I/O, timers)
 * stays. A thread starts where its parent stands at the fork. Program time is the last exit.
 * Source: MODELS, threads; who waits for whom is inferred, so both ends enter the interval.
 */
int cxms_timeline_run(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      const struct cxms_new_cell *cell, enum cxms_blocked blocked,
		      struct cxms_timeline *out, struct cxms_err *err);

#endif

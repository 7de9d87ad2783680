/*
 * The time line: from cells (one thread in one epoch) that take longer to how long the program
 * takes, by who waits for whom; and where that time goes.
 */
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
	double cpu_ns;			   /* T', time on CPU */
	double cause_ns[CXMS_CAUSE_COUNT]; /* sums to cpu_ns; BLOCKED 0 */
};

struct cxms_timeline {
	double time_ns;			   /* when the last thread ends */
	double cause_ns[CXMS_CAUSE_COUNT]; /* along the path to that end; sums to time_ns */
	double taken_ns; /* of BLOCKED: waiting for CPUs that other programs had, along that path */
	double *thread_cpu_ns; /* [thread] sum of T'; storage of the caller */
};

/**
 * cxms_timeline_run() - lay the cells end to end
 *
 * Time on CPU is replaced by T'. Time off CPU while other threads of the program ran counts as
 * waiting for the slowest of them (of those that were on CPU at least half as long as the longest):
 * it grows with that one (@blocked stretch), or stays (keep). Time off CPU while none ran (I/O,
 * timers) stays. A thread starts where its parent stands at the fork. Source: MODELS, threads. Who
 * waits for whom is inferred, so the interval holds the results of both values of @blocked.
 */
int cxms_timeline_run(const struct cxms_recording *rec, const struct cxms_cells *cells,
		      const struct cxms_new_cell *cell, enum cxms_blocked blocked,
		      struct cxms_timeline *out, struct cxms_err *err);

#endif

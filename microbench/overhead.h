/* What the two ways to measure the cost of watching share: programs, runs, and intervals. */
#ifndef CXMS_MICROBENCH_OVERHEAD_H
#define CXMS_MICROBENCH_OVERHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "bench.h"

#define OVERHEAD_PAIRS	  1000u
#define OVERHEAD_ARGS	  12
#define OVERHEAD_PROGRAMS 3u

struct overhead_opts {
	const char *source, *json, *period; /* period: NULL = the default of the source */
	unsigned pairs;
	bool tiny, parts, floor;
	char build[BENCH_PATH_BYTES]; /* of cxlmemsim, microbench/mb and workloads/ */
	char scratch[BENCH_PATH_BYTES];
};

/* One program, and its words: for one or two seconds; for a part of that; for some milliseconds.
 * And those of mb where it does no more than to fill as many pages. */
struct overhead_program {
	const char *name, *path;
	const char *full[OVERHEAD_ARGS], *part[OVERHEAD_ARGS], *tiny[OVERHEAD_ARGS],
		*fill[OVERHEAD_ARGS];
};

extern const struct overhead_program overhead_programs[OVERHEAD_PROGRAMS];

/* One run: @trace is NULL where nobody watches, @period where the default is kept. */
struct overhead_run {
	const char *path, *const *args, *trace, *period;
};

/** interval [lo, hi] of the median, and the probability that it holds it */
struct overhead_summary {
	double median, lo, hi, coverage;
};

/** start @run on @cpu, negative = on any; bench_end() waits for it */
void overhead_start(const struct overhead_opts *o, const struct overhead_run *run, int cpu,
		    struct bench_job *job);
/** of @n values, which it sorts; 1 .. OVERHEAD_PAIRS */
struct overhead_summary overhead_summarize(double *value, unsigned n);
/** wall time watched / unwatched that the source is to keep to */
double overhead_goal(const struct overhead_opts *o);
/** measure the parts and print them */
void overhead_parts(const struct overhead_opts *o);
/** measure what the kernel takes of any watcher, and print it */
void overhead_floor(const struct overhead_opts *o);
/** wait until the next event is the first again */
void overhead_let_kernel_forget(void);

#endif

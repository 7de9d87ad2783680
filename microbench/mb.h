/* What the files of mb share: the options of a run, and the ways to run workers. */
#ifndef CXMS_MB_H
#define CXMS_MB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mb_kernels.h"

#define MB_MAX_WORKERS 4096u

/** struct mb_opts - one run, checked */
struct mb_opts {
	const char *kernel;
	size_t size_bytes; /* 0 for kernels without memory */
	bool huge;
	unsigned threads; /* workers: threads, or children of forks */
	unsigned times;	  /* execchain: programs still to come after this one */
	uint64_t steps;	  /* per worker; 0 = seconds */
	double seconds;
	uint64_t work; /* multiplications for each line */
	/* workers that wait for one another, else NULL: set by the runner */
	struct mb_sync *sync;
	bool (*next)(struct mb_work *w, bool more);
};

/** what worker @i of a run does */
typedef void mb_role(struct mb_work *w);

/** mb_run_threads() - workers as threads of this process; Return: exit status */
int mb_run_threads(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s);
/** mb_run_turns() - threads that work one at a time, the word goes round through pipes */
int mb_run_turns(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s);
/** mb_run_barrier() - threads that meet after each batch */
int mb_run_barrier(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s);
/** mb_run_forks() - workers as children; they share @area as it is at the fork */
int mb_run_forks(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s);
/** mb_run_execs() - one worker here, then this program anew with one time less */
int mb_run_execs(const struct mb_opts *o, mb_role *role, struct mb_area area, double init_s);

#endif

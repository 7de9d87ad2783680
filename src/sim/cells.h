/* Cells: one thread in one epoch, with its time on CPU, in the kernel, and off CPU. */
#ifndef CXMS_SIM_CELLS_H
#define CXMS_SIM_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include "sim/spells.h"
#include "sim/wakes.h"

/* Share of the CPU time from which kernel time is warned of and widens the bound (MODELS: kernel
 * time) */
#define CXMS_KERNEL_RATIO 0.05

struct cxms_err;
struct cxms_recording;

struct cxms_cell {
	uint32_t thread, epoch;
	double cpu_ns; /* T: user_ns + kernel_ns */
	double user_ns, kernel_ns;
	double blocked_ns; /* alive and not on CPU; three parts of it follow */
	double queued_ns;  /* preempted: it waited for a CPU */
	double taken_ns;   /* part of queued_ns: another program had the CPU */
	double kept_ns;	   /* seen to sleep, or to wait for I/O */
	double woken_ns;   /* until a thread of the program woke it (wakes.h) */
	double alive_ns;
	double filled_bytes; /* of pages that it touched first */
	double filling_ns;   /* part of kernel_ns: what those took */
};

struct cxms_cells {
	uint64_t epoch_ns;
	size_t n_epoch;
	size_t n;
	struct cxms_cell *cell;	 /* thread-major, each thread's epochs in order */
	size_t *first_of_thread; /* n_thread + 1 */
	uint32_t *first_epoch;	 /* by thread */
	/* the same cells by epoch */
	size_t *first_of_epoch; /* n_epoch + 1, into by_epoch */
	uint32_t *by_epoch;
	struct cxms_spells spells; /* who runs together in each epoch */
	uint32_t *cell_of_sample;  /* n_sample of the recording */
	struct cxms_wakes wakes;   /* none where slices are not the scheduler's */
};

/**
 * cxms_cells_build() - cut the recording into epochs
 * @epoch_ns: 0 = the shortest with 400 samples on CPU for each running thread, at least 20 ms
 *            (MODELS: notation). Either is raised so that there are no more than 100,000 epochs and
 *            a million cells; @out->epoch_ns tells
 * Return: 0 or -ENOMEM. Owner: cxms_cells_fini()
 */
int cxms_cells_build(const struct cxms_recording *rec, uint64_t epoch_ns, struct cxms_cells *out,
		     struct cxms_err *err);
void cxms_cells_fini(struct cxms_cells *c);
/** cxms_cells_at() - the cell of a thread at a time at which it lives */
size_t cxms_cells_at(const struct cxms_cells *c, uint32_t thread, uint64_t time_ns);

#endif

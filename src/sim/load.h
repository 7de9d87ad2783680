/* Demand of one placement: stall, exposed waits and lines by cell and target. */
#ifndef CXMS_SIM_LOAD_H
#define CXMS_SIM_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/demand.h"

struct cxms_cells;
struct cxms_err;
struct cxms_evidence;
struct cxms_fabric;
struct cxms_recording;

/** struct cxms_load_cell - one cell on one target; picoseconds and numbers, by span end */
struct cxms_load_cell {
	double stall_ps[CXMS_SPAN_COUNT];
	double waits[CXMS_SPAN_COUNT];
	/* what the waits of single instructions would fall below none by, at the place's idle
	 * latency, where that is below the recording machine's */
	double spare_ps[CXMS_SPAN_COUNT];
	double known_waits[CXMS_SPAN_COUNT]; /* of the waits: those whose lines are known */
	double known_lines[CXMS_SPAN_COUNT]; /* lines filled meanwhile */
	double prefetched[CXMS_SPAN_COUNT];  /* of known_lines: fetched ahead, by streams */
	double written[CXMS_SPAN_COUNT];     /* lines written back for known_waits */
	double past[CXMS_SPAN_COUNT];	     /* of written: stored past the caches */
	double store_waits;  /* of the other waits (middle): those whose lines are written */
	double past_waits;   /* of store_waits: for stores past the caches, which read nothing */
	double square_waits; /* sum over samples of their waits (middle) squared */
	double seen_ps;	     /* sum over waits (middle) of L_obs */
	/* the kernel's, on the program's pages: waits, lines read and lines written */
	double kernel_waits[CXMS_SPAN_COUNT];
	double kernel_reads[CXMS_SPAN_COUNT], kernel_writes[CXMS_SPAN_COUNT];
};

/** which samples count: all, or one seeded half (with double weight) */
enum cxms_half { CXMS_HALF_ALL, CXMS_HALF_A, CXMS_HALF_B };

struct cxms_load_map {
	size_t n_target;
	double sample_ns;	   /* mean time that one sample stands for */
	bool whole;		   /* all samples: those of a cell are as many as its time tells */
	struct cxms_load_cell *at; /* [cell][target] */
};

/** cxms_sample_half() - the half a sample belongs to, by a seeded hash of its number */
enum cxms_half cxms_sample_half(size_t sample, uint64_t seed);

/**
 * cxms_load_build() - add up the samples
 * @target_of_page: final page -> target, or any other number of a place below @n_target
 * @place_ps: [n_target] idle latency of each: of lines in flight together the slowest is waited for
 * (company.h)
 * Waits without an address follow the cell's known ones, else the thread's, else everybody's, else
 * the touched bytes. Kernel time: pages touched first are filled where they lie; a share of the
 * rest copies from and to user pages, each place as far as it holds touched bytes (core/kernel.h).
 * @out: reused when it has the room; 0 or -ENOMEM
 */
int cxms_load_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_evidence *ev, const uint32_t *target_of_page,
		    const double *place_ps, size_t n_target, enum cxms_half half, uint64_t seed,
		    struct cxms_load_map *out, struct cxms_err *err);
void cxms_load_fini(struct cxms_load_map *m);

#endif

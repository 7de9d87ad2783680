/*
 * The demand of one placement: the samples added up by where their pages lie. For each cell and
 * target: stall, waits and lines.
 */
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

/** struct cxms_load_cell - what one cell asks of one target; arrays are by end of the span */
struct cxms_load_cell {
	double stall_ps[CXMS_SPAN_COUNT];
	double waits[CXMS_SPAN_COUNT];
	/* on a target that is faster than the recording machine's memory: by how much the stall of
	 * single instructions would fall below 0 */
	double spare_ps[CXMS_SPAN_COUNT];
	double known_waits[CXMS_SPAN_COUNT]; /* those of the waits whose lines are known */
	double known_lines[CXMS_SPAN_COUNT]; /* lines filled for these */
	double prefetched[CXMS_SPAN_COUNT];  /* part of known_lines: fetched ahead, by streams */
	double written[CXMS_SPAN_COUNT];     /* lines written back for known_waits */
	double past[CXMS_SPAN_COUNT];	     /* part of written: stored past the caches */
	double store_waits; /* middle, waits whose lines are not known, but are written back */
	double past_waits;  /* part of store_waits: of stores past the caches, which read nothing */
	double square_waits; /* middle, sum over the samples of their waits squared */
	double seen_ps;	     /* middle, sum over the waits of L_obs */
	/* of the kernel on pages of the program: waits, lines read and lines written */
	double kernel_waits[CXMS_SPAN_COUNT];
	double kernel_reads[CXMS_SPAN_COUNT], kernel_writes[CXMS_SPAN_COUNT];
};

/** which samples count: all, or one half drawn by a seed (each then counts twice) */
enum cxms_half { CXMS_HALF_ALL, CXMS_HALF_A, CXMS_HALF_B };

struct cxms_load_map {
	size_t n_target;
	double sample_ns; /* mean time that one sample stands for */
	bool whole;	  /* of all samples: their number in a cell follows from its time */
	struct cxms_load_cell *at; /* [cell][target] */
};

/** cxms_sample_half() - the half a sample belongs to, by a seeded hash of its number */
enum cxms_half cxms_sample_half(size_t sample, uint64_t seed);

/**
 * cxms_load_build() - add up the samples
 * @target_of_page: [final page] its place (fabric.h), below @n_target
 * @place_ps: [n_target] idle latency of each place: of lines in flight together the slowest is
 *            waited for (company.h)
 * @out:      zeroed, or built before: its arrays are used again
 * Waits without an address are dealt out as the cell's other waits are, else as the thread's, else
 * as everybody's, else as the touched bytes. Kernel time: pages touched first are filled where they
 * lie; a share of the rest copies from and to pages of the program, from each place in proportion
 * to the touched bytes there (core/kernel.h). Return: 0 or -ENOMEM. Owner: cxms_load_fini()
 */
int cxms_load_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_evidence *ev, const uint32_t *target_of_page,
		    const double *place_ps, size_t n_target, enum cxms_half half, uint64_t seed,
		    struct cxms_load_map *out, struct cxms_err *err);
void cxms_load_fini(struct cxms_load_map *m);

#endif

/* Demand by placement, kept: topologies that place the pages alike, at equal latencies, share it.
 */
#ifndef CXMS_SIM_LOADS_H
#define CXMS_SIM_LOADS_H

#include <stddef.h>
#include <stdint.h>

#include "sim/load.h"

struct cxms_cells;
struct cxms_err;
struct cxms_recording;
struct cxms_view;

struct cxms_loads;

/** cxms_loads_new() - an empty store; @rec and @cells are borrowed; NULL: out of memory */
struct cxms_loads *cxms_loads_new(const struct cxms_recording *rec, const struct cxms_cells *cells,
				  uint64_t seed);
/** @l may be NULL; nothing of it may be in use */
void cxms_loads_free(struct cxms_loads *l);

/**
 * cxms_loads_get() - cxms_load_build() of a placement, made by the first who asks
 * @view: by address: the evidence and the number of pages
 * @target_of_page, @place_ps: by value, as in cxms_load_build()
 * @out: borrowed until cxms_loads_put(); while in use, equal placements give the same pointer
 * Return: 0 or -ENOMEM.  Context: any thread
 */
int cxms_loads_get(struct cxms_loads *l, const struct cxms_view *view,
		   const uint32_t *target_of_page, const double *place_ps, size_t n_target,
		   enum cxms_half half, const struct cxms_load_map **out, struct cxms_err *err);
/** @map: of cxms_loads_get(), or NULL */
void cxms_loads_put(struct cxms_loads *l, const struct cxms_load_map *map);

#endif

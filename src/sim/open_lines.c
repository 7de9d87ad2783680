#include "sim/open_lines.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/evidence.h"
#include "sim/load.h"
#include "sim/recording.h"

#define STEPS 40 /* of bisection: 16 lines to 1e-11 */

/* High end of the lines of all cells with @open lines in flight; the rest is that of the middle. */
static double most_lines(const struct cxms_cells *cells, const struct cxms_evidence *ev,
			 const struct cxms_load_map *m, double open)
{
	double sum = 0, lines[CXMS_SPAN_COUNT];
	for (size_t c = 0; c < cells->n; c++) {
		const struct cxms_load_cell *l = &m->at[c];
		double waits = l->waits[CXMS_SPAN_MID];
		const struct cxms_traffic_in in = {.waits = waits,
						   .known_waits = l->known_waits[CXMS_SPAN_MID],
						   .known_lines = l->known_lines[CXMS_SPAN_MID],
						   .active_ps = ev->active_ns[c] *
								(double)CXMS_PS_PER_NS,
						   .seen_ps = waits > 0 ? l->seen_ps / waits : 0,
						   .l1d_mshrs = open};
		cxms_traffic_lines(&in, lines);
		double free_waits = waits - in.known_waits;
		double past = free_waits > 0 ? fmin(1, l->past_waits / free_waits) : 0;
		sum += lines[CXMS_SPAN_HI] - past * (lines[CXMS_SPAN_HI] - in.known_lines);
	}
	return sum;
}

static double find(const struct cxms_cells *cells, const struct cxms_evidence *ev,
		   const struct cxms_load_map *m, double read)
{
	double least = 0, most = CXMS_ASSUMED_RECORDED_MSHRS;
	if (most_lines(cells, ev, m, most) <= read)
		return most;
	for (int i = 0; i < STEPS; i++) {
		double mid = (least + most) / 2;
		if (most_lines(cells, ev, m, mid) <= read)
			least = mid;
		else
			most = mid;
	}
	return least;
}

int cxms_open_lines(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    struct cxms_evidence *ev, struct cxms_err *err)
{
	double read = cxms_hw_read_bytes(&rec->hw, rec->duration_ns) / CXMS_LINE_BYTES;
	struct cxms_load_map map = {0};
	ev->open_lines = CXMS_ASSUMED_RECORDED_MSHRS;
	if (rec->hw.cells || read <= 0) /* sampled accesses have their lines from counters */
		return 0;
	uint32_t *local = calloc(cxms_pages_count(rec->pages) + 1, sizeof(*local));
	if (!local)
		return cxms_fail(err, ENOMEM, "out of memory for the evidence");
	int rc = cxms_load_build(rec, cells, ev, local, &ev->stair.mem_ps, 1, CXMS_HALF_ALL, 0,
				 &map, err);
	if (!rc) {
		ev->open_lines = find(cells, ev, &map, read);
		ev->least_lines = most_lines(cells, ev, &map, 0);
		ev->read_lines = read;
	}
	cxms_load_fini(&map);
	free(local);
	return rc;
}

/* The figures behind a result, and the warnings they call for. */
#ifndef CXMS_SIM_BASIS_H
#define CXMS_SIM_BASIS_H

#include "sim/result.h"

struct cxms_cells;
struct cxms_err;
struct cxms_evidence;
struct cxms_recording;
struct cxms_world;

/** cxms_basis_fill() - @base: everything local, all samples. 0 or -ENOMEM */
int cxms_basis_fill(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_evidence *ev, const struct cxms_world *base,
		    struct cxms_basis *out, struct cxms_err *err);
/** cxms_basis_judge() - warnings that the recording itself calls for */
void cxms_basis_judge(const struct cxms_recording *rec, const struct cxms_basis *basis,
		      double overhead_ratio, struct cxms_warnings *out);
/** cost of watching over the program's CPU time: our own CPU time, and samples x cost in the
 * program */
double cxms_overhead_ratio(const struct cxms_recording *rec);

#endif

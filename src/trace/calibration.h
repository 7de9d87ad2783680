/* What was found of a machine by running kernels in its fast and its slow memory: stored with a
 * recording, so that it can be replayed elsewhere. */
#ifndef CXMS_TRACE_CALIBRATION_H
#define CXMS_TRACE_CALIBRATION_H

/* Where the waits come from; arrays of CXMS_TERM_COUNT follow this order. Append only. */
enum cxms_term {
	CXMS_TERM_DRAM,	 /* loads that wait for memory */
	CXMS_TERM_CACHE, /* loads that meet a prefetch on its way */
	CXMS_TERM_STORE, /* stores that fill the store buffer */
	CXMS_TERM_COUNT
};

/** struct cxms_predictor - of one machine, fitted with memory that was added_ps slower; all 0 =
 * none
 */
struct cxms_predictor {
	double a, b, d;		    /* DRAM: s / (a/AOL + b) + d; AOL in cycles */
	double cache, cache_offset; /* slope and offset */
	double store, store_offset; /* slope and offset */
	double added_ps;	    /* latency of the slow memory less that of the fast; > 0 */
	double residual[CXMS_TERM_COUNT]; /* root mean square of the fit, as slowdown */
	double points[CXMS_TERM_COUNT];	  /* measurements behind each term; 0 = it was not fitted */
};

#endif

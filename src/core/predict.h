/*
 * The predictor of `calibrate`: from hardware counters of a run in local memory to how much longer
 * it would wait in slower memory, with coefficients that were fitted to this machine.
 */
#ifndef CXMS_CORE_PREDICT_H
#define CXMS_CORE_PREDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/calibration.h"

struct cxms_err;

/** struct cxms_counts - hardware counters of one stretch of a run; < 0 = was not counted */
struct cxms_counts {
	double cycles, instructions;
	double stalls_l1d, stalls_l2, stalls_l3; /* cycles: CYCLE_ACTIVITY.STALLS_*_MISS */
	double bound_on_stores;			 /* cycles: EXE_ACTIVITY.BOUND_ON_STORES */
	double demand_rd;	  /* OFFCORE_REQUESTS.DEMAND_DATA_RD: lines asked for beyond L2 */
	double demand_rd_cycles;  /* cycles with such a request under way */
	double l3_miss;		  /* loads that left the LLC */
	double l1_miss, fb_hit;	  /* MEM_LOAD_RETIRED */
	double pf_any, pf_l3_hit; /* responses to L1 prefetches: all; of them from the LLC */
};

/** cxms_predictor_holds() - is there a calibration, and are its figures finite? */
bool cxms_predictor_holds(const struct cxms_predictor *p);
/** cxms_counts_have() - were all counters of a term counted, and did cycles go by? */
bool cxms_counts_have(const struct cxms_counts *c, enum cxms_term term);
/**
 * cxms_term_signal() - the figure that a term grows with; only where cxms_counts_have()
 * Formula: DRAM: stalls_l3 / cycles; CACHE: off-chip share of prefetches x fb_hit / (fb_hit +
 * l1_miss) x (stalls_l1d - stalls_l2) / cycles; STORE: bound_on_stores / cycles Source: CAMP
 * (ASPLOS'26).  Range: 0 .. 1
 */
double cxms_term_signal(const struct cxms_counts *c, enum cxms_term term);

/**
 * cxms_predict() - what each term adds to the slowdown on memory that is @p->added_ps slower
 * @out: [term] 0.1 = a tenth of the time; 0 for a term that was not fitted or not counted
 * Formula: DRAM: signal / (a/AOL + b) + d; CACHE, STORE: slope x signal + offset; never below 0,
 * and 0 where the signal is. Source: CAMP (ASPLOS'26); its factor c is within a and b.
 */
void cxms_predict(const struct cxms_predictor *p, const struct cxms_counts *c,
		  double out[CXMS_TERM_COUNT]);

/** struct cxms_fit_point - one kernel, run in both memories */
struct cxms_fit_point {
	struct cxms_counts counts; /* in the fast one */
	double slowdown;	   /* time in the slow one over time in the fast one */
	enum cxms_term term;	   /* what the kernel is made to show */
};
/**
 * cxms_predictor_fit() - coefficients by least squares, one term after the other
 * The DRAM term is fitted to the points made to show it; the cache term to what the DRAM term
 * leaves of its points; the store term to what both leave of its own. Return: 0; -ENODATA (a term
 * has too few points for a residual: four for DRAM, three for the others; one without any is left
 * out), -EDOM (the points do not tell the coefficients apart), -EINVAL (a point lacks a counter of
 * its term, or added_ps <= 0)
 */
int cxms_predictor_fit(const struct cxms_fit_point *point, size_t n, double added_ps,
		       struct cxms_predictor *out, struct cxms_err *err);

#endif

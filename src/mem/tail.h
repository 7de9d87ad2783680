/* Rare slow requests: latency that is added at random, but the same in every run. */
#ifndef CXMS_MEM_TAIL_H
#define CXMS_MEM_TAIL_H

#include <stdint.h>

/* Quantiles are kept by the leading zeros of a random number and the bits behind its first one. */
#define CXMS_TAIL_OCTAVES 32u
#define CXMS_TAIL_STEPS	  16u

/** struct cxms_tail - added latency by how improbable it is */
struct cxms_tail {
	uint64_t seed;
	uint64_t added_ps[CXMS_TAIL_OCTAVES * CXMS_TAIL_STEPS + 1];
};

/**
 * cxms_tail_init() - half of the requests get nothing; latency is linear in the logarithm of the
 * share that exceeds it: from 0 at one half to @p99_ps at 1 %, to @p999_ps at 0.1 %, and on with
 * that slope to one in 4e9
 * @p999_ps: at least @p99_ps, or 0: the first slope goes on
 */
void cxms_tail_init(struct cxms_tail *t, uint64_t p99_ps, uint64_t p999_ps, uint64_t seed);
/** latency added to request @number, ps */
uint64_t cxms_tail_ps(const struct cxms_tail *t, uint64_t number);
/** mean over all requests, ps */
double cxms_tail_mean_ps(uint64_t p99_ps, uint64_t p999_ps);

#endif

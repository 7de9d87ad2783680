/* Log-linear histogram: percentiles of 64-bit values with a bounded relative error. */
#ifndef CXMS_BASE_HIST_H
#define CXMS_BASE_HIST_H

#include <stdint.h>

#define CXMS_HIST_EXACT	  128u /* values below have a bucket each */
#define CXMS_HIST_SUB	  64u /* buckets of each doubling above: a bucket is 1/64 of its value wide */
#define CXMS_HIST_BUCKETS (CXMS_HIST_EXACT + 57u * CXMS_HIST_SUB)
/* A percentile is the middle of its bucket: off by half of a 64th at most. */
#define CXMS_HIST_ERROR_RATIO (1.0 / 128)

/** struct cxms_hist - zeroed is empty; counts must sum to less than 2^64 */
struct cxms_hist {
	uint64_t total;
	uint64_t max; /* exact */
	uint64_t count[CXMS_HIST_BUCKETS];
};

/** bucket of a value: rises with it */
static inline uint32_t cxms_hist_bucket(uint64_t value)
{
	if (value < CXMS_HIST_EXACT)
		return (uint32_t)value;
	unsigned top = 63u - (unsigned)__builtin_clzll(value); /* 7 .. 63 */
	return (uint32_t)(CXMS_HIST_EXACT + (top - 7) * CXMS_HIST_SUB + (value >> (top - 6)) -
			  CXMS_HIST_SUB);
}

static inline void cxms_hist_add(struct cxms_hist *h, uint64_t value)
{
	h->count[cxms_hist_bucket(value)]++;
	h->total++;
	if (value > h->max)
		h->max = value;
}

/** cxms_hist_merge() - @from into @into, each of its values @weight times */
void cxms_hist_merge(struct cxms_hist *into, const struct cxms_hist *from, uint64_t weight);
/**
 * cxms_hist_quantile() - smallest value that at least @ppm millionths of all do not exceed
 * @ppm: 0..1000000
 * Return: within CXMS_HIST_ERROR_RATIO of it, never above the largest value added; 0 when empty
 */
uint64_t cxms_hist_quantile(const struct cxms_hist *h, uint32_t ppm);

#endif

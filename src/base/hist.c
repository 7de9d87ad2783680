#include "base/hist.h"

#define PPM 1000000u

void cxms_hist_merge(struct cxms_hist *into, const struct cxms_hist *from, uint64_t weight)
{
	if (weight == 0 || from->total == 0)
		return;
	for (uint32_t i = 0; i < CXMS_HIST_BUCKETS; i++)
		into->count[i] += from->count[i] * weight;
	into->total += from->total * weight;
	if (from->max > into->max)
		into->max = from->max;
}

static uint64_t middle_of(uint32_t bucket)
{
	if (bucket < CXMS_HIST_EXACT)
		return bucket;
	uint32_t above = bucket - CXMS_HIST_EXACT;
	uint32_t shift = above / CXMS_HIST_SUB + 1;
	uint64_t low = (uint64_t)(above % CXMS_HIST_SUB + CXMS_HIST_SUB) << shift;
	return low + (1ull << (shift - 1));
}

uint64_t cxms_hist_quantile(const struct cxms_hist *h, uint32_t ppm)
{
	__extension__ unsigned __int128 share = (unsigned __int128)h->total * ppm;
	uint64_t want = (uint64_t)((share + PPM - 1) / PPM), seen = 0;
	if (want == 0)
		want = 1;
	for (uint32_t i = 0; i < CXMS_HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= want && h->count[i]) {
			uint64_t value = middle_of(i);
			return value < h->max ? value : h->max;
		}
	}
	return 0;
}

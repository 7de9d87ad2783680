#include "core/stair.h"

#include <math.h>

/* L3 load-to-use where nothing was measured: 30 ns, EMR 5512U on 2 MiB pages (29.9 ns measured). */
#define CXMS_ASSUMED_LLC_PS 30000.0
/* Memory load-to-use where nothing was measured: 110 ns, mid of 99-117 ns measured on SPR and EMR
 * DDR5. */
#define CXMS_ASSUMED_MEM_PS 110000.0
/* LLC where /sys tells none: 32 MiB, one Zen core complex. */
#define CXMS_ASSUMED_LLC_BYTES 33554432.0

void cxms_stair_init(struct cxms_stair *s, const struct cxms_facts *facts, uint64_t llc_bytes)
{
	*s = (struct cxms_stair){.mem_ps = (double)facts->mem_latency_ps,
				 .llc_ps = (double)facts->llc_latency_ps,
				 .llc_bytes = (double)llc_bytes};
	if (s->mem_ps <= 0)
		s->mem_ps = CXMS_ASSUMED_MEM_PS;
	if (s->llc_ps <= 0 || s->llc_ps >= s->mem_ps)
		s->llc_ps = fmin(CXMS_ASSUMED_LLC_PS, s->mem_ps / 3);
	for (unsigned i = 0; i < facts->n_stair && i < CXMS_STAIR_MAX; i++) {
		s->bytes[s->n] = (double)facts->stair_bytes[i];
		s->ps[s->n] = (double)facts->stair_ps[i];
		if (s->bytes[s->n] > 0 && s->ps[s->n] > 0)
			s->n++;
	}
	if (s->n < 2 && s->llc_bytes <= 0)
		s->llc_bytes = facts->llc_bytes ? (double)facts->llc_bytes : CXMS_ASSUMED_LLC_BYTES;
}

/* Log-linear between the measured steps, constant outside, never falling. */
static double latency_ps(const struct cxms_stair *s, double bytes)
{
	double ps = s->ps[0];
	if (bytes <= s->bytes[0])
		return ps;
	for (unsigned i = 1; i < s->n; i++) {
		double next = fmax(ps, s->ps[i]);
		if (bytes < s->bytes[i]) {
			double at =
				log(bytes / s->bytes[i - 1]) / log(s->bytes[i] / s->bytes[i - 1]);
			return ps + (next - ps) * at;
		}
		ps = next;
	}
	return ps;
}

double cxms_stair_memory_share(const struct cxms_stair *s, double footprint_bytes)
{
	double miss;
	if (s->llc_bytes > 0)
		miss = footprint_bytes > s->llc_bytes ? 1 - s->llc_bytes / footprint_bytes : 0;
	else if (footprint_bytes >= s->bytes[s->n - 1])
		miss = 1;
	else
		miss = (latency_ps(s, footprint_bytes) - s->llc_ps) / (s->mem_ps - s->llc_ps);
	miss = fmin(1, fmax(0, miss));
	return miss * s->mem_ps / (miss * s->mem_ps + (1 - miss) * s->llc_ps);
}

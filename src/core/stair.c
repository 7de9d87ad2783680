#include "core/stair.h"

#include <math.h>

/* L3 load-to-use where nothing was measured: 30 ns, EMR 5512U on 2 MiB pages (29.9 ns measured). */
#define CXMS_ASSUMED_LLC_PS 30000.0
/* Memory load-to-use where nothing was measured: 110 ns, mid of 99-117 ns measured on SPR and EMR
 * DDR5. */
#define CXMS_ASSUMED_MEM_PS 110000.0
/* LLC where /sys tells none: 32 MiB, one Zen core complex. */
#define CXMS_ASSUMED_LLC_BYTES 33554432.0

/* Of the last step, for the integral: 1 MiB where it is 256 MiB. */
#define STAIR_PARTS 256
/* Points of a mean: the measured steps are smooth. */
#define MEAN_PARTS 4

/* The steps of a staircase double, so what a cache holds is known to half a step both ways. */
#define CXMS_ASSUMED_STAIR_SPAN 1.414
/* A nominal LLC is shared: half of it, or as much again where /sys names one of several slices. */
#define CXMS_ASSUMED_NOMINAL_SPAN 2.0

static double assumed_llc_ps(double mem_ps)
{
	return fmin(CXMS_ASSUMED_LLC_PS, mem_ps / 3);
}

/*
 * The first step beyond the second level took as long as the largest: others had all of the LLC
 * when it was measured. What took as long as that is memory, if less than its latency, which is
 * measured without neighbours that are fetched along.
 */
static void take_llc_for_full(struct cxms_stair *s)
{
	double top_ps = s->ps[s->n - 1];
	if (s->llc_ps < top_ps || top_ps >= s->mem_ps)
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (s->ps[i] >= top_ps)
			s->ps[i] = s->mem_ps;
	s->llc_ps = assumed_llc_ps(s->mem_ps);
}

void cxms_stair_init(struct cxms_stair *s, const struct cxms_facts *facts, uint64_t llc_bytes)
{
	if (llc_bytes == 0 && facts->llc_given)
		llc_bytes = facts->llc_bytes;
	*s = (struct cxms_stair){.mem_ps = (double)facts->mem_latency_ps,
				 .llc_ps = (double)facts->llc_latency_ps,
				 .llc_bytes = (double)llc_bytes,
				 .span = llc_bytes > 0 ? 1 : CXMS_ASSUMED_STAIR_SPAN};
	if (s->mem_ps <= 0)
		s->mem_ps = CXMS_ASSUMED_MEM_PS;
	if (s->llc_ps <= 0 || s->llc_ps >= s->mem_ps)
		s->llc_ps = assumed_llc_ps(s->mem_ps);
	for (unsigned i = 0; i < facts->n_stair && i < CXMS_STAIR_MAX; i++) {
		s->bytes[s->n] = (double)facts->stair_bytes[i];
		s->ps[s->n] = (double)facts->stair_ps[i];
		if (s->bytes[s->n] > 0 && s->ps[s->n] > 0)
			s->n++;
	}
	if (s->n >= 2)
		take_llc_for_full(s);
	s->walk_ps = (double)facts->walk_ps;
	for (unsigned i = 0; i < facts->n_walk && i < CXMS_STAIR_MAX; i++) {
		if (facts->walk_bytes[i] == 0)
			continue;
		s->walk_bytes[s->n_walk] = (double)facts->walk_bytes[i];
		for (int huge = 0; huge < 2; huge++) {
			s->walk_step_ps[huge][s->n_walk] = (double)facts->walk_step_ps[huge][i];
			s->walk_high_ps[huge][s->n_walk] =
				fmax(s->walk_step_ps[huge][s->n_walk],
				     (double)facts->walk_high_ps[huge][i]);
		}
		s->n_walk++;
	}
	if (s->n >= 2 || s->llc_bytes > 0)
		return;
	s->span = CXMS_ASSUMED_NOMINAL_SPAN;
	s->llc_bytes = facts->llc_bytes ? (double)facts->llc_bytes : CXMS_ASSUMED_LLC_BYTES;
}

/* Log-linear between the measured steps, constant outside, never falling. */
static double between_steps(const double *step_bytes, const double *step_ps, unsigned n,
			    double bytes)
{
	double ps = step_ps[0];
	if (bytes <= step_bytes[0])
		return ps;
	for (unsigned i = 1; i < n; i++) {
		double next = fmax(ps, step_ps[i]);
		if (bytes < step_bytes[i]) {
			double at = log(bytes / step_bytes[i - 1]) /
				    log(step_bytes[i] / step_bytes[i - 1]);
			return ps + (next - ps) * at;
		}
		ps = next;
	}
	return ps;
}

static double latency_ps(const struct cxms_stair *s, double bytes)
{
	return between_steps(s->bytes, s->ps, s->n, bytes);
}

double cxms_stair_walk_ps(const struct cxms_stair *s, double bytes, bool huge)
{
	if (s->n_walk == 0)
		return huge ? 0 : s->walk_ps;
	return between_steps(s->walk_bytes, s->walk_step_ps[huge], s->n_walk, bytes);
}

double cxms_stair_walk_high_ps(const struct cxms_stair *s, double bytes, bool huge)
{
	if (s->n_walk == 0)
		return huge ? 0 : s->walk_ps;
	return between_steps(s->walk_bytes, s->walk_high_ps[huge], s->n_walk, bytes);
}

double cxms_stair_miss_ratio(const struct cxms_stair *s, double between_bytes)
{
	if (s->llc_bytes > 0)
		return between_bytes > s->llc_bytes ? 1 : 0;
	if (between_bytes >= s->bytes[s->n - 1])
		return 1;
	double miss = (latency_ps(s, between_bytes) - s->llc_ps) / (s->mem_ps - s->llc_ps);
	return fmin(1, fmax(0, miss));
}

double cxms_stair_time_share(const struct cxms_stair *s, double miss)
{
	return miss * s->mem_ps / (miss * s->mem_ps + (1 - miss) * s->llc_ps);
}

double cxms_stair_mean_miss(const struct cxms_stair *s, double from, double to)
{
	if (to <= from)
		return cxms_stair_miss_ratio(s, from);
	if (s->llc_bytes > 0)
		return fmax(0, to - fmax(from, s->llc_bytes)) / (to - from);
	double sum = 0, step = (to - from) / MEAN_PARTS;
	for (int i = 0; i < MEAN_PARTS; i++)
		sum += cxms_stair_miss_ratio(s, from + (i + 0.5) * step) / MEAN_PARTS;
	return sum;
}

double cxms_stair_llc_bytes(const struct cxms_stair *s)
{
	if (s->llc_bytes > 0)
		return s->llc_bytes;
	double last = s->bytes[s->n - 1], sum = 0, from = 0;
	for (int i = 1; i <= STAIR_PARTS; i++) {
		double to = last * i / STAIR_PARTS;
		sum += (1 - cxms_stair_mean_miss(s, from, to)) * (to - from);
		from = to;
	}
	return sum;
}

#include "core/turns.h"

#include <math.h>
#include <stdlib.h>

#define MIN_PAIRS	10u
#define NEAR_FACTOR	1.5 /* around the median */
#define MIN_NEAR	0.6 /* of the pairs that count */
#define MIN_AGREE	0.4 /* of all pairs */
#define MAX_RATE_HZ	6e9 /* a turn takes a cycle at least; clocks end below 6 GHz */
#define NS_PER_S	1e9
#define MAX_RATE_PER_NS (MAX_RATE_HZ / NS_PER_S)

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return a < b ? -1 : a > b;
}

/* A thread that slept in between called for it, and so has begun the loop anew. */
static bool is_pair(const struct cxms_turn_point *p, double max_gap_ns)
{
	return p[0].thread == p[1].thread && p[0].sleeps == p[1].sleeps &&
	       p[1].time_ns > p[0].time_ns && (double)(p[1].time_ns - p[0].time_ns) <= max_gap_ns;
}

/* Turns a nanosecond between a point and the next; 0: not the same run of the loop. */
static double rate_of(const struct cxms_turn_point *p, int64_t step)
{
	int64_t moved = (int64_t)(p[1].count - p[0].count);
	if (moved == INT64_MIN || moved % step || moved / step <= 0)
		return 0;
	double rate = (double)(moved / step) / (double)(p[1].time_ns - p[0].time_ns);
	return rate <= MAX_RATE_PER_NS ? rate : 0;
}

static bool is_near(double rate, double median)
{
	return rate * NEAR_FACTOR >= median && rate <= median * NEAR_FACTOR;
}

/* The median rate, or 0 where the pairs do not agree. */
static double agree(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		    double *work, struct cxms_turns *out)
{
	size_t all = 0, counted = 0, near = 0;
	for (size_t i = 0; i + 1 < n; i += n / CXMS_TURNS_MAX_PAIRS + 1) {
		if (!is_pair(&point[i], max_gap_ns))
			continue;
		double rate = rate_of(&point[i], step);
		all++;
		if (rate > 0)
			work[counted++] = rate;
	}
	if (counted < MIN_PAIRS)
		return 0;
	qsort(work, counted, sizeof(*work), by_value);
	double median = work[counted / 2];
	for (size_t i = 0; i < counted; i++)
		near += is_near(work[i], median);
	out->spread_ratio = (work[counted * 3 / 4] - work[counted / 4]) / 2 / median;
	return (double)near >= MIN_NEAR * (double)counted && (double)near >= MIN_AGREE * (double)all
		       ? median
		       : 0;
}

void cxms_turns_fit(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		    double *work, struct cxms_turns *out)
{
	double turns = 0, span_ns = 0, paired_ns = 0, spent_ns = 0, alone_ns = 0;
	*out = (struct cxms_turns){0};
	double median = agree(point, n, step, max_gap_ns, work, out);
	if (median <= 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_turn_point *pair = i > 0 ? &point[i - 1] : NULL;
		double rate = pair && is_pair(pair, max_gap_ns) ? rate_of(pair, step) : 0;
		if (!is_near(rate, median)) {
			alone_ns += point[i].weight_ns;
			continue;
		}
		double dt = (double)(pair[1].time_ns - pair[0].time_ns);
		turns += rate * dt;
		span_ns += dt;
		out->pairs++;
		paired_ns += point[i].weight_ns;
		spent_ns += fmax(point[i].weight_ns, dt);
	}
	out->per_ns = turns / span_ns;
	out->time_ns = spent_ns + (paired_ns > 0 ? alone_ns * spent_ns / paired_ns : alone_ns);
	out->turns = out->per_ns * out->time_ns;
	out->found = true;
}

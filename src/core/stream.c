#include "core/stream.h"

#include <math.h>
#include <stdlib.h>

#include "base/units.h"

#define MIN_PAIRS   10u
#define MAX_RANDOM  0.5	 /* share of the pairs that a random order moves one way */
#define MIN_FORWARD 0.75 /* share of the pairs */
#define NEAR_RATIO  0.25 /* of the median */
#define MIN_NEAR    0.6	 /* share of the pairs */
/* Of the median: a pair that moved further did not go all the way. */
#define MOST_RATIO 3.0
#define LONG_WAY   3.0 /* of the median */

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return a < b ? -1 : a > b;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	uint64_t up = b - a;
	return up > INT64_MAX ? -up : up;
}

static uint64_t divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static bool is_pair(const struct cxms_stream_point *a, const struct cxms_stream_point *b,
		    double max_gap_ns)
{
	return a->thread == b->thread && b->time_ns > a->time_ns &&
	       (double)(b->time_ns - a->time_ns) <= max_gap_ns;
}

static bool is_before(const struct cxms_stream_point *a, const struct cxms_stream_point *b)
{
	return a->thread != b->thread ? a->thread < b->thread : a->time_ns < b->time_ns;
}

static double rate_of(const struct cxms_stream_point *a, const struct cxms_stream_point *b)
{
	return (double)(int64_t)(b->addr - a->addr) / (double)(b->time_ns - a->time_ns);
}

/* Every so many pairs over the whole run, so that no phase is left out. */
static size_t pair_step(size_t n)
{
	return n / CXMS_STREAM_MAX_PAIRS + 1;
}

/* Rates of neighbouring samples in order. Return: how many. */
static size_t sort_rates(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
			 double *work)
{
	size_t pairs = 0;
	for (size_t i = 0; i + 1 < n; i += pair_step(n))
		if (is_pair(&point[i], &point[i + 1], max_gap_ns))
			work[pairs++] = rate_of(&point[i], &point[i + 1]);
	qsort(work, pairs, sizeof(*work), by_value);
	return pairs;
}

/*
 * Bytes passed over time, of the pairs that move with the median and no faster than @most: what the
 * whole run passes follows from the mean, and on a busy machine that is not the median.
 */
static double mean_rate(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
			double median, double most)
{
	double bytes = 0, ns = 0;
	for (size_t i = 0; i + 1 < n; i += pair_step(n)) {
		if (!is_pair(&point[i], &point[i + 1], max_gap_ns))
			continue;
		double rate = rate_of(&point[i], &point[i + 1]);
		double dt = (double)(point[i + 1].time_ns - point[i].time_ns);
		if (rate * median <= 0 || fabs(rate) > most)
			continue;
		bytes += rate * dt;
		ns += dt;
	}
	return ns > 0 ? bytes / ns : median;
}

enum cxms_dense cxms_stream_dense(const struct cxms_stream_point *point, size_t n,
				  double max_gap_ns, size_t min_pairs, double max_bytes_per_ns,
				  double *work, double *bytes_per_ns)
{
	size_t pairs = sort_rates(point, n, max_gap_ns, work), good = 0;
	double median = pairs ? work[pairs / 2] : 0;
	*bytes_per_ns = mean_rate(point, n, max_gap_ns, median, max_bytes_per_ns);
	for (size_t i = 0; i < pairs; i++)
		good += work[i] * median > 0 && fabs(work[i]) <= max_bytes_per_ns;
	double forward = pairs ? (double)good / (double)pairs : 1;
	if (pairs < min_pairs || forward < MIN_FORWARD)
		return forward > MAX_RANDOM ? CXMS_DENSE_OPEN : CXMS_DENSE_NO;
	return CXMS_DENSE_YES;
}

void cxms_stream_fit(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
		     double *work, struct cxms_stream *out)
{
	size_t pairs = sort_rates(point, n, max_gap_ns, work), near = 0;
	*out = (struct cxms_stream){0};
	if (pairs < MIN_PAIRS)
		return;
	double median = work[pairs / 2];
	out->spread_ratio = (work[pairs * 3 / 4] - work[pairs / 4]) / 2 / fabs(median);
	for (size_t i = 0; i < pairs; i++)
		near += fabs(work[i] - median) <= NEAR_RATIO * fabs(median);
	if (median == 0 || (double)near < MIN_NEAR * (double)pairs)
		return;
	for (size_t i = 0; i + 1 < n; i += pair_step(n))
		if (is_pair(&point[i], &point[i + 1], max_gap_ns) &&
		    fabs(rate_of(&point[i], &point[i + 1]) - median) <= NEAR_RATIO * fabs(median))
			out->stride_bytes =
				divisor(apart(point[i].addr, point[i + 1].addr), out->stride_bytes);
	out->bytes_per_ns = mean_rate(point, n, max_gap_ns, median, MOST_RATIO * fabs(median));
	out->found = true;
}

size_t cxms_stream_last(const struct cxms_stream_point *point, size_t n, size_t from,
			const struct cxms_stream_point *p)
{
	while (from + 1 < n && !is_before(p, &point[from + 1]))
		from++;
	return from;
}

double cxms_stream_distance(const struct cxms_stream_point *a, size_t n_a,
			    const struct cxms_stream_point *b, size_t n_b, double bytes_per_ns,
			    double max_gap_ns, double *work)
{
	size_t n = 0, last = 0;
	for (size_t i = 0; i < n_b && n < CXMS_STREAM_MAX_PAIRS; i++) {
		last = cxms_stream_last(a, n_a, last, &b[i]);
		if (n_a == 0 || !is_pair(&a[last], &b[i], max_gap_ns))
			continue;
		double moved = bytes_per_ns * (double)(b[i].time_ns - a[last].time_ns);
		work[n++] = fabs((double)(int64_t)(b[i].addr - a[last].addr) - moved);
	}
	if (n == 0)
		return INFINITY;
	qsort(work, n, sizeof(*work), by_value);
	return work[n / 2];
}

double cxms_stream_back_ratio(const struct cxms_stream_point *point, size_t n, double max_gap_ns,
			      double bytes_per_ns, double max_bytes)
{
	size_t pairs = 0, back = 0;
	for (size_t i = 0; i + 1 < n; i += pair_step(n)) {
		if (!is_pair(&point[i], &point[i + 1], max_gap_ns))
			continue;
		double moved = (double)(int64_t)(point[i + 1].addr - point[i].addr);
		pairs++;
		back += moved * bytes_per_ns < 0 && fabs(moved) <= max_bytes;
	}
	return pairs ? (double)back / (double)pairs : 0;
}

struct cxms_stream_ways cxms_stream_ways(const struct cxms_stream_point *point, size_t n,
					 double max_gap_ns, bool up, double near_bytes,
					 double *work)
{
	struct cxms_stream_ways out = {0};
	double ahead = 0, ns = 0, back = 0, far = 0;
	for (size_t i = 0; i + 1 < n; i += pair_step(n)) {
		if (!is_pair(&point[i], &point[i + 1], max_gap_ns))
			continue;
		double moved = (double)(int64_t)(point[i + 1].addr - point[i].addr);
		moved = up ? moved : -moved;
		ns += (double)(point[i + 1].time_ns - point[i].time_ns);
		work[out.pairs++] = fabs(moved);
		ahead += fmax(0, moved);
		back += moved < 0 && moved >= -near_bytes;
		far += moved < -near_bytes;
	}
	if (!out.pairs)
		return out;
	out.back_ratio = back / (double)out.pairs;
	out.far_ratio = far / (double)out.pairs;
	out.bytes_per_ns = ahead / ns;
	qsort(work, out.pairs, sizeof(*work), by_value);
	out.median_bytes = work[out.pairs / 2];
	size_t up_to = out.pairs;
	while (up_to > 0 && work[up_to - 1] > LONG_WAY * out.median_bytes)
		up_to--;
	out.long_ratio = (double)(out.pairs - up_to) / (double)out.pairs;
	return out;
}

double cxms_stream_lines_per_ns(const struct cxms_stream *s, double step_bytes, double step_lines)
{
	double step = step_bytes > 0 ? step_bytes : (double)s->stride_bytes;
	return fabs(s->bytes_per_ns) / fmax(CXMS_LINE_BYTES, step / fmax(1, step_lines));
}

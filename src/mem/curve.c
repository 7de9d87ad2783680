#include "mem/curve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* One point of a measurement; while pooled, a block of @count of them as sums. */
struct point {
	double bytes_per_s, latency_ps, count;
};

/* One read share, cut and smoothed: latency beyond idle at rising shares of the peak, u[0] = 0. */
struct part {
	double read_share, peak, idle_ps, over_ps;
	size_t n;
	double *u, *added_ps;
};

struct cxms_curve {
	size_t n;
	double idle_ps;
	struct part part[];
};

static int by_bandwidth(const void *a, const void *b)
{
	const struct point *p = a, *q = b;
	return (p->bytes_per_s > q->bytes_per_s) - (p->bytes_per_s < q->bytes_per_s);
}

static size_t peak_of(const struct cxms_curve_points *in)
{
	size_t peak = 0;
	for (size_t i = 1; i < in->n; i++)
		if (in->bytes_per_s[i] > in->bytes_per_s[peak])
			peak = i;
	return peak;
}

static double mean_latency(const struct point *p)
{
	return p->latency_ps / p->count;
}

static void join(struct point *into, const struct point *p)
{
	into->bytes_per_s += p->bytes_per_s;
	into->latency_ps += p->latency_ps;
	into->count += p->count;
}

/*
 * Isotonic regression by pooling adjacent violators (Barlow et al., Statistical Inference under
 * Order Restrictions, 1972): blocks whose means do not rise become one. @p is by bandwidth.
 */
static size_t pool(struct point *p, size_t n)
{
	size_t top = 0;
	for (size_t i = 1; i < n; i++) {
		p[++top] = p[i];
		while (top > 0 && mean_latency(&p[top]) <= mean_latency(&p[top - 1])) {
			join(&p[top - 1], &p[top]);
			top--;
		}
	}
	return top + 1;
}

/* A block stands at its mean bandwidth, so that latency rises everywhere; the ends at 0 and 1. */
static void set_knots(struct part *out, const struct point *p, size_t n)
{
	out->n = n > 1 ? n : 2;
	out->idle_ps = mean_latency(&p[0]);
	for (size_t i = 0; i < n; i++) {
		out->u[i] = i == 0 ? 0 : p[i].bytes_per_s / p[i].count / out->peak;
		out->added_ps[i] = mean_latency(&p[i]) - out->idle_ps;
	}
	if (n == 1)
		out->added_ps[1] = 0;
	out->u[out->n - 1] = 1;
}

static int build_part(const struct cxms_curve_points *in, struct part *out)
{
	size_t peak = peak_of(in), n = peak + 1;
	struct point *p = calloc(n, sizeof(*p));
	out->read_share = in->read_share;
	out->peak = in->bytes_per_s[peak];
	out->u = calloc(n + 1, sizeof(*out->u));
	out->added_ps = calloc(n + 1, sizeof(*out->added_ps));
	if (!p || !out->u || !out->added_ps) {
		free(p);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (struct point){in->bytes_per_s[i], in->latency_ps[i], 1};
	qsort(p, n, sizeof(*p), by_bandwidth);
	n = pool(p, n);
	set_knots(out, p, n);
	for (size_t i = peak + 1; i < in->n; i++)
		out->over_ps = fmax(out->over_ps, in->latency_ps[i] - mean_latency(&p[n - 1]));
	free(p);
	return 0;
}

static int check_part(const struct cxms_curve_points *in, double share_before, struct cxms_err *err)
{
	if (in->n == 0)
		return cxms_fail(err, EINVAL, "a read share of the curve has no points");
	if (!(in->read_share > share_before && in->read_share <= 1))
		return cxms_fail(err, EINVAL, "read shares of a curve must rise from 0 to 1");
	for (size_t i = 0; i < in->n; i++)
		if (!(in->bytes_per_s[i] >= 0 && in->latency_ps[i] >= 0 &&
		      isfinite(in->bytes_per_s[i]) && isfinite(in->latency_ps[i])))
			return cxms_fail(err, EINVAL,
					 "point %zu of a curve is negative or not a number", i + 1);
	if (!(in->bytes_per_s[peak_of(in)] > 0))
		return cxms_fail(err, EINVAL, "a read share of the curve has no bandwidth above 0");
	return 0;
}

int cxms_curve_new(const struct cxms_curve_points *part, size_t n_part, struct cxms_curve **out,
		   struct cxms_err *err)
{
	if (n_part == 0)
		return cxms_fail(err, EINVAL, "the curve has no points");
	for (size_t i = 0; i < n_part; i++) {
		int rc = check_part(&part[i], i ? part[i - 1].read_share : -1, err);
		if (rc)
			return rc;
	}
	struct cxms_curve *c = calloc(1, sizeof(*c) + n_part * sizeof(c->part[0]));
	if (!c)
		return cxms_fail(err, ENOMEM, "out of memory for a curve");
	c->n = n_part;
	c->idle_ps = INFINITY;
	for (size_t i = 0; i < n_part; i++) {
		if (build_part(&part[i], &c->part[i])) {
			cxms_curve_free(c);
			return cxms_fail(err, ENOMEM, "out of memory for a curve");
		}
		c->idle_ps = fmin(c->idle_ps, c->part[i].idle_ps);
	}
	*out = c;
	return 0;
}

void cxms_curve_free(struct cxms_curve *c)
{
	for (size_t i = 0; c && i < c->n; i++) {
		free(c->part[i].u);
		free(c->part[i].added_ps);
	}
	free(c);
}

/* The parts around a read share, and how far it lies from the first to the second. */
struct between {
	const struct part *lo, *hi;
	double at;
};

static struct between parts_at(const struct cxms_curve *c, double read_share)
{
	size_t i = 0;
	while (i + 1 < c->n && c->part[i + 1].read_share < read_share)
		i++;
	const struct part *lo = &c->part[i], *hi = &c->part[i + 1 < c->n ? i + 1 : i];
	if (lo == hi || read_share <= lo->read_share)
		return (struct between){lo, lo, 0};
	double at = (read_share - lo->read_share) / (hi->read_share - lo->read_share);
	return (struct between){lo, hi, fmin(at, 1)};
}

static double mix(double a, double b, double at)
{
	return a + (b - a) * at;
}

double cxms_curve_peak(const struct cxms_curve *c, double read_share)
{
	struct between b = parts_at(c, read_share);
	return 1 / mix(1 / b.lo->peak, 1 / b.hi->peak, b.at);
}

double cxms_curve_idle_ps(const struct cxms_curve *c)
{
	return c->idle_ps;
}

static double added_at(const struct part *p, double u)
{
	size_t lo = 0, hi = p->n - 1;
	if (u >= 1)
		return p->added_ps[hi];
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;
		if (p->u[mid] <= u)
			lo = mid;
		else
			hi = mid;
	}
	return mix(p->added_ps[lo], p->added_ps[hi], (u - p->u[lo]) / (p->u[hi] - p->u[lo]));
}

double cxms_curve_added_ps(const struct cxms_curve *c, double u, double read_share)
{
	struct between b = parts_at(c, read_share);
	return u > 0 ? mix(added_at(b.lo, u), added_at(b.hi, u), b.at) : 0;
}

double cxms_curve_over_ps(const struct cxms_curve *c, double read_share)
{
	struct between b = parts_at(c, read_share);
	return mix(b.lo->over_ps, b.hi->over_ps, b.at);
}

int cxms_curve_beyond(const struct cxms_curve *c, double read_share)
{
	return read_share < c->part[0].read_share || read_share > c->part[c->n - 1].read_share;
}

#include "sim/misses.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "mem/paged.h"
#include "policy/policy.h"
#include "sim/fabric.h"
#include "sim/view.h"

/* Share of a page's bytes that lies on a target: all, an equal part of a region, or none. */
static double share_on(const struct cxms_fabric *f, uint32_t place, size_t target)
{
	if (place < f->n_host_target)
		return place == target;
	const struct cxms_fabric_region *r = &f->region[place - f->n_host_target];
	for (size_t i = 0; i < r->n_target; i++)
		if (r->target[i] == target)
			return 1 / (double)r->n_target;
	return 0;
}

/* Samples of a page, in those of mean weight. */
static double count_of(const struct cxms_view *v, size_t page, double weight)
{
	return weight > 0 ? (v->heat[0][page] + v->heat[1][page]) / weight : 0;
}

static double mean_weight(const struct cxms_view *v)
{
	double sum = 0, square = 0;
	for (size_t i = 0; i < v->n_page; i++)
		for (int h = 0; h < 2; h++) {
			sum += v->heat[h][i];
			square += v->square[h][i];
		}
	return sum > 0 ? square / sum : 0;
}

/* Pages of the target, in pages of its buffer, and the spread of their counts. */
struct spread {
	double n, mean, variance; /* by byte of a page of the buffer */
};

static struct spread spread_of(const struct cxms_fabric *f, const struct cxms_view *v,
			       const uint32_t *place, size_t target, double weight)
{
	struct spread s = {0};
	double square = 0;
	for (size_t i = 0; i < v->n_page; i++) {
		if (share_on(f, place[i], target) <= 0)
			continue;
		double count = count_of(v, i, weight);
		s.n++;
		s.mean += count;
		square += count * count;
	}
	if (s.n < 1)
		return s;
	s.mean /= s.n;
	s.variance = square / s.n - s.mean * s.mean;
	return s;
}

/*
 * Counts of pages of one rate vary by chance as much as their mean. What they vary beyond that is a
 * gamma distribution of rates with the shape k = mean^2 / (variance - mean): the expected rate of a
 * page with that many samples is (count + k) / (1 + k / mean).
 */
static double rate_of(const struct spread *s, double count)
{
	double beyond = s->variance - s->mean;
	if (!(s->mean > 0) || beyond <= 0)
		return s->mean;
	double k = s->mean * s->mean / beyond;
	return (count + k) / (1 + k / s->mean);
}

static double misses_on(const struct cxms_fabric *f, const struct cxms_view *v,
			const uint32_t *place, const struct cxms_fabric_target *miss,
			struct cxms_paged_class *room)
{
	double weight = mean_weight(v), hit;
	struct spread s = spread_of(f, v, place, miss->miss_of, weight);
	size_t n = 0;
	for (size_t i = 0; i < v->n_page; i++) {
		double share = share_on(f, place[i], miss->miss_of);
		/* the buffer's pages may be smaller than the page, or larger */
		double pages = share * (double)v->page[0][i].bytes / miss->page_bytes;
		if (share > 0)
			room[n++] = (struct cxms_paged_class){
				.rate = share * rate_of(&s, count_of(v, i, weight)) / pages,
				.pages = pages};
	}
	hit = cxms_paged_hit_ratio(room, n,
				   miss->buffer_bytes / miss->page_bytes / (double)f->n_host, NULL);
	return fmin(1, fmax(0, 1 - hit));
}

int cxms_misses_of(const struct cxms_fabric *f, const struct cxms_view *view,
		   const uint32_t *place_of_page, double *out, struct cxms_err *err)
{
	struct cxms_paged_class *room = calloc(view->n_page + 1, sizeof(*room));
	if (!room)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", view->n_page);
	for (size_t t = 0; t < f->n_host_target; t++)
		out[t] = 0;
	for (size_t t = f->n_shown; t < f->n_host_target; t++)
		out[f->target[t].miss_of] = misses_on(f, view, place_of_page, &f->target[t], room);
	free(room);
	return 0;
}

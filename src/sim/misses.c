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

/* Pages of the target, those unseen with a count of 0, and the spread of their counts. */
struct spread {
	double n, mean, variance;
};

static struct spread spread_of(const struct cxms_fabric *f, const struct cxms_misses_host *h,
			       size_t target, double weight)
{
	const struct cxms_view *v = h->view;
	struct spread s = {0};
	double square = 0;
	for (size_t i = 0; i < v->n_page; i++) {
		if (share_on(f, h->place_of_page[i], target) <= 0)
			continue;
		double count = count_of(v, i, weight);
		s.n++;
		s.mean += count;
		square += count * count;
	}
	if (s.n < 1)
		return s;
	s.n *= h->scale;
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

/* Pages of one host on the target by the expected rate of each, a second of its time; the unseen
 * ones as one class. */
static size_t add_classes(const struct cxms_fabric *f, const struct cxms_misses_host *h,
			  const struct cxms_fabric_target *miss, struct cxms_paged_class *out)
{
	const struct cxms_view *v = h->view;
	double weight = mean_weight(v), per_s = h->time_ns > 0 ? weight / h->time_ns : 0;
	struct spread s = spread_of(f, h, miss->miss_of, weight);
	double seen_pages = 0, unseen_rate = 0;
	size_t n = 0;
	for (size_t i = 0; i < v->n_page; i++) {
		double share = share_on(f, h->place_of_page[i], miss->miss_of);
		/* the buffer's pages may be smaller than the page, or larger */
		double pages = share * (double)v->page[0][i].bytes / miss->page_bytes;
		if (share <= 0)
			continue;
		out[n++] = (struct cxms_paged_class){
			.rate = per_s * share * rate_of(&s, count_of(v, i, weight)) / pages,
			.pages = pages};
		seen_pages += pages;
		unseen_rate += per_s * share * rate_of(&s, 0);
	}
	if (h->scale > 1 && n > 0)
		out[n++] = (struct cxms_paged_class){.rate = unseen_rate / seen_pages,
						     .pages = (h->scale - 1) * seen_pages};
	return n;
}

/* Classes of all hosts; those of the one asked about begin at first. */
struct buffer {
	struct cxms_paged_class *class;
	double *hit;
	size_t n, first, n_own;
};

static double own_misses(const struct buffer *b)
{
	double asked = 0, found = 0;
	for (size_t i = b->first; i < b->first + b->n_own; i++) {
		asked += b->class[i].rate * b->class[i].pages;
		found += b->class[i].rate * b->class[i].pages * b->hit[i];
	}
	return asked > 0 ? fmin(1, fmax(0, 1 - found / asked)) : 0;
}

static double misses_on(const struct cxms_fabric *f, const struct cxms_misses_host *host, size_t n,
			size_t self, const struct cxms_fabric_target *miss, struct buffer *b)
{
	b->n = 0;
	for (size_t k = 0; k < n; k++) {
		size_t own = add_classes(f, &host[k], miss, b->class + b->n);
		if (k == self) {
			b->first = b->n;
			b->n_own = own;
		}
		b->n += own;
	}
	(void)cxms_paged_hit_ratio(b->class, b->n, miss->buffer_bytes / miss->page_bytes, b->hit);
	return own_misses(b);
}

int cxms_misses_of(const struct cxms_fabric *f, const struct cxms_misses_host *host, size_t n,
		   size_t self, double *out, struct cxms_err *err)
{
	size_t n_page = 0;
	for (size_t k = 0; k < n; k++)
		n_page += host[k].view->n_page + 1;
	struct buffer b = {.class = calloc(n_page + 1, sizeof(*b.class)),
			   .hit = calloc(n_page + 1, sizeof(*b.hit))};
	int rc = b.class && b.hit ? 0
				  : cxms_fail(err, ENOMEM, "out of memory for %zu pages", n_page);
	for (size_t t = 0; t < f->n_host_target && !rc; t++)
		out[t] = 0;
	for (size_t t = f->n_shown; t < f->n_host_target && !rc; t++)
		out[f->target[t].miss_of] = misses_on(f, host, n, self, &f->target[t], &b);
	free(b.class);
	free(b.hit);
	return rc;
}

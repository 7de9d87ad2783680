#include "place/resident.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "place/areas.h"
#include "place/pages.h"

/* Ancestors whose pages a child may show as its own; processes that fork deeper are rare. */
#define MAX_ANCESTORS 16u

__extension__ typedef unsigned __int128 u128;

/* Begin or end of a look, and what is known from there to the next one. */
struct cut {
	uint32_t space;
	uint64_t addr;
	uint64_t bytes; /* of pages; then of all before it */
};

/* A look with its unseen bytes. */
struct seen {
	const struct cxms_look *look;
	uint64_t unseen;
};

/* Sums of the space in work. */
struct sums {
	uint64_t *now;	/* [area] */
	uint32_t *of;	/* [area] the space that now is of, plus one */
	uint64_t *most; /* [area] of all spaces */
};

static int by_place(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;
	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

static int by_begin(const void *a, const void *b)
{
	const struct cxms_look *x = ((const struct seen *)a)->look;
	const struct cxms_look *y = ((const struct seen *)b)->look;
	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x > y) - (x < y);
}

/* First cut at @addr or behind it. */
static size_t cut_at(const struct cut *cut, size_t n, uint32_t space, uint64_t addr)
{
	const struct cut key = {.space = space, .addr = addr};
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (by_place(&cut[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The begin and end of each look, in its space and in those it was forked from. */
static int collect_cuts(const struct cxms_resident *in, struct cut **out, size_t *n_out)
{
	size_t n = 0, cap = 0;
	for (size_t i = 0; i < in->n_look; i++) {
		const struct cxms_look *l = &in->look[i];
		uint32_t s = l->space;
		for (unsigned up = 0; s != CXMS_NO_SPACE && up <= MAX_ANCESTORS; up++) {
			if (cxms_array_grow((void **)out, &cap, n + 2, sizeof(**out)))
				return -ENOMEM;
			(*out)[n++] = (struct cut){.space = s, .addr = l->addr};
			(*out)[n++] = (struct cut){.space = s, .addr = l->end};
			s = cxms_areas_parent(in->areas, s);
		}
	}
	if (n)
		qsort(*out, n, sizeof(**out), by_place);
	*n_out = n;
	return 0;
}

/* Known bytes before each cut. */
static void sum_pages(const struct cxms_resident *in, struct cut *cut, size_t n)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < in->n_page; i++) {
		const struct cxms_page *page = &in->page[i];
		size_t at = cut_at(cut, n, page->space, page->addr + 1);
		if (at > 0)
			cut[at - 1].bytes += page->bytes;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = cut[i].bytes;
		cut[i].bytes = sum;
		sum += bytes;
	}
}

static uint64_t unseen_of(const struct cxms_resident *in, const struct cxms_look *l,
			  const struct cut *cut, size_t n)
{
	uint64_t known = 0;
	uint32_t s = l->space;
	for (unsigned up = 0; s != CXMS_NO_SPACE && up <= MAX_ANCESTORS; up++) {
		known += cut[cut_at(cut, n, s, l->end)].bytes -
			 cut[cut_at(cut, n, s, l->addr)].bytes;
		s = cxms_areas_parent(in->areas, s);
	}
	return l->resident > known ? l->resident - known : 0;
}

static void add(struct sums *s, uint32_t space, uint32_t area, uint64_t bytes)
{
	if (s->of[area] != space + 1) {
		s->of[area] = space + 1;
		s->now[area] = 0;
	}
	s->now[area] += bytes;
	if (s->now[area] > s->most[area]) /* a fork shares its parent's areas */
		s->most[area] = s->now[area];
}

/* The unseen bytes of a look over the areas there. */
static void spread(const struct cxms_areas *areas, const struct seen *v, struct sums *s)
{
	const struct cxms_look *l = v->look;
	struct cxms_area_span a;
	u128 length = 0;
	uint64_t done = 0, left = v->unseen;
	for (uint64_t at = l->addr; cxms_areas_next(areas, l->space, at, l->end, &a); at = a.end)
		length += a.end - a.start;
	for (uint64_t at = l->addr; cxms_areas_next(areas, l->space, at, l->end, &a); at = a.end) {
		uint64_t bytes = (uint64_t)((u128)left * (a.end - a.start) / (length - done));
		done += a.end - a.start;
		left -= bytes;
		add(s, l->space, a.area, bytes);
	}
}

/* Looks that overlap, one behind the other, are of one place. */
static void count_places(const struct cxms_areas *areas, const struct seen *v, size_t n,
			 struct sums *s)
{
	for (size_t i = 0, next; i < n; i = next) {
		const struct seen *most = &v[i];
		uint64_t end = v[i].look->end;
		for (next = i + 1; next < n && v[next].look->space == v[i].look->space &&
				   v[next].look->addr < end;
		     next++) {
			most = v[next].unseen > most->unseen ? &v[next] : most;
			end = v[next].look->end > end ? v[next].look->end : end;
		}
		spread(areas, most, s);
	}
}

int cxms_resident_unseen(const struct cxms_resident *in, uint64_t *out)
{
	struct cut *cut = NULL;
	size_t n_cut = 0;
	struct seen *seen = calloc(in->n_look + 1, sizeof(*seen));
	struct sums sums = {.now = calloc(in->n_area + 1, sizeof(*sums.now)),
			    .of = calloc(in->n_area + 1, sizeof(*sums.of)),
			    .most = out};
	int rc = seen && sums.now && sums.of ? collect_cuts(in, &cut, &n_cut) : -ENOMEM;
	if (!rc) {
		sum_pages(in, cut, n_cut);
		for (size_t i = 0; i < in->n_look; i++)
			seen[i] = (struct seen){&in->look[i],
						unseen_of(in, &in->look[i], cut, n_cut)};
		qsort(seen, in->n_look, sizeof(*seen), by_begin);
		count_places(in->areas, seen, in->n_look, &sums);
	}
	free(cut);
	free(seen);
	free(sums.now);
	free(sums.of);
	return rc;
}

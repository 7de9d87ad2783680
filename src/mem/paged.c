#include "mem/paged.h"

#include <math.h>
#include <stdbool.h>

#define STEPS 100u /* halvings: more than a double's digits need */

/* Pages held when each stays for @stay after its last use. */
static double held(const struct cxms_paged_class *c, size_t n, double stay)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum -= c[i].pages * expm1(-c[i].rate * stay);
	return sum;
}

static double stay_of(const struct cxms_paged_class *c, size_t n, double buffer_pages)
{
	double most = 0;
	for (size_t i = 0; i < n; i++)
		most = fmax(most, c[i].pages > 0 ? c[i].rate : 0);
	double lo = 0, hi = 1 / most;
	while (held(c, n, hi) < buffer_pages && isfinite(hi)) {
		lo = hi;
		hi *= 2;
	}
	for (unsigned i = 0; i < STEPS && isfinite(hi); i++) {
		double mid = (lo + hi) / 2;
		if (held(c, n, mid) < buffer_pages)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

double cxms_paged_hit_ratio(const struct cxms_paged_class *c, size_t n, double buffer_pages,
			    double *hit)
{
	double asked = 0, found = 0, pages = 0;
	for (size_t i = 0; i < n; i++) {
		asked += c[i].rate * c[i].pages;
		pages += c[i].rate > 0 ? c[i].pages : 0;
	}
	bool fits = pages <= buffer_pages || !(asked > 0);
	double stay = fits ? INFINITY : stay_of(c, n, buffer_pages);
	for (size_t i = 0; i < n; i++) {
		double ratio = fits ? 1 : -expm1(-c[i].rate * stay);
		found += c[i].rate * c[i].pages * ratio;
		if (hit)
			hit[i] = ratio;
	}
	return fits ? 1 : found / asked;
}

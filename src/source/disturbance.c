#include "source/disturbance.h"

#include <stdlib.h>

#define QUIET_MOST  32u /* pieces before a disturbance: a millisecond */
#define QUIET_LEAST 8u
#define COST_MOST   256u
#define COST_LEAST  16u

static int by_value(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;

	return (a > b) - (a < b);
}

/* What a quiet piece takes just before piece @at. Return: whether there were enough. */
static bool quiet_ns(const struct cxms_piece *piece, size_t at, int64_t *out)
{
	int64_t took[QUIET_MOST];
	size_t n = 0;

	for (size_t back = 1; back <= QUIET_MOST && back < at; back++) {
		const struct cxms_piece *p = &piece[at - back];

		if (!p->is_disturbed && !p[-1].is_disturbed)
			took[n++] = p->took_ns;
	}
	if (n < QUIET_LEAST)
		return false;
	qsort(took, n, sizeof(*took), by_value);
	*out = took[n / 2];
	return true;
}

static uint64_t usual_mean(int64_t *cost, size_t n)
{
	int64_t most, sum = 0;
	size_t used = 0;

	qsort(cost, n, sizeof(*cost), by_value);
	most = 2 * cost[n / 4];
	while (used < n && cost[used] <= most)
		sum += cost[used++];
	return used && sum > (int64_t)used ? (uint64_t)sum / used : 1;
}

uint64_t cxms_disturbance_ns(const struct cxms_piece *piece, size_t n)
{
	int64_t cost[COST_MOST], quiet;
	size_t n_cost = 0;

	for (size_t i = 0; i + 1 < n && n_cost < COST_MOST; i++) {
		if (!piece[i].is_disturbed || piece[i + 1].is_disturbed ||
		    !quiet_ns(piece, i, &quiet))
			continue;
		cost[n_cost++] =
			(int64_t)piece[i].took_ns + (int64_t)piece[i + 1].took_ns - 2 * quiet;
	}
	return n_cost < COST_LEAST ? 0 : usual_mean(cost, n_cost);
}

uint64_t cxms_least_cost(uint64_t a_ns, uint64_t b_ns)
{
	if (!a_ns || !b_ns)
		return a_ns ? a_ns : b_ns;
	return a_ns < b_ns ? a_ns : b_ns;
}

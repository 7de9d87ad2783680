#include "source/disturbance.h"

#include <stdlib.h>

#include "source/machine_chase.h"

#define PIECE_PS    30000000u
#define AFTER	    8u /* pieces in which what was lost is fetched again: a quarter of a millisecond */
#define QUIET_MOST  32u /* pieces before a disturbance: a millisecond */
#define QUIET_LEAST 8u
#define FOUND_MOST  256u
#define FOUND_LEAST 16u
#define BURST	    3 /* lower quartiles: what takes longer met another program or the host */

/* A disturbance with nothing else around it. */
struct found {
	size_t at;
	int64_t quiet_ns; /* what a piece took just before */
	int64_t first_ns; /* added to the piece it began in and the next, where it may have ended */
};

uint64_t cxms_piece_hops(struct cxms_chase *c)
{
	return PIECE_PS / cxms_chase_set_ps(c) + 1;
}

static int by_value(const void *pa, const void *pb)
{
	int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;

	return (a > b) - (a < b);
}

static bool is_quiet(const struct cxms_piece *piece, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (piece[i].is_disturbed)
			return false;
	}
	return true;
}

/* What a quiet piece takes just before piece @at. Return: whether there were enough. */
static bool quiet_ns(const struct cxms_piece *piece, size_t at, int64_t *out)
{
	int64_t took[QUIET_MOST];
	size_t n = 0;

	for (size_t back = 1; back <= QUIET_MOST && back + AFTER <= at; back++) {
		if (is_quiet(piece, at - back - AFTER, at - back + 1))
			took[n++] = piece[at - back].took_ns;
	}
	if (n < QUIET_LEAST)
		return false;
	qsort(took, n, sizeof(*took), by_value);
	*out = took[n / 2];
	return true;
}

static size_t find(const struct cxms_piece *piece, size_t n, struct found *f)
{
	size_t n_found = 0;

	for (size_t i = 0; i + AFTER < n && n_found < FOUND_MOST; i++) {
		int64_t quiet;

		if (!piece[i].is_disturbed || !is_quiet(piece, i + 1, i + AFTER + 1) ||
		    !quiet_ns(piece, i, &quiet))
			continue;
		f[n_found++] = (struct found){
			.at = i,
			.quiet_ns = quiet,
			.first_ns = (int64_t)piece[i].took_ns + piece[i + 1].took_ns - 2 * quiet,
		};
	}
	return n_found;
}

static size_t leave_out_bursts(struct found *f, size_t n)
{
	int64_t value[FOUND_MOST];
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		value[i] = f[i].first_ns;
	qsort(value, n, sizeof(*value), by_value);
	for (size_t i = 0; i < n; i++) {
		if (f[i].first_ns <= BURST * value[n / 4] || f[i].first_ns <= value[n / 4])
			f[kept++] = f[i];
	}
	return kept;
}

/* Median of what is added to the piece @lag after the beginning; 0: to the first two. What is less
 * than nothing is chance. */
static int64_t added_ns(const struct cxms_piece *piece, const struct found *f, size_t n, size_t lag)
{
	int64_t value[FOUND_MOST];

	for (size_t i = 0; i < n; i++)
		value[i] =
			lag ? (int64_t)piece[f[i].at + lag].took_ns - f[i].quiet_ns : f[i].first_ns;
	qsort(value, n, sizeof(*value), by_value);
	return value[n / 2] > 0 ? value[n / 2] : 0;
}

uint64_t cxms_disturbance_ns(const struct cxms_piece *piece, size_t n)
{
	struct found found[FOUND_MOST];
	size_t n_found = find(piece, n, found);
	int64_t sum;

	if (n_found < FOUND_LEAST)
		return 0;
	n_found = leave_out_bursts(found, n_found);
	sum = added_ns(piece, found, n_found, 0);
	for (size_t lag = 2; lag <= AFTER; lag++)
		sum += added_ns(piece, found, n_found, lag);
	return sum > 1 ? (uint64_t)sum : 1;
}

uint64_t cxms_least_cost(uint64_t a_ns, uint64_t b_ns)
{
	if (!a_ns || !b_ns)
		return a_ns ? a_ns : b_ns;
	return a_ns < b_ns ? a_ns : b_ns;
}

#include "core/reuse.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/units.h"
#include "core/stair.h"

#define BIN_LEAST 1e-15 /* ns of waiting for a line per ns: one wait in some hours */
#define BIN_STEP  1.2
/* Beyond: exp(-40) of the uses. Before: 2 % of the shortest time between uses. */
#define LONGEST	    40.0
#define SHORTEST    0.02
#define SOLVE_STEPS 20
#define FIXED_STEPS 24
/* Uses until the end of the grid below which a line never comes back in time. */
#define RARE	0.1
#define SETTLED 1e-3 /* of a rate: far below what the samples tell */

static int bin_of(double value)
{
	double bin = value > BIN_LEAST ? log(value / BIN_LEAST) / log(BIN_STEP) : 0;
	return (int)fmin(bin, CXMS_REUSE_BINS - 1);
}

void cxms_reuse_add(struct cxms_reuse *r, double lines, double stall_ns, double uses_per_ns)
{
	if (lines <= 0)
		return;
	if (uses_per_ns > 0) {
		r->known_lines[bin_of(uses_per_ns)] += lines;
		r->known[bin_of(uses_per_ns)] += lines * uses_per_ns;
	} else if (stall_ns > 0) {
		r->lines[bin_of(stall_ns)] += lines;
		r->stall[bin_of(stall_ns)] += lines * stall_ns;
	}
}

static double uses_of(const struct cxms_reuse *r, double stall_ns, double miss)
{
	const struct cxms_stair *s = r->stair;
	return stall_ns * (double)CXMS_PS_PER_NS / (miss * s->mem_ps + (1 - miss) * s->llc_ps);
}

static double misses_at(const struct cxms_reuse *r, double lines)
{
	return cxms_stair_miss_ratio(r->stair, lines * CXMS_LINE_BYTES / r->scale);
}

static double mean_misses(const struct cxms_reuse *r, double from, double to)
{
	double bytes = CXMS_LINE_BYTES / r->scale;
	return cxms_stair_mean_miss(r->stair, from * bytes, to * bytes);
}

static double miss_random(const struct cxms_reuse *r, double uses)
{
	double at = r->first_ns, left = 1, miss = 0;
	for (int i = 0; i <= CXMS_REUSE_GRID && left > 1e-9; i++, at *= r->step) {
		double next = i < CXMS_REUSE_GRID ? exp(-uses * at * r->step) : 0;
		if (i == 0) {
			miss += (1 - exp(-uses * at)) * r->miss[0];
			left = exp(-uses * at);
		}
		miss += (left - next) * r->miss[i];
		left = next;
	}
	return miss;
}

static double miss_in_turn(const struct cxms_reuse *r, double uses)
{
	double at = log(1 / (uses * r->first_ns)) / log(r->step);
	int i = (int)fmin(fmax(at, 0), CXMS_REUSE_GRID - 1);
	double part = fmin(fmax(at - i, 0), 1);
	return misses_at(r, r->in_turn[i] * (1 - part) + r->in_turn[i + 1] * part);
}

static void fill_grid(struct cxms_reuse *r, const double *uses)
{
	double at = r->first_ns;
	for (int i = 0; i <= CXMS_REUSE_GRID; i++, at *= r->step) {
		r->distinct[i] = r->in_turn[i] = 0;
		for (int b = 0; b < CXMS_REUSE_BINS; b++) {
			double known = r->known_lines[b];
			double f = known > 0 ? r->known[b] / known : 0;
			if (r->lines[b] > 0) {
				r->distinct[i] += r->lines[b] * -expm1(-uses[b] * at);
				r->in_turn[i] += r->lines[b] * fmin(1, uses[b] * at);
			}
			/* A stream uses each of its lines in turn. */
			r->distinct[i] += known * fmin(1, f * at);
			r->in_turn[i] += known * fmin(1, f * at);
		}
	}
	for (int i = 0; i < CXMS_REUSE_GRID; i++)
		r->miss[i] = mean_misses(r, r->distinct[i], r->distinct[i + 1]);
	r->miss[CXMS_REUSE_GRID] = misses_at(r, r->distinct[CXMS_REUSE_GRID]);
}

static void tabulate(struct cxms_reuse *r)
{
	for (int b = 0; b < CXMS_REUSE_BINS; b++) {
		double uses = BIN_LEAST * pow(BIN_STEP, b), times = uses * r->first_ns;
		bool often = times > LONGEST, rare = times * pow(r->step, CXMS_REUSE_GRID) < RARE;
		r->by_uses[0][b] = often ? r->miss[0] : rare ? 1 : miss_random(r, uses);
		r->by_uses[1][b] = often ? r->miss[0] : rare ? 1 : miss_in_turn(r, uses);
	}
}

static double look_up(const double *by_uses, double uses)
{
	double at = uses > BIN_LEAST ? log(uses / BIN_LEAST) * (1 / log(BIN_STEP)) : 0;
	int b = (int)fmin(at, CXMS_REUSE_BINS - 2);
	double part = fmin(at - b, 1);
	return by_uses[b] * (1 - part) + by_uses[b + 1] * part;
}

static double settle(const struct cxms_reuse *r, double stall_ns, double miss)
{
	for (int step = 0; step < FIXED_STEPS; step++) {
		double next = look_up(r->by_uses[0], uses_of(r, stall_ns, miss));
		if (fabs(next - miss) < SETTLED * 0.1)
			return next;
		miss = next;
	}
	return miss;
}

/* The range of times from the rarest to the most frequent use. */
static void set_range(struct cxms_reuse *r, const double *uses)
{
	double least = INFINITY, most = 0;
	for (int b = 0; b < CXMS_REUSE_BINS; b++) {
		double f = r->known_lines[b] > 0 ? r->known[b] / r->known_lines[b] : 0;
		if (r->lines[b] > 0) {
			least = fmin(least, uses[b]);
			most = fmax(most, uses[b]);
		}
		if (f > 0) {
			least = fmin(least, f);
			most = fmax(most, f);
		}
	}
	if (most <= 0)
		least = most = 1;
	r->first_ns = SHORTEST / most;
	r->step = pow(LONGEST / least / r->first_ns, 1.0 / CXMS_REUSE_GRID);
}

void cxms_reuse_solve(struct cxms_reuse *r)
{
	double uses[CXMS_REUSE_BINS] = {0};
	for (int b = 0; b < CXMS_REUSE_BINS; b++)
		if (r->lines[b] > 0)
			uses[b] = uses_of(r, r->stall[b] / r->lines[b], r->from_hits ? 0 : 1);
	for (int step = 0; step < SOLVE_STEPS; step++) {
		double moved = 0;
		set_range(r, uses);
		fill_grid(r, uses);
		for (int b = 0; b < CXMS_REUSE_BINS; b++) {
			if (r->lines[b] <= 0)
				continue;
			double miss = miss_random(r, uses[b]);
			double next = uses_of(r, r->stall[b] / r->lines[b], miss);
			moved = fmax(moved, fabs(log(next / uses[b])));
			uses[b] = sqrt(uses[b] * next);
		}
		if (moved < SETTLED)
			break;
	}
	set_range(r, uses);
	fill_grid(r, uses);
	tabulate(r);
	memcpy(r->uses, uses, sizeof(uses));
}

double cxms_reuse_miss_after(const struct cxms_reuse *r, double ns, double overlap)
{
	double between = 0;
	for (int b = 0; b < CXMS_REUSE_BINS; b++) {
		if (r->lines[b] > 0)
			between += r->lines[b] * -expm1(-r->uses[b] * overlap * ns);
		if (r->known_lines[b] > 0)
			between += fmin(r->known_lines[b], r->known[b] * ns);
	}
	return misses_at(r, between);
}

/*
 * A line that hits costs less, so the same waiting means more uses, which hit more often: from all
 * misses and from all hits both ways may end apart where memory is much slower than the cache, and
 * then the samples cannot tell which. The middle stands for both.
 */
double cxms_reuse_memory_share(const struct cxms_reuse *r, double stall_ns, double uses_per_ns,
			       double random_ratio)
{
	double uses = uses_per_ns, miss[2];
	if (uses > 0) {
		miss[0] = look_up(r->by_uses[0], uses);
	} else {
		double least = settle(r, stall_ns, 0);
		double most = r->from_hits ? least : settle(r, stall_ns, 1);
		miss[0] = 0.5 * (most + least);
		uses = uses_of(r, stall_ns, miss[0]);
	}
	miss[1] = look_up(r->by_uses[1], uses);
	return random_ratio * cxms_stair_time_share(r->stair, miss[0]) +
	       (1 - random_ratio) * cxms_stair_time_share(r->stair, miss[1]);
}

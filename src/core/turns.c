#include "core/turns.h"

#include <math.h>
#include <stdlib.h>

#include "base/units.h"

#define MIN_PAIRS   10u
#define NEAR_FACTOR 1.5 /* around the median */
#define MIN_NEAR    0.6 /* of the pairs that count */
#define MIN_AGREE   0.4 /* of all pairs */
/* A loop whose samples stand for so much more time than their own calls others. */
#define MIN_CALLS 1.2
/* Of the runs, by their first sample: longer than the time since the last one. */
#define MAX_TOO_LONG 0.1
/* The tenth at either end of the places may be chance as well. */
#define PLACE_TAIL 0.05
/* Below the middle of the places and above it lies as much of a run; of 100 the error of the ratio
 * is 15 %. Where runs have from half to one and a half times as many turns it is 0.66. */
#define MIN_EVEN 0.8
/* Neighbours that are looked at together: of k values spread evenly over M the span is M (k - 1) /
 * (k + 1) on average. All places span more than so many times that where runs begin anywhere. */
#define NEIGHBOURS     16u
#define MAX_SPREAD     1.25
#define MIN_NEST_PAIRS 100u
#define MIN_WHOLE      0.9		  /* of the places: by whole steps from the first */
#define GOLDEN_RATIO   0.6180339887498949 /* multiples fill an interval evenly */
#define MAX_ROW	       9e15		  /* of a register; exact in a double */

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

/* Turns a nanosecond between a point and the next, @most at most; 0: not the same run of the loop.
 */
static double rate_of(const struct cxms_turn_point *p, int64_t step, double most)
{
	int64_t moved = (int64_t)(p[1].count - p[0].count);
	if (moved == INT64_MIN || moved % step || moved / step <= 0)
		return 0;
	double rate = (double)(moved / step) / (double)(p[1].time_ns - p[0].time_ns);
	return rate <= most ? rate : 0;
}

static bool is_near(double rate, double median)
{
	return rate * NEAR_FACTOR >= median && rate <= median * NEAR_FACTOR;
}

/* The median rate, or 0 where the pairs do not agree. */
static double agree(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		    double most, double *work, struct cxms_turns *out)
{
	size_t all = 0, counted = 0, near = 0;
	for (size_t i = 0; i + 1 < n; i += n / CXMS_TURNS_MAX_PAIRS + 1) {
		if (!is_pair(&point[i], max_gap_ns))
			continue;
		double rate = rate_of(&point[i], step, most);
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

/* A register that counts, and what its pairs agree on. */
struct counter {
	const struct cxms_turn_point *point;
	size_t n;
	int64_t step;
	double max_gap_ns, most, median;
	double per_ns; /* of the pairs that agree */
};

/* Turns a nanosecond from the point before; 0: not the same run. */
static double pair_rate(const struct counter *c, size_t i)
{
	const struct cxms_turn_point *pair = i > 0 ? &c->point[i - 1] : NULL;
	double rate = pair && is_pair(pair, c->max_gap_ns) ? rate_of(pair, c->step, c->most) : 0;
	return is_near(rate, c->median) ? rate : 0;
}

/* Time in the loop since its run began, if all begin where the register is at its least (most,
 * where it counts down). */
static double since_begin_ns(const struct counter *c, size_t i, int64_t begin)
{
	int64_t from = (int64_t)(c->point[i].count - c->point[0].count);
	return fabs(((double)from - (double)begin) / (double)c->step) / c->per_ns;
}

static int64_t find_begin(const struct counter *c)
{
	int64_t begin = 0;
	for (size_t i = 1; i < c->n; i++) {
		int64_t from = (int64_t)(c->point[i].count - c->point[0].count);
		if (c->step > 0 ? from < begin : from > begin)
			begin = from;
	}
	return begin;
}

/* CPU time since the sample before, in which the loop began anew; 0: not known */
static double anew_ns(const struct counter *c, size_t i)
{
	const struct cxms_turn_point *p = i > 0 ? &c->point[i - 1] : NULL;
	if (!p || pair_rate(c, i) > 0 || p[0].thread != p[1].thread || p[0].sleeps != p[1].sleeps ||
	    p[1].time_ns <= p[0].time_ns)
		return 0;
	return (double)(p[1].time_ns - p[0].time_ns);
}

/*
 * For how much of the loop's time the weight of a sample stands that is alone in its run, of which
 * @least is certain. Pairs that lie within a run are the short ones, so @least is too little where
 * runs are not much longer. Since a run began as many turns lie as its register has counted, and
 * before the end of a run it is sampled last as long as it is sampled first behind its beginning.
 */
static double alone_stretch(const struct counter *c, double least)
{
	const int64_t begin = find_begin(c);
	double since_ns = 0, weight_ns = 0, gaps_ns = 0;
	size_t n = 0, too_long = 0;
	for (size_t i = 0; i < c->n; i++) {
		double gap_ns = anew_ns(c, i), since = since_begin_ns(c, i, begin);
		if (gap_ns <= 0)
			continue;
		n++;
		too_long += since > NEAR_FACTOR * gap_ns;
		since_ns += fmin(since, gap_ns);
		weight_ns += c->point[i].weight_ns;
		gaps_ns += gap_ns;
	}
	if (n < MIN_PAIRS || weight_ns <= 0 || (double)too_long > MAX_TOO_LONG * (double)n)
		return least;
	return fmax(least, fmin(2 * since_ns, gaps_ns) / weight_ns);
}

static void fit(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		double most, double *work, struct cxms_turns *out)
{
	double turns = 0, span_ns = 0, paired_ns = 0, spent_ns = 0, alone_ns = 0, stretch;
	*out = (struct cxms_turns){0};
	struct counter c = {point, n, step, max_gap_ns, most, 0, 0};
	c.median = agree(point, n, step, max_gap_ns, most, work, out);
	if (c.median <= 0)
		return;
	for (size_t i = 0; i < n; i++) {
		double rate = pair_rate(&c, i);
		if (rate <= 0) {
			alone_ns += point[i].weight_ns;
			continue;
		}
		double dt = (double)(point[i].time_ns - point[i - 1].time_ns);
		turns += rate * dt;
		span_ns += dt;
		out->pairs++;
		paired_ns += point[i].weight_ns;
		spent_ns += fmax(point[i].weight_ns, dt);
	}
	c.per_ns = out->per_ns = turns / span_ns;
	stretch = paired_ns > 0 ? spent_ns / paired_ns : 1;
	if (stretch > MIN_CALLS)
		stretch = alone_stretch(&c, stretch);
	out->time_ns = spent_ns + alone_ns * stretch;
	out->turns = out->per_ns * out->time_ns;
	out->found = true;
}

void cxms_turns_fit(const struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
		    double *work, struct cxms_turns *out)
{
	fit(point, n, step, max_gap_ns, CXMS_TURNS_MOST_PER_NS, work, out);
}

/* The first sample of each turn. Return: how many these are */
static size_t one_a_turn(struct cxms_turn_point *point, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		const struct cxms_turn_point *last = kept ? &point[kept - 1] : NULL;
		if (!last || last->thread != point[i].thread || last->sleeps != point[i].sleeps ||
		    last->count != point[i].count)
			point[kept++] = point[i];
	}
	return kept;
}

void cxms_turns_fit_around(struct cxms_turn_point *point, size_t n, int64_t step, double max_gap_ns,
			   double *work, struct cxms_turns *out)
{
	cxms_turns_fit(point, one_a_turn(point, n), step, max_gap_ns, work, out);
}

/* Samples of an inner loop, neighbours by the register of the loop around it. */
struct nest {
	const struct cxms_turn_point *point; /* count: the outer register */
	size_t n;
	int64_t outer_step, step;
	double max_gap_ns, per_ns; /* of the outer loop */
	int64_t row;		   /* what the inner register moves in an outer turn */
	double *work;		   /* for CXMS_TURNS_MAX_PAIRS */
};

static bool is_nest_pair(const struct nest *o, size_t i)
{
	const struct cxms_turn_point *p = &o->point[i];
	return is_pair(p, o->max_gap_ns) &&
	       is_near(rate_of(p, o->outer_step, CXMS_TURNS_MOST_PER_NS), o->per_ns);
}

static size_t stride_of(const struct nest *o)
{
	return o->n / CXMS_TURNS_MAX_PAIRS + 1;
}

/* Inner turns that begin @shift further in each outer one: pairs that then moved by whole steps. */
static size_t whole_pairs(const struct nest *o, int64_t shift)
{
	size_t n = 0;
	for (size_t i = 0; i + 1 < o->n; i += stride_of(o)) {
		const struct cxms_turn_point *p = &o->point[i];
		if (!is_nest_pair(o, i))
			continue;
		int64_t turns = (int64_t)(p[1].count - p[0].count) / o->outer_step;
		uint64_t shifted = (uint64_t)turns * (uint64_t)shift;
		int64_t moved = (int64_t)(p[1].outer - p[0].outer - shifted);
		n += moved != INT64_MIN && moved % o->step == 0;
	}
	return n;
}

/* An address that is its own counter begins a column's width further in each outer turn, which is
 * no whole step and within a line. The width that most pairs agree on; 0 before others. */
static int64_t find_shift(const struct nest *o)
{
	int64_t best = 0;
	size_t most = whole_pairs(o, 0);
	for (int64_t shift = 1; shift < (int64_t)CXMS_LINE_BYTES; shift++)
		for (int side = -1; side <= 1; side += 2) {
			size_t n = whole_pairs(o, side * shift);
			if (n > most) {
				most = n;
				best = side * shift;
			}
		}
	return best;
}

/* Over all pairs together, as places of neighbours hang together; by whole steps but for the
 * shift, as a row has whole elements. */
static void find_row(struct nest *o)
{
	const double shift = (double)find_shift(o);
	double inner = 0, outer = 0;
	for (size_t i = 0; i + 1 < o->n; i++) {
		const struct cxms_turn_point *p = &o->point[i];
		if (!is_nest_pair(o, i))
			continue;
		inner += (double)(int64_t)(p[1].outer - p[0].outer);
		outer += (double)((int64_t)(p[1].count - p[0].count) / o->outer_step);
	}
	double steps = outer > 0 ? round((inner / outer - shift) / (double)o->step) : 0;
	double row = steps * (double)o->step + shift;
	o->row = fabs(row) < MAX_ROW ? (int64_t)row : 0;
}

/* The inner register, as if each outer turn began at the same value. */
static uint64_t level_of(const struct nest *o, size_t i)
{
	uint64_t count = o->point[i].count;
	/* the least of all numbers has no opposite */
	uint64_t turns =
		o->outer_step == -1 ? 0 - count : (uint64_t)((int64_t)count / o->outer_step);
	return o->point[i].outer - turns * (uint64_t)o->row;
}

/* Inner turns from where @level is; a turn is spread evenly over its length. */
static double place_of(const struct nest *o, size_t i, uint64_t level)
{
	double whole;
	return (double)(int64_t)(level_of(o, i) - level) / (double)o->step +
	       modf((double)i * GOLDEN_RATIO, &whole);
}

static bool is_whole(const struct nest *o, size_t i, uint64_t level)
{
	int64_t from = (int64_t)(level_of(o, i) - level);
	return from == INT64_MIN || from % o->step == 0;
}

/* Turns of a run by how far apart some neighbours lie, in the median: their runs begin alike. */
static double turns_by_neighbours(const struct nest *o, uint64_t level)
{
	size_t n = 0, whole = 0, spans = 0;
	double low = 0, high = 0;
	for (size_t i = 0; i + 1 < o->n; i += stride_of(o)) {
		if (!is_nest_pair(o, i))
			continue;
		double place = place_of(o, i, level);
		low = n % NEIGHBOURS ? fmin(low, place) : place;
		high = n % NEIGHBOURS ? fmax(high, place) : place;
		whole += is_whole(o, i, level);
		if (++n % NEIGHBOURS == 0)
			o->work[spans++] = high - low;
	}
	if (n < MIN_NEST_PAIRS || (double)whole < MIN_WHOLE * (double)n)
		return 0;
	qsort(o->work, spans, sizeof(*o->work), by_value);
	return o->work[spans / 2] * (NEIGHBOURS + 1) / (NEIGHBOURS - 1);
}

/* The same by where the places lie, 0 where these are not spread evenly. */
static double turns_by_places(const struct nest *o, uint64_t level)
{
	size_t n = 0;
	for (size_t i = 0; i + 1 < o->n; i += stride_of(o))
		if (is_nest_pair(o, i))
			o->work[n++] = place_of(o, i, level);
	qsort(o->work, n, sizeof(*o->work), by_value);
	double low = o->work[(size_t)(PLACE_TAIL * (double)n)], middle = o->work[n / 2];
	double high = o->work[(size_t)((1 - PLACE_TAIL) * (double)n)];
	bool even =
		fmin(middle - low, high - middle) >= MIN_EVEN * fmax(middle - low, high - middle);
	return even ? (high - low) / (1 - 2 * PLACE_TAIL) : 0;
}

/* Turns of the inner loop in one of the outer, 0 where they are not always as many. */
static double inner_turns(struct nest *o)
{
	size_t first = 0;
	find_row(o);
	while (first + 1 < o->n && !is_nest_pair(o, first))
		first++;
	uint64_t level = level_of(o, first);
	double near = turns_by_neighbours(o, level);
	double turns = near > 0 ? turns_by_places(o, level) : 0;
	return turns <= MAX_SPREAD * near ? turns : 0;
}

static void swap_counts(struct cxms_turn_point *point, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t count = point[i].count;
		point[i].count = point[i].outer;
		point[i].outer = count;
	}
}

/* By what is left of each run at its samples. */
static double turns_by_rest(const struct nest *o)
{
	size_t n = 0;
	double sum = 0;
	for (size_t i = 0; i < o->n; i += stride_of(o)) {
		o->work[n] = (double)o->point[i].outer;
		sum += o->work[n++];
	}
	qsort(o->work, n, sizeof(*o->work), by_value);
	return fmin(2 * sum / (double)n, o->work[(size_t)((1 - PLACE_TAIL) * (double)n)]);
}

/* Turns of an outer loop, @inner for each of them; none where that is more than @most a nanosecond.
 */
static void multiply(struct cxms_turns *out, double inner, double most)
{
	out->run_turns = inner;
	out->per_ns *= inner;
	out->turns *= inner;
	if (inner <= 0 || out->per_ns > most)
		*out = (struct cxms_turns){0};
}

void cxms_turns_fit_left(struct cxms_turn_point *point, size_t n, int64_t outer_step,
			 double max_gap_ns, double *work, struct cxms_turns *out)
{
	fit(point, n, -1, max_gap_ns, CXMS_TURNS_MOST_STRING_PER_NS, work, out);
	if (out->found || n < MIN_PAIRS)
		return;
	swap_counts(point, n);
	if (outer_step)
		cxms_turns_fit(point, n, outer_step, max_gap_ns, work, out);
	const struct nest o = {.point = point, .n = n, .work = work};
	double inner = turns_by_rest(&o);
	swap_counts(point, n);
	multiply(out, out->found ? inner : 0, CXMS_TURNS_MOST_STRING_PER_NS);
	out->run_turns = inner;
}

void cxms_turns_fit_nested(struct cxms_turn_point *point, size_t n, int64_t step,
			   int64_t outer_step, double max_gap_ns, double *work,
			   struct cxms_turns *out)
{
	swap_counts(point, n);
	cxms_turns_fit(point, n, outer_step, max_gap_ns, work, out);
	struct nest o = {.point = point,
			 .n = n,
			 .outer_step = outer_step,
			 .step = step,
			 .max_gap_ns = max_gap_ns,
			 .per_ns = out->per_ns,
			 .work = work};
	double inner = out->found ? inner_turns(&o) : 0;
	swap_counts(point, n);
	multiply(out, inner, CXMS_TURNS_MOST_PER_NS);
}

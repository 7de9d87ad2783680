/* Walks through memory that use each line several times. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "core/linewait.h"
#include "core/stream.h"
#include "core/turns.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/streams_priv.h"
#include "sim/traffic.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
/* Of a walk that need not be even neighbours may be further apart, less than it takes to begin anew
 * (16 MiB at a few GB/s are some milliseconds, a few of the longest periods). */
#define WALK_GAP_RATIO 3.0
/* Pairs of neighbours that a walk must show: where the code moves the address by a constant; and
 * else, so that one in a hundred random orders goes three quarters one way. */
#define MIN_PAIRS_BY_CODE 6u
#define MIN_PAIRS	  24u
/* Of a walk that leaves nothing out, by the loop's turns: their rate is known to about a quarter.
 */
#define MAX_STEP_RATIO 1.25
/* Who goes anywhere is near by chance in the rest, in an area of twice what the cache holds. */
#define MAX_APART 0.5
/* Of the pairs: chance, such as an interrupt's late sample, is less. */
#define MIN_BACK_RATIO 0.05
/* Who goes anywhere goes back in half of the pairs, in nearly four in ten by more than an eighth of
 * all its way; who sorts parts does so where it begins with the next one before. */
#define NEAR_WAY     8.0
#define MAX_FAR_BACK 0.1
/* Longer than three times the median are the ways within large parts, a fifth of all in sorts; of
 * who goes anywhere within a place one in a hundred, and up to one in fourteen where it moves on.
 */
#define MIN_LONG_RATIO 0.12
/* Of the bytes that as many waits for lines bring, one after the other or more at a time. */
#define MAX_NEW 0.75

/* Turns of the loop around between two samples, at least: where they stand within a turn then moves
 * the bytes of a turn by a sixteenth. */
#define MIN_OUTER_TURNS 16.0
/* Of the pairs: between the others the walk began anew elsewhere. */
#define MIN_EVEN 0.75

/* A walk by runs: those of a loop within another, each from where the one before ended. */
struct runs {
	unsigned bytes;	     /* of a run, a line at most; 0 = it is none */
	double bytes_per_ns; /* signed; 0 = not known */
};

struct way cxms_way_of(const struct cxms_stream_point *point, size_t n)
{
	struct way way = {UINT64_MAX, 0};
	for (size_t i = 0; i < n; i++) {
		way.from = point[i].addr < way.from ? point[i].addr : way.from;
		way.to = point[i].addr > way.to ? point[i].addr : way.to;
	}
	return way;
}

/* Bytes from one use of a walk to the next, at most; 0: not several times a line, or no address. */
static unsigned step_of(const struct cxms_rec_site *site)
{
	const unsigned none = CXMS_SITE_STACK | CXMS_SITE_TLS | CXMS_SITE_GATHER | CXMS_SITE_NOADDR;
	uint64_t stride = (uint64_t)site->stride;
	if (site->stride < 0)
		stride = 0 - stride;
	if (cxms_is_carried(site) || site->flags & none || site->kind == CXMS_SITE_STRING)
		return 0;
	if (stride == 0) /* it moves where the loop takes another way, or by an inner loop */
		stride = site->access_bytes;
	return stride < CXMS_LINE_BYTES ? (unsigned)stride : 0;
}

/* Does the loop of @outer, which has inner loops, go on both sides of @site? */
static bool is_around(const struct cxms_recording *rec, const struct cxms_rec_site *outer,
		      const struct cxms_rec_site *site)
{
	bool before = false, behind = false;
	if (!(outer->flags & CXMS_SITE_LONG) || outer->pid != site->pid)
		return false;
	for (size_t i = 0; i < rec->n_site && !(before && behind); i++) {
		const struct cxms_rec_site *other = &rec->site[i];
		if (other->pid != outer->pid || other->loop_ip != outer->loop_ip)
			continue;
		before |= other->ip < site->ip;
		behind |= other->ip > site->ip;
	}
	return before && behind;
}

/*
 * Runs of an instruction in a nanosecond, at least: the turns of its loop, or of the loop around
 * that, which runs it once or more in each turn.
 */
static double least_runs(const struct stream_search *s, uint32_t site)
{
	const struct cxms_recording *rec = s->rec;
	double runs = 0;
	if (s->ev->turns[site].found)
		return s->ev->turns[site].per_ns;
	for (size_t i = 0; i < rec->n_site; i++)
		if (s->ev->turns[i].found && s->ev->turns[i].per_ns > runs &&
		    s->ev->block_of_site[i] == s->ev->block_of_site[site] &&
		    is_around(rec, &rec->site[i], &rec->site[site]))
			runs = s->ev->turns[i].per_ns;
	return runs;
}

/* Does a turn of its loop add a constant less than a line to the register that addresses it, once
 * each? Then any sample of the loop tells where it is. */
static bool is_counted_walk(const struct cxms_rec_site *site)
{
	const bool scaled = site->index && site->count_reg == site->index;
	return site->flags & CXMS_SITE_AFFINE && site->step && site->stride &&
	       site->stride % site->step == 0 && (scaled || site->count_reg == site->base);
}

/* The addresses of a counted walk, by all samples of its loop. Return: how many, or -ENOMEM. */
static ptrdiff_t walk_points(const struct stream_search *s, const struct cxms_rec_site *site,
			     struct cxms_stream_point **out)
{
	const struct cxms_recording *rec = s->rec;
	const int64_t bytes_a_count = site->stride / site->step;
	ptrdiff_t n = 0;
	*out = malloc((rec->n_sample + 1) * sizeof(**out));
	for (size_t i = 0; i < rec->n_sample && *out; i++) {
		const struct cxms_rec_sample *from = &rec->sample[s->order->sample[i]];
		if (!(from->flags & CXMS_SAMPLE_COUNT) || from->site == CXMS_NO_SITE)
			continue;
		const struct cxms_rec_site *other = &rec->site[from->site];
		if (other->loop_ip == site->loop_ip && other->pid == site->pid)
			(*out)[n++] = (struct cxms_stream_point){.time_ns = s->order->cpu_ns[i],
								 .addr = from->count *
									 (uint64_t)bytes_a_count,
								 .thread = from->thread};
	}
	return *out ? n : -ENOMEM;
}

/*
 * Does a walk go through the parts of an array, each again in parts of its own (a recursion)? It
 * then goes back now and then, to what the cache still holds, and moves less between two samples
 * than in its turns, so their rate is no bound: by the code it leaves nothing out, and three pairs
 * in four that go its way, as fast as a core turns at most, are runs of many turns.
 */
static int judge_parts(const struct stream_search *s, const struct cxms_rec_site *site, bool *parts)
{
	const double most = fabs((double)site->stride) * CXMS_TURNS_MOST_PER_NS;
	const double gap_ns = WALK_GAP_RATIO * s->max_gap_ns;
	struct cxms_stream_point *point;
	double mean;
	ptrdiff_t n = walk_points(s, site, &point);
	*parts = n > 0 &&
		 cxms_stream_dense(point, (size_t)n, gap_ns, MIN_PAIRS, most, s->work, &mean) ==
			 CXMS_DENSE_YES &&
		 mean * (double)site->stride > 0 &&
		 cxms_stream_back_ratio(point, (size_t)n, gap_ns, mean,
					cxms_stair_llc_bytes(&s->ev->stair)) >= MIN_BACK_RATIO;
	free(point);
	return n < 0 ? -ENOMEM : 0;
}

/*
 * The same by the ways between neighbours alone, where turns are not told or parts come in any
 * order (the smaller first): it goes back now and then, but hardly ever far. What it advances
 * between samples is new at most. Who moves as the code does not tell may come to each line once,
 * within a place that moves on: it then advances by a line for each wait.
 */
static bool is_unordered(const struct stream_search *s, const struct cxms_stream_point *point,
			 size_t n, bool up, double wait_ns, double *bytes_per_ns)
{
	const double line_ps = s->ev->stair.mem_ps / (double)CXMS_LINE_BYTES;
	const struct way all = cxms_way_of(point, n);
	double near =
		fmin((double)(all.to - all.from) / NEAR_WAY, cxms_stair_llc_bytes(&s->ev->stair));
	if (n == 0 || near <= 0)
		return false;
	struct cxms_stream_ways way =
		cxms_stream_ways(point, n, WALK_GAP_RATIO * s->max_gap_ns, up, near, s->work);
	*bytes_per_ns = up ? way.bytes_per_ns : -way.bytes_per_ns;
	return way.pairs >= MIN_PAIRS && way.back_ratio >= MIN_BACK_RATIO &&
	       way.far_ratio <= MAX_FAR_BACK && way.long_ratio >= MIN_LONG_RATIO &&
	       way.median_bytes * line_ps <= MAX_NEW * wait_ns * PS_PER_NS;
}

/* Turns of the loop around that lie between two samples, and 0 where they do not tell. */
static double outer_turns(const struct cxms_rec_site *site, const struct cxms_rec_sample *from,
			  const struct cxms_rec_sample *to)
{
	const unsigned both = CXMS_SAMPLE_ADDR | CXMS_SAMPLE_OUTER;
	int64_t moved = (int64_t)(to->outer - from->outer);
	if ((from->flags & to->flags & both) != both || from->thread != to->thread ||
	    moved == INT64_MIN || moved % site->outer_step)
		return 0;
	double turns = (double)moved / (double)site->outer_step;
	return fabs(turns) >= MIN_OUTER_TURNS ? turns : 0;
}

/** struct pair - neighbouring samples of an instruction */
struct pair {
	double turns; /* of the loop around, from one to the other */
	double bytes, ns;
};

static bool find_pair(const struct stream_search *s, size_t i, struct pair *out)
{
	const struct cxms_stream_point *p = &s->point[i];
	const struct cxms_rec_sample *from = &s->rec->sample[s->sample[i]];
	out->turns =
		outer_turns(&s->rec->site[from->site], from, &s->rec->sample[s->sample[i + 1]]);
	out->bytes = (double)(int64_t)(p[1].addr - p[0].addr);
	out->ns = (double)(p[1].time_ns - p[0].time_ns);
	return out->turns != 0;
}

static int by_size(const void *pa, const void *pb)
{
	const double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

static bool is_even(double bytes_a_turn, double bytes)
{
	return fabs(bytes_a_turn - bytes) <= fabs(bytes) / MIN_OUTER_TURNS;
}

/* What a turn of the loop around moves the address by, where pairs agree; else 0. */
static double even_bytes(const struct stream_search *s, size_t begin, size_t end)
{
	size_t n = 0, even = 0;
	struct pair pair;
	for (size_t g = begin; g < end; g++)
		for (size_t i = s->first[g]; i + 1 < s->first[g + 1]; i++)
			if (n < CXMS_STREAM_MAX_PAIRS && find_pair(s, i, &pair))
				s->work[n++] = pair.bytes / pair.turns;
	if (n < MIN_PAIRS_BY_CODE)
		return 0;
	qsort(s->work, n, sizeof(*s->work), by_size);
	double bytes = round(s->work[n / 2]);
	for (size_t i = 0; i < n; i++)
		even += is_even(s->work[i], bytes);
	return (double)even < MIN_EVEN * (double)n ? 0 : bytes;
}

/*
 * How fast such a walk goes, by the pairs that agree: the others lead to another array. Where it
 * begins anew between most of its samples they do not tell, and it is 0.
 */
static double even_rate(const struct stream_search *s, size_t begin, size_t end, double bytes)
{
	size_t near = 0, n = 0;
	double way = 0, ns = 0;
	struct pair pair;
	for (size_t g = begin; g < end; g++) {
		for (size_t i = s->first[g]; i + 1 < s->first[g + 1]; i++) {
			if (!find_pair(s, i, &pair) || pair.ns > WALK_GAP_RATIO * s->max_gap_ns ||
			    !is_even(pair.bytes / pair.turns, bytes))
				continue;
			near++;
			if (pair.turns < 0)
				continue;
			n++;
			way += pair.bytes;
			ns += pair.ns;
		}
	}
	if (n < MIN_PAIRS_BY_CODE || ns <= 0 || (double)n < MIN_EVEN * (double)near)
		return 0;
	return way / ns;
}

/*
 * Does a loop within another go through memory by runs of a line or less? Its address then moves
 * evenly with the turns of the loop around, whatever register counts those, and leaves no line out.
 */
static struct runs find_runs(const struct stream_search *s, size_t begin, size_t end)
{
	const struct cxms_rec_site *site = &s->rec->site[s->ev->group[s->group[begin]].site];
	if (!site->outer_reg || !site->outer_step || !(site->flags & CXMS_SITE_AFFINE))
		return (struct runs){0};
	double bytes = even_bytes(s, begin, end);
	if (bytes == 0 || fabs(bytes) >= CXMS_LINE_BYTES)
		return (struct runs){0};
	return (struct runs){.bytes = (unsigned)fabs(bytes),
			     .bytes_per_ns = even_rate(s, begin, end, bytes)};
}

/* What the groups of such an instruction then are. */
static void set_walk(struct stream_search *s, size_t begin, size_t end, enum cxms_dense dense,
		     bool parts, double bytes_per_ns, unsigned run)
{
	const unsigned step = step_of(&s->rec->site[s->ev->group[s->group[begin]].site]);
	const size_t n = s->first[end] - s->first[begin];
	struct cxms_linewait waits = {0};
	double share[CXMS_SPAN_COUNT];
	for (size_t i = s->first[begin]; i < s->first[end]; i++)
		cxms_linewait_add(&waits, s->point[i].addr);
	cxms_linewait_share(&waits, step, run, share);
	if (n < CXMS_LINEWAIT_MIN_SAMPLES)
		share[CXMS_SPAN_LO] = 0;
	for (size_t i = begin; i < end; i++) {
		struct cxms_group *g = &s->ev->group[s->group[i]];
		if (g->column_step)
			continue;
		g->at_line[CXMS_SPAN_LO] = share[CXMS_SPAN_LO];
		if (dense == CXMS_DENSE_OPEN)
			continue;
		g->walk_step = step;
		g->walk_run = run;
		g->walk_parts = parts;
		g->bytes_per_ns = bytes_per_ns;
		memcpy(g->at_line, share, sizeof(share));
	}
}

/* Such a walk is one, at the high end as far as any: short runs of no order may look like it. */
static int judge_unordered(struct stream_search *s, size_t begin, size_t end)
{
	const struct cxms_rec_site *site = &s->rec->site[s->ev->group[s->group[begin]].site];
	const struct cxms_stream_point *own = s->point + s->first[begin];
	const size_t n_own = s->first[end] - s->first[begin];
	struct cxms_stream_point *point = NULL;
	double bytes_per_ns, wait_ns = 0;
	bool parts;
	for (size_t i = begin; i < end; i++)
		wait_ns += s->ev->group[s->group[i]].stall_ns / (double)n_own;
	if (is_counted_walk(site)) {
		ptrdiff_t n = walk_points(s, site, &point);
		parts = n > 0 && is_unordered(s, point, (size_t)n, site->stride > 0, INFINITY,
					      &bytes_per_ns);
		free(point);
		if (n < 0)
			return -ENOMEM;
	} else {
		parts = is_unordered(s, own, n_own, true, wait_ns, &bytes_per_ns);
	}
	if (!parts)
		return 0;
	set_walk(s, begin, end, CXMS_DENSE_YES, true, bytes_per_ns, 0);
	for (size_t i = begin; i < end; i++) {
		struct cxms_group *g = &s->ev->group[s->group[i]];
		if (!g->column_step)
			g->at_line[CXMS_SPAN_HI] = 1;
	}
	return 0;
}

/* Does the code go through lines, though runs may begin anywhere (the rows of a tile)? Who finds
 * them in a cache waits at any place in a line alike. */
static bool is_run_through(const struct cxms_rec_site *site)
{
	return site->flags & CXMS_SITE_AFFINE && site->stride && step_of(site);
}

/* The groups from place @begin on are one instruction's: does it go through memory? Where its
 * samples are too few to tell it does at the low end. */
static int judge_walk(struct stream_search *s, size_t begin, size_t end)
{
	const uint32_t number = s->ev->group[s->group[begin]].site;
	const struct cxms_rec_site *site = &s->rec->site[number];
	const struct cxms_stream_point *point = s->point + s->first[begin];
	const size_t n = s->first[end] - s->first[begin];
	const size_t pairs = site->flags & CXMS_SITE_AFFINE ? MIN_PAIRS_BY_CODE : MIN_PAIRS;
	double bytes_per_ns, runs = least_runs(s, number);
	unsigned step = step_of(site);
	enum cxms_dense dense = CXMS_DENSE_NO;
	struct runs by = step ? find_runs(s, begin, end) : (struct runs){0};
	bool parts = false;
	int rc = 0;
	if (step && runs > 0)
		dense = cxms_stream_dense(point, n, WALK_GAP_RATIO * s->max_gap_ns, pairs,
					  MAX_STEP_RATIO * step * runs, s->work, &bytes_per_ns);
	if (dense != CXMS_DENSE_NO && s->ev->turns[number].found && is_counted_walk(site))
		rc = judge_parts(s, site, &parts);
	if (parts && dense == CXMS_DENSE_OPEN) {
		dense = CXMS_DENSE_YES;
		bytes_per_ns = (double)site->stride * s->ev->turns[number].per_ns;
	}
	if (dense != CXMS_DENSE_YES && by.bytes_per_ns != 0) {
		dense = CXMS_DENSE_YES;
		bytes_per_ns = by.bytes_per_ns;
	}
	if (dense == CXMS_DENSE_NO && is_run_through(site))
		dense = CXMS_DENSE_OPEN;
	if (!rc && dense != CXMS_DENSE_NO)
		set_walk(s, begin, end, dense, parts, bytes_per_ns, by.bytes);
	return rc || dense == CXMS_DENSE_YES || !step ? rc : judge_unordered(s, begin, end);
}

/* Is it of the loop of a walk through parts, or of one around or within that? */
static bool goes_along(const struct stream_search *s, const struct cxms_group *walk, uint32_t site)
{
	const struct cxms_rec_site *of_walk = &s->rec->site[walk->site];
	const struct cxms_rec_site *is = &s->rec->site[site];
	return walk->walk_parts && of_walk->loop_ip && of_walk->pid == is->pid &&
	       (of_walk->loop_ip == is->loop_ip || is_around(s->rec, of_walk, is) ||
		is_around(s->rec, is, of_walk));
}

/* Of what lies @bytes from such a walk, the time that uses of it wait for memory. */
static double gone_share(const struct stream_search *s, double bytes)
{
	return cxms_stair_time_share(&s->ev->stair, cxms_stair_miss_ratio(&s->ev->stair, bytes));
}

/*
 * Two that run toward each other from the ends of a part stand anywhere up to its length apart, so
 * at d the part has 2d on average; both have gone through it before, in the part that it is of.
 */
static void set_apart(struct stream_search *s, size_t begin, size_t end,
		      const struct cxms_stream_point *walk, size_t n_walk, uint64_t disp)
{
	double sum[2] = {0};
	size_t n = 0, last = 0;
	for (size_t i = s->first[begin]; i < s->first[end]; i++) {
		const struct cxms_stream_point *p = &s->point[i];
		last = cxms_stream_last(walk, n_walk, last, p);
		if (walk[last].thread != p->thread || walk[last].time_ns > p->time_ns ||
		    (double)(p->time_ns - walk[last].time_ns) > s->max_gap_ns)
			continue;
		double part = 2 * fabs((double)(int64_t)(p->addr - walk[last].addr - disp));
		sum[CXMS_SPAN_LO] += gone_share(s, part / s->ev->stair.span);
		sum[CXMS_SPAN_MID] += gone_share(s, part);
		n++;
	}
	if (n < MIN_PAIRS || sum[CXMS_SPAN_MID] > MAX_APART * (double)n)
		return;
	for (size_t i = begin; i < end; i++)
		for (int k = 0; k < CXMS_SPAN_HI; k++)
			s->ev->group[s->group[i]].apart[k] = sum[k] / (double)n;
}

static bool has_parts(const struct stream_search *s)
{
	size_t i = 0;
	while (i < s->ev->n_group && !s->ev->group[i].walk_parts)
		i++;
	return i < s->ev->n_group;
}

/* What else the loop of a walk through parts uses is near it as far as the cache holds the part.
 * Where its register is the address all samples of its loop tell where it is, else its own. */
static int judge_along(struct stream_search *s, size_t begin, size_t end)
{
	const uint32_t site = s->ev->group[s->group[begin]].site;
	struct cxms_stream_point *point;
	size_t g = 0;
	if (s->ev->group[s->group[begin]].walk_step || !step_of(&s->rec->site[site]))
		return 0;
	while (g < s->ev->n_group && !goes_along(s, &s->ev->group[g], site))
		g++;
	if (g == s->ev->n_group)
		return 0;
	const struct cxms_rec_site *walk = &s->rec->site[s->ev->group[g].site];
	if (!is_counted_walk(walk) || walk->index || walk->stride != walk->step) {
		set_apart(s, begin, end, s->point + s->first[s->at[g]],
			  s->first[s->at[g] + 1] - s->first[s->at[g]], 0);
		return 0;
	}
	ptrdiff_t n = walk_points(s, walk, &point);
	if (n > 0)
		set_apart(s, begin, end, point, (size_t)n, (uint64_t)walk->disp);
	free(point);
	return n < 0 ? -ENOMEM : 0;
}

/* The groups of an instruction stand together: runs @judge on those of each. */
static int for_each_site(struct stream_search *s,
			 int (*judge)(struct stream_search *, size_t, size_t))
{
	int rc = 0;
	for (size_t begin = 0, end; begin < s->ev->n_group && !rc; begin = end) {
		uint32_t site = s->ev->group[s->group[begin]].site;
		for (end = begin; end < s->ev->n_group; end++)
			if (s->ev->group[s->group[end]].site != site)
				break;
		rc = judge(s, begin, end);
	}
	return rc;
}

int cxms_walks_find(struct stream_search *s)
{
	int rc = for_each_site(s, judge_walk);
	return rc || !has_parts(s) ? rc : for_each_site(s, judge_along);
}

#include "sim/streams.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "core/kernel.h"
#include "core/linewait.h"
#include "core/stream.h"
#include "core/turns.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/streams_priv.h"
#include "sim/traffic.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
/* Neighbouring samples of one run of a loop: at most two are missing between them. */
#define MAX_GAP_PERIODS 3.0
/* Copies of a loop body lie within its unrolled reach; distinct arrays are further apart. */
#define SAME_STREAM_BYTES 65536.0
/* Instructions with a smaller share of all waiting do not matter for the traffic. */
#define MIN_STALL_RATIO 1e-3

/*
 * Where two streams go the same way their samples lie alike in eighths of it; of 16 random ones
 * each 0.63 +- 0.1 are common, of 50 0.79. Streams that take turns have those of two border eighths
 * in common at most.
 */
#define GAP_PLACES 8u
#define MIN_PLACED 16u
#define MAX_COMMON 0.4
/* Rows of one array go the same way, but for a few at its ends; distinct arrays do not. A step of
 * the staircase is at hand where half of the lines would miss. */
#define MIN_COMMON_WAY 0.75
#define MAX_ROW_MISSES 0.5

/* Of struct cxms_site: rsi, plus 1. */
#define REG_SI 5u

struct stream {
	uint32_t group, leader; /* leader: index of the stream it is a copy of, or its own */
	struct cxms_stream fit;
	const struct cxms_stream_point *point;
	size_t n_point;
	double gap;	  /* bytes to the one that goes ahead of it; INFINITY = none does */
	double own_ratio; /* of its way: where that one goes as well */
};

/* Time in each block of code, over the whole run. */
static int sum_blocks(struct stream_search *s)
{
	s->block_ns = calloc(s->rec->n_site + 1, sizeof(*s->block_ns));
	if (!s->block_ns)
		return -ENOMEM;
	for (size_t i = 0; i < s->rec->n_sample; i++) {
		const struct cxms_rec_sample *sample = &s->rec->sample[i];
		if (sample->site != CXMS_NO_SITE && !(sample->flags & CXMS_SAMPLE_KERNEL))
			s->block_ns[s->ev->block_of_site[sample->site]] += sample->weight_ns;
	}
	return 0;
}

/* Groups by the number of their site, which is below n_site. */
static int order_groups(struct stream_search *s)
{
	const struct cxms_evidence *ev = s->ev;
	size_t *first = calloc(s->rec->n_site + 2, sizeof(*first));
	s->group = malloc((ev->n_group + 1) * sizeof(*s->group));
	s->at = malloc((ev->n_group + 1) * sizeof(*s->at));
	int rc = first && s->group && s->at ? 0 : -ENOMEM;
	for (size_t g = 0; g < ev->n_group && !rc; g++)
		first[ev->group[g].site + 1]++;
	for (size_t i = 1; i <= s->rec->n_site && !rc; i++)
		first[i] += first[i - 1];
	for (uint32_t g = 0; g < ev->n_group && !rc; g++) {
		s->at[g] = first[ev->group[g].site]++;
		s->group[s->at[g]] = g;
	}
	free(first);
	return rc;
}

static int gather_points(struct stream_search *s)
{
	const struct cxms_recording *rec = s->rec;
	double weight = 0;
	s->first = calloc(s->ev->n_group + 2, sizeof(*s->first));
	s->point = malloc((rec->n_sample + 1) * sizeof(*s->point));
	s->sample = malloc((rec->n_sample + 1) * sizeof(*s->sample));
	s->work = malloc(CXMS_STREAM_MAX_PAIRS * sizeof(*s->work));
	s->stream = calloc(s->ev->n_group + 1, sizeof(*s->stream));
	if (!s->first || !s->point || !s->sample || !s->work || !s->stream)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_sample; i++) {
		weight += rec->sample[i].weight_ns;
		if (s->ev->grain_of_sample[i] != CXMS_NO_GRAIN)
			s->first[s->at[s->ev->grain_of_sample[i] / 2] + 2]++;
	}
	for (size_t g = 2; g < s->ev->n_group + 2; g++)
		s->first[g] += s->first[g - 1];
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *from = &rec->sample[s->order->sample[i]];
		uint32_t grain = s->ev->grain_of_sample[s->order->sample[i]];
		if (grain == CXMS_NO_GRAIN)
			continue;
		size_t at = s->first[s->at[grain / 2] + 1]++;
		s->sample[at] = s->order->sample[i];
		s->point[at] = (struct cxms_stream_point){
			.time_ns = s->order->cpu_ns[i], .addr = from->addr, .thread = from->thread};
	}
	if (rec->n_sample)
		s->max_gap_ns = MAX_GAP_PERIODS * weight / (double)rec->n_sample;
	return 0;
}

static bool same_code(const struct stream_search *s, uint32_t a, uint32_t b)
{
	const struct cxms_group *ga = &s->ev->group[a], *gb = &s->ev->group[b];
	const uint32_t *block = s->ev->block_of_site;
	return ga->area == gb->area && block[ga->site] == block[gb->site];
}

static struct way stream_way(const struct stream *n)
{
	return cxms_way_of(n->point, n->n_point);
}

static struct way common_way(struct way a, struct way b)
{
	return (struct way){a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to};
}

/* Samples of @n on a way, by where in two gaps they lie. Returns their number. */
static unsigned count_places(const struct stream *n, double gap, struct way way,
			     unsigned count[GAP_PLACES])
{
	const uint64_t bytes = (uint64_t)(2 * gap);
	unsigned sum = 0;
	for (size_t i = 0; i < n->n_point; i++) {
		uint64_t addr = n->point[i].addr;
		if (addr < way.from || addr > way.to)
			continue;
		count[addr % bytes / ((bytes + GAP_PLACES - 1) / GAP_PLACES)]++;
		sum++;
	}
	return sum;
}

/*
 * A loop that jumps over what its other streams go through (a copy of several pages at a time)
 * comes to none of it again: each of its streams then lies in places of its own. Too few samples
 * do not tell.
 */
static bool take_turns(const struct stream *a, const struct stream *b, double gap)
{
	const struct way way = common_way(stream_way(a), stream_way(b));
	unsigned of_a[GAP_PLACES] = {0}, of_b[GAP_PLACES] = {0};
	double common = 0;
	if (gap < CXMS_LINE_BYTES)
		return false;
	unsigned n_a = count_places(a, gap, way, of_a), n_b = count_places(b, gap, way, of_b);
	if (n_a < MIN_PLACED || n_b < MIN_PLACED)
		return false;
	for (unsigned i = 0; i < GAP_PLACES; i++)
		common += fmin((double)of_a[i] / n_a, (double)of_b[i] / n_b);
	return common < MAX_COMMON;
}

/* Does the code move them evenly by the same registers? */
static bool same_registers(const struct cxms_rec_site *a, const struct cxms_rec_site *b)
{
	return a->flags & b->flags & CXMS_SITE_AFFINE && a->loop_ip == b->loop_ip &&
	       a->pid == b->pid && a->base == b->base && a->index == b->index &&
	       a->scale == b->scale && a->made_at == b->made_at;
}

/* Through what one turn reaches, or what it jumps over, within which both take turns. */
static bool same_way(const struct stream_search *s, const struct stream *a, const struct stream *b)
{
	const struct cxms_rec_site *sa = &s->rec->site[s->ev->group[a->group].site];
	const struct cxms_rec_site *sb = &s->rec->site[s->ev->group[b->group].site];
	const double reach = fmax(CXMS_LINE_BYTES, fabs((double)sa->stride));
	const double gap = fabs((double)sa->disp - (double)sb->disp);
	if (!sa->loop_ip || !same_registers(sa, sb))
		return false;
	return gap < reach || take_turns(a, b, floor(gap / reach) * reach) ||
	       take_turns(a, b, ceil(gap / reach) * reach);
}

/* Does the loop move both by as much a turn, each from where a pointer of its own stands (rows)? */
static bool same_pace(const struct cxms_rec_site *a, const struct cxms_rec_site *b)
{
	return a->flags & b->flags & CXMS_SITE_AFFINE && a->loop_ip && a->loop_ip == b->loop_ip &&
	       a->pid == b->pid && a->stride && a->stride == b->stride && a->base != b->base &&
	       a->index == b->index && a->scale == b->scale;
}

/* Instructions of the loop of @site that the code moves evenly, by area. */
static size_t moving_in_loop(const struct stream_search *s, const struct cxms_rec_site *site)
{
	size_t n = 0;
	for (size_t i = 0; i < s->ev->n_group; i++) {
		const struct cxms_rec_site *other = &s->rec->site[s->ev->group[i].site];
		n += other->pid == site->pid && other->loop_ip == site->loop_ip &&
		     other->flags & CXMS_SITE_AFFINE && other->stride;
	}
	return n;
}

/*
 * Rows of one array, @distance bytes apart, as far as samples tell (the faster both move and the
 * less evenly, the more): while one comes to where the other was, each brings as many bytes at
 * most, and where a cache holds these the lines come once.
 */
static bool finds_lines(const struct stream_search *s, const struct stream *a,
			const struct stream *b, double distance)
{
	const struct cxms_rec_site *sa = &s->rec->site[s->ev->group[a->group].site];
	const struct cxms_rec_site *sb = &s->rec->site[s->ev->group[b->group].site];
	if (!same_pace(sa, sb))
		return false;
	const struct way way_a = stream_way(a), way_b = stream_way(b),
			 both = common_way(way_a, way_b);
	uint64_t longest = way_a.to - way_a.from;
	if (way_b.to - way_b.from > longest)
		longest = way_b.to - way_b.from;
	if (both.from >= both.to ||
	    (double)(both.to - both.from) < MIN_COMMON_WAY * (double)longest)
		return false;
	double bytes = distance * (double)moving_in_loop(s, sa);
	return cxms_stair_miss_ratio(&s->ev->stair, bytes) < MAX_ROW_MISSES;
}

/* Two ways through one loop (the two sides of a merge) with loops of their own to the decoder: do
 * both use the same registers, moved by as much? */
static bool same_operand(const struct cxms_rec_site *a, const struct cxms_rec_site *b)
{
	return a->flags & b->flags & CXMS_SITE_AFFINE && a->pid == b->pid && a->base == b->base &&
	       a->index == b->index && a->scale == b->scale && a->stride &&
	       a->stride == b->stride && fabs((double)a->disp - (double)b->disp) < CXMS_LINE_BYTES;
}

/* As far as where two stand is known: one on the same register is on the way between two samples;
 * of others it is no sign the less, the faster they move and the less evenly. */
static double near_bytes(const struct stream_search *s, const struct stream *leader,
			 const struct stream *n)
{
	const struct cxms_rec_site *a = &s->rec->site[s->ev->group[leader->group].site];
	const struct cxms_rec_site *b = &s->rec->site[s->ev->group[n->group].site];
	double way = fabs(leader->fit.bytes_per_ns) * s->max_gap_ns / MAX_GAP_PERIODS;
	return same_operand(a, b) ? fmax(SAME_STREAM_BYTES, way) : SAME_STREAM_BYTES;
}

/* Where the code does not tell, by where both stand. */
static bool is_near(struct stream_search *s, const struct stream *leader, const struct stream *n)
{
	double distance = cxms_stream_distance(leader->point, leader->n_point, n->point, n->n_point,
					       leader->fit.bytes_per_ns, s->max_gap_ns, s->work);
	return distance < near_bytes(s, leader, n) ||
	       (isfinite(distance) && finds_lines(s, leader, n, distance));
}

static bool is_copy(struct stream_search *s, const struct stream *leader, const struct stream *n)
{
	return same_code(s, leader->group, n->group) &&
	       (same_way(s, leader, n) || is_near(s, leader, n));
}

/* Copies of a copy are copies, as the code tells: an instruction with few samples may be known by
 * its neighbour only. */
static bool goes_with(struct stream_search *s, uint32_t other, uint32_t index)
{
	const struct stream *a = &s->stream[other], *b = &s->stream[index];
	return a->leader == other ? is_copy(s, a, b)
				  : same_code(s, a->group, b->group) && same_way(s, a, b);
}

/* Those that a stream before @index has led go with @leader. */
static void join(struct stream_search *s, uint32_t index, uint32_t from, uint32_t leader)
{
	for (uint32_t i = 0; i < index; i++)
		if (s->stream[i].leader == from)
			s->stream[i].leader = leader;
}

/* The first of all that the stream goes with; those that it brings together are one. */
static uint32_t find_leader(struct stream_search *s, uint32_t index)
{
	uint32_t leader = index;
	for (uint32_t i = 0; i < index; i++) {
		if (s->stream[i].leader == leader || !goes_with(s, i, index))
			continue;
		uint32_t other = s->stream[i].leader, first = other < leader ? other : leader;
		join(s, index, other < leader ? leader : other, first);
		leader = first;
	}
	return leader;
}

/* Where the code says that the address moves evenly, the turns of the loop tell how fast. */
static void fit_by_turns(const struct stream_search *s, uint32_t group, struct cxms_stream *out)
{
	uint32_t site = s->ev->group[group].site;
	const struct cxms_rec_site *is = &s->rec->site[site];
	const struct cxms_turns *turns = &s->ev->turns[site];
	if (!(is->flags & CXMS_SITE_AFFINE) || is->flags & CXMS_SITE_UNEVEN || !turns->found ||
	    !is->stride)
		return;
	*out = (struct cxms_stream){.found = true,
				    .bytes_per_ns = (double)is->stride * turns->per_ns};
}

/* A string instruction that reads one place and writes another is at both as often. */
static double sides_of(const struct cxms_rec_site *site)
{
	return site->kind == CXMS_SITE_STRING && site->base == REG_SI ? 2 : 1;
}

/* Runs of a string instruction that nothing counts (those of the C library): while they last, and
 * are long enough, as many lines are in flight as while the kernel copies or fills. */
static void fit_string(const struct stream_search *s, uint32_t group, struct cxms_stream *out)
{
	const uint32_t site = s->ev->group[group].site;
	const struct cxms_rec_site *is = &s->rec->site[site];
	const double run_bytes = s->ev->turns[site].run_turns * is->access_bytes;
	const double lines = cxms_kernel_lines(CXMS_SPAN_MID);
	if (is->kind != CXMS_SITE_STRING || run_bytes < CXMS_KERNEL_LINES_BEST * CXMS_LINE_BYTES)
		return;
	*out = (struct cxms_stream){.found = true,
				    .bytes_per_ns = lines * CXMS_LINE_BYTES * PS_PER_NS /
						    (s->ev->stair.mem_ps * sides_of(is))};
}

static void fit_stream(struct stream_search *s, struct stream *n)
{
	const struct cxms_group *g = &s->ev->group[n->group];
	cxms_stream_fit(n->point, n->n_point, s->max_gap_ns, s->work, &n->fit);
	if (!n->fit.found && g->walk_step)
		n->fit = (struct cxms_stream){.found = true, .bytes_per_ns = g->bytes_per_ns};
	if (!n->fit.found)
		fit_by_turns(s, n->group, &n->fit);
	if (!n->fit.found)
		fit_string(s, n->group, &n->fit);
}

static void find_streams(struct stream_search *s)
{
	for (uint32_t g = 0; g < s->ev->n_group; g++) {
		if (s->ev->group[g].stall_ns < MIN_STALL_RATIO * s->ev->wait_ns ||
		    s->ev->group[g].column_step)
			continue;
		struct stream *n = &s->stream[s->n_stream];
		size_t at = s->at[g];
		*n = (struct stream){.group = g,
				     .point = s->point + s->first[at],
				     .n_point = s->first[at + 1] - s->first[at]};
		fit_stream(s, n);
		if (!n->fit.found)
			continue;
		n->leader = find_leader(s, (uint32_t)s->n_stream);
		s->n_stream++;
	}
}

/* Of a stream and its copies the one of most samples: it knows the rate best. */
static const struct stream *best_known(const struct stream_search *s, uint32_t leader)
{
	const struct stream *best = &s->stream[leader];
	for (uint32_t m = leader; m < s->n_stream; m++)
		if (s->stream[m].leader == leader && s->stream[m].n_point > best->n_point)
			best = &s->stream[m];
	return best;
}

/* Do copies of it go through what the loop jumps over? */
static bool is_filled(const struct stream_search *s, uint32_t leader)
{
	const struct cxms_rec_site *site =
		&s->rec->site[s->ev->group[s->stream[leader].group].site];
	const double reach = fmax(CXMS_LINE_BYTES, fabs((double)site->stride));
	for (uint32_t m = leader; m < s->n_stream; m++) {
		const struct cxms_rec_site *copy =
			&s->rec->site[s->ev->group[s->stream[m].group].site];
		if (s->stream[m].leader == leader && same_registers(site, copy) &&
		    fabs((double)site->disp - (double)copy->disp) >= reach)
			return true;
	}
	return false;
}

static double lines_per_ns(const struct stream_search *s, const struct stream *n)
{
	uint32_t site = s->ev->group[n->group].site;
	const struct cxms_turns *turns = &s->ev->turns[site];
	double step = turns->found ? fabs(n->fit.bytes_per_ns) / turns->per_ns : 0;
	if (is_filled(s, n->leader))
		step = fabs((double)s->rec->site[site].stride);
	return cxms_stream_lines_per_ns(&n->fit, step, s->rec->site[site].turn_lines);
}

/* How much of its instruction's waiting lies in this stream's area. */
static double area_ratio(const struct stream_search *s, const struct stream *n)
{
	const struct cxms_group *groups = s->ev->group;
	const uint32_t site = groups[n->group].site;
	size_t at = s->at[n->group];
	double stall = 0;
	while (at > 0 && groups[s->group[at - 1]].site == site)
		at--;
	for (; at < s->ev->n_group && groups[s->group[at]].site == site; at++)
		stall += groups[s->group[at]].stall_ns;
	return groups[n->group].stall_ns / stall;
}

static void spread_lines(struct stream_search *s)
{
	for (uint32_t l = 0; l < s->n_stream; l++) {
		if (s->stream[l].leader != l)
			continue;
		const struct cxms_group *g = &s->ev->group[s->stream[l].group];
		double waited = 0;
		for (size_t m = 0; m < s->n_stream; m++)
			if (s->stream[m].leader == l)
				waited += s->ev->group[s->stream[m].group].stall_ns;
		const struct stream *best = best_known(s, l);
		double rate = lines_per_ns(s, best);
		double lines = rate * sides_of(&s->rec->site[g->site]) *
			       s->block_ns[s->ev->block_of_site[g->site]] *
			       area_ratio(s, &s->stream[l]);
		for (size_t m = 0; m < s->n_stream; m++) {
			struct cxms_group *copy = &s->ev->group[s->stream[m].group];
			if (s->stream[m].leader != l)
				continue;
			copy->lines_per_stall_ns = lines / waited;
			copy->bytes_per_ns = best->fit.bytes_per_ns;
			copy->bytes_per_line = fabs(copy->bytes_per_ns) / rate;
		}
	}
}

/* Steps of more than a line leave lines out: do both come to the same ones? */
static bool same_lines(double gap, double stride)
{
	double rest = fmod(fabs(gap), fmax(1, fabs(stride)));
	return fabs(stride) <= CXMS_LINE_BYTES || rest < CXMS_LINE_BYTES ||
	       rest > fabs(stride) - CXMS_LINE_BYTES;
}

/* How many bytes @a goes ahead of @b, as the code says: the same registers move both. 0: it does
 * not. */
static double ahead_of(const struct stream_search *s, const struct stream *a,
		       const struct stream *b)
{
	const struct cxms_rec_site *sa = &s->rec->site[s->ev->group[a->group].site];
	const struct cxms_rec_site *sb = &s->rec->site[s->ev->group[b->group].site];
	double gap = (double)sa->disp - (double)sb->disp;
	if (!same_code(s, a->group, b->group) || !same_registers(sa, sb) ||
	    !same_lines(gap, (double)sb->stride))
		return 0;
	return b->fit.bytes_per_ns < 0 ? -gap : gap;
}

/* Of the way of @b, by its samples, the share that @a, @gap bytes ahead, goes as well: two arrays
 * that lie behind each other have none. */
static double common_ratio(const struct stream *a, const struct stream *b, double gap)
{
	struct way way_b = stream_way(b), both = common_way(stream_way(a), way_b);
	if (both.from >= both.to || take_turns(a, b, gap))
		return 0;
	return (double)(both.to - both.from) / (double)(way_b.to - way_b.from);
}

/* The nearest that goes ahead of each. */
static void find_gaps(struct stream_search *s)
{
	for (size_t i = 0; i < s->n_stream; i++) {
		struct stream *n = &s->stream[i];
		n->gap = INFINITY;
		for (size_t k = 0; k < s->n_stream; k++) {
			double gap = ahead_of(s, &s->stream[k], n);
			if (gap < CXMS_LINE_BYTES || gap >= n->gap)
				continue;
			double common = common_ratio(&s->stream[k], n, gap);
			if (common <= 0)
				continue;
			n->gap = gap;
			n->own_ratio = common;
		}
	}
}

/* While a stream goes on by its gap each other one of its code brings as many bytes, but for those
 * that the one ahead of that has brought meanwhile. */
static void find_behind(struct stream_search *s)
{
	const uint32_t *block = s->ev->block_of_site;
	find_gaps(s);
	for (size_t i = 0; i < s->n_stream; i++) {
		const struct stream *n = &s->stream[i];
		struct cxms_group *g = &s->ev->group[n->group];
		if (!isfinite(n->gap))
			continue;
		g->behind_ratio = n->own_ratio;
		for (size_t k = 0; k < s->n_stream; k++)
			if (block[s->ev->group[s->stream[k].group].site] == block[g->site])
				g->behind_bytes += fmin(n->gap, s->stream[k].gap);
	}
}

/* Lines that a stream brings from memory, at most: those of an area that the LLC holds are there.
 */
static double missed_per_ns(const struct stream_search *s, uint32_t leader)
{
	const struct cxms_stair *stair = &s->ev->stair;
	const uint32_t area = s->ev->group[s->stream[leader].group].area;
	double bytes = stair->span * (double)cxms_pages_area_bytes(s->rec->pages, area);
	return lines_per_ns(s, best_known(s, leader)) * area_ratio(s, &s->stream[leader]) *
	       cxms_stair_miss_ratio(stair, bytes);
}

/*
 * How full the core's miss registers are while the code of each walk runs, by its lines a second
 * and Little's law. Full ones let the walk go on at the pace of memory, whatever use of a line it
 * then stands at: all its waiting is for lines.
 */
static void fill_registers(struct stream_search *s)
{
	const double most = CXMS_KERNEL_LINES_BEST, mem_ns = s->ev->stair.mem_ps / PS_PER_NS;
	double *rate = s->block_ns; /* whose times were used up */
	memset(rate, 0, (s->rec->n_site + 1) * sizeof(*rate));
	for (uint32_t l = 0; l < s->n_stream; l++)
		if (s->stream[l].leader == l)
			rate[s->ev->block_of_site[s->ev->group[s->stream[l].group].site]] +=
				missed_per_ns(s, l);
	for (size_t i = 0; i < s->ev->n_group; i++) {
		struct cxms_group *g = &s->ev->group[i];
		double used = mem_ns * rate[s->ev->block_of_site[g->site]] / most;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
			g->full[k] = cxms_linewait_full(used, (enum cxms_span)k);
			if (g->walk_step)
				g->at_line[k] += (1 - g->at_line[k]) * g->full[k];
		}
	}
}

int cxms_streams_find(const struct cxms_recording *rec, struct cxms_evidence *ev,
		      struct cxms_err *err)
{
	struct cxms_rec_order order;
	struct stream_search s = {.rec = rec, .order = &order, .ev = ev};
	int rc = cxms_rec_order_init(rec, &order);
	if (!rc)
		rc = sum_blocks(&s);
	if (!rc)
		rc = order_groups(&s);
	if (!rc)
		rc = gather_points(&s);
	if (!rc)
		rc = cxms_walks_find(&s);
	if (!rc) {
		find_streams(&s);
		spread_lines(&s);
		find_behind(&s);
		fill_registers(&s);
	}
	cxms_rec_order_fini(&order);
	free(s.block_ns);
	free(s.first);
	free(s.group);
	free(s.at);
	free(s.point);
	free(s.sample);
	free(s.work);
	free(s.stream);
	return rc ? cxms_fail(err, ENOMEM, "out of memory for the streams") : 0;
}

#include "sim/columns.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "core/kernel.h"
#include "core/linewait.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/traffic.h"

__extension__ typedef __int128 wide;

/* Triples of samples that must be there, and of these the share that must agree: chance has none
 * that agree to the byte; a loop around both takes those away in which it goes on. */
#define MIN_TRIPLES 10u
#define MIN_AGREE   0.25
/* Least pitch of rows: of addresses of doubles one in 64 agrees by chance on a way to the next
 * column down to it. */
#define MIN_PITCH 512
/* Differences of registers and addresses: two factors of them are exact below it. */
#define MAX_MOVED (INT64_C(1) << 60)

/* Neighbouring samples that are looked at together, and the part of a row over which they are
 * spread where each sweep goes through whole rows. A part of the columns that is gone through again
 * and again keeps them closer together. */
#define NEIGHBOURS 16u
#define MIN_SPREAD 0.5

/* A sample of a group, with both counting registers. */
struct point {
	uint64_t addr, count, outer;
	uint32_t thread;
};

/* Bytes that an address moves in a turn of its loop, and in one of the loop around it. */
struct moves {
	int64_t down, across;
};

struct search {
	const struct cxms_recording *rec;
	struct cxms_evidence *ev;
	size_t *first; /* n_group + 2 */
	struct point *point;
	struct moves *found; /* as many as there are points of a group at most */
	struct moves *of;    /* [group] those of a column; {0} = none */
};

static bool has_registers(const struct search *s, const struct cxms_rec_sample *sample,
			  uint32_t grain)
{
	const uint16_t both = CXMS_SAMPLE_COUNT | CXMS_SAMPLE_OUTER;
	if (grain == CXMS_NO_GRAIN || (sample->flags & both) != both)
		return false;
	const struct cxms_rec_site *site = &s->rec->site[sample->site];
	return site->count_reg && site->step && site->outer_reg && site->outer_step &&
	       site->kind != CXMS_SITE_STRING && !cxms_is_carried(site);
}

static int gather(struct search *s)
{
	const struct cxms_recording *rec = s->rec;
	const uint32_t *grain = s->ev->grain_of_sample;
	struct cxms_rec_order order;
	int rc = cxms_rec_order_init(rec, &order);
	for (size_t i = 0; i < rec->n_sample && !rc; i++)
		if (has_registers(s, &rec->sample[i], grain[i]))
			s->first[grain[i] / 2 + 2]++;
	for (size_t g = 2; g < s->ev->n_group + 2; g++)
		s->first[g] += s->first[g - 1];
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		uint32_t at = order.sample[i];
		const struct cxms_rec_sample *from = &rec->sample[at];
		if (has_registers(s, from, grain[at]))
			s->point[s->first[grain[at] / 2 + 1]++] =
				(struct point){.addr = from->addr,
					       .count = from->count,
					       .outer = from->outer,
					       .thread = from->thread};
	}
	cxms_rec_order_fini(&order);
	return rc;
}

/* What was moved between two points in whole steps; false: in no whole number of them. */
static bool steps_between(uint64_t from, uint64_t to, int64_t step, wide *out)
{
	int64_t moved = (int64_t)(to - from);
	if (moved >= MAX_MOVED || moved <= -MAX_MOVED || moved % step)
		return false;
	*out = moved / step;
	return true;
}

/* 1: three points tell the moves; 0: nothing follows, as no run of the loop ended between them; -1:
 * they do not move evenly. */
static int solve(const struct point p[3], const struct cxms_rec_site *site, struct moves *out)
{
	wide turn[2], outer[2], addr[2];
	for (int i = 0; i < 2; i++) {
		if (p[i].thread != p[i + 1].thread)
			return 0;
		if (!steps_between(p[i].count, p[i + 1].count, site->step, &turn[i]) ||
		    !steps_between(p[i].outer, p[i + 1].outer, site->outer_step, &outer[i]) ||
		    !steps_between(p[i].addr, p[i + 1].addr, 1, &addr[i]))
			return -1;
	}
	wide det = turn[0] * outer[1] - turn[1] * outer[0];
	if (!det)
		return 0;
	wide down = addr[0] * outer[1] - addr[1] * outer[0];
	wide across = turn[0] * addr[1] - turn[1] * addr[0];
	if (down % det || across % det)
		return -1;
	down /= det;
	across /= det;
	if (down >= MAX_MOVED || down <= -MAX_MOVED || across >= MAX_MOVED || across <= -MAX_MOVED)
		return -1;
	*out = (struct moves){.down = (int64_t)down, .across = (int64_t)across};
	return 1;
}

/* A run may begin any number of turns from where the one before did: the nearest column. */
static void to_next_column(struct moves *m)
{
	int64_t down = m->down < 0 ? -m->down : m->down;
	if (!down)
		return;
	m->across %= down;
	if (m->across > down / 2)
		m->across -= down;
	else if (m->across < -(down / 2))
		m->across += down;
	m->across = m->across < 0 ? -m->across : m->across;
	m->down = down;
}

static int by_moves(const void *pa, const void *pb)
{
	const struct moves *a = pa, *b = pb;
	if (a->down != b->down)
		return a->down < b->down ? -1 : 1;
	return a->across < b->across ? -1 : a->across > b->across;
}

/* The way that the code says a turn goes, where chance has few agree on one to the next column; 0:
 * it does not say. */
static int64_t down_by_code(const struct cxms_rec_site *site)
{
	const int64_t down = site->stride < 0 ? -site->stride : site->stride;
	const bool even = (site->flags & (CXMS_SITE_AFFINE | CXMS_SITE_UNEVEN)) == CXMS_SITE_AFFINE;
	return even && down >= MIN_PITCH && down < MAX_MOVED ? down : 0;
}

/* Counts for each way to the next column whether two points agree on it. 1: they lie in different
 * columns; 0: in one, or of two threads; -1: they do not move evenly. */
static int vote(const struct point p[2], const struct cxms_rec_site *site, int64_t down,
		size_t votes[2 * CXMS_LINE_BYTES])
{
	const int line = CXMS_LINE_BYTES;
	wide outer, addr;
	if (p[0].thread != p[1].thread)
		return 0;
	if (!steps_between(p[0].outer, p[1].outer, site->outer_step, &outer) ||
	    !steps_between(p[0].addr, p[1].addr, 1, &addr))
		return -1;
	if (!outer)
		return addr % down ? -1 : 0;
	for (int across = 1 - line; across < line; across++)
		votes[across + line] += (addr - across * outer) % down == 0;
	return 1;
}

/* Where the code says how far a turn goes each two samples tell the next column, wherever a run of
 * the loop begins. {0}: they do not agree. */
static struct moves agree_by_code(const struct search *s, uint32_t group)
{
	const struct point *p = s->point + s->first[group];
	const struct cxms_rec_site *site = &s->rec->site[s->ev->group[group].site];
	const int64_t down = down_by_code(site);
	size_t votes[2 * CXMS_LINE_BYTES] = {0}, all = 0;
	const int line = CXMS_LINE_BYTES;
	int best = 0;
	for (size_t i = 0; down && i + 1 < s->first[group + 1] - s->first[group]; i++)
		all += vote(&p[i], site, down, votes) != 0;
	for (int across = 1 - line; across < line; across++)
		if (votes[across + line] > votes[best + line])
			best = across;
	const size_t agreed = votes[best + line];
	return agreed >= MIN_TRIPLES && (double)agreed >= MIN_AGREE * (double)all
		       ? (struct moves){.down = down, .across = best < 0 ? -best : best}
		       : (struct moves){0};
}

/* The moves that most triples tell, {0} where those are too few. */
static struct moves agree(const struct search *s, uint32_t group)
{
	const struct point *p = s->point + s->first[group];
	const struct cxms_rec_site *site = &s->rec->site[s->ev->group[group].site];
	size_t n = 0, all = 0, best = 0, best_at = 0;
	for (size_t i = 0; i + 2 < s->first[group + 1] - s->first[group]; i++) {
		int told = solve(&p[i], site, &s->found[n]);
		all += told != 0;
		if (told == 1)
			to_next_column(&s->found[n++]);
	}
	qsort(s->found, n, sizeof(*s->found), by_moves);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && !by_moves(&s->found[i], &s->found[end]); end++)
			;
		if (end - i > best) {
			best = end - i;
			best_at = i;
		}
	}
	return best >= MIN_TRIPLES && (double)best >= MIN_AGREE * (double)all ? s->found[best_at]
									      : (struct moves){0};
}

/* Of several instructions on one line of a column the first one counts. */
static bool is_counted_before(const struct search *s, uint32_t group)
{
	const struct cxms_rec_site *site = &s->rec->site[s->ev->group[group].site];
	for (uint32_t g = 0; g < group; g++) {
		const struct cxms_rec_site *other = &s->rec->site[s->ev->group[g].site];
		if (s->ev->group[g].area == s->ev->group[group].area && other->pid == site->pid &&
		    other->loop_ip == site->loop_ip && other->base == site->base &&
		    other->index == site->index && other->scale == site->scale &&
		    fabs((double)other->disp - (double)site->disp) < CXMS_LINE_BYTES)
			return true;
	}
	return false;
}

/* Lines that group @k brings in a turn of the loop of @site; 0: it is not in that. */
static double lines_a_turn(const struct search *s, uint32_t k, const struct cxms_rec_site *site)
{
	const struct cxms_rec_site *other = &s->rec->site[s->ev->group[k].site];
	double stride = fabs((double)other->stride) / CXMS_LINE_BYTES;
	if (other->pid != site->pid || other->loop_ip != site->loop_ip || is_counted_before(s, k))
		return 0;
	return other->flags & CXMS_SITE_AFFINE ? fmin(1, stride) : 1;
}

/* The largest power of two in @down, between a line and a page. */
static double set_step(const struct search *s, int64_t down)
{
	uint64_t step = (uint64_t)down & (0 - (uint64_t)down);
	double page = fmax(CXMS_LINE_BYTES, (double)s->rec->facts.page_bytes);
	return fmin(page, fmax(CXMS_LINE_BYTES, (double)step));
}

/* Pages between two uses of one: those of the column, and those that the others go through. */
static double reach_of(const struct search *s, const struct moves *m, double column, double others)
{
	double page = (double)s->rec->facts.page_bytes;
	return (column * fmin((double)m->down, page) + others) / -expm1(-1);
}

/* Are samples that follow each other spread over whole rows? */
static bool sweeps(const struct search *s, uint32_t group)
{
	const uint64_t pitch = (uint64_t)s->of[group].down;
	size_t windows = 0, spread = 0;
	for (size_t i = s->first[group]; i + NEIGHBOURS <= s->first[group + 1]; i += NEIGHBOURS) {
		uint64_t low = pitch, high = 0;
		for (size_t k = i; k < i + NEIGHBOURS; k++) {
			uint64_t at = s->point[k].addr % pitch;
			low = at < low ? at : low;
			high = at > high ? at : high;
		}
		windows++;
		spread += (double)(high - low) >= MIN_SPREAD * (double)pitch;
	}
	return windows && 2 * spread > windows;
}

/* Turns of a run where the loops do not tell: each goes through the whole range of addresses. */
static double turns_by_range(const struct search *s, uint32_t group)
{
	uint64_t low = UINT64_MAX, high = 0;
	for (size_t i = s->first[group]; i < s->first[group + 1]; i++) {
		low = s->point[i].addr < low ? s->point[i].addr : low;
		high = s->point[i].addr > high ? s->point[i].addr : high;
	}
	return 1 + (double)(high - low) / (double)s->of[group].down;
}

/*
 * How full the miss registers are while columns of new lines run, by Little's law: @part of the
 * loop's time is theirs. Full ones let such a column go at the pace of memory: all of its time is
 * waiting, not only what it takes longer than others.
 */
static double fullness(const struct search *s, const struct cxms_group *g, double part)
{
	const double fresh = (double)g->column_step / CXMS_LINE_BYTES;
	double lines_per_ns = s->ev->turns[g->site].per_ns * fresh / part;
	double used = s->ev->stair.mem_ps / (double)CXMS_PS_PER_NS * lines_per_ns /
		      CXMS_KERNEL_LINES_BEST;
	return cxms_linewait_full(used, CXMS_SPAN_MID);
}

static void set_column(struct search *s, uint32_t group)
{
	struct cxms_group *g = &s->ev->group[group];
	const struct cxms_rec_site *site = &s->rec->site[g->site];
	const struct moves *m = &s->of[group];
	const double run = s->ev->turns[g->site].run_turns;
	const double turns = run > 0 ? run : turns_by_range(s, group);
	double others = 0;
	for (uint32_t k = 0; k < s->ev->n_group; k++)
		if (k != group)
			others += turns * CXMS_LINE_BYTES * lines_a_turn(s, k, site);
	g->column_step = (unsigned)m->across;
	g->column_bytes = turns * set_step(s, m->down) + others;
	if (sweeps(s, group))
		g->sweep_bytes = turns_by_range(s, group) * (double)m->down;
	g->reach_bytes = reach_of(s, m, turns, others);
	struct cxms_linewait waits = {0};
	for (size_t i = s->first[group]; i < s->first[group + 1]; i++)
		cxms_linewait_add(&waits, s->point[i].addr);
	cxms_linewait_share(&waits, g->column_step, 0, g->column_line);
	double *line = &g->column_line[CXMS_SPAN_MID];
	double by_chance = (1 - *line) * (double)g->column_step / CXMS_LINE_BYTES;
	*line += by_chance * fullness(s, g, *line + by_chance);
}

static void find(struct search *s)
{
	for (uint32_t g = 0; g < s->ev->n_group; g++) {
		struct moves m = agree_by_code(s, g);
		if (!m.across)
			m = agree(s, g);
		if (m.down >= CXMS_LINE_BYTES && m.across > 0 && m.across < CXMS_LINE_BYTES)
			s->of[g] = m;
	}
	for (uint32_t g = 0; g < s->ev->n_group; g++)
		if (s->of[g].down)
			set_column(s, g);
}

int cxms_columns_find(const struct cxms_recording *rec, struct cxms_evidence *ev,
		      struct cxms_err *err)
{
	struct search s = {.rec = rec,
			   .ev = ev,
			   .first = calloc(ev->n_group + 2, sizeof(*s.first)),
			   .point = malloc((rec->n_sample + 1) * sizeof(*s.point)),
			   .found = malloc((rec->n_sample + 1) * sizeof(*s.found)),
			   .of = calloc(ev->n_group + 1, sizeof(*s.of))};
	int rc = s.first && s.point && s.found && s.of ? gather(&s) : -ENOMEM;
	if (!rc)
		find(&s);
	free(s.first);
	free(s.point);
	free(s.found);
	free(s.of);
	return rc ? cxms_fail(err, ENOMEM, "out of memory for the columns") : 0;
}

void cxms_columns_judge(struct cxms_evidence *ev)
{
	for (size_t i = 0; i < ev->n_group; i++) {
		struct cxms_group *g = &ev->group[i];
		const double first = (double)g->column_step / CXMS_LINE_BYTES;
		double *share[] = {&g->share.lo, &g->share.mid};
		if (!g->column_step)
			continue;
		double swept = cxms_stair_miss_ratio(&ev->stair, g->sweep_bytes);
		if (g->sweep_bytes > 0)
			g->share.mid = fmax(g->share.mid, cxms_stair_time_share(&ev->stair, swept));
		for (int k = 0; k < CXMS_SPAN_HI; k++) {
			double bytes = g->column_bytes / (k ? 1 : ev->stair.span);
			double again = cxms_stair_miss_ratio(&ev->stair, bytes);
			double all = cxms_stair_time_share(&ev->stair, first + (1 - first) * again);
			double rest = cxms_stair_time_share(&ev->stair, again);
			double *line = &g->column_line[k];
			*share[k] *= all;
			*line += (1 - *line) * rest;
			g->at_line[k] = *line / all;
		}
		g->column_line[CXMS_SPAN_HI] = 1;
		g->share.hi = fmax(g->share.hi, g->share.mid);
	}
}

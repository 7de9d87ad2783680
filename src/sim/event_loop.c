#include "sim/event_loop.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hist.h"
#include "base/rng.h"
#include "base/units.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "sim/solve.h"

/* Lines are drawn from so many bytes, log2: more rows than banks keep open. */
#define SPAN_BITS     36u
#define REGISTERS_MAX 4096u
/* Quantiles of the exponential distribution, in 2^-16 of its mean. */
#define QUANTILES 1024u
/* Epochs begin on such a boundary after the last, so that each finds empty queues. */
#define GAP_PS (UINT64_C(1) << 30)
/* A line simulated stands for the epoch's lines / those simulated, counted in 2^-10. */
#define WEIGHT_UNIT 1024.0
/* Turns hold no more lines than this, so that a sample sees many of them. */
#define TURN_LINES 16.0
/* A line in 10 ms loads nothing: longer pauses would only make the clock run away. */
#define PAUSE_MAX_PS 1e10
#define ONE_Q16	     65536.0
#define ODDS	     2147483648.0 /* 2^31 */

/* Miss registers: a min-heap of the times at which those in use are free again. */
struct registers {
	uint64_t *free_ps;
	uint32_t n, most;
};

/* Which line comes next. */
struct choice {
	uint32_t target;
	bool prefetched, waited_for;
};

/* One thread of the epoch. A turn is its lines beside the one waited for, then perhaps a wait. */
struct source {
	uint64_t off_ps, work_ps; /* means of a turn: not on the CPU or in the kernel; working */
	uint64_t began_ps;	  /* this turn's time on the CPU; 0 = the first is still to come */
	uint32_t queued_q16;	  /* waiting for a CPU, of the time on it */
	uint64_t walk_ps, mem_ps;
	uint32_t other_q16; /* lines beside the one waited for: mean of a turn */
	uint32_t own_q16;   /* share of the turns that end with a wait for a line of their own */
	uint32_t bare_q16;  /* share that end with a wait whose line was counted elsewhere */
	uint32_t left;	    /* lines of this turn still to come; 0 = the turn is over */
	uint64_t slice_ps;  /* mean work before each of them */
	bool own, bare;	    /* how this turn ends */
	struct choice next;
	struct registers demand, all;
	const uint32_t *pick; /* [2 * n_target] cumulative, of ODDS: others, demand first */
	const uint32_t *pick_own, *pick_bare; /* [n_target] */
	const uint32_t *write_q16;	      /* [n_target] lines written back for one filled */
	const uint64_t *stall_ps;	      /* [n_target] exposed part of a wait at L_mem */
	uint64_t *last_ps;		      /* [n_target] latency of the last line */
	struct cxms_rng rng;
};

/* What a source does next is due at a time; equal times go by number. */
struct due {
	uint64_t at_ps;
	uint32_t source;
};

/* What the counted lines of an epoch came to, by target. */
struct tally {
	uint64_t reads, latency_ps;
	struct cxms_hist hist;
};

struct cxms_event_loop {
	const struct cxms_fabric *fabric;
	struct cxms_net *net;
	uint64_t seed, epoch;
	uint64_t now_ps; /* everything before is over */
	bool counts;
	uint64_t lines, counted, counted_ps;
	struct tally *tally;	 /* [target] of this epoch */
	struct cxms_hist *total; /* [target] */
	uint32_t exp_q16[QUANTILES];
	struct source *source;
	struct due *heap;
	size_t n, cap_source, cap_heap;
	uint32_t *odds; /* tables of all sources */
	uint64_t *times, *registers;
	double *part; /* of one source */
	size_t cap_odds, cap_times, cap_registers, cap_part;
};

int cxms_event_loop_new(const struct cxms_fabric *f, uint64_t seed, struct cxms_event_loop **out,
			struct cxms_err *err)
{
	const struct cxms_net_cfg cfg = {.fabric = f,
					 .link_credits = CXMS_NET_LINK_CREDITS,
					 .device_credits = CXMS_NET_DEVICE_CREDITS,
					 .no_addresses = true,
					 .seed = seed};
	struct cxms_event_loop *l = calloc(1, sizeof(*l));
	if (!l)
		return cxms_fail(err, ENOMEM, "out of memory for the event engine");
	l->fabric = f;
	l->seed = seed;
	l->tally = calloc(f->n_target, sizeof(*l->tally));
	l->total = calloc(f->n_target, sizeof(*l->total));
	for (unsigned i = 0; i < QUANTILES; i++)
		l->exp_q16[i] = (uint32_t)lround(-log((i + 0.5) / QUANTILES) * ONE_Q16);
	int rc = l->tally && l->total
			 ? cxms_net_new(&cfg, &l->net, err)
			 : cxms_fail(err, ENOMEM, "out of memory for the event engine");
	if (rc)
		cxms_event_loop_free(l);
	else
		*out = l;
	return rc;
}

void cxms_event_loop_free(struct cxms_event_loop *l)
{
	if (!l)
		return;
	cxms_net_free(l->net);
	free(l->tally);
	free(l->total);
	free(l->source);
	free(l->heap);
	free(l->odds);
	free(l->times);
	free(l->registers);
	free(l->part);
	free(l);
}

const struct cxms_hist *cxms_event_loop_hist(const struct cxms_event_loop *l, uint32_t target)
{
	return &l->total[target];
}

int cxms_event_loop_check(const struct cxms_event_loop *l, struct cxms_err *err)
{
	return cxms_net_check(l->net, err);
}

/* When a request that wants a register at @at_ps has one. */
static uint64_t register_free(const struct registers *r, uint64_t at_ps)
{
	return r->n == r->most && r->free_ps[0] > at_ps ? r->free_ps[0] : at_ps;
}

/* Takes one until @until_ps: the one that is free first, when all are in use. */
static void register_take(struct registers *r, uint64_t until_ps)
{
	uint64_t *h = r->free_ps;
	uint32_t i = 0;
	if (r->n < r->most) {
		for (i = r->n++; i > 0 && h[(i - 1) / 2] > until_ps; i = (i - 1) / 2)
			h[i] = h[(i - 1) / 2];
		h[i] = until_ps;
		return;
	}
	for (uint32_t c; (c = 2 * i + 1) < r->n; i = c) {
		if (c + 1 < r->n && h[c + 1] < h[c])
			c++;
		if (h[c] >= until_ps)
			break;
		h[i] = h[c];
	}
	h[i] = until_ps;
}

static bool chance(struct source *s, uint32_t share_q16)
{
	return (cxms_rng_u64(&s->rng) >> 48) < share_q16;
}

static uint64_t exponential(const struct cxms_event_loop *l, struct source *s, uint64_t mean_ps)
{
	return mean_ps * l->exp_q16[cxms_rng_u64(&s->rng) % QUANTILES] >> 16;
}

static uint32_t draw(struct source *s, const uint32_t *cumulative, size_t n)
{
	uint32_t r = (uint32_t)(cxms_rng_u64(&s->rng) >> 33);
	size_t lo = 0, hi = n - 1;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (r < cumulative[mid])
			hi = mid;
		else
			lo = mid + 1;
	}
	return (uint32_t)lo;
}

static void choose(const struct cxms_event_loop *l, struct source *s)
{
	size_t n = l->fabric->n_target;
	s->next = (struct choice){.waited_for = s->own && s->left == 1};
	if (s->next.waited_for) {
		s->next.target = draw(s, s->pick_own, n);
		return;
	}
	uint32_t i = draw(s, s->pick, 2 * n);
	s->next.prefetched = i >= n;
	s->next.target = i % (uint32_t)n;
}

static uint64_t exposed(const struct source *s, uint32_t target, uint64_t latency_ps)
{
	uint64_t with = s->stall_ps[target] + latency_ps;
	return with > s->mem_ps ? with - s->mem_ps : 0;
}

/* A wait whose line was counted elsewhere takes as long as the last one there. */
static uint64_t end_turn(const struct cxms_event_loop *l, struct source *s, uint64_t at)
{
	if (!s->bare)
		return at;
	uint32_t t = draw(s, s->pick_bare, l->fabric->n_target);
	return at + exposed(s, t, s->last_ps[t]);
}

static uint64_t work_on(const struct cxms_event_loop *l, struct source *s, uint64_t at)
{
	choose(l, s);
	return at + exponential(l, s, s->slice_ps);
}

/* What a thread waits for a CPU after a turn that took it until @at. */
static uint64_t queue_ps(const struct source *s, uint64_t at)
{
	uint64_t busy = s->began_ps ? at - s->began_ps : 0;
	return (busy >> 16) * s->queued_q16 + ((busy & 0xffff) * s->queued_q16 >> 16);
}

static uint64_t begin_turn(const struct cxms_event_loop *l, struct source *s, uint64_t at)
{
	uint32_t others = (s->other_q16 >> 16) + chance(s, s->other_q16 & 0xffff);
	s->own = chance(s, s->own_q16);
	s->bare = !s->own && chance(s, s->bare_q16);
	s->left = others + s->own;
	at += queue_ps(s, at) + exponential(l, s, s->off_ps);
	s->began_ps = at;
	if (s->left == 0)
		return end_turn(l, s, at + exponential(l, s, s->work_ps));
	s->slice_ps = s->work_ps / s->left;
	return work_on(l, s, at);
}

static uint64_t fill(struct cxms_event_loop *l, struct source *s, uint32_t t, uint64_t at)
{
	uint64_t dpa = cxms_rng_u64(&s->rng) >> (64 - SPAN_BITS) & ~(uint64_t)(CXMS_LINE_BYTES - 1);
	uint64_t latency = cxms_net_request(l->net, t, false, dpa, at);
	if (chance(s, s->write_q16[t]))
		(void)cxms_net_request(l->net, t, true, dpa, at);
	s->last_ps[t] = latency;
	l->lines++;
	if (l->counts) {
		l->tally[t].reads++;
		l->tally[t].latency_ps += latency;
		cxms_hist_add(&l->tally[t].hist, latency);
		l->counted++;
		l->counted_ps += latency;
	}
	return latency;
}

/* The next thing of a source, due at @at; returns when the one after is due. */
static uint64_t step(struct cxms_event_loop *l, struct source *s, uint64_t at)
{
	if (s->left == 0)
		return begin_turn(l, s, at);
	uint64_t start = register_free(&s->all, at);
	if (!s->next.prefetched)
		start = register_free(&s->demand, start);
	if (start > at)
		return start; /* others may come first */
	uint32_t t = s->next.target;
	uint64_t latency = fill(l, s, t, at);
	register_take(&s->all, at + latency + s->walk_ps);
	if (!s->next.prefetched)
		register_take(&s->demand, at + latency + s->walk_ps);
	s->left--;
	if (s->next.waited_for)
		return at + exposed(s, t, latency);
	return s->left ? work_on(l, s, at) : end_turn(l, s, at);
}

static bool before(const struct due *a, const struct due *b)
{
	return a->at_ps != b->at_ps ? a->at_ps < b->at_ps : a->source < b->source;
}

static void sift(struct cxms_event_loop *l, size_t i)
{
	struct due *h = l->heap, moved = h[i];
	for (size_t c; (c = 2 * i + 1) < l->n; i = c) {
		if (c + 1 < l->n && before(&h[c + 1], &h[c]))
			c++;
		if (!before(&h[c], &moved))
			break;
		h[i] = h[c];
	}
	h[i] = moved;
}

static void run_lines(struct cxms_event_loop *l, uint64_t more, uint64_t more_ps)
{
	uint64_t until = l->lines + more, until_ps = l->heap[0].at_ps + more_ps;
	while (l->lines < until || l->now_ps < until_ps) {
		struct due *d = &l->heap[0];
		l->now_ps = d->at_ps;
		d->at_ps = step(l, &l->source[d->source], d->at_ps);
		sift(l, 0);
	}
}

static void run_until_steady(struct cxms_event_loop *l)
{
	uint64_t fill_lines = CXMS_EVENT_FILL;
	for (size_t i = 0; i < l->n; i++)
		fill_lines += 2 * l->source[i].all.most;
	l->counts = false;
	run_lines(l, fill_lines, CXMS_EVENT_FILL_PS);
	cxms_net_mark(l->net, l->now_ps);
	l->counts = true;
	l->counted = l->counted_ps = 0;
	double before_ps = 0;
	for (unsigned b = 0; b < CXMS_EVENT_BLOCKS; b++) {
		run_lines(l, CXMS_EVENT_BLOCK, CXMS_EVENT_BLOCK_PS);
		double mean = (double)l->counted_ps / (double)l->counted;
		if (b > 0 && fabs(mean - before_ps) <= CXMS_EVENT_STEADY * mean)
			break;
		before_ps = mean;
	}
}

static uint32_t q16(double share)
{
	return (uint32_t)llround(fmin(fmax(share, 0), 65535) * ONE_Q16);
}

static uint64_t pause(double ps, double lines)
{
	return (uint64_t)llround(fmin(fmax(ps, 0), PAUSE_MAX_PS * fmax(1, lines)));
}

/* The sum of @part from 0 to each, as odds. */
static void set_odds(const double *part, size_t n, uint32_t *to)
{
	double sum = 0, upto = 0;
	for (size_t i = 0; i < n; i++)
		sum += part[i];
	for (size_t i = 0; i < n; i++) {
		upto += part[i];
		to[i] = (uint32_t)fmin(ODDS, upto >= sum ? ODDS : upto / sum * ODDS);
	}
}

/* Sums of one thread's demand, and its parts by target. */
struct mix {
	double lines, waits, own, stall_ps;
};

/* @part: lines beside those waited for, on demand and ahead; those waited for; other waits */
static struct mix mix_of(const struct cxms_demand *d, size_t n, double *part)
{
	struct mix m = {0};
	for (size_t t = 0; t < n; t++) {
		double ahead = fmin(d[t].prefetched + d[t].kernel_reads, d[t].reads);
		double own = fmin(d[t].waits, d[t].reads - ahead);
		part[t] = d[t].reads - ahead - own;
		part[n + t] = ahead;
		part[2 * n + t] = own;
		part[3 * n + t] = d[t].waits - own;
		m.lines += d[t].reads;
		m.waits += d[t].waits;
		m.own += own;
		m.stall_ps += d[t].stall_ps;
	}
	return m;
}

static uint32_t registers_of(double limit)
{
	return (uint32_t)lround(fmin(fmax(limit, 1), REGISTERS_MAX));
}

/* Of the time it waits for a CPU what goes with its time in user mode: queue_ps() gives that back.
 */
static double queued_in_user(const struct cxms_solve_thread *th)
{
	return th->cpu_ps > 0 ? th->queued_ps * (1 - th->kernel_ps / th->cpu_ps) : 0;
}

/* Tables of a source: 5 n_target odds, 2 n_target times. */
static void set_source(const struct cxms_event_loop *l, const struct cxms_solve_thread *th,
		       uint32_t *odds, uint64_t *times, double *part, struct source *s)
{
	size_t n = l->fabric->n_target;
	const struct cxms_demand *d = th->demand;
	struct mix m = mix_of(d, n, part);
	double turns = fmax(m.waits, m.lines / TURN_LINES);
	s->off_ps = pause((th->wall_ps - th->cpu_ps - queued_in_user(th) + th->kernel_ps) / turns,
			  m.lines / turns);
	s->queued_q16 = q16(th->cpu_ps > 0 ? th->queued_ps / th->cpu_ps : 0);
	s->work_ps = pause((th->cpu_ps - th->kernel_ps - m.stall_ps) / turns, m.lines / turns);
	s->walk_ps = (uint64_t)llround(th->walk_ps);
	s->mem_ps = (uint64_t)llround(th->mem_ps);
	s->other_q16 = q16((m.lines - m.own) / turns);
	s->own_q16 = q16(m.own / turns);
	s->bare_q16 = turns > m.own ? q16((m.waits - m.own) / (turns - m.own)) : 0;
	set_odds(part, 2 * n, odds);
	set_odds(part + 2 * n, n, odds + 2 * n);
	set_odds(part + 3 * n, n, odds + 3 * n);
	s->pick = odds;
	s->pick_own = odds + 2 * n;
	s->pick_bare = odds + 3 * n;
	s->write_q16 = odds + 4 * n;
	s->stall_ps = times;
	s->last_ps = times + n;
	for (size_t t = 0; t < n; t++) {
		odds[4 * n + t] = d[t].reads > 0 ? q16(d[t].writes / d[t].reads) : 0;
		times[t] = d[t].waits > 0 ? (uint64_t)llround(d[t].stall_ps / d[t].waits) : 0;
		times[n + t] = (uint64_t)l->fabric->target[t].idle_ps;
	}
}

static double lines_of(const struct cxms_event_loop *l, const struct cxms_solve_thread *th)
{
	double lines = 0;
	for (size_t t = 0; t < l->fabric->n_target; t++)
		lines += th->demand[t].reads;
	return lines;
}

/* Room for every thread that fills lines. 0 or -ENOMEM */
static int make_room(struct cxms_event_loop *l, const struct cxms_solve *s)
{
	size_t n = l->fabric->n_target, registers = 0, room = s->n_thread + 1;
	for (size_t i = 0; i < s->n_thread; i++)
		registers += registers_of(s->thread[i].demand_limit) +
			     registers_of(s->thread[i].all_limit);
	int rc = cxms_array_grow((void **)&l->source, &l->cap_source, room, sizeof(*l->source));
	if (!rc)
		rc = cxms_array_grow((void **)&l->heap, &l->cap_heap, room, sizeof(*l->heap));
	if (!rc)
		rc = cxms_array_grow((void **)&l->odds, &l->cap_odds, 5 * n * room,
				     sizeof(*l->odds));
	if (!rc)
		rc = cxms_array_grow((void **)&l->times, &l->cap_times, 2 * n * room,
				     sizeof(*l->times));
	if (!rc)
		rc = cxms_array_grow((void **)&l->part, &l->cap_part, 4 * n, sizeof(*l->part));
	if (!rc)
		rc = cxms_array_grow((void **)&l->registers, &l->cap_registers, registers + 1,
				     sizeof(*l->registers));
	return rc;
}

/* Threads that fill lines, each somewhere in its first turn. */
static void set_sources(struct cxms_event_loop *l, const struct cxms_solve *s)
{
	size_t n = l->fabric->n_target;
	uint64_t *registers = l->registers;
	uint64_t begin = (l->now_ps / GAP_PS + 2) * GAP_PS;
	l->n = 0;
	for (size_t i = 0; i < s->n_thread; i++) {
		const struct cxms_solve_thread *th = &s->thread[i];
		struct source *x = &l->source[l->n];
		if (lines_of(l, th) <= 0)
			continue;
		*x = (struct source){.demand = {.most = registers_of(th->demand_limit)},
				     .all = {.most = registers_of(th->all_limit)}};
		cxms_rng_init(&x->rng, cxms_hash_u64(l->seed ^ cxms_hash_u64(l->epoch)) + i);
		set_source(l, th, l->odds + 5 * n * l->n, l->times + 2 * n * l->n, l->part, x);
		x->demand.free_ps = registers;
		x->all.free_ps = registers + x->demand.most;
		registers += x->demand.most + x->all.most;
		uint64_t turn = x->off_ps + x->work_ps + x->mem_ps;
		l->heap[l->n] =
			(struct due){begin + cxms_rng_below(&x->rng, turn + 1), (uint32_t)l->n};
		l->n++;
	}
	for (size_t i = l->n; i-- > 0;)
		sift(l, i);
}

/* Requests that a page buffer lacks are those of its memdev. */
static size_t shown_as(const struct cxms_fabric *f, size_t target)
{
	const struct cxms_fabric_target *t = &f->target[target];
	return t->page_bytes > 0 ? target / f->n_host_target * f->n_host_target + t->miss_of
				 : target;
}

static void take_stock(struct cxms_event_loop *l, struct cxms_solve *s)
{
	for (uint32_t t = 0; t < l->fabric->n_target; t++) {
		const struct tally *y = &l->tally[t];
		double lines = 0;
		s->latency_ps[t] = y->reads ? (double)y->latency_ps / (double)y->reads
					    : l->fabric->target[t].idle_ps;
		s->utilization[t] = cxms_net_utilization(l->net, t, l->now_ps);
		for (size_t i = 0; i < s->n_thread; i++)
			lines += s->thread[i].demand[t].reads;
		if (y->reads)
			cxms_hist_merge(&l->total[shown_as(l->fabric, t)], &y->hist,
					(uint64_t)llround(WEIGHT_UNIT * lines / (double)y->reads));
	}
}

int cxms_event_loop_epoch(struct cxms_event_loop *l, struct cxms_solve *s, struct cxms_err *err)
{
	size_t n = l->fabric->n_target;
	l->epoch++;
	if (make_room(l, s))
		return cxms_fail(err, ENOMEM, "out of memory for the event engine");
	memset(l->tally, 0, n * sizeof(*l->tally));
	set_sources(l, s);
	cxms_net_mark(l->net, l->now_ps);
	if (l->n)
		run_until_steady(l);
	take_stock(l, s);
	cxms_solve_times(s);
	return 0;
}

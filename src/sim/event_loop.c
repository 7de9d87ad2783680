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
/* CPUs are not counted up for so little: times are as exact as samples. */
#define CPU_ROUNDING 0.02
/* Blocks until the shares of CPUs and the latencies fit each other. */
#define SHARE_ROUNDS 4u
#define ODDS	     2147483648.0 /* 2^31 */
/* Tables of odds of a worker: struct worker, pick to write_q16. */
#define ODDS_PER_TARGET 6u

/* Miss registers: a min-heap of the times at which those in use are free again. */
struct registers {
	uint64_t *free_ps;
	uint32_t n, most;
};

/* Which line comes next. One that is only written was stored past the caches. */
struct choice {
	uint32_t target;
	bool prefetched, waited_for, written;
};

/* One thread of the epoch. A turn is perhaps a line that it waits for in the end, and the others
 * that it fills meanwhile: a window goes on behind its oldest miss. */
struct worker {
	const struct cxms_solve_thread *thread;
	double turns;		  /* in the epoch */
	uint64_t own_off_ps;	  /* of off_ps, but for what its CPU does meanwhile */
	uint64_t off_ps, work_ps; /* means of a turn: not on the CPU or in the kernel; working */
	uint32_t queued_q16; /* waiting for a CPU that other programs hold, of the time on it */
	uint64_t walk_ps, mem_ps;
	uint32_t other_q16; /* lines beside the one waited for: mean of a turn */
	uint32_t own_q16;   /* share of the turns that end with a wait for a line of their own */
	uint32_t bare_q16;  /* share that end with a wait whose line was counted elsewhere */
	/* [3 * n_target] cumulative, of ODDS: others, on demand, ahead, only written */
	const uint32_t *pick;
	const uint32_t *pick_own, *pick_bare; /* [n_target] */
	const uint32_t *write_q16;	      /* [n_target] lines written back for one filled */
	const uint64_t *stall_ps;	      /* [n_target] exposed part of a wait at L_mem */
	uint64_t *last_ps;		      /* [n_target] latency of the last line */
};

/*
 * What asks for lines: a thread with a CPU of its own, or one of the CPUs on which threads of a
 * program take turns. There each turn is one of theirs, drawn as often as each has turns in its
 * predicted time: as many of them are at work at any time as there are CPUs.
 */
struct source {
	struct worker *worker; /* whose turn it is */
	struct worker *first;  /* of those who take turns here */
	uint32_t *odds;	       /* [n] cumulative, of ODDS */
	size_t n;
	double cpus;	   /* that they share; 0 = its own */
	uint64_t began_ps; /* this turn's time on the CPU; 0 = the first is still to come */
	uint32_t left;	   /* lines of this turn still to come; 0 = the turn is over */
	uint64_t slice_ps; /* mean work before each of them */
	bool own, bare;	   /* how this turn ends */
	bool opens;	   /* the next line is its first */
	uint64_t wait_ps;  /* at its end, for its own line; 0: that is still to come, or none */
	struct choice next;
	struct registers demand, all;
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
	uint64_t stores, stored_ps; /* past the caches */
	uint64_t waits, waited_ps;  /* those that a thread waited for, and how long they took */
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
	double *waited_ps;	 /* [target] of this epoch */
	uint64_t *newest_ps;	 /* [target] latency of the epoch's last line; 0 = none so far */
	uint32_t exp_q16[QUANTILES];
	struct worker *worker;
	struct source *source;
	struct due *heap;
	size_t n_worker, n_register;
	uint64_t begin_ps; /* of the epoch */
	size_t n, cap_worker, cap_source, cap_heap;
	uint32_t *odds; /* tables of all workers, then the odds of each program's */
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
	l->waited_ps = calloc(f->n_target, sizeof(*l->waited_ps));
	for (unsigned i = 0; i < QUANTILES; i++)
		l->exp_q16[i] = (uint32_t)lround(-log((i + 0.5) / QUANTILES) * ONE_Q16);
	l->newest_ps = calloc(f->n_target, sizeof(*l->newest_ps));
	int rc = l->tally && l->total && l->waited_ps && l->newest_ps
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
	free(l->waited_ps);
	free(l->newest_ps);
	free(l->worker);
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
	s->next = (struct choice){.waited_for = s->own && s->wait_ps == 0};
	if (s->next.waited_for) {
		s->next.target = draw(s, s->worker->pick_own, n);
		return;
	}
	uint32_t i = draw(s, s->worker->pick, 3 * n);
	s->next.prefetched = i >= n && i < 2 * n;
	s->next.written = i >= 2 * n;
	s->next.target = i % (uint32_t)n;
}

/* With what a line of the target takes beyond its latency. */
static uint64_t with_own_ps(const struct source *s, uint32_t target, uint64_t latency_ps)
{
	return (uint64_t)fmax(0, (double)latency_ps + s->worker->thread->demand[target].own_ps);
}

/* What a thread waits for a line that took so long. */
static uint64_t wait_for(struct cxms_event_loop *l, const struct source *s, uint32_t target,
			 uint64_t latency_ps)
{
	l->tally[target].waits += l->counts;
	l->tally[target].waited_ps += l->counts ? latency_ps : 0;
	uint64_t with = s->worker->stall_ps[target] + with_own_ps(s, target, latency_ps);
	return with > s->worker->mem_ps ? with - s->worker->mem_ps : 0;
}

/* A wait whose line was counted elsewhere takes as long as the last one there. */
static uint64_t end_turn(struct cxms_event_loop *l, struct source *s, uint64_t at)
{
	if (!s->bare)
		return at;
	uint32_t t = draw(s, s->worker->pick_bare, l->fabric->n_target);
	return at + wait_for(l, s, t, s->worker->last_ps[t]);
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
	return (busy >> 16) * s->worker->queued_q16 +
	       ((busy & 0xffff) * s->worker->queued_q16 >> 16);
}

static uint64_t begin_turn(struct cxms_event_loop *l, struct source *s, uint64_t at)
{
	at += queue_ps(s, at);
	if (s->n > 1)
		s->worker = s->first + draw(s, s->odds, s->n);
	uint32_t others = (s->worker->other_q16 >> 16) + chance(s, s->worker->other_q16 & 0xffff);
	s->own = chance(s, s->worker->own_q16);
	s->bare = !s->own && chance(s, s->worker->bare_q16);
	s->left = others + s->own;
	s->wait_ps = 0;
	s->opens = true;
	at += exponential(l, s, s->worker->off_ps);
	s->began_ps = at;
	if (s->left == 0)
		return end_turn(l, s, at + exponential(l, s, s->worker->work_ps));
	s->slice_ps = s->worker->work_ps / s->left;
	return work_on(l, s, at);
}

static uint64_t ask(struct cxms_event_loop *l, struct source *s, uint32_t t, uint64_t at)
{
	uint64_t dpa = cxms_rng_u64(&s->rng) >> (64 - SPAN_BITS) & ~(uint64_t)(CXMS_LINE_BYTES - 1);
	bool reads = !s->next.written;
	uint64_t latency = cxms_net_request(l->net, t, !reads, dpa, at);
	if (reads && chance(s, s->worker->write_q16[t]))
		(void)cxms_net_request(l->net, t, true, dpa, at);
	if (s->opens)
		s->worker->last_ps[t] = latency;
	s->opens = false;
	l->newest_ps[t] = latency;
	l->lines++;
	if (l->counts && reads) {
		l->tally[t].reads++;
		l->tally[t].latency_ps += latency;
		cxms_hist_add(&l->tally[t].hist, latency);
	}
	if (l->counts && !reads) {
		l->tally[t].stores++;
		l->tally[t].stored_ps += latency;
	}
	if (l->counts) {
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
	bool all = !s->next.written, demand = !s->next.prefetched;
	uint64_t start = all ? register_free(&s->all, at) : at;
	if (demand)
		start = register_free(&s->demand, start);
	if (start > at)
		return start; /* others may come first */
	uint32_t t = s->next.target;
	uint64_t latency = ask(l, s, t, at);
	uint64_t filled = at + with_own_ps(s, t, latency) + s->worker->walk_ps;
	if (all)
		register_take(&s->all, filled);
	if (demand)
		register_take(&s->demand, filled);
	s->left--;
	if (s->next.waited_for)
		s->wait_ps = 1 + wait_for(l, s, t, latency);
	return s->left ? work_on(l, s, at) : end_turn(l, s, at + s->wait_ps - (s->wait_ps > 0));
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

static uint32_t q16(double share)
{
	return (uint32_t)llround(fmin(fmax(share, 0), 65535) * ONE_Q16);
}

static uint64_t pause(double ps, double lines)
{
	return (uint64_t)llround(fmin(fmax(ps, 0), PAUSE_MAX_PS * fmax(1, lines)));
}

/* Mean of the lines counted that were read, or where none was, of those that were stored. Where
 * nothing was counted, since all who ask there still wait, that of the last who asked. */
static double latency_of(const struct cxms_event_loop *l, uint32_t t)
{
	const struct tally *y = &l->tally[t];
	if (y->reads)
		return (double)y->latency_ps / (double)y->reads;
	if (y->stores)
		return (double)y->stored_ps / (double)y->stores;
	return l->newest_ps[t] ? (double)l->newest_ps[t] : l->fabric->target[t].idle_ps;
}

static void set_latencies(struct cxms_event_loop *l, struct cxms_solve *s)
{
	for (uint32_t t = 0; t < l->fabric->n_target; t++) {
		const struct tally *y = &l->tally[t];
		s->latency_ps[t] = latency_of(l, t);
		l->waited_ps[t] =
			y->waits ? (double)y->waited_ps / (double)y->waits : s->latency_ps[t];
	}
	s->waited_ps = l->waited_ps;
}

/* Of the time it waits for a CPU what the program's other threads hold it. */
static double held_ps(const struct cxms_solve_thread *th)
{
	return fmax(0, fmin(th->queued_ps, th->holders_ps));
}

/* Time of a turn's CPU: on it, and waiting for it while other programs have it. */
static double busy_ps(const struct cxms_solve_thread *th, double cpu_ps)
{
	double queued = th->queued_ps - held_ps(th);
	return cpu_ps + (th->cpu_ps > 0 ? queued * cpu_ps / th->cpu_ps : 0);
}

/*
 * How often each thread has a turn on the CPUs they share, by the times found so far; between two
 * turns a CPU does what is not asked for here: work of others, or nothing.
 */
static void share_turns(struct source *x)
{
	double rate = 0, upto = 0, idle = x->cpus;
	for (size_t i = 0; i < x->n; i++) {
		const struct worker *w = &x->first[i];
		double wall = cxms_solve_wall_ps(w->thread);
		rate += w->turns / wall;
		idle -= busy_ps(w->thread, w->thread->new_cpu_ps) / wall;
	}
	for (size_t i = 0; i < x->n; i++) {
		struct worker *w = &x->first[i];
		upto += w->turns / cxms_solve_wall_ps(w->thread);
		x->odds[i] = (uint32_t)(i + 1 == x->n ? ODDS : fmin(ODDS, upto / rate * ODDS));
		w->off_ps = w->own_off_ps + pause(idle / rate, 1);
	}
}

/* Whether any threads share CPUs. */
static bool share_cpus(struct cxms_event_loop *l, struct cxms_solve *s)
{
	bool any = false;
	set_latencies(l, s);
	cxms_solve_times(s);
	for (size_t i = 0; i < l->n; i++) {
		struct source *x = &l->source[i];
		any = any || x->cpus > 0;
		if (x->cpus > 0 && (i == 0 || x[-1].first != x->first))
			share_turns(x);
	}
	return any;
}

/* Fills the queues; where threads share CPUs, in rounds, each with the shares that the last tells.
 */
static void fill_queues(struct cxms_event_loop *l, struct cxms_solve *s)
{
	uint64_t fill_lines = CXMS_EVENT_FILL;
	for (size_t i = 0; i < l->n; i++)
		fill_lines += 2 * l->source[i].all.most;
	bool shared = share_cpus(l, s);
	for (unsigned r = 0; shared && r < SHARE_ROUNDS; r++) {
		l->counts = true;
		run_lines(l, CXMS_EVENT_BLOCK, CXMS_EVENT_BLOCK_PS);
		share_cpus(l, s);
		memset(l->tally, 0, l->fabric->n_target * sizeof(*l->tally));
	}
	l->counts = false;
	run_lines(l, fill_lines, CXMS_EVENT_FILL_PS);
}

static void run_until_steady(struct cxms_event_loop *l, struct cxms_solve *s)
{
	fill_queues(l, s);
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
		share_cpus(l, s);
	}
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

/* @part: lines beside those waited for, on demand, ahead, and only written; those waited for; other
 * waits */
static struct mix mix_of(const struct cxms_demand *d, size_t n, double *part)
{
	struct mix m = {0};
	for (size_t t = 0; t < n; t++) {
		double ahead = fmin(d[t].prefetched + d[t].kernel_reads, d[t].reads);
		double own = fmin(d[t].waits, d[t].reads - ahead);
		part[t] = d[t].reads - ahead - own;
		part[n + t] = ahead;
		part[2 * n + t] = d[t].past;
		part[3 * n + t] = own;
		part[4 * n + t] = d[t].waits - own;
		m.lines += d[t].reads + d[t].past;
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

/* Tables of a worker: ODDS_PER_TARGET n_target odds, 2 n_target times. What waits for others' CPUs
 * grows with the time in user mode: queue_ps() gives that back. */
static void set_worker(const struct cxms_event_loop *l, const struct cxms_solve_thread *th,
		       uint32_t *odds, uint64_t *times, double *part, struct worker *w)
{
	size_t n = l->fabric->n_target;
	const struct cxms_demand *d = th->demand;
	struct mix m = mix_of(d, n, part);
	double turns = fmax(m.waits, m.lines / TURN_LINES);
	double queued = th->cpu_ps > 0 ? (th->queued_ps - held_ps(th)) / th->cpu_ps : 0;
	double off = held_ps(th) > 0 ? th->queued_ps - held_ps(th) : th->wall_ps - th->cpu_ps;
	*w = (struct worker){.thread = th,
			     .turns = turns,
			     .queued_q16 = q16(queued),
			     .walk_ps = (uint64_t)llround(th->walk_ps),
			     .mem_ps = (uint64_t)llround(th->mem_ps),
			     .other_q16 = q16((m.lines - m.own) / turns),
			     .own_q16 = q16(m.own / turns)};
	w->own_off_ps = pause((off + th->kernel_ps - queued * (th->cpu_ps - th->kernel_ps)) / turns,
			      m.lines / turns);
	w->off_ps = w->own_off_ps;
	w->work_ps = pause((th->cpu_ps - th->kernel_ps - m.stall_ps) / turns, m.lines / turns);
	w->bare_q16 = turns > m.own ? q16((m.waits - m.own) / (turns - m.own)) : 0;
	set_odds(part, 3 * n, odds);
	set_odds(part + 3 * n, n, odds + 3 * n);
	set_odds(part + 4 * n, n, odds + 4 * n);
	w->pick = odds;
	w->pick_own = odds + 3 * n;
	w->pick_bare = odds + 4 * n;
	w->write_q16 = odds + 5 * n;
	w->stall_ps = times;
	w->last_ps = times + n;
	for (size_t t = 0; t < n; t++) {
		odds[5 * n + t] = d[t].reads > 0 ? q16((d[t].writes - d[t].past) / d[t].reads) : 0;
		double wait_ps = d[t].stall_ps + d[t].spare_ps;
		times[t] = d[t].waits > 0 ? (uint64_t)llround(wait_ps / d[t].waits) : 0;
		times[n + t] = (uint64_t)l->fabric->target[t].idle_ps;
	}
}

static double lines_of(const struct cxms_event_loop *l, const struct cxms_solve_thread *th)
{
	double lines = 0;
	for (size_t t = 0; t < l->fabric->n_target; t++)
		lines += th->demand[t].reads + th->demand[t].past;
	return lines;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Room for every thread that fills lines. 0 or -ENOMEM */
static int make_room(struct cxms_event_loop *l, const struct cxms_solve *s)
{
	size_t n = l->fabric->n_target, room = s->n_thread + 1;
	uint32_t demand = 0, all = 0;
	for (size_t i = 0; i < s->n_thread; i++) {
		demand = larger(demand, registers_of(s->thread[i].demand_limit));
		all = larger(all, registers_of(s->thread[i].all_limit));
	}
	int rc = cxms_array_grow((void **)&l->source, &l->cap_source, room, sizeof(*l->source));
	if (!rc)
		rc = cxms_array_grow((void **)&l->worker, &l->cap_worker, room, sizeof(*l->worker));
	if (!rc)
		rc = cxms_array_grow((void **)&l->heap, &l->cap_heap, room, sizeof(*l->heap));
	if (!rc)
		rc = cxms_array_grow((void **)&l->odds, &l->cap_odds,
				     (ODDS_PER_TARGET * n + 1) * room, sizeof(*l->odds));
	if (!rc)
		rc = cxms_array_grow((void **)&l->times, &l->cap_times, 2 * n * room,
				     sizeof(*l->times));
	if (!rc)
		rc = cxms_array_grow((void **)&l->part, &l->cap_part, 5 * n, sizeof(*l->part));
	if (!rc)
		rc = cxms_array_grow((void **)&l->registers, &l->cap_registers,
				     (demand + all) * room, sizeof(*l->registers));
	return rc;
}

/* Who works on one CPU, and what of it. */
struct crew {
	struct worker *first;
	size_t n;
	uint32_t *odds;
	double cpus;
	uint32_t demand, all; /* miss registers */
};

static void add_worker(struct cxms_event_loop *l, const struct cxms_solve_thread *th,
		       struct crew *c)
{
	size_t n = l->fabric->n_target, i = l->n_worker++;
	set_worker(l, th, l->odds + ODDS_PER_TARGET * n * i, l->times + 2 * n * i, l->part,
		   &l->worker[i]);
	c->first = c->n ? c->first : &l->worker[i];
	c->n++;
	c->demand = larger(c->demand, registers_of(th->demand_limit));
	c->all = larger(c->all, registers_of(th->all_limit));
}

/* Somewhere in its first turn. */
static void add_source(struct cxms_event_loop *l, const struct crew *c, size_t number)
{
	struct source *x = &l->source[l->n];
	uint64_t *registers = l->registers + l->n_register;
	*x = (struct source){.worker = c->first,
			     .first = c->first,
			     .odds = c->odds,
			     .n = c->n,
			     .cpus = c->cpus,
			     .demand = {.free_ps = registers, .most = c->demand},
			     .all = {.free_ps = registers + c->demand, .most = c->all}};
	l->n_register += c->demand + c->all;
	cxms_rng_init(&x->rng, cxms_hash_u64(l->seed ^ cxms_hash_u64(l->epoch)) + number);
	uint64_t turn = c->first->off_ps + c->first->work_ps + c->first->mem_ps;
	l->heap[l->n] =
		(struct due){l->begin_ps + cxms_rng_below(&x->rng, turn + 1), (uint32_t)l->n};
	l->n++;
}

/*
 * The threads of a program from @i to @end that wait for each other's CPUs. These are as many as
 * their time fills; one that fills no lines takes its time of them.
 */
static void add_crew(struct cxms_event_loop *l, const struct cxms_solve *s, size_t i, size_t end)
{
	uint32_t *odds =
		l->odds + ODDS_PER_TARGET * l->fabric->n_target * (s->n_thread + 1) + l->n_worker;
	struct crew c = {.odds = odds};
	double cpus = 0;
	for (size_t k = i; k < end; k++) {
		const struct cxms_solve_thread *th = &s->thread[k];
		if (held_ps(th) <= 0)
			continue;
		cpus += busy_ps(th, th->cpu_ps) / th->wall_ps;
		if (lines_of(l, th) > 0)
			add_worker(l, th, &c);
	}
	c.cpus = fmin((double)c.n, fmax(1, ceil(cpus - CPU_ROUNDING)));
	for (size_t k = 0; c.n > 0 && k < (size_t)c.cpus; k++)
		add_source(l, &c, i + k);
}

/* Threads that fill lines. */
static void set_sources(struct cxms_event_loop *l, const struct cxms_solve *s)
{
	l->begin_ps = (l->now_ps / GAP_PS + 2) * GAP_PS;
	l->n = l->n_worker = l->n_register = 0;
	for (size_t i = 0, end; i < s->n_thread; i = end) {
		for (end = i; end < s->n_thread; end++)
			if (s->thread[end].program != s->thread[i].program)
				break;
		add_crew(l, s, i, end);
		for (size_t k = i; k < end; k++) {
			struct crew alone = {0};
			if (held_ps(&s->thread[k]) > 0 || lines_of(l, &s->thread[k]) <= 0)
				continue;
			add_worker(l, &s->thread[k], &alone);
			add_source(l, &alone, k);
		}
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
	memset(l->newest_ps, 0, n * sizeof(*l->newest_ps));
	set_latencies(l, s);
	cxms_solve_times(s); /* who holds whose CPU */
	set_sources(l, s);
	cxms_net_mark(l->net, l->now_ps);
	if (l->n)
		run_until_steady(l, s);
	take_stock(l, s);
	set_latencies(l, s);
	cxms_solve_times(s);
	return 0;
}

#include "sim/event_loop.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "sim/event_loop_priv.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "sim/solve.h"

/* Lines are drawn from so many bytes, log2: more rows than banks keep open. */
#define SPAN_BITS 36u
/* A line simulated stands for the epoch's lines / those simulated, counted in 2^-10. */
#define WEIGHT_UNIT 1024.0
/* Blocks until the shares of CPUs and the latencies fit each other. */
#define SHARE_ROUNDS 4u

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
		idle -= event_busy_ps(w->thread, w->thread->new_cpu_ps) / wall;
	}
	for (size_t i = 0; i < x->n; i++) {
		struct worker *w = &x->first[i];
		upto += w->turns / cxms_solve_wall_ps(w->thread);
		x->odds[i] = (uint32_t)(i + 1 == x->n ? ODDS : fmin(ODDS, upto / rate * ODDS));
		w->off_ps = w->own_off_ps + event_pause_ps(idle / rate, 1);
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
	if (event_make_room(l, s))
		return cxms_fail(err, ENOMEM, "out of memory for the event engine");
	memset(l->tally, 0, n * sizeof(*l->tally));
	memset(l->newest_ps, 0, n * sizeof(*l->newest_ps));
	set_latencies(l, s);
	cxms_solve_times(s); /* who holds whose CPU */
	event_set_sources(l, s);
	for (size_t i = l->n; i-- > 0;)
		sift(l, i);
	cxms_net_mark(l->net, l->now_ps);
	if (l->n)
		run_until_steady(l, s);
	take_stock(l, s);
	set_latencies(l, s);
	cxms_solve_times(s);
	return 0;
}

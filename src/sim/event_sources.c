/* From the demand of an epoch's threads to the sources that ask for its lines. */
#include "sim/event_loop_priv.h"

#include <math.h>

#include "base/buf.h"
#include "sim/fabric.h"
#include "sim/solve.h"

#define REGISTERS_MAX 4096u
/* Epochs begin on such a boundary after the last, so that each finds empty queues. */
#define GAP_PS (UINT64_C(1) << 30)
/* Turns hold no more lines than this, so that a sample sees many of them. */
#define TURN_LINES 16.0
/* A line in 10 ms loads nothing: longer pauses would only make the clock run away. */
#define PAUSE_MAX_PS 1e10
/* CPUs are not counted up for so little: times are as exact as samples. */
#define CPU_ROUNDING 0.02
/* Tables of odds of a worker: struct worker, pick to write_q16. */
#define ODDS_PER_TARGET 6u

static uint32_t q16(double share)
{
	return (uint32_t)llround(fmin(fmax(share, 0), 65535) * ONE_Q16);
}

uint64_t event_pause_ps(double ps, double lines)
{
	return (uint64_t)llround(fmin(fmax(ps, 0), PAUSE_MAX_PS * fmax(1, lines)));
}

/* Time of a turn's CPU: on it, and waiting for it while other programs have it. */
double event_busy_ps(const struct cxms_solve_thread *th, double cpu_ps)
{
	double queued = th->queued_ps - cxms_solve_held_ps(th);
	return cpu_ps + (th->cpu_ps > 0 ? queued * cpu_ps / th->cpu_ps : 0);
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
	double held = cxms_solve_held_ps(th);
	double queued = th->cpu_ps > 0 ? (th->queued_ps - held) / th->cpu_ps : 0;
	double off = held > 0 ? th->queued_ps - held : th->wall_ps - th->cpu_ps;
	*w = (struct worker){.thread = th,
			     .turns = turns,
			     .queued_q16 = q16(queued),
			     .walk_ps = (uint64_t)llround(th->walk_ps),
			     .mem_ps = (uint64_t)llround(th->mem_ps),
			     .other_q16 = q16((m.lines - m.own) / turns),
			     .own_q16 = q16(m.own / turns)};
	w->own_off_ps = event_pause_ps(
		(off + th->kernel_ps - queued * (th->cpu_ps - th->kernel_ps)) / turns,
		m.lines / turns);
	w->off_ps = w->own_off_ps;
	w->work_ps =
		event_pause_ps((th->cpu_ps - th->kernel_ps - m.stall_ps) / turns, m.lines / turns);
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
int event_make_room(struct cxms_event_loop *l, const struct cxms_solve *s)
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
		if (cxms_solve_held_ps(th) <= 0)
			continue;
		cpus += event_busy_ps(th, th->cpu_ps) / th->wall_ps;
		if (lines_of(l, th) > 0)
			add_worker(l, th, &c);
	}
	c.cpus = fmin((double)c.n, fmax(1, ceil(cpus - CPU_ROUNDING)));
	for (size_t k = 0; c.n > 0 && k < (size_t)c.cpus; k++)
		add_source(l, &c, i + k);
}

/* Threads that fill lines. */
void event_set_sources(struct cxms_event_loop *l, const struct cxms_solve *s)
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
			if (cxms_solve_held_ps(&s->thread[k]) > 0 ||
			    lines_of(l, &s->thread[k]) <= 0)
				continue;
			add_worker(l, &s->thread[k], &alone);
			add_source(l, &alone, k);
		}
	}
}

#include "sim/solve.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sim/fabric.h"

/* Bracketing one server stops at this relative width: well under the residual asked of the whole.
 */
#define ROOT_TOLERANCE 1e-8
#define ROOT_MAX_STEPS 200u
/* Steps of all servers at once end here: the step that is still taken leaves far less. */
#define STEP_TOLERANCE 1e-7
#define STEP_MAX       30u
/* A server below this utilisation hardly answers to its load: the map is a contraction in its wait.
 * One server above it has one solution still, since what it asks falls with its wait; several need
 * not, and both starting points are tried. */
#define BUSY	 0.5
#define PS_PER_S ((double)CXMS_PS_PER_S)

/* Sums over the targets of a thread. */
struct sums {
	double change, demand, all, kernel;
};

/* One server's last point of its secant, and the slope found last: what is asked against the wait.
 */
struct secant {
	double wait, asked, slope;
};

struct cxms_solve_room {
	size_t *first;		/* [server + 1] into through */
	uint32_t *through;	/* targets whose way leads through the server, each once */
	struct cxms_load *rate; /* [target] lines per second */
	struct secant *secant;	/* [server] */
	double *kept;		/* [server] waits to come back to */
	bool *bounded;		/* [server] waits at some load */
	size_t n_active;	/* servers that can wait in this epoch: bounded, and waited for */
	size_t *active;
	struct sums *rest; /* [thread] of the targets that do not pass the server in work */
};

/* fmax() without the care for NaN, which costs a call. */
static double larger(double a, double b)
{
	return a > b ? a : b;
}

static bool is_first(const struct cxms_fabric_target *t, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (t->server[k] == t->server[i])
			return false;
	return true;
}

static void list_targets(const struct cxms_fabric *f, struct cxms_solve_room *r)
{
	for (size_t t = 0; t < f->n_target; t++)
		for (size_t i = 0; i < f->target[t].n_server; i++)
			r->first[f->target[t].server[i] + 1] += is_first(&f->target[t], i);
	for (size_t v = 0; v < f->n_server; v++)
		r->first[v + 1] += r->first[v];
	for (size_t t = 0; t < f->n_target; t++)
		for (size_t i = 0; i < f->target[t].n_server; i++)
			if (is_first(&f->target[t], i))
				r->through[r->first[f->target[t].server[i]]++] = (uint32_t)t;
	memmove(r->first + 1, r->first, f->n_server * sizeof(*r->first));
	r->first[0] = 0;
}

struct cxms_solve_room *cxms_solve_room_new(const struct cxms_fabric *f, size_t n_thread)
{
	struct cxms_solve_room *r = calloc(1, sizeof(*r));
	size_t steps = 1;
	for (size_t t = 0; t < f->n_target; t++)
		steps += f->target[t].n_server;
	if (!r)
		return NULL;
	r->first = calloc(f->n_server + 1, sizeof(*r->first));
	r->through = calloc(steps, sizeof(*r->through));
	r->rate = calloc(f->n_target + 1, sizeof(*r->rate));
	r->secant = calloc(f->n_server + 1, sizeof(*r->secant));
	r->kept = calloc(f->n_server + 1, sizeof(*r->kept));
	r->bounded = calloc(f->n_server + 1, sizeof(*r->bounded));
	r->active = calloc(f->n_server + 1, sizeof(*r->active));
	r->rest = calloc(n_thread + 1, sizeof(*r->rest));
	if (!r->first || !r->through || !r->rate || !r->secant || !r->kept || !r->bounded ||
	    !r->active || !r->rest) {
		cxms_solve_room_free(r);
		return NULL;
	}
	list_targets(f, r);
	for (size_t v = 0; v < f->n_server; v++)
		r->bounded[v] = cxms_server_is_bounded(&f->server[v]);
	return r;
}

void cxms_solve_room_free(struct cxms_solve_room *r)
{
	if (!r)
		return;
	free(r->first);
	free(r->through);
	free(r->rate);
	free(r->secant);
	free(r->kept);
	free(r->bounded);
	free(r->active);
	free(r->rest);
	free(r);
}

double cxms_solve_latency_ps(const struct cxms_solve *s, size_t t)
{
	const struct cxms_fabric_target *target = &s->fabric->target[t];
	double ps = target->idle_ps;
	for (size_t i = 0; i < target->n_server; i++)
		ps += s->wait_ps[target->server[i]];
	return ps;
}

double cxms_solve_waited_ps(const struct cxms_solve *s, size_t t)
{
	return s->waited_ps ? s->waited_ps[t] : s->latency_ps[t];
}

static void add_target(const struct cxms_solve_thread *th, size_t t, double waited, double latency,
		       struct sums *sum)
{
	const struct cxms_demand *d = &th->demand[t];
	double fill = latency + d->own_ps + th->walk_ps, wait = waited + d->own_ps;
	sum->change +=
		larger(0, d->stall_ps + d->spare_ps + d->waits * (wait - th->mem_ps)) - d->stall_ps;
	sum->demand += (d->reads - d->kernel_reads - d->prefetched + d->past) * fill;
	sum->all += (d->reads - d->kernel_reads) * fill;
	sum->kernel += d->kernel_waits * wait;
}

static void set_time(struct cxms_solve_thread *th, const struct sums *sum)
{
	double by_latency = th->cpu_ps + sum->change;
	double by_misses = th->kernel_ps + sum->kernel +
			   larger(sum->demand / th->demand_limit, sum->all / th->all_limit);
	th->new_cpu_ps = larger(by_latency, by_misses);
	th->bound_ps = th->new_cpu_ps - by_latency;
}

/* Of the threads from @first on that are one program's; returns the first of the next. */
static size_t set_holders(struct cxms_solve_thread *thread, size_t first, size_t n)
{
	double sum = 0, new_sum = 0;
	size_t end = first;
	for (; end < n && thread[end].program == thread[first].program; end++) {
		sum += thread[end].cpu_ps;
		new_sum += thread[end].new_cpu_ps;
	}
	for (size_t i = first; i < end; i++) {
		thread[i].holders_ps = sum - thread[i].cpu_ps;
		thread[i].new_holders_ps = new_sum - thread[i].new_cpu_ps;
	}
	return end;
}

static void set_all_holders(const struct cxms_solve *s)
{
	for (size_t i = 0; i < s->n_thread;)
		i = set_holders(s->thread, i, s->n_thread);
}

void cxms_solve_times(struct cxms_solve *s)
{
	for (size_t i = 0; i < s->n_thread; i++) {
		struct sums sum = {0};
		for (size_t t = 0; t < s->fabric->n_target; t++)
			add_target(&s->thread[i], t, cxms_solve_waited_ps(s, t), s->latency_ps[t],
				   &sum);
		set_time(&s->thread[i], &sum);
	}
	set_all_holders(s);
}

static void update(struct cxms_solve *s)
{
	for (size_t t = 0; t < s->fabric->n_target; t++)
		s->latency_ps[t] = cxms_solve_latency_ps(s, t);
	cxms_solve_times(s);
}

double cxms_solve_held_ps(const struct cxms_solve_thread *th)
{
	double most = th->queued_ps - th->taken_ps;
	return larger(0, most < th->holders_ps ? most : th->holders_ps);
}

double cxms_solve_wall_ps(const struct cxms_solve_thread *th)
{
	double growth = th->new_cpu_ps - th->cpu_ps;
	double held = cxms_solve_held_ps(th);
	double own = th->cpu_ps > 0 ? (th->queued_ps - held) / th->cpu_ps : 0;
	double others =
		held > 0 ? held / th->holders_ps * (th->new_holders_ps - th->holders_ps) : 0;
	return th->wall_ps + (1 + own) * growth + others;
}

/* Threads a picosecond of wall time, or 0. */
static double pace(const struct cxms_solve_thread *th)
{
	double wall = cxms_solve_wall_ps(th);
	return wall > 0 ? PS_PER_S / wall : 0;
}

/* What each target is asked for at the threads' times. */
static void set_rates(struct cxms_solve *s)
{
	struct cxms_load *rate = s->room->rate;
	memset(rate, 0, s->fabric->n_target * sizeof(*rate));
	for (size_t i = 0; i < s->n_thread; i++) {
		const struct cxms_demand *d = s->thread[i].demand;
		double per_s = pace(&s->thread[i]);
		for (size_t t = 0; t < s->fabric->n_target; t++) {
			rate[t].read_lines_per_s += d[t].reads * per_s;
			rate[t].write_lines_per_s += d[t].writes * per_s;
		}
	}
}

static struct cxms_load load_on(const struct cxms_solve *s, size_t server)
{
	const struct cxms_solve_room *r = s->room;
	struct cxms_load load = {0};
	for (size_t i = r->first[server]; i < r->first[server + 1]; i++) {
		load.read_lines_per_s += r->rate[r->through[i]].read_lines_per_s;
		load.write_lines_per_s += r->rate[r->through[i]].write_lines_per_s;
	}
	return load;
}

/* The device that a link is a head of, or SIZE_MAX. */
static size_t head_of(const struct cxms_solve *s, size_t server)
{
	return s->fabric->part ? s->fabric->part[server].head : SIZE_MAX;
}

/* What a server adds at a load, which comes from @load_of: of it, and of the device it is a head
 * of.
 */
static double asked_ps(const struct cxms_solve *s, size_t server,
		       struct cxms_load (*load_of)(const struct cxms_solve *s, size_t server))
{
	const struct cxms_server *v = &s->fabric->server[server];
	const struct cxms_load load = load_of(s, server);
	double wait = cxms_server_wait_ps(v, &load);
	size_t head = head_of(s, server);
	if (head == SIZE_MAX)
		return wait;
	const struct cxms_load all = load_of(s, head);
	return wait + cxms_server_wire_wait_ps(&s->fabric->server[head], &all, v, &load);
}

/* Does its wait change any thread's time? Stores past the caches read nothing. */
static bool is_felt(const struct cxms_solve *s, size_t server)
{
	const struct cxms_solve_room *r = s->room;
	for (size_t i = r->first[server]; i < r->first[server + 1]; i++)
		for (size_t k = 0; k < s->n_thread; k++) {
			const struct cxms_demand *d = &s->thread[k].demand[r->through[i]];
			if (d->reads > 0 || d->waits > 0 || d->past > 0)
				return true;
		}
	return false;
}

/* The others have no wait, whatever they were left with. */
static void list_active(struct cxms_solve *s)
{
	struct cxms_solve_room *r = s->room;
	r->n_active = 0;
	for (size_t v = 0; v < s->fabric->n_server; v++) {
		if (r->bounded[v] && is_felt(s, v))
			r->active[r->n_active++] = v;
		else
			s->wait_ps[v] = 0;
	}
}

/* Where the secant through this point and the last one meets the wait that is asked. */
static double next_wait(struct secant *last, double wait, double asked, bool known)
{
	double run = wait - last->wait, rise = asked - last->asked;
	if (known && rise * run < 0) /* the wait asked falls with the wait */
		last->slope = rise / run;
	last->wait = wait;
	last->asked = asked;
	return larger(0, wait + (asked - wait) / (1 - last->slope));
}

/*
 * All servers step at once. False where that leads nowhere: a wait without bound, or steps that do
 * not shrink. The residual is that of the point from which the last step was taken.
 */
static bool step_together(struct cxms_solve *s, double scale)
{
	double before = INFINITY;
	for (unsigned k = 0; k < STEP_MAX; k++) {
		double moved = 0;
		update(s);
		set_rates(s);
		for (size_t i = 0; i < s->room->n_active; i++) {
			size_t v = s->room->active[i];
			double wait = s->wait_ps[v], asked = asked_ps(s, v, load_on);
			if (!isfinite(asked))
				return false;
			moved = larger(moved, fabs(asked - wait) / (scale + wait));
			s->wait_ps[v] = next_wait(&s->room->secant[v], wait, asked, k > 0);
		}
		if (moved <= STEP_TOLERANCE) {
			s->residual = moved;
			update(s);
			return true;
		}
		if (k > 1 && moved > before / 2)
			return false;
		before = moved;
	}
	return false;
}

/* The part of the threads' times that the wait of @server does not touch. */
static void set_rest(struct cxms_solve *s, size_t server)
{
	const struct cxms_solve_room *r = s->room;
	for (size_t t = 0; t < s->fabric->n_target; t++)
		s->latency_ps[t] = cxms_solve_latency_ps(s, t);
	memset(r->rest, 0, s->n_thread * sizeof(*r->rest));
	for (size_t t = 0, i = r->first[server]; t < s->fabric->n_target; t++) {
		if (i < r->first[server + 1] && r->through[i] == t) {
			s->latency_ps[t] -= s->wait_ps[server];
			i++;
			continue;
		}
		for (size_t k = 0; k < s->n_thread; k++)
			add_target(&s->thread[k], t, s->latency_ps[t], s->latency_ps[t],
				   &r->rest[k]);
	}
}

/* At the times that the threads have now. */
static struct cxms_load load_now(const struct cxms_solve *s, size_t server)
{
	const struct cxms_solve_room *r = s->room;
	struct cxms_load load = {0};
	for (size_t k = 0; k < s->n_thread; k++) {
		const struct cxms_solve_thread *th = &s->thread[k];
		double per_s = pace(th);
		for (size_t i = r->first[server]; i < r->first[server + 1]; i++) {
			load.read_lines_per_s += th->demand[r->through[i]].reads * per_s;
			load.write_lines_per_s += th->demand[r->through[i]].writes * per_s;
		}
	}
	return load;
}

/* What the server would add at the load that its wait @w leaves: falls with w. */
static double asked_at(const struct cxms_solve *s, size_t server, double w)
{
	const struct cxms_solve_room *r = s->room;
	for (size_t k = 0; k < s->n_thread; k++) {
		struct cxms_solve_thread *th = &s->thread[k];
		struct sums sum = r->rest[k];
		for (size_t i = r->first[server]; i < r->first[server + 1]; i++) {
			double latency = s->latency_ps[r->through[i]] + w;
			add_target(th, r->through[i], latency, latency, &sum);
		}
		set_time(th, &sum);
	}
	set_all_holders(s);
	return asked_ps(s, server, load_now);
}

/* A wait tried, and how far the one asked exceeds it: -1 .. 1, also where that has no bound. */
struct trial {
	double wait, asked, excess;
};

static struct trial try_wait(const struct cxms_solve *s, size_t server, double w, double scale)
{
	double asked = asked_at(s, server, w);
	double excess = isfinite(asked) ? (asked - w) / (asked + w + scale) : 1;
	return (struct trial){w, asked, excess};
}

/*
 * An interval with the root, from the wait at hand in steps that double. The wait asked falls, so
 * what is asked at one side of the root bounds the other.
 */
static void bracket(const struct cxms_solve *s, size_t server, double scale, struct trial *lo,
		    struct trial *hi)
{
	double step = 0.01 * (scale + s->wait_ps[server]);
	*lo = *hi = try_wait(s, server, s->wait_ps[server], scale);
	for (unsigned i = 0; hi->excess > ROOT_TOLERANCE && i < ROOT_MAX_STEPS; i++, step *= 2) {
		*lo = *hi;
		*hi = try_wait(s, server, fmin(lo->asked, lo->wait + step), scale);
	}
	for (unsigned i = 0; lo->excess < -ROOT_TOLERANCE && i < ROOT_MAX_STEPS; i++, step *= 2) {
		*hi = *lo;
		*lo = try_wait(s, server, larger(hi->asked, hi->wait - step), scale);
	}
}

/* For the steps of all servers that follow. */
static void note_slope(struct secant *last, const struct trial *a, const struct trial *b)
{
	double slope = (a->asked - b->asked) / (a->wait - b->wait);
	if (slope < 0 && isfinite(slope))
		last->slope = slope;
}

/* The wait that is asked at its own load, by Illinois. */
static double find_root(struct cxms_solve *s, size_t server, double scale)
{
	struct trial lo, hi;
	int side = 0;
	bracket(s, server, scale, &lo, &hi);
	for (unsigned i = 0; i < ROOT_MAX_STEPS; i++) {
		if (lo.excess <= ROOT_TOLERANCE)
			return lo.wait;
		if (hi.excess >= -ROOT_TOLERANCE ||
		    hi.wait - lo.wait <= (scale + hi.wait) * ROOT_TOLERANCE)
			break;
		double w = (lo.wait * hi.excess - hi.wait * lo.excess) / (hi.excess - lo.excess);
		if (!(w > lo.wait && w < hi.wait))
			w = (lo.wait + hi.wait) / 2;
		struct trial mid = try_wait(s, server, w, scale);
		note_slope(&s->room->secant[server], &mid, mid.excess > 0 ? &lo : &hi);
		if (mid.excess > 0) {
			lo = mid;
			hi.excess /= side > 0 ? 2 : 1;
			side = 1;
		} else {
			hi = mid;
			lo.excess /= side < 0 ? 2 : 1;
			side = -1;
		}
	}
	return hi.wait;
}

/* Smallest idle latency of a target: what waits are compared with. */
static double scale_of(const struct cxms_solve *s)
{
	double scale = s->fabric->target[0].idle_ps;
	for (size_t t = 1; t < s->fabric->n_target; t++)
		scale = fmin(scale, s->fabric->target[t].idle_ps);
	return fmax(scale, 1);
}

/* Gauss-Seidel. Residual: how far the waits moved, relative to the latencies they add to. */
static void sweep(struct cxms_solve *s, double scale)
{
	s->residual = 0;
	for (size_t i = 0; i < s->room->n_active; i++) {
		size_t v = s->room->active[i];
		double before = s->wait_ps[v];
		set_rest(s, v);
		s->wait_ps[v] = find_root(s, v, scale);
		s->residual = larger(s->residual, fabs(s->wait_ps[v] - before) / (scale + before));
	}
	update(s);
}

static void settle(struct cxms_solve *s, double scale)
{
	for (s->sweeps = 0; s->sweeps < CXMS_SOLVE_MAX_SWEEPS; s->sweeps++) {
		memcpy(s->room->kept, s->wait_ps, s->fabric->n_server * sizeof(*s->wait_ps));
		if (step_together(s, scale))
			return;
		memcpy(s->wait_ps, s->room->kept, s->fabric->n_server * sizeof(*s->wait_ps));
		sweep(s, scale);
		if (s->residual <= CXMS_SOLVE_RESIDUAL)
			return;
	}
}

/* Utilisations at the solution; how many servers are busy. */
static size_t set_utilization(struct cxms_solve *s)
{
	const struct cxms_solve_room *r = s->room;
	size_t busy = 0;
	set_rates(s);
	memset(s->utilization, 0, s->fabric->n_target * sizeof(*s->utilization));
	for (size_t k = 0; k < r->n_active; k++) {
		size_t v = r->active[k];
		struct cxms_load load = load_on(s, v);
		double u = cxms_server_utilization(&s->fabric->server[v], &load);
		for (size_t i = r->first[v]; i < r->first[v + 1]; i++)
			s->utilization[r->through[i]] = larger(s->utilization[r->through[i]], u);
		busy += u > BUSY;
	}
	return busy;
}

static double total_cpu(const struct cxms_solve *s)
{
	double sum = 0;
	for (size_t i = 0; i < s->n_thread; i++)
		sum += s->thread[i].new_cpu_ps;
	return sum;
}

void cxms_solve_epoch(struct cxms_solve *s)
{
	double scale = scale_of(s);
	s->start_gap = 0;
	list_active(s);
	settle(s, scale);
	if (set_utilization(s) > 1) {
		double from_idle = total_cpu(s);
		for (size_t i = 0; i < s->room->n_active; i++)
			s->wait_ps[s->room->active[i]] = 10 * scale;
		settle(s, scale);
		double from_full = total_cpu(s);
		s->start_gap = fabs(from_full - from_idle) / fmax(1, from_idle);
		set_utilization(s);
	}
}

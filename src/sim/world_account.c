/* Where the time of a spell that has passed went: by thread and cause, by target, by server. */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "sim/cells.h"
#include "sim/fabric.h"
#include "sim/solve.h"
#include "sim/world_priv.h"

#define PS_PER_NS ((double)CXMS_PS_PER_NS)
/* What rounding leaves of a spell that has passed. */
#define LEFT_OF_NOTHING 1e-9

static double stall_ps(const struct cxms_solve_thread *th, const struct cxms_demand *d,
		       double latency_ps)
{
	return fmax(0,
		    d->stall_ps + d->spare_ps + d->waits * (latency_ps + d->own_ps - th->mem_ps));
}

/* Where one thread's time of the spell went, in nanoseconds; compute is what nothing else explains.
 */
static void attribute(const struct scene *s, const struct tenant *tn,
		      const struct cxms_solve_thread *th, double part,
		      const struct cxms_spell_part *of)
{
	double cause[CXMS_CAUSE_COUNT] = {0}, named = 0, cxl_lines = 0;
	size_t first = tn->in->host * s->fabric->n_host_target;
	cause[CXMS_CAUSE_KERNEL] = of->share * tn->in->cells->cell[of->cell].kernel_ns;
	for (size_t t = 0; t < s->fabric->n_host_target; t++) {
		const struct cxms_demand *d = &th->demand[first + t];
		const struct cxms_fabric_target *target = &s->fabric->target[first + t];
		double waited = cxms_solve_waited_ps(&s->solve, first + t);
		double latency = waited + d->own_ps, waits = d->waits - d->kernel_waits;
		double stall = stall_ps(th, d, waited);
		stall = fmax(0, stall - d->kernel_waits * latency);
		cause[CXMS_CAUSE_KERNEL] += d->kernel_waits * (latency - th->mem_ps) / PS_PER_NS;
		if (t == 0) {
			cause[CXMS_CAUSE_LOCAL] += stall / PS_PER_NS;
			continue;
		}
		double queue = fmin(stall, waits * (latency - target->idle_ps));
		double hops = fmin(stall - queue, waits * target->switch_ps);
		cause[CXMS_CAUSE_CXL_BANDWIDTH] += queue / PS_PER_NS;
		cause[CXMS_CAUSE_SWITCH] += hops / PS_PER_NS;
		cause[CXMS_CAUSE_CXL_LATENCY] += (stall - queue - hops) / PS_PER_NS;
		cxl_lines += d->reads + d->past;
	}
	cause[cxl_lines > 0 ? CXMS_CAUSE_CXL_BANDWIDTH : CXMS_CAUSE_LOCAL] +=
		th->bound_ps / PS_PER_NS;
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++)
		named += cause[i];
	double cpu_ns = th->new_cpu_ps / PS_PER_NS;
	cause[CXMS_CAUSE_COMPUTE] = cpu_ns - named;
	struct cxms_new_cell *out = &tn->cell[of->cell];
	out->cpu_ns += part * cpu_ns;
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++)
		out->cause_ns[i] += part * cause[i];
}

static void add_targets(const struct scene *s, const struct tenant *tn,
			const struct cxms_solve_thread *th, double part)
{
	for (size_t t = 0; t < s->fabric->n_host_target; t++) {
		size_t at = tn->in->host * s->fabric->n_host_target + t;
		const struct cxms_demand *d = &th->demand[at];
		struct cxms_world_target *w = &tn->world->target[t];
		double waited = cxms_solve_waited_ps(&s->solve, at);
		double lines = part * (d->reads + d->writes);
		w->reads += part * d->reads;
		w->writes += part * d->writes;
		w->latency_ps += lines * s->solve.latency_ps[at];
		w->utilization += lines * s->solve.utilization[at];
		w->stall_ns += part * stall_ps(th, d, waited) / PS_PER_NS;
		tn->world->exposed_waits += part * (d->waits - d->kernel_waits);
	}
}

/* Lines a second that a program's threads put on every server at their times. */
static void add_loads(const struct scene *s, const struct tenant *tn, struct cxms_load *server)
{
	size_t first = tn->in->host * s->fabric->n_host_target;
	for (size_t i = tn->first; i < tn->first + tn->n_thread; i++) {
		const struct cxms_solve_thread *th = &s->solve.thread[i];
		double wall_ps = cxms_solve_wall_ps(th);
		double per_s = wall_ps > 0 ? (double)CXMS_PS_PER_S / wall_ps : 0;
		for (size_t t = first; t < first + s->fabric->n_host_target; t++) {
			const struct cxms_fabric_target *path = &s->fabric->target[t];
			for (size_t k = 0; k < path->n_server; k++) {
				struct cxms_load *to = &server[path->server[k]];
				to->read_lines_per_s += th->demand[t].reads * per_s;
				to->write_lines_per_s += th->demand[t].writes * per_s;
			}
		}
	}
}

static double lines_per_s(const struct cxms_load *l)
{
	return l->read_lines_per_s + l->write_lines_per_s;
}

/* What passes a server in @ns, and its utilisation by all: both of the same time. */
static void add_server(const struct scene *s, const struct tenant *tn, size_t v, double ns)
{
	struct cxms_world_server *to = &tn->world->server[v];
	const struct cxms_server *server = &s->fabric->server[v];
	const struct cxms_load *own = &s->own[v], *all = &s->all[v];
	double seconds = ns / (double)CXMS_NS_PER_S, share = lines_per_s(own) / lines_per_s(all);
	bool link = server->kind == CXMS_SERVER_LINK;
	to->reads += own->read_lines_per_s * seconds;
	to->writes += own->write_lines_per_s * seconds;
	to->wait_ps += s->loop ? NAN : lines_per_s(own) * seconds * s->solve.wait_ps[v];
	to->busy_ns[0] += ns * share *
			  (link ? cxms_link_utilization(server, all, 1)
				: cxms_server_utilization(server, all));
	if (link)
		to->busy_ns[1] += ns * share * cxms_link_utilization(server, all, 0);
}

void world_add_servers(const struct scene *s, double ns)
{
	memset(s->all, 0, s->fabric->n_server * sizeof(*s->all));
	for (size_t i = 0; i < s->n_tenant; i++)
		add_loads(s, &s->tenant[i], s->all);
	for (size_t i = 0; i < s->n_tenant; i++) {
		const struct tenant *tn = &s->tenant[i];
		memset(s->own, 0, s->fabric->n_server * sizeof(*s->own));
		add_loads(s, tn, s->own);
		for (size_t v = 0; v < s->fabric->n_server; v++)
			if (lines_per_s(&s->own[v]) > 0)
				add_server(s, tn, v, ns);
	}
}

/* Pages move while the threads of the epoch wait. */
static void wait_for_moves(struct tenant *tn, double ns)
{
	const struct cxms_cells *c = tn->in->cells;
	size_t e = world_spell(tn)->epoch;
	for (size_t k = c->first_of_epoch[e]; k < c->first_of_epoch[e + 1]; k++) {
		struct cxms_new_cell *out = &tn->cell[c->by_epoch[k]];
		if (c->cell[c->by_epoch[k]].cpu_ns <= 0)
			continue;
		out->cpu_ns += ns;
		out->cause_ns[CXMS_CAUSE_MIGRATION] += ns;
	}
	tn->move_ns -= ns;
}

static void add_noise(const struct scene *s, struct tenant *tn, size_t thread, double part)
{
	const struct cxms_world_phase *phase = &tn->in->phase[tn->phase];
	const struct cxms_solve_thread *th = &s->solve.thread[thread];
	const struct cxms_load_cell *l = world_by_target(s, phase, &s->part[thread]);
	size_t first = tn->in->host * s->fabric->n_host_target;
	const struct cxms_load_map *map = phase->load;
	bool counted = map->whole && map->sample_ns > 0;
	struct cxms_noise_sums sums = {.samples = counted ? th->cpu_ps / PS_PER_NS / map->sample_ns
							  : 0};
	for (size_t t = 0; t < s->fabric->n_host_target; t++)
		cxms_noise_add(th, &th->demand[first + t],
			       cxms_solve_waited_ps(&s->solve, first + t), l[t].square_waits,
			       &sums);
	cxms_noise_close(&sums, s->loop ? 1 : s->noise.gain[thread], part,
			 &tn->world->noise[s->part[thread].cell]);
}

/* @part of the spell has passed. */
static void pass_part(const struct scene *s, struct tenant *tn, double part)
{
	for (size_t i = tn->first; i < tn->first + tn->n_thread; i++) {
		attribute(s, tn, &s->solve.thread[i], part, &s->part[i]);
		if (s->span != CXMS_SPAN_MID)
			continue;
		add_targets(s, tn, &s->solve.thread[i], part);
		add_noise(s, tn, i, part);
	}
	tn->left -= part;
	if (tn->left > LEFT_OF_NOTHING)
		return;
	tn->left = 1;
	tn->spell++;
}

double world_until_ps(const struct tenant *tn)
{
	return tn->moves ? tn->move_ns * PS_PER_NS : tn->left * tn->length_ps;
}

void world_account(const struct scene *s, struct tenant *tn, double ps)
{
	bool over = world_until_ps(tn) <= ps;
	if (s->span == CXMS_SPAN_MID) {
		tn->world->phase_ns[tn->phase] += ps / PS_PER_NS;
		tn->world->span_ns += ps / PS_PER_NS;
	}
	if (tn->moves)
		wait_for_moves(tn, over ? tn->move_ns : ps / PS_PER_NS);
	else
		pass_part(s, tn, over ? tn->left : ps / tn->length_ps);
}

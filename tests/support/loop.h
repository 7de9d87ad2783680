/* For tests: a fabric and an epoch by hand, and an independent check of the closed loop's solution.
 */
#ifndef CXMS_TEST_LOOP_H
#define CXMS_TEST_LOOP_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "sim/fabric.h"
#include "sim/solve.h"

#define LOOP_TARGETS 9
#define LOOP_SERVERS 16
#define LOOP_THREADS 2048

/** struct loop - zeroed, then filled by the functions below; big: keep it static or on the heap */
struct loop {
	struct cxms_fabric fabric;
	struct cxms_fabric_target target[LOOP_TARGETS];
	size_t path[LOOP_TARGETS][LOOP_SERVERS];
	struct cxms_server server[LOOP_SERVERS];
	struct cxms_solve solve;
	struct cxms_solve_thread thread[LOOP_THREADS];
	struct cxms_demand demand[LOOP_THREADS][LOOP_TARGETS];
	double wait[LOOP_SERVERS], latency[LOOP_TARGETS], utilization[LOOP_TARGETS];
};

static inline size_t loop_server(struct loop *l, struct cxms_server s)
{
	l->server[l->fabric.n_server] = s;
	return l->fabric.n_server++;
}

static inline size_t loop_target(struct loop *l, double idle_ps)
{
	l->target[l->fabric.n_target].idle_ps = idle_ps;
	l->target[l->fabric.n_target].server = l->path[l->fabric.n_target];
	return l->fabric.n_target++;
}

static inline void loop_pass(struct loop *l, size_t target, size_t server)
{
	struct cxms_fabric_target *t = &l->target[target];
	t->server[t->n_server++] = server;
}

/* A thread on CPU for the whole epoch: computes, then waits @waits times @mem_ps; returns its
 * number. */
static inline size_t loop_thread(struct loop *l, double compute_ps, double mem_ps, size_t target,
				 double waits, double reads)
{
	size_t i = l->solve.n_thread++;
	l->demand[i][target] =
		(struct cxms_demand){.stall_ps = waits * mem_ps, .waits = waits, .reads = reads};
	l->thread[i] = (struct cxms_solve_thread){.cpu_ps = compute_ps + waits * mem_ps,
						  .wall_ps = compute_ps + waits * mem_ps,
						  .demand = l->demand[i]};
	return i;
}

static inline void loop_run(struct loop *l, double mem_ps, double mshrs)
{
	l->fabric.target = l->target;
	l->fabric.server = l->server;
	l->fabric.l1d_mshrs = l->fabric.l2_mshrs = mshrs;
	for (size_t i = 0; i < l->solve.n_thread; i++) {
		l->thread[i].mem_ps = mem_ps;
		l->thread[i].demand_limit = l->thread[i].all_limit = mshrs;
	}
	l->fabric.l2_mshrs = 3 * mshrs;
	l->solve.fabric = &l->fabric;
	l->solve.thread = l->thread;
	l->solve.wait_ps = l->wait;
	l->solve.latency_ps = l->latency;
	l->solve.utilization = l->utilization;
	l->solve.room = cxms_solve_room_new(&l->fabric, l->solve.n_thread);
	cxms_solve_epoch(&l->solve);
	cxms_solve_room_free(l->solve.room);
}

static inline bool loop_passes(const struct loop *l, size_t target, size_t server)
{
	for (size_t i = 0; i < l->target[target].n_server; i++)
		if (l->path[target][i] == server)
			return true;
	return false;
}

/* Lines per second that the solution's times put on a server. */
static inline struct cxms_load loop_load(const struct loop *l, size_t server)
{
	struct cxms_load load = {0, 0};
	for (size_t i = 0; i < l->solve.n_thread; i++) {
		const struct cxms_solve_thread *th = &l->thread[i];
		double wall_s = (th->wall_ps + th->new_cpu_ps - th->cpu_ps) * 1e-12;
		for (size_t t = 0; t < l->fabric.n_target; t++) {
			if (!loop_passes(l, t, server))
				continue;
			load.read_lines_per_s += l->demand[i][t].reads / wall_s;
			load.write_lines_per_s += l->demand[i][t].writes / wall_s;
		}
	}
	return load;
}

/* T' of a thread by the latencies of the solution. */
static inline double loop_new_cpu(const struct loop *l, size_t thread)
{
	const struct cxms_solve_thread *th = &l->thread[thread];
	double by_latency = th->cpu_ps, fill = 0;
	for (size_t t = 0; t < l->fabric.n_target; t++) {
		const struct cxms_demand *d = &l->demand[thread][t];
		double latency = l->target[t].idle_ps;
		for (size_t s = 0; s < l->target[t].n_server; s++)
			latency += l->wait[l->path[t][s]];
		by_latency += fmax(-d->stall_ps, d->waits * (latency - th->mem_ps));
		fill += d->reads * (latency + th->walk_ps);
	}
	return fmax(by_latency, th->kernel_ps + fill / l->fabric.l1d_mshrs);
}

#endif

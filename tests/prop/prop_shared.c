/*
 * Hosts that share a tree of switches and memdevs: what all of them get together from a server,
 * before and after a way to memory becomes longer or another host joins. The seed can be given as
 * argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "base/rng.h"
#include "loop.h"

enum { CASES = 1500, HOSTS = 3, MEMDEVS = 2, HOST_TARGETS = MEMDEVS + 1, THREADS = 4 };
enum { SHARED = 0 }; /* the server that everything on CXL passes */
/* Each of the two solutions compared is this far from its own (CXMS_SOLVE_RESIDUAL, of a wait). */
#define TOLERANCE (4 * CXMS_SOLVE_RESIDUAL)
#define MEM_PS	  1e5
static uint64_t seed = 20250911;

/* What one server passed. */
struct passed {
	double bytes_per_s, utilization;
};

static double log_between(struct cxms_rng *rng, double lo, double hi)
{
	return lo * pow(hi / lo, cxms_rng_unit(rng));
}

static bool chance(struct cxms_rng *rng, double p)
{
	return cxms_rng_unit(rng) < p;
}

/* One that waits, of any shape. */
static struct cxms_server bounded(struct cxms_rng *rng)
{
	struct cxms_server s = {.kind = CXMS_SERVER_DEVICE,
				.read_cap = INFINITY,
				.write_cap = INFINITY,
				.total_cap = log_between(rng, 3e8, 1e11),
				.idle_ps = log_between(rng, 8e4, 8e5),
				.shape = chance(rng, 0.5) ? CXMS_SHAPE_TYPICAL : CXMS_SHAPE_MD1};
	if (chance(rng, 0.3)) {
		s.shape = CXMS_SHAPE_QUEUE;
		s.channels = 1 + (uint32_t)cxms_rng_below(rng, 8);
		s.turnaround_ps = 2e4 * cxms_rng_unit(rng);
	} else if (chance(rng, 0.4)) {
		s.kind = CXMS_SERVER_LINK;
		s.dir_bytes_per_s = log_between(rng, 5e8, 1e11);
	}
	return s;
}

static struct cxms_server unbounded(void)
{
	return (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
				    .read_cap = INFINITY,
				    .write_cap = INFINITY,
				    .total_cap = INFINITY,
				    .shape = CXMS_SHAPE_MD1};
}

/*
 * Local memory of each host; memdevs behind a switch that all share, through a link of each host.
 * @one_waits: nothing but the inside of that switch makes wait.
 */
static void make_fabric(struct cxms_rng *rng, struct loop *l, bool one_waits)
{
	size_t shared[1 + MEMDEVS], own[HOSTS][2];
	struct cxms_server s;
	for (size_t i = 0; i < 1 + MEMDEVS; i++) {
		s = bounded(rng);
		shared[i] = loop_server(l, one_waits && i ? unbounded() : s);
	}
	for (size_t h = 0; h < HOSTS; h++)
		for (size_t i = 0; i < 2; i++) {
			s = bounded(rng);
			own[h][i] = loop_server(l, one_waits || chance(rng, 0.5) ? unbounded() : s);
		}
	for (size_t h = 0; h < HOSTS; h++) {
		loop_pass(l, loop_target(l, MEM_PS), own[h][0]);
		for (size_t m = 0; m < MEMDEVS; m++) {
			size_t t = loop_target(l, log_between(rng, 1e5, 8e5));
			loop_pass(l, t, shared[1 + m]);
			loop_pass(l, t, shared[0]);
			loop_pass(l, t, own[h][1]);
		}
	}
}

/* One host's threads; of all lines the same share are writes. */
static void add_host(struct cxms_rng *rng, struct loop *l, size_t host, double writes, double mshrs)
{
	size_t n = 1 + cxms_rng_below(rng, THREADS);
	for (size_t i = 0; i < n; i++) {
		struct cxms_demand *d = l->demand[l->solve.n_thread];
		double stall = 0;
		for (size_t t = host * HOST_TARGETS; t < (host + 1) * HOST_TARGETS; t++) {
			d[t].waits = log_between(rng, 1e3, 1e6);
			d[t].stall_ps = d[t].waits * MEM_PS * (0.2 + 0.8 * cxms_rng_unit(rng));
			d[t].reads = d[t].waits * (1 + (mshrs - 1) * cxms_rng_unit(rng));
			d[t].writes = d[t].reads * writes;
			stall += d[t].stall_ps;
		}
		double cpu = stall / (0.05 + 0.95 * cxms_rng_unit(rng));
		l->thread[l->solve.n_thread++] = (struct cxms_solve_thread){
			.cpu_ps = cpu, .wall_ps = cpu * (1 + cxms_rng_unit(rng)), .demand = d};
	}
}

static void run(struct loop *l, double mshrs, struct passed *out)
{
	memset(l->wait, 0, sizeof(l->wait));
	loop_run(l, MEM_PS, mshrs);
	for (size_t v = 0; v < l->fabric.n_server; v++) {
		struct cxms_load load = loop_load(l, v);
		out[v].bytes_per_s = 64 * (load.read_lines_per_s + load.write_lines_per_s);
		out[v].utilization = cxms_server_utilization(&l->server[v], &load);
	}
}

static void longer_way(struct cxms_rng *rng, struct loop *l)
{
	size_t m = 1 + cxms_rng_below(rng, MEMDEVS), only = cxms_rng_below(rng, HOSTS);
	double by = log_between(rng, 1e3, 1e6);
	bool all = chance(rng, 0.5); /* the device, or one host's way to it */
	for (size_t h = 0; h < HOSTS; h++)
		if (all || h == only)
			l->target[h * HOST_TARGETS + m].idle_ps += by;
}

/* One random case and what is done to it. */
struct study {
	struct loop loop;
	struct cxms_rng rng;
	unsigned number;
	double writes, mshrs;
	struct passed before[LOOP_SERVERS], after[LOOP_SERVERS];
	double cpu_ps[LOOP_THREADS]; /* before */
};

static void begin(struct study *s, unsigned number, bool one_waits)
{
	memset(&s->loop, 0, sizeof(s->loop));
	s->number = number;
	cxms_rng_init(&s->rng, cxms_hash_u64(seed) + number);
	s->mshrs = 4 + (double)cxms_rng_below(&s->rng, 44);
	s->writes = chance(&s->rng, 0.5) ? 0 : cxms_rng_unit(&s->rng);
	make_fabric(&s->rng, &s->loop, one_waits);
	for (size_t h = 0; h < HOSTS - 1; h++)
		add_host(&s->rng, &s->loop, h, s->writes, s->mshrs);
	run(&s->loop, s->mshrs, s->before);
	for (size_t i = 0; i < s->loop.solve.n_thread; i++)
		s->cpu_ps[i] = s->loop.thread[i].new_cpu_ps;
}

static void join(struct study *s)
{
	add_host(&s->rng, &s->loop, HOSTS - 1, s->writes, s->mshrs);
	run(&s->loop, s->mshrs, s->after);
}

static void lengthen(struct study *s)
{
	longer_way(&s->rng, &s->loop);
	run(&s->loop, s->mshrs, s->after);
}

static double rise(const struct study *s, size_t server)
{
	return s->before[server].bytes_per_s > 0
		       ? s->after[server].bytes_per_s / s->before[server].bytes_per_s - 1
		       : 0;
}

static void fail_study(const struct study *s, size_t server, const char *what)
{
	fail_msg("seed %llu, case %u: server %zu: %s: %.12g to %.12g bytes/s at %.6g",
		 (unsigned long long)seed, s->number, server, what, s->before[server].bytes_per_s,
		 s->after[server].bytes_per_s, s->before[server].utilization);
}

/* Where one server alone makes wait: its wait falls with any longer way, and so does its load. */
static void test_longer_ways_never_load_the_only_server_that_waits(void **state)
{
	struct study *s = *state;
	unsigned full = 0, fell = 0;
	for (unsigned i = 0; i < CASES; i++) {
		begin(s, i, true);
		lengthen(s);
		if (rise(s, SHARED) > TOLERANCE)
			fail_study(s, SHARED, "a longer way raised what it passes");
		full += s->before[SHARED].utilization > 0.95;
		fell += s->before[SHARED].utilization > 0.95 && rise(s, SHARED) < -TOLERANCE;
	}
	print_message("%u of %d servers were full, %u of them passed less after\n", full, CASES,
		      fell);
	assert_true(full > CASES / 10 && fell > full / 4);
}

/* Company never speeds anyone up there, and the server passes more until it is full. */
static void test_company_costs_at_the_only_server_that_waits(void **state)
{
	struct study *s = *state;
	for (unsigned i = 0; i < CASES; i++) {
		begin(s, i, true);
		size_t n = s->loop.solve.n_thread;
		join(s);
		if (rise(s, SHARED) < -TOLERANCE)
			fail_study(s, SHARED, "another host lowered what it passes");
		for (size_t k = 0; k < n; k++)
			if (s->loop.thread[k].new_cpu_ps < s->cpu_ps[k] * (1 - TOLERANCE))
				fail_study(s, SHARED, "another host made a thread faster");
	}
}

/*
 * Where several wait, a longer way to one relieves others, which may then pass more: never more
 * than the room they had, so a full server passes what it did.
 */
static void test_a_full_server_passes_no_more_than_before(void **state)
{
	struct study *s = *state;
	unsigned full = 0;
	for (unsigned i = 0; i < CASES; i++) {
		begin(s, i, false);
		if (i % 2)
			lengthen(s);
		else
			join(s);
		for (size_t v = 0; v < s->loop.fabric.n_server; v++) {
			double u = s->before[v].utilization;
			if (u > 0 && (1 + rise(s, v)) * u > 1 + TOLERANCE)
				fail_study(s, v, "it passes more than its room");
			full += u > 0.99;
		}
	}
	print_message("%u servers were full\n", full);
	assert_true(full > CASES / 10);
}

static int new_study(void **state)
{
	*state = calloc(1, sizeof(struct study));
	return *state ? 0 : -1;
}

static int free_study(void **state)
{
	free(*state);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longer_ways_never_load_the_only_server_that_waits),
		cmocka_unit_test(test_company_costs_at_the_only_server_that_waits),
		cmocka_unit_test(test_a_full_server_passes_no_more_than_before),
	};
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	return cmocka_run_group_tests(tests, new_study, free_study);
}

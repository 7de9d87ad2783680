/*
 * A graph kernel: breadth-first search and page rank over a random power-law graph in compressed
 * rows. Irregular reads of vertex data by edge targets, the pattern of graph analytics.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define EDGES_PER_VERTEX 16u
#define DAMPING		 0.85
#define UNREACHED	 UINT32_MAX

struct graph {
	uint32_t n;
	uint64_t *row; /* n + 1 */
	uint32_t *edge;
};

/* Recursive matrix (Chakrabarti 2004) with a = 0.57, b = c = 0.19: skewed degrees like social
 * graphs. */
static void random_edge(unsigned scale, uint64_t *rng, uint32_t *from, uint32_t *to)
{
	uint32_t u = 0, v = 0;
	uint64_t dice = 0;
	for (unsigned bit = 0; bit < scale; bit++) {
		if (bit % 8 == 0)
			dice = wl_random(rng);
		uint32_t r = dice & 0xff; /* of 256: 146 a, 49 b, 49 c, 12 d */
		dice >>= 8;
		u = u << 1 | (r >= 195);
		v = v << 1 | ((r >= 146 && r < 195) || r >= 244);
	}
	/* Scatter the hubs, which the recursion puts at small numbers. */
	*from = (uint32_t)(u * 2654435761u) & ((1u << scale) - 1);
	*to = (uint32_t)(v * 2654435761u) & ((1u << scale) - 1);
}

static struct graph build(const struct wl_opts *o)
{
	struct graph g = {.n = 1u << o->scale};
	uint64_t m = (uint64_t)g.n * EDGES_PER_VERTEX;
	g.row = wl_alloc((g.n + 2) * sizeof(*g.row), o->huge);
	g.edge = wl_alloc(2 * m * sizeof(*g.edge), o->huge);
	for (int pass = 0; pass < 2; pass++) {
		uint64_t rng = o->seed;
		for (uint64_t i = 0; i < m; i++) {
			uint32_t u, v;
			random_edge(o->scale, &rng, &u, &v);
			if (pass == 0) {
				g.row[u + 2]++;
				g.row[v + 2]++;
			} else {
				g.edge[g.row[u + 1]++] = v;
				g.edge[g.row[v + 1]++] = u;
			}
		}
		for (uint32_t v = 0; pass == 0 && v < g.n; v++)
			g.row[v + 2] += g.row[v + 1];
	}
	return g;
}

struct rank_job {
	const struct graph *g;
	const double *share;
	double *next;
	uint32_t first, end;
	double sum;
};

static void *rank_rows(void *arg)
{
	struct rank_job *j = arg;
	double base = (1 - DAMPING) / j->g->n;
	j->sum = 0;
	for (uint32_t v = j->first; v < j->end; v++) {
		double in = 0;
		for (uint64_t e = j->g->row[v]; e < j->g->row[v + 1]; e++)
			in += j->share[j->g->edge[e]];
		j->next[v] = base + DAMPING * in;
		j->sum += j->next[v];
	}
	return NULL;
}

/* Sum of all ranks after @rounds; vertices without edges leak, so it is at most 1. */
static double page_rank(const struct graph *g, const struct wl_opts *o)
{
	double *share = wl_alloc(g->n * sizeof(*share), o->huge);
	double *next = wl_alloc(g->n * sizeof(*next), o->huge);
	struct rank_job job[256];
	double sum = 0;
	for (uint32_t v = 0; v < g->n; v++)
		next[v] = 1.0 / g->n;
	for (unsigned r = 0; r < o->rounds; r++) {
		for (uint32_t v = 0; v < g->n; v++) {
			uint64_t degree = g->row[v + 1] - g->row[v];
			share[v] = degree ? next[v] / (double)degree : 0;
		}
		for (unsigned t = 0; t < o->threads; t++)
			job[t] = (struct rank_job){
				.g = g,
				.share = share,
				.next = next,
				.first = (uint32_t)((uint64_t)g->n * t / o->threads),
				.end = (uint32_t)((uint64_t)g->n * (t + 1) / o->threads)};
		wl_parallel(o->threads, rank_rows, job, sizeof(job[0]));
		sum = 0;
		for (unsigned t = 0; t < o->threads; t++)
			sum += job[t].sum;
	}
	return sum;
}

/* Number of vertices reached from @root; depth by vertex, queue in one pass. */
static uint32_t search(const struct graph *g, uint32_t root, uint32_t *depth, uint32_t *queue)
{
	memset(depth, 0xff, g->n * sizeof(*depth));
	uint32_t head = 0, tail = 0;
	depth[root] = 0;
	queue[tail++] = root;
	while (head < tail) {
		uint32_t v = queue[head++];
		for (uint64_t e = g->row[v]; e < g->row[v + 1]; e++) {
			uint32_t w = g->edge[e];
			if (depth[w] == UNREACHED) {
				depth[w] = depth[v] + 1;
				queue[tail++] = w;
			}
		}
	}
	return tail;
}

/* Every edge joins depths that differ by at most one: the property of a breadth-first order. */
static int depths_hold(const struct graph *g, const uint32_t *depth)
{
	for (uint32_t v = 0; v < g->n; v++)
		for (uint64_t e = g->row[v]; e < g->row[v + 1]; e++) {
			uint32_t a = depth[v], b = depth[g->edge[e]];
			if ((a == UNREACHED) != (b == UNREACHED) || (a > b ? a - b : b - a) > 1)
				return 0;
		}
	return 1;
}

int main(int argc, char **argv)
{
	struct wl_opts o = {.scale = 20, .threads = 1, .rounds = 24, .seed = 1};
	wl_parse(&o, argc, argv, "breadth-first search and page rank on a power-law graph");
	double start = wl_seconds();
	struct graph g = build(&o);
	double built = wl_seconds();
	uint32_t *depth = wl_alloc(g.n * sizeof(*depth), o.huge);
	uint32_t *queue = wl_alloc(g.n * sizeof(*queue), o.huge);
	uint32_t root = 0, reached = 0;
	while (g.row[root + 1] == g.row[root])
		root++;
	for (unsigned r = 0; r < o.rounds / 4 + 1; r++)
		reached = search(&g, root, depth, queue);
	double searched = wl_seconds();
	double sum = page_rank(&g, &o);
	double ranked = wl_seconds();
	int good = depths_hold(&g, depth) && sum > 0.1 && sum < 1 + 1e-9;
	printf("graph: %u vertices, %llu edges, reached %u, rank sum %.6f, %s\n", g.n,
	       (unsigned long long)g.row[g.n] / 2, reached, sum, good ? "correct" : "WRONG");
	printf("build %.2f s, search %.2f s, rank %.2f s\n", built - start, searched - built,
	       ranked - searched);
	return good ? 0 : 1;
}

/*
 * bench_fabric: how many requests a second one core takes through the network of the event engine.
 *   bench_fabric [REQUESTS]
 * A tree of two levels of switches and four endpoints with channels; streams and random accesses in
 * equal parts, 80 % reads, 64 B, over 1 GiB, all made beforehand from seed 0. Requests arrive as a
 * Poisson process at 60 % of what the root port passes.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/err.h"
#include "base/hist.h"
#include "base/rng.h"
#include "base/units.h"
#include "bench.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "topo/topo.h"

#define REQUESTS    5000000u
#define RUNS	    5u
#define BYTES	    (UINT64_C(1) << 30)
#define STREAMS	    8u
#define READ_PCT    80u
#define ENDPOINTS   4u
#define GRANULARITY 4096u
/* 60 % of x16 Gen 5 with 128b/130b, 64 of 68 B: 59.3 GB/s of wire, 72 B up for a read, 80 % reads,
 * and 16/3 B for a write. */
#define MEAN_GAP_PS 1640.0

static const char topology[] =
	"schema: 1\n"
	"host:\n"
	"  local: {latency: 100ns, bandwidth: unlimited}\n"
	"devices:\n"
	"  sw0: {type: switch, upstream: host, latency: 70ns, link: {gen: 5, width: 16}}\n"
	"  sw1: {type: switch, upstream: sw0, latency: 70ns, link: {gen: 5, width: 16}}\n"
	"  sw2: {type: switch, upstream: sw0, latency: 70ns, link: {gen: 5, width: 16}}\n"
	"  m0: {type: memdev, upstream: sw1, latency: 250ns, link: {gen: 5, width: 8}, "
	"capacity: 64GiB, bandwidth: 26GB/s, model: {type: queue, channels: 2, turnaround: 10ns}}\n"
	"  m1: {type: memdev, upstream: sw1, latency: 250ns, link: {gen: 5, width: 8}, "
	"capacity: 64GiB, bandwidth: 26GB/s, model: {type: queue, channels: 2, turnaround: 10ns}}\n"
	"  m2: {type: memdev, upstream: sw2, latency: 250ns, link: {gen: 5, width: 8}, "
	"capacity: 64GiB, bandwidth: 26GB/s, model: {type: queue, channels: 2, turnaround: 10ns}}\n"
	"  m3: {type: memdev, upstream: sw2, latency: 250ns, link: {gen: 5, width: 8}, "
	"capacity: 64GiB, bandwidth: 26GB/s, model: {type: queue, channels: 2, turnaround: "
	"10ns}}\n";

struct request {
	uint64_t at_ps;
	uint32_t line; /* of the 1 GiB */
	bool write;
};

static struct request *make_trace(uint32_t n)
{
	struct request *r = calloc(n, sizeof(*r));
	struct cxms_rng rng;
	uint32_t stream[STREAMS], lines = (uint32_t)(BYTES / CXMS_LINE_BYTES);
	uint64_t at = 0;
	if (!r)
		bench_die(1, "out of memory");
	cxms_rng_init(&rng, 0);
	for (unsigned i = 0; i < STREAMS; i++)
		stream[i] = (uint32_t)cxms_rng_below(&rng, lines);
	for (uint32_t i = 0; i < n; i++) {
		at += (uint64_t)llround(-log(1 - cxms_rng_unit(&rng)) * MEAN_GAP_PS);
		uint64_t s = cxms_rng_below(&rng, 2 * STREAMS);
		r[i].at_ps = at;
		r[i].line =
			s < STREAMS ? stream[s]++ % lines : (uint32_t)cxms_rng_below(&rng, lines);
		r[i].write = cxms_rng_below(&rng, 100) >= READ_PCT;
	}
	return r;
}

static double run(struct cxms_net *net, const struct request *r, uint32_t n, struct cxms_hist *hist)
{
	struct timespec from, to;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t hpa = (uint64_t)r[i].line * CXMS_LINE_BYTES, chunk = hpa / GRANULARITY;
		uint32_t target = 1 + (uint32_t)(chunk % ENDPOINTS);
		uint64_t dpa = chunk / ENDPOINTS * GRANULARITY + hpa % GRANULARITY;
		cxms_hist_add(hist, cxms_net_request(net, target, r[i].write, dpa, r[i].at_ps));
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void print_hist(const struct cxms_hist *h)
{
	static const struct {
		const char *name;
		uint32_t ppm;
	} rows[] = {{"p1", 10000},   {"p50", 500000},	{"p90", 900000},
		    {"p99", 990000}, {"p99.9", 999000}, {"p99.99", 999900}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("latency %-6s %8.1f ns\n", rows[i].name,
		       (double)cxms_hist_quantile(h, rows[i].ppm) / (double)CXMS_PS_PER_NS);
	printf("latency max    %8.1f ns\n", (double)h->max / (double)CXMS_PS_PER_NS);
}

/* Every run on a network of its own; returns the CPU seconds. */
static double fresh_run(const struct cxms_fabric *f, const struct request *r, uint32_t n,
			struct cxms_hist *hist)
{
	const struct cxms_net_cfg cfg = {.fabric = f,
					 .link_credits = CXMS_NET_LINK_CREDITS,
					 .device_credits = CXMS_NET_DEVICE_CREDITS};
	struct cxms_net *net = NULL;
	struct cxms_err err = {0};
	if (cxms_net_new(&cfg, &net, &err))
		bench_die(1, "%s", err.msg);
	memset(hist, 0, sizeof(*hist));
	double seconds = run(net, r, n, hist);
	if (cxms_net_check(net, &err))
		bench_die(1, "%s", err.msg);
	printf("busiest server on the way to m0: %.1f %%\n",
	       100 * cxms_net_utilization(net, 1, r[n - 1].at_ps));
	cxms_net_free(net);
	return seconds;
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : REQUESTS;
	struct cxms_topo *topo = NULL;
	struct cxms_fabric fabric = {0};
	struct cxms_err err = {0};
	struct cxms_hist *hist = calloc(1, sizeof(*hist));
	struct rusage use;
	double seconds[RUNS];
	char machine[256];
	if (!hist || n == 0)
		bench_die(2, "usage: bench_fabric [REQUESTS]");
	if (cxms_topo_load_mem("bench", topology, strlen(topology), &topo, &err) ||
	    cxms_fabric_build(topo, 100e3, &fabric, &err))
		bench_die(1, "%s", err.msg);
	struct request *trace = make_trace(n);
	for (unsigned i = 0; i < RUNS; i++) {
		seconds[i] = fresh_run(&fabric, trace, n, hist);
		printf("run %u: %.2f million requests a second of CPU time\n", i + 1,
		       n / seconds[i] / 1e6);
	}
	bench_machine(machine, sizeof(machine));
	getrusage(RUSAGE_SELF, &use);
	printf("%s\n%u requests, median %.2f million requests a second; %ld MiB with the trace\n",
	       machine, n, n / bench_median(seconds, RUNS) / 1e6, use.ru_maxrss / 1024);
	print_hist(hist);
	free(trace);
	free(hist);
	cxms_fabric_fini(&fabric);
	cxms_topo_free(topo);
	return 0;
}

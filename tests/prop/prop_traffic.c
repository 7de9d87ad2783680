/*
 * Waits, lines and times of programs in closed form: gathers, misses far apart, streams, many
 * threads over a device's bandwidth. Each at two latencies and on both page sizes.
 */
#include "play.h"

#include <math.h>
#include <stdio.h>

#define MEM_NS	100.0 /* of the synthetic machine */
#define WALK_NS 20.0
#define LINE	64.0

static const double cxl_ns[] = {200, 300};
static const char *const pages[] = {"4KiB", "2MiB"};

static double seen_ns(size_t page)
{
	return MEM_NS + (page == 0 ? WALK_NS : 0);
}

static struct cxms_topo *topology(double latency_ns, const char *bandwidth)
{
	char yaml[512];
	snprintf(yaml, sizeof(yaml),
		 "schema: 1\nhost:\n  cpu: {l1d_mshrs: 64, l2_mshrs: 64}\n"
		 "  local: {latency: %gns, bandwidth: unlimited}\n"
		 "devices:\n  mem0: {type: memdev, upstream: host, latency: %gns, bandwidth: %s, "
		 "capacity: 4096GiB}\n",
		 MEM_NS, latency_ns, bandwidth);
	return play_topology(yaml);
}

/* All waits are for memory. */
static struct cxms_result *run(const char *pattern, double latency_ns, const char *bandwidth)
{
	static const double splits[] = {100, 0};
	struct cxms_topo *t = topology(latency_ns, bandwidth);
	struct cxms_result *r = play_llc(pattern, 1, t, NULL, splits, 2, PLAY_NO_LLC);
	cxms_topo_free(t);
	return r;
}

static double reads(const struct cxms_split_result *s)
{
	double sum = 0;
	for (size_t t = 0; t < s->n_target; t++)
		sum += (double)s->target[t].reads;
	return sum;
}

/* A wide loop around one miss in @turn_ns each, of which @stall is seen as waits. */
static void pattern_of(char *out, size_t n, unsigned threads, size_t page, double stall,
		       const char *access, unsigned loop, double turn_ns)
{
	snprintf(out, n,
		 "{threads: %u, duration: 400ms, page: %s, footprint: 1GiB, stall: %g, access: %s, "
		 "loop: %u, turn: %gns, faults: false}",
		 threads, pages[page], stall, access, loop, turn_ns);
}

/* About seven misses in flight: each execution is a line, though few waits are seen. */
static void test_a_gather_fills_a_line_an_execution(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t page = i % 2;
		double turn_ns = seen_ns(page) / 7;
		char pattern[256];
		pattern_of(pattern, sizeof(pattern), 1, page, 0.95, "random", 25, turn_ns);
		struct cxms_result *r = run(pattern, cxl_ns[i / 2], "unlimited");
		double lines = 400e6 / turn_ns;
		print_message("%s: %g lines of %g, slowdown %g\n", pattern, reads(&r->split[1]),
			      lines, r->split[1].slowdown);
		/* 5 %: the share of waits that may be cache hits */
		assert_true(fabs(reads(&r->split[1]) / lines - 1) < 0.05);
		assert_true(r->split[0].slowdown == 1);
		/* what waits, waits longer: between nothing hidden and twice the work of a turn */
		double grow = (cxl_ns[i / 2] - MEM_NS) * 0.95;
		assert_true(r->split[1].slowdown > 1 + 0.95 * grow / seen_ns(page));
		assert_true(r->split[1].slowdown < 1 + 1.10 * grow / seen_ns(page));
		cxms_result_free(r);
	}
}

/* Misses too far apart to overlap: each costs the added latency, whatever of it was hidden. */
static void test_misses_far_apart_add_their_latency(void **state)
{
	static const double hidden[] = {0, 0.3, 0.6}; /* of the wait, behind older work */
	(void)state;
	for (size_t i = 0; i < 12; i++) {
		size_t page = i % 2, far = i / 2 % 2;
		double exposed_ns = seen_ns(page) * (1 - hidden[i / 4]), turn_ns = 400 + exposed_ns;
		char pattern[256];
		pattern_of(pattern, sizeof(pattern), 1, page, exposed_ns / turn_ns, "random", 1000,
			   turn_ns);
		struct cxms_result *r = run(pattern, cxl_ns[far], "unlimited");
		double want = 1 + (cxl_ns[far] - MEM_NS) / turn_ns;
		print_message("%s: slowdown %g, wanted %g\n", pattern, r->split[1].slowdown, want);
		/* 2 %: the share of waits that may be cache hits */
		assert_true(fabs(r->split[1].slowdown / want - 1) < 0.02);
		assert_true(fabs(reads(&r->split[1]) * turn_ns / 400e6 - 1) < 0.05);
		cxms_result_free(r);
	}
}

/* A stream's lines are its bytes, whether it waits much or little (synth: 5 bytes a nanosecond). */
static void test_a_stream_fills_its_bytes(void **state)
{
	static const double stall[] = {0.9, 0.2};
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		size_t page = i % 2;
		char pattern[256];
		pattern_of(pattern, sizeof(pattern), 2, page, stall[i / 4], "stream", 5, 1.6);
		struct cxms_result *r = run(pattern, cxl_ns[i / 2 % 2], "unlimited");
		double lines = 2 * 400e6 * 5 / LINE;
		print_message("%s: %g lines of %g\n", pattern, reads(&r->split[1]), lines);
		assert_true(fabs(reads(&r->split[1]) / lines - 1) < 0.05);
		cxms_result_free(r);
	}
}

/* The device cannot pass the lines of eight threads in the time: bytes / bandwidth is the least. */
static void test_eight_gathers_meet_the_bandwidth(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t page = i % 2;
		double turn_ns = 8; /* 13 to 15 of 16 lines in flight */
		char pattern[256];
		pattern_of(pattern, sizeof(pattern), 8, page, 0.95, "random", 25, turn_ns);
		struct cxms_result *r = run(pattern, cxl_ns[i / 2], "26GB/s");
		double bytes = 8 * 400e6 / turn_ns * LINE, least_ns = bytes / 26;
		print_message("%s: %.4g ms, at least %.4g ms\n", pattern,
			      (double)r->split[1].time_ns / 1e6, least_ns / 1e6);
		double growth = 0.95 * (cxl_ns[i / 2] - MEM_NS) / seen_ns(page);
		double alone_ns = 400e6 * (1 + 1.1 * growth);
		/* 5 % below: lines as above. 30 % above: the waits of a full device. */
		assert_true((double)r->split[1].time_ns > 0.95 * least_ns);
		assert_true((double)r->split[1].time_ns < 1.3 * fmax(least_ns, alone_ns));
		assert_true(r->split[1].slowdown_hi * (double)r->split[0].time_ns > least_ns);
		cxms_result_free(r);
	}
}

/* Where executions are counted the lines are known better than where they are not. */
static void test_counting_narrows_the_traffic(void **state)
{
	char pattern[256];
	(void)state;
	pattern_of(pattern, sizeof(pattern), 8, 1, 0.95, "random", 25, 10);
	struct cxms_result *counted = run(pattern, 300, "26GB/s");
	struct cxms_result *open = run("{threads: 8, duration: 400ms, page: 2MiB, footprint: 1GiB, "
				       "stall: 0.95, access: random, loop: 25, faults: false}",
				       300, "26GB/s");
	const struct cxms_site_result *a = &counted->basis.site[0], *b = &open->basis.site[0];
	assert_int_equal(a->how, CXMS_TRAFFIC_COUNTED);
	assert_int_equal(b->how, CXMS_TRAFFIC_OPEN);
	assert_true(fabs(a->turns_per_s / 1e8 - 1) < 0.01);
	assert_true(a->lines_hi / a->lines_lo < b->lines_hi / b->lines_lo);
	assert_true(a->lines_lo <= a->lines && a->lines <= a->lines_hi);
	cxms_result_free(counted);
	cxms_result_free(open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_gather_fills_a_line_an_execution),
		cmocka_unit_test(test_misses_far_apart_add_their_latency),
		cmocka_unit_test(test_a_stream_fills_its_bytes),
		cmocka_unit_test(test_eight_gathers_meet_the_bandwidth),
		cmocka_unit_test(test_counting_narrows_the_traffic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Page buffers before a slow medium, through the whole replay, against closed forms. */
#include "play.h"

#include <math.h>
#include <stdio.h>

#define LOCAL_NS 100.0
#define CXL_NS	 300.0
#define STALL	 0.8

/* The memdev is never full; @model is its model and what follows. */
static struct cxms_result *replay(const char *model, const char *pattern, uint64_t llc_bytes)
{
	static const double all_cxl = 0;
	char yaml[1024];
	snprintf(yaml, sizeof(yaml),
		 "schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"
		 "  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"
		 "  mem0: {type: memdev, upstream: host, latency: 300ns, bandwidth: unlimited, "
		 "capacity: 4096GiB%s}\n",
		 model);
	struct cxms_topo *topo = play_topology(yaml);
	struct cxms_result *r = play_llc(pattern, 3, topo, NULL, &all_cxl, 1, llc_bytes);
	assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
	assert_int_equal(r->split[0].n_target, 2);
	for (size_t v = 0; v < r->split[0].n_server; v++) /* names go with the topology */
		r->split[0].server[v].name = NULL;
	cxms_topo_free(topo);
	return r;
}

static double slowdown_llc(const char *model, const char *pattern, uint64_t llc_bytes)
{
	struct cxms_result *r = replay(model, pattern, llc_bytes);
	double s = r->split[0].slowdown;
	cxms_result_free(r);
	return s;
}

static double slowdown(const char *model, const char *pattern)
{
	return slowdown_llc(model, pattern, 0);
}

/* Of a chase on huge pages: waits of 100 ns each make up the stall. */
static double chase_at(double latency_ns)
{
	return 1 + STALL * (latency_ns / LOCAL_NS - 1);
}

#define CHASE(page, mib)                                                                           \
	"{duration: 1s, stall: 0.8, access: chase, page: " page ", footprint: " mib "MiB}"

static void test_a_buffer_that_holds_all_is_a_plain_device(void **state)
{
	static const char chase[] = CHASE("2MiB", "512");
	double plain = slowdown("", chase);
	(void)state;
	assert_true(fabs(slowdown(", model: {type: ssd, buffer: 1GiB, page: 4KiB, fetch: 60us, "
				  "bandwidth: 3GB/s, depth: 64}",
				  chase) -
			 plain) < 1e-9);
	assert_true(fabs(slowdown(", model: {type: far, buffer: 512MiB, page: 4KiB, fetch: 5us, "
				  "fault: 2us, bandwidth: 12GB/s, depth: 32}",
				  chase) -
			 plain) < 1e-9);
}

static void test_uniform_accesses_hit_by_the_share_that_fits(void **state)
{
	static const struct {
		const char *buffer, *pattern;
		double hit;
		const char *why;
	} rows[] = {
		{"256MiB", CHASE("2MiB", "1024"), 0.25, "a quarter fits"},
		{"768MiB", CHASE("2MiB", "1024"), 0.75, "three quarters"},
		{"64MiB", CHASE("4KiB", "256"), 0.25, "a sample for each 16 pages: no page is hot"},
	};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		char model[200];
		snprintf(model, sizeof(model),
			 ", model: {type: ssd, buffer: %s, page: 4KiB, fetch: 2us, bandwidth: "
			 "1000GB/s, depth: 1024}",
			 rows[i].buffer);
		double got = slowdown_llc(model, rows[i].pattern, PLAY_NO_LLC),
		       plain = slowdown_llc("", rows[i].pattern, PLAY_NO_LLC);
		double want = chase_at(CXL_NS + (1 - rows[i].hit) * 2000);
		if (i == 2) /* walks make the waits fewer: 120 ns each */
			want = 1 + STALL / 120 * (CXL_NS + 0.75 * 2000 - 100);
		print_message("%s: %g, want %g; plain %g\n", rows[i].why, got, want, plain);
		/* the counts of 4000 samples leave some chance in the spread of the rates */
		assert_true(fabs(got - want) < 0.05 * want);
	}
}

/* A source that sees no faults knows the pages of its samples only, and how much was resident: the
 * others take room in the buffer as well. */
static void test_pages_that_nothing_named_take_room(void **state)
{
	static const char model[] = ", model: {type: ssd, buffer: 128MiB, page: 4KiB, fetch: 2us, "
				    "bandwidth: 1000GB/s, depth: 1024}";
	static const char known[] = CHASE("4KiB", "256");
	static const char unknown[] = "{duration: 1s, stall: 0.8, access: chase, page: 4KiB, "
				      "footprint: 256MiB, faults: false}";
	double want = slowdown_llc(model, known, PLAY_NO_LLC);
	double got = slowdown_llc(model, unknown, PLAY_NO_LLC);
	(void)state;
	print_message("known pages %g, unknown %g\n", want, got);
	/* one draw of the same samples: what differs is the kernel's time of first touches */
	assert_true(fabs(got - want) < 0.05 * want);
}

/* Nine of ten accesses on 16 MiB, which the buffer holds with room to spare. */
static void test_hot_pages_stay_in_the_buffer(void **state)
{
	static const char skewed[] =
		"{duration: 2s, stall: 0.8, access: chase, page: 4KiB, footprint: 512MiB, "
		"footprint2: 16MiB, share2: 0.9}";
	static const char even[] = "{duration: 2s, stall: 0.8, access: chase, page: 4KiB, "
				   "footprint: 512MiB}";
	static const char model[] = ", model: {type: ssd, buffer: 64MiB, page: 4KiB, fetch: 2us, "
				    "bandwidth: 1000GB/s, depth: 1024}";
	double hot = slowdown(model, skewed) / slowdown("", skewed);
	double cold = slowdown(model, even) / slowdown("", even);
	(void)state;
	print_message("added by misses: hot %g, even %g\n", hot, cold);
	/* a tenth of the accesses misses mostly, against seven eighths */
	assert_true(hot - 1 < 0.35 * (cold - 1));
}

static void test_the_medium_bounds_what_misses(void **state)
{
	static const char chase[] = CHASE("2MiB", "1024");
	struct cxms_result *r = replay(", model: {type: ssd, buffer: 256MiB, page: 4KiB, fetch: "
				       "2us, bandwidth: 100MB/s, depth: 64}",
				       chase, PLAY_NO_LLC);
	const struct cxms_split_result *s = &r->split[0];
	double seconds = (double)s->time_ns * 1e-9;
	double pages_bytes = 0.75 * (double)s->target[1].reads * 4096;
	(void)state;
	print_message("medium moves %g MB/s\n", pages_bytes / seconds / 1e6);
	assert_true(pages_bytes / seconds < 1.05 * 100e6);
	assert_true(pages_bytes / seconds > 0.6 * 100e6); /* a single chase in M/D/1 */
	assert_string_equal(s->binding, "mem0 medium");
	cxms_result_free(r);
}

static void test_depth_is_littles_law(void **state)
{
	static const char gather[] = "{duration: 1s, stall: 0.8, access: random, page: 2MiB, "
				     "footprint: 1024MiB, threads: 4}";
	double last = INFINITY;
	(void)state;
	for (unsigned depth = 1; depth <= 64; depth *= 4) {
		char model[200];
		snprintf(model, sizeof(model),
			 ", model: {type: ssd, buffer: 256MiB, page: 4KiB, fetch: 2us, bandwidth: "
			 "1000GB/s, depth: %u}",
			 depth);
		struct cxms_result *r = replay(model, gather, 0);
		double s = (double)r->split[0].time_ns * 1e-9;
		double misses = 0.75 * (double)r->split[0].target[1].reads;
		/* no more than depth pages in 2 us; 5 % for the hit ratio */
		assert_true(misses / s <= 1.05 * depth / 2e-6);
		assert_true(s <= last);
		last = s;
		cxms_result_free(r);
	}
}

static void test_a_fault_is_added_to_the_fetch(void **state)
{
	static const char chase[] = CHASE("2MiB", "1024");
	static const char far_fault[] = ", model: {type: far, buffer: 256MiB, page: 4KiB, fetch: "
					"1us, fault: 1us, bandwidth: 1000GB/s, depth: 1024}";
	static const char ssd[] = ", model: {type: ssd, buffer: 256MiB, page: 4KiB, fetch: 2us, "
				  "bandwidth: 1000GB/s, depth: 1024}";
	double a = slowdown(far_fault, chase), b = slowdown(ssd, chase);
	(void)state;
	assert_true(fabs(a - b) < 0.01 * b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buffer_that_holds_all_is_a_plain_device),
		cmocka_unit_test(test_uniform_accesses_hit_by_the_share_that_fits),
		cmocka_unit_test(test_pages_that_nothing_named_take_room),
		cmocka_unit_test(test_hot_pages_stay_in_the_buffer),
		cmocka_unit_test(test_the_medium_bounds_what_misses),
		cmocka_unit_test(test_depth_is_littles_law),
		cmocka_unit_test(test_a_fault_is_added_to_the_fetch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

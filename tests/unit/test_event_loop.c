/*
 * The event engine: it agrees with the epoch engine where both apply, gives closed forms where
 * there are any, and says so when a server contradicts itself (devices are wrapped to lie).
 */
#include "play.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "loop.h"
#include "mem/device.h"
#include "report/report.h"
#include "sim/event_loop.h"

#define NS 1e3
/* Sanitized runs take ten times as long: a chase and a stream are enough to run through the code.
 */
#ifdef CXMS_SANITIZED
#define EACH_PATTERN 3u
#else
#define EACH_PATTERN 1u
#endif

static bool lies;
uint64_t __real_cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa,
				    uint64_t at_ps);
uint64_t __wrap_cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa,
				    uint64_t at_ps);

uint64_t __wrap_cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	uint64_t added = __real_cxms_device_request(d, write, dpa, at_ps);
	return lies ? added + 1 : added;
}

static struct cxms_result *replay(int fd, const struct cxms_topo *topo, enum cxms_engine engine,
				  const double *split_pct, size_t n_split, uint64_t seed)
{
	const struct cxms_replay_cfg cfg = {.topo = &topo,
					    .n_topo = 1,
					    .split_pct = split_pct,
					    .n_split = n_split,
					    .engine = engine,
					    .seed = seed};
	struct cxms_result *r = play_replay(fd, &cfg);
	r->n_topo = 0; /* it lends them from here */
	r->topo = NULL;
	return r;
}

#define HOST                                                                                       \
	"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"                       \
	"  local: {latency: 100ns, bandwidth: 200GB/s}\ndevices:\n"
#define MEMDEV(name, up)                                                                           \
	"  " name ": {type: memdev, upstream: " up ", latency: 250ns, capacity: 4096GiB, "         \
	"link: {gen: 5, width: 8}, bandwidth: 22GB/s, %s}\n"

static const char *const models[] = {
	"model: typical", "model: fixed", "model: {type: queue, channels: 2, turnaround: 10ns}",
	"curve: " CXMS_SOURCE_DIR "/cxltopo/curves/emr-cxl-one-device.csv"};
/* %s: the model, as often as there are memdevs */
static const struct {
	const char *name, *yaml;
} shapes[] = {
	{"direct", HOST MEMDEV("a", "host")},
	{"one switch", HOST "  sw: {type: switch, upstream: host, latency: 90ns, link: {gen: 5, "
			    "width: 8}}\n" MEMDEV("a", "sw") MEMDEV("b", "sw")},
	{"two levels", HOST "  s0: {type: switch, upstream: host, latency: 90ns, link: {gen: 5, "
			    "width: 16}}\n"
			    "  s1: {type: switch, upstream: s0, latency: 90ns, bandwidth: 60GB/s, "
			    "link: {gen: 5, width: 8}}\n" MEMDEV("a", "s1") MEMDEV("b", "s0")},
	{"shared port", HOST MEMDEV("a", "host, root_port: 0") MEMDEV("b", "host, root_port: 0")},
};
static const char *const patterns[] = {
	"{threads: 4, duration: 100ms, stall: 0.7, access: chase, page: 2MiB, footprint: 512MiB}",
	"{threads: 8, duration: 100ms, stall: 0.6, access: random, loop: 8, page: 2MiB, footprint: "
	"512MiB}",
	"{threads: 32, duration: 100ms, stall: 0.6, access: random, loop: 8, page: 2MiB, "
	"footprint: 512MiB}",
	"{threads: 6, duration: 100ms, stall: 0.6, access: stream, page: 2MiB, footprint: 512MiB}",
	"{threads: 8, duration: 100ms, stall: 0.3, access: stream, page: 2MiB, footprint: 512MiB}",
	"{threads: 6, duration: 100ms, stall: 0.5, kernel: 0.1, blocked: 0.3, share2: 0.4, "
	"footprint2: 128MiB, access: random, page: 2MiB, footprint: 512MiB}",
};

static double busiest(const struct cxms_split_result *s)
{
	double most = 0;
	for (size_t t = 0; t < s->n_target; t++)
		most = fmax(most, s->target[t].utilization_ratio);
	return most;
}

/* Bookkeeping of the agreement test: rows compared, those with a load worth the name, the worst. */
struct tally {
	unsigned rows, loaded;
	double worst;
};

static void compare(const struct cxms_result *epoch, const struct cxms_result *event,
		    const char *what, struct tally *y)
{
	assert_int_equal(event->status, CXMS_STATUS_COMPLETE);
	for (size_t i = 0; i < epoch->n_split; i++) {
		const struct cxms_split_result *a = &epoch->split[i], *b = &event->split[i];
		double busy = busiest(a), off = fabs(b->slowdown / a->slowdown - 1);
		if (busy >= 0.8)
			continue;
		y->rows++;
		y->loaded += busy > 0.3;
		y->worst = fmax(y->worst, off);
		if (off > 0.05)
			fail_msg("%s, %g %% local, %.2f busy: epoch %g, event %g", what,
				 a->local_pct, busy, a->slowdown, b->slowdown);
	}
}

/* 5 %: the event engine's own sampling error of a loaded latency, and that the epoch engine takes
 * arrivals at a server as independent (MODELS: event engine). */
static void test_both_engines_agree_below_80_per_cent(void **state)
{
	static const double splits[] = {50, 0};
	struct tally y = {0};
	(void)state;
	for (size_t p = 0; p < PLAY_COUNT(patterns); p += EACH_PATTERN) {
		int fd = play_record(patterns[p], 5);
		for (size_t k = 0; k < PLAY_COUNT(shapes) * PLAY_COUNT(models); k++) {
			size_t shape = k / PLAY_COUNT(models);
			const char *m = models[k % PLAY_COUNT(models)];
			char yaml[2048], what[400];
			/* half of all: each pair of pattern, shape and model is among them */
			if ((p / EACH_PATTERN + shape + k) % 2)
				continue;
			snprintf(yaml, sizeof(yaml), shapes[shape].yaml, m, m);
			snprintf(what, sizeof(what), "%s, %s, %s", patterns[p], shapes[shape].name,
				 m);
			struct cxms_topo *topo = play_topology(yaml);
			struct cxms_result *a = replay(fd, topo, CXMS_ENGINE_EPOCH, splits, 2, 1);
			struct cxms_result *b = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 2, 1);
			compare(a, b, what, &y);
			cxms_result_free(a);
			cxms_result_free(b);
			cxms_topo_free(topo);
		}
		close(fd);
	}
	print_message("%u rows, %u above 30 %% utilisation, worst %.2f %%\n", y.rows, y.loaded,
		      100 * y.worst);
	assert_true(y.rows >= 60 / EACH_PATTERN && y.loaded >= 15 / EACH_PATTERN);
}

/* Local memory takes far more lines at once than a memdev's input queue holds: 2 % of sampling. */
static void test_busy_local_memory_agrees_too(void **state)
{
	static const double splits[] = {100};
	char yaml[2048];
	snprintf(yaml, sizeof(yaml), shapes[0].yaml, models[0]);
	struct cxms_topo *topo = play_topology(yaml);
	int fd = play_record("{threads: 96, duration: 100ms, stall: 0.6, access: random, loop: 8, "
			     "page: 2MiB, footprint: 512MiB}",
			     5);
	(void)state;
	struct cxms_result *a = replay(fd, topo, CXMS_ENGINE_EPOCH, splits, 1, 1);
	struct cxms_result *b = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 1, 1);
	double busy = a->split[0].target[0].utilization_ratio;
	assert_true(busy > 0.7 && busy < 0.9);
	assert_true(fabs((double)b->split[0].time_ns / (double)a->split[0].time_ns - 1) < 0.02);
	cxms_result_free(a);
	cxms_result_free(b);
	close(fd);
	cxms_topo_free(topo);
}

/* Everything local is compared with itself, request by request. */
static void test_all_local_is_exactly_1(void **state)
{
	static const double splits[] = {100};
	char yaml[2048];
	snprintf(yaml, sizeof(yaml), shapes[1].yaml, models[0], models[0]);
	struct cxms_topo *topo = play_topology(yaml);
	(void)state;
	for (size_t p = 0; p < PLAY_COUNT(patterns); p++) {
		int fd = play_record(patterns[p], 9);
		struct cxms_result *r = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 1, 3);
		assert_true(r->split[0].slowdown >= 1 && r->split[0].slowdown <= 1);
		cxms_result_free(r);
		close(fd);
	}
	cxms_topo_free(topo);
}

static void print_json(const struct cxms_result *r, struct cxms_buf *out)
{
	assert_int_equal(cxms_report_json(r, out, NULL), 0);
}

static void test_same_seed_same_bytes(void **state)
{
	static const double splits[] = {50};
	struct cxms_buf json[3] = {{0}};
	char yaml[2048];
	snprintf(yaml, sizeof(yaml), shapes[2].yaml, models[2], models[0]);
	struct cxms_topo *topo = play_topology(yaml);
	int fd = play_record(patterns[2], 9);
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct cxms_result *r = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 1, 3);
		r->seed = 3;
		if (i == 2) { /* another seed draws other requests, whatever is placed where */
			cxms_result_free(r);
			r = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 1, 4);
			r->seed = 3;
		}
		assert_string_equal(r->engine, "event");
		print_json(r, &json[i]);
		cxms_result_free(r);
	}
	assert_string_equal(cxms_buf_text(&json[0]), cxms_buf_text(&json[1]));
	assert_string_not_equal(cxms_buf_text(&json[0]), cxms_buf_text(&json[2]));
	for (int i = 0; i < 3; i++)
		cxms_buf_fini(&json[i]);
	close(fd);
	cxms_topo_free(topo);
}

/* A server's own sum of waits that is not what requests were told: the run is marked and says so.
 */
static void test_a_lying_device_fails_the_self_check(void **state)
{
	static const double splits[] = {50};
	char yaml[2048];
	bool said = false;
	snprintf(yaml, sizeof(yaml), shapes[0].yaml, models[0]);
	struct cxms_topo *topo = play_topology(yaml);
	int fd = play_record(patterns[0], 9);
	(void)state;
	lies = true;
	struct cxms_result *r = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 1, 3);
	lies = false;
	assert_int_equal(r->status, CXMS_STATUS_SELF_CHECK_FAILED);
	for (size_t i = 0; i < r->warnings.n; i++)
		said |= r->warnings.list[i].code == CXMS_W_SELF_CHECK;
	assert_true(said);
	cxms_result_free(r);
	close(fd);
	cxms_topo_free(topo);
}

/* Percentiles surround the mean, and an idle device answers in its idle latency. */
static void test_percentiles_of_light_and_heavy_load(void **state)
{
	static const double splits[] = {0};
	char yaml[2048];
	snprintf(yaml, sizeof(yaml), shapes[0].yaml, models[1]);
	struct cxms_topo *topo = play_topology(yaml);
	(void)state;
	for (int heavy = 0; heavy < 2; heavy++) {
		int fd = play_record(patterns[heavy ? 2 : 0], 9);
		struct cxms_result *r = replay(fd, topo, CXMS_ENGINE_EVENT, splits, 1, 3);
		const struct cxms_target_result *t = &r->split[0].target[1];
		assert_true(t->p50_ns <= t->p99_ns && t->p99_ns <= t->p999_ns);
		assert_true(t->p50_ns >= 250 * (1 - 1. / 128));
		assert_true(t->loaded_latency_ns <= t->p999_ns * (1 + 1. / 128));
		if (heavy)
			assert_true(t->p99_ns > 300);
		else
			assert_true(t->p50_ns < 255);
		assert_true(isnan(r->split[0].target[0].p50_ns)); /* nothing is local */
		cxms_result_free(r);
		close(fd);
	}
	cxms_topo_free(topo);
}

/*
 * @n threads that compute z between two waits on one server of @rate, by hand. Bounds of
 * operational analysis: throughput <= min(1/D, n/(z + L)), and no less than n/(z + L + (n - 1) D).
 */
static void test_a_closed_loop_is_within_operational_bounds(void **state)
{
	const double idle = 250 * NS, z = 150 * NS, rate = 20e9, d = 64 / rate * 1e12;
	(void)state;
	for (unsigned n = 1; n <= 512; n *= 2) {
		struct loop *l = calloc(1, sizeof(*l));
		struct cxms_event_loop *e = NULL;
		assert_non_null(l);
		loop_pass(l, loop_target(l, idle),
			  loop_server(l, (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
							      .read_cap = rate,
							      .write_cap = INFINITY,
							      .total_cap = INFINITY,
							      .shape = CXMS_SHAPE_MD1}));
		for (unsigned i = 0; i < n; i++)
			loop_thread(l, 1e6 * z, idle, 0, 1e6, 1e6);
		loop_run(l, idle, 16);
		assert_int_equal(cxms_event_loop_new(&l->fabric, 1, &e, NULL), 0);
		assert_int_equal(cxms_event_loop_epoch(e, &l->solve, NULL), 0);
		assert_int_equal(cxms_event_loop_check(e, NULL), 0);
		double latency = l->latency[0], x = n / (z + latency);
		assert_true(latency >= idle);
		assert_true(x <= 1.01 / d); /* 1 %: the sample's error of the mean */
		assert_true(x >= 0.99 * n / (z + idle + (n - 1) * d));
		assert_true(l->utilization[0] <= 1);
		/* the utilisation it saw is that of the throughput it gives: 3 % of sampling */
		assert_true(fabs(l->utilization[0] - x * d) < 0.03);
		cxms_event_loop_free(e);
		free(l);
	}
}

/*
 * Stores past the caches are requests as well, and those that wait for them wait as long as in the
 * epoch engine; so are lines written beside those read. Below 80 %: 5 %, as above; at any load
 * within the capacity.
 */
static void test_lines_that_are_only_written_are_asked(void **state)
{
	static const struct {
		double reads, writes, rate;
	} rows[] = {{0, 8e6, 40e9}, {0, 8e6, 2e9}, {1e6, 8e6, 40e9}, {1e6, 8e6, 2e9}};
	(void)state;
	for (size_t r = 0; r < PLAY_COUNT(rows); r++) {
		struct loop *l = calloc(1, sizeof(*l));
		struct cxms_event_loop *e = NULL;
		assert_non_null(l);
		loop_pass(l, loop_target(l, 250 * NS),
			  loop_server(l, (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
							      .read_cap = INFINITY,
							      .write_cap = INFINITY,
							      .total_cap = rows[r].rate,
							      .shape = CXMS_SHAPE_MD1}));
		for (unsigned i = 0; i < 4; i++) {
			size_t t = loop_thread(l, 1e6 * 150 * NS, 100 * NS, 0, 1e6, rows[r].reads);
			l->demand[t][0].writes = rows[r].writes;
			l->demand[t][0].past = rows[r].writes - rows[r].reads;
		}
		loop_run(l, 100 * NS, 16);
		double epoch = l->thread[0].new_cpu_ps, busy = l->utilization[0];
		assert_int_equal(cxms_event_loop_new(&l->fabric, 1, &e, NULL), 0);
		assert_int_equal(cxms_event_loop_epoch(e, &l->solve, NULL), 0);
		assert_int_equal(cxms_event_loop_check(e, NULL), 0);
		struct cxms_load load = loop_load(l, 0);
		double u = (load.read_lines_per_s + load.write_lines_per_s) * 64 / rows[r].rate;
		print_message("%.2f busy: epoch %g ms, event %g ms, %.2f busy\n", busy, epoch / 1e9,
			      l->thread[0].new_cpu_ps / 1e9, u);
		if (busy < 0.8)
			assert_true(fabs(l->thread[0].new_cpu_ps / epoch - 1) < 0.05);
		else
			assert_true(u < 1.05 && u > 0.8);
		assert_true(fabs(l->utilization[0] - fmin(1, u)) < 0.05);
		cxms_event_loop_free(e);
		free(l);
	}
}

/*
 * Threads stuck in the queue of a device that hardly moves, while others go on: that nobody asks it
 * meanwhile does not make it idle. Not before it has passed what was asked, within the factor of 2
 * that a queue still filling is off.
 */
static void test_a_stuck_device_is_not_idle(void **state)
{
	static const double rate = 1e6;
	struct loop *l = calloc(1, sizeof(*l));
	struct cxms_event_loop *e = NULL;
	(void)state;
	assert_non_null(l);
	loop_pass(l, loop_target(l, 100 * NS),
		  loop_server(l, (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
						      .read_cap = INFINITY,
						      .write_cap = INFINITY,
						      .total_cap = 100e9,
						      .shape = CXMS_SHAPE_MD1}));
	loop_pass(l, loop_target(l, 250 * NS),
		  loop_server(l, (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
						      .read_cap = INFINITY,
						      .write_cap = INFINITY,
						      .total_cap = rate,
						      .shape = CXMS_SHAPE_MD1}));
	for (unsigned i = 0; i < 64; i++)
		(void)loop_thread(l, 1e4 * 100 * NS, 100 * NS, i % 2, 1e4, 8e4);
	loop_run(l, 100 * NS, 16);
	assert_int_equal(cxms_event_loop_new(&l->fabric, 1, &e, NULL), 0);
	assert_int_equal(cxms_event_loop_epoch(e, &l->solve, NULL), 0);
	assert_int_equal(cxms_event_loop_check(e, NULL), 0);
	double floor_ps = 32 * 8e4 * 64 / rate * 1e12;
	print_message("%g s, at least %g s\n", l->thread[1].new_cpu_ps / 1e12, floor_ps / 1e12);
	assert_true(l->thread[1].new_cpu_ps > floor_ps / 2);
	assert_true(l->thread[1].new_cpu_ps < floor_ps * 2);
	assert_true(l->thread[0].new_cpu_ps < 1.1 * l->thread[0].cpu_ps);
	cxms_event_loop_free(e);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_engines_agree_below_80_per_cent),
		cmocka_unit_test(test_busy_local_memory_agrees_too),
		cmocka_unit_test(test_all_local_is_exactly_1),
		cmocka_unit_test(test_same_seed_same_bytes),
		cmocka_unit_test(test_a_lying_device_fails_the_self_check),
		cmocka_unit_test(test_percentiles_of_light_and_heavy_load),
		cmocka_unit_test(test_a_closed_loop_is_within_operational_bounds),
		cmocka_unit_test(test_lines_that_are_only_written_are_asked),
		cmocka_unit_test(test_a_stuck_device_is_not_idle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The network of servers: idle and loaded latency in closed form, shares, bounded queues, and the
 * self-checks, which must notice servers that lie (calls of calendars and devices are wrapped).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "mem/calendar.h"
#include "mem/device.h"
#include "sim/event_device.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "topo/topo.h"

#define HOST                                                                                       \
	"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"                       \
	"  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"
#define NS ((uint64_t)CXMS_PS_PER_NS)

/* Faults of a server, one at a time. */
enum fault {
	NONE,
	LOSES,
	FORGETS_TO_WAIT,
	TOO_FAST,
	ANSWERS_EARLY,
	DEVICE_LOSES,
	DEVICE_FORGETS,
	DEVICE_TOO_FAST,
	DEVICE_ANSWERS_EARLY
};

uint64_t __real_cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes);
uint64_t __wrap_cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes);
uint64_t __real_cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa,
				    uint64_t at_ps);
uint64_t __wrap_cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa,
				    uint64_t at_ps);
void __real_cxms_device_sums(const struct cxms_device *d, struct cxms_device_sums *out);
void __wrap_cxms_device_sums(const struct cxms_device *d, struct cxms_device_sums *out);
static enum fault fault;
static uint64_t calls, device_calls;

uint64_t __wrap_cxms_calendar_take(struct cxms_calendar *c, uint64_t at_ps, uint32_t bytes)
{
	bool now = ++calls % 100 == 0;
	if (fault == LOSES && now)
		return 0;
	if (fault == TOO_FAST) {
		uint64_t busy = c->busy_ps, wait = __real_cxms_calendar_take(c, at_ps, bytes);
		c->busy_ps = busy + (c->busy_ps - busy) * 3;
		return wait;
	}
	uint64_t wait = __real_cxms_calendar_take(c, at_ps, bytes);
	if (fault == FORGETS_TO_WAIT)
		return 0;
	return fault == ANSWERS_EARLY && now ? wait - 1000 * NS : wait;
}

uint64_t __wrap_cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	bool now = ++device_calls % 100 == 0;
	if (fault == DEVICE_LOSES && now)
		return 0;
	uint64_t added = __real_cxms_device_request(d, write, dpa, at_ps);
	if (fault == DEVICE_FORGETS)
		return 0;
	return fault == DEVICE_ANSWERS_EARLY && now ? added - 1000 * NS : added;
}

void __wrap_cxms_device_sums(const struct cxms_device *d, struct cxms_device_sums *out)
{
	__real_cxms_device_sums(d, out);
	if (fault == DEVICE_TOO_FAST)
		out->busy_ps *= 3;
}

/** struct scene - a topology and its network */
struct scene {
	struct cxms_topo *topo;
	struct cxms_fabric fabric;
	struct cxms_net *net;
};

/* @cfg: its fabric will be the scene's, which the network goes on to use */
static void scene_init(struct scene *s, const char *yaml, struct cxms_net_cfg cfg)
{
	struct cxms_err err = {0};
	*s = (struct scene){0};
	if (cxms_topo_load_mem("test.yaml", yaml, strlen(yaml), &s->topo, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(cxms_fabric_build(s->topo, 100e3, &s->fabric, &err), 0);
	cfg.fabric = &s->fabric;
	assert_int_equal(cxms_net_new(&cfg, &s->net, &err), 0);
}

static void scene_of(struct scene *s, const char *yaml, uint32_t link_credits,
		     uint32_t device_credits)
{
	scene_init(s, yaml,
		   (struct cxms_net_cfg){.link_credits = link_credits,
					 .device_credits = device_credits});
}

static void scene_fini(struct scene *s)
{
	cxms_net_free(s->net);
	cxms_fabric_fini(&s->fabric);
	cxms_topo_free(s->topo);
}

static uint64_t idle(const struct scene *s, uint32_t target)
{
	return (uint64_t)s->fabric.target[target].idle_ps;
}

static const char *const tree = HOST
	"  sw0: {type: switch, upstream: host, latency: 90ns, link: {gen: 5, width: 16}}\n"
	"  sw1: {type: switch, upstream: sw0, latency: 90ns, link: {gen: 5, width: 8}, "
	"bandwidth: 40GB/s}\n"
	"  a: {type: memdev, upstream: sw1, latency: 200ns, capacity: 64GiB, link: {gen: 5, width: "
	"8}, bandwidth: {read: 20GB/s, write: 10GB/s, total: 25GB/s}, model: fixed}\n"
	"  b: {type: memdev, upstream: sw1, latency: 250ns, capacity: 64GiB, link: {gen: 5, width: "
	"4}, bandwidth: 10GB/s, model: fixed}\n"
	"  c: {type: memdev, upstream: sw0, latency: 300ns, capacity: 64GiB, bandwidth: unlimited, "
	"model: fixed}\n";

/* One at a time nobody waits, however long the way. */
static void test_alone_a_request_takes_its_idle_latency(void **state)
{
	struct scene s;
	scene_of(&s, tree, CXMS_NET_LINK_CREDITS, CXMS_NET_DEVICE_CREDITS);
	(void)state;
	fault = NONE;
	for (uint64_t i = 0; i < 1000; i++)
		for (uint32_t t = 0; t < 4; t++)
			assert_int_equal(cxms_net_request(s.net, t, i % 3 == 0, i * 64,
							  (i * 4 + t) * 1000 * NS),
					 idle(&s, t));
	assert_int_equal(cxms_net_check(s.net, NULL), 0);
	scene_fini(&s);
}

/* As many fetches at a time as a topology may state can be served, and it may state no more. */
static void test_the_deepest_page_buffer_is_served(void **state)
{
#define DEEP(depth)                                                                                \
	HOST "  a: {type: memdev, upstream: host, latency: 400ns, capacity: 1GiB, bandwidth: "     \
	     "unlimited, model: {type: ssd, buffer: 1MiB, depth: " depth "}}\n"
	(void)state;
	struct cxms_topo *topo = NULL;
	struct cxms_err err = {0};
	struct scene s;
	scene_of(&s, DEEP("1024"), CXMS_NET_LINK_CREDITS, CXMS_NET_DEVICE_CREDITS);
	scene_fini(&s);
	assert_int_not_equal(
		cxms_topo_load_mem("test.yaml", DEEP("1025"), strlen(DEEP("1025")), &topo, &err),
		0);
	assert_non_null(strstr(err.msg, "'depth' must be 1 .. 1024"));
}

/* One by one, tails of local memory and of a memdev have the mean that the fabric's latency holds.
 */
static void test_a_tail_is_counted_once(void **state)
{
	enum { N = 200000 };
	(void)state;
	struct scene s;
	scene_of(&s,
		 "schema: 1\nhost:\n  local: {latency: 100ns, bandwidth: unlimited, "
		 "model: fixed, tail: {p99: 60ns, p999: 160ns}}\ndevices:\n"
		 "  a: {type: memdev, upstream: host, latency: 250ns, capacity: "
		 "1GiB, bandwidth: unlimited, model: fixed, "
		 "tail: {p99: 60ns, p999: 160ns}}\n",
		 0, 0);
	for (uint32_t t = 0; t < s.fabric.n_target; t++) {
		double sum = 0;
		for (uint64_t i = 0; i < N; i++)
			sum += (double)cxms_net_request(s.net, t, false, i * CXMS_LINE_BYTES,
							i * 10000 * NS);
		/* the spread of one is 14 ns, that of the mean of N 31 ps: five times that */
		assert_true(fabs(sum / N - s.fabric.target[t].idle_ps) < 160);
		assert_true(s.fabric.target[t].tail_ps > 5e3);
	}
	scene_fini(&s);
}

/* Half a year without requests costs neither time nor memory. */
static void test_idle_time_costs_nothing(void **state)
{
	struct scene s;
	scene_of(&s, tree, CXMS_NET_LINK_CREDITS, CXMS_NET_DEVICE_CREDITS);
	const uint64_t half_year = 183ull * 24 * 3600 * CXMS_PS_PER_S;
	(void)state;
	fault = NONE;
	/* 64-bit ps reach 213 days */
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(cxms_net_request(s.net, 1, false, 0,
						  i * 100 * NS + (i < 100 ? 0 : half_year)),
				 idle(&s, 1));
	assert_int_equal(cxms_net_check(s.net, NULL), 0);
	scene_fini(&s);
}

/** struct stream - so many requests always outstanding, to one target */
struct stream {
	uint32_t target, outstanding, write_every; /* 0 = reads only */
	uint64_t done[1024];
	uint64_t n, bytes, latency_ps;
};

/* The stream whose next request may leave first, and when. */
static struct stream *next_of(struct stream *s, size_t n, uint32_t *slot)
{
	struct stream *first = NULL;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < s[i].outstanding; k++)
			if (!first || s[i].done[k] < first->done[*slot]) {
				first = &s[i];
				*slot = k;
			}
	return first;
}

/* All streams together until @end_ps; what happens before the first tenth is not counted. */
static void run_streams(struct scene *sc, struct stream *s, size_t n, uint64_t end_ps)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, 5);
	for (size_t i = 0; i < n; i++) /* begin one by one */
		for (uint32_t k = 0; k < s[i].outstanding; k++)
			s[i].done[k] = cxms_rng_below(&rng, 300 * NS);
	for (;;) {
		uint32_t slot = 0;
		struct stream *x = next_of(s, n, &slot);
		uint64_t at = x->done[slot];
		if (at >= end_ps)
			break;
		bool write = x->write_every && x->n % x->write_every == 0;
		uint64_t latency =
			cxms_net_request(sc->net, x->target, write, x->n * CXMS_LINE_BYTES, at);
		x->n++;
		x->done[slot] = at + latency;
		if (at < end_ps / 10)
			continue;
		x->bytes += CXMS_LINE_BYTES;
		x->latency_ps += latency;
	}
}

static double rate_of(const struct stream *s, uint64_t end_ps)
{
	return (double)s->bytes / ((double)end_ps * 0.9) * (double)CXMS_PS_PER_S;
}

#define SSD(more)                                                                                  \
	HOST "  a: {type: memdev, upstream: host, latency: 200ns, capacity: 1GiB, model: {type: "  \
	     "ssd, buffer: 1MiB, page: 512B, fetch: 100ns, bandwidth: 1000GB/s, depth: "           \
	     "1024}, " more

/* What a page buffer lacks comes by way of the device, whose bandwidth and tail are there once. */
static void test_what_a_buffer_lacks_passes_the_device(void **state)
{
	enum { MISSES = 2, N = 100000 };
	const uint64_t end = 100000 * NS;
	const struct cxms_net_cfg cfg = {.no_addresses = true};
	struct scene s;
	scene_init(&s, SSD("bandwidth: 2GB/s}\n"), cfg);
	struct stream both[2] = {{.target = 1, .outstanding = 32},
				 {.target = MISSES, .outstanding = 32}};
	(void)state;
	fault = NONE;
	run_streams(&s, both, 2, end);
	double rate = rate_of(&both[0], end) + rate_of(&both[1], end);
	assert_true(rate > 0.97 * 2e9 && rate < 1.03 * 2e9); /* begin and end of the time */
	struct cxms_err err = {0};
	if (cxms_net_check(s.net, &err))
		fail_msg("%s", err.msg);
	scene_fini(&s);
	scene_init(&s, SSD("bandwidth: unlimited, tail: {p99: 60ns, p999: 160ns}}\n"), cfg);
	double sum = 0;
	for (uint64_t i = 0; i < N; i++)
		sum += (double)cxms_net_request(s.net, MISSES, false, 0, i * 10000 * NS);
	/* the spread of one is 14 ns, that of the mean of N 44 ps: five times that */
	assert_true(fabs(sum / N - s.fabric.target[MISSES].idle_ps) < 220);
	scene_fini(&s);
}

/* Each read has a line written that nobody waits for: a cap of writes bounds both. */
static void test_a_cap_of_writes_holds_up_reads(void **state)
{
	static const char *const rows[] = {
		HOST "  sw: {type: switch, upstream: host, latency: 90ns, bandwidth: {write: "
		     "2GB/s}}\n  a: {type: memdev, upstream: sw, latency: 200ns, capacity: 1GiB, "
		     "bandwidth: unlimited}\n",
		"schema: 1\nhost:\n  local: {latency: 100ns, bandwidth: unlimited}\n  bridge: "
		"{bandwidth: {write: 2GB/s}}\ndevices:\n  a: {type: memdev, upstream: host, "
		"latency: 200ns, capacity: 1GiB, bandwidth: unlimited}\n"};
	enum { N = 64, REQUESTS = 20000 };
	(void)state;
	fault = NONE;
	for (int k = 0; k < 4; k++) {
		struct scene s;
		uint64_t next[N] = {0};
		bool ordered = k % 2;
		scene_of(&s, rows[k / 2], ordered ? CXMS_NET_LINK_CREDITS : 0,
			 ordered ? CXMS_NET_DEVICE_CREDITS : 0);
		for (unsigned i = 0; i < REQUESTS; i++) {
			unsigned first = 0;
			for (unsigned c = 1; c < N; c++)
				first = next[c] < next[first] ? c : first;
			uint64_t at = next[first];
			next[first] += cxms_net_request(s.net, 1, false, 0, at);
			(void)cxms_net_request(s.net, 1, true, 0, at);
		}
		double rate = REQUESTS * 64.0 / (double)next[0] * 1e12;
		assert_true(rate > 0.98 * 2e9 && rate < 1.02 * 2e9); /* begin and end */
		assert_int_equal(cxms_net_check(s.net, NULL), 0);
		scene_fini(&s);
	}
}

/* A page that takes longer to pass than a fetch is within the medium's capacity all the same. */
static void test_a_slow_medium_is_not_above_its_capacity(void **state)
{
	(void)state;
	struct scene s;
	fault = NONE;
	scene_of(&s,
		 HOST "  a: {type: memdev, upstream: host, latency: 200ns, capacity: 1GiB, "
		      "bandwidth: unlimited, model: {type: ssd, buffer: 2MiB, page: 1MiB, fetch: "
		      "1us, bandwidth: 1GB/s, depth: 64}}\n",
		 0, 0);
	for (uint64_t i = 0; i < 20; i++)
		(void)cxms_net_request(s.net, 1, i % 2, i << 20, i * NS);
	struct cxms_err err = {0};
	if (cxms_net_check(s.net, &err))
		fail_msg("%s", err.msg);
	scene_fini(&s);
}

/* Nobody chose the model of a device: windows were judged with bandwidth only. Who states it gets
 * it. */
static void test_a_stated_model_is_that_of_any_source(void **state)
{
	static const struct {
		const char *more;
		enum cxms_device_kind kind;
	} rows[] = {{"", CXMS_DEVICE_FIXED},
		    {", model: fixed", CXMS_DEVICE_FIXED},
		    {", model: typical", CXMS_DEVICE_TYPICAL},
		    {", model: {type: typical}", CXMS_DEVICE_TYPICAL}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char yaml[1024];
		struct cxms_device_cfg device;
		snprintf(yaml, sizeof(yaml),
			 HOST "  a: {type: memdev, upstream: host, latency: 200ns, capacity: 1GiB, "
			      "bandwidth: 20GB/s%s}\n",
			 rows[i].more);
		struct scene s;
		scene_init(&s, yaml, (struct cxms_net_cfg){.caps_only = true});
		struct cxms_net_cfg cfg = {.fabric = &s.fabric, .caps_only = true};
		cxms_event_device(&cfg, s.fabric.target[1].server[0], &device);
		assert_int_equal(device.kind, rows[i].kind);
		cfg.caps_only = false;
		cxms_event_device(&cfg, s.fabric.target[1].server[0], &device);
		assert_int_equal(device.kind, i == 1 ? CXMS_DEVICE_FIXED : CXMS_DEVICE_TYPICAL);
		scene_fini(&s);
	}
}

/* Saturated, a path gives what its tightest server gives; reads and writes at their slot costs. */
static void test_a_saturated_path_gives_its_tightest_server(void **state)
{
	static const struct {
		uint32_t target, write_every;
		double want;
		const char *why;
	} rows[] = {
		{1, 0, 20e9, "device read cap"},
		{1, 1, 10e9, "device write cap"},
		{1, 2, 20e9, "half of them writes: twice the write cap"},
		{2, 0, 10e9, "device total cap"},
		/* x16 Gen 5, 128b/130b, 64 of 68: 59.3 GB/s of wire for 72 B a line */
		{3, 0, 59.3e9 * 64 / 72, "the link of the switch above"},
	};
	const uint64_t end = 300000 * NS;
	(void)state;
	fault = NONE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene s;
		scene_of(&s, tree, CXMS_NET_LINK_CREDITS, CXMS_NET_DEVICE_CREDITS);
		struct stream x = {.target = rows[i].target,
				   .outstanding = 512,
				   .write_every = rows[i].write_every};
		run_streams(&s, &x, 1, end);
		double got = rate_of(&x, end);
		if (fabs(got - rows[i].want) > 0.01 * rows[i].want)
			fail_msg("%s: %g, want %g", rows[i].why, got, rows[i].want);
		assert_int_equal(cxms_net_check(s.net, NULL), 0);
		/* Little: outstanding = rate x latency; the window's edges are worth 1 % */
		double lines = got / CXMS_LINE_BYTES * (double)x.latency_ps /
			       ((double)x.bytes / CXMS_LINE_BYTES) / (double)CXMS_PS_PER_S;
		assert_true(fabs(lines - 512) < 0.02 * 512);
		scene_fini(&s);
	}
}

/* Streams that share a server get it in proportion to what they keep outstanding. */
static void test_share_follows_outstanding(void **state)
{
	static const uint32_t many[] = {16, 64, 160};
	const uint64_t end = 300000 * NS;
	(void)state;
	fault = NONE;
	for (size_t i = 0; i < 3; i++) {
		struct scene s;
		scene_of(&s, tree, CXMS_NET_LINK_CREDITS, CXMS_NET_DEVICE_CREDITS);
		struct stream x[2] = {{.target = 2, .outstanding = 16},
				      {.target = 2, .outstanding = many[i]}};
		run_streams(&s, x, 2, end);
		double share = (double)x[1].n / (double)(x[0].n + x[1].n);
		double want = (double)many[i] / (double)(16 + many[i]);
		assert_true(fabs(share - want) < 0.01);
		scene_fini(&s);
	}
}

/* A full device fills the queue of the link above, and what goes elsewhere through that link waits
 * with it; with room for any number it does not. */
static void test_a_full_queue_holds_up_its_neighbour(void **state)
{
	const uint64_t end = 200000 * NS;
	double slow[2];
	(void)state;
	fault = NONE;
	for (int bounded = 0; bounded < 2; bounded++) {
		struct scene s;
		scene_of(&s, tree, bounded ? CXMS_NET_LINK_CREDITS : 0,
			 bounded ? CXMS_NET_DEVICE_CREDITS : 0);
		struct stream x[2] = {{.target = 2, .outstanding = 1000},
				      {.target = 3, .outstanding = 1}};
		run_streams(&s, x, 2, end);
		assert_int_equal(cxms_net_check(s.net, NULL), 0);
		/* the full device itself gives the same either way */
		assert_true(fabs(rate_of(&x[0], end) - 10e9) < 0.01 * 10e9);
		slow[bounded] = (double)x[1].latency_ps / s.fabric.target[3].idle_ps /
				((double)x[1].bytes / CXMS_LINE_BYTES);
		scene_fini(&s);
	}
	print_message("neighbour's latency over idle: unbounded %.2f, bounded %.2f\n", slow[0],
		      slow[1]);
	assert_true(slow[0] < 1.1);
	assert_true(slow[1] > 2);
}

static void load_some(struct scene *s)
{
	struct cxms_rng rng;
	cxms_rng_init(&rng, 3);
	for (uint64_t i = 0; i < 20000; i++)
		cxms_net_request(s->net, 1 + (uint32_t)cxms_rng_below(&rng, 3),
				 cxms_rng_below(&rng, 5) == 0, i * 64, 1000 * NS + i * 2 * NS);
}

static void test_checks_notice_servers_that_lie(void **state)
{
	static const struct {
		enum fault fault;
		const char *says;
	} rows[] = {
		{NONE, NULL},
		{LOSES, "passed"},
		{FORGETS_TO_WAIT, "Little"},
		{TOO_FAST, "Little"},
		{ANSWERS_EARLY, "self-check"},
		{DEVICE_LOSES, "passed"},
		{DEVICE_FORGETS, "Little"},
		{DEVICE_TOO_FAST, "capacity"},
		{DEVICE_ANSWERS_EARLY, "self-check"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene s;
		scene_of(&s, tree, 0, 0);
		struct cxms_err err = {0};
		fault = rows[i].fault;
		load_some(&s);
		int rc = cxms_net_check(s.net, &err);
		fault = NONE;
		if (rows[i].says ? rc == 0 || !strstr(err.msg, rows[i].says) : rc != 0)
			fail_msg("fault %d: %d, '%s'", (int)rows[i].fault, rc, err.msg);
		scene_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone_a_request_takes_its_idle_latency),
		cmocka_unit_test(test_the_deepest_page_buffer_is_served),
		cmocka_unit_test(test_a_tail_is_counted_once),
		cmocka_unit_test(test_idle_time_costs_nothing),
		cmocka_unit_test(test_a_saturated_path_gives_its_tightest_server),
		cmocka_unit_test(test_what_a_buffer_lacks_passes_the_device),
		cmocka_unit_test(test_a_cap_of_writes_holds_up_reads),
		cmocka_unit_test(test_a_slow_medium_is_not_above_its_capacity),
		cmocka_unit_test(test_a_stated_model_is_that_of_any_source),
		cmocka_unit_test(test_share_follows_outstanding),
		cmocka_unit_test(test_a_full_queue_holds_up_its_neighbour),
		cmocka_unit_test(test_checks_notice_servers_that_lie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

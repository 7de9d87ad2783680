/*
 * Published contention of streams behind one switch (a pool of two x8 ports, arXiv 2608.21731):
 * idle 230 ns, about 22 GB/s a port, read and write. Tolerance 20 % throughout: the publication's
 * own figures of one and the same port spread by about as much (idle 220 to 230 ns, 21 to 23.6
 * GB/s).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "topo/topo.h"

#define NS	  1000ull
#define IDLE_NS	  230.0
#define PORT	  22e9
#define TOLERANCE 0.20
#define LINE	  64.0
#define END_PS	  (400000 * NS)
#define FROM_PS	  (END_PS / 8) /* queues are full by then */

static const char pool[] =
	"schema: 1\nhost:\n  local: {latency: 110ns, bandwidth: unlimited}\ndevices:\n"
	"  sw: {type: switch, upstream: host, latency: 90ns, link: {gen: 5, width: 16}}\n"
	"  port: {type: memdev, upstream: sw, latency: 140ns, capacity: 256GiB, "
	"link: {gen: 5, width: 8}, bandwidth: {read: 22GB/s, write: 22GB/s, total: unlimited}}\n";

/** struct stream - so many requests outstanding, each after a mean pause */
struct stream {
	uint32_t outstanding;
	bool writes;
	double pause_ps;
	uint64_t due[640];
	double lines, latency_ps; /* counted */
};

static uint64_t pause(const struct stream *s, struct cxms_rng *rng)
{
	return (uint64_t)(-log(1 - cxms_rng_unit(rng)) * s->pause_ps);
}

static void first_due(struct stream *s, size_t n, size_t *who, uint32_t *slot)
{
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < s[i].outstanding; k++)
			if (s[i].due[k] < least) {
				least = s[i].due[k];
				*who = i;
				*slot = k;
			}
}

static void run(struct stream *s, size_t n)
{
	struct cxms_topo *topo = NULL;
	struct cxms_fabric fabric = {0};
	struct cxms_net *net = NULL;
	struct cxms_rng rng;
	assert_int_equal(cxms_topo_load_mem("pool", pool, strlen(pool), &topo, NULL), 0);
	assert_int_equal(cxms_fabric_build(topo, 110e3, &fabric, NULL), 0);
	const struct cxms_net_cfg cfg = {.fabric = &fabric,
					 .link_credits = CXMS_NET_LINK_CREDITS,
					 .device_credits = CXMS_NET_DEVICE_CREDITS};
	assert_int_equal(cxms_net_new(&cfg, &net, NULL), 0);
	cxms_rng_init(&rng, 17);
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < s[i].outstanding; k++)
			s[i].due[k] = cxms_rng_below(&rng, 1000 * NS);
	for (;;) {
		size_t i = 0;
		uint32_t k = 0;
		first_due(s, n, &i, &k);
		uint64_t at = s[i].due[k], latency;
		if (at >= END_PS)
			break;
		latency = cxms_net_request(net, 1, s[i].writes,
					   cxms_rng_below(&rng, 1u << 30) & ~63ull, at);
		s[i].due[k] = at + latency + pause(&s[i], &rng);
		s[i].lines += at >= FROM_PS;
		s[i].latency_ps += at >= FROM_PS ? (double)latency : 0;
	}
	assert_int_equal(cxms_net_check(net, NULL), 0);
	cxms_net_free(net);
	cxms_fabric_fini(&fabric);
	cxms_topo_free(topo);
}

static double bandwidth(const struct stream *s)
{
	return s->lines * LINE / (double)(END_PS - FROM_PS) * 1e12;
}

static double latency_ns(const struct stream *s)
{
	return s->latency_ps / s->lines / NS;
}

static void expect(const char *what, double got, double published)
{
	print_message("%s: %.4g, published %.4g (%+.1f %%)\n", what, got, published,
		      100 * (got / published - 1));
	assert_true(fabs(got / published - 1) <= TOLERANCE);
}

/* A stream of 4 KiB requests has 64 lines outstanding where one of 64 B has one. */
static void test_share_is_proportional_to_outstanding(void **state)
{
	struct stream s[2] = {{.outstanding = 1}, {.outstanding = 64}};
	struct stream both[2] = {{.outstanding = 64}, {.outstanding = 64}};
	(void)state;
	run(s, 2);
	expect("share of 4 KiB against 64 B",
	       bandwidth(&s[1]) / (bandwidth(&s[0]) + bandwidth(&s[1])), 0.978);
	run(both, 2);
	expect("two 4 KiB readers, each GB/s", bandwidth(&both[0]) / 1e9, 10.6);
	assert_true(fabs(bandwidth(&both[0]) / bandwidth(&both[1]) - 1) < 0.02);
	struct stream writers[2] = {{.outstanding = 64, .writes = true},
				    {.outstanding = 64, .writes = true}};
	run(writers, 2);
	expect("two 4 KiB writers, each GB/s", bandwidth(&writers[0]) / 1e9, 11.0);
}

/* Little: 22 GB/s for 1624 ns hold 558 lines. The victim keeps one core's 16 of them. */
static void test_readers_at_saturation(void **state)
{
	struct stream alone = {.outstanding = 16};
	struct stream s[2] = {{.outstanding = 16},
			      {.outstanding = (uint32_t)(PORT / LINE * 1624e-9) - 16}};
	(void)state;
	run(&alone, 1);
	assert_true(fabs(latency_ns(&alone) - IDLE_NS) < 0.1 * IDLE_NS);
	run(s, 2);
	expect("latency at saturation, ns", latency_ns(&s[0]), 1624);
	expect("bandwidth of the victim lost, %", 100 * (1 - bandwidth(&s[0]) / bandwidth(&alone)),
	       82.6);
}

/* Share of the port in use at which a chase is slowed by 3 %, what a measurement tells from noise.
 */
static double onset(void)
{
	struct stream alone = {.outstanding = 1};
	double before = 0, slow_before = 1;
	run(&alone, 1);
	for (unsigned step = 1; step <= 20; step++) {
		struct stream s[2] = {{.outstanding = 1}, {.outstanding = 64}};
		double u = step * 0.04;
		s[1].pause_ps = fmax(0, 64 * LINE / (u * PORT) * 1e12 - IDLE_NS * NS);
		run(s, 2);
		double slow = latency_ns(&s[0]) / latency_ns(&alone);
		double load = (bandwidth(&s[0]) + bandwidth(&s[1])) / PORT;
		if (slow >= 1.03)
			return before +
			       (load - before) * (1.03 - slow_before) / (slow - slow_before);
		before = load;
		slow_before = slow;
	}
	return 1;
}

static void test_victim_slows_from_a_third_of_the_load(void **state)
{
	(void)state;
	expect("load from which a victim slows", onset(), 0.30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_is_proportional_to_outstanding),
		cmocka_unit_test(test_readers_at_saturation),
		cmocka_unit_test(test_victim_slows_from_a_third_of_the_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A topology as servers and paths. */
#include "play.h"

#include <math.h>
#include <stdio.h>

#include "sim/fabric.h"
#include "sim/place_split.h"

#define HEAD  "schema: 1\nhost:\n  cpu: {l1d_mshrs: 12, l2_mshrs: 40, rob: 300}\n"
#define LOCAL "  local: {latency: 105ns, bandwidth: {total: 100GB/s}, capacity: 64GiB}\n"

static void build(const char *yaml, struct cxms_topo **topo, struct cxms_fabric *f)
{
	*topo = play_topology(yaml);
	assert_int_equal(cxms_fabric_build(*topo, 99e3, f, NULL), 0);
}

static bool passes(const struct cxms_fabric *f, size_t target, size_t server)
{
	for (size_t i = 0; i < f->target[target].n_server; i++)
		if (f->target[target].server[i] == server)
			return true;
	return false;
}

static bool is(double a, double b)
{
	return fabs(a - b) < 1e-9 * fmax(1, fabs(b));
}

static void test_paths_and_latencies(void **state)
{
	struct cxms_topo *topo;
	struct cxms_fabric f;
	(void)state;
	build(HEAD LOCAL
	      "devices:\n"
	      "  s0: {type: switch, upstream: host, latency: 70ns, link: {gen: 5, width: "
	      "16, latency: 5ns}, bandwidth: {total: 50GB/s}}\n"
	      "  s1: {type: switch, upstream: s0, latency: 80ns}\n"
	      "  m0: {type: memdev, upstream: s0, latency: 250ns, capacity: 1GiB, "
	      "bandwidth: {read: 20GB/s}}\n"
	      "  m1: {type: memdev, upstream: s1, latency: 200ns, link: {gen: 5, width: "
	      "8, latency: 3ns}, capacity: 2GiB, bandwidth: unlimited}\n",
	      &topo, &f);
	assert_int_equal(f.n_target, 3);
	assert_true(is(f.l1d_mshrs, 12) && is(f.l2_mshrs, 40));
	assert_string_equal(f.target[0].name, "local");
	assert_string_equal(f.target[2].name, "m1");
	assert_true(is(f.target[0].idle_ps, 105e3));
	assert_true(is(f.target[1].idle_ps, 250e3 + 75e3));
	assert_true(is(f.target[2].idle_ps, 200e3 + 3e3 + 80e3 + 75e3));
	assert_true(is(f.target[1].switch_ps, 75e3));
	assert_true(is(f.target[2].switch_ps, 158e3));
	assert_true(is(f.target[2].capacity_bytes, 2.0 * 1024 * PLAY_MIB));
	/* shared: exactly the servers of s0, its inside and its link */
	unsigned shared = 0;
	for (size_t s = 0; s < f.n_server; s++) {
		assert_false(passes(&f, 0, s) && (passes(&f, 1, s) || passes(&f, 2, s)));
		shared += passes(&f, 1, s) && passes(&f, 2, s);
		if (passes(&f, 1, s) && passes(&f, 2, s) &&
		    f.server[s].kind == CXMS_SERVER_DEVICE) {
			assert_int_equal(f.server[s].shape, CXMS_SHAPE_MD1);
			assert_true(is(f.server[s].total_cap, 50e9));
		}
	}
	assert_int_equal(shared, 2);
	assert_int_equal(f.n_region, 1);
	assert_int_equal(f.region[0].n_target, 2);
	assert_int_equal(f.region[0].target[0], 1);
	assert_int_equal(f.region[0].target[1], 2);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

static void test_a_root_port_is_shared_by_name(void **state)
{
	struct cxms_topo *topo;
	struct cxms_fabric f;
	size_t shared = 0, at = 0;
	(void)state;
	build(HEAD "  local: {latency: auto}\ndevices:\n"
		   "  m0: {type: memdev, upstream: host, root_port: 3, latency: 250ns, capacity: "
		   "1GiB, link: {gen: 5, width: 4}}\n"
		   "  m1: {type: memdev, upstream: host, root_port: 4, latency: 250ns, capacity: "
		   "1GiB, link: {gen: 5, width: 4}}\n"
		   "  m2: {type: memdev, upstream: host, root_port: 3, latency: 250ns, capacity: "
		   "1GiB, link: {gen: 5, width: 8}}\n"
		   "  m3: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB, "
		   "link: {gen: 5, width: 8}}\n",
	      &topo, &f);
	assert_true(is(f.target[0].idle_ps, 99e3)); /* auto: the recording machine's */
	for (size_t s = 0; s < f.n_server; s++) {
		unsigned users = 0;
		for (size_t t = 1; t < f.n_target; t++)
			users += passes(&f, t, s);
		if (users > 1) {
			shared++;
			at = s;
		}
	}
	assert_int_equal(shared, 1);
	assert_true(passes(&f, 1, at) && passes(&f, 3, at));
	assert_true(is(f.server[at].dir_bytes_per_s, cxms_link_usable_bytes_per_s(5, 8, 0, true)));
	cxms_fabric_fini(&f);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* Who states no link adds none to a port, whichever device comes first. */
static void test_a_device_without_link_does_not_widen_its_port(void **state)
{
	static const char *const with = "link: {gen: 5, width: 8}, ";
	(void)state;
	for (int k = 0; k < 3; k++) {
		struct cxms_topo *topo;
		struct cxms_fabric f;
		char yaml[1024];
		snprintf(yaml, sizeof(yaml),
			 HEAD LOCAL
			 "devices:\n  a: {type: memdev, upstream: host, root_port: 0, %slatency: "
			 "250ns, capacity: 1GiB}\n  b: {type: memdev, upstream: host, root_port: "
			 "0, %slatency: 250ns, capacity: 1GiB}\n",
			 k == 0 ? with : "", k == 1 ? with : "");
		build(yaml, &topo, &f);
		size_t port = f.target[1].server[1];
		assert_int_equal(f.target[2].server[1], port);
		if (k < 2)
			assert_true(is(f.server[port].dir_bytes_per_s,
				       cxms_link_usable_bytes_per_s(5, 8, 0, true)));
		else
			assert_true(isinf(f.server[port].dir_bytes_per_s));
		cxms_fabric_fini(&f);
		cxms_topo_free(topo);
	}
}

/* CXL pages are dealt in turn, whatever the policy leaves to them. */
static void test_pages_are_dealt_over_the_region(void **state)
{
	enum { N = 4000 };
	static struct cxms_policy_page page[N];
	struct cxms_topo *topo;
	struct cxms_fabric f;
	struct cxms_placement p;
	(void)state;
	build(HEAD LOCAL "devices:\n"
			 "  a: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}\n"
			 "  b: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}\n"
			 "  c: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}\n"
			 "regions:\n  - {name: r, targets: [c, a, b]}\n",
	      &topo, &f);
	for (size_t i = 0; i < N; i++)
		page[i] = (struct cxms_policy_page){.key = i, .bytes = 4096, .touch_rank = i};
	assert_int_equal(cxms_place_split(&cxms_policy_first_touch, page, N, 25, 1, &f, &p, NULL),
			 0);
	assert_true(is(p.local_pct, 25) && is(p.bytes[0], 1000 * 4096.0));
	for (size_t t = 1; t <= 3; t++)
		assert_true(is(p.bytes[t], 1000 * 4096.0));
	assert_int_equal(p.place_of_page[999], 0);
	assert_int_equal(p.place_of_page[1000], 3); /* c first, as the region says */
	assert_int_equal(p.place_of_page[1001], 1);
	for (size_t i = 1000; i < N; i++) { /* the third page on c is its third */
		uint64_t dpa = 1;
		assert_int_equal(cxms_place_target(&f, &p, i, 5, &dpa), p.place_of_page[i]);
		assert_int_equal(dpa, (i - 1000) / 3 * 4096 + 5 * 64);
	}
	cxms_placement_fini(&p);
	assert_int_equal(cxms_place_split(&cxms_policy_first_touch, page, 0, 25, 1, &f, &p, NULL),
			 0);
	assert_true(is(p.local_pct, 25));
	cxms_placement_fini(&p);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

#define TWO_DEVICES                                                                                \
	"devices:\n"                                                                               \
	"  a: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}\n"                    \
	"  b: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}\n"

static void test_regions_share_pages_by_weight(void **state)
{
	enum { N = 4000 };
	static struct cxms_policy_page page[N];
	struct cxms_topo *topo;
	struct cxms_fabric f;
	struct cxms_placement p;
	(void)state;
	build(HEAD LOCAL TWO_DEVICES "regions:\n  - {name: x, targets: [b], weight: 3}\n"
				     "  - {name: y, targets: [a], weight: 1}\n",
	      &topo, &f);
	assert_true(is(f.target[1].cxl_share, 0.25) && is(f.target[2].cxl_share, 0.75));
	for (size_t i = 0; i < N; i++)
		page[i] = (struct cxms_policy_page){.key = i, .bytes = 4096, .touch_rank = i};
	assert_int_equal(cxms_place_split(&cxms_policy_first_touch, page, N, 0, 1, &f, &p, NULL),
			 0);
	assert_true(is(p.bytes[1], 1000 * 4096.0) && is(p.bytes[2], 3000 * 4096.0));
	unsigned in_x = 0;
	for (unsigned i = 0; i < N; i++) { /* in turn: at any time, to within a page */
		in_x += p.place_of_page[i] == 2;
		assert_true(fabs(in_x - 0.75 * (i + 1)) <= 1);
	}
	cxms_placement_fini(&p);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* Lines of a page lie where the decoder says: evenly, and each in runs of the granularity. */
static void test_a_small_granularity_spreads_each_page(void **state)
{
	static const struct {
		const char *granularity;
		uint64_t bytes;
		unsigned run; /* lines */
	} rows[] = {{"256B", 4096, 4}, {"1KiB", 4096, 16}, {"4KiB", 2 * PLAY_MIB, 64}};
	(void)state;
	for (size_t i = 0; i < PLAY_COUNT(rows); i++) {
		enum { N = 64 };
		static struct cxms_policy_page page[N];
		char yaml[1024];
		struct cxms_topo *topo;
		struct cxms_fabric f;
		struct cxms_placement p;
		snprintf(yaml, sizeof(yaml),
			 HEAD LOCAL TWO_DEVICES
			 "regions:\n  - {name: x, targets: [b, a], granularity: %s}\n",
			 rows[i].granularity);
		build(yaml, &topo, &f);
		for (size_t k = 0; k < N; k++)
			page[k] = (struct cxms_policy_page){
				.key = k, .bytes = rows[i].bytes, .touch_rank = k};
		assert_int_equal(
			cxms_place_split(&cxms_policy_first_touch, page, N, 50, 1, &f, &p, NULL),
			0);
		assert_int_equal(p.n_place, f.n_host_target + 1);
		for (size_t t = 1; t <= 2; t++)
			assert_true(is(p.bytes[t], N / 4 * (double)rows[i].bytes));
		unsigned lines = (unsigned)(rows[i].bytes / 64), on[3] = {0};
		for (size_t k = 0; k < N; k++) {
			uint32_t before = 0;
			for (unsigned line = 0; line < lines; line++) {
				uint64_t dpa = 0;
				uint32_t t = cxms_place_target(&f, &p, k, line, &dpa);
				/* each device is filled line by line, without a gap */
				assert_int_equal(dpa, t ? 64 * on[t] : 0);
				on[t]++;
				assert_int_equal(t == 0, k < N / 2);
				if (line % rows[i].run)
					assert_int_equal(t, before);
				else if (line && t)
					assert_true(t != before);
				before = t;
			}
		}
		assert_int_equal(on[1], on[2]);
		assert_int_equal(on[0], on[1] + on[2]);
		cxms_placement_fini(&p);
		cxms_fabric_fini(&f);
		cxms_topo_free(topo);
	}
}

/* Half of the lines at 200 ns and half at 400 ns: a chase takes as long as at 300 ns. */
static void test_a_spread_page_has_the_mean_latency(void **state)
{
	static const char chase[] = "{duration: 500ms, stall: 0.8, access: chase, page: 2MiB}";
	static const double all_cxl = 0;
	struct cxms_topo *two = play_topology(
		HEAD "  local: {latency: 100ns, bandwidth: unlimited}\ndevices:\n"
		     "  a: {type: memdev, upstream: host, latency: 200ns, capacity: 64GiB, "
		     "bandwidth: unlimited}\n"
		     "  b: {type: memdev, upstream: host, latency: 400ns, capacity: 64GiB, "
		     "bandwidth: unlimited}\n"
		     "regions:\n  - {name: x, targets: [a, b], granularity: 256B}\n");
	struct cxms_topo *one = play_topology(PLAY_TOPO(100, 300));
	struct cxms_result *r = play(chase, 3, two, NULL, &all_cxl, 1);
	struct cxms_result *s = play(chase, 3, one, NULL, &all_cxl, 1);
	(void)state;
	assert_true(fabs(r->split[0].slowdown - s->split[0].slowdown) < 1e-3);
	assert_true(r->split[0].slowdown > 2);
	assert_int_equal(r->split[0].target[1].reads, r->split[0].target[2].reads);
	cxms_result_free(r);
	cxms_result_free(s);
	cxms_topo_free(one);
	cxms_topo_free(two);
}

static size_t find_server(const struct cxms_fabric *f, enum cxms_part part, const char *name,
			  uint32_t host)
{
	size_t found = f->n_server;
	for (size_t v = 0; v < f->n_server; v++)
		if (f->part[v].part == part && !strcmp(f->part[v].name, name) &&
		    f->part[v].host == host) {
			assert_int_equal(found, f->n_server); /* one only */
			found = v;
		}
	assert_true(found < f->n_server);
	return found;
}

static void test_models_become_shapes(void **state)
{
	struct cxms_topo *topo;
	struct cxms_fabric f;
	(void)state;
	build("schema: 1\nhost:\n  local: {latency: 100ns, bandwidth: {total: 100GB/s}, "
	      "model: {type: queue, channels: 8, turnaround: 6ns}}\n"
	      "  bridge: {bandwidth: {total: 80GB/s}}\n"
	      "devices:\n"
	      "  m0: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB, model: fixed, "
	      "bandwidth: {total: 10GB/s}}\n"
	      "  m1: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB, bandwidth: "
	      "{total: 10GB/s}}\n",
	      &topo, &f);
	const struct cxms_server *local = &f.server[find_server(&f, CXMS_PART_LOCAL, "local", 0)];
	assert_int_equal(local->shape, CXMS_SHAPE_QUEUE);
	assert_int_equal(local->channels, 8);
	assert_true(is(local->turnaround_ps, 6e3) && is(local->total_cap, 100e9));
	size_t m0 = find_server(&f, CXMS_PART_DEVICE, "m0", CXMS_PART_SHARED);
	size_t m1 = find_server(&f, CXMS_PART_DEVICE, "m1", CXMS_PART_SHARED);
	assert_int_equal(f.server[m0].shape, CXMS_SHAPE_MD1);
	assert_int_equal(f.server[m1].shape, CXMS_SHAPE_TYPICAL);
	size_t bridge = find_server(&f, CXMS_PART_BRIDGE, "bridge", 0);
	assert_true(is(f.server[bridge].total_cap, 80e9));
	for (size_t t = 0; t < f.n_target; t++) /* local memory as well */
		assert_true(passes(&f, t, bridge));
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* Quantiles as SCHEMA.md has them, summed up. */
static void test_a_tail_adds_its_mean(void **state)
{
	enum { N = 1000000 };
	struct cxms_topo *topo;
	struct cxms_fabric f;
	double sum = 0;
	(void)state;
	build(HEAD "  local: {latency: 105ns, tail: {p99: 120ns, p999: 320ns}}\n"
		   "devices:\n  m0: {type: memdev, upstream: host, latency: 250ns, capacity: "
		   "1GiB, tail: {p99: 60ns, p999: 160ns}}\n",
	      &topo, &f);
	for (unsigned i = 0; i < N; i++) {
		double x = -log((i + 0.5) / N), median = log(2), p99 = log(100), p999 = log(1000);
		sum += x < median ? 0
		       : x < p99  ? 60e3 * (x - median) / (p99 - median)
				  : 60e3 + 100e3 * (x - p99) / (p999 - p99);
	}
	/* a million midpoints miss the last of the tail: 1e-6 of it */
	assert_true(fabs(f.target[1].idle_ps - 250e3 - sum / N) < 1);
	assert_true(fabs(f.target[0].idle_ps - 105e3 - 2 * sum / N) < 2); /* local as well */
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* 30 GB/s at its peak, where it adds 200 ns. */
static const double curve_bytes[] = {1e9, 15e9, 30e9}, curve_ps[] = {250e3, 280e3, 450e3};
static const struct cxms_curve_part curve_part = {
	.read_pct = 100, .n = 3, .bytes_per_s = curve_bytes, .latency_ps = curve_ps};
static const struct cxms_topo_curve curve = {
	.name = "c", .source = "a test", .idle_ps = 250e3, .n_part = 1, .part = &curve_part};

static void build_curve(const char *yaml, bool absolute, struct cxms_topo **topo,
			struct cxms_fabric *f)
{
	static struct cxms_dev dev[4];
	*topo = play_topology(yaml);
	struct cxms_topo with = **topo;
	assert_true(with.n_dev <= PLAY_COUNT(dev));
	memcpy(dev, with.dev, with.n_dev * sizeof(*dev));
	dev[0].memory.model = CXMS_MODEL_CURVE;
	dev[0].memory.curve = &curve;
	dev[0].memory.curve_absolute = absolute;
	with.dev = dev;
	assert_int_equal(cxms_fabric_build(&with, 99e3, f, NULL), 0);
}

#define CURVED                                                                                     \
	HEAD LOCAL "devices:\n  m0: {type: memdev, upstream: host, latency: 250ns, capacity: "     \
		   "1GiB, link: {gen: 5, width: 4}, bandwidth: unlimited}\n"

static void test_a_measured_device_has_its_link_in_the_curve(void **state)
{
	struct cxms_topo *topo;
	struct cxms_fabric f;
	(void)state;
	build_curve(CURVED, false, &topo, &f);
	size_t link = find_server(&f, CXMS_PART_LINK, "m0", 0);
	size_t device = find_server(&f, CXMS_PART_DEVICE, "m0", CXMS_PART_SHARED);
	double peak = cxms_server_peak_bytes_per_s(&f.server[link], 1);
	struct cxms_load half = {0.5 * peak / 64, 0}, over = {1.01 * peak / 64, 0};
	assert_true(cxms_server_wait_ps(&f.server[link], &half) <= 0);
	assert_true(isinf(cxms_server_wait_ps(&f.server[link], &over)));
	/* half of its own capacity, which the link sets, is half of the curve's */
	assert_true(fabs(cxms_server_wait_ps(&f.server[device], &half) - 30e3) < 1);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
	build_curve(CURVED, true, &topo, &f);
	assert_true(is(f.server[device].curve_scale, 1));
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* A device whose file bounds nothing is as slow at its link's end as one that is bounded there. */
static void test_an_unlimited_device_waits_as_its_link_fills(void **state)
{
	static const double mem_ps[] = {99e3, 99e3};
	struct cxms_topo *topo;
	struct cxms_fabric f;
	(void)state;
	build(HEAD LOCAL "devices:\n  m0: {type: memdev, upstream: host, latency: 250ns, capacity: "
			 "1GiB, link: {gen: 5, width: 4}, bandwidth: unlimited}\n",
	      &topo, &f);
	size_t link = find_server(&f, CXMS_PART_LINK, "m0", 0);
	size_t device = find_server(&f, CXMS_PART_DEVICE, "m0", CXMS_PART_SHARED);
	double peak = cxms_server_peak_bytes_per_s(&f.server[link], 1);
	struct cxms_load half = {0.5 * peak / 64, 0};
	assert_true(fabs(cxms_server_wait_ps(&f.server[device], &half) - 25e3) < 1);
	cxms_fabric_fini(&f);
	/* two hosts have a link each to it, and wait for their own, whatever the other one does */
	assert_int_equal(cxms_fabric_build_hosts(topo, mem_ps, 2, &f, NULL), 0);
	device = find_server(&f, CXMS_PART_DEVICE, "m0", CXMS_PART_SHARED);
	for (uint32_t h = 0; h < 2; h++) {
		struct cxms_load all = {1.8 * half.read_lines_per_s, 0};
		link = find_server(&f, CXMS_PART_LINK, "m0", h);
		assert_int_equal(f.part[link].head, device);
		assert_true(cxms_server_wait_ps(&f.server[device], &all) <= 0);
		assert_true(fabs(cxms_server_wire_wait_ps(&f.server[device], &all, &f.server[link],
							  &half) -
				 25e3) < 1);
	}
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* Of a curve that holds writes mostly, the peak of any mix is the cap that the file does not state.
 */
static void test_a_curve_of_writes_is_as_wide_as_it_was_measured(void **state)
{
	static const double wide[] = {1e9, 40e9}, ps[] = {250e3, 450e3};
	static const struct cxms_curve_part part[] = {
		{.read_pct = 0, .n = 2, .bytes_per_s = wide, .latency_ps = ps},
		{.read_pct = 25, .n = 3, .bytes_per_s = curve_bytes, .latency_ps = curve_ps}};
	static const struct cxms_topo_curve writes = {
		.name = "w", .source = "a test", .idle_ps = 250e3, .n_part = 2, .part = part};
	struct cxms_topo *topo = play_topology(
		HEAD LOCAL "devices:\n  m0: {type: memdev, upstream: host, latency: 250ns, "
			   "capacity: 1GiB, bandwidth: {total: 40GB/s}}\n");
	struct cxms_topo with = *topo;
	struct cxms_dev dev = topo->dev[0];
	struct cxms_fabric f;
	(void)state;
	dev.memory.model = CXMS_MODEL_CURVE;
	dev.memory.curve = &writes;
	with.dev = &dev;
	assert_int_equal(with.n_dev, 1);
	assert_int_equal(cxms_fabric_build(&with, 99e3, &f, NULL), 0);
	size_t device = find_server(&f, CXMS_PART_DEVICE, "m0", CXMS_PART_SHARED);
	assert_true(is(f.server[device].curve_scale, 1));
	assert_true(is(cxms_server_peak_bytes_per_s(&f.server[device], 0.25), 30e9));
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

static void test_a_port_that_others_use_waits_before_a_measured_device(void **state)
{
	struct cxms_topo *topo;
	struct cxms_fabric f;
	(void)state;
	build_curve(
		HEAD LOCAL
		"devices:\n  m0: {type: memdev, upstream: host, root_port: 1, latency: 250ns, "
		"capacity: 1GiB, link: {gen: 5, width: 4}}\n  m1: {type: memdev, upstream: "
		"host, root_port: 1, latency: 250ns, capacity: 1GiB, link: {gen: 5, width: 4}}\n",
		false, &topo, &f);
	size_t link = find_server(&f, CXMS_PART_LINK, "m0", 0);
	struct cxms_load half = {0.5 * f.server[link].dir_bytes_per_s / 72, 0};
	assert_true(cxms_server_wait_ps(&f.server[link], &half) > 0);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

/* Links of devices on the host are each host's own; what lies below is one. */
static void test_hosts_share_what_lies_below_their_root_ports(void **state)
{
	const double mem_ps[] = {90e3, 110e3};
	struct cxms_topo *topo = play_topology(
		"schema: 1\nhost:\n  local: {latency: auto}\n  bridge: {bandwidth: {total: "
		"80GB/s}}\ndevices:\n  s0: {type: switch, upstream: host, latency: 70ns, link: "
		"{gen: 5, width: 16}}\n  m0: {type: memdev, upstream: s0, latency: 250ns, "
		"capacity: 1GiB, link: {gen: 5, width: 8}}\n  m1: {type: memdev, upstream: host, "
		"latency: 250ns, capacity: 1GiB, link: {gen: 5, width: 8}}\n");
	struct cxms_fabric f;
	(void)state;
	assert_int_equal(cxms_fabric_build_hosts(topo, mem_ps, 2, &f, NULL), 0);
	assert_int_equal(f.n_target, 6);
	assert_int_equal(f.n_host_target, 3);
	for (uint32_t h = 0; h < 2; h++) {
		size_t first = h * f.n_host_target;
		assert_true(is(f.target[first].idle_ps, mem_ps[h]));
		assert_true(is(f.target[first + 1].idle_ps, 320e3));
		assert_true(passes(&f, first, find_server(&f, CXMS_PART_LOCAL, "local", h)));
		assert_true(passes(&f, first + 1, find_server(&f, CXMS_PART_LINK, "s0", h)));
		assert_true(passes(&f, first + 2, find_server(&f, CXMS_PART_LINK, "m1", h)));
	}
	/* what a target of each host has in common, by name */
	static const char *const shared[2][3] = {{"s0", "m0", "m0"}, {"m1"}};
	for (size_t t = 1; t <= 2; t++) {
		unsigned n = 0;
		for (size_t v = 0; v < f.n_server; v++)
			if (passes(&f, t, v) && passes(&f, 3 + t, v)) {
				assert_int_equal(f.part[v].host, CXMS_PART_SHARED);
				assert_string_equal(f.part[v].name, shared[t - 1][n++]);
			}
		assert_int_equal(n, t == 1 ? 3 : 1);
	}
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_and_latencies),
		cmocka_unit_test(test_a_root_port_is_shared_by_name),
		cmocka_unit_test(test_a_device_without_link_does_not_widen_its_port),
		cmocka_unit_test(test_pages_are_dealt_over_the_region),
		cmocka_unit_test(test_regions_share_pages_by_weight),
		cmocka_unit_test(test_a_small_granularity_spreads_each_page),
		cmocka_unit_test(test_a_spread_page_has_the_mean_latency),
		cmocka_unit_test(test_models_become_shapes),
		cmocka_unit_test(test_a_tail_adds_its_mean),
		cmocka_unit_test(test_a_measured_device_has_its_link_in_the_curve),
		cmocka_unit_test(test_an_unlimited_device_waits_as_its_link_fills),
		cmocka_unit_test(test_a_curve_of_writes_is_as_wide_as_it_was_measured),
		cmocka_unit_test(test_a_port_that_others_use_waits_before_a_measured_device),
		cmocka_unit_test(test_hosts_share_what_lies_below_their_root_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

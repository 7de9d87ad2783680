/* A topology as servers and paths. */
#include "play.h"

#include <math.h>

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
	assert_int_equal(f.rob, 300);
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
	assert_int_equal(f.n_interleave, 2);
	assert_int_equal(f.interleave[0], 1);
	assert_int_equal(f.interleave[1], 2);
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
	assert_int_equal(p.target_of_page[999], 0);
	assert_int_equal(p.target_of_page[1000], 3); /* c first, as the region says */
	assert_int_equal(p.target_of_page[1001], 1);
	cxms_placement_fini(&p);
	assert_int_equal(cxms_place_split(&cxms_policy_first_touch, page, 0, 25, 1, &f, &p, NULL),
			 0);
	assert_true(is(p.local_pct, 25));
	cxms_placement_fini(&p);
	cxms_fabric_fini(&f);
	cxms_topo_free(topo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_and_latencies),
		cmocka_unit_test(test_a_root_port_is_shared_by_name),
		cmocka_unit_test(test_pages_are_dealt_over_the_region),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

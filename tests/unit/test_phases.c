/* Capacity that comes and goes: where pages lie, and what moving them costs. */
#include "play.h"

#include <math.h>

#include "sim/fabric.h"
#include "sim/phases.h"
#include "sim/place_split.h"

#define HEAD                                                                                       \
	"schema: 1\nhost:\n  cpu: {l1d_mshrs: 16, l2_mshrs: 48, rob: 512}\n"                       \
	"  local: {latency: 100ns, bandwidth: {total: 100GB/s}}\ndevices:\n"
#define DEVICE "  mem0: {type: memdev, upstream: host, latency: 300ns, bandwidth: {total: 20GB/s}, "
#define N      1024u /* pages of 1 MiB */

static struct cxms_policy_page page[N];
static struct cxms_topo *topo;
static struct cxms_fabric fabric;
static struct cxms_placement asked;

static void set_up(const char *yaml, double pct)
{
	topo = play_topology(yaml);
	assert_int_equal(cxms_fabric_build(topo, 100e3, &fabric, NULL), 0);
	for (size_t i = 0; i < N; i++)
		page[i] =
			(struct cxms_policy_page){.key = i, .bytes = PLAY_MIB, .touch_rank = N - i};
	assert_int_equal(
		cxms_place_split(&cxms_policy_first_touch, page, N, pct, 1, &fabric, &asked, NULL),
		0);
}

static void tear_down(struct cxms_phases *p)
{
	cxms_phases_fini(p);
	cxms_placement_fini(&asked);
	cxms_fabric_fini(&fabric);
	cxms_topo_free(topo);
}

static struct cxms_phases phases(const char *host, double scale)
{
	struct cxms_phases p;
	assert_int_equal(cxms_phases_build(topo, host, &fabric, page, N, scale, &asked, &p, NULL),
			 0);
	return p;
}

static void test_no_extents_no_phases(void **state)
{
	(void)state;
	set_up(HEAD DEVICE "capacity: 1GiB}\n", 0);
	struct cxms_phases p = phases(NULL, 1);
	assert_int_equal(p.n, 0);
	assert_null(cxms_extents_of_others(topo, NULL));
	tear_down(&p);
}

static void test_pages_take_the_room_there_is(void **state)
{
	static const struct {
		double at_ns, mib; /* on CXL */
		uint64_t promotions, demotions;
	} want[] = {{0, 256, 0, 0}, {1e9, 768, 0, 512}, {2e9, 512, 256, 0}, {3e9, 768, 0, 256}};
	(void)state;
	set_up(HEAD DEVICE "capacity: 64GiB, extents: [{at: 0s, add: 256MiB}, {at: 1s, add: "
			   "512MiB}, {at: 2s, release: 256MiB}, {at: 3s, add: 1GiB}]}\n",
	       25);
	struct cxms_phases p = phases(NULL, 1);
	assert_int_equal(p.n, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct cxms_phase *at = &p.at[i];
		assert_true(fabs(at->at_ns - want[i].at_ns) < 1);
		assert_true(fabs(at->bytes[1] - want[i].mib * PLAY_MIB) < 1);
		assert_true(fabs(at->bytes[0] + at->bytes[1] - N * (double)PLAY_MIB) < 1);
		assert_true(fabs(at->local_pct - 100 * (1 - want[i].mib / N)) < 1e-9);
		assert_int_equal(at->promotions, want[i].promotions);
		assert_int_equal(at->demotions, want[i].demotions);
		double moved = (double)(at->promotions + at->demotions) * PLAY_MIB;
		assert_true(fabs(at->moved_bytes - moved) < 1);
		/* read at one tier's rate, written at the other's, and 2 us a page */
		double ns = moved / 100e9 * 1e9 + moved / 20e9 * 1e9 +
			    2000 * (double)(at->promotions + at->demotions);
		assert_true(fabs(at->move_ns - ns) < 1e-6 * ns + 1e-9);
		/* never a page that was not asked to be there */
		for (size_t k = 0; k < N; k++)
			assert_true(at->place_of_page[k] == 0 ||
				    at->place_of_page[k] == asked.place_of_page[k]);
	}
	tear_down(&p);
}

/* Pages that no sample named want room as well: twice the bytes, half of the known pages. */
static void test_unknown_pages_need_room(void **state)
{
	(void)state;
	set_up(HEAD DEVICE "capacity: 64GiB, extents: [{at: 1s, add: 512MiB}]}\n", 0);
	struct cxms_phases p = phases(NULL, 2);
	assert_int_equal(p.n, 2);
	assert_true(p.at[0].bytes[1] <= 0);
	assert_true(fabs(p.at[1].bytes[1] - 256.0 * PLAY_MIB) < 1);
	assert_true(fabs(p.at[1].moved_bytes - 512.0 * PLAY_MIB) < 1);
	tear_down(&p);
}

static void test_extents_go_to_the_host_they_name(void **state)
{
	(void)state;
	set_up(HEAD DEVICE "capacity: 64GiB, logical: [{host: a, capacity: 32GiB}, {host: b, "
			   "capacity: 16GiB}], extents: [{at: 1s, add: 512MiB, host: a}, {at: 2s, "
			   "add: 256MiB, host: b}]}\n",
	       0);
	struct cxms_phases a = phases("a", 1), b = phases("b", 1), none = phases(NULL, 1);
	assert_int_equal(a.n, 2);
	assert_true(fabs(a.at[1].at_ns - 1e9) < 1);
	assert_true(fabs(a.at[1].bytes[1] - 512.0 * PLAY_MIB) < 1);
	assert_int_equal(b.n, 2);
	assert_true(fabs(b.at[1].at_ns - 2e9) < 1);
	assert_true(fabs(b.at[1].bytes[1] - 256.0 * PLAY_MIB) < 1);
	assert_int_equal(none.n, 1);
	assert_true(none.at[0].local_pct >= 100);
	assert_null(cxms_extents_of_others(topo, "a"));
	assert_string_equal(cxms_extents_of_others(topo, NULL), "mem0");
	assert_true(fabs(cxms_host_share_bytes(topo, "b", 1) - 0x1p34) < 1);
	assert_true(isinf(cxms_host_share_bytes(topo, NULL, 1)));
	cxms_phases_fini(&a);
	cxms_phases_fini(&b);
	tear_down(&none);
}

/*
 * A chase that is slowed 2.8 times while its memory is on CXL, from 0.5 s to 1 s of the simulated
 * run, of which it waits for its pages first: the rest, divided by 2.8, is its work there. Pages
 * that come back cost as much, after that.
 */
static void test_a_run_through_phases_follows_the_closed_form(void **state)
{
	static const double pct = 0;
	(void)state;
	topo = play_topology(HEAD DEVICE "capacity: 64GiB, model: fixed, extents: [{at: 500ms, "
					 "add: 256MiB}, {at: 1s, release: 256MiB}]}\n");
	struct cxms_result *r =
		play("{duration: 1s, stall: 0.9, access: chase, page: 2MiB, footprint: 256MiB}", 3,
		     topo, NULL, &pct, 1);
	const struct cxms_split_result *s = &r->split[0];
	double bytes = 2 * 256.0 * PLAY_MIB, moved = bytes * (1 / 100e9 + 1 / 20e9) + 256 * 2e-6;
	double there = 0.5 - moved / 2, want = 0.5 + 0.5 + (0.5 - there / 2.8) + moved / 2;
	print_message("%g s, want %g s\n", (double)s->time_ns * 1e-9, want);
	/* samples are 5000, of which an epoch has 400: borders of phases are met by fractions */
	assert_true(fabs((double)s->time_ns * 1e-9 - want) < 0.004 * want);
	assert_int_equal(s->promotions, 128);
	assert_int_equal(s->demotions, 128);
	assert_int_equal(s->migrated_bytes, 512 * PLAY_MIB);
	assert_true(fabs((double)s->causes_ns[CXMS_CAUSE_MIGRATION] * 1e-9 - moved) < 0.01 * moved);
	assert_true(fabs(s->local_pct - 100 * (1 - 0.5 / want)) < 0.2);
	assert_int_equal(r->status, CXMS_STATUS_COMPLETE);
	cxms_result_free(r);
	cxms_topo_free(topo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_extents_no_phases),
		cmocka_unit_test(test_pages_take_the_room_there_is),
		cmocka_unit_test(test_unknown_pages_need_room),
		cmocka_unit_test(test_extents_go_to_the_host_they_name),
		cmocka_unit_test(test_a_run_through_phases_follows_the_closed_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

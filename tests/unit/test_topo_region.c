#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "shown.h"
#include "topo/draw.h"
#include "topo/topo.h"

#define GIB (1ull << 30)

/* Sixteen memdevs of 4 GiB, m0 .. m15, and @rest; odd capacities for m1 and m2 when @uneven. */
static struct cxms_topo *load(bool uneven, const char *rest)
{
	struct cxms_buf text = {0};
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	cxms_buf_printf(&text, "schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n");
	for (int i = 0; i < 16; i++)
		cxms_buf_printf(&text,
				"  m%d: {type: memdev, upstream: host, latency: 250ns, capacity: "
				"%dGiB}\n",
				i, uneven && (i == 1 || i == 2) ? i : 4);
	cxms_buf_printf(&text, "%s", rest);
	if (cxms_topo_load_mem("test.yaml", text.data, text.len, &t, &err) < 0)
		fail_msg("%s", err.msg);
	cxms_buf_fini(&text);
	return t;
}

static void assert_weight(const struct cxms_region *r, double want)
{
	assert_true(r->weight >= want && r->weight <= want);
}

/* What `topo show` prints loads to the same regions and placement. */
static void assert_shown_and_read_again(const struct cxms_topo *t)
{
	struct cxms_topo *again = shown_and_read_again(t);
	assert_int_equal(again->n_region, t->n_region);
	for (size_t i = 0; i < t->n_region; i++) {
		const struct cxms_region *a = &t->region[i], *b = &again->region[i];
		assert_string_equal(a->name, b->name);
		assert_int_equal(a->n_target, b->n_target);
		assert_memory_equal(a->target, b->target, a->n_target * sizeof(*a->target));
		assert_int_equal(a->granularity_bytes, b->granularity_bytes);
		assert_weight(b, a->weight);
	}
	assert_int_equal(again->local_weight, t->local_weight);
	assert_string_equal(again->policy ? again->policy : "", t->policy ? t->policy : "");
	assert_int_equal(again->n_split, t->n_split);
	for (size_t i = 0; i < t->n_split; i++)
		assert_memory_equal(&again->split_pct[i], &t->split_pct[i], sizeof(double));
	cxms_topo_free(again);
}

#define REST8 "m8, m9, m10, m11, m12, m13, m14, m15"

static const struct {
	const char *regions;
	size_t n;
	size_t ways[4];
	uint64_t granularity[4];
} region_rows[] = {
	{"[{name: a, granularity: 256B, targets: [m0, m1, m2, m3, m4, m5, m6, m7, " REST8 "]}]",
	 1,
	 {16},
	 {256}},
	{"[{name: a, granularity: 512B, targets: [m0, m1, m2, m3, " REST8
	 "]}, {name: b, targets: [m4, m5, m6, m7], granularity: 1KiB}]",
	 2,
	 {12, 4},
	 {512, 1024}},
	{"[{name: a, granularity: 2KiB, targets: [" REST8
	 "]}, {name: b, targets: [m2, m3, m4, m5, m6, m7]}, {name: c, targets: [m1, m0], "
	 "granularity: 16KiB}]",
	 3,
	 {8, 6, 2},
	 {2048, 4096, 16384}},
	{"[{name: a, granularity: 8KiB, targets: [m2, m3, m4, m5, " REST8
	 "]}, {name: b, targets: [m7, m1, m6]}, {name: c, targets: [m0]}]",
	 3,
	 {12, 3, 1},
	 {8192, 4096, 4096}},
};

static void test_every_way_and_granularity_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(region_rows) / sizeof(region_rows[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), "regions: %s\n", region_rows[i].regions);
		struct cxms_topo *t = load(false, text);
		assert_int_equal(t->n_region, region_rows[i].n);
		for (size_t r = 0; r < region_rows[i].n; r++) {
			assert_int_equal(t->region[r].n_target, region_rows[i].ways[r]);
			assert_int_equal(t->region[r].granularity_bytes,
					 region_rows[i].granularity[r]);
			/* not stated: its capacity */
			assert_weight(&t->region[r], (double)(4 * GIB * region_rows[i].ways[r]));
		}
		assert_shown_and_read_again(t);
		cxms_topo_free(t);
	}
}

/* Two targets of 1 and 4 GiB interleave 2 GiB; without regions all capacity counts. */
static void test_a_region_has_its_smallest_target_everywhere(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load(true, "regions: [{name: a, targets: [m1, m0]}, {name: b, targets: "
			   "[m2, m3, m4, m5]}, {name: c, targets: [m6, m7]}, {name: "
			   "d, targets: [" REST8 "]}]\n");
	assert_weight(&t->region[0], 2.0 * GIB);
	assert_weight(&t->region[1], 8.0 * GIB);
	assert_weight(&t->region[2], 8.0 * GIB);
	assert_weight(&t->region[3], 32.0 * GIB);
	cxms_topo_free(t);
	t = load(true, "");
	assert_int_equal(t->n_region, 1);
	assert_string_equal(t->region[0].name, "all");
	assert_int_equal(t->region[0].n_target, 16);
	assert_weight(&t->region[0], 59.0 * GIB);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

#define TWO                                                                                        \
	"regions: [{name: a, targets: [m0, m1, m2, m3, m4, m5, m6, m7]}, {name: b, targets: "      \
	"[" REST8 "]}]\n"

static void test_stated_weights_of_regions_are_kept(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load(false, "regions: [{name: a, targets: [m0, m1, m2, m3, m4, m5, m6, "
			    "m7], weight: 0.1}, {name: b, targets: [" REST8 "], weight: 3}]\n");
	assert_weight(&t->region[0], 0.1);
	assert_weight(&t->region[1], 3);
	assert_int_equal(t->local_weight, 0);
	assert_null(t->policy);
	assert_int_equal(t->n_split, 0);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

static void test_weights_give_policy_and_split(void **state)
{
	(void)state;
	static const struct {
		const char *rest;
		uint32_t local;
		double a, b, pct; /* b < 0: one region */
	} rows[] = {
		{"placement: {weights: {local: 3, all: 1}}\n", 3, 1, -1, 75},
		{"placement: {weights: {all: 255, local: 1, x-why: none}}\n", 1, 255, -1,
		 100.0 / 256},
		{TWO "placement: {weights: {local: 5, b: 2, a: 1}}\n", 5, 1, 2, 62.5},
		{TWO "placement: {weights: {local: 1, b: 1, a: 1}, policy: weighted-interleave}\n",
		 1, 1, 1, 100.0 / 3},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *t = load(false, rows[i].rest);
		assert_string_equal(t->policy, "weighted-interleave");
		assert_int_equal(t->local_weight, rows[i].local);
		assert_weight(&t->region[0], rows[i].a);
		if (rows[i].b > 0)
			assert_weight(&t->region[1], rows[i].b);
		assert_int_equal(t->n_split, 1);
		/* one rounding of a double apart at most */
		assert_true(t->split_pct[0] > rows[i].pct * (1 - 1e-15) &&
			    t->split_pct[0] < rows[i].pct * (1 + 1e-15));
		assert_shown_and_read_again(t);
		cxms_topo_free(t);
	}
}

/* Files round, and 100 is what every other split is compared with. */
static void test_splits_that_agree_with_weights_are_kept(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load(false, TWO "placement: {weights: {local: 1, a: 1, b: 1}, splits: "
				"[100, 33.33]}\n");
	assert_int_equal(t->n_split, 2);
	assert_true(t->split_pct[1] > 33.32 && t->split_pct[1] < 33.331);
	assert_shown_and_read_again(t);
	cxms_topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_and_granularity_is_read),
		cmocka_unit_test(test_a_region_has_its_smallest_target_everywhere),
		cmocka_unit_test(test_stated_weights_of_regions_are_kept),
		cmocka_unit_test(test_weights_give_policy_and_split),
		cmocka_unit_test(test_splits_that_agree_with_weights_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "sim/exact_host.h"
#include "topo/topo.h"

#define CPU "{cores: 8, rob: 224}"
#define L1I "{size: 32KiB, ways: 8}"
#define L1D "{size: 32KiB, ways: 8, latency: 4cyc, prefetch: next-line}"
#define L2                                                                                         \
	"{size: 1MiB, ways: 16, latency: 14cyc, replacement: plru, prefetch: [next-line, stride]}"
#define LLC "{size: 22MiB, ways: 11, latency: 70cyc, inclusive: true}"
#define TLB "{l1: 64, l2: 1536, page: 2MiB}"

static struct cxms_topo *load(const char *cpu, const char *l1i, const char *l1d, const char *l2,
			      const char *llc, const char *tlb)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	char text[1000];
	snprintf(text, sizeof(text),
		 "schema: 1\nhost:\n  cpu: %s\n  caches: {l1i: %s, l1d: %s, l2: %s, llc: %s}\n"
		 "  tlb: %s\n  local: {latency: 100ns}\ndevices: {m: {type: memdev, upstream: "
		 "host, latency: 250ns, capacity: 1GiB}}\n",
		 cpu, l1i, l1d, l2, llc, tlb);
	if (cxms_topo_load_mem("t.yaml", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static void test_what_the_topology_says_is_simulated(void **state)
{
	(void)state;
	struct cxms_topo *t = load(CPU, L1I, L1D, L2, LLC, TLB);
	struct cxms_exact_cfg x;
	assert_int_equal(cxms_exact_of_host(t, &x, NULL), 0);
	assert_int_equal(x.cores, 8);
	assert_int_equal(x.window, 224);
	assert_int_equal(x.cache[CXMS_EXACT_L1I].size_bytes, 32 << 10);
	assert_int_equal(x.cache[CXMS_EXACT_L1D].ways, 8);
	assert_int_equal(x.cache[CXMS_EXACT_L1D].n_prefetch, 1);
	assert_int_equal(x.cache[CXMS_EXACT_L1D].prefetch[0].type, CXMS_EXACT_NEXT_LINE);
	assert_true(x.cache[CXMS_EXACT_L2].plru);
	assert_int_equal(x.cache[CXMS_EXACT_L2].n_prefetch, 2);
	assert_int_equal(x.cache[CXMS_EXACT_L2].prefetch[1].type, CXMS_EXACT_STRIDE);
	assert_int_equal(x.cache[CXMS_EXACT_L2].prefetch[1].degree, 1);
	assert_true(x.cache[CXMS_EXACT_LLC].inclusive && x.cache[CXMS_EXACT_LLC].hashed);
	assert_int_equal(x.tlb_l1, 64);
	assert_int_equal(x.tlb_l2, 1536);
	assert_int_equal(x.tlb_page_bytes, 2 << 20);
	assert_int_equal(x.detail_insns, 0);
	assert_false(cxms_exact_differ(&x, &x, NULL));
	cxms_topo_free(t);
	t = load(CPU, L1I, L1D, "none", LLC, "none");
	assert_int_equal(cxms_exact_of_host(t, &x, NULL), 0);
	assert_int_equal(x.cache[CXMS_EXACT_L2].size_bytes, 0);
	assert_int_equal(x.tlb_l1, 0);
	cxms_topo_free(t);
}

static void test_the_first_difference_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *cpu, *l1i, *l1d, *l2, *llc, *tlb, *key, *a, *b;
	} rows[] = {
		{"{cores: 4, rob: 224}", L1I, L1D, L2, LLC, TLB, "host.cpu.cores", "8", "4"},
		{CPU, "{size: 64KiB, ways: 8}", L1D, L2, LLC, TLB, "host.caches.l1i.size", "32KiB",
		 "64KiB"},
		{CPU, L1I, "{size: 32KiB, ways: 4, latency: 4cyc, prefetch: next-line}", L2, LLC,
		 TLB, "host.caches.l1d.ways", "8", "4"},
		{CPU, L1I, "{size: 32KiB, ways: 8, latency: 4cyc}", L2, LLC, TLB,
		 "host.caches.l1d.prefetch", "{type: next-line, degree: 1, distance: 0}", "none"},
		{CPU, L1I, L1D, "none", LLC, TLB, "host.caches.l2", "1MiB", "none"},
		{CPU, L1I, L1D, L2, "{size: 22MiB, ways: 11, latency: 70cyc, inclusive: false}",
		 TLB, "host.caches.llc.inclusive", "true", "false"},
		{CPU, L1I, L1D, L2,
		 "{size: 22MiB, ways: 11, latency: 70cyc, inclusive: true, replacement: plru}", TLB,
		 "host.caches.llc.replacement", "lru", "plru"},
		{CPU, L1I, L1D, L2,
		 "{size: 22MiB, ways: 11, latency: 70cyc, inclusive: true, index: modulo}", TLB,
		 "host.caches.llc.index", "hashed", "modulo"},
		{CPU, L1I, L1D, L2, LLC, "none", "host.tlb", "64", "none"},
		{CPU, L1I, L1D, L2, LLC, "{l1: 64, l2: 0, page: 2MiB}", "host.tlb.l2", "1536",
		 "none"},
		{CPU, L1I, L1D, L2, LLC, "{l1: 64, l2: 1536}", "host.tlb.page", "2MiB", "4KiB"},
	};
	struct cxms_topo *t = load(CPU, L1I, L1D, L2, LLC, TLB);
	struct cxms_exact_cfg a, b;
	struct cxms_exact_diff d;
	assert_int_equal(cxms_exact_of_host(t, &a, NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *u = load(rows[i].cpu, rows[i].l1i, rows[i].l1d, rows[i].l2,
					   rows[i].llc, rows[i].tlb);
		assert_int_equal(cxms_exact_of_host(u, &b, NULL), 0);
		assert_true(cxms_exact_differ(&a, &b, &d));
		assert_string_equal(d.key, rows[i].key);
		assert_string_equal(d.a, rows[i].a);
		assert_string_equal(d.b, rows[i].b);
		cxms_topo_free(u);
	}
	cxms_topo_free(t);
}

static void test_what_changes_no_access_is_no_difference(void **state)
{
	(void)state;
	struct cxms_topo *t = load(CPU, L1I, L1D, L2, LLC, TLB);
	struct cxms_topo *u = load(
		"{cores: 8, rob: 512, frequency: 2GHz}", "{size: 32KiB, ways: 8, latency: 9cyc}",
		"{size: 32KiB, ways: 8, latency: 5cyc, prefetch: {type: next-line, degree: 1}}",
		"{size: 1MiB, ways: 16, latency: 9cyc, replacement: plru, prefetch: [stride, "
		"next-line]}",
		LLC, TLB);
	struct cxms_exact_cfg a, b;
	assert_int_equal(cxms_exact_of_host(t, &a, NULL), 0);
	assert_int_equal(cxms_exact_of_host(u, &b, NULL), 0);
	assert_false(cxms_exact_differ(&a, &b, NULL));
	cxms_topo_free(t);
	cxms_topo_free(u);
}

static void test_more_than_can_be_simulated_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *llc, *message;
	} rows[] = {
		{"{size: 65KiB, ways: 65, latency: 70cyc}",
		 "t.yaml: host.caches.llc.ways is 65, but source exact simulates at most 64; give "
		 "less"},
		{"{size: 64KiB, ways: 64, latency: 70cyc, prefetch: {type: stride, degree: 33}}",
		 "t.yaml: host.caches.llc.prefetch.degree is 33, but source exact simulates at "
		 "most 32; give less"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *t = load(CPU, L1I, L1D, L2, rows[i].llc, TLB);
		struct cxms_exact_cfg x;
		struct cxms_err err = {0};
		assert_int_equal(cxms_exact_of_host(t, &x, &err), -EINVAL);
		assert_string_equal(err.msg, rows[i].message);
		cxms_topo_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_topology_says_is_simulated),
		cmocka_unit_test(test_the_first_difference_is_named),
		cmocka_unit_test(test_what_changes_no_access_is_no_difference),
		cmocka_unit_test(test_more_than_can_be_simulated_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

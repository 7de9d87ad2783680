#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "topo/topo.h"

static struct cxms_topo *load(const char *text)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	if (cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static const char tree[] =
	"schema: 1\n"
	"host: {local: {latency: 107ns}}\n"
	"devices:\n"
	"  near: {type: memdev, upstream: host, latency: 200ns, capacity: 1GiB}\n"
	"  far: {type: memdev, upstream: sw1, link: {gen: 5, width: 8, latency: 3ns}, latency: "
	"250ns, capacity: 1GiB}\n"
	"  mid: {type: memdev, upstream: sw0, latency: 250ns, capacity: 1GiB}\n"
	"  sw1: {type: switch, upstream: sw0, link: {gen: 5, width: 16, latency: 20ns}, latency: "
	"80ns}\n"
	"  sw0: {type: switch, upstream: host, latency: 70ns}\n";

static void test_path_runs_from_memdev_to_root_port(void **state)
{
	(void)state;
	static const struct {
		const char *dev;
		size_t n;
		const char *via[3];
		uint64_t idle_ps;
		const char *why;
	} rows[] = {
		{"near", 1, {"near"}, 200000, "its own latency"},
		{"mid", 2, {"mid", "sw0"}, 320000, "250 + 70"},
		{"far", 3, {"far", "sw1", "sw0"}, 423000, "250 + 3 + 80 + 20 + 70"},
	};
	struct cxms_topo *t = load(tree);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int path[CXMS_TOPO_MAX_DEVICES];
		size_t n = 0;
		int dev = cxms_topo_find(t, rows[i].dev);
		assert_true(dev >= 0);
		cxms_topo_path(t, dev, path, &n);
		assert_int_equal(n, rows[i].n);
		for (size_t k = 0; k < n; k++)
			assert_string_equal(t->dev[path[k]].name, rows[i].via[k]);
		assert_int_equal(cxms_topo_idle_ps(t, dev), rows[i].idle_ps);
	}
	assert_int_equal(cxms_topo_find(t, "nobody"), -ENOENT);
	cxms_topo_free(t);
}

static void test_flits_of_256_bytes_take_time_to_collect(void **state)
{
	static const struct {
		struct cxms_link link;
		uint64_t want_ps;
		const char *why;
	} rows[] = {
		{{.gen = 0, .flit = CXMS_FLIT_256B}, 0, "no link"},
		{{.gen = 5, .width = 16, .flit = CXMS_FLIT_68B}, 0, "what figures hold already"},
		{{.gen = 6, .width = 8, .flit = CXMS_FLIT_256B}, 5875, "2 x 188 B at 64 GB/s"},
		{{.gen = 6, .width = 8, .flit = CXMS_FLIT_256B_LOPT}, 1875, "2 x 60 B at 64 GB/s"},
		{{.gen = 6, .width = 4, .flit = CXMS_FLIT_256B}, 11750, "half as wide"},
		{{.gen = 7, .width = 8, .flit = CXMS_FLIT_256B}, 2937, "a generation on"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (cxms_topo_flit_ps(&rows[i].link) != rows[i].want_ps)
			fail_msg("%s: %" PRIu64 " ps", rows[i].why,
				 cxms_topo_flit_ps(&rows[i].link));
}

static void test_idle_latency_counts_every_flit_on_the_way(void **state)
{
	(void)state;
	struct cxms_topo *t = load(
		"schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n"
		"  m: {type: memdev, upstream: s, link: {gen: 6, width: 8}, latency: 250ns, "
		"capacity: 1GiB}\n"
		"  s: {type: switch, upstream: host, link: {gen: 6, width: 8, flit: 256B-lopt}, "
		"latency: 70ns}\n");
	assert_int_equal(cxms_topo_idle_ps(t, 0), 250000 + 5875 + 70000 + 1875);
	cxms_topo_free(t);
}

static void test_longest_chain_is_walked(void **state)
{
	(void)state;
	struct cxms_buf text = {0};
	cxms_buf_printf(&text, "schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n"
			       "  s0: {type: switch, upstream: host, latency: 1ns}\n");
	for (int i = 1; i < CXMS_TOPO_MAX_DEVICES - 1; i++)
		cxms_buf_printf(&text, "  s%d: {type: switch, upstream: s%d, latency: 1ns}\n", i,
				i - 1);
	cxms_buf_printf(&text,
			"  m: {type: memdev, upstream: s%d, latency: 100ns, capacity: 1GiB}\n",
			CXMS_TOPO_MAX_DEVICES - 2);
	struct cxms_topo *t = load(cxms_buf_text(&text));
	int path[CXMS_TOPO_MAX_DEVICES];
	size_t n = 0;
	cxms_topo_path(t, CXMS_TOPO_MAX_DEVICES - 1, path, &n);
	assert_int_equal(n, CXMS_TOPO_MAX_DEVICES);
	assert_int_equal(path[n - 1], 0);
	assert_int_equal(cxms_topo_idle_ps(t, CXMS_TOPO_MAX_DEVICES - 1), 355000);
	cxms_topo_free(t);
	cxms_buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_runs_from_memdev_to_root_port),
		cmocka_unit_test(test_flits_of_256_bytes_take_time_to_collect),
		cmocka_unit_test(test_idle_latency_counts_every_flit_on_the_way),
		cmocka_unit_test(test_longest_chain_is_walked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

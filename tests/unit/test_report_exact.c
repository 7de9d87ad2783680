/* Reports of results whose source saw every access: no sampling in them, and the same from JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "report/report.h"
#include "sim/result.h"
#include "topo/topo.h"

static struct cxms_target_result target[2][2];
static struct cxms_split_result split[2];

static void fill_split(struct cxms_split_result *s, struct cxms_target_result *t, double local_pct)
{
	*s = (struct cxms_split_result){.policy = "page-interleave",
					.split_kind = "policy",
					.asked_pct = local_pct,
					.local_pct = local_pct,
					.slowdown = local_pct > 50 ? 1 : 1.5,
					.slowdown_lo = local_pct > 50 ? 1 : 1.25,
					.slowdown_hi = local_pct > 50 ? 1 : 1.75,
					.model_half_width = 0.125,
					.time_ns = 1000000,
					.n_target = 2,
					.target = t};
	s->causes_ns[CXMS_CAUSE_COMPUTE] = 1000000;
	t[0] = (struct cxms_target_result){.name = "local", .reads = 1234, .idle_latency_ns = 90};
	t[1] = (struct cxms_target_result){.name = "mem0", .writes = 56, .idle_latency_ns = 250};
}

static void fill_facts(struct cxms_facts *f)
{
	*f = (struct cxms_facts){
		.cpu = "Some CPU",
		.kernel = "6.1.0",
		.source = "exact",
		.source_reason = "exact: asked for",
		.source_caps = CXMS_SRC_LIVE | CXMS_SRC_STORES | CXMS_SRC_EXACT,
		.exact = {.cache = {{.size_bytes = 32768, .ways = 8, .plru = true},
				    {.size_bytes = 49152,
				     .ways = 12,
				     .inclusive = true,
				     .n_prefetch = 2,
				     .prefetch = {{CXMS_EXACT_STRIDE, 8, 3},
						  {CXMS_EXACT_NEXT_LINE, 1, 0}}},
				    {.size_bytes = 0},
				    {.size_bytes = 2 << 20, .ways = 16, .hashed = true}},
			  .tlb_l1 = 64,
			  .tlb_l2 = 1536,
			  .tlb_page_bytes = 4096,
			  .cores = 4,
			  .window = 224,
			  .detail_insns = 10000,
			  .period_insns = 100000,
			  .roi_begin = "begin_here"}};
}

/* Every number has at most six figures, so that it survives "%.6g". */
static struct cxms_result some_result(const struct cxms_topo *const *topo)
{
	static const char *argv[] = {"./work"};
	struct cxms_result r = {
		.totals = {.duration_ns = 5000000,
			   .exit_known = true,
			   .user_ns = 7,
			   .system_ns = 8},
		.n_argv = 1,
		.argv = argv,
		.engine = "window",
		.confidence_pct = 90,
		.n_topo = 1,
		.topo = topo,
		.n_split = 2,
		.split = split,
		.basis = {.n_page = 512, .footprint_bytes = 2 << 20},
		.exact = true,
		.xr = {.insns = 200000,
		       .timed_insns = 20000,
		       .uops = 30000,
		       .loads = 5000,
		       .stores = 3000,
		       .l1d_misses = 400,
		       .l2_misses = 300,
		       .llc_misses = 200,
		       .writebacks = 101,
		       .prefetches = 102,
		       .branches = 40000,
		       .mispredicts = 103,
		       .walks = 104,
		       .roi_entries = 2,
		       .roi_exits = 1,
		       .n_window = 3,
		       .native_ipc = 1.25,
		       .watch_ns = 5000000},
	};
	fill_facts(&r.facts);
	fill_split(&split[0], target[0], 100);
	fill_split(&split[1], target[1], 0);
	return r;
}

static struct cxms_topo *load_topo(void)
{
	static const char text[] =
		"schema: 1\nhost: {cpu: {cores: 4, rob: 224}, caches: {l2: none}, local: {latency: "
		"90ns, bandwidth: unlimited}}\ndevices: {mem0: {type: memdev, upstream: host, "
		"latency: 250ns, capacity: 1GiB, bandwidth: unlimited}}\n";
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	if (cxms_topo_load_mem("t.yaml", text, sizeof(text) - 1, &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static struct cxms_cfg *as_json(const struct cxms_result *r, struct cxms_buf *json)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	assert_int_equal(cxms_report_json(r, json, &err), 0);
	if (cxms_cfg_load_yaml_mem("r.json", json->data, json->len, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
	return cfg;
}

static void test_text_says_what_was_seen(void **state)
{
	static const char *const wanted[] = {
		"watched    for 5.00 ms under Valgrind",
		"200000 instructions, of which 20000 (10.0 %) were timed, in 3 stretches",
		"from begin_here to the end; entered 2 times, left 1 time",
		("of 5000 loads and 3000 stores 400 missed the L1D (5.00 %), 200 the LLC (10 per "
		 "1000 instructions); 101 lines written back, 102 prefetched; 104 page walks"),
		("1.25 instructions a cycle with everything local; 1.5 uops an instruction; 103 "
		 "mispredicted jumps (5.15 per 1000 instructions); 40000 conditional branches"),
		"sees every access in user mode",
		"not modelled: time in the kernel, coherence",
		"L1D 48.0 KiB of 12 ways (lru, inclusive, stride 8+3, next-line 1+0), no L2, LLC "
		"2.00 MiB of 16 ways (lru, hashed)",
		"TLB of 64 and 1536 entries for pages of 4.00 KiB",
		"reorder buffer 224, scheduler 96,",
		"10000 of each 100000 instructions are timed",
		"times are scaled by 10",
		"host.caches.l1i.size = 32KiB",
	};
	static const char *const unwanted[] = {"samples",  "one per", "overhead",
					       "peak RSS", "L_obs",   "ignored"};
	struct cxms_topo *t = load_topo();
	const struct cxms_topo *list[] = {t};
	struct cxms_result r = some_result(list);
	struct cxms_buf out = {0}, flat = {0};
	(void)state;
	cxms_report_text(&r, true, &out);
	for (const char *p = cxms_buf_text(&out); *p; p++) { /* as one line */
		cxms_buf_put_u8(&flat, *p == '\n' ? ' ' : (uint8_t)*p);
		if (*p == '\n')
			p += strspn(p + 1, " ");
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(cxms_buf_text(&flat), wanted[i]))
			fail_msg("no '%s' in\n%s", wanted[i], cxms_buf_text(&out));
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		if (strstr(cxms_buf_text(&flat), unwanted[i]))
			fail_msg("'%s' in\n%s", unwanted[i], cxms_buf_text(&out));
	size_t column = 0;
	for (const char *p = cxms_buf_text(&out); *p; p++) {
		column = *p == '\n' ? 0 : column + 1;
		assert_true(column <= 100);
	}
	cxms_buf_fini(&out);
	cxms_buf_fini(&flat);
	cxms_topo_free(t);
}

/* A result read back has no figures of its topologies: the line of the core is of a fresh one. */
static void drop_core(struct cxms_buf *text)
{
	char *at = strstr((char *)text->data, "\ncore       t.yaml");
	if (!at)
		return;
	char *end = strstr(at, "\nclocks");
	assert_non_null(end);
	memmove(at, end, strlen(end) + 1);
}

static void test_text_from_json_equals_text_of_the_result(void **state)
{
	struct cxms_topo *t = load_topo();
	const struct cxms_topo *list[] = {t};
	struct cxms_result r = some_result(list);
	struct cxms_buf json = {0}, direct = {0}, again = {0};
	struct cxms_cfg *cfg = as_json(&r, &json);
	struct cxms_err err = {0};
	(void)state;
	cxms_report_text(&r, true, &direct);
	assert_int_equal(cxms_report_from_json(cfg, true, &again, &err), 0);
	(void)cxms_buf_text(&direct);
	drop_core(&direct);
	assert_string_equal(cxms_buf_text(&again), (const char *)direct.data);
	cxms_cfg_free(cfg);
	cxms_buf_fini(&json);
	cxms_buf_fini(&direct);
	cxms_buf_fini(&again);
	cxms_topo_free(t);
}

static void test_the_l2_is_told_of_where_there_is_one(void **state)
{
	struct cxms_topo *t = load_topo();
	const struct cxms_topo *list[] = {t};
	struct cxms_result r = some_result(list);
	struct cxms_buf out = {0};
	(void)state;
	r.facts.exact.cache[CXMS_EXACT_L2] =
		(struct cxms_exact_cache){.size_bytes = 1 << 20, .ways = 8};
	cxms_report_text(&r, false, &out);
	assert_non_null(strstr(cxms_buf_text(&out), "(5.00 %), 300 accesses the L2, 200"));
	cxms_buf_fini(&out);
	cxms_topo_free(t);
}

static const char *text_of(const struct cxms_cfg_node *map, const char *key)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	return n && n->text ? n->text : "(absent)";
}

static void test_json_has_an_object_of_its_own(void **state)
{
	struct cxms_topo *t = load_topo();
	const struct cxms_topo *list[] = {t};
	struct cxms_result r = some_result(list);
	struct cxms_buf json = {0};
	struct cxms_cfg *cfg = as_json(&r, &json);
	const struct cxms_cfg_node *root = cxms_cfg_root(cfg), *w, *x, *host;
	(void)state;
	w = cxms_cfg_get(root, "workload");
	assert_string_equal(text_of(w, "native_time_ns"), "null"); /* it ran under the tool */
	assert_string_equal(text_of(w, "user_ns"), "null");
	x = cxms_cfg_get(root, "exact");
	assert_string_equal(text_of(x, "watch_ns"), "5000000");
	assert_string_equal(text_of(x, "llc_misses"), "200");
	assert_string_equal(text_of(x, "local_ipc"), "1.25");
	host = cxms_cfg_get(x, "simulated");
	assert_string_equal(text_of(host, "roi_begin"), "begin_here");
	assert_string_equal(text_of(host, "roi_end"), "null");
	assert_string_equal(text_of(host, "period_insns"), "100000");
	assert_string_equal(text_of(cxms_cfg_get(host, "caches"), "l2"), "null");
	assert_string_equal(text_of(root, "engine"), "window");
	cxms_cfg_free(cfg);
	r.exact = false;
	cxms_buf_clear(&json);
	cfg = as_json(&r, &json);
	assert_null(cxms_cfg_get(cxms_cfg_root(cfg), "exact"));
	cxms_cfg_free(cfg);
	cxms_buf_fini(&json);
	cxms_topo_free(t);
}

static void test_diff_names_no_native_time(void **state)
{
	struct cxms_topo *t = load_topo();
	const struct cxms_topo *list[] = {t};
	struct cxms_result r = some_result(list);
	struct cxms_buf json = {0}, out = {0};
	struct cxms_cfg *cfg = as_json(&r, &json);
	struct cxms_err err = {0};
	(void)state;
	assert_int_equal(cxms_report_diff(cfg, cfg, &out, &err), 0);
	assert_non_null(strstr(cxms_buf_text(&out), "watched for 5.00 ms"));
	assert_null(strstr(cxms_buf_text(&out), "native"));
	cxms_cfg_free(cfg);
	cxms_buf_fini(&json);
	cxms_buf_fini(&out);
	cxms_topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_says_what_was_seen),
		cmocka_unit_test(test_text_from_json_equals_text_of_the_result),
		cmocka_unit_test(test_the_l2_is_told_of_where_there_is_one),
		cmocka_unit_test(test_json_has_an_object_of_its_own),
		cmocka_unit_test(test_diff_names_no_native_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

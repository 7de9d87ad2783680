#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/warn.h"
#include "report/report.h"
#include "sim/result.h"
#include "topo/topo.h"

#define THREADS 11

/* Every number has at most six figures, so that it survives "%.6g". */
struct fixture {
	struct cxms_result r;
	struct cxms_topo topo;
	const struct cxms_topo *list[1];
	struct cxms_split_result split[3];
	struct cxms_thread_result thread[3][THREADS];
	struct cxms_target_result target[3][2];
	struct cxms_assumed assumed[1];
	const char *argv[2];
};

static void fill_split(struct fixture *f, size_t i, double local_pct, double slowdown)
{
	struct cxms_split_result *s = &f->split[i];
	*s = (struct cxms_split_result){.policy = "page-interleave",
					.split_kind = "policy",
					.asked_pct = local_pct,
					.local_pct = local_pct,
					.slowdown = slowdown,
					.slowdown_lo = slowdown - 0.0625,
					.slowdown_hi = slowdown + 0.0625,
					.sampling_half_width = 0.03125,
					.model_half_width = 0.03125,
					.time_ns = 1000000,
					.n_thread = THREADS,
					.thread = f->thread[i],
					.n_target = 2,
					.target = f->target[i],
					.worst_residual = 1e-7};
	s->causes_ns[CXMS_CAUSE_COMPUTE] = 600000;
	s->causes_ns[CXMS_CAUSE_CXL_LATENCY] = 400000;
	for (uint32_t t = 0; t < THREADS; t++)
		s->thread[t] = (struct cxms_thread_result){.pid = 10,
							   .tid = 10 + t,
							   .native_ns = 1000 * (t + 1),
							   .slowdown = slowdown};
	s->target[0] = (struct cxms_target_result){.name = "local",
						   .bytes = 1 << 20,
						   .reads = 1000,
						   .writes = 10,
						   .read_bytes_per_s = 64e6,
						   .write_bytes_per_s = 64e4,
						   .idle_latency_ns = 100,
						   .loaded_latency_ns = 104,
						   .utilization_ratio = 0.25,
						   .stall_ns = 1000};
	s->target[1] = s->target[0];
	s->target[1].name = "mem0";
	s->target[1].loaded_latency_ns = 260;
}

static void fill_basis(struct cxms_basis *b)
{
	*b = (struct cxms_basis){.cpu_ns = 2e6,
				 .user_ns = 1.5e6,
				 .kernel_ns = 5e5,
				 .stall_ns = 1e6,
				 .dram_stall_ns = 75e4,
				 .known_addr_ratio = 0.875,
				 .open_lines = 12.5,
				 .least_lines = 2e6,
				 .read_lines = 3e6,
				 .mem_latency_ns = 100,
				 .walk_ns = 24,
				 .huge_ratio = 0.5,
				 .exposed_waits = 10000,
				 .epoch_ns = 20000000,
				 .n_epoch = 3,
				 .n_thread = THREADS,
				 .n_process = 1,
				 .n_page = 512,
				 .footprint_bytes = 2 << 20,
				 .known_bytes = 2 << 20,
				 .n_site = 1};
	b->site[0] = (struct cxms_site_result){.ip = 0xffffffff81000000,
					       .kind = CXMS_SITE_LOAD,
					       .stall_ns = 5e5,
					       .dram_share = 0.75,
					       .dram_share_lo = 0.5,
					       .dram_share_hi = 1,
					       .footprint_bytes = 1e6,
					       .hidden_ns = 12.5,
					       .mlp = 1.5,
					       .function = "sum\033_all",
					       .function_off = 0x2c,
					       .object = "/opt/lib/libsum.so.1",
					       .object_off = 0x1136,
					       .operand = "-0x8(%rdi,%rax,8)",
					       .how = CXMS_TRAFFIC_COUNTED,
					       .lines = 3e6,
					       .lines_lo = 2e6,
					       .lines_hi = 4e6,
					       .lines_written = 1e6,
					       .counter = "%rax+1",
					       .turns_per_s = 5e7,
					       .turn_pairs = 321};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->assumed[0] =
		(struct cxms_assumed){"host.local.curve", "none", "no curve was given", false};
	f->topo = (struct cxms_topo){.file = "a,b.yaml",
				     .name = "one \"big\" pool",
				     .sha256 = "00ff",
				     .n_assumed = 1,
				     .assumed = f->assumed};
	f->list[0] = &f->topo;
	f->argv[0] = "./work";
	f->argv[1] = "a\033[31m b";
	fill_split(f, 0, 100, 1);
	fill_split(f, 1, 50, 1.25);
	fill_split(f, 2, 0, 1.5);
	struct cxms_result *r = &f->r;
	r->totals = (struct cxms_totals){.duration_ns = 1000000,
					 .exit_known = true,
					 .exit_status = 9, /* killed by signal 9 */
					 .samples = 1000,
					 .lost_samples = 40,
					 .lost_faults = 3,
					 .user_ns = 1500000,
					 .system_ns = 500000,
					 .peak_rss_bytes = 3 << 20};
	strcpy(r->facts.cpu, "Some CPU");
	strcpy(r->facts.kernel, "6.1.0");
	strcpy(r->facts.source, "clock");
	strcpy(r->facts.source_reason, "clock: perf_event_open works");
	r->facts.period_ns = 199999;
	r->facts.mem_latency_ps = 100000;
	r->facts.page_bytes = 4096;
	r->facts.source_caps = 1 | 1u << 6;
	r->n_argv = 2;
	r->argv = f->argv;
	r->overhead_ratio = 0.0125;
	r->seed = 7;
	r->engine = "epoch";
	r->confidence_pct = 90;
	r->n_topo = 1;
	r->topo = f->list;
	r->n_split = 3;
	r->split = f->split;
	fill_basis(&r->basis);
	cxms_warn(&r->warnings, CXMS_W_LOST_SAMPLES, "40 of 1040 samples were lost");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct cxms_cfg *parse(const char *name, struct cxms_buf *json)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	int rc = cxms_cfg_load_yaml_mem(name, json->data, json->len, &cfg, &err);
	assert_string_equal(err.msg, "");
	assert_int_equal(rc, 0);
	return cfg;
}

static struct cxms_cfg *as_json(const char *name, const struct fixture *f)
{
	struct cxms_buf json = {0};
	struct cxms_err err = {0};
	assert_int_equal(cxms_report_json(&f->r, &json, &err), 0);
	struct cxms_cfg *cfg = parse(name, &json);
	cxms_buf_fini(&json);
	return cfg;
}

static void test_json_has_every_key_of_the_schema(void **state)
{
	static const char *const top[] = {"schema",	 "status",	   "tool",	 "workload",
					  "recorded_on", "source",	   "topologies", "engine",
					  "seed",	 "confidence_pct", "results",	 "warnings",
					  "assumed",	 "ignored",	   NULL};
	static const char *const result[] = {
		"topology",	    "policy",	   "split",	  "local_pct",
		"slowdown",	    "slowdown_lo", "slowdown_hi", "sampling_half_width",
		"model_half_width", "time_ns",	   "causes_ns",	  "migration",
		"threads",	    "tenants",	   "targets",	  NULL};
	static const char *const causes[] = {"compute", "kernel",      "blocked",
					     "local",	"cxl_latency", "cxl_bandwidth",
					     "switch",	"migration",   NULL};
	struct cxms_cfg *cfg = as_json("r.json", *state);
	const struct cxms_cfg_node *root = cxms_cfg_root(cfg);
	const struct cxms_cfg_node *first = cxms_cfg_get(root, "results")->child[0];
	for (size_t i = 0; top[i]; i++)
		assert_non_null(cxms_cfg_get(root, top[i]));
	for (size_t i = 0; result[i]; i++)
		assert_non_null(cxms_cfg_get(first, result[i]));
	for (size_t i = 0; causes[i]; i++)
		assert_non_null(cxms_cfg_get(cxms_cfg_get(first, "causes_ns"), causes[i]));
	assert_string_equal(cxms_cfg_get(cxms_cfg_get(root, "workload"), "exit_status")->text,
			    "137");
	const struct cxms_cfg_node *site =
		cxms_cfg_get(cxms_cfg_get(root, "basis"), "sites")->child[0];
	assert_string_equal(cxms_cfg_get(site, "ip")->text, "0xffffffff81000000");
	assert_string_equal(cxms_cfg_get(site, "operand")->text, "-0x8(%rdi,%rax,8)");
	assert_string_equal(cxms_cfg_get(site, "traffic")->text, "counted");
	assert_string_equal(cxms_cfg_get(site, "object")->text, "/opt/lib/libsum.so.1");
	assert_string_equal(cxms_cfg_get(site, "object_offset")->text, "4406");
	cxms_cfg_free(cfg);
}

static void test_json_is_the_same_bytes_twice(void **state)
{
	const struct fixture *f = *state;
	struct cxms_buf a = {0}, b = {0};
	assert_int_equal(cxms_report_json(&f->r, &a, NULL), 0);
	assert_int_equal(cxms_report_json(&f->r, &b, NULL), 0);
	assert_string_equal(cxms_buf_text(&a), cxms_buf_text(&b));
	cxms_buf_fini(&a);
	cxms_buf_fini(&b);
}

static void test_text_from_json_equals_text_of_the_result(void **state)
{
	const struct fixture *f = *state;
	struct cxms_buf direct = {0}, again = {0}, csv = {0}, csv_again = {0};
	struct cxms_err err = {0};
	struct cxms_cfg *cfg = as_json("r.json", f);
	cxms_report_text(&f->r, true, &direct);
	assert_int_equal(cxms_report_from_json(cfg, true, &again, &err), 0);
	assert_string_equal(cxms_buf_text(&again), cxms_buf_text(&direct));
	cxms_report_csv(&f->r, &csv);
	assert_int_equal(cxms_report_csv_from_json(cfg, &csv_again, &err), 0);
	assert_string_equal(cxms_buf_text(&csv_again), cxms_buf_text(&csv));
	cxms_buf_fini(&direct);
	cxms_buf_fini(&again);
	cxms_buf_fini(&csv);
	cxms_buf_fini(&csv_again);
	cxms_cfg_free(cfg);
}

static void test_text_keeps_to_100_columns_and_no_control_bytes(void **state)
{
	const struct fixture *f = *state;
	struct cxms_buf out = {0};
	cxms_report_text(&f->r, true, &out);
	for (const char *line = cxms_buf_text(&out); *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 0, 100);
	assert_null(strchr(cxms_buf_text(&out), '\033'));
	assert_non_null(strstr(cxms_buf_text(&out), "in sum?_all+0x2c of libsum.so.1\n"));
	cxms_buf_fini(&out);
}

static void test_text_names_what_a_reader_needs(void **state)
{
	static const char *const words[] = {
		"./work",	   "exit status 137",
		"40 lost (3.8 %)", "88 % of the memory waits",
		"not modelled:",   "one \"big\" pool",
		"1.250",	   "1.188 .. 1.312",
		"CXL latency",	   "mem0",
		"260 ns",	   "host.local.curve = none",
		"--period",	   "8 with the most CPU",
		"(3 more)",	   NULL,
	};
	const struct fixture *f = *state;
	struct cxms_buf out = {0};
	cxms_report_text(&f->r, false, &out);
	for (size_t i = 0; words[i]; i++)
		if (!strstr(cxms_buf_text(&out), words[i]))
			fail_msg("no '%s' in the report:\n%s", words[i], cxms_buf_text(&out));
	assert_null(strstr(cxms_buf_text(&out), "how these numbers come about"));
	cxms_buf_fini(&out);
}

/* A split cannot be finer than the pages that there are to place. */
static void test_text_tells_how_many_pages_are_known(void **state)
{
	static const struct {
		size_t pages;
		uint64_t known;
		const char *want;
	} rows[] = {
		{512, 2 << 20,
		 "2.00 MiB touched in 512 pages (50 % in huge pages), more by up to 3"},
		{480, 480 * 4096, "2.00 MiB touched in 480 pages (50 % in huge pages), more by"},
		{7, 7 * 4096,
		 "2.00 MiB touched, 28.0 KiB of it in pages that are known: 7 pages ("},
		{0, 0, "2.00 MiB touched, no page of it known: all of it counts as local"},
	};
	struct fixture *f = *state;
	const struct cxms_basis kept = f->r.basis;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf out = {0};
		f->r.basis.n_page = rows[i].pages;
		f->r.basis.known_bytes = rows[i].known;
		cxms_report_text(&f->r, false, &out);
		if (!strstr(cxms_buf_text(&out), rows[i].want))
			fail_msg("no '%s' in the report:\n%s", rows[i].want, cxms_buf_text(&out));
		cxms_buf_fini(&out);
	}
	f->r.basis = kept;
}

/* The exact source numbers the threads of each process from 1. */
static void test_threads_of_one_number_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct cxms_buf out = {0};
	cxms_report_text(&f->r, false, &out);
	assert_null(strstr(cxms_buf_text(&out), "\n  process  "));
	cxms_buf_fini(&out);
	struct cxms_split_result *s = &f->r.split[0];
	const struct cxms_thread_result kept[] = {s->thread[THREADS - 1], s->thread[THREADS - 2]};
	s->thread[THREADS - 1].pid = 4194303;
	s->thread[THREADS - 1].tid = s->thread[THREADS - 2].tid;
	out = (struct cxms_buf){0};
	cxms_report_text(&f->r, false, &out);
	const char *line = strstr(cxms_buf_text(&out), "\n  process  ");
	assert_non_null(line);
	assert_non_null(strstr(line, "   4194303"));
	s->thread[THREADS - 1] = kept[0];
	s->thread[THREADS - 2] = kept[1];
	cxms_buf_fini(&out);
}

/* Who had the CPUs is told where it matters: beside the native time, and of the blocked one. */
static void test_text_tells_of_cpus_that_others_had(void **state)
{
	struct fixture *f = *state;
	struct cxms_split_result *s = &f->split[1];
	struct cxms_buf out = {0};
	cxms_report_text(&f->r, false, &out);
	assert_null(strstr(cxms_buf_text(&out), "CPU taken"));
	assert_null(strstr(cxms_buf_text(&out), "while other programs had"));
	cxms_buf_clear(&out);
	f->r.basis.cpu_taken_ns = 3e6;
	s->causes_ns[CXMS_CAUSE_BLOCKED] = s->cpu_taken_ns = 375000;
	cxms_report_text(&f->r, false, &out);
	assert_non_null(strstr(cxms_buf_text(&out), "; 3.00 ms"));
	assert_non_null(strstr(cxms_buf_text(&out), "  (CPU taken)\n"));
	assert_non_null(strstr(cxms_buf_text(&out), "  migration  (CPU taken)"));
	assert_non_null(strstr(cxms_buf_text(&out), "         37.5\n"));
	f->r.basis.cpu_taken_ns = 0;
	s->causes_ns[CXMS_CAUSE_BLOCKED] = s->cpu_taken_ns = 0;
	cxms_buf_fini(&out);
}

static void test_text_shouts_when_a_self_check_failed(void **state)
{
	struct fixture *f = *state;
	struct cxms_buf out = {0};
	f->r.status = CXMS_STATUS_SELF_CHECK_FAILED;
	cxms_report_text(&f->r, false, &out);
	assert_non_null(strstr(cxms_buf_text(&out), "A SELF-CHECK FAILED"));
	cxms_buf_fini(&out);
}

static void test_csv_quotes_as_rfc_4180(void **state)
{
	const struct fixture *f = *state;
	struct cxms_buf out = {0};
	cxms_report_csv(&f->r, &out);
	const char *row = strchr(cxms_buf_text(&out), '\n') + 1;
	static const char want[] =
		"\"a,b.yaml\",\"one \"\"big\"\" pool\",page-interleave,100,100,1,0.9375,1.0625,"
		"0.03125,0.03125,1000000,600000,0,0,0,400000,0,0,0,0\n";
	assert_memory_equal(row, want, sizeof(want) - 1);
	cxms_buf_fini(&out);
}

static void test_diff_tells_apart_from_overlap(void **state)
{
	struct fixture *f = *state;
	struct cxms_buf out = {0};
	struct cxms_err err = {0};
	struct cxms_cfg *a = as_json("a.json", f);
	f->split[1].slowdown += 0.25; /* 1.25 +- 0.0625 and 1.5 +- 0.0625 */
	f->split[1].slowdown_lo += 0.25;
	f->split[1].slowdown_hi += 0.25;
	f->split[2].asked_pct = 25;
	struct cxms_cfg *b = as_json("b.json", f);
	assert_int_equal(cxms_report_diff(a, b, &out, &err), 0);
	const char *text = cxms_buf_text(&out);
	assert_non_null(strstr(text, "+20.0 %  apart"));
	assert_non_null(strstr(text, "+0.0 %  overlap"));
	assert_non_null(strstr(text, "only in A"));
	assert_non_null(strstr(text, "only in B"));
	assert_non_null(strstr(text, "2 splits compared, 1 with intervals apart"));
	cxms_cfg_free(a);
	cxms_cfg_free(b);
	cxms_buf_fini(&out);
}

static void test_from_json_refuses_what_is_none_of_ours(void **state)
{
	static const struct {
		const char *json, *want, *why;
	} rows[] = {
		{"{}", "is not a result of this version", "no schema at all"},
		{"[1, 2]", "is not a result of this version", "not even an object"},
		{"{\"schema\": \"cxlmemsim-result-2\"}", "is not a result of this version",
		 "a newer schema may mean something else"},
		{"{\"schema\": \"cxlmemsim-result-1\"}", "holds no results", "nothing to show"},
		{"{\"schema\": \"cxlmemsim-result-1\", \"results\": [{\"topology\": 3}]}",
		 "'topology' is 3, but the file has 0", "an index past the end"},
		{"{\"schema\": \"cxlmemsim-result-1\", \"results\": 7}", "'results' must be a list",
		 "wrong type"},
		{"{\"schema\": \"cxlmemsim-result-1\", \"seed\": \"x\", \"status\": \"fine\"}",
		 "'status' must be one of", "every fault is listed"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_buf json = {0}, out = {0};
		struct cxms_err err = {0};
		cxms_buf_printf(&json, "%s", rows[i].json);
		struct cxms_cfg *cfg = parse("x.json", &json);
		if (cxms_report_from_json(cfg, true, &out, &err) != -EINVAL ||
		    !strstr(err.msg, rows[i].want))
			fail_msg("%s: got '%s'", rows[i].why, err.msg);
		assert_int_equal(out.len, 0);
		cxms_cfg_free(cfg);
		cxms_buf_fini(&json);
		cxms_buf_fini(&out);
	}
}

/* As many rows as a sweep may have. */
static void test_a_hundred_thousand_rows_are_read(void **state)
{
	char path[] = "/tmp/cxlmemsim-result.XXXXXX";
	struct cxms_buf csv = {0};
	struct cxms_cfg *cfg = NULL;
	int fd = mkstemp(path);
	FILE *fp = fd < 0 ? NULL : fdopen(fd, "w");
	(void)state;
	assert_non_null(fp);
	fputs("{\"schema\": \"cxlmemsim-result-1\", \"topologies\": [{}], \"results\": [{}", fp);
	for (int i = 1; i < 100000; i++)
		fputs(",\n{}", fp);
	fputs("]}\n", fp);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(cxms_cfg_load_result(path, &cfg, NULL), 0);
	assert_int_equal(cxms_report_csv_from_json(cfg, &csv, NULL), 0);
	size_t lines = 0;
	for (const char *p = cxms_buf_text(&csv); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 100001);
	cxms_cfg_free(cfg);
	cxms_buf_fini(&csv);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_json_has_every_key_of_the_schema, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_json_is_the_same_bytes_twice, setup, teardown),
		cmocka_unit_test(test_a_hundred_thousand_rows_are_read),
		cmocka_unit_test_setup_teardown(test_text_from_json_equals_text_of_the_result,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_keeps_to_100_columns_and_no_control_bytes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_names_what_a_reader_needs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_text_tells_how_many_pages_are_known, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_threads_of_one_number_are_told_apart, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_text_tells_of_cpus_that_others_had, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_text_shouts_when_a_self_check_failed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_csv_quotes_as_rfc_4180, setup, teardown),
		cmocka_unit_test_setup_teardown(test_diff_tells_apart_from_overlap, setup,
						teardown),
		cmocka_unit_test(test_from_json_refuses_what_is_none_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

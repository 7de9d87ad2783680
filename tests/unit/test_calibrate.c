/* From a table of kernels to a predictor that is kept, and the kernels themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "sim/calibrate.h"
#include "source/calib_run.h"
#include "source/calib_store.h"

#define HEAD                                                                                       \
	"kernel,term,fast_ns,slow_ns,fast_latency_ns,slow_latency_ns,cycles,"                      \
	"CYCLE_ACTIVITY.STALLS_L3_MISS,OFFCORE_REQUESTS.DEMAND_DATA_RD,"                           \
	"OFFCORE_REQUESTS_OUTSTANDING.CYCLES_WITH_DEMAND_DATA_RD,comment,"                         \
	"EXE_ACTIVITY.BOUND_ON_STORES\n"

static char dir[] = "/tmp/cxms-test-calib-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) && setenv("XDG_CACHE_HOME", dir, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	unsetenv("CXMS_FSROOT");
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

/* Kernels that follow s/(20/AOL + 0.6) + 0.01 and 0.5 x stores - 0.01 at 150 ns more. */
static void make_table(struct cxms_buf *out)
{
	cxms_buf_printf(out, "# a comment\n" HEAD);
	for (int i = 0; i < 8; i++) {
		double s = 0.2 + 0.05 * (i % 3), aol = 10 << i % 4;
		double slow = 1 + s / (20 / aol + 0.6) + 0.01;

		cxms_buf_printf(out, "k%d,memory,1e9,%.17g,100,250,3e9,%.17g,1e6,%.17g,x,\n", i,
				slow * 1e9, s * 3e9, aol * 1e6);
	}
	for (int i = 0; i < 4; i++) {
		double b = 0.2 + 0.1 * i;

		cxms_buf_printf(out, "s%d,store,1e9,%.17g,100,250,3e9,0,0,0,,%.17g\n", i,
				(1 + 0.5 * b - 0.01) * 1e9, b * 3e9);
	}
}

static void test_a_table_gives_its_coefficients(void **state)
{
	struct cxms_calib *c = calloc(1, sizeof(*c));
	struct cxms_buf text = {0}, shown = {0};
	struct cxms_predictor p;
	struct cxms_err err = {0};

	(void)state;
	make_table(&text);
	assert_int_equal(cxms_calib_parse(cxms_buf_text(&text), c, &err), 0);
	assert_int_equal(c->n, 12);
	assert_true(c->row[0].counts.bound_on_stores < 0); /* an empty field: not counted */
	assert_int_equal(cxms_calib_fit(c, &p, &err), 0);
	assert_true(fabs(p.a - 20) < 1e-6 && fabs(p.b - 0.6) < 1e-8 && fabs(p.d - 0.01) < 1e-8);
	assert_true(fabs(p.store - 0.5) < 1e-8 && fabs(p.store_offset + 0.01) < 1e-8);
	assert_true(p.added_ps == 150e3);
	assert_true(p.points[CXMS_TERM_CACHE] == 0);
	cxms_calib_print(c, &p, &shown);
	assert_non_null(strstr(cxms_buf_text(&shown), "fast memory 100 ns, slow memory 250 ns"));
	assert_non_null(strstr(cxms_buf_text(&shown), "stalls_l3/cycles / (20/AOL + 0.6) + 0.01"));
	cxms_buf_fini(&text);
	cxms_buf_fini(&shown);
	free(c);
}

static void test_tables_that_are_none_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "no kernel was measured"},
		{"# nothing\n\n", "no kernel was measured"},
		{"kernel,term\n", "line 1: column 'fast_ns' is missing"},
		{HEAD "a,memory,1,2\n", "line 2: 4 fields, not 12"},
		{HEAD "\n# c\na,disk,1,2,3,4,5,6,7,8,,\n", "line 4: term 'disk' is none of"},
		{HEAD "a,store,1,2,3,4,x,6,7,8,,\n", "line 2: 'x' is no number of at least 0"},
		{HEAD "a,store,0,2,3,4,5,6,7,8,,\n", "line 2: '0' is no number of at least 1"},
		{HEAD "a,store,1,nan,3,4,5,6,7,8,,\n", "line 2: 'nan' is no number"},
	};
	struct cxms_calib *c = calloc(1, sizeof(*c));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_err err = {0};

		assert_int_equal(cxms_calib_parse(rows[i].text, c, &err), -EINVAL);
		if (!strstr(err.msg, rows[i].want))
			fail_msg("got '%s', want '%s'", err.msg, rows[i].want);
	}
	free(c);
}

static struct cxms_facts machine(void)
{
	return (struct cxms_facts){.cpu = "test", .kernel = "1", .machine = "x", .n_cpu = 2};
}

static void test_what_is_kept_comes_back_to_the_last_digit(void **state)
{
	struct cxms_facts f = machine(), g = machine(), other = machine();
	struct cxms_log log = {0};
	char path[512];
	FILE *fp;

	(void)state;
	for (size_t i = 0; i < sizeof(f.predictor) / sizeof(double); i++)
		((double *)&f.predictor)[i] = 1.0 / (3.0 + (double)i) * (i % 3 ? 1 : 1e-9);
	assert_false(cxms_calib_load(&g, &log));
	assert_int_equal(cxms_calib_save(&f, NULL), 0);
	assert_true(cxms_calib_load(&g, &log));
	assert_memory_equal(&g.predictor, &f.predictor, sizeof(f.predictor));
	snprintf(other.kernel, sizeof(other.kernel), "2");
	assert_false(cxms_calib_load(&other, &log));
	/* cut short: not taken, nothing changed */
	assert_int_equal(cxms_calib_path(&f, path, sizeof(path)), 0);
	fp = fopen(path, "r+");
	assert_non_null(fp);
	assert_int_equal(ftruncate(fileno(fp), 200), 0);
	fclose(fp);
	g = machine();
	assert_false(cxms_calib_load(&g, &log));
	assert_true(g.predictor.added_ps == 0);
}

static void put(const char *path, const char *text)
{
	char full[512];
	FILE *fp;

	snprintf(full, sizeof(full), "%s/root%s", dir, path);
	char *slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(cxms_mkdirs(full, NULL), 0);
	*slash = '/';
	fp = fopen(full, "w");
	assert_non_null(fp);
	fputs(text, fp);
	fclose(fp);
}

static void test_the_most_distant_memory_is_the_slow_one(void **state)
{
#define NODE	    "/sys/devices/system/node/node"
#define FREE(n, kb) "Node " n " MemTotal: 99999999 kB\nNode " n " MemFree: " kb " kB\n"
	struct cxms_calib_nodes nodes = {0};
	struct cxms_err err = {0};
	char root[64];

	(void)state;
	snprintf(root, sizeof(root), "%s/root", dir);
	setenv("CXMS_FSROOT", root, 1);
	assert_int_equal(cxms_calib_find_nodes(-1, &nodes, &err), -ENOTSUP);
	cxms_err_clear(&err);
	put(NODE "0/cpulist", "4-7\n");
	put(NODE "0/distance", "10 21 14\n");
	put(NODE "0/meminfo", FREE("0", "9000000"));
	assert_int_equal(cxms_calib_find_nodes(-1, &nodes, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no second memory"));
	put(NODE "1/cpulist", "8-11\n");
	put(NODE "1/meminfo", FREE("1", "9000000"));
	put(NODE "3/cpulist", "\n"); /* memory only; numbers need not follow one another */
	put(NODE "3/meminfo", FREE("3", "9000000"));
	assert_int_equal(cxms_calib_find_nodes(-1, &nodes, NULL), 0);
	assert_int_equal(nodes.fast, 0);
	assert_int_equal(nodes.slow, 1);
	assert_int_equal(nodes.cpu, 4);
	assert_int_equal(cxms_calib_find_nodes(3, &nodes, NULL), 0);
	assert_int_equal(nodes.slow, 3);
	put(NODE "1/meminfo", FREE("1", "1000")); /* nothing free there */
	assert_int_equal(cxms_calib_find_nodes(-1, &nodes, NULL), 0);
	assert_int_equal(nodes.slow, 3);
	assert_int_equal(cxms_calib_find_nodes(1, &nodes, NULL), -ENOTSUP);
	/* a node without free memory, or without any, has its place among the distances too */
	put(NODE "0/distance", "10 21 14 17\n");
	put(NODE "1/meminfo", FREE("1", "0"));
	put(NODE "4/cpulist", "\n");
	put(NODE "4/meminfo", FREE("4", "9000000"));
	assert_int_equal(cxms_calib_find_nodes(-1, &nodes, NULL), 0);
	assert_int_equal(nodes.slow, 4);
	unsetenv("CXMS_FSROOT");
}

static void test_kernels_compute_the_same_each_time(void **state)
{
	const size_t bytes = 1u << 20;
	void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(area != MAP_FAILED);
	assert_true(cxms_calib_kernel_count() >= 12);
	for (size_t i = 0; i < cxms_calib_kernel_count(); i++) {
		uint64_t first, again, more;

		cxms_calib_kernel_fill(i, area, bytes);
		assert_true(cxms_calib_kernel_run(i, area, bytes, 20000, &first) > 0);
		cxms_calib_kernel_fill(i, area, bytes);
		cxms_calib_kernel_run(i, area, bytes, 20000, &again);
		cxms_calib_kernel_fill(i, area, bytes);
		cxms_calib_kernel_run(i, area, bytes, 40016, &more);
		assert_int_equal(first, again);
		assert_int_not_equal(first, more);
	}
	munmap(area, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_table_gives_its_coefficients),
		cmocka_unit_test(test_tables_that_are_none_are_refused_with_their_line),
		cmocka_unit_test(test_what_is_kept_comes_back_to_the_last_digit),
		cmocka_unit_test(test_the_most_distant_memory_is_the_slow_one),
		cmocka_unit_test(test_kernels_compute_the_same_each_time),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

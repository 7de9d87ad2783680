/* Facts about the machine: read from a captured tree, measured once, kept, and never trusted when
 * damaged. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "source/machine.h"
#include "source/machine_cache.h"
#include "source/machine_chase.h"
#include "source/source.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char scratch[] = "/tmp/cxms-machine-XXXXXX";

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(scratch))
		return -1;
	return setenv("XDG_CACHE_HOME", scratch, 1);
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	return system(command);
}

static void put_file(const char *path, const char *text)
{
	char full[PATH_MAX], *slash;
	FILE *fp;

	snprintf(full, sizeof(full), "%s/root%s", scratch, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(cxms_mkdirs(full, NULL), 0);
	*slash = '/';
	fp = fopen(full, "w");
	assert_non_null(fp);
	assert_true(fputs(text, fp) >= 0);
	assert_int_equal(fclose(fp), 0);
}

#define CACHE "/sys/devices/system/cpu/cpu0/cache/"

static void test_identify_reads_the_captured_tree(void **state)
{
	static const char *const files[][2] = {
		{"/proc/cpuinfo", "processor\t: 0\nmodel\t\t: 207\n"
				  "model name\t: Captured(R) \x01 CPU\nflags: a\n"},
		{"/proc/sys/kernel/osrelease", "5.4.0-captured\n"},
		{"/proc/meminfo", "MemTotal:       16384 kB\nMemAvailable:   8192 kB\n"
				  "Hugepagesize:       2048 kB\n"},
		{"/sys/devices/system/cpu/online", "0-3,8,10-11\n"},
		{CACHE "index0/type", "Data\n"},
		{CACHE "index0/level", "1\n"},
		{CACHE "index0/size", "48K\n"},
		{CACHE "index1/type", "Instruction\n"},
		{CACHE "index1/level", "1\n"},
		{CACHE "index1/size", "32K\n"},
		{CACHE "index2/type", "Unified\n"},
		{CACHE "index2/level", "2\n"},
		{CACHE "index2/size", "2048K\n"},
		{CACHE "index3/type", "Unified\n"},
		{CACHE "index3/level", "3\n"},
		{CACHE "index3/size", "105M\n"},
	};
	char root[PATH_MAX];
	struct cxms_facts f = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		put_file(files[i][0], files[i][1]);
	snprintf(root, sizeof(root), "%s/root", scratch);
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
	cxms_machine_identify(&f);
	assert_string_equal(f.cpu, "Captured(R) ? CPU");
	assert_string_equal(f.kernel, "5.4.0-captured");
	assert_int_equal(f.n_cpu, 7);
	assert_int_equal(f.l1d_bytes, 48 * 1024);
	assert_int_equal(f.l2_bytes, 2048 * 1024);
	assert_int_equal(f.llc_bytes, 105 * 1024 * 1024);
	assert_int_equal(f.mem_total_bytes, 16384 * 1024);
	assert_int_equal(f.huge_bytes, 2048 * 1024);
	assert_int_equal(unsetenv("CXMS_FSROOT"), 0);
}

static void test_identify_lives_without_any_file(void **state)
{
	struct cxms_facts f = {0};

	(void)state;
	assert_int_equal(setenv("CXMS_FSROOT", "/nonexistent", 1), 0);
	cxms_machine_identify(&f);
	assert_string_equal(f.cpu, "");
	assert_string_not_equal(f.kernel, "");
	assert_true(f.n_cpu >= 1);
	assert_true(f.page_bytes >= 4096);
	assert_int_equal(f.llc_bytes, 0);
	assert_int_equal(unsetenv("CXMS_FSROOT"), 0);
}

static struct cxms_facts some_facts(void)
{
	return (struct cxms_facts){.cpu = "some CPU",
				   .kernel = "6.1",
				   .n_cpu = 2,
				   .l2_bytes = 1 << 20,
				   .mem_total_bytes = 1ull << 30,
				   .mem_latency_ps = 90000,
				   .walk_ps = 30000,
				   .llc_latency_ps = 20000,
				   .n_stair = 2,
				   .stair_bytes = {1 << 20, 1 << 21},
				   .stair_ps = {20000, 90000},
				   .n_walk = 2,
				   .walk_bytes = {1 << 20, 1 << 21},
				   .walk_step_ps = {{5000, 30000}, {1000, 20000}},
				   .walk_high_ps = {{6000, 70000}, {1000, 25000}}};
}

static void assert_same_figures(const struct cxms_facts *a, const struct cxms_facts *b)
{
	assert_int_equal(a->mem_latency_ps, b->mem_latency_ps);
	assert_int_equal(a->walk_ps, b->walk_ps);
	assert_int_equal(a->llc_latency_ps, b->llc_latency_ps);
	assert_int_equal(a->n_stair, b->n_stair);
	assert_memory_equal(a->stair_bytes, b->stair_bytes, sizeof(a->stair_bytes));
	assert_memory_equal(a->stair_ps, b->stair_ps, sizeof(a->stair_ps));
	assert_int_equal(a->n_walk, b->n_walk);
	assert_memory_equal(a->walk_bytes, b->walk_bytes, sizeof(a->walk_bytes));
	assert_memory_equal(a->walk_step_ps, b->walk_step_ps, sizeof(a->walk_step_ps));
	assert_memory_equal(a->walk_high_ps, b->walk_high_ps, sizeof(a->walk_high_ps));
}

static void forget(struct cxms_facts *f)
{
	f->mem_latency_ps = f->walk_ps = f->llc_latency_ps = 0;
	f->n_stair = f->n_walk = 0;
	memset(f->walk_bytes, 0, sizeof(f->walk_bytes));
	memset(f->walk_step_ps, 0, sizeof(f->walk_step_ps));
	memset(f->walk_high_ps, 0, sizeof(f->walk_high_ps));
	memset(f->stair_bytes, 0, sizeof(f->stair_bytes));
	memset(f->stair_ps, 0, sizeof(f->stair_ps));
}

static void test_cache_gives_back_what_was_saved_for_this_machine_only(void **state)
{
	struct cxms_facts a = some_facts(), b = some_facts(), c = some_facts();

	(void)state;
	assert_int_equal(cxms_machine_cache_save(&a, NULL), 0);
	forget(&b);
	b.mem_total_bytes += 1 << 20;
	assert_true(cxms_machine_cache_load(&b, NULL));
	assert_same_figures(&a, &b);
	forget(&c);
	strcpy(c.kernel, "6.2");
	assert_false(cxms_machine_cache_load(&c, NULL));
	assert_int_equal(c.mem_latency_ps, 0);
}

static void test_damaged_cache_is_ignored_with_a_line(void **state)
{
	static const struct {
		const char *find, *put, *why;
	} rows[] = {
		{"mem_latency_ps: 90000", "mem_latency_ps: 0", "no latency is 0"},
		{"mem_latency_ps: 90000", "mem_latency_ps: 99999999999", "longer than 1 ms"},
		{"mem_latency_ps: 90000", "mem_latency: 90000", "a key is missing"},
		{"mem_latency_ps: 90000", "mem_latency_ps: [90000]", "a list for a number"},
		{"identity: \"", "identity: \"x", "of another machine"},
		{"ps: 90000, ", "ps: 10000, ", "the staircase falls"},
		{"huge_walk_ps", "huge_walk", "a step without its walks"},
		{"walk_high_ps", "walk_high", "a step without the spread of its walks"},
		{"bytes: 2097152", "bytes: 1048576", "a step twice"},
		{"bytes: 2097152", "bites: 2097152", "a step without its size"},
		{"stair:\n", "stair: 4\nx-old:\n", "no list"},
		{"schema: 7", "schema: 2", "another schema"},
		{"schema: 7", "schema: {", "no YAML"},
	};
	struct cxms_facts f = some_facts();
	char path[PATH_MAX], text[4096], changed[8192], said[1024];

	(void)state;
	assert_int_equal(cxms_machine_cache_path(&f, path, sizeof(path)), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cxms_facts g = some_facts();
		struct cxms_log log;
		const char *at;
		size_t n;
		FILE *fp;

		assert_int_equal(cxms_machine_cache_save(&f, NULL), 0);
		fp = fopen(path, "r+");
		assert_non_null(fp);
		n = fread(text, 1, sizeof(text) - 1, fp);
		text[n] = '\0';
		at = strstr(text, rows[i].find);
		assert_non_null(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, rows[i].put,
			 at + strlen(rows[i].find));
		rewind(fp);
		assert_int_equal(ftruncate(fileno(fp), 0), 0);
		assert_true(fputs(changed, fp) >= 0);
		assert_int_equal(fclose(fp), 0);

		forget(&g);
		memset(said, 0, sizeof(said));
		fp = fmemopen(said, sizeof(said) - 1, "w");
		assert_non_null(fp);
		cxms_log_init(&log, fp, CXMS_LOG_NORMAL);
		if (cxms_machine_cache_load(&g, &log))
			fail_msg("accepted: %s", rows[i].why);
		fclose(fp);
		assert_int_equal(g.mem_latency_ps, 0);
		assert_int_equal(g.n_stair, 0);
		assert_non_null(strstr(said, "ignoring a damaged measurement"));
	}
}

/* Not to be read is not to be damaged: deleting it is no remedy. */
static void test_what_cannot_be_read_is_not_called_damaged(void **state)
{
	struct cxms_facts f = some_facts();
	char path[PATH_MAX], said[1024] = "";
	FILE *fp = fmemopen(said, sizeof(said) - 1, "w");
	struct cxms_log log;

	(void)state;
	assert_non_null(fp);
	assert_int_equal(cxms_machine_cache_save(&f, NULL), 0);
	assert_int_equal(cxms_machine_cache_path(&f, path, sizeof(path)), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	cxms_log_init(&log, fp, CXMS_LOG_NORMAL);
	assert_false(cxms_machine_cache_load(&f, &log));
	fclose(fp);
	assert_non_null(strstr(said, "ignoring an unreadable measurement"));
	assert_int_equal(rmdir(path), 0);
}

/* Of this process, in huge pages; 0 where the kernel does not tell. */
static unsigned long long huge_kib(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	unsigned long long kib = 0;
	char line[256];
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "AnonHugePages: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void test_chase_of_base_pages_is_not_huge(void **state)
{
	struct cxms_chase *c = NULL;

	(void)state;
	unsigned long long before_kib = huge_kib();
	assert_int_equal(cxms_chase_new(&c, 4 << 20, false, NULL), 0);
	assert_true(huge_kib() <= before_kib);
	cxms_chase_link(c, 4096, 1);
	assert_true(cxms_chase_set_ps(c) > 0);
	cxms_chase_link_windows(c, 4 << 20, 32, 1);
	assert_true(cxms_chase_set_ps(c) > 0);
	cxms_chase_free(c);
	cxms_chase_free(NULL);
}

static void test_measured_once_then_from_the_cache(void **state)
{
	struct cxms_machine_cfg cfg = {0};
	struct cxms_facts a = {0}, b = {0};
	struct cxms_err err = {0};

	(void)state;
	cxms_machine_identify(&a);
	cxms_machine_identify(&b);
	assert_int_equal(cxms_machine_measure(&a, &cfg, &err), 0);
	assert_true(a.mem_latency_ps > 0);
	assert_true(a.llc_latency_ps > 0 && a.llc_latency_ps <= a.mem_latency_ps);
	assert_false(a.latency_given);
	assert_true(a.n_stair >= 2 && a.n_stair <= CXMS_STAIR_MAX);
	for (uint32_t i = 1; i < a.n_stair; i++) {
		assert_true(a.stair_bytes[i] > a.stair_bytes[i - 1]);
		assert_true(a.stair_ps[i] >= a.stair_ps[i - 1]);
		assert_true(a.walk_step_ps[0][i] >= a.walk_step_ps[0][i - 1]);
		assert_true(a.walk_step_ps[1][i] >= a.walk_step_ps[1][i - 1]);
	}
	assert_int_equal(a.stair_ps[a.n_stair - 1], a.mem_latency_ps);
	assert_int_equal(a.n_walk, a.n_stair);
	for (uint32_t i = 0; i < a.n_walk; i++)
		for (int huge = 0; huge < 2; huge++)
			assert_true(a.walk_high_ps[huge][i] >= a.walk_step_ps[huge][i]);
	assert_int_equal(a.walk_step_ps[0][a.n_walk - 1], a.walk_ps);
	assert_int_equal(cxms_machine_measure(&b, &cfg, &err), 0);
	assert_same_figures(&a, &b);
	assert_int_equal(a.sample_cost_ns, b.sample_cost_ns);
	assert_int_equal(a.stop_cost_ns, b.stop_cost_ns);
	assert_true(a.sample_cost_ns > 0 || cxms_source_clock.probe(NULL));
	assert_true(a.stop_cost_ns > 0 || cxms_source_ptrace.probe(NULL));

	/* another latency of memory: as many misses at each size as before */
	cfg.mem_latency_ps = 2 * a.mem_latency_ps;
	assert_int_equal(cxms_machine_measure(&b, &cfg, &err), 0);
	assert_int_equal(b.stair_ps[b.n_stair - 1], cfg.mem_latency_ps);
	for (uint32_t i = 0; i < a.n_stair && a.mem_latency_ps > a.llc_latency_ps; i++) {
		double low = (double)a.llc_latency_ps;
		double before = ((double)a.stair_ps[i] - low) / ((double)a.mem_latency_ps - low);
		double after = ((double)b.stair_ps[i] - low) / ((double)b.mem_latency_ps - low);
		if (before >= 0)
			assert_float_equal(after, before, 1e-3);
	}
}

/* Perf was refused when the machine was measured, and is not any more. */
static void test_a_cost_that_was_not_known_is_measured(void **state)
{
	const struct cxms_facts saved = {.cpu = "was refused",
					 .mem_latency_ps = 90000,
					 .llc_latency_ps = 20000,
					 .n_stair = 1,
					 .stair_bytes = {1 << 20},
					 .stair_ps = {90000},
					 .stop_cost_ns = 1};
	struct cxms_facts a = {.cpu = "was refused"}, b = a;

	(void)state;
	if (cxms_source_clock.probe(NULL))
		skip();
	assert_int_equal(cxms_machine_cache_save(&saved, NULL), 0);
	assert_int_equal(cxms_machine_measure(&a, &(struct cxms_machine_cfg){0}, NULL), 0);
	print_message("%llu ns a sample\n", (unsigned long long)a.sample_cost_ns);
	assert_true(a.sample_cost_ns > 0);
	assert_int_equal(a.stop_cost_ns, 1);
	assert_int_equal(a.mem_latency_ps, 90000);
	assert_int_equal(cxms_machine_measure(&b, &(struct cxms_machine_cfg){0}, NULL), 0);
	assert_int_equal(b.sample_cost_ns, a.sample_cost_ns);
}

static void test_given_figures_win(void **state)
{
	const struct cxms_machine_cfg cfg = {
		.mem_latency_ps = 123000, .walk_ps = 4000, .llc_bytes = 1 << 20};
	struct cxms_facts f = {.cpu = "never measured"};

	(void)state;
	assert_int_equal(cxms_machine_measure(&f, &cfg, NULL), 0);
	assert_int_equal(f.mem_latency_ps, 123000);
	assert_int_equal(f.walk_ps, 4000);
	assert_int_equal(f.llc_bytes, 1 << 20);
	assert_true(f.latency_given);
	assert_true(f.llc_given);
	assert_int_equal(f.n_stair, 0);
	assert_int_equal(f.n_walk, 0);
	cxms_machine_synthetic(&f, &(struct cxms_machine_cfg){0});
	assert_string_equal(f.cpu, "synthetic");
	assert_int_equal(f.mem_latency_ps, 100000);
	assert_int_equal(f.walk_ps, 20000);
	assert_false(f.latency_given);
	assert_false(f.llc_given);
}

/* Neighbours had all of the LLC when it was measured: beside a size that is given nothing is known
 * of what it takes. */
static void test_an_llc_that_others_filled_has_no_latency(void **state)
{
	const struct cxms_facts saved = {.cpu = "neighbours",
					 .mem_latency_ps = 140000,
					 .llc_latency_ps = 95000,
					 .n_stair = 2,
					 .stair_bytes = {1 << 20, 1 << 21},
					 .stair_ps = {95000, 95000},
					 .sample_cost_ns = 1,
					 .stop_cost_ns = 1};
	struct cxms_machine_cfg cfg = {.mem_latency_ps = 140000, .walk_ps = 1};
	struct cxms_facts f = {.cpu = "neighbours"};

	(void)state;
	assert_int_equal(cxms_machine_cache_save(&saved, NULL), 0);
	assert_int_equal(cxms_machine_measure(&f, &cfg, NULL), 0);
	assert_int_equal(f.llc_latency_ps, 95000);
	assert_false(f.llc_given);
	cfg.llc_bytes = 1 << 20;
	assert_int_equal(cxms_machine_measure(&f, &cfg, NULL), 0);
	assert_int_equal(f.llc_latency_ps, 0);
	assert_true(f.llc_given);
}

static void test_a_home_that_is_not_there_is_not_made(void **state)
{
	struct cxms_facts f = {.cpu = "a machine"};
	char home[PATH_MAX], path[PATH_MAX];

	(void)state;
	snprintf(home, sizeof(home), "%s/nobody", scratch);
	assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
	assert_int_equal(setenv("HOME", home, 1), 0);
	int saved = cxms_machine_cache_save(&f, NULL);
	int made = access(home, F_OK);
	assert_int_equal(setenv("HOME", scratch, 1), 0);
	int found = cxms_machine_cache_path(&f, path, sizeof(path));
	assert_int_equal(setenv("XDG_CACHE_HOME", scratch, 1), 0);
	assert_int_equal(saved, -ENOENT);
	assert_int_equal(made, -1);
	assert_int_equal(found, 0);
}

static void test_memory_is_told_from_walks(void **state)
{
	static const struct {
		uint64_t windows_ps, random_ps, want_ps;
		const char *why;
	} rows[] = {
		{102000, 164000, 100000, "100 ns of memory, 64 ns of walk over 32 loads"},
		{100000, 100000, 100000, "no walk"},
		{100000, 90000, 100000, "less at random: noise"},
		{150000, 4650000, 4838, "nearly all of it walks"},
		{150000, 4800000, 150000, "no memory would be left: a disturbed chase"},
		{150000, 5000000, 150000, "less than none"},
		{1, UINT64_MAX, 1, "nothing was measured"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t got = cxms_chase_memory_ps(rows[i].windows_ps, rows[i].random_ps, 32);

		if (got != rows[i].want_ps)
			fail_msg("%s: %llu", rows[i].why, (unsigned long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_told_from_walks),
		cmocka_unit_test(test_identify_reads_the_captured_tree),
		cmocka_unit_test(test_identify_lives_without_any_file),
		cmocka_unit_test(test_a_home_that_is_not_there_is_not_made),
		cmocka_unit_test(test_cache_gives_back_what_was_saved_for_this_machine_only),
		cmocka_unit_test(test_damaged_cache_is_ignored_with_a_line),
		cmocka_unit_test(test_what_cannot_be_read_is_not_called_damaged),
		cmocka_unit_test(test_chase_of_base_pages_is_not_huge),
		cmocka_unit_test(test_measured_once_then_from_the_cache),
		cmocka_unit_test(test_a_cost_that_was_not_known_is_measured),
		cmocka_unit_test(test_given_figures_win),
		cmocka_unit_test(test_an_llc_that_others_filled_has_no_latency),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

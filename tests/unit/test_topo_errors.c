#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "topo/topo.h"

#define BAD_DIR CXMS_SOURCE_DIR "/tests/data/topo-bad"

/* @text with every "<BAD_DIR>/" taken out. */
static char *relative(const char *text)
{
	static const char dir[] = BAD_DIR "/";
	char *out = calloc(strlen(text) + 1, 1);
	assert_non_null(out);
	char *to = out;
	while (*text) {
		if (strncmp(text, dir, strlen(dir)) == 0)
			text += strlen(dir);
		else
			*to++ = *text++;
	}
	return out;
}

static void check_bad(const char *name)
{
	char path[512], wanted[512];
	struct cxms_err err = {0};
	struct cxms_buf want = {0};
	struct cxms_topo *t = NULL;
	char *errors = NULL;
	snprintf(path, sizeof(path), BAD_DIR "/%s.yaml", name);
	snprintf(wanted, sizeof(wanted), BAD_DIR "/%s.expected", name);
	if (cxms_file_read(wanted, 1 << 20, &want, &err) < 0)
		fail_msg("%s", err.msg);
	int rc = cxms_topo_check(path, &errors, &err);
	assert_int_equal(rc, strncmp(name, "notyet-", 7) == 0 ? -ENOTSUP : -EINVAL);
	assert_int_equal(err.code, -rc);
	assert_non_null(errors);
	char *got = relative(errors);
	assert_string_equal(got, cxms_buf_text(&want));
	struct cxms_err load_err = {0};
	assert_int_equal(cxms_topo_load(path, &t, &load_err), rc);
	assert_null(t);
	assert_string_equal(load_err.msg, err.msg);
	free(got);
	free(errors);
	cxms_buf_fini(&want);
}

static void test_bad_files_give_every_error_with_its_place(void **state)
{
	(void)state;
	char name[256];
	size_t n = 0;
	DIR *d = opendir(BAD_DIR);
	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		const char *dot = strstr(e->d_name, ".yaml");
		if (!dot)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(dot - e->d_name), e->d_name);
		check_bad(name);
		n++;
	}
	closedir(d);
	assert_true(n >= 35);
}

static void test_a_good_file_has_no_errors(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	char *errors = NULL;
	assert_int_equal(cxms_topo_check(CXMS_SOURCE_DIR "/cxltopo/one-switch.yaml", &errors, &err),
			 0);
	assert_null(errors);
	assert_int_equal(err.code, 0);
}

static void test_a_missing_file_is_named(void **state)
{
	(void)state;
	struct cxms_err err = {0};
	struct cxms_topo *t = NULL;
	char *errors = NULL;
	assert_int_equal(cxms_topo_load("no/such.yaml", &t, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no/such.yaml"));
	cxms_err_clear(&err);
	assert_int_equal(cxms_topo_check("no/such.yaml", &errors, &err), -ENOENT);
	assert_non_null(strstr(errors, "no/such.yaml"));
	free(errors);
	assert_int_equal(cxms_topo_load("no/such.yaml", &t, NULL), -ENOENT);
}

static void test_many_errors_are_cut_at_whole_lines_and_counted(void **state)
{
	(void)state;
	struct cxms_buf text = {0};
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	cxms_buf_printf(&text, "schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n");
	for (int i = 0; i < 200; i++)
		cxms_buf_printf(&text, "  mem%d: {type: memdev, upstream: host}\n", i);
	assert_int_equal(cxms_topo_load_mem("many.yaml", text.data, text.len, &t, &err), -EINVAL);
	unsigned more = 0, lines = 0;
	const char *last = strstr(err.msg, "\n... and ");
	assert_non_null(last);
	assert_int_equal(sscanf(last, "\n... and %u more", &more), 1);
	for (const char *p = err.msg; p <= last; p++)
		lines += *p == '\n';
	assert_int_equal(lines + more, 400); /* latency and capacity of each */
	assert_true(lines >= 10);
	cxms_buf_fini(&text);
}

static void test_too_many_devices_are_refused(void **state)
{
	(void)state;
	for (int n = CXMS_TOPO_MAX_DEVICES; n <= CXMS_TOPO_MAX_DEVICES + 1; n++) {
		struct cxms_buf text = {0};
		struct cxms_topo *t = NULL;
		struct cxms_err err = {0};
		cxms_buf_printf(&text, "schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n");
		for (int i = 0; i < n; i++)
			cxms_buf_printf(&text,
					"  mem%d: {type: memdev, upstream: host, latency: 250ns, "
					"capacity: 1GiB}\n",
					i);
		int rc = cxms_topo_load_mem("many.yaml", text.data, text.len, &t, &err);
		assert_int_equal(rc, n > CXMS_TOPO_MAX_DEVICES ? -EINVAL : 0);
		cxms_topo_free(t);
		cxms_buf_fini(&text);
	}
}

static void test_legal_oddities_are_allowed(void **state)
{
	(void)state;
	static const struct {
		const char *device, *why;
	} rows[] = {
		{"latency: 50ns, link: {gen: 5, width: 8}", "faster than local DRAM"},
		{"latency: 250ns, link: {gen: 6, width: 8, flit: 68B}", "68 B flits on Gen 6"},
		{"latency: 250ns, link: {gen: 5, width: 8, flit: 256B}", "256 B flits on Gen 5"},
		{"latency: 250ns, link: {gen: 7, width: 1, flit: 256B-lopt}", "narrow and new"},
		{"latency: 1ms, link: {gen: 4, width: 16, encoding: none}", "slow"},
		{"latency: 250ns, bandwidth: {read: unlimited, write: 1GB/s, total: 1TB}", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];
		struct cxms_topo *t = NULL;
		struct cxms_err err = {0};
		snprintf(
			text, sizeof(text),
			"schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n  m: {type: memdev, "
			"upstream: host, capacity: 1GiB, %s}\n",
			rows[i].device);
		int rc = cxms_topo_load_mem("odd.yaml", text, strlen(text), &t, &err);
		if (rc < 0 && rows[i].why)
			fail_msg("%s: %s", rows[i].why, err.msg);
		assert_int_equal(rc, rows[i].why ? 0 : -EINVAL);
		cxms_topo_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files_give_every_error_with_its_place),
		cmocka_unit_test(test_a_good_file_has_no_errors),
		cmocka_unit_test(test_a_missing_file_is_named),
		cmocka_unit_test(test_many_errors_are_cut_at_whole_lines_and_counted),
		cmocka_unit_test(test_too_many_devices_are_refused),
		cmocka_unit_test(test_legal_oddities_are_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

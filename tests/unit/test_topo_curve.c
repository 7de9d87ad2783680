#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "topo/topo.h"
#include "topo/topo_priv.h"

#define CURVES CXMS_SOURCE_DIR "/cxltopo/curves"
#define HEAD   "# a device\nread_pct,bandwidth_GBps,latency_ns\n"

static int parse(struct topo_owner **own, const char *text, const struct cxms_topo_curve **out,
		 struct cxms_err *err)
{
	*own = calloc(1, sizeof(**own));
	assert_non_null(*own);
	*out = NULL;
	return topo_curve_parse(*own, "test", "test.csv", text, strlen(text), out, err);
}

static const struct cxms_topo_curve *good(struct topo_owner **own, const char *text)
{
	const struct cxms_topo_curve *c;
	struct cxms_err err = {0};
	if (parse(own, text, &c, &err) < 0)
		fail_msg("%s", err.msg);
	return c;
}

static void assert_sane(const struct cxms_topo_curve *c)
{
	assert_true(c->n_part > 0);
	for (size_t i = 0; i < c->n_part; i++) {
		const struct cxms_curve_part *p = &c->part[i];
		assert_true(i == 0 || p->read_pct > c->part[i - 1].read_pct);
		assert_true(p->n >= 2);
		assert_true(p->latency_ps[0] >= c->idle_ps && c->idle_ps > 0);
		for (size_t k = 1; k < p->n; k++) {
			assert_true(p->bytes_per_s[k] > p->bytes_per_s[k - 1]);
			assert_true(p->latency_ps[k] >= p->latency_ps[k - 1]);
		}
		for (size_t k = 0; k < p->n_over; k++)
			assert_true(p->over_bytes_per_s[k] <= p->bytes_per_s[p->n - 1]);
	}
}

/* Against the rows themselves: same peak, and pooling keeps the sum of the latencies (not where
 * rows of one bandwidth became one). */
static void assert_is_the_file(const struct cxms_topo_curve *c, const char *text)
{
	double peak = 0, sum = 0, want_peak = 0, want_sum = 0;
	size_t rows = 0, kept = 0;
	for (const char *at = strstr(text, "latency_ns\n"); at; at = strchr(at + 1, '\n')) {
		double pct, gb, ns;
		if (sscanf(at, "%*[^0-9]%lf,%lf,%lf", &pct, &gb, &ns) != 3)
			continue;
		want_peak = fmax(want_peak, gb * 1e9);
		want_sum += ns * 1e3;
		rows++;
	}
	for (size_t i = 0; i < c->n_part; i++) {
		const struct cxms_curve_part *p = &c->part[i];
		peak = fmax(peak, p->bytes_per_s[p->n - 1]);
		kept += p->n + p->n_over;
		for (size_t k = 0; k < p->n; k++)
			sum += p->latency_ps[k];
		for (size_t k = 0; k < p->n_over; k++)
			sum += p->over_latency_ps[k];
	}
	assert_true(want_peak > 0 && fabs(peak - want_peak) <= 1e-9 * want_peak);
	assert_true(kept <= rows && kept + 7 >= rows);
	assert_true(kept < rows || fabs(sum - want_sum) <= 1e-9 * want_sum);
}

static void test_shipped_curves_are_read(void **state)
{
	(void)state;
	size_t n = 0;
	DIR *d = opendir(CURVES);
	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		struct topo_owner *own;
		struct cxms_buf data = {0};
		struct cxms_err err = {0};
		char path[1024];
		if (!strstr(e->d_name, ".csv"))
			continue;
		snprintf(path, sizeof(path), CURVES "/%s", e->d_name);
		assert_int_equal(cxms_file_read(path, 1 << 20, &data, &err), 0);
		const struct cxms_topo_curve *c = good(&own, cxms_buf_text(&data));
		assert_sane(c);
		assert_is_the_file(c, cxms_buf_text(&data));
		assert_true(strlen(c->source) > 20);
		topo_owner_free(own);
		cxms_buf_fini(&data);
		n++;
	}
	closedir(d);
	assert_int_equal(n, 8);
}

static void test_rows_are_cut_at_the_peak_and_smoothed(void **state)
{
	(void)state;
	struct topo_owner *own;
	const struct cxms_topo_curve *c =
		good(&own, HEAD "50,1,100\n50,3,130\n50,2,110\n50,2,120\n50,4,120\n50,5,200\n"
				"50,4.5,900\n50,4,950\n100,0,90\n100,9.5,91.5\n");
	assert_sane(c);
	assert_string_equal(c->source, "a device");
	assert_null(c->assumed);
	assert_int_equal(c->n_part, 2);
	assert_true(fabs(c->idle_ps - 90e3) < 1);
	const struct cxms_curve_part *p = &c->part[0];
	/* 2 GB/s twice: mean 115; 130 and 120 of 3 and 4 GB/s fall, so both become 125 */
	static const double gb[] = {1, 2, 3, 4, 5}, ns[] = {100, 115, 125, 125, 200};
	assert_int_equal(p->n, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_true(fabs(p->bytes_per_s[i] - gb[i] * 1e9) < 1);
		assert_true(fabs(p->latency_ps[i] - ns[i] * 1e3) < 1);
	}
	assert_int_equal(p->n_over, 2);
	assert_true(fabs(p->over_bytes_per_s[0] - 4.5e9) < 1);
	assert_true(fabs(p->over_latency_ps[1] - 950e3) < 1);
	assert_true(fabs(topo_curve_peak(p) - 5e9) < 1);
	assert_true(fabs(c->part[1].read_pct - 100) < 1e-9);
	topo_owner_free(own);
}

static void test_faults_are_named_with_their_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "test.csv:1: the columns are missing"},
		{"# only a comment\n", "test.csv:1: the columns are missing"},
		{"read_pct,bandwidth_GBps,latency_ns\n100,1,1\n", "test.csv:1: the first line"},
		{"#\nread_pct,bandwidth_GBps,latency_ns\n", "test.csv:1: a comment that results"},
		{"# x\033[31m\nread_pct,bandwidth_GBps,latency_ns\n", "test.csv:1: a comment"},
		{"# x\n# assumed: \001\n", "test.csv:2: a comment"},
		{"# x\nread_pct,bandwidth_MBps,latency_ns\n", "test.csv:2: the columns must be"},
		{"# x\nread_pct,bandwidth_GBps,latency_ns\r\n", "test.csv:2: the columns must be"},
		{HEAD, "test.csv:2: no rows"},
		{HEAD "100,1\n", "test.csv:3: a row must have the three columns"},
		{HEAD "100,1,2,3\n", "test.csv:3: a row must have"},
		{HEAD "100,1,100\n\n100,2,100\n", "test.csv:4: a row must have"},
		{HEAD "100,1,100\n# late\n", "test.csv:4: a row must have"},
		{HEAD "101,1,100\n", "'read_pct' must be a plain number, 0 .. 100, got '101'"},
		{HEAD "-1,1,100\n", "'read_pct' must be"},
		{HEAD "100,nan,100\n", "'bandwidth_GBps' must be"},
		{HEAD "100,1e3,100\n", "'bandwidth_GBps' must be"},
		{HEAD "100,0x1,100\n", "'bandwidth_GBps' must be"},
		{HEAD "100,1000001,100\n", "'bandwidth_GBps' must be"},
		{HEAD "100,1, 100\n", "'latency_ns' must be"},
		{HEAD "100,1,\n", "'latency_ns' must be"},
		{HEAD "100,1,0.9\n", "'latency_ns' must be a plain number, 1 .. 1000000"},
		{HEAD "100,1,1.2.3\n", "'latency_ns' must be"},
		{HEAD "100,1,.5\n", "'latency_ns' must be"},
		{HEAD "100,1,000000000000000000000000000001\n", "'latency_ns' must be"},
		{HEAD "100,1,9\n100,2,9\n50,1,9\n", "test.csv:5: 'read_pct' falls from 100 to 50"},
		{HEAD "50,1,9\n50,2,9\n100,1,9\n", "test.csv:5: read_pct 100 needs at least two"},
		{HEAD "50,2,9\n50,2,10\n", "test.csv:3: read_pct 50 needs at least two rows"},
		{HEAD "50,2,9\n50,1,10\n", "test.csv:3: read_pct 50 needs at least two rows"},
		{HEAD "50,0,9\n50,0.0009,10\n", "test.csv:3: read_pct 50 peaks below 1 MB/s"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct topo_owner *own;
		const struct cxms_topo_curve *c;
		struct cxms_err err = {0};
		assert_int_equal(parse(&own, rows[i].text, &c, &err), -EINVAL);
		assert_null(c);
		if (!strstr(err.msg, rows[i].want))
			fail_msg("'%s' gives '%s'", rows[i].text, err.msg);
		topo_owner_free(own);
	}
}

static void test_limits_hold_on_both_sides(void **state)
{
	(void)state;
	static const struct {
		unsigned shares, rows;
		int want;
	} cases[] = {{1, 10000, 0}, {1, 10001, -EFBIG}, {101, 2, 0}, {102, 2, -EFBIG}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cxms_buf text = {0};
		struct topo_owner *own;
		const struct cxms_topo_curve *c;
		struct cxms_err err = {0};
		cxms_buf_printf(&text, HEAD);
		for (unsigned s = 0; s < cases[i].shares; s++)
			for (unsigned r = 0; r < cases[i].rows; r++)
				cxms_buf_printf(&text, "%g,%u,100\n", s * 0.9, r);
		assert_int_equal(parse(&own, cxms_buf_text(&text), &c, &err), cases[i].want);
		topo_owner_free(own);
		cxms_buf_fini(&text);
	}
}

/* The key in a topology. */
#define TOPO                                                                                       \
	"schema: 1\nhost: {local: {latency: 112ns%s}}\ndevices:\n"                                 \
	"  m0: {type: memdev, upstream: host, latency: 216ns, capacity: 1GiB%s}\n"

static int load(const char *file, const char *local, const char *dev, struct cxms_topo **t,
		struct cxms_err *err)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), TOPO, local, dev);
	*t = NULL;
	return cxms_topo_load_mem(file, text, (size_t)n, t, err);
}

static void test_a_curve_is_the_model_and_gives_the_bandwidth(void **state)
{
	(void)state;
	struct cxms_topo *t;
	struct cxms_err err = {0};
	if (load("t.yaml", ", curve: emr-ddr5", ", curve: emr-cxl-one-device", &t, &err) < 0)
		fail_msg("%s", err.msg);
	const struct cxms_memory *local = &t->host.local_memory, *m = &t->dev[0].memory;
	assert_int_equal(local->model, CXMS_MODEL_CURVE);
	assert_int_equal(m->model, CXMS_MODEL_CURVE);
	assert_false(m->curve_absolute);
	assert_string_equal(m->curve->name, "emr-cxl-one-device");
	assert_non_null(strstr(m->curve->source, "8568"));
	assert_int_equal(t->dev[0].bw.read, 51949000000); /* peak at 100 % reads */
	assert_int_equal(t->dev[0].bw.write, CXMS_UNLIMITED);
	assert_int_equal(t->dev[0].bw.total, 62693000000); /* highest peak, at 76 % */
	assert_int_equal(t->host.local_bw.total, 248451000000);
	size_t seen = 0;
	for (size_t i = 0; i < t->n_assumed; i++)
		seen += strcmp(t->assumed[i].key, "devices.m0.bandwidth") == 0 ||
			strcmp(t->assumed[i].key, "host.local.bandwidth") == 0;
	assert_int_equal(seen, 2);
	cxms_topo_free(t);
	assert_int_equal(
		load("t.yaml", "", ", curve: emr-cxl-one-device, bandwidth: 30GB/s", &t, &err), 0);
	assert_int_equal(t->dev[0].bw.total, 30000000000); /* relative: scaled, no contradiction */
	cxms_topo_free(t);
	assert_int_equal(load("t.yaml", "", ", curve: mess-cxl-expander", &t, &err), 0);
	/* 90 % of 29.496 GB/s, the highest share there is; 43.649 GB/s at 58 % */
	assert_int_equal(t->dev[0].bw.read / 1000000, 26546);
	assert_int_equal(t->dev[0].bw.total / 1000000, 43648);
	cxms_topo_free(t);
}

static void test_an_absolute_curve_refuses_what_contradicts_it(void **state)
{
	(void)state;
#define ABS ", curve: {name: emr-cxl-one-device, absolute: true}"
	static const struct {
		const char *dev, *want; /* NULL = no contradiction */
	} rows[] = {
		{ABS, NULL},
		{ABS ", link: {gen: 5, width: 16}", NULL},
		{ABS ", link: {gen: 6, width: 16}", NULL},
		{ABS ", link: {gen: 5, width: 8}", "'link' gives 39.5 GB/s at 50 % reads, but the "
						   "absolute curve reaches 60.5 GB/s there"},
		{ABS ", bandwidth: unlimited", NULL},
		{ABS ", bandwidth: {read: 52GB/s, write: unlimited, total: 63GB/s}", NULL},
		{ABS ", bandwidth: {read: 47GB/s, write: unlimited, total: unlimited}", NULL},
		{ABS ", bandwidth: {read: 46GB/s, write: unlimited, total: unlimited}",
		 "'bandwidth' gives 46.0 GB/s at 100 % reads, but the absolute curve reaches 51.9"},
		{ABS ", bandwidth: 56GB/s", "'bandwidth' gives 56.0 GB/s at 76 % reads"},
		{ABS ", bandwidth: 68GB/s", NULL},
		{ABS ", bandwidth: 70GB/s", "'bandwidth' gives 70.0 GB/s at 76 % reads"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *t;
		struct cxms_err err = {0};
		int rc = load("t.yaml", "", rows[i].dev, &t, &err);
		if (rc != (rows[i].want ? -EINVAL : 0))
			fail_msg("'%s' gives %d %s", rows[i].dev, rc, err.msg);
		if (rows[i].want && !strstr(err.msg, rows[i].want))
			fail_msg("'%s' gives '%s'", rows[i].dev, err.msg);
		cxms_topo_free(t);
	}
}

static void write_curve(const char *path, const char *source)
{
	FILE *fp = fopen(path, "we");
	assert_non_null(fp);
	fprintf(fp, "# %s\n# assumed: made up\nread_pct,bandwidth_GBps,latency_ns\n", source);
	fprintf(fp, "100,0,200\n100,10,300\n");
	assert_int_equal(fclose(fp), 0);
}

static void assert_source(const char *file, const char *key, const char *want)
{
	struct cxms_topo *t;
	struct cxms_err err = {0};
	char dev[300];
	snprintf(dev, sizeof(dev), ", curve: %s", key);
	if (load(file, "", dev, &t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(t->dev[0].memory.curve->source, want);
	cxms_topo_free(t);
}

static void test_a_name_is_looked_for_beside_the_file_first(void **state)
{
	(void)state;
	char dir[] = "/tmp/cxms-curve.XXXXXX", file[128], own[128], data[128], folder[128];
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/t.yaml", dir);
	snprintf(own, sizeof(own), "%s/mine.csv", dir);
	snprintf(folder, sizeof(folder), "%s/curves", dir);
	snprintf(data, sizeof(data), "%s/curves/theirs.csv", dir);
	struct cxms_err err = {0};
	assert_int_equal(cxms_mkdirs(folder, &err), 0);
	write_curve(own, "beside");
	write_curve(data, "data folder");
	assert_source(file, "mine", "beside");
	assert_source(file, "mine.csv", "beside");
	assert_source(file, "./mine.csv", "beside");
	assert_source(file, own, "beside");
	assert_source(file, "curves/theirs.csv", "data folder");
	struct cxms_topo *t;
	assert_int_equal(load(file, "", ", curve: theirs", &t, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "known ones: clx5218-ddr4, "));
	setenv("CXMS_DATA_DIR", dir, 1);
	assert_source(file, "theirs", "data folder");
	assert_int_equal(load(file, "", ", curve: theirs, bandwidth: 10GB/s", &t, &err), 0);
	bool said = false;
	for (size_t i = 0; i < t->n_assumed; i++)
		said |= strcmp(t->assumed[i].key, "devices.m0.curve") == 0 &&
			strcmp(t->assumed[i].reason, "made up") == 0;
	assert_true(said);
	cxms_topo_free(t);
	unsetenv("CXMS_DATA_DIR");
	remove(own);
	remove(data);
	remove(folder);
	remove(dir);
}

static void test_what_is_no_curve_file_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *key, *want;
	} rows[] = {
		{"/dev/zero", "no regular file"},
		{"no/such.csv", "t.yaml:4:77: cannot open 'no/such.csv'"},
		{"[a]", "must be a name"},
		{"\"a b\"", "must be a name"},
		{"{name: emr-ddr5}, model: fixed", "'curve' stands beside 'model'"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_topo *t;
		struct cxms_err err = {0};
		char dev[300];
		snprintf(dev, sizeof(dev), ", curve: %s", rows[i].key);
		assert_int_equal(load("t.yaml", "", dev, &t, &err), -EINVAL);
		if (!strstr(err.msg, rows[i].want))
			fail_msg("'%s' gives '%s'", rows[i].key, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped_curves_are_read),
		cmocka_unit_test(test_rows_are_cut_at_the_peak_and_smoothed),
		cmocka_unit_test(test_faults_are_named_with_their_line),
		cmocka_unit_test(test_limits_hold_on_both_sides),
		cmocka_unit_test(test_a_curve_is_the_model_and_gives_the_bandwidth),
		cmocka_unit_test(test_an_absolute_curve_refuses_what_contradicts_it),
		cmocka_unit_test(test_a_name_is_looked_for_beside_the_file_first),
		cmocka_unit_test(test_what_is_no_curve_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

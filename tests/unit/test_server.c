#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mem/curve.h"
#include "mem/server.h"

static void assert_near(double got, double want, double tolerance, const char *why)
{
	if (!(fabs(got - want) <= tolerance * fabs(want)))
		fail_msg("%s: got %.6g, want %.6g within %g %%", why, got, want, tolerance * 100);
}

static struct cxms_server gen5_x8(void)
{
	return (struct cxms_server){.kind = CXMS_SERVER_LINK,
				    .dir_bytes_per_s =
					    cxms_link_usable_bytes_per_s(5, 8, 0, false)};
}

static void test_link_rate_counts_encoding_and_flits(void **state)
{
	(void)state;
	static const struct {
		unsigned gen, width;
		int flit_256;
		bool encoding;
		double want;
		const char *why;
	} rows[] = {
		{5, 8, 0, false, 32e9 * 64 / 68, "30.12 GB/s"},
		{5, 16, 0, false, 64e9 * 64 / 68, "60.24 GB/s"},
		{5, 8, 0, true, 32e9 * 128 / 130 * 64 / 68, "with 128b/130b"},
		{5, 16, 1, false, 60e9, "256 B flit: 15/16"},
		{6, 16, 1, false, 120e9, "twice Gen 5"},
		{4, 4, 0, false, 8e9 * 64 / 68, "half of Gen 5"},
		{7, 1, 1, false, 15e9, "128 GT/s"},
		{0, 8, 0, false, 0, "no link"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_near(cxms_link_usable_bytes_per_s(rows[i].gen, rows[i].width,
							 rows[i].flit_256, rows[i].encoding),
			    rows[i].want, 1e-12, rows[i].why);
}

static void test_link_peak_by_read_share(void **state)
{
	(void)state;
	static const struct {
		double read_pct, want_gbps;
	} rows[] = {/* slot arithmetic by hand, two decimals */
		    {0, 24.09},	 {2, 24.49},  {10, 26.19}, {30, 31.71}, {38, 34.62}, {50, 40.16},
		    {58, 43.81}, {74, 35.26}, {76, 34.42}, {88, 30.12}, {90, 29.51}, {100, 26.77}};
	struct cxms_server s = gen5_x8();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_near(cxms_server_peak_bytes_per_s(&s, rows[i].read_pct / 100),
			    rows[i].want_gbps * 1e9, 0.001, "rounding of the table");
}

static void test_link_peak_meets_the_vendor_model(void **state)
{
	(void)state;
	struct cxms_server s = gen5_x8();
	char line[256];
	size_t n = 0;
	FILE *fp = fopen(CXMS_SOURCE_DIR "/tests/data/mess_cxl_peaks.csv", "re");
	assert_non_null(fp);
	while (fgets(line, sizeof(line), fp)) {
		double pct, peak;
		if (sscanf(line, "%lf,%lf", &pct, &peak) != 2)
			continue;
		assert_near(cxms_server_peak_bytes_per_s(&s, pct / 100), peak * 1e9, 0.004,
			    "vendor's simulation; arbitration costs it up to 0.4 % where both "
			    "directions are full");
		assert_near(cxms_link_peak_bytes_per_s(s.dir_bytes_per_s, pct / 100),
			    cxms_server_peak_bytes_per_s(&s, pct / 100), 1e-12,
			    "the same arithmetic, by peak and by load");
		n++;
	}
	fclose(fp);
	assert_int_equal(n, 9);
}

static void test_utilization_is_of_the_tightest_bound(void **state)
{
	(void)state;
	struct cxms_server d = {
		.kind = CXMS_SERVER_DEVICE, .read_cap = 64e9, .write_cap = 32e9, .total_cap = 80e9};
	static const struct {
		double r, w, want;
		const char *why;
	} rows[] = {
		{0, 0, 0, "idle"},
		{0.5e9, 0, 0.5, "read cap: 32 of 64 GB/s"},
		{0, 0.25e9, 0.5, "write cap: 16 of 32 GB/s"},
		{0.75e9, 0.375e9, 0.9, "total cap: 72 of 80 GB/s"},
		{2e9, 0, 2, "overload is told"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_load l = {rows[i].r, rows[i].w};
		assert_near(cxms_server_utilization(&d, &l), rows[i].want, 1e-12, rows[i].why);
	}
	struct cxms_server none = {.kind = CXMS_SERVER_DEVICE,
				   .read_cap = INFINITY,
				   .write_cap = INFINITY,
				   .total_cap = INFINITY,
				   .idle_ps = 1e5};
	struct cxms_server no_link = {.kind = CXMS_SERVER_LINK};
	struct cxms_load heavy = {1e12, 1e12};
	assert_true(cxms_server_utilization(&none, &heavy) <= 0);
	assert_true(cxms_server_wait_ps(&none, &heavy) <= 0);
	assert_true(isinf(cxms_server_peak_bytes_per_s(&none, 0.5)));
	assert_true(cxms_server_utilization(&no_link, &heavy) <= 0);
	assert_true(cxms_server_wait_ps(&no_link, &heavy) <= 0);
}

static void test_device_peak_is_the_smallest_cap(void **state)
{
	(void)state;
	struct cxms_server d = {
		.kind = CXMS_SERVER_DEVICE, .read_cap = 26e9, .write_cap = 24e9, .total_cap = 40e9};
	assert_near(cxms_server_peak_bytes_per_s(&d, 1), 26e9, 1e-12, "reads");
	assert_near(cxms_server_peak_bytes_per_s(&d, 0), 24e9, 1e-12, "writes");
	assert_near(cxms_server_peak_bytes_per_s(&d, 0.5), 40e9, 1e-12, "total");
	assert_near(cxms_server_peak_bytes_per_s(&d, 0.8), 26e9 / 0.8, 1e-12, "reads of a mix");
}

static void test_device_wait_follows_the_fitted_form(void **state)
{
	(void)state;
	struct cxms_server d = {.kind = CXMS_SERVER_DEVICE,
				.read_cap = 64e9,
				.write_cap = INFINITY,
				.total_cap = INFINITY,
				.idle_ps = 214000};
	static const struct {
		double u, want_ps;
		const char *why;
	} rows[] = {
		{0.5, 21400, "u/(1-u) = 1: a tenth of the idle latency"},
		{0.9, 21400 * 4.655536721746079, "9^0.7"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_load l = {rows[i].u * 1e9, 0};
		assert_near(cxms_server_wait_ps(&d, &l), rows[i].want_ps, 1e-9, rows[i].why);
	}
}

/* Measured devices were measured through their links: what these leave bounds them as well. */
static void test_device_wait_follows_its_link_where_that_is_fuller(void **state)
{
	(void)state;
	struct cxms_server link = gen5_x8();
	struct cxms_server d = {.kind = CXMS_SERVER_DEVICE,
				.read_cap = INFINITY,
				.write_cap = INFINITY,
				.total_cap = INFINITY,
				.idle_ps = 214000,
				.wire_bytes_per_s = link.dir_bytes_per_s};
	struct cxms_load reads = {0.9 * link.dir_bytes_per_s / 72, 0};
	struct cxms_load writes = {0, 0.5 * link.dir_bytes_per_s / 80};
	struct cxms_load over = {1.01 * link.dir_bytes_per_s / 72, 0};
	assert_near(cxms_server_wait_ps(&d, &reads), 21400 * 4.655536721746079, 1e-9, "9^0.7");
	assert_near(cxms_server_wait_ps(&d, &writes), 21400, 1e-9, "the way down is half full");
	assert_true(isinf(cxms_server_wait_ps(&d, &over)));
	assert_true(cxms_server_is_bounded(&d));
	/* its own figure is that of its caps: the link tells its own */
	assert_true(cxms_server_utilization(&d, &reads) <= 0);
	d.read_cap = 0.5 * link.dir_bytes_per_s;
	reads.read_lines_per_s = 0.5 * d.read_cap / 64;
	assert_near(cxms_server_wait_ps(&d, &reads), 21400, 1e-9, "the cap is tighter");
	d.wire_bytes_per_s = 0;
	d.read_cap = INFINITY;
	assert_false(cxms_server_is_bounded(&d));
}

static void test_md1_closed_form(void **state)
{
	(void)state;
	struct cxms_server link = gen5_x8();
	struct cxms_server sw = {.kind = CXMS_SERVER_DEVICE,
				 .read_cap = INFINITY,
				 .write_cap = INFINITY,
				 .total_cap = 64e9,
				 .shape = CXMS_SHAPE_MD1};
	for (double rho = 0.1; rho < 0.95; rho += 0.2) {
		struct cxms_load l = {rho * 1e9, 0};
		double want = rho / (2 * (1 - rho)) * 1000; /* 64 B at 64 GB/s: 1000 ps */
		assert_near(cxms_server_wait_ps(&sw, &l), want, 1e-9, "switch");
		double up_ps = 72 / link.dir_bytes_per_s * 1e12;
		double down_ps = 16 / link.dir_bytes_per_s * 1e12, down = rho * 16 / 72;
		l.read_lines_per_s = rho * link.dir_bytes_per_s / 72;
		want = rho / (2 * (1 - rho)) * up_ps + down / (2 * (1 - down)) * down_ps;
		assert_near(cxms_server_wait_ps(&link, &l), want, 1e-9, "link, reads only");
	}
	struct cxms_load busy = {0.9 * link.dir_bytes_per_s / 72, 0};
	assert_near(cxms_server_wait_ps(&link, &busy), 10.8e3, 0.01, "11 ns at 90 % of x8 Gen 5");
}

static void test_queue_is_a_queue_per_channel(void **state)
{
	(void)state;
	struct cxms_server q = {.kind = CXMS_SERVER_DEVICE,
				.read_cap = INFINITY,
				.write_cap = INFINITY,
				.total_cap = 64e9,
				.shape = CXMS_SHAPE_QUEUE,
				.channels = 4};
	struct cxms_load half = {0.5e9, 0}, mix = {0.25e9, 0.25e9};
	/* a channel takes 4 ns a line; M/D/1 at one half waits half a service */
	assert_near(cxms_server_wait_ps(&q, &half), 2000, 1e-9, "4 channels, half busy");
	q.channels = 1;
	assert_near(cxms_server_wait_ps(&q, &half), 500, 1e-9, "1 channel, half busy");
	assert_near(cxms_server_peak_bytes_per_s(&q, 0.5), 64e9, 1e-12, "no turnaround");
	q.turnaround_ps = 2000;
	assert_near(cxms_server_peak_bytes_per_s(&q, 1), 64e9, 1e-12, "reads alone never turn");
	assert_near(cxms_server_peak_bytes_per_s(&q, 0.5), 32e9, 1e-12,
		    "every second line turns: 2 ns for a line instead of 1");
	assert_near(cxms_server_peak_bytes_per_s(&q, 0.25), 64e9 / 1.75, 1e-12,
		    "2 * 1/4 * 3/4 of the lines turn");
	assert_near(cxms_server_utilization(&q, &mix), 1, 1e-12, "half a line each ns");
	q.read_cap = 32e9;
	assert_near(cxms_server_peak_bytes_per_s(&q, 1), 32e9, 1e-12, "own cap");
}

static void test_curve_waits_as_measured(void **state)
{
	(void)state;
	static const double bw[] = {0, 50e9, 100e9, 90e9};
	static const double lat[] = {100e3, 120e3, 200e3, 900e3};
	static const struct cxms_curve_points p = {1, 4, bw, lat};
	struct cxms_curve *c = NULL;
	assert_int_equal(cxms_curve_new(&p, 1, &c, NULL), 0);
	struct cxms_server s = {.kind = CXMS_SERVER_DEVICE,
				.read_cap = INFINITY,
				.write_cap = INFINITY,
				.total_cap = INFINITY,
				.idle_ps = 300e3,
				.shape = CXMS_SHAPE_CURVE,
				.curve = c,
				.curve_scale = 0.64};
	struct cxms_load l = {0.5e9, 0};
	assert_near(cxms_server_peak_bytes_per_s(&s, 1), 64e9, 1e-12, "scaled");
	assert_near(cxms_server_wait_ps(&s, &l), 20e3, 1e-9, "half of the peak");
	l.read_lines_per_s = 0.99e9;
	assert_near(cxms_server_wait_ps(&s, &l), 20e3 + 0.98 * 80e3, 1e-9, "still as measured");
	l.read_lines_per_s = 0.995e9;
	assert_near(cxms_server_wait_ps(&s, &l), 99.2e3 + 700e3, 1e-9,
		    "half of the end: the saturated branch is reached");
	l.read_lines_per_s = 1e9;
	assert_true(isinf(cxms_server_wait_ps(&s, &l)));
	s.total_cap = 32e9;
	l.read_lines_per_s = 0.25e9;
	assert_near(cxms_server_wait_ps(&s, &l), 20e3, 1e-9, "the own cap is tighter");
	cxms_curve_free(c);
}

static void test_wait_ends_at_saturation(void **state)
{
	(void)state;
	struct cxms_server d = {.kind = CXMS_SERVER_DEVICE,
				.read_cap = 64e9,
				.write_cap = INFINITY,
				.total_cap = INFINITY,
				.idle_ps = 1e5};
	struct cxms_server md1 = d, link = gen5_x8();
	md1.shape = CXMS_SHAPE_MD1;
	const struct cxms_server *const servers[] = {&d, &md1, &link};
	for (size_t i = 0; i < 3; i++) {
		double full = cxms_server_peak_bytes_per_s(servers[i], 1) / 64;
		struct cxms_load below = {full * (1 - 1e-9), 0}, over = {full * (1 + 1e-9), 0};
		struct cxms_load idle = {0, 0};
		assert_true(isfinite(cxms_server_wait_ps(servers[i], &below)));
		assert_true(cxms_server_wait_ps(servers[i], &below) > 1e5);
		assert_true(isinf(cxms_server_wait_ps(servers[i], &over)));
		assert_true(cxms_server_wait_ps(servers[i], &idle) <= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_rate_counts_encoding_and_flits),
		cmocka_unit_test(test_link_peak_by_read_share),
		cmocka_unit_test(test_link_peak_meets_the_vendor_model),
		cmocka_unit_test(test_utilization_is_of_the_tightest_bound),
		cmocka_unit_test(test_device_peak_is_the_smallest_cap),
		cmocka_unit_test(test_device_wait_follows_the_fitted_form),
		cmocka_unit_test(test_device_wait_follows_its_link_where_that_is_fuller),
		cmocka_unit_test(test_md1_closed_form),
		cmocka_unit_test(test_queue_is_a_queue_per_channel),
		cmocka_unit_test(test_curve_waits_as_measured),
		cmocka_unit_test(test_wait_ends_at_saturation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Devices asked request by request: what each kind promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "devices.h"
#include "mem/tail.h"

#define GIB (1ull << 30)
#define NS  CXMS_PS_PER_NS

static struct cxms_device *make(const struct cxms_device_cfg *cfg)
{
	struct cxms_device *d = NULL;
	struct cxms_err err = {0};
	if (cxms_device_new(cfg, &d, &err))
		fail_msg("%s", err.msg);
	return d;
}

static void test_fixed_waits_for_its_caps_only(void **state)
{
	struct cxms_device_cfg cfg = device_cfg(CXMS_DEVICE_FIXED);
	(void)state;
	cfg.read_cap = 64e9;
	cfg.write_cap = 32e9;
	cfg.total_cap = 64e9;
	struct cxms_device *d = make(&cfg);
	assert_int_equal(cxms_device_request(d, false, 0, 1000 * NS), 0);
	assert_int_equal(cxms_device_request(d, false, 64, 1000 * NS), 1 * NS);
	assert_int_equal(cxms_device_request(d, false, 128, 1000 * NS), 2 * NS);
	assert_int_equal(cxms_device_request(d, true, 192, 1000 * NS), 3 * NS);
	assert_int_equal(cxms_device_request(d, true, 256, 1000 * NS), 4 * NS);
	assert_int_equal(cxms_device_request(d, false, 0, 2000 * NS), 0);
	cxms_device_free(d);
}

static void test_queue_channels_are_apart(void **state)
{
	struct cxms_device_cfg cfg = device_cfg(CXMS_DEVICE_QUEUE);
	(void)state;
	cfg.total_cap = 64e9;
	cfg.channels = 4;
	struct cxms_device *d = make(&cfg);
	/* lines in a row go to the channels in turn, 4 ns each */
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(cxms_device_request(d, false, i * 64, 1000 * NS), i / 4 * 4 * NS);
	cxms_device_free(d);
}

static void test_queue_loses_time_between_kinds(void **state)
{
	struct cxms_device_cfg cfg = device_cfg(CXMS_DEVICE_QUEUE);
	(void)state;
	cfg.total_cap = 64e9;
	cfg.channels = 1;
	cfg.turnaround_ps = 5 * NS;
	struct cxms_device *d = make(&cfg);
	assert_int_equal(cxms_device_request(d, false, 0, 1000 * NS), 0);
	assert_int_equal(cxms_device_request(d, true, 0, 1000 * NS), 1 * NS + 5 * NS);
	assert_int_equal(cxms_device_request(d, true, 0, 1000 * NS), 7 * NS);
	assert_int_equal(cxms_device_request(d, false, 0, 5000 * NS), 0);
	cxms_device_free(d);
}

/* Addresses of one bank: a row, the next, and how far rows are apart. */
static uint64_t row_step(const struct cxms_device_cfg *c)
{
	return (uint64_t)c->channels * c->row_bytes * c->banks * c->ranks;
}

static void test_bank_row_hit_miss_and_conflict(void **state)
{
	struct cxms_device_cfg cfg = ddr5(1);
	struct cxms_device_sums sums;
	(void)state;
	cfg.refi_ps = 0;
	struct cxms_device *d = make(&cfg);
	uint64_t at = 1000 * NS;
	/* idle latency is that of a conflict: nothing alone is above it */
	assert_int_equal(cxms_device_request(d, false, 0, at), 0);
	assert_int_equal(cxms_device_request(d, false, 64, at + 1000 * NS), 0);
	cxms_device_sums(d, &sums);
	assert_int_equal(sums.row_hits, 1);
	/* two rows of one bank at one time: the second waits for the first row's least open time */
	assert_int_equal(cxms_device_request(d, false, 0, at + 2000 * NS), 0);
	uint64_t other =
		row_step(&cfg) * 32; /* the bank hash repeats after as many rows as banks */
	uint64_t first = cxms_device_request(d, false, other, at + 3000 * NS);
	uint64_t second = cxms_device_request(d, false, 0, at + 3000 * NS);
	assert_int_equal(first, 0);
	/* the first opens after rp; its row stays for ras: then the second starts as if alone */
	assert_int_equal(second, cfg.rp_ps + cfg.ras_ps);
	cxms_device_free(d);
}

/* Two rows of one bank in turn: while the bank is busy each opens once; asked seldom, each time. */
static void test_bank_serves_rows_together_when_it_is_busy(void **state)
{
	struct cxms_device_cfg cfg = ddr5(1);
	(void)state;
	cfg.refi_ps = 0;
	for (int busy = 0; busy < 2; busy++) {
		struct cxms_device *d = make(&cfg);
		struct cxms_device_sums sums;
		uint64_t other = row_step(&cfg) * 32;
		for (uint64_t i = 0; i < 16; i++)
			cxms_device_request(d, false, i % 2 * other + i * 64,
					    (busy ? 1000 : 1000 * (i + 1)) * NS);
		cxms_device_sums(d, &sums);
		assert_int_equal(sums.row_hits, busy ? 14 : 0);
		cxms_device_free(d);
	}
}

static void test_bank_write_settles_before_its_row_closes(void **state)
{
	struct cxms_device_cfg cfg = ddr5(1);
	(void)state;
	cfg.refi_ps = 0;
	struct cxms_device *d = make(&cfg);
	uint64_t other = row_step(&cfg) * 32;
	cxms_device_request(d, false, other, 1000 * NS);
	cxms_device_request(d, true, 0, 3000 * NS);
	uint64_t added = cxms_device_request(d, false, other, 3000 * NS);
	assert_int_equal(added, cfg.rp_ps + cfg.rcd_ps + cfg.cl_ps + cfg.burst_ps + cfg.wr_ps);
	cxms_device_free(d);
}

static void test_bank_refresh_blocks_for_its_time(void **state)
{
	struct cxms_device_cfg cfg = ddr5(1);
	(void)state;
	struct cxms_device *d = make(&cfg);
	double sum = 0;
	int n = 20000;
	for (int i = 0; i < n; i++) /* one at a time: only the refresh is met */
		sum += (double)cxms_device_request(d, false, (uint64_t)i * row_step(&cfg),
						   (uint64_t)(i + 1) * 1234567);
	double want = 295e3 * 295e3 / 2 / 3900e3; /* P(in a refresh) * half of it */
	/* a request that just meets the end is freed by its slower row: a few per cent */
	assert_true(fabs(sum / n - want) < 0.08 * want);
	cxms_device_free(d);
}

/* Two rows of a bank that closes behind each access, asked when a refresh begins: the first waits
 * for its end, the second also for the first's whole row cycle. */
static void test_bank_serves_nothing_while_it_refreshes(void **state)
{
	struct cxms_device_cfg cfg = ddr5(1);
	(void)state;
	cfg.closed_page = true;
	struct cxms_device *d = make(&cfg);
	uint64_t at = 10 * cfg.refi_ps, other = row_step(&cfg) * 32;
	assert_int_equal(cxms_device_request(d, false, 0, at), cfg.rfc_ps);
	assert_int_equal(cxms_device_request(d, false, other, at),
			 cfg.rfc_ps + cfg.ras_ps + cfg.rp_ps);
	/* alone and just behind the refresh: nothing */
	at += cfg.refi_ps + cfg.rfc_ps;
	assert_int_equal(cxms_device_request(d, false, 0, at), 0);
	cxms_device_free(d);
}

static struct cxms_device_cfg paged(void)
{
	struct cxms_device_cfg c = device_cfg(CXMS_DEVICE_PAGED);
	c.page_bytes = 4096;
	c.buffer_bytes = 4 * 4096;
	c.fetch_ps = 10000 * NS;
	c.depth = 2;
	c.backing_bytes_per_s = 4.096e9; /* 1 us a page */
	return c;
}

static void test_paged_keeps_the_pages_used_last(void **state)
{
	struct cxms_device_cfg cfg = paged();
	struct cxms_device_sums sums;
	(void)state;
	struct cxms_device *d = make(&cfg);
	uint64_t at = CXMS_PS_PER_S / 1000, us = 1000 * NS;
	for (uint64_t p = 0; p < 4; p++)
		assert_int_equal(cxms_device_request(d, false, p * 4096, at += 100 * us), 10 * us);
	at += 100 * us;
	for (uint64_t p = 0; p < 4; p++) /* all there, any line of them */
		assert_int_equal(cxms_device_request(d, false, p * 4096 + 64 * p, at += us), 0);
	assert_int_equal(cxms_device_request(d, false, 0, at += us), 0);
	assert_int_equal(cxms_device_request(d, false, 9 * 4096, at += us), 10 * us);
	at += 100 * us; /* page 1 was used longest ago and gave way; page 0 did not */
	assert_int_equal(cxms_device_request(d, false, 0, at += us), 0);
	assert_int_equal(cxms_device_request(d, false, 4096, at += us), 10 * us);
	cxms_device_sums(d, &sums);
	assert_int_equal(sums.page_hits, 6);
	cxms_device_free(d);
}

static void test_paged_fetches_are_joined_and_bounded(void **state)
{
	struct cxms_device_cfg cfg = paged();
	(void)state;
	struct cxms_device *d = make(&cfg);
	uint64_t at = CXMS_PS_PER_S / 1000, us = 1000 * NS;
	assert_int_equal(cxms_device_request(d, false, 0, at), 10 * us);
	assert_int_equal(cxms_device_request(d, false, 64, at + 4 * us), 6 * us);
	/* the page asked earlier by one that comes late: as if that one had asked */
	assert_int_equal(cxms_device_request(d, false, 64, at - 500 * us), 10 * us);
	at += 1000 * us;
	assert_int_equal(cxms_device_request(d, false, 1 << 20, at), 10 * us);
	assert_int_equal(cxms_device_request(d, false, 2 << 20, at), 11 * us); /* 1 us to pass */
	/* the third waits for the first fetch to end */
	assert_int_equal(cxms_device_request(d, false, 3 << 20, at), 20 * us);
	cxms_device_free(d);
}

static void test_paged_faults_are_the_cores_time(void **state)
{
	struct cxms_device_cfg cfg = paged();
	(void)state;
	cfg.depth = 1;
	cfg.fault_ps = 3000 * NS;
	struct cxms_device *d = make(&cfg);
	uint64_t at = CXMS_PS_PER_S / 1000, us = 1000 * NS;
	assert_int_equal(cxms_device_request(d, false, 0, at), 13 * us);
	/* the next fetch begins when the first is done, not when its fault is */
	assert_int_equal(cxms_device_request(d, false, 4096, at), 23 * us);
	cxms_device_free(d);
}

static void test_paged_dirty_pages_take_bandwidth(void **state)
{
	(void)state;
	uint64_t busy[2];
	for (int dirty = 0; dirty < 2; dirty++) {
		struct cxms_device_cfg cfg = paged();
		struct cxms_device_sums sums;
		cfg.backing_bytes_per_s = 4.096e7; /* 100 us a page: the busiest server */
		struct cxms_device *d = make(&cfg);
		for (uint64_t p = 0; p < 100; p++) {
			cxms_device_request(d, false, p * 4096, (p + 1) * 1000000 * NS);
			cxms_device_request(d, dirty, p * 4096, (p + 1) * 1000000 * NS + 500);
		}
		cxms_device_sums(d, &sums);
		busy[dirty] = sums.busy_ps;
		cxms_device_free(d);
	}
	assert_int_equal(busy[0], 100 * 100000 * NS);
	assert_int_equal(busy[1], 196 * 100000 * NS); /* 96 of 100 were put out */
}

static void test_typical_and_curve_follow_their_closed_form(void **state)
{
	/* a steady stream of requests at equal distance, 100 us: the load is known exactly */
	(void)state;
	struct cxms_curve *curve = expander_curve();
	for (int k = 0; k < 2; k++) {
		struct cxms_device_cfg cfg =
			device_cfg(k ? CXMS_DEVICE_CURVE : CXMS_DEVICE_TYPICAL);
		cfg.curve = curve;
		cfg.idle_ps = 214e3;
		cfg.read_cap = k ? INFINITY : 51.9e9;
		double gap = 64 / (0.5 * 51.9e9) * 1e12;
		struct cxms_device *d = make(&cfg);
		uint64_t last = 0;
		for (int i = 0; i < 40000; i++)
			last = cxms_device_request(d, false, 0, (uint64_t)(i * gap));
		double want = k ? cxms_curve_added_ps(curve, 0.5, 1) : 21.4e3;
		assert_true(fabs((double)last - want) < 0.02 * want);
		cxms_device_free(d);
	}
	cxms_curve_free(curve);
}

/* Who lags further behind than is remembered is counted, and spoils nothing for the others. */
static void test_typical_forgets_who_lags_too_far(void **state)
{
	struct cxms_device_cfg cfg = device_cfg(CXMS_DEVICE_TYPICAL);
	struct cxms_device_sums sums;
	(void)state;
	cfg.idle_ps = 214e3;
	cfg.total_cap = 51.2e9;
	struct cxms_device *d = make(&cfg);
	uint64_t at = CXMS_PS_PER_S, alone = 0, beside = 0;
	for (int i = 0; i < 40000; i++) /* half of the bandwidth */
		alone = cxms_device_request(d, false, 0, at += 2500);
	for (uint64_t i = 0; i < 40000; i++) {
		beside = cxms_device_request(d, false, 0, at += 2500);
		cxms_device_request(d, false, 0, at - (1ull << 33)); /* turns of the ring */
	}
	assert_true(fabs((double)beside - (double)alone) < 0.01 * (double)alone);
	cxms_device_sums(d, &sums);
	assert_true(sums.late >= 40000);
	cxms_device_free(d);
}

static void test_tail_has_its_quantiles(void **state)
{
	static struct cxms_tail t;
	enum { N = 2000000 };
	uint64_t beyond[3] = {0};
	double sum = 0;
	(void)state;
	cxms_tail_init(&t, 100 * NS, 1000 * NS, 42);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t ps = cxms_tail_ps(&t, i);
		sum += (double)ps;
		beyond[0] += ps > 0;
		beyond[1] += ps > 100 * NS;
		beyond[2] += ps > 1000 * NS;
	}
	/* five standard deviations of the counts */
	assert_true(fabs((double)beyond[0] / N - 0.5) < 5 * sqrt(0.25 / N));
	assert_true(fabs((double)beyond[1] / N - 0.01) < 5 * sqrt(0.01 / N));
	assert_true(fabs((double)beyond[2] / N - 0.001) < 5 * sqrt(0.001 / N));
	double mean = cxms_tail_mean_ps(100 * NS, 1000 * NS);
	assert_true(fabs(sum / N - mean) < 0.02 * mean);
	cxms_tail_init(&t, 0, 0, 42);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(cxms_tail_ps(&t, i), 0);
}

static void test_what_is_no_device_is_refused(void **state)
{
	(void)state;
	struct cxms_device_cfg c[12];
	static const char *const says[12] = {"channels", "bandwidth", "p999",	 "curve",
					     "banks",	 "row",	      "burst",	 "refresh",
					     "multiple", "pages",     "fetches", "must take"};
	for (size_t i = 0; i < 12; i++)
		c[i] = i < 4 ? device_cfg(CXMS_DEVICE_FIXED) : i < 8 ? ddr5(1) : paged();
	c[0].kind = CXMS_DEVICE_QUEUE;
	c[1].read_cap = 0;
	c[2].tail_p99_ps = 2;
	c[2].tail_p999_ps = 1;
	c[3].kind = CXMS_DEVICE_CURVE;
	c[4].banks = 3;
	c[5].row_bytes = 1;
	c[6].burst_ps = 0;
	c[7].rfc_ps = c[7].refi_ps;
	c[8].page_bytes = 100;
	c[9].buffer_bytes = 1;
	c[10].depth = 0;
	c[11].fetch_ps = 0;
	for (size_t i = 0; i < 12; i++) {
		struct cxms_device *d = NULL;
		struct cxms_err err = {0};
		assert_int_equal(cxms_device_new(&c[i], &d, &err), -EINVAL);
		if (!strstr(err.msg, says[i]))
			fail_msg("row %zu says: %s", i, err.msg);
		assert_null(d);
	}
	cxms_device_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_waits_for_its_caps_only),
		cmocka_unit_test(test_queue_channels_are_apart),
		cmocka_unit_test(test_queue_loses_time_between_kinds),
		cmocka_unit_test(test_bank_row_hit_miss_and_conflict),
		cmocka_unit_test(test_bank_serves_rows_together_when_it_is_busy),
		cmocka_unit_test(test_bank_write_settles_before_its_row_closes),
		cmocka_unit_test(test_bank_refresh_blocks_for_its_time),
		cmocka_unit_test(test_bank_serves_nothing_while_it_refreshes),
		cmocka_unit_test(test_paged_keeps_the_pages_used_last),
		cmocka_unit_test(test_paged_fetches_are_joined_and_bounded),
		cmocka_unit_test(test_paged_faults_are_the_cores_time),
		cmocka_unit_test(test_paged_dirty_pages_take_bandwidth),
		cmocka_unit_test(test_typical_and_curve_follow_their_closed_form),
		cmocka_unit_test(test_typical_forgets_who_lags_too_far),
		cmocka_unit_test(test_tail_has_its_quantiles),
		cmocka_unit_test(test_what_is_no_device_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

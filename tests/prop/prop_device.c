/* Devices under random loads against queueing theory and against their own closed forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "devices.h"
#include "mem/calendar.h"
#include "mem/measure.h"
#include "mem/server.h"
#include "near.h"

#define GIB (1ull << 30)

static struct cxms_curve *curve;

static struct cxms_device *make(const struct cxms_device_cfg *cfg)
{
	struct cxms_device *d = NULL;
	struct cxms_err err = {0};
	if (cxms_device_new(cfg, &d, &err))
		fail_msg("%s", err.msg);
	return d;
}

struct request {
	uint64_t at_ps, called, dpa;
	bool write;
};

static int by_call(const void *a, const void *b)
{
	const struct request *p = a, *q = b;
	return (p->called > q->called) - (p->called < q->called);
}

/* Mean time added to @n requests at random times and addresses, which are called up to @window
 * later than they come, after as many again as warm up. */
static double shuffled_load(const struct cxms_device_cfg *cfg, double bytes_per_s,
			    double read_share, size_t n, uint64_t window)
{
	struct cxms_device *d = make(cfg);
	struct request *q = calloc(2 * n, sizeof(*q));
	struct cxms_rng r;
	double at = 1e6, gap = 64 / bytes_per_s * 1e12, sum = 0;
	cxms_rng_init(&r, 77);
	for (size_t i = 0; i < 2 * n; i++) {
		at += poisson_gap(&r, gap);
		q[i].at_ps = (uint64_t)at;
		q[i].write = cxms_rng_unit(&r) >= read_share;
		q[i].dpa = cxms_rng_below(&r, 64 * GIB) & ~63ull;
		q[i].called = q[i].at_ps + cxms_rng_below(&r, window + 1);
	}
	if (window)
		qsort(q, 2 * n, sizeof(*q), by_call);
	for (size_t i = 0; i < 2 * n; i++) {
		uint64_t added = cxms_device_request(d, q[i].write, q[i].dpa, q[i].at_ps);
		sum += i >= n ? (double)added : 0;
	}
	free(q);
	cxms_device_free(d);
	return sum / (double)n;
}

static double open_load(const struct cxms_device_cfg *cfg, double bytes_per_s, double read_share,
			size_t n)
{
	return shuffled_load(cfg, bytes_per_s, read_share, n, 0);
}

static struct cxms_device_cfg kind(int k)
{
	struct cxms_device_cfg c;
	switch (k) {
	case 0:
		c = device_cfg(CXMS_DEVICE_FIXED);
		c.total_cap = 26e9;
		break;
	case 1:
		c = device_cfg(CXMS_DEVICE_QUEUE);
		c.total_cap = 76.8e9;
		c.channels = 4;
		c.turnaround_ps = 8000;
		break;
	case 2:
		c = device_cfg(CXMS_DEVICE_TYPICAL);
		c.idle_ps = 214e3;
		c.total_cap = 26e9;
		break;
	case 3:
		c = device_cfg(CXMS_DEVICE_CURVE);
		c.curve = curve;
		break;
	case 4:
		c = ddr5(2);
		break;
	default:
		c = device_cfg(CXMS_DEVICE_PAGED);
		c.page_bytes = 4096;
		c.buffer_bytes = 64 << 20;
		c.fetch_ps = 3000000;
		c.depth = 64;
		c.backing_bytes_per_s = 12e9;
		break;
	}
	return c;
}
enum { KINDS = 6 };
static const char *const names[KINDS] = {"fixed", "queue", "typical", "curve", "bank", "paged"};

static struct cxms_server closed_form(const struct cxms_device_cfg *c)
{
	static const enum cxms_server_shape shape[] = {
		[CXMS_DEVICE_FIXED] = CXMS_SHAPE_MD1,
		[CXMS_DEVICE_QUEUE] = CXMS_SHAPE_QUEUE,
		[CXMS_DEVICE_TYPICAL] = CXMS_SHAPE_TYPICAL,
		[CXMS_DEVICE_CURVE] = CXMS_SHAPE_CURVE,
	};
	return (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
				    .read_cap = c->read_cap,
				    .write_cap = c->write_cap,
				    .total_cap = c->total_cap,
				    .idle_ps = c->idle_ps,
				    .shape = shape[c->kind],
				    .channels = c->channels,
				    .turnaround_ps = (double)c->turnaround_ps,
				    .curve = c->curve,
				    .curve_scale = c->curve_peak_scale};
}

static struct cxms_load load_of(double bytes_per_s, double read_share)
{
	double lines = bytes_per_s / 64;
	return (struct cxms_load){lines * read_share, lines * (1 - read_share)};
}

/*
 * Below 80 % the two agree within 5 %; a QUEUE with a mix within 8 %, since its closed form takes
 * the services of a channel as independent, while a turn is more likely after none.
 */
static void test_request_by_request_is_the_closed_form(void **state)
{
	static const double shares[] = {1, 0.67};
	(void)state;
	for (int k = 0; k < 4; k++)
		for (size_t f = 0; f < 2; f++)
			for (double u = 0.2; u < 0.85; u += 0.2) {
				struct cxms_device_cfg c = kind(k);
				struct cxms_server s = closed_form(&c);
				double rate = u * cxms_server_peak_bytes_per_s(&s, shares[f]);
				struct cxms_load l = load_of(rate, shares[f]);
				near_pct(open_load(&c, rate, shares[f], 300000),
					 cxms_server_wait_ps(&s, &l), k == 1 && f ? 8 : 5, names[k],
					 u);
			}
}

/* Both directions of a Gen5 x8 link, two lengths of message each: Pollaczek-Khinchine. */
static void test_link_calendars_wait_as_their_closed_form(void **state)
{
	struct cxms_server link = {.kind = CXMS_SERVER_LINK,
				   .dir_bytes_per_s = cxms_link_usable_bytes_per_s(5, 8, 0, false)};
	(void)state;
	for (double u = 0.2; u < 0.85; u += 0.2) {
		struct cxms_calendar up, down;
		struct cxms_rng r;
		double rate = u * cxms_server_peak_bytes_per_s(&link, 0.67), at = 0, sum = 0;
		struct cxms_load l = load_of(rate, 0.67);
		int n = 400000;
		assert_int_equal(cxms_calendar_init(&up, (uint64_t)link.dir_bytes_per_s, NULL), 0);
		assert_int_equal(cxms_calendar_init(&down, (uint64_t)link.dir_bytes_per_s, NULL),
				 0);
		cxms_rng_init(&r, 5);
		for (int i = 0; i < n; i++) {
			bool write = cxms_rng_unit(&r) >= 0.67;
			at += poisson_gap(&r, 64 / rate * 1e12);
			sum += (double)cxms_calendar_take(&down, (uint64_t)at, write ? 80 : 16);
			sum += (double)cxms_calendar_take(&up, (uint64_t)at, write ? 5 : 72);
		}
		near_pct(sum / n, cxms_server_wait_ps(&link, &l), 5, "link", u);
		cxms_calendar_fini(&up);
		cxms_calendar_fini(&down);
	}
}

/* Called up to 200 ns late the mean stays: calendars conserve time, and the load of a bucket does
 * not ask who came first. Where little is waited, 1 ns is less than any idle latency shows. */
static void test_order_hardly_matters_to_any_kind(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++)
		for (double rate = 6e9; rate < 25e9; rate *= 2) {
			struct cxms_device_cfg c = kind(k);
			double in_order = open_load(&c, rate, 0.7, 50000);
			double late = shuffled_load(&c, rate, 0.7, 50000, 200000);
			if (fabs(late - in_order) > 0.12 * in_order + 1000)
				fail_msg("%s at %g: %g became %g", names[k], rate, in_order, late);
		}
}

/* A closed system: @n customers, each asks, gets its answer after idle + added, thinks, asks again.
 */
struct closed {
	size_t n;
	uint64_t *next; /* heap by time of the next request */
};

static void sift_down(struct closed *c)
{
	size_t i = 0;
	for (;;) {
		size_t k = 2 * i + 1;
		if (k + 1 < c->n && c->next[k + 1] < c->next[k])
			k++;
		if (k >= c->n || c->next[i] <= c->next[k])
			return;
		uint64_t t = c->next[i];
		c->next[i] = c->next[k];
		c->next[k] = t;
		i = k;
	}
}

struct outcome {
	double lines_per_s, added_ps;
};

/* @streams: so many runs of addresses, in turn; 0 = at random. */
static struct outcome closed_load(struct cxms_device *d, size_t n, double idle_ps,
				  double read_share, size_t streams, size_t requests)
{
	struct closed c = {n, calloc(n, sizeof(uint64_t))};
	struct cxms_rng r;
	double sum = 0, from = 0;
	uint64_t *dpa = calloc(streams + 1, sizeof(*dpa));
	cxms_rng_init(&r, 3);
	for (size_t i = 0; i < streams; i++)
		dpa[i] = cxms_rng_below(&r, 64 * GIB) & ~4095ull;
	for (size_t i = 0; i < n; i++)
		c.next[i] = 1000000 + i;
	for (size_t i = 0; i < requests; i++) {
		uint64_t at = c.next[0];
		uint64_t *a = &dpa[streams ? i % streams : 0];
		*a = streams ? *a + 64 : cxms_rng_below(&r, 64 * GIB) & ~63ull;
		uint64_t added = cxms_device_request(d, cxms_rng_unit(&r) >= read_share, *a, at);
		if (i == requests / 2)
			from = (double)at;
		sum += i >= requests / 2 ? (double)added : 0;
		c.next[0] = at + (uint64_t)idle_ps + added;
		sift_down(&c);
	}
	double half = (double)(requests - requests / 2);
	struct outcome o = {half / ((double)c.next[0] - from) * 1e12, sum / half};
	free(c.next);
	free(dpa);
	return o;
}

/* Little's law: customers = throughput * time each of them spends. */
static void test_littles_law_for_every_kind(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++)
		for (size_t n = 1; n <= 256; n *= 16) {
			struct cxms_device_cfg c = kind(k);
			struct cxms_device *d = make(&c);
			struct outcome o = closed_load(d, n, 250e3, 0.8, 0, 100000);
			near_pct(o.lines_per_s * (250e3 + o.added_ps) / 1e12, (double)n, 2,
				 names[k], (double)n);
			cxms_device_free(d);
		}
}

/* The fixed point that the closed form has for n customers: n / (idle + wait(load)) = load. */
static double fixed_point(const struct cxms_server *s, double n, double idle_ps, double read_share)
{
	double lo = 0, hi = cxms_server_peak_bytes_per_s(s, read_share) / 64;
	for (int i = 0; i < 100; i++) {
		double mid = (lo + hi) / 2;
		struct cxms_load l = load_of(mid * 64, read_share);
		if (mid * (idle_ps + cxms_server_wait_ps(s, &l)) < n * 1e12)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Feedback: closed loads settle at the closed form's fixed point, from idle to far beyond the knee.
 */
static void test_closed_loads_settle_at_the_fixed_point(void **state)
{
	(void)state;
	for (int k = 2; k < 4; k++)
		for (size_t n = 4; n <= 512; n *= 2) {
			struct cxms_device_cfg c = kind(k);
			struct cxms_server s = closed_form(&c);
			struct cxms_device *d = make(&c);
			struct outcome o = closed_load(d, n, 214e3, 1, 0, 200000);
			near_pct(o.lines_per_s, fixed_point(&s, (double)n, 214e3, 1), 3, names[k],
				 (double)n);
			cxms_device_free(d);
		}
}

/* Each customer reads a line and has one written that nobody waits for: what writes cannot pass,
 * reads do not ask for. */
static void test_writes_nobody_waits_for_bound_the_reads(void **state)
{
	enum { N = 256, REQUESTS = 60000 };
	(void)state;
	for (int k = 0; k < 4; k++)
		for (double cap = 1e9; cap < 1e10; cap *= 3) {
			struct cxms_device_cfg c = kind(k);
			c.write_cap = cap;
			struct cxms_device *d = make(&c);
			struct closed x = {N, calloc(N, sizeof(uint64_t))};
			for (size_t i = 0; i < N; i++)
				x.next[i] = 1000000 + i;
			for (size_t i = 0; i < REQUESTS; i++) {
				uint64_t at = x.next[0], dpa = cxms_hash_u64(i) & 0xfffffffc0;
				x.next[0] = at + 250000 + cxms_device_request(d, false, dpa, at);
				(void)cxms_device_request(d, true, dpa, at);
				sift_down(&x);
			}
			/* 1 %: the queue is empty at the begin */
			near_pct(REQUESTS * 64.0 / (double)x.next[0] * 1e12, cap, 1, names[k], cap);
			free(x.next);
			cxms_device_free(d);
		}
}

/*
 * Machine repairman, exponential services and thinking: mean-value analysis is exact (Reiser and
 * Lavenberg, JACM 1980).
 */
static void test_repairman_as_mean_value_analysis(void **state)
{
	const double service = 2500, think = 40000;
	(void)state;
	for (size_t n = 1; n <= 64; n *= 2) {
		double queue = 0, x = 0;
		for (size_t i = 1; i <= n; i++) {
			double time = service * (1 + queue);
			x = (double)i / (think + time);
			queue = x * time;
		}
		struct cxms_calendar cal;
		struct cxms_rng r;
		struct closed c = {n, calloc(n, sizeof(uint64_t))};
		size_t total = 400000;
		cxms_rng_init(&r, 8);
		assert_int_equal(cxms_calendar_init_ps(&cal, 2500, 17, NULL), 0);
		for (size_t i = 0; i < total; i++) {
			uint64_t at = c.next[0], s = 1 + (uint64_t)poisson_gap(&r, service);
			uint64_t wait = cxms_calendar_take_ps(&cal, at, s);
			c.next[0] = at + wait + s + (uint64_t)poisson_gap(&r, think);
			sift_down(&c);
		}
		/* sampling error of 400000 cycles */
		near_pct((double)total / (double)c.next[0], x, 1, "repairman", (double)n);
		cxms_calendar_fini(&cal);
		free(c.next);
	}
}

/* Credits: who finds K requests inside is turned away. M/M/1/K: the share is
 * (1 - rho) rho^K / (1 - rho^(K+1)). */
static void test_credits_as_mm1k(void **state)
{
	enum { K = 8 };
	static const double loads[] = {0.5, 0.9, 1.3};
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct cxms_calendar cal;
		struct cxms_rng r;
		uint64_t leaves[K] = {0};
		double at = 0, rho = loads[k];
		size_t n = 1000000, lost = 0, in = 0;
		cxms_rng_init(&r, 4);
		assert_int_equal(cxms_calendar_init_ps(&cal, 2500, 17, NULL), 0);
		for (size_t i = 0; i < n; i++) {
			at += poisson_gap(&r, 2500 / rho);
			/* the one that entered K before is still inside: all K are */
			if (leaves[in % K] > (uint64_t)at) {
				lost++;
				continue;
			}
			uint64_t s = 1 + (uint64_t)poisson_gap(&r, 2500);
			uint64_t wait = cxms_calendar_take_ps(&cal, (uint64_t)at, s);
			leaves[in++ % K] = (uint64_t)at + wait + s;
		}
		double want = (1 - rho) * pow(rho, K) / (1 - pow(rho, K + 1));
		/* sampling error of the rarest, 2000 losses in bursts */
		near_pct((double)lost / (double)n, want, 6, "turned away", rho);
		cxms_calendar_fini(&cal);
	}
}

/* Whatever is asked, in whatever order: no more passes than the caps allow, nobody is early. */
static void test_no_kind_passes_more_than_it_can(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct cxms_device_cfg c = kind(k);
		struct cxms_device_sums sums;
		struct cxms_rng r;
		c.read_cap = 20e9;
		c.write_cap = 15e9;
		c.total_cap = 25e9;
		struct cxms_device *d = make(&c);
		cxms_rng_init(&r, 6);
		size_t n = 50000;
		for (size_t i = 0; i < n; i++) /* within 100 us, which is less than it takes */
			cxms_device_request(d, cxms_rng_below(&r, 2), cxms_rng_u64(&r) % GIB,
					    cxms_rng_below(&r, 100000000));
		cxms_device_sums(d, &sums);
		assert_int_equal(sums.reads + sums.writes, n);
		assert_int_equal(sums.bytes, 64 * n);
		double span = (double)sums.latest_ps / 1e12;
		double slack = 1 + 1e-3;
		if ((double)sums.bytes / span > c.total_cap * slack ||
		    (double)sums.writes * 64 / span > c.write_cap * slack ||
		    (double)sums.busy_ps > (double)sums.latest_ps * slack)
			fail_msg("%s passed too much", names[k]);
		cxms_device_free(d);
	}
}

/* Better hardware under the same requests. */
static void test_better_devices_are_never_slower(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++)
		for (double rate = 4e9; rate < 60e9; rate *= 2) {
			struct cxms_device_cfg c = kind(k), b = c;
			b.total_cap *= 1.5;
			b.curve_peak_scale *= 1.5;
			b.channels *= 2;
			b.buffer_bytes *= 2;
			b.depth *= 2;
			b.backing_bytes_per_s *= 2;
			double worse = open_load(&c, rate, 0.7, 50000);
			double better = open_load(&b, rate, 0.7, 50000);
			if (better > worse * 1.001)
				fail_msg("%s at %g: %g became %g", names[k], rate, worse, better);
		}
}

/*
 * All-read peaks of 92 % (Turin), 81 % (EMR) and 78 % (SPR, Genoa) of the channels' rate were
 * measured, and 62 to 65 % at about half reads (EMR, SPR); refresh alone leaves 92.4 %. Those hosts
 * held 1000 to 1400 lines in flight.
 */
static void test_banks_reach_what_controllers_reach(void **state)
{
	static const struct {
		size_t n;
		double read_share;
		size_t streams;
		double lo, hi;
		const char *why;
	} rows[] = {
		{1, 1, 0, 0, 0.0021, "one at a time: a line in 100 ns and its refresh"},
		{1024, 1, 1, 0.85, 0.924, "a stream of reads"},
		{1024, 0.5, 1, 0.62, 0.78, "writes turn the bus around"},
		{1200, 1, 48, 0.85, 0.924, "a stream of reads a core"},
		{1200, 0.54, 48, 0.62, 0.78, "and nearly half of them writes"},
		{512, 1, 0, 0.55, 0.75, "random rows, 64 in flight a channel"},
		{512, 0.5, 0, 0.45, 0.65, "and writes that settle before rows close"},
	};
	(void)state;
	struct cxms_device_cfg c = ddr5(8);
	double peak = 8 * 64 / 1667e-12;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cxms_device *d = make(&c);
		struct outcome o = closed_load(d, rows[i].n, 100e3, rows[i].read_share,
					       rows[i].streams, 200000);
		double share = o.lines_per_s * 64 / peak;
		if (!(share >= rows[i].lo && share <= rows[i].hi))
			fail_msg("%s: %g of the peak", rows[i].why, share);
		cxms_device_free(d);
	}
}

/*
 * Epochs see banks as the curve measured of them: n customers that ask for random lines get the
 * throughput from it that they get from the banks.
 */
static void test_banks_and_their_curve_serve_customers_alike(void **state)
{
	static const struct cxms_measure how = {64 * GIB, 20000, 1};
	static const double shares[] = {1, 0.6};
	struct cxms_device_cfg c = ddr5(4);
	struct cxms_curve *m = NULL;
	(void)state;
	assert_int_equal(cxms_measure_device(&c, &how, &m, NULL), 0);
	struct cxms_device_cfg by_curve = device_cfg(CXMS_DEVICE_CURVE);
	by_curve.curve = m;
	struct cxms_server s = closed_form(&by_curve);
	for (size_t f = 0; f < 2; f++)
		for (size_t n = 1; n <= 1024; n *= 4) {
			struct cxms_device *d = make(&c);
			double idle = 100e3 + cxms_curve_idle_ps(m);
			struct outcome o = closed_load(d, n, 100e3, shares[f], 0, 200000);
			/* a closed load is less bursty than the random one that was measured */
			near_pct(o.lines_per_s, fixed_point(&s, (double)n, idle, shares[f]), 10,
				 "customers of banks", (double)n);
			cxms_device_free(d);
		}
	cxms_curve_free(m);
}

static int make_curve(void **state)
{
	(void)state;
	curve = expander_curve();
	return curve ? 0 : -1;
}

static int drop_curve(void **state)
{
	(void)state;
	cxms_curve_free(curve);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_by_request_is_the_closed_form),
		cmocka_unit_test(test_link_calendars_wait_as_their_closed_form),
		cmocka_unit_test(test_littles_law_for_every_kind),
		cmocka_unit_test(test_closed_loads_settle_at_the_fixed_point),
		cmocka_unit_test(test_order_hardly_matters_to_any_kind),
		cmocka_unit_test(test_writes_nobody_waits_for_bound_the_reads),
		cmocka_unit_test(test_repairman_as_mean_value_analysis),
		cmocka_unit_test(test_credits_as_mm1k),
		cmocka_unit_test(test_no_kind_passes_more_than_it_can),
		cmocka_unit_test(test_better_devices_are_never_slower),
		cmocka_unit_test(test_banks_reach_what_controllers_reach),
		cmocka_unit_test(test_banks_and_their_curve_serve_customers_alike),
	};
	return cmocka_run_group_tests(tests, make_curve, drop_curve);
}

/*
 * bench_device: what asking each kind of device costs, beside one plain calendar. Open load at 70 %
 * of the device, random addresses, two reads a write; requests in order for the first line, else
 * called up to 100 ns out of order.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "mem/calendar.h"
#include "mem/curve.h"
#include "mem/device.h"

#define GIB (1ull << 30)

enum { REQUESTS = 1 << 15, TURNS = 256 };

struct request {
	uint64_t at_ps, dpa;
	bool write;
};

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(struct request *q, double bytes_per_s, uint64_t span, uint64_t window_ps)
{
	struct cxms_rng r;
	double at = 1e6;
	cxms_rng_init(&r, 1);
	for (size_t i = 0; i < REQUESTS; i++) {
		at -= log(1 - cxms_rng_unit(&r)) * 64 / bytes_per_s * 1e12;
		q[i] = (struct request){(uint64_t)at + cxms_rng_below(&r, window_ps),
					cxms_rng_below(&r, span / 64) * 64,
					cxms_rng_below(&r, 3) == 0};
	}
}

/* ns a request; each turn goes on in time where the last one ended. */
static double run_device(struct cxms_device *d, const struct request *q)
{
	uint64_t later = 0, sum = 0;
	double from = now_s();
	for (int turn = 0; turn < TURNS; turn++) {
		for (size_t i = 0; i < REQUESTS; i++)
			sum += cxms_device_request(d, q[i].write, q[i].dpa, later + q[i].at_ps);
		later += q[REQUESTS - 1].at_ps;
	}
	double ns = (now_s() - from) * 1e9 / ((double)REQUESTS * TURNS);
	return sum == UINT64_MAX ? 0 : ns; /* the sum is what keeps the calls */
}

/* ns a request of a calendar of the device's bandwidth; negative when out of memory */
static double run_calendar(const struct request *q)
{
	struct cxms_calendar c;
	uint64_t later = 0, sum = 0;
	if (cxms_calendar_init(&c, 40000000000, NULL))
		return -1;
	double from = now_s();
	for (int turn = 0; turn < TURNS; turn++) {
		for (size_t i = 0; i < REQUESTS; i++)
			sum += cxms_calendar_take(&c, later + q[i].at_ps, 64);
		later += q[REQUESTS - 1].at_ps;
	}
	double ns = (now_s() - from) * 1e9 / ((double)REQUESTS * TURNS);
	cxms_calendar_fini(&c);
	return sum == UINT64_MAX ? 0 : ns;
}

static void row(const char *name, double ns, double plain)
{
	printf("%-9s %8.1f %8.1f %8.1f\n", name, ns, 1e3 / ns, ns / plain);
}

static struct cxms_device_cfg cfg_of(enum cxms_device_kind kind)
{
	return (struct cxms_device_cfg){.kind = kind,
					.read_cap = 26e9,
					.write_cap = INFINITY,
					.total_cap = 40e9,
					.idle_ps = 250e3,
					.curve_peak_scale = 1,
					.channels = 2,
					.turnaround_ps = 8000,
					.ranks = 1,
					.banks = 32,
					.row_bytes = 8192,
					.burst_ps = 1667,
					.cl_ps = 16667,
					.rcd_ps = 16000,
					.rp_ps = 16000,
					.ras_ps = 32000,
					.wr_ps = 30000,
					.wtr_ps = 10000,
					.rtw_ps = 5000,
					.rfc_ps = 295000,
					.refi_ps = 3900000,
					.page_bytes = 4096,
					.buffer_bytes = GIB,
					.fetch_ps = 3000000,
					.backing_bytes_per_s = 12e9,
					.depth = 64};
}

static int bench(enum cxms_device_kind kind, const char *name, const struct cxms_curve *curve,
		 const struct request *q, double plain)
{
	struct cxms_device_cfg cfg = cfg_of(kind);
	struct cxms_device *d = NULL;
	struct cxms_err err = {0};
	cfg.curve = curve;
	if (cxms_device_new(&cfg, &d, &err)) {
		fprintf(stderr, "bench_device: %s\n", err.msg);
		return -1;
	}
	double ns = run_device(d, q);
	row(name, ns, plain);
	cxms_device_free(d);
	return 0;
}

int main(void)
{
	static const char *const names[] = {"typical", "fixed", "queue", "bank", "curve", "paged"};
	static const double bw[] = {0, 20e9, 30e9, 40e9}, lat[] = {250e3, 270e3, 300e3, 500e3};
	static const struct cxms_curve_points points = {1, 4, bw, lat};
	struct request *q = calloc(REQUESTS, sizeof(*q));
	struct cxms_curve *curve = NULL;
	int rc = !q || cxms_curve_new(&points, 1, &curve, NULL);
	if (!rc) {
		fill(q, 0.7 * 26e9, GIB, 1);
		double in_order = run_calendar(q);
		fill(q, 0.7 * 26e9, GIB, 100000);
		double plain = run_calendar(q);
		printf("kind      ns/request   M/s   times a calendar\n");
		row("in order", in_order, plain);
		row("calendar", plain, plain);
		rc = in_order < 0 || plain < 0;
		for (int k = 0; k <= CXMS_DEVICE_PAGED && !rc; k++)
			rc = bench((enum cxms_device_kind)k, names[k], curve, q, plain);
	}
	cxms_curve_free(curve);
	free(q);
	return rc ? 1 : 0;
}

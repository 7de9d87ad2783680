/*
 * TYPICAL and CURVE: latency by the load of the time before. Bandwidth is counted in buckets of
 * time, each of which starts with the weighted mean of those before it, so requests may come in any
 * order. Measured latencies are means over long, steady loads; the mean reaches back far enough
 * that a closed loop does not swing around its fixed point.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "mem/curve.h"
#include "mem/device_priv.h"
#include "mem/server.h"

#define LINE ((double)CXMS_LINE_BYTES)

/* A bucket lasts at least this long, and at least so many lines at full rate: its mean of lines is
 * known to a few per cent, and eight of them outlast the latency of any device. */
#define BUCKET_MIN_BITS	 18u /* 262 ns */
#define BUCKET_MAX_BITS	 30u
#define BUCKET_MIN_LINES 128u
#define RING_BITS	 13u /* 2 ms or more */
#define BACK_MOST	 64u /* buckets without a request after which the past counts nothing */
/* Weight of the last bucket: a mean over about eight of them. */
#define CXMS_ASSUMED_LOAD_WEIGHT 0.125
/* The closed form is read up to here; beyond it the caps alone make requests wait. */
#define CXMS_ASSUMED_LOAD_TOP 0.99

struct bucket {
	uint64_t number; /* plus one; 0 = never used */
	uint64_t added_ps, service_ps;
	double before[2]; /* mean lines of reads and writes a bucket, when it begins */
	uint32_t lines[2];
	uint32_t back; /* buckets to the one used before it; 0 = none */
};

struct loaded {
	struct cxms_server server;
	struct cxms_calendar curve; /* CURVE: bytes at the peak of the read share */
	uint32_t bits;
	uint64_t late;
	double kept[BACK_MOST + 1]; /* (1 - weight)^i */
	struct bucket ring[1u << RING_BITS];
};

static double fullest(const struct cxms_device_cfg *cfg)
{
	double rate = fmin(cfg->total_cap, cfg->read_cap + cfg->write_cap);
	if (cfg->kind == CXMS_DEVICE_CURVE)
		rate = fmin(rate, cfg->curve_peak_scale * fmax(cxms_curve_peak(cfg->curve, 0.5),
							       cxms_curve_peak(cfg->curve, 1)));
	return rate;
}

static int init(struct cxms_device *d, struct cxms_err *err)
{
	const struct cxms_device_cfg *cfg = &d->cfg;
	bool curve = cfg->kind == CXMS_DEVICE_CURVE;
	if (curve && !(cfg->curve && cfg->curve_peak_scale > 0 && isfinite(cfg->curve_peak_scale)))
		return cxms_fail(err, EINVAL, "a device with a curve needs it and its scale");
	if (!curve && !(cfg->idle_ps >= 0 && isfinite(cfg->idle_ps)))
		return cxms_fail(err, EINVAL, "idle latency of a device must be 0 or more");
	struct loaded *l = d->state = calloc(1, sizeof(*l));
	if (!l)
		return cxms_fail(err, ENOMEM, "out of memory for a device");
	l->server = (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
					 .read_cap = cfg->read_cap,
					 .write_cap = cfg->write_cap,
					 .total_cap = cfg->total_cap,
					 .idle_ps = cfg->idle_ps,
					 .wire_bytes_per_s = cfg->wire_bytes_per_s,
					 .shape = curve ? CXMS_SHAPE_CURVE : CXMS_SHAPE_TYPICAL,
					 .curve = cfg->curve,
					 .curve_scale = cfg->curve_peak_scale};
	uint64_t least = cxms_device_service_ps(BUCKET_MIN_LINES * LINE, fullest(cfg));
	for (l->bits = BUCKET_MIN_BITS; l->bits < BUCKET_MAX_BITS && 1ull << l->bits < least;)
		l->bits++;
	l->kept[0] = 1;
	for (uint32_t i = 1; i <= BACK_MOST; i++)
		l->kept[i] = l->kept[i - 1] * (1 - CXMS_ASSUMED_LOAD_WEIGHT);
	uint64_t service = cxms_device_service_ps(LINE, fullest(cfg));
	return curve ? cxms_calendar_init_ps(&l->curve, service, 17, err) : 0;
}

static void fini(struct cxms_device *d)
{
	struct loaded *l = d->state;
	cxms_calendar_fini(&l->curve);
	free(l);
}

static struct bucket *slot(struct loaded *l, uint64_t number)
{
	return &l->ring[number & ((1u << RING_BITS) - 1)];
}

/* The load that the mean stands for, held below what the closed form can answer. */
static void judge(struct loaded *l, struct bucket *b)
{
	double per_s = (double)CXMS_PS_PER_S / (double)(1ull << l->bits);
	struct cxms_load load = {b->before[0] * per_s, b->before[1] * per_s};
	double all = load.read_lines_per_s + load.write_lines_per_s;
	double u = cxms_server_wait_utilization(&l->server, &load);
	if (u > CXMS_ASSUMED_LOAD_TOP) {
		load.read_lines_per_s *= CXMS_ASSUMED_LOAD_TOP / u;
		load.write_lines_per_s *= CXMS_ASSUMED_LOAD_TOP / u;
	}
	b->added_ps = (uint64_t)llround(cxms_server_wait_ps(&l->server, &load));
	if (l->server.shape == CXMS_SHAPE_CURVE)
		b->service_ps = cxms_device_service_ps(
			LINE, l->server.curve_scale *
				      cxms_curve_peak(l->server.curve,
						      all > 0 ? load.read_lines_per_s /
									(load.read_lines_per_s +
									 load.write_lines_per_s)
							      : 1));
}

/* The mean where @b begins, from the last bucket used before it; told anew when that one grew. */
static void look_back(struct loaded *l, struct bucket *b)
{
	const struct bucket *p = slot(l, b->number - 2);
	uint32_t back = p->number == b->number - 1 ? 1 : b->back;
	if (back == 0)
		return;
	p = slot(l, b->number - 1 - back);
	bool changed = false;
	for (int w = 0; w < 2; w++) {
		double mean = l->kept[back] * p->before[w] +
			      l->kept[back - 1] * CXMS_ASSUMED_LOAD_WEIGHT * p->lines[w];
		changed |= mean < b->before[w] || mean > b->before[w];
		b->before[w] = mean;
	}
	if (changed)
		judge(l, b);
}

static struct bucket *bucket_at(struct loaded *l, uint64_t number)
{
	struct bucket *b = slot(l, number);
	if (b->number > number + 1) /* its own is forgotten */
		return b;
	if (b->number != number + 1) {
		*b = (struct bucket){.number = number + 1};
		for (uint32_t i = 1; i <= BACK_MOST && i <= number && !b->back; i++)
			b->back = slot(l, number - i)->number == number - i + 1 ? i : 0;
		judge(l, b);
	}
	look_back(l, b);
	return b;
}

static uint64_t request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps)
{
	struct loaded *l = d->state;
	(void)dpa;
	uint64_t number = at_ps >> l->bits;
	struct bucket *b = bucket_at(l, number);
	if (b->number == number + 1)
		b->lines[write]++;
	else
		l->late++;
	uint64_t wait = l->curve.slot ? cxms_calendar_take_ps(&l->curve, at_ps, b->service_ps) : 0;
	return wait > b->added_ps ? wait : b->added_ps;
}

static void sums(const struct cxms_device *d, struct cxms_device_sums *out)
{
	const struct loaded *l = d->state;
	cxms_device_sum(&l->curve, out);
	out->late += l->late;
}

const struct cxms_device_ops cxms_device_loaded = {init, request, sums, fini};

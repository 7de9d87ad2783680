#include "mem/measure.h"

#include <errno.h>
#include <math.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "mem/curve.h"
#include "mem/device.h"

#define LINE	  ((double)CXMS_LINE_BYTES)
#define MIN_LINES 1000u
/* Loads asked for, as shares of the peak: denser where the latency bends. */
static const double loads[] = {0.02, 0.2, 0.4, 0.55, 0.7, 0.8, 0.86, 0.91, 0.95};
static const double read_shares[] = {0, 0.25, 0.5, 0.75, 1};

#define N_LOAD	(sizeof(loads) / sizeof(loads[0]))
#define N_SHARE (sizeof(read_shares) / sizeof(read_shares[0]))

/* The load is raised by this until less passes than was asked. */
#define FIRST_BYTES_PER_S 1e8
#define MOST_BYTES_PER_S  1e14
#define STEP		  2.0
#define PASSED		  0.9
#define LONGER		  5u

struct point {
	double bytes_per_s, added_ps;
};

/* The first tenth of the lines warms up and is not counted. */
static int ask(const struct cxms_device_cfg *cfg, const struct cxms_measure *how,
	       double bytes_per_s, double read_share, struct point *out, struct cxms_err *err)
{
	struct cxms_device *d = NULL;
	struct cxms_device_sums sums;
	struct cxms_rng r;
	int rc = cxms_device_new(cfg, &d, err);
	if (rc)
		return rc;
	double gap_ps = LINE / bytes_per_s * (double)CXMS_PS_PER_S, at_ps = 0, sum_ps = 0;
	size_t warm = how->lines / 10, n = how->lines + warm;
	cxms_rng_init(&r, how->seed);
	for (size_t i = 0; i < n; i++) {
		at_ps -= log(1 - cxms_rng_unit(&r)) * gap_ps;
		bool write = cxms_rng_unit(&r) >= read_share;
		uint64_t dpa =
			cxms_rng_below(&r, how->span_bytes / CXMS_LINE_BYTES) * CXMS_LINE_BYTES;
		uint64_t added = cxms_device_request(d, write, dpa, (uint64_t)at_ps);
		sum_ps += i >= warm ? (double)added : 0;
	}
	cxms_device_sums(d, &sums);
	cxms_device_free(d);
	double all_ps = (double)sums.latest_ps;
	out->bytes_per_s = (double)sums.bytes / all_ps * (double)CXMS_PS_PER_S;
	out->added_ps = sum_ps / (double)how->lines;
	return 0;
}

/* Overload is asked for longer, since random addresses load banks and channels unevenly at first.
 */
static int find_peak(const struct cxms_device_cfg *cfg, const struct cxms_measure *how,
		     double read_share, double first, double *peak, struct cxms_err *err)
{
	struct cxms_measure longer = *how;
	struct point p;
	longer.lines *= LONGER;
	for (double asked = first; asked < MOST_BYTES_PER_S; asked *= STEP) {
		int rc = ask(cfg, how, asked, read_share, &p, err);
		if (!rc && p.bytes_per_s < PASSED * asked) {
			rc = ask(cfg, &longer, STEP * p.bytes_per_s, read_share, &p, err);
			*peak = p.bytes_per_s;
			return rc;
		}
		if (rc)
			return rc;
	}
	return cxms_fail(err, ERANGE, "nothing bounds the device: it has no curve");
}

/*
 * Channels of banks are alike and share nothing, so one of them tells of all: it sees more of its
 * refreshes in as many lines. Caps of bandwidth are the server's, which has them besides its curve.
 */
static double one_channel(struct cxms_device_cfg *cfg, struct cxms_measure *how)
{
	if (cfg->kind != CXMS_DEVICE_BANK || cfg->channels == 0)
		return 1;
	double channels = cfg->channels;
	how->span_bytes = how->span_bytes / cfg->channels + CXMS_LINE_BYTES;
	cfg->channels = 1;
	cfg->read_cap = cfg->write_cap = cfg->total_cap = INFINITY;
	return channels;
}

int cxms_measure_device(const struct cxms_device_cfg *cfg, const struct cxms_measure *how,
			struct cxms_curve **out, struct cxms_err *err)
{
	double bytes_per_s[N_SHARE][N_LOAD + 1], latency_ps[N_SHARE][N_LOAD + 1];
	double peak = FIRST_BYTES_PER_S;
	struct cxms_curve_points part[N_SHARE];
	struct cxms_device_cfg one = *cfg;
	struct cxms_measure ways = *how;
	if (how->lines < MIN_LINES || how->span_bytes < CXMS_LINE_BYTES)
		return cxms_fail(err, EINVAL, "a curve needs %u lines a point and one to ask for",
				 MIN_LINES);
	double channels = one_channel(&one, &ways);
	for (size_t s = 0; s < N_SHARE; s++) {
		/* a share's peak is at most some times another's */
		int rc = find_peak(&one, &ways, read_shares[s], peak / 2, &peak, err);
		for (size_t i = 0; i <= N_LOAD && !rc; i++) {
			struct point p = {0};
			double load = (i < N_LOAD ? loads[i] : 1) * peak;
			rc = ask(&one, &ways, load, read_shares[s], &p, err);
			bytes_per_s[s][i] = load * channels;
			latency_ps[s][i] = p.added_ps;
		}
		if (rc)
			return rc;
		part[s] = (struct cxms_curve_points){read_shares[s], N_LOAD + 1, bytes_per_s[s],
						     latency_ps[s]};
	}
	return cxms_curve_new(part, N_SHARE, out, err);
}

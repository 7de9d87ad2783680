#include "mem/server.h"

#include <assert.h>
#include <math.h>

#include "base/units.h"
#include "mem/curve.h"

#define LINE ((double)CXMS_LINE_BYTES)

/*
 * Added latency of a device under load: L0 * k * (u/(1-u))^p. Fits of 8 measured systems (Mess
 * benchmark, DDR4, DDR5 and CXL) at all-read give k 0.059 to 0.219 and p 0.45 to 0.79; one k and p
 * for all is assumed.
 */
#define CXMS_ASSUMED_LOAD_K 0.10
#define CXMS_ASSUMED_LOAD_P 0.7

/*
 * A measured curve ends at its peak with a finite latency; in a closed system throughput goes on
 * standing there while latency grows. Within the last share of utilisation the wait rises from the
 * curve's to infinity. Peaks of a curve measured again scatter by about this share.
 */
#define CXMS_ASSUMED_CURVE_END 0.01

/* Share of a capacity; an absent link has 0 bytes/s and bounds nothing. */
static double share(double asked, double cap)
{
	return cap > 0 ? asked / cap : 0;
}

static double up_bytes(const struct cxms_load *l)
{
	return l->read_lines_per_s * CXMS_WIRE_READ_UP_BYTES +
	       l->write_lines_per_s * CXMS_WIRE_WRITE_UP_BYTES;
}

static double down_bytes(const struct cxms_load *l)
{
	return l->read_lines_per_s * CXMS_WIRE_READ_DOWN_BYTES +
	       l->write_lines_per_s * CXMS_WIRE_WRITE_DOWN_BYTES;
}

static double read_share_of(const struct cxms_load *l)
{
	double all = l->read_lines_per_s + l->write_lines_per_s;
	return all > 0 ? l->read_lines_per_s / all : 1;
}

/* Chance that a request of a mix differs in kind from the one before it. */
static double switch_chance(const struct cxms_load *l)
{
	double reads = read_share_of(l);
	return 2 * reads * (1 - reads);
}

/* Seconds that a channel of a QUEUE needs for a line alone. */
static double channel_service_s(const struct cxms_server *s)
{
	return isfinite(s->total_cap) ? s->channels * LINE / s->total_cap : 0;
}

/* Load of each channel with the time that it loses between reads and writes. */
static double channel_busy(const struct cxms_server *s, const struct cxms_load *l)
{
	double lines = l->read_lines_per_s + l->write_lines_per_s;
	double lost_s = s->turnaround_ps / (double)CXMS_PS_PER_S * switch_chance(l);
	return lines / s->channels * (channel_service_s(s) + lost_s);
}

double cxms_server_utilization(const struct cxms_server *s, const struct cxms_load *load)
{
	double r = load->read_lines_per_s, w = load->write_lines_per_s;
	if (s->kind == CXMS_SERVER_LINK)
		return share(fmax(up_bytes(load), down_bytes(load)), s->dir_bytes_per_s);
	double u = fmax(share((r + w) * LINE, s->total_cap),
			fmax(share(r * LINE, s->read_cap), share(w * LINE, s->write_cap)));
	if (s->shape == CXMS_SHAPE_QUEUE)
		return fmax(u, channel_busy(s, load));
	if (s->shape == CXMS_SHAPE_CURVE)
		return fmax(u, (r + w) * LINE /
				       (s->curve_scale *
					cxms_curve_peak(s->curve, read_share_of(load))));
	return u;
}

double cxms_link_utilization(const struct cxms_server *s, const struct cxms_load *load, int up)
{
	return share(up ? up_bytes(load) : down_bytes(load), s->dir_bytes_per_s);
}

/* Mean wait of M/D/1 in ps: rho / (2 (1 - rho)) * service. */
static double md1_ps(double rho, double service_s)
{
	return rho / (2 * (1 - rho)) * service_s * (double)CXMS_PS_PER_S;
}

/*
 * One direction of a link. Reads and writes put messages of two fixed lengths on it, so the service
 * time in M/D/1's formula is the length-weighted mean E[S^2]/E[S] (Pollaczek-Khinchine): with one
 * kind of message this is M/D/1, and unlike the plain mean it never falls when load is added.
 */
static double direction_wait_ps(const struct cxms_load *l, double read_bytes, double write_bytes,
				double bytes_per_s)
{
	double first = l->read_lines_per_s * read_bytes + l->write_lines_per_s * write_bytes;
	double second = l->read_lines_per_s * read_bytes * read_bytes +
			l->write_lines_per_s * write_bytes * write_bytes;
	return first > 0 ? md1_ps(first / bytes_per_s, second / first / bytes_per_s) : 0;
}

static double cap_wait_ps(double lines_per_s, double cap)
{
	return cap > 0 && isfinite(cap) ? md1_ps(lines_per_s * LINE / cap, LINE / cap) : 0;
}

static double caps_wait_ps(const struct cxms_server *s, const struct cxms_load *l)
{
	double r = l->read_lines_per_s, w = l->write_lines_per_s;
	return fmax(cap_wait_ps(r, s->read_cap), cap_wait_ps(w, s->write_cap));
}

/*
 * Addresses choose the channel, so each of them is an M/G/1 queue of its own: service is a line's,
 * and the turnaround besides where the kind changes (Pollaczek-Khinchine). A request that finds its
 * channel busy, which is true with probability rho, also waits for its own turnaround.
 */
static double queue_wait_ps(const struct cxms_server *s, const struct cxms_load *l)
{
	double p = switch_chance(l), t_s = s->turnaround_ps / (double)CXMS_PS_PER_S;
	double line_s = channel_service_s(s), rho = channel_busy(s, l);
	double first = line_s + p * t_s;
	double second = line_s * line_s + p * (2 * line_s * t_s + t_s * t_s);
	double wait = first > 0 ? md1_ps(rho, second / first) + rho * p * s->turnaround_ps : 0;
	return fmax(wait, caps_wait_ps(s, l));
}

/* As measured up to the curve's end; from there as x/(1-x) of what the saturated branch, or the
 * whole curve where it has none, added. */
static double curve_wait_ps(const struct cxms_server *s, double u, double read_share)
{
	double wait = cxms_curve_added_ps(s->curve, u, read_share);
	double x = 1 - (1 - u) / CXMS_ASSUMED_CURVE_END;
	if (x <= 0)
		return wait;
	double range = fmax(cxms_curve_over_ps(s->curve, read_share),
			    cxms_curve_added_ps(s->curve, 1, read_share));
	range = range > 0 ? range : s->idle_ps;
	return wait + range * x / (1 - x);
}

/* Measured devices were measured through their links. */
double cxms_server_wait_utilization(const struct cxms_server *s, const struct cxms_load *load)
{
	double u = cxms_server_utilization(s, load);
	if (s->shape != CXMS_SHAPE_TYPICAL || s->wires_apart)
		return u;
	return fmax(u, share(fmax(up_bytes(load), down_bytes(load)), s->wire_bytes_per_s));
}

static double typical_wait_ps(const struct cxms_server *s, double u)
{
	return s->idle_ps * CXMS_ASSUMED_LOAD_K * pow(u / (1 - u), CXMS_ASSUMED_LOAD_P);
}

double cxms_server_wire_wait_ps(const struct cxms_server *device, const struct cxms_load *load,
				const struct cxms_server *link, const struct cxms_load *through)
{
	double u = cxms_server_utilization(device, load);
	double wire = share(fmax(up_bytes(through), down_bytes(through)), link->dir_bytes_per_s);
	if (wire <= u || u >= 1)
		return 0;
	return wire >= 1 ? INFINITY : typical_wait_ps(device, wire) - typical_wait_ps(device, u);
}

bool cxms_server_is_bounded(const struct cxms_server *s)
{
	static const struct cxms_load any = {1, 1};
	return cxms_server_wait_utilization(s, &any) > 0;
}

double cxms_server_wait_ps(const struct cxms_server *s, const struct cxms_load *load)
{
	double r = load->read_lines_per_s, w = load->write_lines_per_s;
	double u = cxms_server_wait_utilization(s, load);
	if (u >= 1)
		return INFINITY;
	if (u <= 0 || s->shape == CXMS_SHAPE_BOUND)
		return 0;
	if (s->kind == CXMS_SERVER_LINK) /* a request crosses each direction once */
		return direction_wait_ps(load, CXMS_WIRE_READ_UP_BYTES, CXMS_WIRE_WRITE_UP_BYTES,
					 s->dir_bytes_per_s) +
		       direction_wait_ps(load, CXMS_WIRE_READ_DOWN_BYTES,
					 CXMS_WIRE_WRITE_DOWN_BYTES, s->dir_bytes_per_s);
	if (s->shape == CXMS_SHAPE_MD1)
		return fmax(cap_wait_ps(r + w, s->total_cap), caps_wait_ps(s, load));
	if (s->shape == CXMS_SHAPE_QUEUE)
		return queue_wait_ps(s, load);
	if (s->shape == CXMS_SHAPE_CURVE)
		return curve_wait_ps(s, u, read_share_of(load));
	return typical_wait_ps(s, u);
}

double cxms_server_peak_bytes_per_s(const struct cxms_server *s, double read_share)
{
	assert(read_share >= 0 && read_share <= 1);
	struct cxms_load one = {read_share / LINE, (1 - read_share) / LINE}; /* 1 byte/s */
	double u = cxms_server_utilization(s, &one);
	return u > 0 ? 1 / u : INFINITY;
}

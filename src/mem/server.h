/* What queues: capacity and waiting time of links, switch ports and devices under an offered load.
 */
#ifndef CXMS_MEM_SERVER_H
#define CXMS_MEM_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"
#include "base/wire.h"

/** struct cxms_load - lines per second asked of a server; both >= 0 */
struct cxms_load {
	double read_lines_per_s, write_lines_per_s;
};

enum cxms_server_kind {
	CXMS_SERVER_LINK,   /* a link: two directions, slots counted */
	CXMS_SERVER_DEVICE, /* memdev, local DRAM, or a switch's internal bandwidth:
			       read/write/total caps */
};

/* How a server's wait grows with its load. */
enum cxms_server_shape {
	CXMS_SHAPE_TYPICAL, /* measured devices: L0 * 0.10 * (u/(1-u))^0.7, u that of the tightest
			       cap, or of its own link where that is fuller */
	CXMS_SHAPE_MD1,	    /* constant service at its caps: a switch, a bridge, `fixed` */
	CXMS_SHAPE_QUEUE,   /* channels chosen by address, turnaround between reads and writes;
			       total_cap is that of all channels at one kind */
	CXMS_SHAPE_CURVE,   /* as measured */
	CXMS_SHAPE_BOUND    /* LINK: no wait until it is full; what lies behind it was measured
			       through it */
};

struct cxms_curve;

/** struct cxms_server - value struct; caps in bytes/s of payload, INFINITY = not bounded here */
struct cxms_server {
	enum cxms_server_kind kind;
	double dir_bytes_per_s; /* LINK: usable wire bytes/s of each direction; 0 = no link,
				   unbounded */
	double read_cap, write_cap, total_cap; /* DEVICE */
	double idle_ps;			       /* DEVICE: L0 of the loaded-latency formula */
	double wire_bytes_per_s; /* TYPICAL: usable wire bytes/s of each direction of the links that
				    are its own; 0 = none, or not bounded */
	bool wires_apart; /* TYPICAL: a link to each of several hosts; what it adds for a link's
			     sake is that link's, cxms_server_wire_wait_ps() */
	enum cxms_server_shape shape;	/* DEVICE; LINK: M/D/1, but BOUND */
	uint32_t channels;		/* QUEUE: >= 1 */
	double turnaround_ps;		/* QUEUE */
	const struct cxms_curve *curve; /* CURVE: borrowed */
	double curve_scale; /* CURVE: > 0, bytes/s of this device for one of the curve's; 1 =
			       absolute */
};

/** utilisation of the busiest direction, cap or channel, or of a curve's peak at this read share; 0
 * for an unbounded server; may exceed 1 */
double cxms_server_utilization(const struct cxms_server *s, const struct cxms_load *load);
/** utilisation of one direction of a link, as the above: @up = towards the host */
double cxms_link_utilization(const struct cxms_server *s, const struct cxms_load *load, int up);
/**
 * cxms_server_wait_ps() - mean added latency of a request at that load
 * DEVICE: by its shape; LINK and SHAPE_MD1: M/D/1, rho/(2(1-rho)) * service time. SHAPE_QUEUE:
 * M/G/1 per channel. SHAPE_CURVE: as measured up to u 0.99, then rising without bound.
 * LINK: summed over both directions; service = length-weighted mean of the messages there.
 * Return: INFINITY for u >= 1; 0 for u == 0; increasing in u at a fixed read share (a curve that
 * was measured flat: not falling).
 */
double cxms_server_wait_ps(const struct cxms_server *s, const struct cxms_load *load);
/**
 * cxms_server_wire_wait_ps() - what a TYPICAL device whose wires are apart adds where a link is
 * fuller than itself, beyond what it adds itself
 * @load: on the device, of all links;  @through: on @link
 * Return: with both waits of the device as of one that has this link alone; 0 where the device is
 * fuller; INFINITY for a link that is full
 */
double cxms_server_wire_wait_ps(const struct cxms_server *device, const struct cxms_load *load,
				const struct cxms_server *link, const struct cxms_load *through);
/** utilisation that its wait follows: the above, but that a TYPICAL device has its link's too */
double cxms_server_wait_utilization(const struct cxms_server *s, const struct cxms_load *load);
/** is there a load at which it waits? */
bool cxms_server_is_bounded(const struct cxms_server *s);
/** most payload bytes/s the server passes at this read share (0..1) */
double cxms_server_peak_bytes_per_s(const struct cxms_server *s, double read_share);

#endif

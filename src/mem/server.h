/*
 * Servers: whatever requests queue for. A link, a device or the inside of a switch, by a closed
 * form of its load: how full it is, and how long a request waits there on average. MODELS: fabric,
 * devices. The same request by request: device.h.
 */
#ifndef CXMS_MEM_SERVER_H
#define CXMS_MEM_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"
#include "base/wire.h"

/** struct cxms_load - lines (64 bytes) per second asked of a server; both >= 0 */
struct cxms_load {
	double read_lines_per_s, write_lines_per_s;
};

enum cxms_server_kind {
	CXMS_SERVER_LINK, /* a link: two directions, by the slots of messages (base/wire.h) */
	/* memdev, local DRAM or the inside of a switch: caps of reads, writes and both together */
	CXMS_SERVER_DEVICE,
};

/* How a server's wait grows with its load. */
enum cxms_server_shape {
	/* as published curves of devices: L0 * 0.10 * (u/(1-u))^0.7, u the utilisation of the
	 * tightest cap, or of the device's own link where that is fuller */
	CXMS_SHAPE_TYPICAL,
	CXMS_SHAPE_MD1, /* each service takes as long: a switch, a bridge, model `fixed` */
	/* channels chosen by address, with a turnaround between reads and writes; total_cap is that
	 * of all channels without turnarounds */
	CXMS_SHAPE_QUEUE,
	CXMS_SHAPE_CURVE, /* a measured curve */
	/* LINK: no wait until it is full, as the device behind it was measured through it */
	CXMS_SHAPE_BOUND
};

struct cxms_curve;

/**
 * struct cxms_server - a value
 * @dir_bytes_per_s:  LINK: usable bytes/s on the wire, each direction; 0 = no link, unbounded
 * @read_cap, @write_cap, @total_cap: DEVICE: bytes/s of payload; INFINITY = not bounded here
 * @idle_ps:          DEVICE: L0 of shape TYPICAL
 * @wire_bytes_per_s: TYPICAL: as dir_bytes_per_s, of all links of its own; 0 = none, or unbounded
 * @wires_apart:      TYPICAL: it has a link to each of several hosts; where one is fuller than the
 *                    device, the link adds what is missing: cxms_server_wire_wait_ps()
 * @shape:            of a DEVICE; a LINK waits as M/D/1 unless BOUND
 * @channels:         QUEUE: >= 1
 * @turnaround_ps:    QUEUE
 * @curve:            CURVE: borrowed
 * @curve_scale:      CURVE: this device's bytes/s for one of the curve's, > 0; 1 = the curve's own
 */
struct cxms_server {
	enum cxms_server_kind kind;
	double dir_bytes_per_s;
	double read_cap, write_cap, total_cap;
	double idle_ps;
	double wire_bytes_per_s;
	bool wires_apart;
	enum cxms_server_shape shape;
	uint32_t channels;
	double turnaround_ps;
	const struct cxms_curve *curve;
	double curve_scale;
};

/** cxms_server_utilization() - share of its capacity that a load takes: that of the busiest
 * direction, cap or channel, or of a curve's peak at this read share
 * Return: 0 for an unbounded server; above 1 where more is asked than it passes */
double cxms_server_utilization(const struct cxms_server *s, const struct cxms_load *load);
/** cxms_link_utilization() - the same of one direction of a link; @up: 1 = towards the host */
double cxms_link_utilization(const struct cxms_server *s, const struct cxms_load *load, int up);
/**
 * cxms_server_wait_ps() - what a request waits on average at that load
 * LINK, MD1: M/D/1, rho/(2(1-rho)) * service time. Of a LINK the sum of both directions, a service
 *   being the mean of the messages there, weighted by length.
 * QUEUE: M/G/1 of a channel.
 * CURVE: as measured up to u = 0.99, from there rising without bound.
 * Return: ps; 0 for u == 0; INFINITY for u >= 1; rises with u at a fixed read share (a curve that
 * was measured flat: does not fall)
 */
double cxms_server_wait_ps(const struct cxms_server *s, const struct cxms_load *load);
/**
 * cxms_server_wire_wait_ps() - what one link of a device whose wires are apart adds to the device's
 * own wait, where it is fuller than the device
 * @load: on the device, by all links;  @through: on @link
 * Return: ps. Both waits together are those of a device that has this link alone; 0 where the
 * device is fuller; INFINITY where the link is full
 */
double cxms_server_wire_wait_ps(const struct cxms_server *device, const struct cxms_load *load,
				const struct cxms_server *link, const struct cxms_load *through);
/** cxms_server_wait_utilization() - what the wait follows: cxms_server_utilization(), or of a
 * TYPICAL device its own link's, where that is more */
double cxms_server_wait_utilization(const struct cxms_server *s, const struct cxms_load *load);
/** cxms_server_is_bounded() - is there a load at which requests wait? */
bool cxms_server_is_bounded(const struct cxms_server *s);
/** cxms_server_peak_bytes_per_s() - most payload that it passes at a read share (0 .. 1) */
double cxms_server_peak_bytes_per_s(const struct cxms_server *s, double read_share);

#endif

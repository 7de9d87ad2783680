/*
 * The fabric asked request by request: every link direction, switch, and device is a server that
 * remembers what it has promised. MODELS: fabric, event engine.
 */
#ifndef CXMS_SIM_EVENT_NET_H
#define CXMS_SIM_EVENT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/device.h"

struct cxms_err;
struct cxms_fabric;

/* Requests that the input queue of a link, and of a device, holds: CXL-DMSim, Table III. */
#define CXMS_NET_LINK_CREDITS	128u
#define CXMS_NET_DEVICE_CREDITS CXMS_DEVICE_QUEUE_LINES

/** struct cxms_net_cfg - what a network is made of */
struct cxms_net_cfg {
	const struct cxms_fabric *fabric; /* borrowed until the network is freed */
	/* requests the queue of a link, and that of a memdev of kind fixed, queue, bank or paged,
	 * holds; 0 = any number. A request waits before the link whose queue is full, in the order
	 * of arrival: bounded queues want requests in the order of time. */
	uint32_t link_credits, device_credits;
	bool caps_only;	   /* a device without a stated model waits for its bandwidth only */
	bool no_addresses; /* @dpa is drawn: what keeps pages answers as in epochs */
	uint64_t seed;	   /* of the devices' tails */
};

struct cxms_net;
/** 0, -ENOMEM or what a device says of its figures. Owner: cxms_net_free() */
int cxms_net_new(const struct cxms_net_cfg *cfg, struct cxms_net **out, struct cxms_err *err);
void cxms_net_free(struct cxms_net *n);
/**
 * cxms_net_request() - one line from or to a target
 * @dpa: device address, bytes
 * @at_ps: leaves the core; < 2^62
 *
 * A read sends its request down each link and its data up; a write its data down and its completion
 * up (slots of mem/server.h). What a request waits for at one server delays it at the next. Every
 * server takes requests in the order of arrival, whatever port they come from, so streams that
 * always have requests outstanding share it in proportion to their number.
 * Without credits requests may come in any order within what a calendar remembers.
 * Return: latency, ps; at least the idle one without the device's tail
 */
uint64_t cxms_net_request(struct cxms_net *n, uint32_t target, bool write, uint64_t dpa,
			  uint64_t at_ps);

/** cxms_net_forget() - nobody asks for a time before @before_ps any more: servers need remember
 * less of it, which is quicker; answers are the same */
void cxms_net_forget(struct cxms_net *n, uint64_t before_ps);
/** requests that lay before what a server remembers, and were served without waiting */
uint64_t cxms_net_late(const struct cxms_net *n);
/** utilisation is counted from now on, which is @at_ps */
void cxms_net_mark(struct cxms_net *n, uint64_t at_ps);
/** share of the time from the mark to @until_ps that the busiest server on the way to a target is
 * busy, 0..1; 0 where none is bounded */
double cxms_net_utilization(const struct cxms_net *n, uint32_t target, uint64_t until_ps);
/**
 * cxms_net_check() - do the books of the servers agree with what was asked of them?
 * For every server: as many bytes out as in; requests x time there as its own sum of them (Little);
 * never busy for longer than time went by. For every target: no request was done before its idle
 * latency.
 * Return: 0, or -EPROTO with the first that does not
 */
int cxms_net_check(const struct cxms_net *n, struct cxms_err *err);

#endif

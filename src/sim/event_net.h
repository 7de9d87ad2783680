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
	/* requests that the queue of a link, and that of a memdev of kind fixed, queue, bank or
	 * paged, holds; 0 = any number. A request waits before the link whose queue is full, in the
	 * order of arrival; so with bounded queues requests must come in the order of time. */
	uint32_t link_credits, device_credits;
	bool caps_only; /* a device whose model nobody stated waits for its bandwidth only */
	/* device addresses are drawn at random: page buffers then hit as often as in epochs */
	bool no_addresses;
	uint64_t seed; /* of the devices' tails */
};

struct cxms_net;
/** cxms_net_new() - idle. Return: 0, -ENOMEM, or as cxms_device_new(). Owner: cxms_net_free() */
int cxms_net_new(const struct cxms_net_cfg *cfg, struct cxms_net **out, struct cxms_err *err);
void cxms_net_free(struct cxms_net *n);
/**
 * cxms_net_request() - one line from or to a target
 * @dpa:   device address, bytes
 * @at_ps: when it leaves the core; < 2^62
 *
 * A read sends its request down each link and its data up, a write its data down and its completion
 * up (base/wire.h has their lengths). A wait at one server delays the request at the next. Each
 * server takes requests in the order of arrival, whichever port they come from: streams that always
 * have requests outstanding share it in proportion to how many they have.
 * Without credits requests may come in any order, as far back as mem/calendar.h remembers.
 * Return: latency, ps; at least the idle one without the device's tail
 */
uint64_t cxms_net_request(struct cxms_net *n, uint32_t target, bool write, uint64_t dpa,
			  uint64_t at_ps);

/** cxms_net_forget() - nobody asks for a time before @before_ps any more. Answers stay the same;
 * servers remember less, which is quicker */
void cxms_net_forget(struct cxms_net *n, uint64_t before_ps);
/** cxms_net_late() - requests that lay before what a server remembers: they did not wait */
uint64_t cxms_net_late(const struct cxms_net *n);
/** cxms_net_served() - requests that servers have served; one that passes several counts at each */
uint64_t cxms_net_served(const struct cxms_net *n);
/** cxms_net_mark() - count utilisation from @at_ps on, which is now */
void cxms_net_mark(struct cxms_net *n, uint64_t at_ps);
/** cxms_net_utilization() - share of the time from the mark to @until_ps during which the busiest
 * server on the way to a target is busy; 0 .. 1, 0 where none is bounded */
double cxms_net_utilization(const struct cxms_net *n, uint32_t target, uint64_t until_ps);
/**
 * cxms_net_check() - do the books of the servers agree with what was asked of them?
 * For every server: as many bytes went out as came in; the mean number of requests there is their
 * rate times their mean time there (Little's law); it was never busy for longer than time went by.
 * For every target: no request took less than the idle latency.
 * Return: 0, or -EPROTO, which names the first that does not agree
 */
int cxms_net_check(const struct cxms_net *n, struct cxms_err *err);

#endif

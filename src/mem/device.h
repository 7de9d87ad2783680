/*
 * Memory asked request by request: what a memdev, or local DRAM, adds to each request beyond its
 * idle latency. A replay holds one such object for each device in each of its lanes (placements
 * that are simulated side by side). The closed forms of the same models are in server.h. MODELS:
 * devices.
 */
#ifndef CXMS_MEM_DEVICE_H
#define CXMS_MEM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct cxms_curve;
struct cxms_err;

/* Requests that the input queue of a device holds: CXL-DMSim, Table III. */
#define CXMS_DEVICE_QUEUE_LINES 48u

enum cxms_device_kind {
	CXMS_DEVICE_TYPICAL, /* shape of measured devices over the bandwidth of the last slots */
	CXMS_DEVICE_FIXED,   /* bandwidth caps only */
	CXMS_DEVICE_QUEUE,
	CXMS_DEVICE_BANK,
	CXMS_DEVICE_CURVE,
	CXMS_DEVICE_PAGED /* a page buffer before a slow medium or a network */
};

/** struct cxms_device_cfg - the fields of the other kinds are not read. Caps and other rates are in
 * bytes/s, INFINITY = not bounded */
struct cxms_device_cfg {
	enum cxms_device_kind kind;
	double read_cap, write_cap, total_cap;
	double idle_ps;			/* TYPICAL: L0 of the shape */
	double wire_bytes_per_s;	/* TYPICAL: of its own links, as in server.h */
	const struct cxms_curve *curve; /* CURVE: borrowed */
	double curve_peak_scale;	/* CURVE: own capacity / the curve's; 1 = the curve's own */
	uint32_t channels;		/* QUEUE, BANK */
	uint64_t turnaround_ps;		/* QUEUE */
	uint32_t ranks, banks, row_bytes; /* BANK */
	bool closed_page;
	uint64_t burst_ps, cl_ps, rcd_ps, rp_ps, ras_ps, wr_ps, wtr_ps, rtw_ps, rfc_ps, refi_ps;
	uint64_t page_bytes, buffer_bytes, fetch_ps; /* PAGED */
	uint64_t fault_ps; /* PAGED: time of software on the core that misses, beside the fetch */
	double backing_bytes_per_s;	    /* PAGED: of the medium behind the buffer */
	uint32_t depth;			    /* PAGED: pages that are fetched at a time */
	uint64_t tail_p99_ps, tail_p999_ps; /* any kind: slow answers, 0 = none (tail.h) */
	uint64_t seed;			    /* of the tail */
	/* time before which nobody asks any more; the caller moves it on. NULL = not known.
	 * Borrowed until the device is freed */
	const uint64_t *past_ps;
};

struct cxms_device;
/** cxms_device_new() - idle. Return: 0; -EINVAL, which names the figure that is out of range;
 * -ENOMEM. Owner: cxms_device_free() */
int cxms_device_new(const struct cxms_device_cfg *cfg, struct cxms_device **out,
		    struct cxms_err *err);
void cxms_device_free(struct cxms_device *d);
/**
 * cxms_device_request() - one line read or written
 * @dpa:   device address, bytes
 * @at_ps: arrival. Requests may come in any order, as far back as calendar.h remembers
 * Return: what it adds, ps beyond the idle latency: the longer of the wait at the caps and of
 * - TYPICAL, CURVE: the closed form of server.h, at the load of the last eight buckets of time;
 * - QUEUE: the wait for its channel;
 * - BANK: what refresh, bank and bus take beyond a request that finds another row open in its bank
 *   (with closed pages: none), which is what the idle latency holds;
 * - PAGED: the fetch of the page; 0 where it is in the buffer;
 * and to that what the tail adds (tail.h).
 * No thread waits for its writes, so many may be under way: a read waits before a device whose
 * queue is full of writes, and the other way round.
 */
uint64_t cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps);

/** struct cxms_device_sums - what passed so far */
struct cxms_device_sums {
	uint64_t reads, writes, bytes;
	uint64_t busy_ps;   /* of the busiest of its servers; by time: the device's utilisation */
	uint64_t added_ps;  /* sum of what cxms_device_request() returned */
	uint64_t latest_ps; /* end of the last service */
	uint64_t row_hits, page_hits; /* BANK, PAGED */
	uint64_t late; /* requests that lay before what is remembered: they did not wait */
};
/** of all requests since cxms_device_new() */
void cxms_device_sums(const struct cxms_device *d, struct cxms_device_sums *out);

#endif

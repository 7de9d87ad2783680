/*
 * Memory asked request by request: what a memdev or local DRAM adds to a request beyond its idle
 * latency. One object a device and lane; the closed forms of the same models are in server.h.
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

/** struct cxms_device_cfg - fields of other kinds are not read; rates in bytes/s, INFINITY = none
 */
struct cxms_device_cfg {
	enum cxms_device_kind kind;
	double read_cap, write_cap, total_cap;
	double idle_ps;			  /* TYPICAL: L0 of the shape */
	double wire_bytes_per_s;	  /* TYPICAL: of its own links, as in server.h */
	const struct cxms_curve *curve;	  /* CURVE: borrowed */
	double curve_peak_scale;	  /* CURVE: own capacity / the curve's; 1 = absolute */
	uint32_t channels;		  /* QUEUE, BANK */
	uint64_t turnaround_ps;		  /* QUEUE */
	uint32_t ranks, banks, row_bytes; /* BANK */
	bool closed_page;
	uint64_t burst_ps, cl_ps, rcd_ps, rp_ps, ras_ps, wr_ps, wtr_ps, rtw_ps, rfc_ps, refi_ps;
	uint64_t page_bytes, buffer_bytes, fetch_ps; /* PAGED */
	uint64_t fault_ps; /* PAGED: software of the core that misses, beside the fetch */
	double backing_bytes_per_s;
	uint32_t depth;
	uint64_t tail_p99_ps, tail_p999_ps; /* any kind */
	uint64_t seed;			    /* of the tail */
	const uint64_t *past_ps; /* as in calendar.h; NULL = not known. Outlives the device */
};

struct cxms_device;
/** 0, -EINVAL (a figure out of range: says which), -ENOMEM. Owner: cxms_device_free() */
int cxms_device_new(const struct cxms_device_cfg *cfg, struct cxms_device **out,
		    struct cxms_err *err);
void cxms_device_free(struct cxms_device *d);
/**
 * cxms_device_request() - one line
 * What it adds is the longer of the kind's own time and of the wait at the caps. Nobody may wait
 * for writes, so a read waits before a device whose queue is full of them, and the other way round.
 * Kinds: TYPICAL, CURVE: the closed form of server.h at the load of the last eight buckets of time.
 * QUEUE: the wait at a channel. BANK: against a request whose bank holds another row (closed pages:
 * none), with refresh, bank and bus. PAGED: 0 for a page in the buffer.
 * @dpa: device address, bytes
 * @at_ps: arrival; requests may come in any order within what a calendar remembers
 * Return: ps beyond the idle latency, >= 0
 */
uint64_t cxms_device_request(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps);

/** struct cxms_device_sums - what passed so far */
struct cxms_device_sums {
	uint64_t reads, writes, bytes;
	uint64_t busy_ps;   /* of the busiest of its servers: over the time, its utilisation */
	uint64_t added_ps;  /* sum of what requests were told */
	uint64_t latest_ps; /* end of the last service */
	uint64_t row_hits, page_hits; /* BANK, PAGED */
	uint64_t late;		      /* requests before what is remembered */
};
void cxms_device_sums(const struct cxms_device *d, struct cxms_device_sums *out);

#endif

/* What the kinds of devices share: one operations table each, and the calendars of the caps. */
#ifndef CXMS_MEM_DEVICE_PRIV_H
#define CXMS_MEM_DEVICE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/calendar.h"
#include "mem/device.h"
#include "mem/tail.h"

/* One kind. @init finds a zeroed state; @fini takes a state of any degree of completeness. */
struct cxms_device_ops {
	int (*init)(struct cxms_device *d, struct cxms_err *err);
	/* ps beyond the idle latency, the caps excluded */
	uint64_t (*request)(struct cxms_device *d, bool write, uint64_t dpa, uint64_t at_ps);
	/* busy_ps, late and hits of the servers beside the caps */
	void (*sums)(const struct cxms_device *d, struct cxms_device_sums *out);
	void (*fini)(struct cxms_device *d);
};

extern const struct cxms_device_ops cxms_device_loaded, cxms_device_queue, cxms_device_bank,
	cxms_device_paged;

struct cxms_device {
	struct cxms_device_cfg cfg;
	const struct cxms_device_ops *ops; /* NULL: caps only */
	void *state;			   /* of the kind */
	struct cxms_calendar read, write, total;
	struct cxms_tail tail;
	uint64_t reads, writes, added_ps, latest_ps;
};

/** ps that a server of @bytes_per_s is busy with @bytes; 0 where it is unbounded */
uint64_t cxms_device_service_ps(double bytes, double bytes_per_s);
/** joins a calendar's time and late requests into the sums */
void cxms_device_sum(const struct cxms_calendar *c, struct cxms_device_sums *out);

#endif

/* What a device of the network is made of: a server of the fabric, and the topology behind it. */
#ifndef CXMS_SIM_EVENT_DEVICE_H
#define CXMS_SIM_EVENT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "mem/device.h"

struct cxms_fabric;

/**
 * cxms_event_device() - figures of a server that is a device or local memory
 * @caps_only: where the file states no model, requests wait for the bandwidth only
 * @seed: of its tail
 * The curve is the fabric's.
 */
void cxms_event_device(const struct cxms_fabric *f, size_t server, bool caps_only, uint64_t seed,
		       struct cxms_device_cfg *out);

#endif

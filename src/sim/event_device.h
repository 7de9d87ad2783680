/* What a device of the network is made of: a server of the fabric, and the topology behind it. */
#ifndef CXMS_SIM_EVENT_DEVICE_H
#define CXMS_SIM_EVENT_DEVICE_H

#include <stddef.h>

#include "mem/device.h"

struct cxms_net_cfg;

/**
 * cxms_event_device() - figures of a server that is a device or local memory
 * The curve is the fabric's.
 */
void cxms_event_device(const struct cxms_net_cfg *cfg, size_t server, struct cxms_device_cfg *out);

#endif

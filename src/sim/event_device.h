/* What a device of the network is made of: a server of the fabric, and the topology behind it. */
#ifndef CXMS_SIM_EVENT_DEVICE_H
#define CXMS_SIM_EVENT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "mem/device.h"

struct cxms_net_cfg;

/**
 * cxms_event_device() - figures of a server that is a device or local memory
 * The curve is the fabric's.
 */
void cxms_event_device(const struct cxms_net_cfg *cfg, size_t server, struct cxms_device_cfg *out);
/**
 * cxms_event_head() - the device that link @server is a head of, as it is by that link alone
 * What all heads share is cxms_event_device()'s; a request has the longer answer of both.
 * Return: is there one?
 */
bool cxms_event_head(const struct cxms_net_cfg *cfg, size_t server, struct cxms_device_cfg *out);

#endif

/* Packets of the exact source as bytes: where one ends, and what its head says. */
#ifndef CXMS_TRACE_EXACT_PACKET_H
#define CXMS_TRACE_EXACT_PACKET_H

#include <stddef.h>

#include "core/xstream.h"

struct cxms_err;

/**
 * cxms_packet_head() - the head of the packet that begins at @data
 * @left: bytes there are, of any alignment; the packet takes sizeof(*out) + out->bytes of them
 * Return: 0, or -EBADMSG: no packet begins here, it is longer than @left or CXMS_XS_PACKET_MAX
 */
int cxms_packet_head(const void *data, size_t left, struct cxms_xs_head *out, struct cxms_err *err);

#endif

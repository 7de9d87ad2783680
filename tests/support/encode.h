/* The inverse of a decoder: from a device and an address on it to the host's. */
#ifndef CXMS_TESTS_SUPPORT_ENCODE_H
#define CXMS_TESTS_SUPPORT_ENCODE_H

#include <stdint.h>

#include "topo/decode.h"

static inline uint64_t encode(const struct cxms_decoder *d, const struct cxms_decoded *at)
{
	uint64_t chunk = at->dpa / d->granularity * d->ways + at->way;
	return d->base + chunk * d->granularity + (at->dpa & (d->granularity - 1));
}

#endif

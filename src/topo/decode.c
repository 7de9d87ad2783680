#include <errno.h>

#include "topo/decode.h"
#include "topo/topo.h"

/* Decoders start and end on multiples of 256 MiB a target (CXL 3.1, 8.2.4.20.2 to 8.2.4.20.5). */
#define ALIGN_BYTES (256ull << 20)

/*
 * Chunks of one granule go round the targets. With ways = odd * 2^k, the lowest k bits of the chunk
 * number are the lowest k of the way, and what lies above them is divided by odd: 1 or 3 in
 * hardware, anything where the operating system deals pages.
 */
int cxms_decode(const struct cxms_decoder *d, uint64_t hpa, struct cxms_decoded *out)
{
	uint64_t offset = hpa - d->base; /* below the base: wraps beyond any size */
	if (offset >= d->size)
		return -ERANGE;
	int granule = __builtin_ctz(d->granularity), k = __builtin_ctz(d->ways);
	uint64_t chunk = offset >> granule, high = chunk >> k, quotient = high, rest = 0;
	uint32_t odd = d->ways >> k;
	if (odd == 3) { /* a constant: no division */
		quotient = high / 3;
		rest = high % 3;
	} else if (odd != 1) {
		quotient = high / odd;
		rest = high % odd;
	}
	out->way = (uint32_t)(rest << k | (chunk & ((1u << k) - 1)));
	out->dpa = quotient << granule | (offset & (d->granularity - 1));
	return 0;
}

void cxms_topo_decoders(const struct cxms_topo *t, uint64_t local_bytes, struct cxms_decoder *out)
{
	bool stated = t->host.local_capacity_bytes != CXMS_UNLIMITED;
	uint64_t end = stated ? t->host.local_capacity_bytes : local_bytes;
	for (size_t i = 0; i < t->n_region; i++) {
		const struct cxms_region *r = &t->region[i];
		uint64_t least = UINT64_MAX, unit = r->n_target * ALIGN_BYTES;
		for (size_t j = 0; j < r->n_target; j++)
			if (t->dev[r->target[j]].capacity_bytes < least)
				least = t->dev[r->target[j]].capacity_bytes;
		out[i] = (struct cxms_decoder){
			.base = (end + unit - 1) / unit * unit,
			.size = least / r->granularity_bytes * r->granularity_bytes * r->n_target,
			.ways = (uint32_t)r->n_target,
			.granularity = (uint32_t)r->granularity_bytes,
		};
		end = out[i].base + out[i].size;
	}
}

/* HDM decoders: host physical addresses to devices. */
#ifndef CXMS_TOPO_DECODE_H
#define CXMS_TOPO_DECODE_H

#include <stdint.h>

struct cxms_topo;

/** struct cxms_decoder - one region's interleave */
struct cxms_decoder {
	uint64_t base;	      /* host physical; a multiple of ways * granularity */
	uint64_t size;	      /* bytes, all targets; a multiple of ways * granularity */
	uint32_t ways;	      /* 1 2 3 4 6 8 12 16; any number where software deals pages */
	uint32_t granularity; /* 256 B .. 16 KiB, a power of two */
};
/** struct cxms_decoded - a device's own address; way: position in the region's targets */
struct cxms_decoded {
	uint32_t way;
	uint64_t dpa;
};

/**
 * cxms_decode() - which target holds a host address, and where on it
 * Source: CXL 3.1, 8.2.4.20.13 (implementation note on decode logic): powers of two take address
 * bits; 3, 6 and 12 ways divide what lies above them by three. A bijection of [base, base + size)
 * on the targets' [0, size / ways).
 * Return: 0, or -ERANGE outside of the region
 */
int cxms_decode(const struct cxms_decoder *d, uint64_t hpa, struct cxms_decoded *out);
/**
 * cxms_topo_decoders() - one decoder for each region of @t, in order
 * @local_bytes: local memory where the topology states no capacity, at most 2^60
 * @out: [0, t->n_region) written
 * Regions follow local memory at consecutive bases, each a multiple of its ways * 256 MiB. Each
 * target gives as much as the smallest, whole granules.
 */
void cxms_topo_decoders(const struct cxms_topo *t, uint64_t local_bytes, struct cxms_decoder *out);

#endif

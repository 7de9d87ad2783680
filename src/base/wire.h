/* What CXL.mem puts on a link: rate of one direction, bytes of one request. */
#ifndef CXMS_BASE_WIRE_H
#define CXMS_BASE_WIRE_H

#include <stdbool.h>

/* Slot arithmetic of CXL.mem (CXL 3.1, 4.2 and 4.3: four 16 B slots a 68 B flit): bytes on the wire
 * of one 64 B request. */
#define CXMS_WIRE_READ_UP_BYTES	   72.0		/* S2M: four data slots + half a header slot */
#define CXMS_WIRE_READ_DOWN_BYTES  16.0		/* M2S request slot */
#define CXMS_WIRE_WRITE_DOWN_BYTES 80.0		/* M2S header + four data slots */
#define CXMS_WIRE_WRITE_UP_BYTES   (16.0 / 3.0) /* S2M NDR, three a slot */

/** cxms_link_usable_bytes_per_s() - one direction after encoding and flit framing; 0 for gen 0 */
double cxms_link_usable_bytes_per_s(unsigned gen, unsigned width, int flit_256, bool encoding);
/**
 * cxms_link_peak_bytes_per_s() - most payload a link carries, both directions together
 * @dir_bytes_per_s: usable rate of one direction, > 0
 * @read_share:      of the payload bytes, 0..1
 */
double cxms_link_peak_bytes_per_s(double dir_bytes_per_s, double read_share);

#endif

#include "base/wire.h"

#include <math.h>

#include "base/units.h"

#define LINE ((double)CXMS_LINE_BYTES)

/* Payload share of a flit: 64 of 68 B (CXL 3.1, 4.2.3), 240 of 256 B (CXL 3.1, 4.3.3). */
#define FLIT_68_USABLE	(64.0 / 68.0)
#define FLIT_256_USABLE (240.0 / 256.0)
/* Line code of PCIe Gen 3 to 5 (PCIe 5.0, 4.2.2). */
#define ENCODING_USABLE (128.0 / 130.0)

double cxms_link_usable_bytes_per_s(unsigned gen, unsigned width, int flit_256, bool encoding)
{
	/* GT/s of one lane: 16 in Gen 4, doubling with each generation (PCIe 6.0, 1.2) */
	double transfers = gen == 0 ? 0 : ldexp(1e9, (int)gen);
	double raw = transfers * width / 8;
	return raw * (encoding ? ENCODING_USABLE : 1) *
	       (flit_256 ? FLIT_256_USABLE : FLIT_68_USABLE);
}

double cxms_link_peak_bytes_per_s(double dir_bytes_per_s, double read_share)
{
	double reads = read_share, writes = 1 - read_share;
	double up = reads * CXMS_WIRE_READ_UP_BYTES + writes * CXMS_WIRE_WRITE_UP_BYTES;
	double down = reads * CXMS_WIRE_READ_DOWN_BYTES + writes * CXMS_WIRE_WRITE_DOWN_BYTES;
	return dir_bytes_per_s * LINE / fmax(up, down);
}

/* Units: constants, and the kinds of quantities such as "107ns" or "26GB/s". */
#ifndef CXMS_BASE_UNITS_H
#define CXMS_BASE_UNITS_H

#include <stdint.h>

#define CXMS_PS_PER_NS	1000ull
#define CXMS_PS_PER_S	1000000000000ull
#define CXMS_NS_PER_S	1000000000ull
#define CXMS_LINE_BYTES 64u /* cache line of x86-64 and of a CXL.mem request (CXL 3.1, 3.3) */

enum cxms_unit {
	CXMS_UNIT_COUNT,       /* plain number */
	CXMS_UNIT_BYTES,       /* B kB MB GB TB (decimal), KiB MiB GiB TiB (binary) -> bytes */
	CXMS_UNIT_TIME_PS,     /* ps ns us ms s, cyc (needs hz) -> picoseconds */
	CXMS_UNIT_BYTES_PER_S, /* B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s -> bytes per second */
	CXMS_UNIT_HZ,	       /* Hz kHz MHz GHz -> hertz */
	CXMS_UNIT_PCT,	       /* plain number, 0..100 */
};

#endif

/* Numbers for people: "1.24 GiB", "158 ns", "26.0 GB/s"; fixed locale; caller's buffer of
 * CXMS_FMT_MAX. */
#ifndef CXMS_BASE_FMT_H
#define CXMS_BASE_FMT_H

#include <stdint.h>

#define CXMS_FMT_MAX 32
const char *cxms_fmt_bytes(char buf[CXMS_FMT_MAX], uint64_t bytes);    /* binary units */
const char *cxms_fmt_time_ps(char buf[CXMS_FMT_MAX], uint64_t ps);     /* three figures */
const char *cxms_fmt_rate(char buf[CXMS_FMT_MAX], double bytes_per_s); /* decimal units */
/** lossless unit text for YAML and `topo show`: "107ns", "2MiB", "26GB/s", "3GHz" */
const char *cxms_fmt_quantity(char buf[CXMS_FMT_MAX], int unit, uint64_t value);

#endif

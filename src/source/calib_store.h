/* What calibrate found of a machine, kept between runs under the user's cache directory. */
#ifndef CXMS_SOURCE_CALIB_STORE_H
#define CXMS_SOURCE_CALIB_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/event.h"

struct cxms_err;
struct cxms_log;

/** cxms_calib_path() - "<cache>/cxlmemsim/calibration-<16 hex digits>.yaml", beside what was
 * measured of the machine and by the same identity; errors of cxms_machine_cache_path() */
int cxms_calib_path(const struct cxms_facts *facts, char *out, size_t cap);
/**
 * cxms_calib_load() - facts->predictor, whole or not at all
 * A file that is damaged, implausible or of another machine is a log line.
 * Return: whether it was filled
 */
bool cxms_calib_load(struct cxms_facts *facts, struct cxms_log *log);
/** facts->predictor in full precision; 0 or -errno; an existing file is replaced only when the new
 * one is whole */
int cxms_calib_save(const struct cxms_facts *facts, struct cxms_err *err);

#endif

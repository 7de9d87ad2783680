/* What was measured of a machine, kept between runs under the user's cache directory. */
#ifndef CXMS_SOURCE_MACHINE_CACHE_H
#define CXMS_SOURCE_MACHINE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/event.h"

struct cxms_err;
struct cxms_log;

/**
 * cxms_machine_cache_path() - "<cache>/cxlmemsim/machine-<16 hex digits>.yaml"
 * The digits are a hash of CPU model, kernel, cache sizes and memory size (in steps of 256 MiB):
 * the same after a reboot. <cache> is $XDG_CACHE_HOME when absolute, else $HOME/.cache if there is
 * such a home. Return: 0, -ENOENT (no such directory is known), -ENAMETOOLONG
 */
int cxms_machine_cache_path(const struct cxms_facts *facts, char *out, size_t cap);
/**
 * cxms_machine_cache_load() - the measured members of @facts, all or none
 * A file that is damaged, implausible or of another machine is a log line.
 * Return: whether @facts was filled
 */
bool cxms_machine_cache_load(struct cxms_facts *facts, struct cxms_log *log);
/** 0 or -errno; an existing file is replaced only when the new one is whole */
int cxms_machine_cache_save(const struct cxms_facts *facts, struct cxms_err *err);

#endif

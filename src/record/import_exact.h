/* Importing address traces: through the caches of a host, into a recording of the exact kind. */
#ifndef CXMS_RECORD_IMPORT_EXACT_H
#define CXMS_RECORD_IMPORT_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "source/import.h"
#include "trace/exact_cfg.h"

struct cxms_log;

struct cxms_import_exact_cfg {
	enum cxms_import_format format; /* one that cxms_imp_access_knows() */
	struct cxms_input *in;
	const struct cxms_exact_cfg *exact; /* what is simulated */
	bool no_argv;
	uint64_t seed;
	struct cxms_warnings *warnings;
	struct cxms_log *log;
};

struct cxms_import_exact_result {
	uint64_t insns, loads, stores;
};

/**
 * cxms_import_exact() - read the trace to its end, writing to @fd
 * Return: 0 or -errno: -EINVAL a host that cannot be simulated, -ENODATA no instruction; *out is
 * written on success
 */
int cxms_import_exact(const struct cxms_import_exact_cfg *cfg, int fd,
		      struct cxms_import_exact_result *out, struct cxms_err *err);

#endif

/* Importing: what another tool recorded into a .cxlt stream. */
#ifndef CXMS_RECORD_IMPORT_RUN_H
#define CXMS_RECORD_IMPORT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/import.h"
#include "source/machine.h"

struct cxms_log;

struct cxms_record_import_cfg {
	const struct cxms_import_ops *format;
	struct cxms_import_cfg input; /* with its warnings */
	bool no_argv;		      /* leave argv out of the recording */
	uint64_t seed;
	struct cxms_machine_cfg machine; /* of the recording machine; 0 = assumed, with a warning */
	struct cxms_log *log;
};

struct cxms_record_import_result {
	struct cxms_totals totals;
	bool is_cut; /* the input ended too early: so does the recording, without totals */
	char where[128];
};

/**
 * cxms_record_import() - read the input to its end, writing to @fd
 * Return: 0 or -errno: -EINVAL a bad file, -ENODATA nothing in it; *out is written on success
 */
int cxms_record_import(const struct cxms_record_import_cfg *cfg, int fd,
		       struct cxms_record_import_result *out, struct cxms_err *err);

#endif

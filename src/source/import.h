/* Importers: what another tool recorded, as events of ours. */
#ifndef CXMS_SOURCE_IMPORT_H
#define CXMS_SOURCE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/imp_input.h"
#include "trace/event.h"

struct cxms_err;
struct cxms_import;
struct cxms_warnings;

/** struct cxms_import_cfg - borrowed for the life of the import */
struct cxms_import_cfg {
	struct cxms_input *in; /* at its beginning */
	const char *symfs;     /* the folder below which code is looked for; NULL = the root */
	const char *cache;     /* folder of perf's copies of code by build id; NULL = none */
	struct cxms_warnings *warnings;
};

/** struct cxms_import_ops - one format whose records have times */
struct cxms_import_ops {
	const char *name, *summary;
	size_t priv_size; /* allocated zeroed by cxms_import_open() */
	/** facts and argv are known when it returns; close() is called also after a failure */
	int (*open)(struct cxms_import *i, struct cxms_err *err);
	/** as read() of a source */
	int (*read)(struct cxms_import *i, struct cxms_event *buf, size_t cap, size_t *n, bool *end,
		    struct cxms_err *err);
	void (*stop)(struct cxms_import *i, struct cxms_totals *out);
	void (*close)(struct cxms_import *i);
};

struct cxms_import {
	const struct cxms_import_ops *ops;
	void *priv;
	struct cxms_import_cfg cfg;
	struct cxms_facts facts; /* of the file; what it does not say is 0 */
	const char *const *argv; /* n_argv words; owned by the format */
	size_t n_argv;
	bool is_cut; /* the file ended too early; valid at the end */
	char where[128];
};

/* The numbers are the words of --format. */
enum cxms_import_format {
	CXMS_IMPORT_AUTO,
	CXMS_IMPORT_PERF_DATA,
	CXMS_IMPORT_PERF_SCRIPT,
	CXMS_IMPORT_LACKEY,
	CXMS_IMPORT_DRMEMTRACE,
	CXMS_IMPORT_CHAMPSIM,
};
/** by the @n bytes of its beginning, a few lines of them; AUTO = it is none of them */
enum cxms_import_format cxms_import_detect(const uint8_t *head, size_t n);
/** -EINVAL: @head is that of a packed file (the message has the remedy) or there is nothing */
int cxms_import_check(const char *name, const uint8_t *head, size_t n, struct cxms_err *err);
/** is it a line of perf script? */
bool cxms_import_is_script(const char *line, size_t n);
/** importer of a format whose records have times; NULL = it has none */
const struct cxms_import_ops *cxms_import_find(enum cxms_import_format format);

extern const struct cxms_import_ops cxms_import_perf_data, cxms_import_perf_script;

/** cxms_import_open() - -EINVAL: not such a file, or of no use (the message has the remedy) */
int cxms_import_open(const struct cxms_import_ops *ops, const struct cxms_import_cfg *cfg,
		     struct cxms_import **out, struct cxms_err *err);
void cxms_import_free(struct cxms_import *i);

#endif

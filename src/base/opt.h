/* Option tables: one table gives parsing, range errors and --help of a verb. */
#ifndef CXMS_BASE_OPT_H
#define CXMS_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/units.h"

struct cxms_buf;
struct cxms_err;

enum cxms_opt_type {
	CXMS_OPT_FLAG,	/* bool at offset */
	CXMS_OPT_STR,	/* const char * at offset, borrowed from argv */
	CXMS_OPT_STRS,	/* struct cxms_strs at offset, may be repeated */
	CXMS_OPT_QTY,	/* uint64_t at offset, in the base unit of .unit, min..max */
	CXMS_OPT_ENUM,	/* int at offset: index into .words */
	CXMS_OPT_COUNT, /* int at offset, counts repetitions (-v -v) */
};

struct cxms_strs {
	const char **v;
	size_t n, cap;
};

struct cxms_opt {
	const char *name; /* long name without dashes */
	char short_name;  /* 0 = none */
	enum cxms_opt_type type;
	size_t offset; /* into the verb's option struct */
	enum cxms_unit unit;
	uint64_t min, max;	  /* CXMS_OPT_QTY; both inclusive */
	const char *const *words; /* CXMS_OPT_ENUM: NULL-terminated */
	const char *arg;	  /* name of the argument in --help */
	const char *help;	  /* one line, with the unit and the default */
};

/**
 * cxms_opt_parse() - parse argv[1..] into @out by @table (ends with .name == NULL)
 * @stop_at_first: stop at the first word that is no option (a command follows), "--" always stops
 * @rest:          index of the first word not consumed
 * @help:          set when --help or -h was given
 *
 * Long options as "--name value" or "--name=value"; unique prefixes are not accepted; options and
 * operands may be mixed unless @stop_at_first. Operands are moved behind options in @argv.
 * Return: 0, -EINVAL with a message that names the option, what is allowed, and the nearest name
 */
int cxms_opt_parse(const struct cxms_opt *table, int argc, char **argv, bool stop_at_first,
		   void *out, int *rest, bool *help, struct cxms_err *err);
/** the option lines of --help, aligned, 100 columns at most */
void cxms_opt_help(const struct cxms_opt *table, struct cxms_buf *out);
void cxms_strs_fini(struct cxms_strs *s);

#endif

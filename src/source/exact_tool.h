/* The exact tool on disk: where it lies, and the command line that runs a program under it. */
#ifndef CXMS_SOURCE_EXACT_TOOL_H
#define CXMS_SOURCE_EXACT_TOOL_H

#include <limits.h>

#include "trace/exact_cfg.h"

struct cxms_err;

/**
 * cxms_exact_find() - valgrind and the folder of the tool
 * The folder: $CXMS_EXACT_DIR, else exact/ beside this executable, else
 * ../lib/cxlmemsim/exact from there.
 * @dir: PATH_MAX bytes that get it, absolute; may be NULL
 * Return: 0, or -ENOTSUP with the remedy
 */
int cxms_exact_find(char *dir, struct cxms_err *err);
/**
 * cxms_exact_check() - can the tool run @program?
 * Return: 0; -ENOTSUP, a 32-bit program; or the errors of cxms_child_find()
 */
int cxms_exact_check(const char *program, struct cxms_err *err);

/** struct cxms_exact_run - how to run the program */
struct cxms_exact_run {
	const struct cxms_exact_cfg *cfg;
	char *const *argv;    /* the program */
	const char *tool_dir; /* VALGRIND_LIB of the child */
	const char *log_dir;
	const char *socket; /* abstract name */
};

/** struct cxms_exact_cmd - what to execute; owned. Owner: cxms_exact_cmd_fini() */
struct cxms_exact_cmd {
	char **argv, **envp;
};
/** cxms_exact_cmd_make() - @out is zeroed, or whole; 0 or -ENOMEM */
int cxms_exact_cmd_make(const struct cxms_exact_run *run, struct cxms_exact_cmd *out,
			struct cxms_err *err);
void cxms_exact_cmd_fini(struct cxms_exact_cmd *c);

#endif

/* The private folder into which Valgrind writes what it has to say, and what it said. */
#ifndef CXMS_SOURCE_EXACT_LOG_H
#define CXMS_SOURCE_EXACT_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct cxms_buf;
struct cxms_err;

struct cxms_exact_log {
	char dir[PATH_MAX]; /* "" = none was made */
};

/** cxms_exact_log_open() - a folder only we can read, in $TMPDIR or /tmp, where there is
 * room for a page; 0 or -ENOTSUP */
int cxms_exact_log_open(struct cxms_exact_log *l, struct cxms_err *err);
/** cxms_exact_log_read() - what the process @pid said, without Valgrind's marks at the line's start
 */
void cxms_exact_log_read(const struct cxms_exact_log *l, pid_t pid, struct cxms_buf *out);
/** cxms_exact_log_find() - some process said @text; what is behind it on its line goes to @rest */
bool cxms_exact_log_find(const struct cxms_exact_log *l, const char *text, struct cxms_buf *rest);
/** removes the folder and what is in it; legal when zeroed, idempotent */
void cxms_exact_log_close(struct cxms_exact_log *l);

#endif

/* Talk on stderr: levels and one live progress line, held in a context, never in globals. */
#ifndef CXMS_BASE_LOG_H
#define CXMS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cxms_log_level {
	CXMS_LOG_QUIET = -1,
	CXMS_LOG_NORMAL = 0,
	CXMS_LOG_INFO = 1,
	CXMS_LOG_DEBUG = 2
};

struct cxms_log {
	FILE *out; /* NULL = silent */
	int level;
	bool progress;	     /* out is a terminal */
	bool line_open;	     /* a progress line stands unfinished */
	uint64_t started_ns; /* progress shows only after one second */
};
void cxms_log_init(struct cxms_log *log, FILE *out, int level);
/** prefixed "cxlmemsim: "; wipes an open progress line first; @log may be NULL */
void cxms_log(struct cxms_log *log, enum cxms_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** redraws the line in place; nothing unless a terminal, not quiet, and a second has passed */
void cxms_log_progress(struct cxms_log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void cxms_log_progress_end(struct cxms_log *log);

#endif

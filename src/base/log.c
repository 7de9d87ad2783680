#include "base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/units.h"

#define ERASE_LINE   "\r\033[K"
#define PROGRESS_MAX 80 /* one terminal row: a wrapped line could not be redrawn in place */

void cxms_log_init(struct cxms_log *log, FILE *out, int level)
{
	*log = (struct cxms_log){.out = out, .level = level, .started_ns = cxms_now_ns()};
	if (out) {
		int fd = fileno(out);
		log->progress = fd >= 0 && isatty(fd) == 1;
	}
}

void cxms_log(struct cxms_log *log, enum cxms_log_level level, const char *fmt, ...)
{
	if (!log || !log->out || (int)level > log->level)
		return;
	cxms_log_progress_end(log);
	va_list ap;
	va_start(ap, fmt);
	fputs("cxlmemsim: ", log->out);
	vfprintf(log->out, fmt, ap);
	fputc('\n', log->out);
	va_end(ap);
	fflush(log->out);
}

void cxms_log_progress(struct cxms_log *log, const char *fmt, ...)
{
	if (!log || !log->out || !log->progress || log->level < CXMS_LOG_NORMAL)
		return;
	if (cxms_now_ns() - log->started_ns < CXMS_NS_PER_S)
		return;
	char line[PROGRESS_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	fprintf(log->out, ERASE_LINE "%s", line);
	fflush(log->out);
	log->line_open = true;
}

void cxms_log_progress_end(struct cxms_log *log)
{
	if (!log || !log->out || !log->line_open)
		return;
	fputs(ERASE_LINE, log->out);
	fflush(log->out);
	log->line_open = false;
}

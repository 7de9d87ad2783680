#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Quoted text comes from files: control bytes would drive the reader's terminal, so none leave
 * here. */
static void scrub(char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if ((c < 0x20 && c != '\n') || c == 0x7f)
			*s = '?';
	}
}

int cxms_fail(struct cxms_err *err, int errnum, const char *fmt, ...)
{
	if (!err || err->code)
		return -errnum;
	va_list ap;
	va_start(ap, fmt);
	err->code = errnum;
	if (vsnprintf(err->msg, sizeof(err->msg), fmt, ap) < 0)
		err->msg[0] = '\0';
	va_end(ap);
	scrub(err->msg);
	return -errnum;
}

int cxms_fail_sys(struct cxms_err *err, int errnum, const char *fmt, ...)
{
	if (!err || err->code)
		return -errnum;
	char what[CXMS_ERR_MSG_MAX];
	char why[128];
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
		what[0] = '\0';
	va_end(ap);
	/* strerrordesc_np() is NULL for numbers it does not know; it is thread-safe, unlike
	 * strerror() */
	const char *desc = strerrordesc_np(errnum);
	if (!desc) {
		snprintf(why, sizeof(why), "error %d", errnum);
		desc = why;
	}
	return cxms_fail(err, errnum, "%s: %s%s", what, desc,
			 errnum == EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
}

void cxms_err_prefix(struct cxms_err *err, const char *fmt, ...)
{
	if (!err || !err->code)
		return;
	char head[CXMS_ERR_MSG_MAX];
	char old[CXMS_ERR_MSG_MAX];
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(head, sizeof(head), fmt, ap) < 0)
		head[0] = '\0';
	va_end(ap);
	memcpy(old, err->msg, sizeof(old));
	int n = snprintf(err->msg, sizeof(err->msg), "%s: ", head);
	size_t at = n < 0 ? 0 : (size_t)n;
	/* what does not fit is cut */
	if (at < sizeof(err->msg) && snprintf(err->msg + at, sizeof(err->msg) - at, "%s", old) < 0)
		err->msg[at] = '\0';
	scrub(err->msg);
}

void cxms_err_clear(struct cxms_err *err)
{
	if (err)
		*err = (struct cxms_err){0};
}

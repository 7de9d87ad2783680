/* Error reporting: -errno plus a message; the first error wins, callers may only prefix context. */
#ifndef CXMS_BASE_ERR_H
#define CXMS_BASE_ERR_H

#define CXMS_ERR_MSG_MAX 1024

/** struct cxms_err - what went wrong; all zero means "nothing yet" */
struct cxms_err {
	int code;		    /* positive errno of the first failure, 0 = none */
	char msg[CXMS_ERR_MSG_MAX]; /* lower case, no full stop, fault first, then the remedy */
};

/**
 * cxms_fail() - note a failure and return -@errnum
 * @err:    may be NULL; an error already there is kept (the first wins)
 * @errnum: positive errno
 */
int cxms_fail(struct cxms_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** cxms_fail_sys() - as cxms_fail(), with ": <strerror(errnum)>" appended, of EMFILE the remedy too
 */
int cxms_fail_sys(struct cxms_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** cxms_err_prefix() - put "<text>: " before the message that is there; nothing on an empty error
 */
void cxms_err_prefix(struct cxms_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** cxms_err_clear() - forget the error, so that the next one is kept */
void cxms_err_clear(struct cxms_err *err);

#endif

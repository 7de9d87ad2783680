/* A file or pipe that is imported: a window over its bytes, moved forward only. */
#ifndef CXMS_SOURCE_IMP_INPUT_H
#define CXMS_SOURCE_IMP_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;

/** bytes that cxms_input_want() can bring at once */
#define CXMS_INPUT_WINDOW 262144u

/** struct cxms_input - zeroed is closed */
struct cxms_input {
	int fd;		  /* borrowed */
	const char *name; /* for messages; borrowed */
	bool is_seekable;
	uint64_t size;	     /* of a seekable file, bytes; else UINT64_MAX */
	uint64_t end;	     /* bytes from here on are not of this section */
	uint64_t pos;	     /* file offset behind the window */
	uint8_t *buf;	     /* of CXMS_INPUT_WINDOW */
	size_t head, filled; /* [head, filled) is the window */
	bool at_eof;
	int error; /* errno of a failed read; it ends the input */
};

/** cxms_input_open() - @fd from its current position (a pipe) or its first byte; 0, -ENOMEM */
int cxms_input_open(struct cxms_input *in, int fd, const char *name, struct cxms_err *err);
void cxms_input_close(struct cxms_input *in);
/** bring @n <= CXMS_INPUT_WINDOW bytes into the window; how many are there, fewer only at the end
 */
size_t cxms_input_want(struct cxms_input *in, size_t n);
/** the window's first byte; borrowed until the next want, skip or seek */
const uint8_t *cxms_input_at(const struct cxms_input *in);
/** file offset of the window's first byte */
uint64_t cxms_input_offset(const struct cxms_input *in);
/** pass over @n bytes; false when the input ends before */
bool cxms_input_skip(struct cxms_input *in, uint64_t n);
/** seekable: go on at @offset, up to @end */
void cxms_input_seek(struct cxms_input *in, uint64_t offset, uint64_t end);
/** seekable: exactly @len bytes from @offset; 0, -EINVAL (the file is shorter), or of pread(2) */
int cxms_input_pread(const struct cxms_input *in, uint64_t offset, void *buf, size_t len);
/**
 * cxms_input_line() - the next line, without its newline; NULL at the end
 * @is_whole: false for a last line without a newline, and for one longer than the window, which is
 *            passed over and comes back empty
 */
const char *cxms_input_line(struct cxms_input *in, size_t *len, bool *is_whole);

#endif

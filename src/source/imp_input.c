#include "source/imp_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

int cxms_input_open(struct cxms_input *in, int fd, const char *name, struct cxms_err *err)
{
	struct stat st;

	*in = (struct cxms_input){.fd = fd, .name = name, .size = UINT64_MAX, .end = UINT64_MAX};
	in->buf = malloc(CXMS_INPUT_WINDOW);
	if (!in->buf)
		return cxms_fail(err, ENOMEM, "out of memory for reading '%s'", name);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		in->is_seekable = true;
		in->size = (uint64_t)st.st_size;
	}
	return 0;
}

void cxms_input_close(struct cxms_input *in)
{
	free(in->buf);
	*in = (struct cxms_input){0};
}

static ssize_t read_some(struct cxms_input *in, void *to, size_t room)
{
	ssize_t n;

	if (in->end - in->pos < room)
		room = (size_t)(in->end - in->pos);
	do
		n = in->is_seekable ? pread(in->fd, to, room, (off_t)in->pos)
				    : read(in->fd, to, room);
	while (n < 0 && errno == EINTR);
	return n;
}

size_t cxms_input_want(struct cxms_input *in, size_t n)
{
	if (in->filled - in->head < n && in->head) {
		memmove(in->buf, in->buf + in->head, in->filled - in->head);
		in->filled -= in->head;
		in->head = 0;
	}
	while (in->filled - in->head < n && !in->at_eof) {
		ssize_t got = read_some(in, in->buf + in->filled, CXMS_INPUT_WINDOW - in->filled);

		if (got < 0)
			in->error = errno;
		if (got <= 0) {
			in->at_eof = true;
			break;
		}
		in->filled += (size_t)got;
		in->pos += (uint64_t)got;
	}
	return in->filled - in->head;
}

const uint8_t *cxms_input_at(const struct cxms_input *in)
{
	return in->buf + in->head;
}

uint64_t cxms_input_offset(const struct cxms_input *in)
{
	return in->pos - (in->filled - in->head);
}

bool cxms_input_skip(struct cxms_input *in, uint64_t n)
{
	uint64_t limit = in->end < in->size ? in->end : in->size;

	if (n > in->filled - in->head && in->is_seekable) {
		n -= in->filled - in->head;
		in->head = in->filled = 0;
		if (n > limit || in->pos > limit - n) {
			in->at_eof = true;
			return false;
		}
		in->pos += n;
		return true;
	}
	while (n) {
		size_t part = cxms_input_want(in, 1);

		if (!part)
			return false;
		part = part < n ? part : (size_t)n;
		in->head += part;
		n -= part;
	}
	return true;
}

void cxms_input_seek(struct cxms_input *in, uint64_t offset, uint64_t end)
{
	in->head = in->filled = 0;
	in->pos = offset;
	in->end = end;
	in->at_eof = false;
}

int cxms_input_pread(const struct cxms_input *in, uint64_t offset, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (offset > in->size || len > in->size - offset)
		return -EINVAL;
	while (len) {
		ssize_t n = pread(in->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

const char *cxms_input_line(struct cxms_input *in, size_t *len, bool *is_whole)
{
	size_t have = cxms_input_want(in, 1);
	const uint8_t *eol = have ? memchr(cxms_input_at(in), '\n', have) : NULL;
	const char *line;

	if (have && !eol) {
		have = cxms_input_want(in, CXMS_INPUT_WINDOW);
		eol = memchr(cxms_input_at(in), '\n', have);
	}
	*is_whole = eol != NULL;
	if (!have)
		return NULL;
	line = (const char *)cxms_input_at(in);
	*len = eol ? (size_t)((const char *)eol - line) : have;
	in->head += *len + (eol != NULL);
	if (eol || have < CXMS_INPUT_WINDOW)
		return line;
	*len = 0;
	while ((have = cxms_input_want(in, 1)) && !eol) {
		eol = memchr(cxms_input_at(in), '\n', have);
		in->head += eol ? (size_t)(eol - cxms_input_at(in)) + 1 : have;
	}
	return line;
}

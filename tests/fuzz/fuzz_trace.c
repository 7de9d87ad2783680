/*
 * The recording reader on hostile bytes. Data with the magic of a recording is read as a file;
 * other data becomes the content of a block whose checksum is right, which mutation alone would not
 * reach: byte 0 is the block type, bytes 1-2 the number of events.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/trace_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int append_block(const struct cxms_block *b, const uint8_t *raw, size_t len,
			struct cxms_codec *codec, struct cxms_buf *file)
{
	struct cxms_buf payload = {0}, out = {0};
	int rc;

	cxms_buf_put(&payload, raw, len);
	cxms_buf_put_u8(&payload, 0); /* so that data is never NULL */
	payload.len = len;
	rc = cxms_block_put(b, &payload, codec, &out, NULL);
	if (rc == 0)
		cxms_buf_put(file, out.data, out.len);
	cxms_buf_fini(&payload);
	cxms_buf_fini(&out);
	return rc;
}

static int wrap(const uint8_t *data, size_t size, struct cxms_buf *file)
{
	struct cxms_block head = {.type = CXMS_BLOCK_HEAD}, b = {0};
	struct cxms_codec *codec = NULL;
	int rc = cxms_codec_new(&codec, NULL);

	if (rc < 0)
		return rc;
	b.type = size > 0 ? data[0] : 0;
	b.n_events = size > 2 ? (uint32_t)data[1] | (uint32_t)data[2] << 8 : 0;
	cxms_file_head_put(file, CXMS_TRACE_VERSION_WATCH);
	if (b.type != CXMS_BLOCK_HEAD)
		rc = append_block(&head, NULL, 0, codec, file);
	if (rc == 0 && size > 2)
		rc = append_block(&b, data + 3, size - 3, codec, file);
	cxms_codec_free(codec);
	return rc;
}

static void use(const struct cxms_event *ev, struct cxms_buf *line)
{
	if (ev->kind == 0 || ev->kind >= CXMS_EV_KIND_END || cxms_event_check(ev, NULL) < 0)
		abort();
	cxms_buf_clear(line);
	cxms_event_print(ev, line);
}

static void read_through(int fd)
{
	struct cxms_trace_reader *r = NULL;
	struct cxms_event ev[64];
	struct cxms_buf line = {0};
	size_t n;

	if (cxms_trace_reader_open_fd(fd, "fuzz", &r, NULL) < 0)
		return;
	while (cxms_trace_read(r, ev, 64, &n, NULL) == 0 && n > 0)
		for (size_t i = 0; i < n; i++)
			use(&ev[i], &line);
	if (cxms_trace_reader_state(r) == CXMS_TRACE_OPEN)
		abort();
	cxms_buf_fini(&line);
	cxms_trace_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cxms_buf file = {0};
	int rc = 0, fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	if (size >= CXMS_TRACE_MAGIC_BYTES &&
	    memcmp(data, CXMS_TRACE_MAGIC, CXMS_TRACE_MAGIC_BYTES) == 0)
		cxms_buf_put(&file, data, size);
	else
		rc = wrap(data, size, &file);
	if (rc == 0 && file.len > 0 && write(fd, file.data, file.len) == (ssize_t)file.len)
		read_through(fd);
	cxms_buf_fini(&file);
	close(fd);
	return 0;
}

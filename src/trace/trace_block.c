#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "trace/trace_priv.h"

#define BLOCK_CRC_OFFSET 20u /* the checksum covers the header up to itself, then the payload */

void cxms_file_head_put(struct cxms_buf *out, uint32_t version)
{
	size_t start = out->len;

	cxms_buf_put(out, CXMS_TRACE_MAGIC, CXMS_TRACE_MAGIC_BYTES);
	cxms_buf_put_u32(out, version);
	if (!out->failed)
		cxms_buf_put_u32(out, cxms_crc32c(0, out->data + start, out->len - start));
}

int cxms_file_head_check(const uint8_t *data, size_t len, const char *name, uint32_t *version_out,
			 struct cxms_err *err)
{
	size_t magic_len = len < CXMS_TRACE_MAGIC_BYTES ? len : CXMS_TRACE_MAGIC_BYTES;
	struct cxms_cur cur = {data + magic_len, data + len, false};
	uint32_t version, crc;

	if (len == 0)
		return cxms_fail(err, EINVAL, "'%s' is not a cxlmemsim recording: it is empty",
				 name);
	if (memcmp(data, CXMS_TRACE_MAGIC, magic_len) != 0)
		return cxms_fail(err, EINVAL, "'%s' is not a cxlmemsim recording", name);
	version = cxms_cur_u32(&cur);
	crc = cxms_cur_u32(&cur);
	if (cur.failed)
		return cxms_fail(err, EINVAL,
				 "'%s' was cut at byte %zu, before its first block; record again",
				 name, len);
	if (crc != cxms_crc32c(0, data, CXMS_TRACE_FILE_HEAD_BYTES - sizeof(crc)) || version == 0)
		return cxms_fail(err, EINVAL, "'%s' is damaged in its first 16 bytes; record again",
				 name);
	if (version > CXMS_TRACE_VERSION_WATCH)
		return cxms_fail(
			err, EINVAL,
			"'%s' was written by a newer version (%u); this one reads up to %u", name,
			version, CXMS_TRACE_VERSION_WATCH);
	*version_out = version;
	return 0;
}

int cxms_block_put(const struct cxms_block *b, const struct cxms_buf *raw, struct cxms_codec *c,
		   struct cxms_buf *out, struct cxms_err *err)
{
	static const uint8_t no_head[CXMS_TRACE_BLOCK_HEAD_BYTES];
	struct cxms_buf head = {0};
	size_t comp_len = 0;
	uint32_t crc;
	int rc;

	if (raw->len > CXMS_TRACE_RAW_MAX)
		return cxms_fail(err, EFBIG, "a block of the recording is too large: %zu bytes",
				 raw->len);
	cxms_buf_put(out, no_head, sizeof(no_head));
	if (out->failed)
		return cxms_fail(err, ENOMEM, "out of memory for a block of the recording");
	rc = cxms_codec_compress(c, raw, out, &comp_len, err);
	if (rc < 0)
		return rc;
	cxms_buf_put_u32(&head, CXMS_TRACE_BLOCK_MAGIC);
	cxms_buf_put_u8(&head, b->type);
	cxms_buf_put_u8(&head, b->flags);
	cxms_buf_put(&head, no_head, 2);
	cxms_buf_put_u32(&head, b->n_events);
	cxms_buf_put_u32(&head, (uint32_t)raw->len);
	cxms_buf_put_u32(&head, (uint32_t)comp_len);
	if (!head.failed) {
		crc = cxms_crc32c(0, head.data, head.len);
		crc = cxms_crc32c(crc, out->data + sizeof(no_head), comp_len);
		cxms_buf_put_u32(&head, crc);
	}
	if (head.failed)
		rc = cxms_fail(err, ENOMEM, "out of memory for a block of the recording");
	else
		memcpy(out->data, head.data, sizeof(no_head));
	cxms_buf_fini(&head);
	return rc;
}

int cxms_block_parse(const uint8_t *data, struct cxms_block *b, struct cxms_err *err)
{
	struct cxms_cur cur = {data, data + CXMS_TRACE_BLOCK_HEAD_BYTES, false};

	if (cxms_cur_u32(&cur) != CXMS_TRACE_BLOCK_MAGIC)
		return cxms_fail(err, EBADMSG, "no block begins here");
	b->type = cxms_cur_u8(&cur);
	b->flags = cxms_cur_u8(&cur);
	cxms_cur_bytes(&cur, 2);
	b->n_events = cxms_cur_u32(&cur);
	b->raw_len = cxms_cur_u32(&cur);
	b->comp_len = cxms_cur_u32(&cur);
	b->crc = cxms_cur_u32(&cur);
	if (b->raw_len > CXMS_TRACE_RAW_MAX || b->comp_len > CXMS_TRACE_COMP_MAX ||
	    b->n_events > CXMS_TRACE_BLOCK_EVENTS_MAX)
		return cxms_fail(err, EBADMSG, "block header holds an impossible length");
	return 0;
}

int cxms_block_verify(const struct cxms_block *b, const uint8_t *head, const uint8_t *payload,
		      struct cxms_err *err)
{
	uint32_t crc = cxms_crc32c(0, head, BLOCK_CRC_OFFSET);

	if (cxms_crc32c(crc, payload, b->comp_len) != b->crc)
		return cxms_fail(err, EBADMSG, "checksum differs");
	return 0;
}

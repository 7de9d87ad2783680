#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/err.h"
#include "trace/trace_priv.h"

/* Level 1: 6.2 bytes a sample of a random chase over 256 MB; level 3 saves nothing there. */
#define ZSTD_LEVEL 1

struct cxms_codec {
	ZSTD_CCtx *cctx; /* made when first needed: a reader has none */
	ZSTD_DCtx *dctx;
};

int cxms_codec_new(struct cxms_codec **out, struct cxms_err *err)
{
	struct cxms_codec *c = calloc(1, sizeof(*c));

	if (!c)
		return cxms_fail(err, ENOMEM, "out of memory for a recording's codec");
	*out = c;
	return 0;
}

int cxms_codec_compress(struct cxms_codec *c, const struct cxms_buf *in, struct cxms_buf *out,
			size_t *comp_len, struct cxms_err *err)
{
	size_t bound = ZSTD_compressBound(in->len);
	void *data = out->data;
	size_t n;

	if (!c->cctx)
		c->cctx = ZSTD_createCCtx();
	if (!c->cctx || cxms_array_grow(&data, &out->cap, out->len + bound, 1) < 0)
		return cxms_fail(err, ENOMEM, "out of memory compressing a recording");
	out->data = data;
	n = ZSTD_compressCCtx(c->cctx, out->data + out->len, bound, in->data, in->len, ZSTD_LEVEL);
	if (ZSTD_isError(n))
		return cxms_fail(err, ENOMEM, "cannot compress a recording: %s",
				 ZSTD_getErrorName(n));
	if (n > CXMS_TRACE_COMP_MAX)
		return cxms_fail(err, EFBIG, "a block of the recording is too large: %zu bytes", n);
	out->len += n;
	*comp_len = n;
	return 0;
}

int cxms_codec_decompress(struct cxms_codec *c, const uint8_t *in, size_t comp_len, size_t raw_len,
			  struct cxms_buf *out, struct cxms_err *err)
{
	void *data = out->data;
	size_t n;

	if (!c->dctx)
		c->dctx = ZSTD_createDCtx();
	if (!c->dctx || cxms_array_grow(&data, &out->cap, raw_len + 1, 1) < 0)
		return cxms_fail(err, ENOMEM, "out of memory reading a recording");
	out->data = data;
	n = ZSTD_decompressDCtx(c->dctx, out->data, raw_len, in, comp_len);
	if (ZSTD_isError(n))
		return cxms_fail(err, EBADMSG, "block does not decompress: %s",
				 ZSTD_getErrorName(n));
	if (n != raw_len)
		return cxms_fail(err, EBADMSG, "block decompresses to %zu bytes instead of %zu", n,
				 raw_len);
	out->len = n;
	return 0;
}

void cxms_codec_free(struct cxms_codec *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->cctx);
	ZSTD_freeDCtx(c->dctx);
	free(c);
}

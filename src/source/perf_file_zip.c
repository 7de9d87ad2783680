/*
 * Compressed records: all of them together hold one zstd stream, and records lie in what comes out
 * of it however they fall. Unpacked a window at a time: memory does not grow with the data.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/err.h"
#include "source/perf_file_priv.h"

#define PACKED_MAX 65536u
#define PLAIN_MAX  262144u

struct cxms_perf_zip {
	ZSTD_DStream *stream;
	uint8_t packed[PACKED_MAX];
	size_t packed_at, packed_len;
	uint8_t plain[PLAIN_MAX];
	size_t head, filled; /* [head, filled) is unpacked */
	bool is_full;	     /* the last step filled the window: there may be more */
};

void perf_zip_free(struct cxms_perf_zip *z)
{
	if (!z)
		return;
	ZSTD_freeDStream(z->stream);
	free(z);
}

int perf_zip_put(struct cxms_perf_file *f, const uint8_t *data, size_t len, struct cxms_err *err)
{
	struct cxms_perf_zip *z = f->zip;

	if (!z) {
		z = calloc(1, sizeof(*z));
		if (z)
			z->stream = ZSTD_createDStream();
		if (!z || !z->stream) {
			perf_zip_free(z);
			return cxms_fail(err, ENOMEM, "out of memory for unpacking '%s'",
					 f->in->name);
		}
		f->zip = z;
	}
	if (len > sizeof(z->packed))
		return cxms_fail(err, EINVAL, "'%s' has a compressed record that is too long",
				 f->in->name);
	memcpy(z->packed, data, len);
	z->packed_at = 0;
	z->packed_len = len;
	return 0;
}

static void unpack(struct cxms_perf_file *f)
{
	struct cxms_perf_zip *z = f->zip;
	ZSTD_inBuffer in = {.src = z->packed, .size = z->packed_len, .pos = z->packed_at};
	ZSTD_outBuffer out = {.dst = z->plain, .size = sizeof(z->plain)};
	size_t rc;

	memmove(z->plain, z->plain + z->head, z->filled - z->head);
	z->filled -= z->head;
	z->head = 0;
	out.pos = z->filled;
	rc = ZSTD_decompressStream(z->stream, &out, &in);
	z->packed_at = in.pos;
	z->filled = out.pos;
	z->is_full = out.pos == out.size;
	if (!ZSTD_isError(rc))
		return;
	f->is_cut = true;
	snprintf(f->where, sizeof(f->where), "byte %" PRIu64 ": compressed data is damaged",
		 cxms_input_offset(f->in));
}

const uint8_t *perf_zip_record(struct cxms_perf_file *f, size_t *len)
{
	struct cxms_perf_zip *z = f->zip;

	for (;;) {
		const uint8_t *rec = z->plain + z->head;
		size_t have = z->filled - z->head, before = z->filled - z->head;
		size_t packed = z->packed_len - z->packed_at;

		*len = have < 8 ? 0 : (size_t)(rec[6] | rec[7] << 8);
		if (have >= 8 && *len < 8) {
			f->is_cut = true;
			snprintf(f->where, sizeof(f->where),
				 "byte %" PRIu64 ": a compressed record has no size",
				 cxms_input_offset(f->in));
			return NULL;
		}
		if (have >= 8 && have >= *len) {
			z->head += *len;
			return rec;
		}
		if (!packed && !z->is_full)
			return NULL;
		unpack(f);
		if (f->zip->filled - z->head == before && z->packed_len - z->packed_at == packed)
			return NULL;
	}
}

bool perf_zip_has_rest(const struct cxms_perf_file *f)
{
	return f->zip->filled != f->zip->head || f->zip->packed_at != f->zip->packed_len;
}

/* Growable byte buffer and a bounds-checked cursor over bytes (little endian, LEB128 varints). */
#ifndef CXMS_BASE_BUF_H
#define CXMS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_buf {
	uint8_t *data;
	size_t len, cap;
	bool failed; /* an allocation failed; later puts are ignored: check once at the end */
};

void cxms_buf_fini(struct cxms_buf *b);
void cxms_buf_clear(struct cxms_buf *b);
void cxms_buf_put(struct cxms_buf *b, const void *p, size_t n);
void cxms_buf_put_u8(struct cxms_buf *b, uint8_t v);
void cxms_buf_put_u32(struct cxms_buf *b, uint32_t v);
void cxms_buf_put_u64(struct cxms_buf *b, uint64_t v);
void cxms_buf_put_varint(struct cxms_buf *b, uint64_t v);
/** zig-zag, then varint: small magnitudes of either sign stay short */
void cxms_buf_put_svarint(struct cxms_buf *b, int64_t v);
/** varint length, then the bytes, no terminator */
void cxms_buf_put_str(struct cxms_buf *b, const char *s);
void cxms_buf_printf(struct cxms_buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** NUL-terminate (the NUL is not counted in len) and return the text, "" when empty or failed */
const char *cxms_buf_text(struct cxms_buf *b);

/** struct cxms_cur - reads never pass end; a short read sets failed and yields 0 */
struct cxms_cur {
	const uint8_t *p, *end;
	bool failed;
};
static inline uint8_t cxms_cur_u8(struct cxms_cur *c)
{
	if (!c->failed && c->p < c->end)
		return *c->p++;
	c->failed = true;
	return 0;
}
uint32_t cxms_cur_u32(struct cxms_cur *c);
uint64_t cxms_cur_u64(struct cxms_cur *c);
uint64_t cxms_cur_varint_long(struct cxms_cur *c);
/** most are one byte long or two */
static inline uint64_t cxms_cur_varint(struct cxms_cur *c)
{
	const uint8_t *p = c->p;
	if (!c->failed && p < c->end && *p < 0x80)
		return *c->p++;
	if (!c->failed && c->end - p >= 2 && p[1] < 0x80) {
		c->p += 2;
		return (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
	}
	return cxms_cur_varint_long(c);
}
static inline int64_t cxms_cur_svarint(struct cxms_cur *c)
{
	uint64_t u = cxms_cur_varint(c), magnitude = u >> 1;
	return u & 1 ? -(int64_t)magnitude - 1 : (int64_t)magnitude;
}
/** bytes of a counted string, borrowed from the cursor's memory; NULL and failed when cut */
const uint8_t *cxms_cur_str(struct cxms_cur *c, size_t *len);
const uint8_t *cxms_cur_bytes(struct cxms_cur *c, size_t len);

/** cxms_array_grow() - make room for @need items of @size; doubles; 0 or -ENOMEM, *arr untouched */
int cxms_array_grow(void **arr, size_t *cap, size_t need, size_t size);

#endif

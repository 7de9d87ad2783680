#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CAP 16

int cxms_array_grow(void **arr, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return 0;
	size_t n = *cap ? *cap : MIN_CAP;
	while (n < need) {
		if (n > SIZE_MAX / 2)
			return -ENOMEM;
		n *= 2;
	}
	if (size && n > SIZE_MAX / size)
		return -ENOMEM;
	void *grown = realloc(*arr, n * size);
	if (!grown)
		return -ENOMEM;
	*arr = grown;
	*cap = n;
	return 0;
}

/* Room for @n more bytes, or failed is set. */
static bool reserve(struct cxms_buf *b, size_t n)
{
	if (b->failed)
		return false;
	void *data = b->data;
	if (n > SIZE_MAX - b->len || cxms_array_grow(&data, &b->cap, b->len + n, 1) < 0) {
		b->failed = true;
		return false;
	}
	b->data = data;
	return true;
}

void cxms_buf_fini(struct cxms_buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct cxms_buf){0};
}

void cxms_buf_clear(struct cxms_buf *b)
{
	b->len = 0;
	b->failed = false;
}

void cxms_buf_put(struct cxms_buf *b, const void *p, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->data + b->len, p, n);
	b->len += n;
}

void cxms_buf_put_u8(struct cxms_buf *b, uint8_t v)
{
	cxms_buf_put(b, &v, 1);
}

static void put_le(struct cxms_buf *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	cxms_buf_put(b, bytes, n);
}

void cxms_buf_put_u32(struct cxms_buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void cxms_buf_put_u64(struct cxms_buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

void cxms_buf_put_varint(struct cxms_buf *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	cxms_buf_put(b, bytes, n);
}

void cxms_buf_put_svarint(struct cxms_buf *b, int64_t v)
{
	uint64_t u = (uint64_t)v << 1;
	cxms_buf_put_varint(b, v < 0 ? ~u : u);
}

void cxms_buf_put_str(struct cxms_buf *b, const char *s)
{
	size_t n = strlen(s);
	cxms_buf_put_varint(b, n);
	cxms_buf_put(b, s, n);
}

void cxms_buf_printf(struct cxms_buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *cxms_buf_text(struct cxms_buf *b)
{
	if (!reserve(b, 1))
		return "";
	b->data[b->len] = '\0';
	return (const char *)b->data;
}

const uint8_t *cxms_cur_bytes(struct cxms_cur *c, size_t len)
{
	if (c->failed || len > (size_t)(c->end - c->p)) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *at = c->p;
	if (len) /* an empty cursor may be NULL, to which C adds nothing, not even 0 */
		c->p += len;
	return at;
}

static uint64_t get_le(struct cxms_cur *c, size_t n)
{
	const uint8_t *p = cxms_cur_bytes(c, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint32_t cxms_cur_u32(struct cxms_cur *c)
{
	return (uint32_t)get_le(c, 4);
}

uint64_t cxms_cur_u64(struct cxms_cur *c)
{
	return get_le(c, 8);
}

uint64_t cxms_cur_varint_long(struct cxms_cur *c)
{
	const uint8_t *p = c->p, *end = c->failed ? p : c->end;
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
		uint64_t byte = *p++;
		if (shift == 63 && byte > 1)
			break; /* more than 64 bits */
		v |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			c->p = p;
			return v;
		}
	}
	c->failed = true;
	return 0;
}

const uint8_t *cxms_cur_str(struct cxms_cur *c, size_t *len)
{
	uint64_t n = cxms_cur_varint(c);
	if (!c->failed && n > (uint64_t)(c->end - c->p))
		c->failed = true;
	if (c->failed)
		return NULL;
	*len = (size_t)n;
	return cxms_cur_bytes(c, (size_t)n);
}

/* Messages of the exact stream, and packets of them, by hand. */
#ifndef CXMS_TESTS_SUPPORT_XMESSAGES_H
#define CXMS_TESTS_SUPPORT_XMESSAGES_H

#include <string.h>

#include "base/buf.h"
#include "core/xstream.h"

static inline void put_control(struct cxms_buf *b, uint8_t type)
{
	cxms_buf_put_varint(b, 0);
	cxms_buf_put_u8(b, type);
}

static inline void put_number(struct cxms_buf *b, uint8_t type, uint64_t v)
{
	put_control(b, type);
	cxms_buf_put_varint(b, v);
}

static inline void put_hello(struct cxms_buf *b, uint64_t pid, uint64_t parent, bool is_fork,
			     uint64_t first_block, const char *command)
{
	put_number(b, CXMS_XC_HELLO, 1);
	cxms_buf_put_varint(b, pid);
	cxms_buf_put_varint(b, parent);
	cxms_buf_put_u8(b, is_fork);
	cxms_buf_put_varint(b, first_block);
	cxms_buf_put_str(b, command);
}

/* @head and the messages of @b, which are taken from it. Return: bytes, at most CXMS_XS_PACKET_MAX
 */
static inline size_t close_messages(struct cxms_buf *b, struct cxms_xs_head head, uint8_t *bytes)
{
	size_t n = b->len;
	head.magic = CXMS_XS_MAGIC;
	head.bytes = (uint32_t)n;
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), b->data, n);
	cxms_buf_clear(b);
	return sizeof(head) + n;
}

#endif

/* The control messages in a packet of the exact source, at the offsets that came with it. */
#ifndef CXMS_SOURCE_EXACT_WALK_H
#define CXMS_SOURCE_EXACT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/xstream.h"

struct cxms_err;

/** struct cxms_walk_msg - a control message; which fields count: enum cxms_xs_control */
struct cxms_walk_msg {
	uint8_t type;	  /* enum cxms_xs_control; never BLOCK */
	uint32_t tid;	  /* of the thread it came from; 0 before the first THREAD of a packet */
	uint64_t a, b;	  /* the numbers in their order; HELLO: pid, parent pid */
	uint8_t flag;	  /* the byte */
	const char *text; /* n_text counted bytes without a terminator, or NULL */
	size_t n_text;
	uint64_t count[CXMS_XN_COUNT]; /* COUNTS; 0 where the tool sent fewer */
};

/**
 * cxms_walk_packet() - @cb for each control message of a packet but BLOCK and THREAD, in order
 * @data: a whole packet, head included, as cxms_packet_head() found it right; behind its @len bytes
 *        lie the offsets of its @n_control control messages, uint16_t each
 * @has_code: whether it holds blocks of code, or begins an image; may be NULL
 * Return: 0, or -EBADMSG: where a message should be is none, it is cut, or of a kind that is not
 *         known
 */
int cxms_walk_packet(const void *data, size_t len, size_t n_control,
		     void (*cb)(void *arg, const struct cxms_xs_head *head,
				const struct cxms_walk_msg *msg),
		     void *arg, bool *has_code, struct cxms_err *err);

#endif

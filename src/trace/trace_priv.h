/* Inside of the recording format: framing, checksum, codec, columns (FORMAT.md). Private to trace/.
 */
#ifndef CXMS_TRACE_TRACE_PRIV_H
#define CXMS_TRACE_TRACE_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trace/trace.h"

struct cxms_err;
struct cxms_codec;

#define CXMS_TRACE_VERSION	 1u
#define CXMS_TRACE_VERSION_EXACT 2u /* may hold blocks of packets */
#define CXMS_TRACE_VERSION_HW	 3u /* may hold what hardware counts too */
#define CXMS_TRACE_VERSION_WATCH 4u /* ... and watched words; the highest that is read */
#define CXMS_TRACE_MAGIC                                                                           \
	"\x89"                                                                                     \
	"CXLT\r\n\x1a" /* as PNG: text-mode damage shows */
#define CXMS_TRACE_MAGIC_BYTES	    8u
#define CXMS_TRACE_FILE_HEAD_BYTES  16u
#define CXMS_TRACE_BLOCK_HEAD_BYTES 24u
#define CXMS_TRACE_BLOCK_MAGIC	    0x424c5843u /* "CXLB" */
#define CXMS_TRACE_BLOCK_EVENTS_MAX 65536u
#define CXMS_TRACE_RAW_MAX	    (16u << 20)
#define CXMS_TRACE_COMP_MAX	    (16u << 20)
#define CXMS_TRACE_RAW_TARGET	    (4u << 20) /* the writer closes a block at about this size */
#define CXMS_TRACE_STRING_MAX	    65535u     /* bytes of one path or name in an event */
#define CXMS_TRACE_EXACT_RAW_MAX    (1u << 20) /* of a block of packets */

enum cxms_block_type {
	CXMS_BLOCK_HEAD = 1,
	CXMS_BLOCK_EVENTS,
	CXMS_BLOCK_TOTALS,
	CXMS_BLOCK_EXACT, /* from version 2 on */
};
#define CXMS_BLOCK_SKIPPABLE                                                                       \
	1u /* block flag: a reader that does not know the type passes over it */

/** struct cxms_block - the fixed header of a block, decoded */
struct cxms_block {
	uint8_t type; /* enum cxms_block_type, or one of a later version */
	uint8_t flags;
	uint32_t n_events, raw_len, comp_len;
	uint32_t crc;
};

/** cxms_crc32c() - CRC-32C (Castagnoli, RFC 3720 B.4) of @len bytes, continuing @crc; begin with 0
 */
uint32_t cxms_crc32c(uint32_t crc, const void *data, size_t len);

int cxms_codec_new(struct cxms_codec **out, struct cxms_err *err);
/** append the compressed form of @in to @out; *comp_len bytes of it. 0, -ENOMEM, -EFBIG */
int cxms_codec_compress(struct cxms_codec *c, const struct cxms_buf *in, struct cxms_buf *out,
			size_t *comp_len, struct cxms_err *err);
/** replace @out by exactly @raw_len bytes. -EBADMSG when @in is not that; -ENOMEM */
int cxms_codec_decompress(struct cxms_codec *c, const uint8_t *in, size_t comp_len, size_t raw_len,
			  struct cxms_buf *out, struct cxms_err *err);
void cxms_codec_free(struct cxms_codec *c);

void cxms_file_head_put(struct cxms_buf *out, uint32_t version);
/** @len bytes from the start of a file; 0 or -EINVAL with a message about @name */
int cxms_file_head_check(const uint8_t *data, size_t len, const char *name, uint32_t *version,
			 struct cxms_err *err);
/** cxms_block_put() - compress and frame @raw, appended to @out (empty before) */
int cxms_block_put(const struct cxms_block *b, const struct cxms_buf *raw, struct cxms_codec *c,
		   struct cxms_buf *out, struct cxms_err *err);
/** @data has CXMS_TRACE_BLOCK_HEAD_BYTES; -EBADMSG: no block, or a length over its limit */
int cxms_block_parse(const uint8_t *data, struct cxms_block *b, struct cxms_err *err);
/** -EBADMSG when @head (as read) and @payload do not have the checksum of @b */
int cxms_block_verify(const struct cxms_block *b, const uint8_t *head, const uint8_t *payload,
		      struct cxms_err *err);

/* How one field of an event is written in its column. */
enum cxms_coding {
	CXMS_CODE_PLAIN, /* varint */
	CXMS_CODE_DELTA, /* zig-zag varint of the difference to the value before it in the column */
	CXMS_CODE_SITE_REF,   /* varint of value + 1 modulo 2^32: CXMS_NO_SITE is 0 */
	CXMS_CODE_SITE_ADDR,  /* address of a sample, against the previous one of the same site slot
			       */
	CXMS_CODE_SITE_COUNT, /* as SITE_ADDR, of the counting register: slots of its own */
	CXMS_CODE_SITE_OUTER, /* and of the outer one */
	CXMS_CODE_STRING,     /* counted bytes without NUL */
	CXMS_CODE_BUILD_ID,   /* counted bytes, at most CXMS_BUILD_ID_MAX */
};
#define CXMS_SITE_SLOTS 1024u /* a site uses slot site % CXMS_SITE_SLOTS */

struct cxms_column {
	const char *name;
	uint16_t offset; /* of the field in struct cxms_event */
	uint8_t bytes;	 /* size of the field: 1, 2, 4, 8; pointers and arrays: 0 */
	uint8_t coding;	 /* enum cxms_coding */
	uint32_t max;	 /* largest legal value; 0 = all values of the type */
};
#define CXMS_COLUMNS_MAX 25 /* of one kind; at most 31 (cxms_column_id) */

/** struct cxms_strings - the string columns of one kind, in file order */
struct cxms_strings {
	struct cxms_buf column[2];
};

/** struct cxms_column_set - columns of one event kind, in file order; append only */
struct cxms_column_set {
	const char *name; /* "sample" */
	const struct cxms_column *columns;
	size_t n;
};
/** cxms_columns_of() - @kind 0: the columns all kinds share (time, pid, tid); else of that kind */
const struct cxms_column_set *cxms_columns_of(unsigned kind);
/** the number a column carries in the file; 0 is the kind column */
unsigned cxms_column_id(unsigned kind, size_t position);
uint64_t cxms_column_load(const struct cxms_column *c, const struct cxms_event *ev);
/** the string of @c, never NULL */
const char *cxms_column_string(const struct cxms_column *c, const struct cxms_event *ev);
/** cxms_event_check() - can @ev be recorded: kind, enums, string lengths; -EINVAL, -ENAMETOOLONG */
int cxms_event_check(const struct cxms_event *ev, struct cxms_err *err);

/** struct cxms_kind_index - positions of the events, by kind: order[start[k]..start[k+1]) */
struct cxms_kind_index {
	uint32_t start[CXMS_EV_KIND_END + 1];
	uint32_t *order; /* caller's, room for every event */
};
/** all kinds must be legal */
void cxms_kind_index_make(struct cxms_kind_index *index, const struct cxms_event *ev, size_t n);

/** struct cxms_encoder - scratch of cxms_events_encode(); zero to begin */
struct cxms_encoder {
	struct cxms_buf column;
	uint32_t *order;
	size_t order_cap;
};
/**
 * cxms_events_encode() - the raw payload of an events block
 * @strings: by kind, the finished string columns of that kind (its events' pointers are not used)
 */
int cxms_events_encode(struct cxms_encoder *e, const struct cxms_event *ev, size_t n,
		       const struct cxms_strings strings[CXMS_EV_KIND_END], struct cxms_buf *raw,
		       struct cxms_err *err);
void cxms_encoder_fini(struct cxms_encoder *e);

/**
 * cxms_events_decode() - the events of a raw payload into @ev[0..@n)
 * @raw: overwritten (strings are terminated in place); strings are borrowed from it
 * Return: 0, -EBADMSG with the reason
 */
int cxms_events_decode(struct cxms_buf *raw, struct cxms_event *ev, size_t n, struct cxms_err *err);

/**
 * cxms_packets_split() - the @n packets of a raw payload as events; they are borrowed from @raw
 * Return: 0, -EBADMSG with the reason
 */
int cxms_packets_split(const struct cxms_buf *raw, struct cxms_event *ev, size_t n,
		       struct cxms_err *err);

/** struct cxms_head_store - a decoded head block and the memory its strings live in; zero to begin
 */
struct cxms_head_store {
	struct cxms_trace_head head;
	const char **argv;
	char *text; /* the words, one after another */
	size_t text_len;
};
/** -EINVAL: a field out of its range (stair, caches); -E2BIG: argv */
int cxms_head_encode(const struct cxms_trace_head *head, struct cxms_buf *raw,
		     struct cxms_err *err);
int cxms_head_decode(const struct cxms_buf *raw, struct cxms_head_store *out, struct cxms_err *err);
void cxms_head_store_fini(struct cxms_head_store *s);
int cxms_totals_encode(const struct cxms_totals *totals, struct cxms_buf *raw,
		       struct cxms_err *err);
int cxms_totals_decode(const struct cxms_buf *raw, struct cxms_totals *out, struct cxms_err *err);

#endif

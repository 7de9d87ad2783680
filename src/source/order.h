/* Time order over several streams of records, each nearly in order itself. */
#ifndef CXMS_SOURCE_ORDER_H
#define CXMS_SOURCE_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;

struct cxms_order_item {
	uint64_t time_ns;
	size_t at, len; /* of its bytes in the stream's store */
};
struct cxms_order_stream {
	struct cxms_order_item *item;
	size_t head, n, cap; /* [head, n) wait */
	uint8_t *store;
	size_t used, cap_store;
};
/** struct cxms_order - a merge of streams; ties go to the lower stream, then to the earlier record
 */
struct cxms_order {
	struct cxms_order_stream *stream;
	unsigned n_stream;
	unsigned *heap; /* streams that hold something, earliest first */
	unsigned n_heap;
};

int cxms_order_init(struct cxms_order *o, unsigned n_stream, struct cxms_err *err);
void cxms_order_fini(struct cxms_order *o);
/** copy a record in; a record a little older than the one before it in its stream is put in its
 * place */
int cxms_order_push(struct cxms_order *o, unsigned stream, uint64_t time_ns, const void *rec,
		    size_t len, struct cxms_err *err);
/**
 * cxms_order_pop() - the earliest record with time below @before_ns
 * Return: its bytes, 8-byte aligned, borrowed until the next push or pop; NULL when there is none
 */
const void *cxms_order_pop(struct cxms_order *o, uint64_t before_ns, unsigned *stream,
			   uint64_t *time_ns, size_t *len);
/** time of the earliest record, UINT64_MAX when empty */
uint64_t cxms_order_first_ns(const struct cxms_order *o);

#endif

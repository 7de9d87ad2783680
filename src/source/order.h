/* Time order over several streams of records, each nearly in order itself. */
#ifndef CXMS_SOURCE_ORDER_H
#define CXMS_SOURCE_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct cxms_err;

struct cxms_order_block;

/** struct cxms_order_rec - its bytes follow it */
struct cxms_order_rec {
	struct cxms_order_rec *prev, *next; /* in its stream */
	struct cxms_order_block *block;	    /* that holds it */
	uint64_t time_ns;
	size_t len;
};
struct cxms_order_stream {
	struct cxms_order_rec *first, *last; /* NULL = none waits */
};
/** struct cxms_order - a merge of streams; ties go to the lower stream, then to the earlier record
 */
struct cxms_order {
	struct cxms_order_stream *stream;
	unsigned n_stream;
	unsigned *heap; /* streams that hold something, earliest first */
	unsigned n_heap;
	struct cxms_order_block *all;  /* every block, owned */
	struct cxms_order_block *free; /* of them those without records */
	struct cxms_order_block *fill; /* where the next record goes; NULL = nowhere yet */
	size_t bytes;		       /* that records which wait take up */
	size_t room_bytes;	       /* of all blocks */
};

/**
 * cxms_order_init() - @n_stream streams; records live in blocks that are used again and again
 * @ready_bytes: room that is there before the first record, its pages touched
 * Return: 0 or -ENOMEM
 */
int cxms_order_init(struct cxms_order *o, unsigned n_stream, size_t ready_bytes,
		    struct cxms_err *err);
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

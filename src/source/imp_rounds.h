/*
 * Time order over records that come in rounds: within a round they are in no order, and after a
 * round none comes that is older than the latest of the round before it.
 */
#ifndef CXMS_SOURCE_IMP_ROUNDS_H
#define CXMS_SOURCE_IMP_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;

struct cxms_round_item {
	uint64_t time_ns;
	size_t at; /* of its bytes in the store; equal times keep this order */
	size_t len;
};
/** struct cxms_rounds - zeroed is empty; max_bytes 0 = CXMS_ROUNDS_MAX_BYTES */
struct cxms_rounds {
	struct cxms_round_item *item;
	size_t head, n, cap; /* [head, n) wait; those below limit_ns are in order */
	uint8_t *store;
	size_t used, cap_store, max_bytes;
	size_t live_bytes;  /* of the store, of records that wait */
	uint64_t latest_ns; /* of all pushed */
	uint64_t round_ns;  /* latest of the rounds before this one */
	uint64_t limit_ns;  /* records before it may be popped */
	uint64_t popped_ns; /* latest popped */
	uint64_t n_late;    /* records pushed behind what was popped */
};

/** what is held at most: a recording without rounds is then ordered in parts */
#define CXMS_ROUNDS_MAX_BYTES (256u << 20)

void cxms_rounds_fini(struct cxms_rounds *r);
int cxms_rounds_push(struct cxms_rounds *r, uint64_t time_ns, const void *rec, size_t len,
		     struct cxms_err *err);
/** is it full? then cxms_rounds_force() and pop before the next push */
bool cxms_rounds_is_full(const struct cxms_rounds *r);
/** a round ended */
void cxms_rounds_end_round(struct cxms_rounds *r);
/** the earlier half may be popped, rounds or not */
void cxms_rounds_force(struct cxms_rounds *r);
/** no record comes any more */
void cxms_rounds_end(struct cxms_rounds *r);
/** the next record, 8-byte aligned, borrowed until the next push; NULL when none may be popped */
const void *cxms_rounds_pop(struct cxms_rounds *r, uint64_t *time_ns, size_t *len);

#endif

/* Events on their way out of a live source, with the strings they carry. */
#ifndef CXMS_SOURCE_EVQ_H
#define CXMS_SOURCE_EVQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

/** struct cxms_evq - a queue; zeroed is empty */
struct cxms_evq {
	struct cxms_event *ev;
	size_t head, len, cap; /* [head, len) wait */
	char **string;	       /* owned; live until the queue was emptied and read again */
	size_t n_string, cap_string;
	uint64_t last_ns; /* latest time pushed: no later event is given an earlier one */
	bool failed;	  /* an allocation failed */
};

/**
 * cxms_evq_push() - append a copy; strings in it are copied too
 * RUN and WATCH keep their time (their beginning), and EXACT (none); others never go back behind
 * the latest one. The bytes of EXACT are not copied.
 */
void cxms_evq_push(struct cxms_evq *q, const struct cxms_event *ev);
/** move up to @cap events out; strings stay valid until the next cxms_evq_recycle() */
size_t cxms_evq_pop(struct cxms_evq *q, struct cxms_event *buf, size_t cap);
bool cxms_evq_is_empty(const struct cxms_evq *q);
/** drop the strings of events that were popped; nothing while events wait */
void cxms_evq_recycle(struct cxms_evq *q);
void cxms_evq_fini(struct cxms_evq *q);

#endif

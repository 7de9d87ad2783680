/* Messages of the exact source's stream (core/xstream.h) into packets, as events. */
#ifndef CXMS_RECORD_EXACT_PACK_H
#define CXMS_RECORD_EXACT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/xstream.h"

struct cxms_err;
struct cxms_trace_writer;

/** struct cxms_exact_pack - of one process image; zeroed is closed */
struct cxms_exact_pack {
	struct cxms_trace_writer *writer; /* borrowed */
	uint32_t pid, tid;		  /* the thread that messages are of; 0 = none yet */
	uint64_t seq, insns, n_packet;	  /* insns: run so far, kept by the caller */
	uint64_t begun_insns;		  /* when the packet began */
	uint64_t last_line;		  /* of this packet */
	struct cxms_buf body;		  /* of the packet, its head in front */
};

/** @w: borrowed until cxms_exact_pack_close(); @pid: of the process image */
void cxms_exact_pack_open(struct cxms_exact_pack *p, struct cxms_trace_writer *w, uint32_t pid);
/** what was not flushed is dropped */
void cxms_exact_pack_close(struct cxms_exact_pack *p);
/** room for a message of @bytes, at most 60,000, from thread @tid; a packet holds one thread's. 0
 * or -errno */
int cxms_exact_pack_begin(struct cxms_exact_pack *p, uint32_t tid, size_t bytes,
			  struct cxms_err *err);
/** begin a control message; after cxms_exact_pack_begin() */
void cxms_exact_pack_control(struct cxms_exact_pack *p, enum cxms_xs_control type);
/** the line of an event, against the last one of this packet */
void cxms_exact_pack_line(struct cxms_exact_pack *p, uint64_t line);
/** write what there is */
int cxms_exact_pack_flush(struct cxms_exact_pack *p, struct cxms_err *err);

#endif

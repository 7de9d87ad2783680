/*
 * What an instruction of an address trace means for the caches of a host, as messages of the exact
 * stream: the part of the exact source that is not told by another tool's trace.
 */
#ifndef CXMS_RECORD_EXACT_SIM_H
#define CXMS_RECORD_EXACT_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/hier.h"
#include "core/tlb.h"
#include "record/exact_pack.h"
#include "source/idmap.h"
#include "source/imp_access.h"
#include "trace/exact_cfg.h"

/* Of an instruction: a message of so many fits in a packet. */
#define CXMS_EXACT_EVENTS_MAX 3400u
#define CXMS_EXACT_GAPS	      8u

struct cxms_exact_event {
	uint8_t kind, byte; /* byte: of PF and IF */
	uint16_t index;
	uint64_t value; /* line, or fills back */
};

struct cxms_exact_thread {
	uint32_t tid, number, core;
	uint64_t insns, fills;
};

/** struct cxms_exact_sim - zeroed is closed */
struct cxms_exact_sim {
	struct cxms_hier hier;
	void *hier_memory, **tlb_memory;
	struct cxms_tlb *tlb; /* one per core; NULL: translation is not simulated */
	uint32_t cores, page_shift;
	struct cxms_exact_pack pack;
	struct cxms_idmap threads, pages,
		blocks; /* by tid (owned), page + 1, see block_of() (owned) */
	uint32_t n_thread;
	uint64_t n_block;
	uint64_t gap_block[CXMS_EXACT_GAPS]; /* of 1, 2, 4, ... instructions; 0 = not told yet */
	struct cxms_exact_thread *now;
	struct cxms_exact_event event[CXMS_EXACT_EVENTS_MAX];
	unsigned n_event;
	uint64_t count[CXMS_XN_COUNT];
};

/** @cfg: what is simulated; 0, -EINVAL (it does not fit together), -ENOMEM. Owner: _close() */
int cxms_exact_sim_open(struct cxms_exact_sim *s, const struct cxms_exact_cfg *cfg,
			struct cxms_trace_writer *w, struct cxms_err *err);
void cxms_exact_sim_close(struct cxms_exact_sim *s);
/** the process begins with thread @tid; @name for its command line, "" = none */
int cxms_exact_sim_begin(struct cxms_exact_sim *s, uint32_t tid, const char *name,
			 struct cxms_err *err);
/** one instruction, and those before it that the trace left out */
int cxms_exact_sim_insn(struct cxms_exact_sim *s, const struct cxms_imp_insn *i,
			struct cxms_err *err);
/** all threads end, and the totals are told */
int cxms_exact_sim_end(struct cxms_exact_sim *s, struct cxms_err *err);

#endif

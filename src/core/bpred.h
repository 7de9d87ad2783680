/*
 * A branch predictor: tournament of a local and a global two-level predictor for conditional
 * branches, a return address stack, and last targets, tagged by the history of targets, for
 * computed jumps. Freestanding; the state is the caller's.
 */
#ifndef CXMS_CORE_BPRED_H
#define CXMS_CORE_BPRED_H

#include <stdbool.h>
#include <stdint.h>

/* Sizes of a mid-size predictor; each is a power of two. ASSUMED: real ones are larger and tagged;
 * what matters here is to tell regular branches from those that follow the data. */
#define CXMS_BPRED_LOCAL_HISTORIES 2048
#define CXMS_BPRED_LOCAL_BITS	   11
#define CXMS_BPRED_GLOBAL_BITS	   13
#define CXMS_BPRED_TARGETS	   1024
#define CXMS_BPRED_RETURNS	   32

struct cxms_bpred_target {
	uint64_t tag, target;
};

struct cxms_bpred {
	uint64_t history;      /* directions, newest lowest */
	uint64_t path;	       /* hash of the last computed targets */
	uint32_t return_depth; /* pushes so far, minus pops */
	uint16_t local_history[CXMS_BPRED_LOCAL_HISTORIES];
	uint8_t local[1u << CXMS_BPRED_LOCAL_BITS];
	uint8_t global[1u << CXMS_BPRED_GLOBAL_BITS];
	uint8_t chooser[1u << CXMS_BPRED_GLOBAL_BITS];
	uint64_t returns[CXMS_BPRED_RETURNS];
	struct cxms_bpred_target last[CXMS_BPRED_TARGETS];
	struct cxms_bpred_target by_path[CXMS_BPRED_TARGETS];
};

/** cxms_bpred_init() - weakly not taken everywhere. */
void cxms_bpred_init(struct cxms_bpred *b);

/* Each of the following predicts, learns the outcome, and returns whether it was wrong. */

/** cxms_bpred_cond() - a conditional branch at @pc. */
bool cxms_bpred_cond(struct cxms_bpred *b, uint64_t pc, bool taken);

/** cxms_bpred_peek() - what it would say of a conditional branch at @pc now; learns nothing. */
bool cxms_bpred_peek(const struct cxms_bpred *b, uint64_t pc);

/** cxms_bpred_jump() - a computed jump or call. */
bool cxms_bpred_jump(struct cxms_bpred *b, uint64_t pc, uint64_t target);

/** cxms_bpred_return() - a return to @target. */
bool cxms_bpred_return(struct cxms_bpred *b, uint64_t target);

/** cxms_bpred_call() - remembers where a call returns to. */
void cxms_bpred_call(struct cxms_bpred *b, uint64_t return_to);

#endif

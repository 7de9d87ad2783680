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

/* Three two-bit counters and a direction; the lowest bits of the second and third. */
#define CXMS_BPRED_LEARN   128
#define CXMS_BPRED_GLOBAL  4
#define CXMS_BPRED_CHOOSER 16

struct cxms_bpred_target {
	uint64_t tag, target;
};

struct cxms_bpred {
	uint64_t history;      /* directions, newest lowest */
	uint64_t path;	       /* hash of the last computed targets */
	uint32_t return_depth; /* pushes so far, minus pops */
	uint16_t local_history[CXMS_BPRED_LOCAL_HISTORIES];
	/* Two-bit counters, each table's where learn's index has them. */
	uint8_t local[1u << CXMS_BPRED_LOCAL_BITS];
	uint8_t global[1u << CXMS_BPRED_GLOBAL_BITS];
	uint8_t chooser[1u << CXMS_BPRED_GLOBAL_BITS];
	uint64_t returns[CXMS_BPRED_RETURNS];
	struct cxms_bpred_target last[CXMS_BPRED_TARGETS];
	struct cxms_bpred_target by_path[CXMS_BPRED_TARGETS];
	uint8_t learn[CXMS_BPRED_LEARN]; /* see cxms_bpred_cond() */
};

/** cxms_bpred_init() - weakly not taken everywhere. */
void cxms_bpred_init(struct cxms_bpred *b);

/** cxms_bpred_hash() - by which the tables are indexed for a branch at @pc. */
static inline uint32_t cxms_bpred_hash(uint64_t pc)
{
	return (uint32_t)(pc ^ pc >> 11 ^ pc >> 22);
}

/* Each of the following predicts, learns the outcome, and returns whether it was wrong. */

/**
 * cxms_bpred_cond() - a conditional branch; @hash: of its address
 *
 * What the three counters become, and whether they were wrong, is looked up by what they are and
 * the direction: two bits each for local, global and chooser, then one.
 */
static inline bool cxms_bpred_cond(struct cxms_bpred *b, uint32_t hash, bool taken)
{
	const uint32_t global_mask = (1u << CXMS_BPRED_GLOBAL_BITS) - 1;
	uint16_t *history = &b->local_history[hash % CXMS_BPRED_LOCAL_HISTORIES];
	uint8_t *local = &b->local[*history & ((1u << CXMS_BPRED_LOCAL_BITS) - 1)];
	uint8_t *global = &b->global[((uint32_t)b->history ^ hash) & global_mask];
	uint8_t *chooser = &b->chooser[(uint32_t)b->history & global_mask];
	unsigned now = *local | *global | *chooser, way = taken, then = b->learn[now | way << 6];

	*history = (uint16_t)((uint32_t)*history << 1 | way);
	b->history = b->history << 1 | way;
	/* Mostly they stay: what is not stored is not waited for when it is read next. */
	if (then == now)
		return false;
	*local = then & 3;
	*global = then & 3 * CXMS_BPRED_GLOBAL;
	*chooser = then & 3 * CXMS_BPRED_CHOOSER;
	return then >> 6;
}

#define CXMS_BPRED_GUESSES 8 /* a power of two */

/** struct cxms_bpred_guess - histories of branches that were predicted and are not yet known */
struct cxms_bpred_guess {
	uint64_t history, path;
	uint32_t hash[CXMS_BPRED_GUESSES];
	uint16_t local[CXMS_BPRED_GUESSES];
	uint8_t there; /* bits: entries */
};

/** cxms_bpred_guess_behind() - histories behind a branch that was said wrongly, and just learnt */
static inline void cxms_bpred_guess_behind(const struct cxms_bpred *b, uint32_t hash,
					   struct cxms_bpred_guess *g)
{
	unsigned at = hash % CXMS_BPRED_GUESSES;

	g->history = b->history ^ 1;
	g->path = b->path;
	g->hash[at] = hash;
	g->local[at] = b->local_history[hash % CXMS_BPRED_LOCAL_HISTORIES] ^ 1;
	g->there = (uint8_t)(1u << at);
}

/**
 * cxms_bpred_guess() - what it would say of a conditional branch behind those of @g; learns nothing
 * @g: of cxms_bpred_guess_behind(); its histories move on with what is said, as a core's do
 */
static inline bool cxms_bpred_guess(const struct cxms_bpred *b, struct cxms_bpred_guess *g,
				    uint32_t hash)
{
	const uint32_t global_mask = (1u << CXMS_BPRED_GLOBAL_BITS) - 1;
	unsigned at = hash % CXMS_BPRED_GUESSES;
	uint16_t *history = &g->local[at];
	uint8_t global = b->global[((uint32_t)g->history ^ hash) & global_mask];

	if (!(g->there >> at & 1) || g->hash[at] != hash) {
		g->hash[at] = hash;
		*history = b->local_history[hash % CXMS_BPRED_LOCAL_HISTORIES];
		g->there |= (uint8_t)(1u << at);
	}
	uint8_t local = b->local[*history & ((1u << CXMS_BPRED_LOCAL_BITS) - 1)];
	bool by_global = b->chooser[(uint32_t)g->history & global_mask] >= 2 * CXMS_BPRED_CHOOSER;
	bool taken = by_global ? global >= 2 * CXMS_BPRED_GLOBAL : local >= 2;
	*history = (uint16_t)(*history << 1 | taken);
	g->history = g->history << 1 | taken;
	return taken;
}

/**
 * cxms_bpred_guess_jump() - where it would say that a computed jump or call at @pc goes, behind the
 * branches of @g; learns nothing
 * Return: 0: it has no idea.
 */
uint64_t cxms_bpred_guess_jump(const struct cxms_bpred *b, struct cxms_bpred_guess *g, uint64_t pc);

/** cxms_bpred_jump() - a computed jump or call. */
bool cxms_bpred_jump(struct cxms_bpred *b, uint64_t pc, uint64_t target);

/** cxms_bpred_return() - a return to @target. */
bool cxms_bpred_return(struct cxms_bpred *b, uint64_t target);

/** cxms_bpred_call() - remembers where a call returns to. */
void cxms_bpred_call(struct cxms_bpred *b, uint64_t return_to);

#endif

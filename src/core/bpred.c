#include "core/bpred.h"

#define LOCAL_MASK  ((1u << CXMS_BPRED_LOCAL_BITS) - 1)
#define GLOBAL_MASK ((1u << CXMS_BPRED_GLOBAL_BITS) - 1)
/* Two-bit saturating counters; 2 and 3 mean yes. */
#define WEAKLY_NO 1

void cxms_bpred_init(struct cxms_bpred *b)
{
	b->history = b->path = 0;
	b->return_depth = 0;
	for (unsigned i = 0; i < CXMS_BPRED_LOCAL_HISTORIES; i++)
		b->local_history[i] = 0;
	for (unsigned i = 0; i <= LOCAL_MASK; i++)
		b->local[i] = WEAKLY_NO;
	for (unsigned i = 0; i <= GLOBAL_MASK; i++)
		b->global[i] = b->chooser[i] = WEAKLY_NO;
	for (unsigned i = 0; i < CXMS_BPRED_RETURNS; i++)
		b->returns[i] = 0;
	for (unsigned i = 0; i < CXMS_BPRED_TARGETS; i++)
		b->last[i] = b->by_path[i] = (struct cxms_bpred_target){0};
}

static void count(uint8_t *counter, bool up)
{
	static const uint8_t next[2][4] = {{0, 0, 1, 2}, {1, 2, 3, 3}};

	*counter = next[up][*counter];
}

static uint32_t hash(uint64_t pc)
{
	return (uint32_t)(pc ^ pc >> 11 ^ pc >> 22);
}

/* Of a history: all bits matter (2^64 / golden ratio). */
static uint32_t spread(uint64_t tag)
{
	return (uint32_t)(tag * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

bool cxms_bpred_cond(struct cxms_bpred *b, uint64_t pc, bool taken)
{
	uint16_t *history = &b->local_history[hash(pc) % CXMS_BPRED_LOCAL_HISTORIES];
	uint8_t *local = &b->local[*history & LOCAL_MASK];
	uint32_t mix = ((uint32_t)b->history ^ hash(pc)) & GLOBAL_MASK;
	uint8_t *global = &b->global[mix];
	uint8_t *chooser = &b->chooser[(uint32_t)b->history & GLOBAL_MASK];
	bool by_local = *local > 1, by_global = *global > 1;
	bool wrong = (*chooser > 1 ? by_global : by_local) != taken;

	if (by_local != by_global)
		count(chooser, by_global == taken);
	count(local, taken);
	count(global, taken);
	*history = (uint16_t)(*history << 1 | taken);
	b->history = b->history << 1 | taken;
	return wrong;
}

bool cxms_bpred_peek(const struct cxms_bpred *b, uint64_t pc)
{
	uint16_t history = b->local_history[hash(pc) % CXMS_BPRED_LOCAL_HISTORIES];
	uint32_t mix = ((uint32_t)b->history ^ hash(pc)) & GLOBAL_MASK;

	if (b->chooser[(uint32_t)b->history & GLOBAL_MASK] > 1)
		return b->global[mix] > 1;
	return b->local[history & LOCAL_MASK] > 1;
}

bool cxms_bpred_jump(struct cxms_bpred *b, uint64_t pc, uint64_t target)
{
	struct cxms_bpred_target *last = &b->last[hash(pc) % CXMS_BPRED_TARGETS];
	uint64_t tag = pc ^ b->path;
	struct cxms_bpred_target *path = &b->by_path[spread(tag) % CXMS_BPRED_TARGETS];
	bool wrong = path->tag == tag  ? path->target != target
		     : last->tag == pc ? last->target != target
				       : true;

	*last = (struct cxms_bpred_target){.tag = pc, .target = target};
	*path = (struct cxms_bpred_target){.tag = tag, .target = target};
	/* Each moves on by 12 bits and falls out at the top: five targets back. */
	b->path = b->path << 12 ^ hash(target);
	return wrong;
}

bool cxms_bpred_return(struct cxms_bpred *b, uint64_t target)
{
	b->return_depth--;
	return b->returns[b->return_depth % CXMS_BPRED_RETURNS] != target;
}

void cxms_bpred_call(struct cxms_bpred *b, uint64_t return_to)
{
	b->returns[b->return_depth % CXMS_BPRED_RETURNS] = return_to;
	b->return_depth++;
}

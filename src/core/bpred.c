#include "core/bpred.h"

#define LOCAL_MASK  ((1u << CXMS_BPRED_LOCAL_BITS) - 1)
#define GLOBAL_MASK ((1u << CXMS_BPRED_GLOBAL_BITS) - 1)
/* Of a two-bit counter. */
#define WEAKLY_NO 1

/* A saturating counter, of which 2 and 3 mean yes. */
static unsigned counted(unsigned counter, bool up)
{
	return up ? counter + (counter < 3) : counter - (counter > 0);
}

/* The chooser turns to the predictor that was right when the other was not. */
static uint8_t learnt(unsigned local, unsigned global, unsigned chooser, bool taken)
{
	bool by_local = local > 1, by_global = global > 1;
	bool said = chooser > 1 ? by_global : by_local;

	if (by_local != by_global)
		chooser = counted(chooser, by_global == taken);
	return (uint8_t)(counted(local, taken) | counted(global, taken) * CXMS_BPRED_GLOBAL |
			 chooser * CXMS_BPRED_CHOOSER | (unsigned)(said != taken) << 6);
}

void cxms_bpred_init(struct cxms_bpred *b)
{
	b->history = b->path = 0;
	b->return_depth = 0;
	for (unsigned i = 0; i < CXMS_BPRED_LOCAL_HISTORIES; i++)
		b->local_history[i] = 0;
	for (unsigned i = 0; i <= LOCAL_MASK; i++)
		b->local[i] = WEAKLY_NO;
	for (unsigned i = 0; i <= GLOBAL_MASK; i++) {
		b->global[i] = WEAKLY_NO * CXMS_BPRED_GLOBAL;
		b->chooser[i] = WEAKLY_NO * CXMS_BPRED_CHOOSER;
	}
	for (unsigned i = 0; i < CXMS_BPRED_RETURNS; i++)
		b->returns[i] = 0;
	for (unsigned i = 0; i < CXMS_BPRED_TARGETS; i++)
		b->last[i] = b->by_path[i] = (struct cxms_bpred_target){0};
	for (unsigned i = 0; i < CXMS_BPRED_LEARN; i++)
		b->learn[i] = learnt(i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6);
}

/* Of a history: all bits matter (2^64 / golden ratio). */
static uint32_t spread(uint64_t tag)
{
	return (uint32_t)(tag * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Each moves on by 12 bits and falls out at the top: five targets back. */
static uint64_t path_to(uint64_t path, uint64_t target)
{
	return path << 12 ^ cxms_bpred_hash(target);
}

uint64_t cxms_bpred_guess_jump(const struct cxms_bpred *b, struct cxms_bpred_guess *g, uint64_t pc)
{
	const struct cxms_bpred_target *last = &b->last[cxms_bpred_hash(pc) % CXMS_BPRED_TARGETS];
	uint64_t tag = pc ^ g->path;
	const struct cxms_bpred_target *path = &b->by_path[spread(tag) % CXMS_BPRED_TARGETS];
	uint64_t target = path->tag == tag ? path->target : last->tag == pc ? last->target : 0;

	g->path = path_to(g->path, target);
	return target;
}

bool cxms_bpred_jump(struct cxms_bpred *b, uint64_t pc, uint64_t target)
{
	struct cxms_bpred_target *last = &b->last[cxms_bpred_hash(pc) % CXMS_BPRED_TARGETS];
	uint64_t tag = pc ^ b->path;
	struct cxms_bpred_target *path = &b->by_path[spread(tag) % CXMS_BPRED_TARGETS];
	bool wrong = path->tag == tag  ? path->target != target
		     : last->tag == pc ? last->target != target
				       : true;

	*last = (struct cxms_bpred_target){.tag = pc, .target = target};
	*path = (struct cxms_bpred_target){.tag = tag, .target = target};
	b->path = path_to(b->path, target);
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

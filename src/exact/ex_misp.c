/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mispredicted branches: what they wait for, and what the path behind them asks the caches for. */
#include "ex_run.h"

NEVER_INLINE enum cxms_hier_level wrong_miss(struct ex_thread *t, uint64_t address, uint64_t pc,
					     unsigned branch, unsigned insns, bool timed)
{
	struct cxms_hier_req req = {.line = address >> CXMS_XS_LINE_SHIFT,
				    .address = address,
				    .pc = pc,
				    .now = t->insns,
				    .fill = timed ? t->fills : CXMS_CACHE_NO_FILL,
				    .floor = t->floor,
				    .thread = t->number,
				    .core = t->core_number};
	struct cxms_hier_res res;

	if (ex.n_event >= EX_EVENTS_LIMIT)
		return CXMS_HIER_MEM;
	/* The program will read it, and the next walk, when it is here. */
	__builtin_prefetch((const void *)(Addr)address);
	ex.hier.n_effect = 0;
	cxms_hier_data(&ex.hier, &req, &res);
	if (res.level > CXMS_HIER_L1 && timed) {
		ex.event[ex.n_event++] =
			(struct ex_event){.value = req.line,
					  .head = CXMS_XE_WRONG | branch << EX_EVENT_INDEX,
					  .byte = (uint8_t)(res.level),
					  .behind = (uint16_t)insns};
		if (res.level == CXMS_HIER_L2 && !(res.use && is_far(t, res.number)))
			note_near(t, t->fills);
		*wrong_fill(t, (uint32_t)t->fills) =
			(struct ex_wrong_fill){(uint32_t)t->fills, t->walks};
		req.fill = ++t->fills;
	}
	if (ex.hier.has_prefetch && res.level > CXMS_HIER_L1 && has_room())
		cxms_hier_prefetch(&ex.hier, &req, res.level);
	if (timed) {
		t->fills = req.fill;
		ex_note_effects(branch, CXMS_XE_BEHIND);
	}
	return res.level;
}

/* A line that this block asked for itself: the branch at its end waits for it, most likely. */
static bool is_awaited(const struct ex_thread *t, const struct cxms_cache *l1, size_t slot)
{
	uint32_t back = (uint32_t)t->fills - l1->mark[slot].fill;

	return l1->tag[slot] & CXMS_TAG_MARKED && l1->owner[slot] == (uint16_t)t->number &&
	       back - 1 < t->fills - ex_run.fills;
}

/*
 * A line that a wrong path asked for, which may have been over before it began; told once a walk,
 * and not in the one that asked: what comes later in a walk begins no sooner.
 */
static void wrong_use(struct ex_thread *t, const struct cxms_cache *l1, size_t slot,
		      unsigned branch, unsigned insns)
{
	const struct cxms_cache_mark *mark = &l1->mark[slot];
	struct ex_wrong_fill *asked = wrong_fill(t, mark->fill);
	uint32_t back = (uint32_t)t->fills - mark->fill;

	if (!(l1->tag[slot] & CXMS_TAG_MARKED) || l1->owner[slot] != (uint16_t)t->number ||
	    asked->fill != mark->fill || asked->walk == 0 || asked->walk == t->walks ||
	    back - 1 >= t->fills - t->floor ||
	    (uint32_t)(mark->fresh - (uint32_t)t->insns) > ex.opt.hier.window ||
	    ex.n_event >= EX_EVENTS_LIMIT)
		return;
	asked->walk = t->walks;
	ex.event[ex.n_event++] =
		(struct ex_event){.value = back,
				  .head = CXMS_XE_WRONGUSE | branch << EX_EVENT_INDEX,
				  .behind = (uint16_t)insns};
}

enum cxms_hier_level ex_wrong_load(struct ex_thread *t, uint64_t address, uint64_t pc,
				   unsigned branch, unsigned insns, bool timed)
{
	struct cxms_cache *l1 = &t->caches->l1d;
	uint64_t line = address >> CXMS_XS_LINE_SHIFT;
	size_t set, slot = recent_slot(t, address);

	if ((l1->tag[slot] ^ line << CXMS_TAG_SHIFT) & ~(CXMS_TAG_DIRTY | CXMS_TAG_MARKED)) {
		set = cxms_cache_set(l1, line);
		slot = cxms_cache_find(l1, set, line);
		if (slot == CXMS_CACHE_NO_SLOT)
			cxms_hier_expect(&ex.hier, t->core_number, line);
		if (EX_UNLIKELY(slot == CXMS_CACHE_NO_SLOT || l1->tag[slot] & CXMS_TAG_UNUSED))
			return wrong_miss(t, address, pc, branch, insns, timed);
		cxms_cache_touch(l1, set, slot);
	}
	if (timed)
		wrong_use(t, l1, slot, branch, insns);
	return timed && is_awaited(t, l1, slot) ? CXMS_HIER_MEM : CXMS_HIER_L1;
}

/* Fill @number is there, as somebody has waited for it. Return: whether that took long. */
static bool await(struct ex_thread *t, uint64_t number)
{
	bool far = is_far(t, number);

	note_near(t, number);
	return far;
}

/*
 * The branch of @part was mispredicted: it is done when the loads of its block have what they wait
 * for, most likely, and what comes behind it finds that there. Return: a bit for each access that
 * takes longer than the second level, NULL if none does.
 */
static const uint64_t *await_loads(struct ex_thread *t, const struct ex_block *b,
				   const struct ex_part *part)
{
	const uint32_t uses = 1u << CXMS_XE_USE | 1u << CXMS_XE_L2USE | 1u << CXMS_XE_LLCUSE;
	const uint32_t fills = 1u << CXMS_XE_L2 | 1u << CXMS_XE_LLC | 1u << CXMS_XE_MEM |
			       1u << CXMS_XE_L2USE | 1u << CXMS_XE_LLCUSE;
	uint64_t number = ex_run.fills;
	bool any = false;

	__builtin_memset(ex_run.awaited, 0, sizeof(ex_run.awaited));
	for (unsigned i = 0; i < ex.n_event; i++) {
		const struct ex_event *e = &ex.event[i];
		unsigned kind = e->head & CXMS_XE_KIND_MASK, index = e->head >> EX_EVENT_INDEX;
		bool use = uses >> kind & 1, fill = fills >> kind & 1, far = false;

		if ((use || fill) && index < part->accesses &&
		    b->access[index].kind == CXMS_XA_LOAD) {
			far = use && await(t, number - e->value);
			far |= fill && await(t, number);
			ex_run.awaited[index / 64] |= (uint64_t)far << index % 64;
		}
		any |= far;
		number += fill || kind == CXMS_XE_PF;
	}
	return any ? ex_run.awaited : NULL;
}

/* The predictor was wrong about the last branch of a block: what it chose instead is walked. */
static void wrong_path(struct ex_thread *t, struct ex_block *b, unsigned exit, bool taken,
		       const uint64_t *awaited, bool timed)
{
	const struct ex_insn *in = &b->insn[b->part[exit].insns - 1];
	uint64_t next = in->addr + in->len, target = next;

	/* a displacement of four bytes, perhaps behind a prefix */
	if (in->len >= 6)
		target += (uint64_t)(int64_t)(int32_t)((uint32_t)in->bytes[in->len - 4] |
						       (uint32_t)in->bytes[in->len - 3] << 8 |
						       (uint32_t)in->bytes[in->len - 2] << 16 |
						       (uint32_t)in->bytes[in->len - 1] << 24);
	else
		target += (uint64_t)(int64_t)(int8_t)in->bytes[in->len - 1];
	t->fills_before[t->walks++ % CXMS_ASSUMED_ARRIVED] = t->fills;
	ex_wrong_path(t, (const char *)ex.slot - EX_SLOTS_OFFSET, b, exit, taken ? next : target,
		      awaited, timed);
}

/* Return: see await_loads() */
const uint64_t *ex_mispredicted(struct ex_thread *t, const struct ex_block *b,
				const struct ex_part *part, bool timed)
{
	const uint64_t *awaited = await_loads(t, b, part);

	ex.count[CXMS_XN_MISPREDICT]++;
	if (timed)
		note(CXMS_XE_MISP, (unsigned)(part - b->part), 0, 0);
	return awaited;
}

/* @at: the part that ran, which the branch of @part is of */
void ex_mispredicted_cond(struct ex_thread *t, struct ex_block *b, const struct ex_part *part,
			  const struct ex_part *at, bool taken, bool timed)
{
	const uint64_t *awaited = ex_mispredicted(t, b, part, timed);

	/* the registers at hand are those of the end of what ran */
	if (ex.opt.has_wrong_path && part->insns == at->insns)
		wrong_path(t, b, (unsigned)(part - b->part), taken, awaited, timed);
}

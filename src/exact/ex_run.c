/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run time. Generated code calls ex_enter() once a block, at its top; that accounts for the block
 * that ran before, whose addresses and progress generated code noted in slots.
 */
#include "ex_run.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_libcassert.h"
#include "pub_tool_vkiscnums.h"

/* Without a TLB the program's addresses are all on one page, number 0. */
#define NO_TLB_SHIFT 63

#define HUGE_BYTES    (UINT64_C(2) << 20)
#define MADV_HUGEPAGE 14

struct ex_run ex_run;
static char *memory;

/* Memory that is accessed all over: in huge pages, if the system has them, and only whole ones. */
static char *huge_alloc(size_t bytes)
{
	Addr at;

	bytes = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
	at = (Addr)VG_(am_shadow_alloc)(bytes + HUGE_BYTES);
	tl_assert(at);
	at = (at + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
	ex_system_call(__NR_madvise, (long)at, (long)bytes, MADV_HUGEPAGE, 0);
	return (char *)at;
}

static size_t tlb_bytes(void)
{
	return ex.opt.has_tlb ? cxms_tlb_bytes(&ex.opt.tlb) : 0;
}

static size_t hier_bytes(void)
{
	return cxms_hier_bytes(&ex.opt.hier);
}

void ex_run_cold(void)
{
	char *tlb = memory + hier_bytes();

	ex_run_forget();
	cxms_hier_init(&ex.hier, &ex.opt.hier, memory);
	for (uint32_t i = 0; i < ex.opt.hier.cores; i++) {
		cxms_bpred_init(&ex.core[i].bpred);
		ex.core[i].tlb.last = 0;
		if (ex.opt.has_tlb)
			cxms_tlb_init(&ex.core[i].tlb, &ex.opt.tlb, tlb + i * tlb_bytes());
	}
}

void ex_run_init(void)
{
	uint32_t cores = ex.opt.hier.cores;

	memory = huge_alloc(hier_bytes() + cores * (tlb_bytes() + sizeof(*ex.core)));
	ex.core = (struct ex_core *)(memory + hier_bytes() + cores * tlb_bytes());
	ex_run.page_shift = ex.opt.has_tlb ? ex.opt.tlb.page_shift : NO_TLB_SHIFT;
	ex_run_cold();
}

void ex_run_forget(void)
{
	for (uint32_t i = 0; i < ex.opt.hier.cores; i++)
		for (unsigned k = 0; k < EX_FRONT; k++)
			ex.core[i].front[k].page = UINT64_MAX;
}

static struct ex_level level_of(const struct cxms_cache *c)
{
	return (struct ex_level){.in_sets = c->mask << c->shift,
				 .tag = c->tag,
				 .mark = c->mark,
				 .owner = c->owner,
				 .recent = cxms_cache_recent(c, 0),
				 .down = (uint8_t)(CXMS_XS_LINE_SHIFT - c->shift)};
}

struct ex_thread *ex_thread_new(void)
{
	struct ex_thread *t = VG_(calloc)("cxms.thread", 1, sizeof(*t));

	t->number = ++ex.n_thread;
	t->core_number = (t->number - 1) % ex.opt.hier.cores;
	t->core = &ex.core[t->core_number];
	t->caches = &ex.hier.core[t->core_number];
	t->l1d = level_of(&t->caches->l1d);
	t->stores = EX_FORWARD_BACK + 1;
	return t;
}

NEVER_INLINE void fetch_miss(struct ex_thread *t, unsigned index, uint64_t line, bool timed)
{
	enum cxms_hier_level level;

	ex.hier.n_effect = 0;
	level = cxms_hier_fetch(&ex.hier, t->core_number, line);
	if (level == CXMS_HIER_L1)
		return;
	ex.count[CXMS_XN_L1I_MISS]++;
	ex.count[CXMS_XN_L2_MISS] += ex.hier.has_l2 && level > CXMS_HIER_L2;
	ex.count[CXMS_XN_LLC_IFETCH_MISS] += level == CXMS_HIER_MEM;
	ex_page_touch(line >> (CXMS_XS_PAGE_SHIFT - CXMS_XS_LINE_SHIFT), false);
	if (!timed)
		return;
	note(CXMS_XE_IF, index, line, level);
	ex_note_effects(index, 0);
}

/* The instruction lines of the run of a block. If nothing changed, the next run finds them as they
 * are, unless the L1I changes. */
NEVER_INLINE void fetch(struct ex_thread *t, const struct ex_block *b, struct ex_part *part,
			bool timed)
{
	const struct cxms_cache *l1i = &t->caches->l1i;
	const uint8_t *recent = cxms_cache_recent(l1i, 0);
	uint64_t state = t->caches->l1i_state;

	for (unsigned i = 0; i < part->lines; i++) {
		size_t set = b->line[i].slot;

		if (EX_UNLIKELY(l1i->tag[set + recent[set << 1]] != b->line[i].tag))
			fetch_miss(t, i, b->line[i].tag >> CXMS_TAG_SHIFT, timed);
	}
	if (t->caches->l1i_state == state)
		part->fetched = state;
}

ALWAYS_INLINE void access_one(struct ex_thread *t, const struct ex_block *b,
			      const struct ex_access *a, uint64_t address, bool timed)
{
	uint64_t line = address >> CXMS_XS_LINE_SHIFT, last = address + a->last;
	size_t slot = recent_slot(t, address);
	uint64_t differs = (t->l1d.tag[slot] ^ line << CXMS_TAG_SHIFT) | a->ignore;
	bool is_within = last >> CXMS_XS_LINE_SHIFT == line;

	/* The most recent line of a set, used again: nothing changes but its mark. */
	if (EX_UNLIKELY((differs & ~CXMS_TAG_MARKED) != CXMS_TAG_DIRTY || !is_within ||
			!is_at_hand(t->core, address))) {
		if (is_within && a->ignore != EX_IGNORE_ALL)
			ex_access_other(t, b, a, address, timed);
		else if (!ex_access_slow(t, b, a, address, timed))
			return;
	} else if (differs & CXMS_TAG_MARKED) {
		in_flight(t, slot, (unsigned)(a - b->access), t->insns + a->insn, 0, timed);
	}
	if (!timed)
		return;
	if (a->kind == CXMS_XA_LOAD) {
		if (is_near_store(t, address, a->last))
			ex_forward(t, b, a, address);
	} else if (a->kind != CXMS_XA_PREFETCH) {
		stored(t, address, a->last, t->insns + a->insn);
	}
}

/* @at: the part that ran. Only side exits are conditional branches. */
ALWAYS_INLINE void branches(struct ex_thread *t, struct ex_block *b, const struct ex_part *at,
			    uint64_t next, bool timed)
{
	struct cxms_bpred *p = &t->core->bpred;
	const struct ex_insn *last;

	for (const struct ex_part *part = b->part; part <= at; part++) {
		if (part->kind != CXMS_XX_COND)
			continue;
		bool taken = (part == at) != part->is_inverse;

		if (cxms_bpred_cond(p, part->hash, taken))
			ex_mispredicted_cond(t, b, part, at, taken, timed);
	}
	if (EX_LIKELY(!at->turns))
		return;
	last = &b->insn[b->n_insn - 1];
	switch (at->kind) {
	case CXMS_XX_CALL:
		cxms_bpred_call(p, last->addr + last->len);
		break;
	case CXMS_XX_ICALL:
		cxms_bpred_call(p, last->addr + last->len);
		/* fall through */
	case CXMS_XX_INDIRECT:
		if (cxms_bpred_jump(p, last->addr, next))
			ex_mispredicted(t, b, at, timed);
		break;
	case CXMS_XX_RET:
		if (cxms_bpred_return(p, next))
			ex_mispredicted(t, b, at, timed);
		break;
	default:
		break;
	}
}

ALWAYS_INLINE void account(struct ex_block *b, const uint64_t *slot, unsigned left, uint64_t next,
			   bool timed)
{
	struct ex_thread *t = ex.thread;
	struct ex_part *part = &b->part[left];
	const uint64_t *address = slot + EX_SLOT_ADDRESS;
	unsigned insns = part->insns;

	ex.n_event = 0;
	ex_run.fills = t->fills;
	part->runs++;
	if (EX_UNLIKELY(part->fetched != t->caches->l1i_state))
		fetch(t, b, part, timed);
	for (const struct ex_access *a = b->access, *end = a + part->accesses; a < end; a++)
		access_one(t, b, a, *address++, timed);
	branches(t, b, part, next, timed);
	if (timed)
		ex_send_run(b, part);
	t->insns += insns;
	ex.count[CXMS_XN_INSNS] += insns;
	if (EX_UNLIKELY(b->fences))
		ex_nt_close(t);
}

/* A fault: the instruction at @next did not complete, what lies before it did. */
NEVER_INLINE struct ex_block *cut_short(struct ex_block *b, uint64_t progress, uint64_t next)
{
	unsigned at = progress < EX_BEGUN ? b->part[progress - EX_PASSED].insns : 0;

	while (at < b->n_insn && b->insn[at].addr != next)
		at++;
	if (at == 0 || at == b->n_insn)
		return NULL;
	return ex_block_prefix(b, at);
}

/* Apart from the one in ex_enter(), which is not to be slowed down by it. */
NEVER_INLINE void account_timed(struct ex_block *b, const uint64_t *slot, unsigned left,
				uint64_t next)
{
	account(b, slot, left, next, true);
}

NEVER_INLINE void account_warming(struct ex_block *b, const uint64_t *slot, unsigned left,
				  uint64_t next)
{
	account(b, slot, left, next, false);
}

static void count_sample(unsigned insns)
{
	if (ex.sample_left <= insns)
		ex_sample_next();
	else
		ex.sample_left -= insns;
}

NEVER_INLINE void settle(const uint64_t *slot, uint64_t next)
{
	struct ex_block *b = ex.pending;
	uint64_t left;

	if (!b)
		return;
	ex.pending = NULL;
	left = slot[EX_SLOT_PROGRESS];
	if (left > b->n_exit) {
		b = cut_short(b, left, next);
		if (!b)
			return;
		left = b->n_exit;
	}
	if (ex.spins)
		return;
	if (ex.timed)
		account_timed(b, slot, (unsigned)left, next);
	else
		account_warming(b, slot, (unsigned)left, next);
	if (ex.samples)
		count_sample(b->part[left].insns);
	if (ex.looks)
		ex_spin_ran(b, (unsigned)left);
}

void ex_settle(uint64_t next)
{
	settle(ex.slot, next);
}

VG_REGPARM(2) void ex_enter(char *guest, struct ex_block *b)
{
	uint64_t *slot = (uint64_t *)(guest + EX_SLOTS_OFFSET);
	struct ex_block *ran = ex.pending;

	ex.slot = slot;
	if (EX_LIKELY(ran && ex.how == EX_JUST_TIMED && slot[EX_SLOT_PROGRESS] <= ran->n_exit)) {
		ex.pending = NULL;
		account(ran, slot, (unsigned)slot[EX_SLOT_PROGRESS], b->addr, true);
	} else {
		settle(slot, b->addr);
	}
	if (EX_UNLIKELY(--ex.calm == 0))
		ex_spin_enter(b, guest);
	if (EX_UNLIKELY(ex.thread->call.returns_to == b->addr))
		ex_alloc_return(guest);
	if (EX_UNLIKELY(b->mark)) {
		if (b->mark & ~EX_MARK_ALLOC)
			ex_roi_enter(b->mark);
		if (b->mark & EX_MARK_ALLOC)
			ex_alloc_enter(b, guest);
	}
	ex.pending = b;
	slot[EX_SLOT_PROGRESS] = EX_BEGUN;
}

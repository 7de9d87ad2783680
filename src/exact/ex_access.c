/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accesses that are no plain hits on what was used last: through TLB, caches and prefetchers. */
#include "ex_run.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_vki.h"

/* What an access caused goes behind it. Only lines written back may find no room. */
void ex_note_effects(unsigned index, unsigned flags)
{
	for (unsigned i = 0; i < ex.hier.n_effect; i++) {
		const struct cxms_hier_effect *e = &ex.hier.effect[i];

		if (ex.n_event >= EX_EVENTS_LIMIT) {
			ex.hier.lost++;
			continue;
		}
		if (e->into)
			note(CXMS_XE_PF | flags, index, e->line,
			     (unsigned)(e->into | e->from << 4));
		else
			note(CXMS_XE_WB | flags, index, e->line, 0);
	}
}

static void count_access(unsigned kind, enum cxms_hier_level level)
{
	if (kind == CXMS_XA_PREFETCH || level == CXMS_HIER_L1)
		return;
	ex.count[CXMS_XN_L2_MISS] += ex.hier.has_l2 && level > CXMS_HIER_L2;
	if (kind == CXMS_XA_STORE) {
		ex.count[CXMS_XN_L1D_STORE_MISS]++;
		ex.count[CXMS_XN_LLC_STORE_MISS] += level == CXMS_HIER_MEM;
	} else {
		ex.count[CXMS_XN_L1D_LOAD_MISS]++;
		ex.count[CXMS_XN_LLC_LOAD_MISS] += level == CXMS_HIER_MEM;
	}
}

/* The event of a line that was served, unless it is a plain first-level hit. */
static void note_line(struct ex_thread *t, unsigned index, uint64_t line,
		      const struct cxms_hier_res *res, unsigned flags)
{
	static const uint8_t plain[] = {0, CXMS_XE_HIT, CXMS_XE_L2, CXMS_XE_LLC, CXMS_XE_MEM};
	static const uint8_t in_flight[] = {0, CXMS_XE_USE, CXMS_XE_L2USE, CXMS_XE_LLCUSE, 0};
	bool use = res->use && res->number < t->fills;

	if (res->level == CXMS_HIER_L1 && !use && !flags)
		return;
	if (res->level == CXMS_HIER_L2 && !(use && is_far(t, res->number)))
		note_near(t, t->fills);
	if (use)
		note(in_flight[res->level] | flags, index, t->fills - res->number, 0);
	else
		note(plain[res->level] | flags, index, line, 0);
	t->fills += res->level > CXMS_HIER_L1;
}

/* The lines of one access, each told by itself; @flags with the first. Return: the level that had
 * the one that was furthest away. */
static enum cxms_hier_level serve(struct ex_thread *t, struct cxms_hier_req *req,
				  uint64_t last_line, unsigned kind, unsigned index, unsigned flags,
				  bool timed)
{
	enum cxms_hier_level furthest = CXMS_HIER_L1;
	uint64_t first = req->line;

	for (; req->line <= last_line; req->line++) {
		struct cxms_hier_res res;

		cxms_hier_data(&ex.hier, req, &res);
		count_access(kind, res.level);
		furthest = res.level > furthest ? res.level : furthest;
		if (!timed || (req->line > first && ex.n_event >= EX_EVENTS_LIMIT))
			continue;
		note_line(t, index, req->line, &res, req->line == first ? flags : 0);
		req->fill = t->fills;
	}
	req->line = first;
	return furthest;
}

static unsigned translate(struct ex_thread *t, uint64_t address)
{
	if (!ex.opt.has_tlb)
		return 0;
	switch (cxms_tlb_access(&t->core->tlb, address)) {
	case CXMS_TLB_SECOND:
		ex.count[CXMS_XN_TLB_MISS]++;
		return CXMS_XE_TLB2;
	case CXMS_TLB_WALK:
		ex.count[CXMS_XN_TLB_MISS]++;
		ex.count[CXMS_XN_WALK]++;
		return CXMS_XE_WALK;
	default:
		return 0;
	}
}

static unsigned translate_all(struct ex_thread *t, uint64_t address, unsigned last)
{
	unsigned flags = translate(t, address);

	if (address >> ex_run.page_shift != (address + last) >> ex_run.page_shift)
		flags |= translate(t, address + last);
	return flags & CXMS_XE_WALK ? CXMS_XE_WALK : flags;
}

/* A software prefetch of what is not mapped does nothing. */
static bool is_void(const struct ex_access *a, uint64_t address)
{
	if (a->guarded)
		return address == 0;
	return a->kind == CXMS_XA_PREFETCH && !ex_page_known(address >> CXMS_XS_PAGE_SHIFT) &&
	       !VG_(am_is_valid_for_client)(address, 1, VKI_PROT_READ);
}

static void skip(const struct ex_access *a, unsigned index, bool timed)
{
	ex.count[CXMS_XN_LOADS] -= a->kind == CXMS_XA_LOAD;
	ex.count[CXMS_XN_STORES] -= a->kind == CXMS_XA_STORE || a->kind == CXMS_XA_NT_STORE;
	if (timed)
		note(CXMS_XE_SKIP, index, 0, 0);
}

/* What follows an access that was served from below the first level, or was noted. */
static inline void after_access(struct ex_thread *t, struct cxms_hier_req *req, uint64_t last_line,
				enum cxms_hier_level level, unsigned index, bool timed)
{
	if (ex.hier.has_prefetch && has_room())
		for (; req->line <= last_line; req->line++) {
			cxms_hier_prefetch(&ex.hier, req, level);
			req->address = (req->line + 1) << CXMS_XS_LINE_SHIFT;
		}
	if (timed) {
		t->fills = req->fill;
		ex_note_effects(index, 0);
	}
}

/* A load or store within one line that the first level lacks; @set: its set there. */
NEVER_INLINE void plain_miss(struct ex_thread *t, const struct ex_block *b, unsigned index,
			     uint64_t address, size_t set, unsigned flags, bool timed)
{
	const struct ex_access *a = &b->access[index];
	struct cxms_hier_res res;
	struct cxms_hier_req req = {.line = address >> CXMS_XS_LINE_SHIFT,
				    .address = address,
				    .pc = b->insn[a->insn].addr,
				    .now = t->insns + a->insn,
				    .fill = timed ? t->fills : CXMS_CACHE_NO_FILL,
				    .floor = t->floor,
				    .thread = t->number,
				    .core = t->core_number,
				    .store = a->kind == CXMS_XA_STORE};

	ex_page_touch(address >> CXMS_XS_PAGE_SHIFT, req.store);
	ex.hier.n_effect = 0;
	cxms_hier_miss(&ex.hier, &req, set, &res);
	count_access(a->kind, res.level);
	if (timed) {
		note_line(t, index, req.line, &res, flags);
		req.fill = t->fills;
	}
	after_access(t, &req, req.line, res.level, index, timed);
}

/* Everything that is neither a plain hit nor a plain miss. Returns false if the access did not
 * happen. */
bool ex_access_slow(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
		    uint64_t address, bool timed)
{
	unsigned index = (unsigned)(a - b->access);
	uint64_t last_line = (address + a->last) >> CXMS_XS_LINE_SHIFT;
	bool is_store = a->kind == CXMS_XA_STORE || a->kind == CXMS_XA_NT_STORE;
	struct cxms_hier_req req = {.line = address >> CXMS_XS_LINE_SHIFT,
				    .address = address,
				    .pc = b->insn[a->insn].addr,
				    .now = t->insns + a->insn,
				    .fill = timed ? t->fills : CXMS_CACHE_NO_FILL,
				    .floor = t->floor,
				    .thread = t->number,
				    .core = t->core_number,
				    .store = is_store,
				    .idle = a->kind == CXMS_XA_PREFETCH};
	enum cxms_hier_level level;
	unsigned flags;

	if (is_void(a, address)) {
		skip(a, index, timed);
		return false;
	}
	flags = translate_all(t, address, a->last);
	for (uint64_t page = address >> CXMS_XS_PAGE_SHIFT;
	     page <= (address + a->last) >> CXMS_XS_PAGE_SHIFT; page++)
		if (!req.idle)
			ex_page_touch(page, is_store);
	if (a->kind == CXMS_XA_NT_STORE) {
		ex_nt_store(t, index, address, address + a->last, flags, timed);
		return true;
	}
	ex.hier.n_effect = 0;
	level = serve(t, &req, last_line, a->kind, index, flags, timed);
	after_access(t, &req, last_line, level, index, timed);
	return true;
}

/* Looks up the page of an access, which has been touched, or will be now. */
static unsigned other_page(struct ex_thread *t, uint64_t address)
{
	unsigned flags = translate(t, address);
	uint64_t page = address >> CXMS_XS_PAGE_SHIFT;

	t->core->front[ex_front_at(page)] = (struct ex_front){page, t->core->tlb.at};
	return flags;
}

/* A load or store within one line that is not a plain hit on the most recent line of its set and on
 * the last page. */
void ex_access_other(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
		     uint64_t address, bool timed)
{
	unsigned index = (unsigned)(a - b->access);
	struct cxms_cache *l1 = &t->caches->l1d;
	uint64_t line = address >> CXMS_XS_LINE_SHIFT, tag;
	size_t set = (size_t)(l1->mask ? line & l1->mask : line % l1->sets);
	size_t slot = (set << l1->shift) + *cxms_cache_recent(l1, set);
	unsigned flags = 0;
	bool same_page;

	if ((l1->tag[slot] | CXMS_TAG_FLAGS) != (line << CXMS_TAG_SHIFT | CXMS_TAG_FLAGS))
		slot = cxms_cache_find(l1, set, line);
	if (slot == CXMS_CACHE_NO_SLOT)
		cxms_hier_expect(&ex.hier, t->core_number, line);
	tag = slot == CXMS_CACHE_NO_SLOT ? CXMS_TAG_DIRTY : l1->tag[slot];
	if (EX_UNLIKELY(tag & CXMS_TAG_UNUSED || !((tag | a->ignore) & CXMS_TAG_DIRTY))) {
		ex_access_slow(t, b, a, address, timed);
		return;
	}
	same_page = !ex.opt.has_tlb || is_at_hand(t->core, address);
	if (!same_page)
		flags = other_page(t, address);
	if (slot == CXMS_CACHE_NO_SLOT) {
		plain_miss(t, b, index, address, set, flags, timed);
		return;
	}
	if (!same_page)
		ex_page_touch(address >> CXMS_XS_PAGE_SHIFT, a->kind == CXMS_XA_STORE);
	cxms_cache_touch(l1, set, slot);
	if (tag & CXMS_TAG_MARKED && in_flight(t, slot, index, t->insns + a->insn, flags, timed))
		return;
	if (timed && flags)
		note(CXMS_XE_HIT | flags, index, 0, 0);
}

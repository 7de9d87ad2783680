/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run time. Generated code calls ex_enter() once a block, at its top; that accounts for the block
 * that ran before, whose addresses and progress generated code noted in slots.
 */
#include "ex.h"

#include "pub_tool_aspacemgr.h"
#include "pub_tool_libcassert.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE  static __attribute__((noinline))

/* Without a TLB the program's addresses are all on one page, number 0. */
#define NO_TLB_SHIFT 63

#define EX_LINE_BYTES (1u << CXMS_XS_LINE_SHIFT)

/* Of the block that is accounted for. @fills: of the thread before it;  @awaited: a bit for each
 * access that its mispredicted branch waits for */
static struct {
	unsigned page_shift;
	uint64_t fills;
	uint64_t awaited[(EX_MAX_ACCESSES + 63) / 64];
} run;

#define HUGE_BYTES    (UINT64_C(2) << 20)
#define MADV_HUGEPAGE 14

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
	run.page_shift = ex.opt.has_tlb ? ex.opt.tlb.page_shift : NO_TLB_SHIFT;
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

ALWAYS_INLINE void note(unsigned kind, unsigned index, uint64_t value, unsigned byte)
{
	struct ex_event *e = &ex.event[ex.n_event++];

	e->value = value;
	e->head = kind | index << EX_EVENT_INDEX;
	e->byte = (uint8_t)byte;
}

/* Whether all that one access makes prefetchers bring has room: each line has a number, so none is
 * left out. */
static inline bool has_room(void)
{
	return ex.n_event + CXMS_HIER_EFFECTS <= EX_EVENTS_LIMIT;
}

/* What an access caused goes behind it. Only lines written back may find no room. */
static void note_effects(unsigned index, unsigned flags)
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
	note_effects(index, 0);
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

/* Several lines of one access: what counts is the one that was furthest away. */
struct served {
	struct cxms_hier_res res;
	uint64_t line;
	bool any_fill;
};

static void serve(struct cxms_hier_req *req, uint64_t last_line, struct served *worst)
{
	uint64_t first = req->line;

	*worst = (struct served){.line = first};
	for (uint64_t line = first; line <= last_line; line++) {
		struct cxms_hier_res res;

		req->line = line;
		cxms_hier_data(&ex.hier, req, &res);
		worst->any_fill |= res.level > CXMS_HIER_L1;
		if (res.level > worst->res.level ||
		    (res.level == worst->res.level && res.use && !worst->res.use)) {
			worst->res = res;
			worst->line = line;
		}
	}
	req->line = first;
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

/* Who comes to wait for fill @number waits no longer than for the second level. */
static inline void note_near(struct ex_thread *t, uint64_t number)
{
	t->near_fill[number % EX_RECENT_FILLS] = (uint32_t)number + 1;
}

/* Else it comes from farther, and may not have arrived. */
static inline bool is_far(const struct ex_thread *t, uint64_t number)
{
	return number >= t->fills_before[t->walks % EX_ASSUMED_ARRIVED] &&
	       t->near_fill[number % EX_RECENT_FILLS] != (uint32_t)number + 1;
}

/* The event of a served access, unless it is a plain first-level hit. */
static void note_access(struct ex_thread *t, unsigned index, const struct served *s, unsigned flags)
{
	static const uint8_t plain[] = {0, CXMS_XE_HIT, CXMS_XE_L2, CXMS_XE_LLC, CXMS_XE_MEM};
	static const uint8_t in_flight[] = {0, CXMS_XE_USE, CXMS_XE_L2USE, CXMS_XE_LLCUSE, 0};
	bool use = s->res.use && s->res.number < t->fills;

	if (s->res.level == CXMS_HIER_L1 && !use && !flags)
		return;
	if (s->res.level == CXMS_HIER_L2 && !(use && is_far(t, s->res.number)))
		note_near(t, t->fills);
	if (use)
		note(in_flight[s->res.level] | flags, index, t->fills - s->res.number, 0);
	else
		note(plain[s->res.level] | flags, index, s->line, 0);
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

	if (address >> run.page_shift != (address + last) >> run.page_shift)
		flags |= translate(t, address + last);
	return flags & CXMS_XE_WALK ? CXMS_XE_WALK : flags;
}

/* Bytes [@first, @last] of a line as bits. */
static uint64_t bytes_of(uint64_t first, uint64_t last)
{
	return (UINT64_MAX >> (63 - (last - first))) << first;
}

/* Non-temporal stores to one line are put together and leave as one write, which is told of the
 * first of them. Return: whether this is the first. */
static bool opens_line(struct ex_thread *t, uint64_t line, uint64_t bytes)
{
	struct ex_nt_line *n = NULL, *oldest = t->nt;
	bool is_first;

	for (unsigned i = 0; i < EX_ASSUMED_NT_OPEN; i++) {
		if (t->nt[i].bytes && t->nt[i].line == line)
			n = &t->nt[i];
		if (t->nt[i].used < oldest->used)
			oldest = &t->nt[i];
	}
	is_first = !n;
	if (is_first) {
		n = oldest;
		*n = (struct ex_nt_line){.line = line};
	}
	n->used = ++t->nt_clock;
	n->bytes |= bytes;
	if (n->bytes == UINT64_MAX) /* full: it leaves, and the place is free */
		*n = (struct ex_nt_line){0};
	return is_first;
}

static void close_lines(struct ex_thread *t)
{
	VG_(memset)(t->nt, 0, sizeof(t->nt));
}

/* A store past the caches of bytes [@address, @end]. */
static void past_caches(struct ex_thread *t, unsigned index, uint64_t address, uint64_t end,
			unsigned flags, bool timed)
{
	bool is_told = false;

	ex.hier.n_effect = 0;
	for (uint64_t at = address; at <= end; at = (at | (EX_LINE_BYTES - 1)) + 1) {
		uint64_t line = at >> CXMS_XS_LINE_SHIFT, last = at | (EX_LINE_BYTES - 1);
		uint64_t bytes =
			bytes_of(at % EX_LINE_BYTES, (last < end ? last : end) % EX_LINE_BYTES);

		cxms_hier_flush(&ex.hier, line);
		if (!opens_line(t, line, bytes) || !timed)
			continue;
		note(CXMS_XE_NT | (is_told ? 0 : flags), index, line, 0);
		is_told = true;
	}
	if (!timed)
		return;
	if (flags && !is_told)
		note(CXMS_XE_HIT | flags, index, 0, 0);
	note_effects(index, 0);
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
		note_effects(index, 0);
	}
}

/* A load or store within one line that the first level lacks; @set: its set there. */
NEVER_INLINE void plain_miss(struct ex_thread *t, const struct ex_block *b, unsigned index,
			     uint64_t address, size_t set, unsigned flags, bool timed)
{
	const struct ex_access *a = &b->access[index];
	struct served served = {.line = address >> CXMS_XS_LINE_SHIFT};
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
	cxms_hier_miss(&ex.hier, &req, set, &served.res);
	count_access(a->kind, served.res.level);
	if (timed) {
		note_access(t, index, &served, flags);
		req.fill = ++t->fills;
	}
	after_access(t, &req, req.line, served.res.level, index, timed);
}

/* Everything that is neither a plain hit nor a plain miss. Returns false if the access did not
 * happen. */
NEVER_INLINE bool slow_access(struct ex_thread *t, const struct ex_block *b,
			      const struct ex_access *a, uint64_t address, bool timed)
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
	struct served served;
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
		past_caches(t, index, address, address + a->last, flags, timed);
		return true;
	}
	ex.hier.n_effect = 0;
	serve(&req, last_line, &served);
	count_access(a->kind, served.res.level);
	if (timed) {
		note_access(t, index, &served, flags);
		t->fills += served.any_fill;
		req.fill = t->fills;
	}
	after_access(t, &req, last_line, served.res.level, index, timed);
	return true;
}

/* Where it stands that fill @number is of a wrong path. */
static inline struct ex_wrong_fill *wrong_fill(struct ex_thread *t, uint32_t number)
{
	return &t->wrong_fill[number % EX_RECENT_FILLS];
}

/* A hit on a marked line: an event if its fill is recent, else the mark goes. Return: whether there
 * is an event. */
static inline bool in_flight(struct ex_thread *t, size_t slot, unsigned index, uint64_t now,
			     unsigned flags, bool timed)
{
	const struct cxms_cache_mark *mark = &t->l1d.mark[slot];
	uint32_t back = (uint32_t)t->fills - mark->fill;

	if (timed && t->l1d.owner[slot] != (uint16_t)t->number)
		return false;
	if (EX_LIKELY(timed && (uint32_t)(mark->fresh - (uint32_t)now) <= ex.opt.hier.window &&
		      back - 1 < t->fills - t->floor)) {
		note(CXMS_XE_USE | flags, index, back, 0);
		if (wrong_fill(t, mark->fill)->fill == mark->fill)
			wrong_fill(t, mark->fill)->walk = 0; /* now it has begun */
		return true;
	}
	t->l1d.tag[slot] &= ~CXMS_TAG_MARKED;
	return false;
}

/* The most recent store to granule @g, as far as it is more recent than @nearest stores back. */
ALWAYS_INLINE uint32_t store_of(const struct ex_thread *t, uint64_t g, uint32_t nearest)
{
	const struct ex_granule *e = &t->granule[g % EX_GRANULES];
	uint32_t back = t->stores - e->store;

	return EX_UNLIKELY(e->granule == (uint32_t)g && back < nearest) ? back : nearest;
}

/* Whether a recent store may have written to any of the aligned 16 bytes that an access touches. */
ALWAYS_INLINE bool is_near_store(const struct ex_thread *t, uint64_t address, unsigned last)
{
	uint64_t at = address >> 4, end = (address + last) >> 4;

	do
		if (t->stores - t->recent[at % EX_RECENT] <= EX_FORWARD_BACK)
			return true;
	while (EX_UNLIKELY(++at <= end));
	return false;
}

/* A load of what a recent store wrote, or of what lies beside it in 16 bytes. */
NEVER_INLINE void forward(struct ex_thread *t, const struct ex_block *b, const struct ex_access *a,
			  uint64_t address)
{
	unsigned last = a->last;
	uint64_t g = address >> 3, end = (address + last) >> 3, first = g;
	uint32_t nearest = EX_FORWARD_BACK + 1;
	unsigned kind = CXMS_XE_FWD;
	const struct ex_store *s;

	do
		nearest = store_of(t, g, nearest);
	while (EX_UNLIKELY(++g <= end));
	if (EX_LIKELY(nearest > EX_FORWARD_BACK)) {
		kind = CXMS_XE_NEAR;
		nearest = store_of(t, first & ~UINT64_C(1), nearest);
		nearest = store_of(t, end | 1, nearest);
	}
	if (EX_LIKELY(nearest > EX_FORWARD_BACK))
		return;
	s = &t->store[(t->stores - nearest) % EX_FORWARD_BACK];
	if (kind == CXMS_XE_FWD && last < 8 &&
	    (s->address > address || s->address + s->last < address + last))
		kind = CXMS_XE_PART;
	if (t->insns + a->insn - s->insn <= ex.opt.hier.window)
		note(kind, (unsigned)(a - b->access), nearest, 0);
}

ALWAYS_INLINE void stored(struct ex_thread *t, uint64_t address, unsigned last, uint64_t now)
{
	uint64_t g = address >> 3, end = (address + last) >> 3;

	do
		t->granule[g % EX_GRANULES] =
			(struct ex_granule){.granule = (uint32_t)g, .store = t->stores};
	while (EX_UNLIKELY(++g <= end));
	for (uint64_t at = address >> 4; at <= (address + last) >> 4; at++)
		t->recent[at % EX_RECENT] = t->stores;
	t->store[t->stores % EX_FORWARD_BACK] =
		(struct ex_store){.insn = now, .address = address, .last = last};
	t->stores++;
}

/* Whether an access stays on the page of the last one, or goes to one that is known to have been
 * touched and to be in the first TLB, where it is the most recent now. */
ALWAYS_INLINE bool is_at_hand(struct ex_core *core, uint64_t address)
{
	unsigned page_shift = run.page_shift;
	uint64_t page = address >> CXMS_XS_PAGE_SHIFT;
	const struct ex_front *f = &core->front[ex_front_at(page)];

	return EX_LIKELY(address >> page_shift == core->tlb.last) ||
	       (f->page == page && cxms_tlb_again(&core->tlb, address >> page_shift, f->at));
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
NEVER_INLINE void other_access(struct ex_thread *t, const struct ex_block *b,
			       const struct ex_access *a, uint64_t address, bool timed)
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
		cxms_hier_expect(&ex.hier, line);
	tag = slot == CXMS_CACHE_NO_SLOT ? CXMS_TAG_DIRTY : l1->tag[slot];
	if (EX_UNLIKELY(tag & CXMS_TAG_UNUSED || !((tag | a->ignore) & CXMS_TAG_DIRTY))) {
		slow_access(t, b, a, address, timed);
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

/* The slot that was used last in the set of @address; of set 0 if the number of sets is no power of
 * two: then it seldom holds the line. */
ALWAYS_INLINE size_t recent_slot(const struct ex_thread *t, uint64_t address)
{
	const struct ex_level *l = &t->l1d;
	size_t first = (size_t)(address >> l->down & l->in_sets);

	return first + l->recent[first << 1];
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
			other_access(t, b, a, address, timed);
		else if (!slow_access(t, b, a, address, timed))
			return;
	} else if (differs & CXMS_TAG_MARKED) {
		in_flight(t, slot, (unsigned)(a - b->access), t->insns + a->insn, 0, timed);
	}
	if (!timed)
		return;
	if (a->kind == CXMS_XA_LOAD) {
		if (is_near_store(t, address, a->last))
			forward(t, b, a, address);
	} else if (a->kind != CXMS_XA_PREFETCH) {
		stored(t, address, a->last, t->insns + a->insn);
	}
}

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
		note_effects(branch, CXMS_XE_BEHIND);
	}
	return res.level;
}

/* A line that this block asked for itself: the branch at its end waits for it, most likely. */
static bool is_awaited(const struct ex_thread *t, const struct cxms_cache *l1, size_t slot)
{
	uint32_t back = (uint32_t)t->fills - l1->mark[slot].fill;

	return l1->tag[slot] & CXMS_TAG_MARKED && l1->owner[slot] == (uint16_t)t->number &&
	       back - 1 < t->fills - run.fills;
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
	uint64_t number = run.fills;
	bool any = false;

	__builtin_memset(run.awaited, 0, sizeof(run.awaited));
	for (unsigned i = 0; i < ex.n_event; i++) {
		const struct ex_event *e = &ex.event[i];
		unsigned kind = e->head & CXMS_XE_KIND_MASK, index = e->head >> EX_EVENT_INDEX;
		bool use = uses >> kind & 1, fill = fills >> kind & 1, far = false;

		if ((use || fill) && index < part->accesses &&
		    b->access[index].kind == CXMS_XA_LOAD) {
			far = use && await(t, number - e->value);
			far |= fill && await(t, number);
			run.awaited[index / 64] |= (uint64_t)far << index % 64;
		}
		any |= far;
		number += fill || kind == CXMS_XE_PF;
	}
	return any ? run.awaited : NULL;
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
	t->fills_before[t->walks++ % EX_ASSUMED_ARRIVED] = t->fills;
	ex_wrong_path(t, (const char *)ex.slot - EX_SLOTS_OFFSET, b, exit, taken ? next : target,
		      awaited, timed);
}

/* Return: see await_loads() */
static const uint64_t *mispredicted(struct ex_thread *t, const struct ex_block *b,
				    const struct ex_part *part, bool timed)
{
	const uint64_t *awaited = await_loads(t, b, part);

	ex.count[CXMS_XN_MISPREDICT]++;
	if (timed)
		note(CXMS_XE_MISP, (unsigned)(part - b->part), 0, 0);
	return awaited;
}

/* @at: the part that ran, which the branch of @part is of */
NEVER_INLINE void mispredicted_cond(struct ex_thread *t, struct ex_block *b,
				    const struct ex_part *part, const struct ex_part *at,
				    bool taken, bool timed)
{
	const uint64_t *awaited = mispredicted(t, b, part, timed);

	/* the registers at hand are those of the end of what ran */
	if (ex.opt.has_wrong_path && part->insns == at->insns)
		wrong_path(t, b, (unsigned)(part - b->part), taken, awaited, timed);
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
			mispredicted_cond(t, b, part, at, taken, timed);
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
			mispredicted(t, b, at, timed);
		break;
	case CXMS_XX_RET:
		if (cxms_bpred_return(p, next))
			mispredicted(t, b, at, timed);
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
	run.fills = t->fills;
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
		close_lines(t);
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

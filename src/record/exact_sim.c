#include "record/exact_sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "record/exact_code.h"

#define PID 1u
/* Two bits of a run's head: left by an exit (never here), events follow. */
#define RUN_HAS_EVENTS	2u
#define RUN_BLOCK_SHIFT 2u
/* Room for what one access may cause, so that its own events always fit. */
#define EVENTS_RESERVE 64u
#define EVENT_BYTES    17u /* at most, of one */
#define BLOCK_BYTES    2048u

/* A block of code that was told: one instruction, or what stands for it. */
struct block {
	uint64_t id;
	struct cxms_imp_insn shape; /* addresses of refs do not count */
	struct block *next;	    /* of the same key */
};

static struct cxms_cache_cfg cache_of(const struct cxms_exact_cfg *cfg, enum cxms_exact_level level)
{
	const struct cxms_exact_cache *c = &cfg->cache[level];

	return (struct cxms_cache_cfg){.bytes = c->size_bytes,
				       .ways = c->size_bytes ? c->ways : 0,
				       .inclusive = c->inclusive,
				       .plru = c->plru,
				       .hashed = c->hashed};
}

static struct cxms_prefetch_cfg prefetch_of(const struct cxms_exact_cfg *cfg,
					    enum cxms_exact_level level)
{
	const struct cxms_exact_cache *c = &cfg->cache[level];
	struct cxms_prefetch_cfg pf = {0};

	for (uint32_t i = 0; i < c->n_prefetch; i++) {
		const struct cxms_exact_prefetch *p = &c->prefetch[i];

		if (p->type == CXMS_EXACT_STRIDE) {
			pf.stride_degree = p->degree;
			pf.stride_distance = p->distance;
		} else {
			pf.next_degree = p->degree;
			pf.next_distance = p->distance;
		}
	}
	return pf;
}

static int open_tlbs(struct cxms_exact_sim *s, const struct cxms_exact_cfg *cfg,
		     struct cxms_err *err)
{
	struct cxms_tlb_cfg tlb = {.entries = {cfg->tlb_l1, cfg->tlb_l2}};

	s->page_shift = CXMS_XS_PAGE_SHIFT;
	if (!cfg->tlb_l1)
		return 0;
	while (UINT64_C(1) << tlb.page_shift < cfg->tlb_page_bytes)
		tlb.page_shift++;
	if (!cxms_tlb_check(&tlb))
		return cxms_fail(err, EINVAL, "the TLB of this host cannot be simulated");
	s->page_shift = tlb.page_shift;
	s->tlb = calloc(s->cores, sizeof(*s->tlb));
	s->tlb_memory = calloc(s->cores, sizeof(*s->tlb_memory));
	if (!s->tlb || !s->tlb_memory)
		return cxms_fail(err, ENOMEM, "out of memory for TLBs");
	for (uint32_t i = 0; i < s->cores; i++) {
		s->tlb_memory[i] = calloc(1, cxms_tlb_bytes(&tlb));
		if (!s->tlb_memory[i])
			return cxms_fail(err, ENOMEM, "out of memory for TLBs");
		cxms_tlb_init(&s->tlb[i], &tlb, s->tlb_memory[i]);
	}
	return 0;
}

int cxms_exact_sim_open(struct cxms_exact_sim *s, const struct cxms_exact_cfg *cfg,
			struct cxms_trace_writer *w, struct cxms_err *err)
{
	struct cxms_hier_cfg hier = {
		.cores = cfg->cores,
		.window = cfg->window,
		.l1i = cache_of(cfg, CXMS_EXACT_L1I),
		.l1d = cache_of(cfg, CXMS_EXACT_L1D),
		.l2 = cache_of(cfg, CXMS_EXACT_L2),
		.llc = cache_of(cfg, CXMS_EXACT_LLC),
		.pf_l1d = prefetch_of(cfg, CXMS_EXACT_L1D),
		.pf_l2 = prefetch_of(cfg, CXMS_EXACT_L2),
		.pf_llc = prefetch_of(cfg, CXMS_EXACT_LLC),
	};

	memset(s, 0, sizeof(*s));
	if (!cxms_hier_check(&hier))
		return cxms_fail(err, EINVAL, "the caches of this host cannot be simulated");
	s->cores = cfg->cores;
	cxms_exact_pack_open(&s->pack, w, PID);
	s->hier_memory = aligned_alloc(64, (cxms_hier_bytes(&hier) + 63) & ~(size_t)63);
	if (!s->hier_memory)
		return cxms_fail(err, ENOMEM, "out of memory for caches");
	memset(s->hier_memory, 0, cxms_hier_bytes(&hier));
	cxms_hier_init(&s->hier, &hier, s->hier_memory);
	return open_tlbs(s, cfg, err);
}

static void free_blocks(struct cxms_exact_sim *s)
{
	struct block *b, *next;
	size_t pos = 0;

	while ((b = cxms_idmap_next(&s->blocks, &pos)))
		for (; b; b = next) {
			next = b->next;
			free(b);
		}
	cxms_idmap_fini(&s->blocks);
}

void cxms_exact_sim_close(struct cxms_exact_sim *s)
{
	size_t pos = 0;
	void *t;

	while ((t = cxms_idmap_next(&s->threads, &pos)))
		free(t);
	cxms_idmap_fini(&s->threads);
	cxms_idmap_fini(&s->pages);
	free_blocks(s);
	for (uint32_t i = 0; s->tlb_memory && i < s->cores; i++)
		free(s->tlb_memory[i]);
	free(s->tlb_memory);
	free(s->tlb);
	free(s->hier_memory);
	cxms_exact_pack_close(&s->pack);
	memset(s, 0, sizeof(*s));
}

/* ---- threads ---- */

static int new_thread(struct cxms_exact_sim *s, uint32_t tid, struct cxms_err *err)
{
	struct cxms_exact_thread *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (!t || cxms_idmap_put(&s->threads, tid, t)) {
		free(t);
		return cxms_fail(err, ENOMEM, "out of memory for threads");
	}
	t->tid = tid;
	t->number = ++s->n_thread;
	t->core = (t->number - 1) % s->cores;
	if (s->now) {
		rc = cxms_exact_pack_begin(&s->pack, s->now->tid, 16, err);
		cxms_exact_pack_control(&s->pack, CXMS_XC_CLONE);
		cxms_buf_put_varint(&s->pack.body, tid);
	}
	s->now = t;
	return rc;
}

static int choose_thread(struct cxms_exact_sim *s, uint32_t tid, struct cxms_err *err)
{
	struct cxms_exact_thread *t;

	if (s->now && s->now->tid == tid)
		return 0;
	t = cxms_idmap_get(&s->threads, tid);
	if (!t)
		return new_thread(s, tid, err);
	s->now = t;
	return 0;
}

int cxms_exact_sim_begin(struct cxms_exact_sim *s, uint32_t tid, const char *name,
			 struct cxms_err *err)
{
	struct cxms_buf *b = &s->pack.body;
	int rc = new_thread(s, tid, err);

	if (!rc)
		rc = cxms_exact_pack_begin(&s->pack, tid, BLOCK_BYTES + strlen(name), err);
	if (rc)
		return rc;
	cxms_exact_pack_control(&s->pack, CXMS_XC_HELLO);
	cxms_buf_put_varint(b, 1); /* version */
	cxms_buf_put_varint(b, PID);
	cxms_buf_put_varint(b, 0); /* parent */
	cxms_buf_put_u8(b, 0);	   /* not by fork */
	cxms_buf_put_varint(b, 1); /* blocks of a parent */
	cxms_buf_put_str(b, name);
	cxms_exact_pack_control(&s->pack, CXMS_XC_TIMED);
	cxms_buf_put_u8(b, 1);
	cxms_buf_put_varint(b, 0);
	return 0;
}

int cxms_exact_sim_end(struct cxms_exact_sim *s, struct cxms_err *err)
{
	struct cxms_exact_thread *t;
	size_t pos = 0;
	int rc = 0;

	while (!rc && (t = cxms_idmap_next(&s->threads, &pos))) {
		rc = cxms_exact_pack_begin(&s->pack, t->tid, 16, err);
		cxms_exact_pack_control(&s->pack, CXMS_XC_EXIT);
		cxms_buf_put_varint(&s->pack.body, t->tid);
		s->now = t;
	}
	if (!rc)
		rc = cxms_exact_pack_begin(&s->pack, s->now->tid, BLOCK_BYTES, err);
	s->count[CXMS_XN_PREFETCH] = s->hier.prefetched;
	s->count[CXMS_XN_WRITEBACK] = s->hier.writeback;
	cxms_exact_pack_control(&s->pack, CXMS_XC_COUNTS);
	cxms_buf_put_varint(&s->pack.body, CXMS_XN_COUNT);
	for (int i = 0; i < CXMS_XN_COUNT; i++)
		cxms_buf_put_varint(&s->pack.body, s->count[i]);
	return rc ? rc : cxms_exact_pack_flush(&s->pack, err);
}

/* ---- accesses ---- */

static void note(struct cxms_exact_sim *s, unsigned kind, unsigned index, uint64_t value,
		 unsigned byte)
{
	if (s->n_event < CXMS_EXACT_EVENTS_MAX)
		s->event[s->n_event++] = (struct cxms_exact_event){
			.kind = (uint8_t)kind,
			.byte = (uint8_t)byte,
			.index = (uint16_t)index,
			.value = value,
		};
}

/* Whether all that one access makes prefetchers bring has room: each line has a number, so none is
 * left out. */
static bool has_room(const struct cxms_exact_sim *s)
{
	return s->n_event + CXMS_HIER_EFFECTS + EVENTS_RESERVE <= CXMS_EXACT_EVENTS_MAX;
}

/* What an access caused goes behind it. Only lines written back may find no room. */
static void note_effects(struct cxms_exact_sim *s, unsigned index)
{
	for (unsigned i = 0; i < s->hier.n_effect; i++) {
		const struct cxms_hier_effect *e = &s->hier.effect[i];

		if (s->n_event + EVENTS_RESERVE >= CXMS_EXACT_EVENTS_MAX)
			s->hier.lost++;
		else if (e->into)
			note(s, CXMS_XE_PF, index, e->line, (unsigned)(e->into | e->from << 4));
		else
			note(s, CXMS_XE_WB, index, e->line, 0);
	}
	s->hier.n_effect = 0;
}

static int touch_page(struct cxms_exact_sim *s, uint64_t address, bool is_store,
		      struct cxms_err *err)
{
	uint64_t page = address >> CXMS_XS_PAGE_SHIFT;
	int rc;

	if (cxms_idmap_get(&s->pages, page))
		return 0;
	if (cxms_idmap_put(&s->pages, page, s))
		return cxms_fail(err, ENOMEM, "out of memory for pages");
	rc = cxms_exact_pack_begin(&s->pack, s->now->tid, 16, err);
	cxms_exact_pack_control(&s->pack, CXMS_XC_PAGE);
	cxms_buf_put_varint(&s->pack.body, page);
	cxms_buf_put_u8(&s->pack.body, is_store);
	return rc;
}

static unsigned translate(struct cxms_exact_sim *s, uint64_t first, uint64_t last)
{
	bool is_missed = false, is_walk = false;

	if (!s->tlb)
		return 0;
	for (uint64_t page = first >> s->page_shift; page <= last >> s->page_shift; page++) {
		enum cxms_tlb_result r =
			cxms_tlb_access(&s->tlb[s->now->core], page << s->page_shift);

		is_missed |= r != CXMS_TLB_HIT;
		is_walk |= r == CXMS_TLB_WALK;
	}
	s->count[CXMS_XN_TLB_MISS] += is_missed;
	s->count[CXMS_XN_WALK] += is_walk;
	return is_walk ? CXMS_XE_WALK : is_missed ? CXMS_XE_TLB2 : 0;
}

static void count_miss(struct cxms_exact_sim *s, bool is_store, enum cxms_hier_level level)
{
	if (level == CXMS_HIER_L1)
		return;
	s->count[is_store ? CXMS_XN_L1D_STORE_MISS : CXMS_XN_L1D_LOAD_MISS]++;
	s->count[CXMS_XN_L2_MISS] += s->hier.has_l2 && level > CXMS_HIER_L2;
	s->count[is_store ? CXMS_XN_LLC_STORE_MISS : CXMS_XN_LLC_LOAD_MISS] +=
		level == CXMS_HIER_MEM;
}

/* The event of a line served as @res says, unless it is a plain hit of the first level. */
static void note_access(struct cxms_exact_sim *s, unsigned index, uint64_t line,
			const struct cxms_hier_res *res, unsigned flags)
{
	static const uint8_t plain[] = {0, CXMS_XE_HIT, CXMS_XE_L2, CXMS_XE_LLC, CXMS_XE_MEM};
	static const uint8_t in_flight[] = {0, CXMS_XE_USE, CXMS_XE_L2USE, CXMS_XE_LLCUSE, 0};
	bool is_use = res->use && res->number < s->now->fills && in_flight[res->level];

	if (is_use)
		note(s, in_flight[res->level] | flags, index, s->now->fills - res->number, 0);
	else if (res->level != CXMS_HIER_L1 || flags)
		note(s, plain[res->level] | flags, index, line, 0);
}

/* The lines of an access, each told by itself; @flags with the first. */
static void serve(struct cxms_exact_sim *s, struct cxms_hier_req *req, uint64_t last_line,
		  unsigned index, unsigned flags)
{
	enum cxms_hier_level furthest = CXMS_HIER_L1;
	uint64_t first = req->line;
	bool prefetches = s->hier.has_prefetch && has_room(s);

	for (; req->line <= last_line; req->line++) {
		struct cxms_hier_res res;

		cxms_hier_data(&s->hier, req, &res);
		count_miss(s, req->store, res.level);
		furthest = res.level > furthest ? res.level : furthest;
		if (req->line > first && s->n_event + EVENTS_RESERVE >= CXMS_EXACT_EVENTS_MAX)
			continue;
		note_access(s, index, req->line, &res, req->line == first ? flags : 0);
		s->now->fills += res.level > CXMS_HIER_L1;
		req->fill = s->now->fills;
	}
	s->count[req->store ? CXMS_XN_STORES : CXMS_XN_LOADS]++;
	for (req->line = first; prefetches && req->line <= last_line; req->line++) {
		cxms_hier_prefetch(&s->hier, req, furthest);
		req->address = (req->line + 1) << CXMS_XS_LINE_SHIFT;
	}
	s->now->fills = req->fill;
	note_effects(s, index);
}

static int access_memory(struct cxms_exact_sim *s, const struct cxms_imp_insn *i, unsigned index,
			 struct cxms_err *err)
{
	const struct cxms_imp_ref *ref = &i->ref[index];
	uint64_t last = ref->addr + ref->bytes - 1;
	struct cxms_hier_req req = {
		.line = ref->addr >> CXMS_XS_LINE_SHIFT,
		.address = ref->addr,
		.pc = i->ip,
		.now = s->now->insns,
		.fill = s->now->fills,
		.thread = s->now->number & UINT16_MAX,
		.core = s->now->core,
		.store = ref->is_store,
	};
	unsigned flags = translate(s, ref->addr, last);
	int rc = 0;

	for (uint64_t page = ref->addr >> CXMS_XS_PAGE_SHIFT;
	     !rc && page <= last >> CXMS_XS_PAGE_SHIFT; page++)
		rc = touch_page(s, page << CXMS_XS_PAGE_SHIFT, ref->is_store, err);
	s->hier.n_effect = 0;
	serve(s, &req, last >> CXMS_XS_LINE_SHIFT, index, flags);
	return rc;
}

static int fetch(struct cxms_exact_sim *s, const struct cxms_imp_insn *i, struct cxms_err *err)
{
	uint64_t line = i->ip >> CXMS_XS_LINE_SHIFT;
	enum cxms_hier_level level;
	int rc;

	if (!i->len)
		return 0;
	s->hier.n_effect = 0;
	s->count[CXMS_XN_IFETCH]++;
	level = cxms_hier_fetch(&s->hier, s->now->core, line);
	if (level == CXMS_HIER_L1)
		return 0;
	s->count[CXMS_XN_L1I_MISS]++;
	s->count[CXMS_XN_L2_MISS] += s->hier.has_l2 && level > CXMS_HIER_L2;
	s->count[CXMS_XN_LLC_IFETCH_MISS] += level == CXMS_HIER_MEM;
	rc = touch_page(s, i->ip, false, err);
	note(s, CXMS_XE_IF, 0, line, level);
	note_effects(s, 0);
	return rc;
}

/* ---- blocks ---- */

static bool is_same(const struct cxms_imp_insn *a, const struct cxms_imp_insn *b)
{
	if (a->ip != b->ip || a->len != b->len || a->n_ref != b->n_ref ||
	    a->has_code != b->has_code || (a->has_code && memcmp(a->code, b->code, a->len) != 0))
		return false;
	for (size_t i = 0; i < a->n_ref; i++)
		if (a->ref[i].bytes != b->ref[i].bytes || a->ref[i].is_store != b->ref[i].is_store)
			return false;
	return true;
}

static int tell_block(struct cxms_exact_sim *s, const struct cxms_imp_insn *i, uint64_t id,
		      struct cxms_err *err)
{
	int rc = cxms_exact_pack_begin(&s->pack, s->now->tid, BLOCK_BYTES, err);

	cxms_exact_pack_control(&s->pack, CXMS_XC_BLOCK);
	cxms_exact_put_block(&s->pack.body, id, i);
	return rc;
}

/* The block of an instruction at its address and with its accesses; told when it is new. */
static int block_of(struct cxms_exact_sim *s, const struct cxms_imp_insn *i, uint64_t *id,
		    struct cxms_err *err)
{
	uint64_t key = i->ip + 1;
	struct block *head = cxms_idmap_get(&s->blocks, key), *b = head;

	while (b && !is_same(&b->shape, i))
		b = b->next;
	if (b) {
		*id = b->id;
		return 0;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return cxms_fail(err, ENOMEM, "out of memory for code");
	*b = (struct block){.id = ++s->n_block, .shape = *i, .next = head};
	*id = b->id;
	if (cxms_idmap_put(&s->blocks, key, b)) {
		free(b);
		return cxms_fail(err, ENOMEM, "out of memory for code");
	}
	return tell_block(s, i, *id, err);
}

static void put_event(struct cxms_exact_sim *s, const struct cxms_exact_event *e)
{
	struct cxms_buf *b = &s->pack.body;

	cxms_buf_put_u8(b, e->kind);
	cxms_buf_put_varint(b, e->index);
	switch (e->kind & CXMS_XE_KIND_MASK) {
	case CXMS_XE_USE:
	case CXMS_XE_L2USE:
	case CXMS_XE_LLCUSE:
		cxms_buf_put_varint(b, e->value);
		break;
	case CXMS_XE_PF:
		cxms_buf_put_u8(b, e->byte);
		cxms_exact_pack_line(&s->pack, e->value);
		break;
	case CXMS_XE_IF:
		cxms_buf_put_u8(b, e->byte);
		if (e->byte == CXMS_XL_MEM)
			cxms_exact_pack_line(&s->pack, e->value);
		break;
	case CXMS_XE_MEM:
	case CXMS_XE_WB:
		cxms_exact_pack_line(&s->pack, e->value);
		break;
	default:
		break;
	}
}

static int run_block(struct cxms_exact_sim *s, uint64_t id, uint64_t n_insn, struct cxms_err *err)
{
	struct cxms_buf *b = &s->pack.body;
	size_t room = 20 + (size_t)s->n_event * EVENT_BYTES;
	int rc = cxms_exact_pack_begin(&s->pack, s->now->tid, room, err);

	cxms_buf_put_varint(b, id << RUN_BLOCK_SHIFT | (s->n_event ? RUN_HAS_EVENTS : 0));
	if (s->n_event)
		cxms_buf_put_varint(b, s->n_event);
	for (unsigned i = 0; i < s->n_event; i++)
		put_event(s, &s->event[i]);
	s->n_event = 0;
	s->now->insns += n_insn;
	s->pack.insns += n_insn;
	s->count[CXMS_XN_INSNS] += n_insn;
	s->count[CXMS_XN_TIMED_INSNS] += n_insn;
	return rc;
}

static int tell_gap(struct cxms_exact_sim *s, unsigned n, uint64_t *id, struct cxms_err *err)
{
	int rc = cxms_exact_pack_begin(&s->pack, s->now->tid, BLOCK_BYTES, err);

	*id = ++s->n_block;
	cxms_exact_pack_control(&s->pack, CXMS_XC_BLOCK);
	cxms_exact_put_gap(&s->pack.body, *id, n);
	return rc;
}

/* Work of which nothing is known but how much it is; a block for each power of two. */
static int run_gap(struct cxms_exact_sim *s, uint64_t n, struct cxms_err *err)
{
	int rc = 0;

	for (unsigned power = CXMS_EXACT_GAPS; !rc && power-- > 0;) {
		uint64_t each = UINT64_C(1) << power;

		for (; !rc && n >= each; n -= each) {
			if (!s->gap_block[power])
				rc = tell_gap(s, (unsigned)each, &s->gap_block[power], err);
			if (!rc)
				rc = run_block(s, s->gap_block[power], each, err);
		}
	}
	return rc;
}

int cxms_exact_sim_insn(struct cxms_exact_sim *s, const struct cxms_imp_insn *i,
			struct cxms_err *err)
{
	uint64_t id;
	int rc = choose_thread(s, i->tid, err);

	if (!rc)
		rc = run_gap(s, i->n_before, err);
	if (!rc)
		rc = block_of(s, i, &id, err);
	if (!rc)
		rc = fetch(s, i, err);
	for (unsigned r = 0; !rc && r < i->n_ref; r++)
		rc = access_memory(s, i, r, err);
	return rc ? rc : run_block(s, id, 1, err);
}

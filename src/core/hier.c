#include "core/hier.h"

#define MAX_CORES 1024
/* Lines that one trigger may bring: both prefetchers at full degree. */
#define MAX_WANTED (2 * CXMS_PREFETCH_MAX_DEGREE)

bool cxms_hier_check(const struct cxms_hier_cfg *cfg)
{
	return cfg->cores >= 1 && cfg->cores <= MAX_CORES && cxms_cache_check(&cfg->l1i) &&
	       cxms_cache_check(&cfg->l1d) && (!cfg->l2.ways || cxms_cache_check(&cfg->l2)) &&
	       cxms_cache_check(&cfg->llc) && (cfg->l2.ways || !cfg->pf_l2.next_degree) &&
	       (cfg->l2.ways || !cfg->pf_l2.stride_degree);
}

size_t cxms_hier_bytes(const struct cxms_hier_cfg *cfg)
{
	size_t core = cxms_cache_aligned(sizeof(struct cxms_hier_core)) +
		      cxms_cache_bytes(&cfg->l1i) + cxms_cache_bytes(&cfg->l1d) +
		      (cfg->l2.ways ? cxms_cache_bytes(&cfg->l2) : 0);

	return cfg->cores * core + cxms_cache_bytes(&cfg->llc);
}

static char *place(struct cxms_cache *c, const struct cxms_cache_cfg *cfg, char *mem)
{
	cxms_cache_init(c, cfg, mem);
	return mem + cxms_cache_bytes(cfg);
}

void cxms_hier_init(struct cxms_hier *h, const struct cxms_hier_cfg *cfg, void *mem)
{
	char *at = mem;

	h->cores = cfg->cores;
	h->active = 1;
	h->window = cfg->window;
	h->store_window =
		cfg->window > CXMS_HIER_STORE_WINDOW ? cfg->window : CXMS_HIER_STORE_WINDOW;
	h->has_l2 = cfg->l2.ways != 0;
	h->below_l2 = false;
	h->driven_out.line = UINT64_MAX;
	h->n_effect = 0;
	h->lost = h->writeback = h->prefetched = 0;
	h->core = mem;
	at += cxms_cache_aligned(cfg->cores * sizeof(*h->core));
	at = place(&h->llc, &cfg->llc, at);
	h->llc.index_of = cfg->index_of;
	cxms_prefetch_init(&h->pf_llc, &cfg->pf_llc);
	for (uint32_t i = 0; i < cfg->cores; i++) {
		struct cxms_hier_core *core = &h->core[i];

		core->l1i_state = ++h->states;
		at = place(&core->l1i, &cfg->l1i, at);
		at = place(&core->l1d, &cfg->l1d, at);
		if (h->has_l2) {
			at = place(&core->l2, &cfg->l2, at);
			core->l2.index_of = cfg->index_of;
		}
		cxms_prefetch_init(&core->pf_l1d, &cfg->pf_l1d);
		cxms_prefetch_init(&core->pf_l2, &cfg->pf_l2);
	}
	h->has_prefetch = cxms_prefetch_any(&h->pf_llc) || cxms_prefetch_any(&h->core->pf_l1d) ||
			  cxms_prefetch_any(&h->core->pf_l2);
}

static void effect(struct cxms_hier *h, uint64_t line, uint8_t into, uint8_t from)
{
	if (h->n_effect == CXMS_HIER_EFFECTS) {
		h->lost++;
		return;
	}
	h->effect[h->n_effect++] =
		(struct cxms_hier_effect){.line = line, .into = into, .from = from};
}

static void to_memory(struct cxms_hier *h, uint64_t line)
{
	h->writeback++;
	effect(h, line, 0, 0);
}

static bool is_dirty(uint64_t tag)
{
	return tag != CXMS_CACHE_NO_TAG && (tag & CXMS_TAG_DIRTY);
}

/* Whether @line was dirty in a private cache of the core; it is in none of them afterwards. */
static bool drop_private(struct cxms_hier *h, uint32_t core, uint64_t line)
{
	struct cxms_hier_core *c = &h->core[core];
	bool dirty = is_dirty(cxms_cache_drop(&c->l1d, line));

	if (h->has_l2)
		dirty |= is_dirty(cxms_cache_drop(&c->l2, line));
	return dirty;
}

static void drop_l1i(struct cxms_hier *h, struct cxms_hier_core *c, uint64_t line)
{
	if (cxms_cache_drop(&c->l1i, line) != CXMS_CACHE_NO_TAG)
		c->l1i_state = ++h->states;
}

/* A line left the LLC. */
static void evict_llc(struct cxms_hier *h, uint64_t old)
{
	uint64_t line = old >> CXMS_TAG_SHIFT;
	bool dirty = is_dirty(old);

	if (old == CXMS_CACHE_NO_TAG)
		return;
	for (uint32_t i = 0; h->llc.inclusive && i < h->active; i++) {
		drop_l1i(h, &h->core[i], line);
		dirty |= drop_private(h, i, line);
	}
	if (dirty)
		to_memory(h, line);
}

/* Where a line is in a cache, or would be: its set, and its slot if it is there. */
struct spot {
	size_t set, slot;
};

static inline bool look_up(const struct cxms_cache *c, uint64_t line, struct spot *at)
{
	at->set = cxms_cache_set(c, line);
	at->slot = cxms_cache_find(c, at->set, line);
	return at->slot != CXMS_CACHE_NO_SLOT;
}

/* The line that an L2 drove out last is most recently used in the LLC now, if it is there. As each
 * set has an order of its own, it is as if that had been noted at once. */
static void note_driven_out(struct cxms_hier *h)
{
	size_t set = h->driven_out.set, slot;

	if (h->driven_out.line == UINT64_MAX)
		return;
	slot = cxms_cache_find(&h->llc, set, h->driven_out.line);
	if (slot != CXMS_CACHE_NO_SLOT)
		cxms_cache_touch(&h->llc, set, slot);
	h->driven_out.line = UINT64_MAX;
}

static inline bool look_up_llc(struct cxms_hier *h, uint64_t line, struct spot *at)
{
	at->set = cxms_cache_set(&h->llc, line);
	if (at->set == h->driven_out.set)
		note_driven_out(h);
	at->slot = cxms_cache_find(&h->llc, at->set, line);
	return at->slot != CXMS_CACHE_NO_SLOT;
}

/* What a line is put into caches with. */
struct fill {
	uint64_t flags;
	struct cxms_cache_mark mark;
	uint16_t owner;
};

static const struct fill settled = {0};
static const struct fill settled_dirty = {.flags = CXMS_TAG_DIRTY};

/* Until when a line that @req brings, or is the first to use, may be in flight. */
static uint32_t fresh_until(const struct cxms_hier *h, const struct cxms_hier_req *req)
{
	return (uint32_t)(req->now + (req->store ? h->store_window : h->window));
}

/* The fill of a request; while only warming nobody refers to it. */
static struct fill fill_of(const struct cxms_hier *h, const struct cxms_hier_req *req, bool unused)
{
	if (req->fill == CXMS_CACHE_NO_FILL)
		return settled;
	return (struct fill){.flags = CXMS_TAG_MARKED | (unused ? CXMS_TAG_UNUSED : 0),
			     .mark = {.fresh = fresh_until(h, req), .fill = (uint32_t)req->fill},
			     .owner = (uint16_t)req->thread};
}

/* Puts a line that is absent where look_up() said. Return: the tag that was there. */
static inline uint64_t put(struct cxms_cache *c, struct spot *at, uint64_t line,
			   const struct fill *f)
{
	uint64_t old = cxms_cache_insert(c, at->set, line, f->flags, &at->slot);

	if (f->flags & CXMS_TAG_MARKED) {
		c->mark[at->slot] = f->mark;
		c->owner[at->slot] = f->owner;
	}
	return old;
}

/* A dirty line comes down to the LLC; it is allocated there if need be. */
static void write_llc(struct cxms_hier *h, uint64_t line)
{
	struct spot at;

	if (look_up_llc(h, line, &at)) {
		cxms_cache_touch(&h->llc, at.set, at.slot);
		h->llc.tag[at.slot] |= CXMS_TAG_DIRTY;
	} else {
		evict_llc(h, put(&h->llc, &at, line, &settled_dirty));
	}
}

/* A clean line left the L2 of a core. A LLC that is not inclusive is told, unless the L1D has it
 * still: it is most recently used there now (gem5 v24.0, src/mem/cache/cache.cc: CleanEvict; cores
 * whose LLC takes what the L2 drives out send the line itself). Nobody waits for it: its set is
 * fetched meanwhile, and looked at when the next such line comes, a request for the set, or a
 * flush. */
static void drop_clean(struct cxms_hier *h, const struct cxms_hier_core *c, uint64_t line)
{
	struct spot at;

	if (h->llc.inclusive || look_up(&c->l1d, line, &at))
		return;
	note_driven_out(h);
	h->driven_out.line = line;
	h->driven_out.set = cxms_cache_set(&h->llc, line);
	cxms_cache_expect(&h->llc, h->driven_out.set);
}

/* A line left the L2 of a core. */
static void evict_l2(struct cxms_hier *h, uint32_t core, uint64_t old)
{
	struct cxms_hier_core *c = &h->core[core];
	uint64_t line = old >> CXMS_TAG_SHIFT;
	bool dirty = is_dirty(old);

	if (old == CXMS_CACHE_NO_TAG)
		return;
	if (c->l2.inclusive) {
		drop_l1i(h, c, line);
		dirty |= is_dirty(cxms_cache_drop(&c->l1d, line));
	}
	if (dirty)
		write_llc(h, line);
	else
		drop_clean(h, c, line);
}

/* A dirty line comes down from an L1D. */
static void write_below_l1(struct cxms_hier *h, uint32_t core, uint64_t line)
{
	struct cxms_cache *l2 = &h->core[core].l2;
	struct spot at;

	if (!h->has_l2) {
		write_llc(h, line);
	} else if (look_up(l2, line, &at)) {
		cxms_cache_touch(l2, at.set, at.slot);
		l2->tag[at.slot] |= CXMS_TAG_DIRTY;
	} else {
		evict_l2(h, core, put(l2, &at, line, &settled_dirty));
	}
}

static void put_l1d(struct cxms_hier *h, uint32_t core, struct spot *at, uint64_t line,
		    const struct fill *f)
{
	uint64_t old = put(&h->core[core].l1d, at, line, f);

	if (is_dirty(old))
		write_below_l1(h, core, old >> CXMS_TAG_SHIFT);
}

/* A copy elsewhere becomes clean. Return: whether it was dirty. */
static bool clean(struct cxms_cache *c, uint64_t line)
{
	size_t slot = cxms_cache_find(c, cxms_cache_set(c, line), line);
	bool dirty = slot != CXMS_CACHE_NO_SLOT && (c->tag[slot] & CXMS_TAG_DIRTY);

	if (dirty)
		c->tag[slot] &= ~CXMS_TAG_DIRTY;
	return dirty;
}

/* Another core's copies: a store removes them, a load makes a dirty one clean; what was dirty is
 * in the LLC afterwards. */
static void snoop(struct cxms_hier *h, uint32_t self, uint64_t line, bool remove)
{
	for (uint32_t i = 0; i < h->active; i++) {
		bool dirty;

		if (i == self)
			continue;
		if (remove) {
			dirty = drop_private(h, i, line);
		} else {
			dirty = clean(&h->core[i].l1d, line);
			if (h->has_l2)
				dirty |= clean(&h->core[i].l2, line);
		}
		if (dirty)
			write_llc(h, line);
	}
}

/* A hit on a marked line: the first use of a prefetched one, or the fill may be in flight. */
static void claim_marked(struct cxms_hier *h, struct cxms_cache *c, size_t slot,
			 const struct cxms_hier_req *req, struct cxms_hier_res *res)
{
	struct cxms_cache_mark *mark = &c->mark[slot];
	bool unused = c->tag[slot] & CXMS_TAG_UNUSED;
	uint32_t back = (uint32_t)(req->fill - mark->fill);

	if (req->idle)
		return;
	c->tag[slot] &= ~CXMS_TAG_UNUSED;
	if (req->fill == CXMS_CACHE_NO_FILL) {
		c->tag[slot] &= ~CXMS_TAG_MARKED;
		return;
	}
	if (c->owner[slot] != (uint16_t)req->thread)
		return;
	if (unused)
		mark->fresh = fresh_until(h, req);
	res->number = req->fill - back;
	res->use = back <= req->fill && res->number >= req->floor &&
		   (uint32_t)(mark->fresh - (uint32_t)req->now) <= h->store_window;
	if (!res->use)
		c->tag[slot] &= ~CXMS_TAG_MARKED;
}

static inline void claim(struct cxms_hier *h, struct cxms_cache *c, const struct spot *at,
			 const struct cxms_hier_req *req, struct cxms_hier_res *res)
{
	cxms_cache_touch(c, at->set, at->slot);
	if (c->tag[at->slot] & CXMS_TAG_MARKED)
		claim_marked(h, c, at->slot, req, res);
}

/* Finds a line below the L1 and brings it into the levels between. */
static enum cxms_hier_level below_l1(struct cxms_hier *h, const struct cxms_hier_req *req,
				     struct cxms_hier_res *res, const struct fill *f)
{
	enum cxms_hier_level level = CXMS_HIER_LLC;
	struct cxms_cache *l2 = &h->core[req->core].l2;
	struct spot in_l2 = {0}, in_llc;

	if (h->has_l2 && look_up(l2, req->line, &in_l2)) {
		h->below_l2 = false;
		claim(h, l2, &in_l2, req, res);
		return CXMS_HIER_L2;
	}
	h->below_l2 = h->has_l2;
	if (h->active > 1)
		snoop(h, req->core, req->line, req->store);
	if (look_up_llc(h, req->line, &in_llc)) {
		claim(h, &h->llc, &in_llc, req, res);
	} else {
		level = CXMS_HIER_MEM;
		evict_llc(h, put(&h->llc, &in_llc, req->line, f));
	}
	if (h->has_l2)
		evict_l2(h, req->core, put(l2, &in_l2, req->line, f));
	return level;
}

void cxms_hier_data(struct cxms_hier *h, const struct cxms_hier_req *req, struct cxms_hier_res *res)
{
	struct cxms_cache *l1 = &h->core[req->core].l1d;
	struct spot at;

	if (req->core >= h->active)
		h->active = req->core + 1;
	*res = (struct cxms_hier_res){.level = CXMS_HIER_L1};
	if (look_up(l1, req->line, &at)) {
		claim(h, l1, &at, req, res);
		if (req->store && !(l1->tag[at.slot] & CXMS_TAG_DIRTY)) {
			if (h->active > 1)
				snoop(h, req->core, req->line, true);
			l1->tag[at.slot] |= CXMS_TAG_DIRTY;
		}
		return;
	}
	cxms_hier_miss(h, req, at.set, res);
}

void cxms_hier_miss(struct cxms_hier *h, const struct cxms_hier_req *req, size_t set,
		    struct cxms_hier_res *res)
{
	struct fill f = fill_of(h, req, req->idle);
	struct spot at = {.set = set};

	if (req->core >= h->active)
		h->active = req->core + 1;
	*res = (struct cxms_hier_res){0};
	res->level = below_l1(h, req, res, &f);
	if (res->level == CXMS_HIER_L2 && req->store && h->active > 1)
		snoop(h, req->core, req->line, true);
	f.flags |= req->store ? CXMS_TAG_DIRTY : 0;
	put_l1d(h, req->core, &at, req->line, &f);
}

/* Where a prefetch into @level finds its line below: it is most recently used there now. Sets
 * @in_l2, @in_llc as far as looked at. */
static uint8_t prefetch_source(struct cxms_hier *h, const struct cxms_hier_req *req, uint64_t line,
			       uint8_t level, struct spot *in_l2, struct spot *in_llc)
{
	struct cxms_cache *l2 = &h->core[req->core].l2;

	if (level == CXMS_HIER_L1 && h->has_l2 && look_up(l2, line, in_l2)) {
		cxms_cache_touch(l2, in_l2->set, in_l2->slot);
		return CXMS_HIER_L2;
	}
	if (level == CXMS_HIER_LLC)
		return CXMS_HIER_MEM;
	if (h->active > 1)
		snoop(h, req->core, line, false);
	if (!look_up_llc(h, line, in_llc))
		return CXMS_HIER_MEM;
	cxms_cache_touch(&h->llc, in_llc->set, in_llc->slot);
	return CXMS_HIER_LLC;
}

static bool look_up_at(struct cxms_hier *h, const struct cxms_hier_core *core, uint8_t level,
		       uint64_t line, struct spot *at)
{
	if (level == CXMS_HIER_LLC)
		return look_up_llc(h, line, at);
	return look_up(level == CXMS_HIER_L1 ? &core->l1d : &core->l2, line, at);
}

/* Brings one line into @level unless it is there; the fill has the number req->fill. Return: where
 * it comes from, 0 = it is not brought. */
static uint8_t bring(struct cxms_hier *h, struct cxms_hier_req *req, uint64_t line, uint8_t level)
{
	struct cxms_hier_core *core = &h->core[req->core];
	struct spot at[CXMS_HIER_MEM] = {0}; /* by level */
	struct fill f;
	uint8_t from;

	if (look_up_at(h, core, level, line, &at[level]) ||
	    h->n_effect + MAX_WANTED > CXMS_HIER_EFFECTS)
		return 0;
	f = fill_of(h, req, true);
	from = prefetch_source(h, req, line, level, &at[CXMS_HIER_L2], &at[CXMS_HIER_LLC]);
	h->prefetched++;
	effect(h, line, level, from);
	if (req->fill != CXMS_CACHE_NO_FILL)
		req->fill++;
	if (from == CXMS_HIER_MEM)
		evict_llc(h, put(&h->llc, &at[CXMS_HIER_LLC], line, &f));
	if (from > CXMS_HIER_L2 && level <= CXMS_HIER_L2 && h->has_l2)
		evict_l2(h, req->core, put(&core->l2, &at[CXMS_HIER_L2], line, &f));
	if (level == CXMS_HIER_L1)
		put_l1d(h, req->core, &at[CXMS_HIER_L1], line, &f);
	return from;
}

/* What a prefetcher brought, for those below it, which were asked. */
struct brought {
	unsigned n;
	uint64_t line[MAX_WANTED];
	uint8_t from[MAX_WANTED];
};

/* Below the first level a prefetcher sees physical addresses. What it asks for is on the same page.
 */
static void trigger(struct cxms_hier *h, struct cxms_hier_req *req, struct cxms_prefetch *p,
		    uint64_t address, uint8_t level, struct brought *out)
{
	uint64_t lines[MAX_WANTED], line = address >> CXMS_CACHE_LINE_SHIFT, moved = 0;
	unsigned n;

	out->n = 0;
	if (!cxms_prefetch_any(p))
		return;
	if (level > CXMS_HIER_L1 && h->llc.index_of)
		moved = h->llc.index_of(line) - line;
	n = cxms_prefetch_train(p, req->idle ? 0 : req->pc,
				address + (moved << CXMS_CACHE_LINE_SHIFT), lines);
	for (unsigned i = 0; i < n; i++) {
		out->line[out->n] = lines[i] - moved;
		out->from[out->n] = bring(h, req, lines[i] - moved, level);
		out->n += out->from[out->n] != 0;
	}
}

/* A request for @address of the first level, which was served at @level, reached those between. */
static void show_below(struct cxms_hier *h, struct cxms_hier_req *req, uint64_t address,
		       uint8_t level)
{
	struct brought out, ignored;

	out.n = 0;
	if (level > CXMS_HIER_L1 && h->has_l2)
		trigger(h, req, &h->core[req->core].pf_l2, address, CXMS_HIER_L2, &out);
	if (level > CXMS_HIER_L2 || (level > CXMS_HIER_L1 && !h->has_l2))
		trigger(h, req, &h->pf_llc, address, CXMS_HIER_LLC, &ignored);
	for (unsigned i = 0; i < out.n; i++)
		trigger(h, req, &h->pf_llc, out.line[i] << CXMS_CACHE_LINE_SHIFT, CXMS_HIER_LLC,
			&ignored);
}

/* A prefetch of the first level is a request like any to what lies below (Intel optimisation
 * manual: the L2's streamer sees those of loads, stores and the L1D's prefetchers; gem5 v24.0,
 * src/mem/cache/prefetch/queued.cc: such a packet carries the address of the instruction). */
void cxms_hier_prefetch(struct cxms_hier *h, struct cxms_hier_req *req, enum cxms_hier_level level)
{
	struct brought out;

	trigger(h, req, &h->core[req->core].pf_l1d, req->address, CXMS_HIER_L1, &out);
	show_below(h, req, req->address, (uint8_t)level);
	for (unsigned i = 0; i < out.n; i++)
		show_below(h, req, out.line[i] << CXMS_CACHE_LINE_SHIFT, out.from[i]);
}

enum cxms_hier_level cxms_hier_fetch(struct cxms_hier *h, uint32_t core, uint64_t line)
{
	struct cxms_cache *l1 = &h->core[core].l1i;
	struct cxms_hier_req req = {.line = line, .core = core, .fill = CXMS_CACHE_NO_FILL};
	struct cxms_hier_res res;
	enum cxms_hier_level level;
	struct spot at;

	if (core >= h->active)
		h->active = core + 1;
	h->core[core].l1i_state = ++h->states;
	if (look_up(l1, line, &at)) {
		cxms_cache_touch(l1, at.set, at.slot);
		return CXMS_HIER_L1;
	}
	level = below_l1(h, &req, &res, &settled);
	put(l1, &at, line, &settled);
	return level;
}

void cxms_hier_flush(struct cxms_hier *h, uint64_t line)
{
	bool dirty;

	note_driven_out(h);
	dirty = is_dirty(cxms_cache_drop(&h->llc, line));

	for (uint32_t i = 0; i < h->active; i++)
		dirty |= drop_private(h, i, line);
	if (dirty)
		to_memory(h, line);
}

void cxms_hier_forget(struct cxms_hier *h, uint64_t first, uint64_t last)
{
	for (uint32_t i = 0; i < h->active; i++) {
		struct cxms_cache *l1 = &h->core[i].l1d;

		for (size_t slot = 0; slot < l1->sets * l1->stride; slot++) {
			uint64_t line = l1->tag[slot] >> CXMS_TAG_SHIFT;

			if (l1->tag[slot] != CXMS_CACHE_NO_TAG && line >= first && line <= last)
				cxms_cache_drop(l1, line);
		}
	}
}

static void clean_all(struct cxms_cache *c)
{
	for (size_t slot = 0; slot < c->sets * c->stride; slot++)
		if (c->tag[slot] != CXMS_CACHE_NO_TAG)
			c->tag[slot] &= ~CXMS_TAG_DIRTY;
}

void cxms_hier_clean(struct cxms_hier *h)
{
	for (uint32_t i = 0; i < h->active; i++) {
		clean_all(&h->core[i].l1d);
		if (h->has_l2)
			clean_all(&h->core[i].l2);
	}
	clean_all(&h->llc);
}

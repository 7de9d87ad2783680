#include "core/cache.h"

#define MAX_WAYS  64
#define MAX_CORES 1024
#define ALIGN	  64
/* Lines that one trigger may bring: both prefetchers at full degree. */
#define MAX_WANTED (2 * CXMS_PREFETCH_MAX_DEGREE)

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static uint64_t sets_of(const struct cxms_cache_cfg *cfg)
{
	return cfg->bytes >> CXMS_CACHE_LINE_SHIFT > 0
		       ? (cfg->bytes >> CXMS_CACHE_LINE_SHIFT) / cfg->ways
		       : 0;
}

bool cxms_cache_check(const struct cxms_cache_cfg *cfg)
{
	return cfg->ways >= 1 && cfg->ways <= MAX_WAYS && cfg->bytes >= 64 &&
	       cfg->bytes <= UINT64_C(1) << 40 && cfg->bytes % (64 * (uint64_t)cfg->ways) == 0;
}

size_t cxms_cache_bytes(const struct cxms_cache_cfg *cfg)
{
	size_t sets = (size_t)sets_of(cfg), slots = sets * cfg->ways;

	return 3 * aligned(slots * sizeof(uint64_t)) +
	       (cfg->plru ? aligned(sets * sizeof(uint64_t)) : 0) + aligned(slots);
}

void cxms_cache_init(struct cxms_cache *c, const struct cxms_cache_cfg *cfg, void *mem)
{
	size_t slots = (size_t)sets_of(cfg) * cfg->ways, words = aligned(slots * 8) / 8;

	*c = (struct cxms_cache){.sets = sets_of(cfg),
				 .ways = cfg->ways,
				 .leaves = 1,
				 .inclusive = cfg->inclusive,
				 .plru = cfg->plru};
	/* A single set has mask 0 and takes the division, which is right too. */
	c->mask = (c->sets & (c->sets - 1)) == 0 ? c->sets - 1 : 0;
	while (c->leaves < c->ways)
		c->leaves *= 2;
	c->tag = mem;
	c->fresh = c->tag + words;
	c->fill = c->fresh + words;
	c->tree = c->plru ? c->fill + words : NULL;
	c->order = (uint8_t *)(c->fill + words + (c->plru ? aligned((size_t)c->sets * 8) / 8 : 0));
	for (size_t i = 0; i < slots; i++) {
		c->tag[i] = CXMS_CACHE_NO_TAG;
		c->fresh[i] = 0;
		c->fill[i] = CXMS_CACHE_NO_FILL;
		c->order[i] = (uint8_t)(i % c->ways);
	}
	for (size_t i = 0; c->tree && i < c->sets; i++)
		c->tree[i] = 0;
}

static size_t set_of(const struct cxms_cache *c, uint64_t line)
{
	uint64_t index = c->index_of ? c->index_of(line) : line;

	return (size_t)(c->mask ? index & c->mask : index % c->sets);
}

size_t cxms_cache_find(const struct cxms_cache *c, uint64_t line)
{
	size_t base = set_of(c, line) * c->ways;

	for (uint32_t way = 0; way < c->ways; way++)
		if (c->tag[base + way] >> 1 == line)
			return base + way;
	return CXMS_CACHE_NO_SLOT;
}

/* Points every node on the way to the leaf away from it. */
static void tree_touch(struct cxms_cache *c, size_t set, uint32_t way)
{
	uint32_t node = 1;

	for (uint32_t half = c->leaves / 2; half; half /= 2) {
		bool right = way & half;

		if (right)
			c->tree[set] &= ~(UINT64_C(1) << node);
		else
			c->tree[set] |= UINT64_C(1) << node;
		node = 2 * node + right;
	}
}

/* Follows the bits down; a right half without ways (not a power of two) is never entered. */
static uint32_t tree_victim(const struct cxms_cache *c, size_t set)
{
	uint32_t node = 1, way = 0;

	for (uint32_t half = c->leaves / 2; half; half /= 2) {
		bool right = (c->tree[set] >> node & 1) && way + half < c->ways;

		way += right ? half : 0;
		node = 2 * node + right;
	}
	return way;
}

void cxms_cache_touch(struct cxms_cache *c, size_t slot)
{
	size_t set = slot / c->ways, base = set * c->ways;
	uint8_t way = (uint8_t)(slot - base), *order = c->order + base;
	uint8_t held = order[0];

	if (held == way)
		return;
	if (c->plru) {
		tree_touch(c, set, way);
		order[0] = way;
		return;
	}
	for (uint32_t i = 1; held != way; i++) {
		uint8_t next = order[i];

		order[i] = held;
		held = next;
	}
	order[0] = way;
}

static size_t victim(const struct cxms_cache *c, size_t set)
{
	size_t base = set * c->ways;

	for (uint32_t way = 0; way < c->ways; way++)
		if (c->tag[base + way] == CXMS_CACHE_NO_TAG)
			return base + way;
	return base + (c->plru ? tree_victim(c, set) : c->order[base + c->ways - 1]);
}

size_t cxms_cache_insert(struct cxms_cache *c, uint64_t line, uint64_t *old)
{
	size_t set = set_of(c, line), slot = victim(c, set);

	*old = c->tag[slot];
	c->tag[slot] = line << 1;
	if (c->plru) {
		tree_touch(c, set, (uint32_t)(slot - set * c->ways));
		c->order[set * c->ways] = (uint8_t)(slot - set * c->ways);
	} else {
		cxms_cache_touch(c, slot);
	}
	return slot;
}

uint64_t cxms_cache_drop(struct cxms_cache *c, uint64_t line)
{
	size_t slot = cxms_cache_find(c, line);
	uint64_t tag;

	if (slot == CXMS_CACHE_NO_SLOT)
		return CXMS_CACHE_NO_TAG;
	tag = c->tag[slot];
	c->tag[slot] = CXMS_CACHE_NO_TAG;
	c->fresh[slot] = 0;
	c->fill[slot] = CXMS_CACHE_NO_FILL;
	return tag;
}

/* ---- hierarchy ---- */

bool cxms_hier_check(const struct cxms_hier_cfg *cfg)
{
	return cfg->cores >= 1 && cfg->cores <= MAX_CORES && cxms_cache_check(&cfg->l1i) &&
	       cxms_cache_check(&cfg->l1d) && (!cfg->l2.ways || cxms_cache_check(&cfg->l2)) &&
	       cxms_cache_check(&cfg->llc) && (cfg->l2.ways || !cfg->pf_l2.next_degree) &&
	       (cfg->l2.ways || !cfg->pf_l2.stride_degree);
}

size_t cxms_hier_bytes(const struct cxms_hier_cfg *cfg)
{
	size_t core = aligned(sizeof(struct cxms_hier_core)) + cxms_cache_bytes(&cfg->l1i) +
		      cxms_cache_bytes(&cfg->l1d) + (cfg->l2.ways ? cxms_cache_bytes(&cfg->l2) : 0);

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
	h->has_l2 = cfg->l2.ways != 0;
	h->n_effect = 0;
	h->lost = h->writeback = h->prefetched = 0;
	h->core = mem;
	at += aligned(cfg->cores * sizeof(*h->core));
	at = place(&h->llc, &cfg->llc, at);
	h->llc.index_of = cfg->index_of;
	cxms_prefetch_init(&h->pf_llc, &cfg->pf_llc);
	for (uint32_t i = 0; i < cfg->cores; i++) {
		struct cxms_hier_core *core = &h->core[i];

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

/* Whether @line was dirty in a private cache of the core; it is in none of them afterwards. */
static bool drop_private(struct cxms_hier *h, uint32_t core, uint64_t line)
{
	struct cxms_hier_core *c = &h->core[core];
	uint64_t tag = cxms_cache_drop(&c->l1d, line);
	bool dirty = tag != CXMS_CACHE_NO_TAG && (tag & 1);

	if (h->has_l2) {
		tag = cxms_cache_drop(&c->l2, line);
		dirty |= tag != CXMS_CACHE_NO_TAG && (tag & 1);
	}
	return dirty;
}

/* A line left the LLC. */
static void evict_llc(struct cxms_hier *h, uint64_t old)
{
	bool dirty = old & 1;

	if (old == CXMS_CACHE_NO_TAG)
		return;
	for (uint32_t i = 0; h->llc.inclusive && i < h->active; i++) {
		cxms_cache_drop(&h->core[i].l1i, old >> 1);
		dirty |= drop_private(h, i, old >> 1);
	}
	if (dirty)
		to_memory(h, old >> 1);
}

static void put_llc(struct cxms_hier *h, uint64_t line, uint64_t fill, uint64_t fresh)
{
	uint64_t old;
	size_t slot = cxms_cache_insert(&h->llc, line, &old);

	h->llc.fill[slot] = fill;
	h->llc.fresh[slot] = fresh;
	evict_llc(h, old);
}

/* A dirty line comes down to the LLC; it is allocated there if need be. */
static void write_llc(struct cxms_hier *h, uint64_t line)
{
	size_t slot = cxms_cache_find(&h->llc, line);

	if (slot == CXMS_CACHE_NO_SLOT) {
		put_llc(h, line, CXMS_CACHE_NO_FILL, 0);
		slot = cxms_cache_find(&h->llc, line);
	} else {
		cxms_cache_touch(&h->llc, slot);
	}
	h->llc.tag[slot] |= 1;
}

/* A line left the L2 of a core. */
static void evict_l2(struct cxms_hier *h, uint32_t core, uint64_t old)
{
	struct cxms_hier_core *c = &h->core[core];
	bool dirty = old & 1;

	if (old == CXMS_CACHE_NO_TAG)
		return;
	if (c->l2.inclusive) {
		uint64_t tag = cxms_cache_drop(&c->l1d, old >> 1);

		cxms_cache_drop(&c->l1i, old >> 1);
		dirty |= tag != CXMS_CACHE_NO_TAG && (tag & 1);
	}
	if (dirty)
		write_llc(h, old >> 1);
}

static void put_l2(struct cxms_hier *h, uint32_t core, uint64_t line, uint64_t fill, uint64_t fresh)
{
	struct cxms_cache *l2 = &h->core[core].l2;
	uint64_t old;
	size_t slot = cxms_cache_insert(l2, line, &old);

	l2->fill[slot] = fill;
	l2->fresh[slot] = fresh;
	evict_l2(h, core, old);
}

static void write_l2(struct cxms_hier *h, uint32_t core, uint64_t line)
{
	struct cxms_cache *l2 = &h->core[core].l2;
	size_t slot;

	if (!h->has_l2) {
		write_llc(h, line);
		return;
	}
	slot = cxms_cache_find(l2, line);
	if (slot == CXMS_CACHE_NO_SLOT) {
		put_l2(h, core, line, CXMS_CACHE_NO_FILL, 0);
		slot = cxms_cache_find(l2, line);
	} else {
		cxms_cache_touch(l2, slot);
	}
	if (slot != CXMS_CACHE_NO_SLOT)
		l2->tag[slot] |= 1;
}

static void put_l1d(struct cxms_hier *h, uint32_t core, uint64_t line, uint64_t fill,
		    uint64_t fresh, bool dirty)
{
	struct cxms_cache *l1 = &h->core[core].l1d;
	uint64_t old;
	size_t slot = cxms_cache_insert(l1, line, &old);

	l1->fill[slot] = fill;
	l1->fresh[slot] = fresh;
	l1->tag[slot] |= dirty;
	if (old != CXMS_CACHE_NO_TAG && (old & 1))
		write_l2(h, core, old >> 1);
}

/* Another core's copies: a store removes them, a load makes a dirty one clean; what was dirty is
 * in the LLC afterwards. */
static void snoop(struct cxms_hier *h, uint32_t self, uint64_t line, bool remove)
{
	for (uint32_t i = 0; i < h->active; i++) {
		struct cxms_cache *l1 = &h->core[i].l1d, *l2 = &h->core[i].l2;
		bool dirty = false;
		size_t slot;

		if (i == self)
			continue;
		if (remove) {
			dirty = drop_private(h, i, line);
		} else {
			slot = cxms_cache_find(l1, line);
			if (slot != CXMS_CACHE_NO_SLOT) {
				dirty = l1->tag[slot] & 1;
				l1->tag[slot] &= ~UINT64_C(1);
			}
			slot = h->has_l2 ? cxms_cache_find(l2, line) : CXMS_CACHE_NO_SLOT;
			if (slot != CXMS_CACHE_NO_SLOT) {
				dirty |= l2->tag[slot] & 1;
				l2->tag[slot] &= ~UINT64_C(1);
			}
		}
		if (dirty)
			write_llc(h, line);
	}
}

/* A hit: takes note of the first use of a prefetched line; whether the fill may be in flight. */
static bool claim(struct cxms_hier *h, struct cxms_cache *c, size_t slot,
		  const struct cxms_hier_req *req, struct cxms_hier_res *res)
{
	uint64_t fresh = c->fresh[slot], fill = c->fill[slot];
	uint64_t number = fill & ((UINT64_C(1) << CXMS_CACHE_FILL_BITS) - 1);

	cxms_cache_touch(c, slot);
	if (req->now > fresh || req->idle)
		return false;
	if (fresh == CXMS_CACHE_UNUSED)
		c->fresh[slot] = req->fill == CXMS_CACHE_NO_FILL ? 0 : req->now + h->window;
	if (fill == CXMS_CACHE_NO_FILL || req->fill == CXMS_CACHE_NO_FILL ||
	    fill >> CXMS_CACHE_FILL_BITS != req->thread || number < req->floor)
		return false;
	res->use = true;
	res->number = number;
	return true;
}

/* Finds a line below the L1 and brings it into the levels between; fill and fresh are for those. */
static enum cxms_hier_level below_l1(struct cxms_hier *h, const struct cxms_hier_req *req,
				     struct cxms_hier_res *res, uint64_t fill, uint64_t fresh)
{
	enum cxms_hier_level level = CXMS_HIER_LLC;
	struct cxms_cache *l2 = &h->core[req->core].l2;
	size_t slot = h->has_l2 ? cxms_cache_find(l2, req->line) : CXMS_CACHE_NO_SLOT;

	if (slot != CXMS_CACHE_NO_SLOT) {
		claim(h, l2, slot, req, res);
		return CXMS_HIER_L2;
	}
	if (h->active > 1)
		snoop(h, req->core, req->line, req->store);
	slot = cxms_cache_find(&h->llc, req->line);
	if (slot != CXMS_CACHE_NO_SLOT) {
		claim(h, &h->llc, slot, req, res);
	} else {
		level = CXMS_HIER_MEM;
		put_llc(h, req->line, fill, fresh);
	}
	if (h->has_l2)
		put_l2(h, req->core, req->line, fill, fresh);
	return level;
}

static uint64_t fill_word(const struct cxms_hier_req *req)
{
	return req->fill == CXMS_CACHE_NO_FILL
		       ? CXMS_CACHE_NO_FILL
		       : (uint64_t)req->thread << CXMS_CACHE_FILL_BITS | req->fill;
}

void cxms_hier_data(struct cxms_hier *h, const struct cxms_hier_req *req, struct cxms_hier_res *res)
{
	struct cxms_cache *l1 = &h->core[req->core].l1d;
	size_t slot = cxms_cache_find(l1, req->line);
	uint64_t fill = fill_word(req), fresh = req->now + h->window;

	if (req->core >= h->active)
		h->active = req->core + 1;
	*res = (struct cxms_hier_res){.level = CXMS_HIER_L1};
	if (slot != CXMS_CACHE_NO_SLOT) {
		claim(h, l1, slot, req, res);
		if (req->store && !(l1->tag[slot] & 1)) {
			if (h->active > 1)
				snoop(h, req->core, req->line, true);
			l1->tag[slot] |= 1;
		}
		return;
	}
	if (fill == CXMS_CACHE_NO_FILL)
		fresh = 0;
	if (req->idle)
		fresh = CXMS_CACHE_UNUSED;
	res->level = below_l1(h, req, res, fill, fresh);
	if (res->level == CXMS_HIER_L2 && req->store && h->active > 1)
		snoop(h, req->core, req->line, true);
	put_l1d(h, req->core, req->line, fill, fresh, req->store);
}

/* Brings one line into @level unless it is there; the fill has the number req->fill. */
static void bring(struct cxms_hier *h, struct cxms_hier_req *req, uint64_t line, uint8_t level)
{
	struct cxms_hier_core *core = &h->core[req->core];
	struct cxms_cache *at = level == CXMS_HIER_L1	? &core->l1d
				: level == CXMS_HIER_L2 ? &core->l2
							: &h->llc;
	uint64_t fill = fill_word(req);
	uint8_t from = CXMS_HIER_MEM;
	size_t slot;

	if (h->n_effect + MAX_WANTED > CXMS_HIER_EFFECTS ||
	    cxms_cache_find(at, line) != CXMS_CACHE_NO_SLOT)
		return;
	slot = level < CXMS_HIER_L2 && h->has_l2 ? cxms_cache_find(&core->l2, line)
						 : CXMS_CACHE_NO_SLOT;
	if (slot != CXMS_CACHE_NO_SLOT) {
		from = CXMS_HIER_L2;
		cxms_cache_touch(&core->l2, slot);
	} else if (level < CXMS_HIER_LLC) {
		if (h->active > 1)
			snoop(h, req->core, line, false);
		slot = cxms_cache_find(&h->llc, line);
		if (slot != CXMS_CACHE_NO_SLOT) {
			from = CXMS_HIER_LLC;
			cxms_cache_touch(&h->llc, slot);
		}
	}
	h->prefetched++;
	effect(h, line, level, from);
	if (req->fill != CXMS_CACHE_NO_FILL)
		req->fill++;
	if (from == CXMS_HIER_MEM)
		put_llc(h, line, fill, CXMS_CACHE_UNUSED);
	if (from > CXMS_HIER_L2 && level <= CXMS_HIER_L2 && h->has_l2)
		put_l2(h, req->core, line, fill, CXMS_CACHE_UNUSED);
	if (level == CXMS_HIER_L1)
		put_l1d(h, req->core, line, fill, CXMS_CACHE_UNUSED, false);
}

static void trigger(struct cxms_hier *h, struct cxms_hier_req *req, struct cxms_prefetch *p,
		    uint64_t address, uint8_t level)
{
	uint64_t lines[MAX_WANTED];
	unsigned n;

	if (!cxms_prefetch_any(p))
		return;
	n = cxms_prefetch_train(p, req->pc, address, lines);
	for (unsigned i = 0; i < n; i++)
		bring(h, req, lines[i], level);
}

void cxms_hier_prefetch(struct cxms_hier *h, struct cxms_hier_req *req, enum cxms_hier_level level)
{
	struct cxms_hier_core *core = &h->core[req->core];
	/* Below the first level only lines are asked for. */
	uint64_t line_address = req->line << CXMS_CACHE_LINE_SHIFT;

	trigger(h, req, &core->pf_l1d, req->address, CXMS_HIER_L1);
	if (level > CXMS_HIER_L1 && h->has_l2)
		trigger(h, req, &core->pf_l2, line_address, CXMS_HIER_L2);
	if (level > CXMS_HIER_L2 || (level > CXMS_HIER_L1 && !h->has_l2))
		trigger(h, req, &h->pf_llc, line_address, CXMS_HIER_LLC);
}

enum cxms_hier_level cxms_hier_fetch(struct cxms_hier *h, uint32_t core, uint64_t line)
{
	struct cxms_cache *l1 = &h->core[core].l1i;
	struct cxms_hier_req req = {.line = line, .core = core, .fill = CXMS_CACHE_NO_FILL};
	struct cxms_hier_res res;
	size_t slot = cxms_cache_find(l1, line);
	enum cxms_hier_level level;
	uint64_t old;

	if (core >= h->active)
		h->active = core + 1;
	if (slot != CXMS_CACHE_NO_SLOT) {
		cxms_cache_touch(l1, slot);
		return CXMS_HIER_L1;
	}
	level = below_l1(h, &req, &res, CXMS_CACHE_NO_FILL, 0);
	cxms_cache_insert(l1, line, &old);
	return level;
}

void cxms_hier_flush(struct cxms_hier *h, uint64_t line)
{
	uint64_t tag = cxms_cache_drop(&h->llc, line);
	bool dirty = tag != CXMS_CACHE_NO_TAG && (tag & 1);

	for (uint32_t i = 0; i < h->active; i++)
		dirty |= drop_private(h, i, line);
	if (dirty)
		to_memory(h, line);
}

void cxms_hier_forget(struct cxms_hier *h, uint64_t first, uint64_t last)
{
	for (uint32_t i = 0; i < h->active; i++) {
		struct cxms_cache *l1 = &h->core[i].l1d;

		for (size_t slot = 0; slot < l1->sets * l1->ways; slot++) {
			uint64_t line = l1->tag[slot] >> 1;

			if (l1->tag[slot] != CXMS_CACHE_NO_TAG && line >= first && line <= last)
				cxms_cache_drop(l1, line);
		}
	}
}

/* Caches and their hierarchy against models so simple that they can be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "core/hier.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LINE	     UINT64_MAX

static void *room(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);

	assert_non_null(p);
	return p;
}

/* ---- one cache ---- */

static void test_geometry_is_checked(void **state)
{
	static const struct {
		struct cxms_cache_cfg cfg;
		bool ok;
		const char *why;
	} rows[] = {
		{{.bytes = 32768, .ways = 8}, true, "64 sets"},
		{{.bytes = 49152, .ways = 12}, true, "64 sets of 12"},
		{{.bytes = 110100480, .ways = 15}, true, "114688 sets, no power of two"},
		{{.bytes = 64, .ways = 1}, true, "one line"},
		{{.bytes = 4096, .ways = 64}, true, "one set"},
		{{.bytes = 4096, .ways = 65}, false, "too many ways"},
		{{.bytes = 32768, .ways = 0}, false, "no ways"},
		{{.bytes = 0, .ways = 8}, false, "no bytes"},
		{{.bytes = 32768 + 64, .ways = 8}, false, "no whole number of sets"},
		{{.bytes = 256, .ways = 8}, false, "less than a set"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (cxms_cache_check(&rows[i].cfg) != rows[i].ok)
			fail_msg("%s", rows[i].why);
}

/* Sets as lists, most recent first. */
struct naive {
	unsigned sets, ways;
	uint64_t *line;
	bool *dirty;
};

static void naive_init(struct naive *n, unsigned sets, unsigned ways)
{
	n->sets = sets;
	n->ways = ways;
	n->line = room(sets * ways * sizeof(*n->line));
	n->dirty = calloc(sets * ways, sizeof(*n->dirty));
	for (unsigned i = 0; i < sets * ways; i++)
		n->line[i] = NO_LINE;
}

static void naive_fini(struct naive *n)
{
	free(n->line);
	free(n->dirty);
}

/* Place of a line in its set, or the number of ways. */
static unsigned naive_find(const struct naive *n, uint64_t line)
{
	const uint64_t *set = n->line + line % n->sets * n->ways;
	unsigned i = 0;

	while (i < n->ways && set[i] != line)
		i++;
	return i;
}

static void naive_to_front(struct naive *n, uint64_t line, unsigned at, bool dirty)
{
	uint64_t *set = n->line + line % n->sets * n->ways;
	bool *d = n->dirty + line % n->sets * n->ways;

	memmove(set + 1, set, at * sizeof(*set));
	memmove(d + 1, d, at * sizeof(*d));
	set[0] = line;
	d[0] = dirty;
}

static bool naive_is_dirty(const struct naive *n, uint64_t line)
{
	unsigned at = naive_find(n, line);

	return at < n->ways && n->dirty[line % n->sets * n->ways + at];
}

static void naive_touch(struct naive *n, uint64_t line)
{
	naive_to_front(n, line, naive_find(n, line), naive_is_dirty(n, line));
}

static void naive_mark(struct naive *n, uint64_t line, bool dirty)
{
	n->dirty[line % n->sets * n->ways + naive_find(n, line)] = dirty;
}

/* Removes a line; whether it was dirty. */
static bool naive_drop(struct naive *n, uint64_t line)
{
	uint64_t *set = n->line + line % n->sets * n->ways;
	bool *d = n->dirty + line % n->sets * n->ways;
	bool dirty = naive_is_dirty(n, line);

	for (unsigned i = naive_find(n, line); i < n->ways; i++) {
		set[i] = i + 1 < n->ways ? set[i + 1] : NO_LINE;
		d[i] = i + 1 < n->ways && d[i + 1];
	}
	return dirty;
}

/* Puts an absent line in front; returns what fell out at the end. */
static uint64_t naive_insert(struct naive *n, uint64_t line, bool dirty, bool *old_dirty)
{
	unsigned last = n->ways - 1;
	uint64_t old = n->line[line % n->sets * n->ways + last];

	*old_dirty = n->dirty[line % n->sets * n->ways + last];
	naive_to_front(n, line, last, dirty);
	return old;
}

static void insert_checked(struct cxms_cache *c, struct naive *n, uint64_t line)
{
	size_t slot, set = cxms_cache_set(c, line);
	bool old_dirty;
	uint64_t want = naive_insert(n, line, false, &old_dirty);
	uint64_t old = cxms_cache_insert(c, set, line, 0, &slot);

	assert_int_equal(old == CXMS_CACHE_NO_TAG ? NO_LINE : old >> CXMS_TAG_SHIFT, want);
	assert_int_equal(slot, cxms_cache_find(c, set, line));
}

static void run_lru(const struct cxms_cache_cfg *cfg, uint64_t seed)
{
	void *mem = room(cxms_cache_bytes(cfg));
	struct cxms_cache c;
	struct cxms_rng rng;
	struct naive n;

	cxms_rng_init(&rng, seed);
	cxms_cache_init(&c, cfg, mem);
	naive_init(&n, (unsigned)(cfg->bytes / 64 / cfg->ways), cfg->ways);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t line = cxms_rng_below(&rng, 3 * cfg->bytes / 64);
		size_t set = cxms_cache_set(&c, line), slot = cxms_cache_find(&c, set, line);
		bool there = naive_find(&n, line) < n.ways;

		if ((slot != CXMS_CACHE_NO_SLOT) != there)
			fail_msg("seed %u, access %u", (unsigned)seed, i);
		if (there && cxms_rng_below(&rng, 16) == 0) {
			naive_drop(&n, line);
			assert_int_equal(cxms_cache_drop(&c, line), line << CXMS_TAG_SHIFT);
		} else if (there) {
			naive_touch(&n, line);
			cxms_cache_touch(&c, set, slot);
		} else {
			insert_checked(&c, &n, line);
		}
	}
	naive_fini(&n);
	free(mem);
}

static void test_lru_follows_a_list(void **state)
{
	static const struct cxms_cache_cfg rows[] = {
		{.bytes = 64, .ways = 1},	    {.bytes = 64 * 7, .ways = 1},
		{.bytes = 64 * 2 * 16, .ways = 2},  {.bytes = 4096, .ways = 8},
		{.bytes = 64 * 12 * 4, .ways = 12}, {.bytes = 64 * 15 * 7, .ways = 15},
		{.bytes = 64 * 20 * 3, .ways = 20}, {.bytes = 64 * 64, .ways = 64},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run_lru(&rows[i], i);
}

/* Many touches of one set: its clock of eight bits runs out again and again. */
static void test_order_survives_its_clock(void **state)
{
	static const struct cxms_cache_cfg cfg = {.bytes = 64 * 16, .ways = 16};

	(void)state;
	run_lru(&cfg, 99);
}

/* The tree as a function: bit k of @bits is node k; a leaf beyond the ways is never chosen. */
static unsigned tree_choice(uint64_t bits, unsigned leaves, unsigned ways, unsigned node,
			    unsigned low)
{
	if (leaves == 1)
		return low;
	leaves /= 2;
	if ((bits >> node & 1) && low + leaves < ways)
		return tree_choice(bits, leaves, ways, 2 * node + 1, low + leaves);
	return tree_choice(bits, leaves, ways, 2 * node, low);
}

static uint64_t tree_point_away(uint64_t bits, unsigned leaves, unsigned node, unsigned way)
{
	if (leaves == 1)
		return bits;
	leaves /= 2;
	if (way < leaves)
		return tree_point_away(bits | UINT64_C(1) << node, leaves, 2 * node, way);
	return tree_point_away(bits & ~(UINT64_C(1) << node), leaves, 2 * node + 1, way - leaves);
}

static void run_plru(unsigned ways, uint64_t seed)
{
	struct cxms_cache_cfg cfg = {.bytes = 64 * ways, .ways = ways, .plru = true};
	void *mem = room(cxms_cache_bytes(&cfg));
	uint64_t bits = 0, held[64];
	unsigned leaves = 1, filled = 0;
	struct cxms_cache c;
	struct cxms_rng rng;

	cxms_rng_init(&rng, seed);
	cxms_cache_init(&c, &cfg, mem);
	while (leaves < ways)
		leaves *= 2;
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t line = cxms_rng_below(&rng, 2 * ways);
		size_t slot = cxms_cache_find(&c, 0, line), at;
		unsigned way = 0;

		while (way < filled && held[way] != line)
			way++;
		assert_int_equal(slot, way < filled ? way : CXMS_CACHE_NO_SLOT);
		if (way < filled) {
			cxms_cache_touch(&c, 0, slot);
		} else {
			way = filled < ways ? filled++ : tree_choice(bits, leaves, ways, 1, 0);
			cxms_cache_insert(&c, 0, line, 0, &at);
			assert_int_equal(at, way);
			held[way] = line;
		}
		bits = tree_point_away(bits, leaves, 1, way);
	}
	free(mem);
}

static void test_plru_follows_a_tree(void **state)
{
	(void)state;
	for (unsigned ways = 1; ways <= 20; ways++)
		run_plru(ways, ways);
}

static void test_lines_that_differ_in_high_bits_are_told_apart(void **state)
{
	static const struct cxms_cache_cfg cfg = {.bytes = 64 * 8, .ways = 8};
	void *mem = room(cxms_cache_bytes(&cfg));
	struct cxms_cache c;
	size_t slot;

	(void)state;
	cxms_cache_init(&c, &cfg, mem);
	for (unsigned bit = 8; bit < 58; bit += 7)
		cxms_cache_insert(&c, 0, 5 | UINT64_C(1) << bit, CXMS_TAG_DIRTY, &slot);
	assert_int_equal(cxms_cache_find(&c, 0, 5), CXMS_CACHE_NO_SLOT);
	for (unsigned bit = 8; bit < 58; bit += 7)
		assert_int_not_equal(cxms_cache_find(&c, 0, 5 | UINT64_C(1) << bit),
				     CXMS_CACHE_NO_SLOT);
	free(mem);
}

/* Lines that each miss once, are used @rounds times in turn, and how often they miss again. */
static unsigned again(struct cxms_cache *c, unsigned lines, uint64_t step, unsigned rounds)
{
	unsigned misses = 0;
	size_t slot;

	for (unsigned i = 0; i < lines * rounds; i++) {
		uint64_t line = (uint64_t)(i % lines) * step;
		size_t set = cxms_cache_set(c, line);

		assert_true(set < c->sets);
		slot = cxms_cache_find(c, set, line);
		if (slot != CXMS_CACHE_NO_SLOT) {
			cxms_cache_touch(c, set, slot);
			continue;
		}
		cxms_cache_insert(c, set, line, 0, &slot);
		misses += i >= lines;
	}
	return misses;
}

/* Lines that lie a power of two apart find room all over a hashed cache, and neighbours fill it to
 * the last way as they do without. */
static void test_a_hashed_cache_holds_lines_of_any_step(void **state)
{
	static const unsigned sets[] = {1, 1024, 7 * 512};

	(void)state;
	for (size_t i = 0; i < COUNT(sets); i++) {
		unsigned lines = 16 * sets[i];
		struct cxms_cache_cfg cfg = {.bytes = 64 * lines, .ways = 16, .hashed = true};
		void *mem = room(cxms_cache_bytes(&cfg));
		struct cxms_cache c;

		for (unsigned shift = 0; shift <= 30; shift++) {
			cxms_cache_init(&c, &cfg, mem);
			if (again(&c, shift ? lines / 2 : lines, UINT64_C(1) << shift, 3))
				fail_msg("%u sets, step 2^%u", sets[i], shift);
		}
		free(mem);
	}
}

/* ---- hierarchy ---- */

/* A small host: caches so small that everything happens often. */
struct host {
	struct cxms_hier_cfg cfg;
	struct cxms_hier *h;
	void *mem;
	struct naive l1[3], l2[3], llc;
	uint64_t written[64];
	unsigned n_written;
};

static void host_init(struct host *o, const struct cxms_hier_cfg *cfg)
{
	memset(o, 0, sizeof(*o));
	o->cfg = *cfg;
	assert_true(cxms_hier_check(cfg));
	o->h = calloc(1, sizeof(*o->h));
	assert_non_null(o->h);
	o->mem = room(cxms_hier_bytes(cfg));
	cxms_hier_init(o->h, cfg, o->mem);
	for (unsigned i = 0; i < cfg->cores; i++) {
		naive_init(&o->l1[i], (unsigned)(cfg->l1d.bytes / 64 / cfg->l1d.ways),
			   cfg->l1d.ways);
		if (cfg->l2.ways)
			naive_init(&o->l2[i], (unsigned)(cfg->l2.bytes / 64 / cfg->l2.ways),
				   cfg->l2.ways);
	}
	naive_init(&o->llc, (unsigned)(cfg->llc.bytes / 64 / cfg->llc.ways), cfg->llc.ways);
}

static void host_fini(struct host *o)
{
	for (unsigned i = 0; i < o->cfg.cores; i++) {
		naive_fini(&o->l1[i]);
		if (o->cfg.l2.ways)
			naive_fini(&o->l2[i]);
	}
	naive_fini(&o->llc);
	free(o->h);
	free(o->mem);
}

static bool has(const struct naive *n, uint64_t line)
{
	return n->ways && naive_find(n, line) < n->ways;
}

static bool drop(struct naive *n, uint64_t line)
{
	return has(n, line) && naive_drop(n, line);
}

static void put_llc(struct host *o, uint64_t line, bool dirty)
{
	bool old_dirty;
	uint64_t old = naive_insert(&o->llc, line, dirty, &old_dirty);

	if (old == NO_LINE)
		return;
	for (unsigned i = 0; o->cfg.llc.inclusive && i < o->cfg.cores; i++) {
		old_dirty |= drop(&o->l1[i], old);
		old_dirty |= drop(&o->l2[i], old);
	}
	if (old_dirty)
		o->written[o->n_written++] = old;
}

static void write_llc(struct host *o, uint64_t line)
{
	if (has(&o->llc, line)) {
		naive_touch(&o->llc, line);
		naive_mark(&o->llc, line, true);
	} else {
		put_llc(o, line, true);
	}
}

static void put_l2(struct host *o, unsigned core, uint64_t line, bool dirty)
{
	bool old_dirty;
	uint64_t old = naive_insert(&o->l2[core], line, dirty, &old_dirty);

	if (old == NO_LINE)
		return;
	if (o->cfg.l2.inclusive)
		old_dirty |= drop(&o->l1[core], old);
	if (old_dirty)
		write_llc(o, old);
	else if (!o->cfg.llc.inclusive && !has(&o->l1[core], old) && has(&o->llc, old))
		naive_touch(&o->llc, old);
}

static void put_l1(struct host *o, unsigned core, uint64_t line, bool dirty)
{
	bool old_dirty;
	uint64_t old = naive_insert(&o->l1[core], line, dirty, &old_dirty);

	if (old == NO_LINE || !old_dirty)
		return;
	if (!o->cfg.l2.ways) {
		write_llc(o, old);
	} else if (has(&o->l2[core], old)) {
		naive_touch(&o->l2[core], old);
		naive_mark(&o->l2[core], old, true);
	} else {
		put_l2(o, core, old, true);
	}
}

/* Other cores' copies go, or become clean; what was dirty comes down. */
static void others(struct host *o, unsigned core, uint64_t line, bool remove)
{
	for (unsigned i = 0; i < o->cfg.cores; i++) {
		struct naive *level[] = {&o->l1[i], &o->l2[i]};
		bool dirty = false;

		if (i == core)
			continue;
		for (unsigned k = 0; k < 2; k++) {
			if (!has(level[k], line))
				continue;
			dirty |= naive_is_dirty(level[k], line);
			if (remove)
				naive_drop(level[k], line);
			else
				naive_mark(level[k], line, false);
		}
		if (dirty)
			write_llc(o, line);
	}
}

static unsigned naive_access(struct host *o, unsigned core, uint64_t line, bool store)
{
	unsigned level = CXMS_HIER_MEM;

	if (has(&o->l1[core], line)) {
		bool was_dirty = naive_is_dirty(&o->l1[core], line);

		naive_touch(&o->l1[core], line);
		if (store && !was_dirty)
			others(o, core, line, true);
		if (store)
			naive_mark(&o->l1[core], line, true);
		return CXMS_HIER_L1;
	}
	if (has(&o->l2[core], line)) {
		naive_touch(&o->l2[core], line);
		if (store)
			others(o, core, line, true);
		put_l1(o, core, line, store);
		return CXMS_HIER_L2;
	}
	others(o, core, line, store);
	if (has(&o->llc, line)) {
		level = CXMS_HIER_LLC;
		naive_touch(&o->llc, line);
	} else {
		put_llc(o, line, false);
	}
	if (o->cfg.l2.ways)
		put_l2(o, core, line, false);
	put_l1(o, core, line, store);
	return level;
}

static void compare_effects(const struct host *o, unsigned at)
{
	if (o->h->n_effect != o->n_written)
		fail_msg("access %u: %u lines written back, not %u", at, o->h->n_effect,
			 o->n_written);
	for (unsigned i = 0; i < o->n_written; i++) {
		assert_int_equal(o->h->effect[i].into, 0);
		assert_int_equal(o->h->effect[i].line, o->written[i]);
	}
}

static void run_hier(const struct cxms_hier_cfg *cfg, uint64_t seed)
{
	struct cxms_rng rng;
	struct host o;

	cxms_rng_init(&rng, seed);
	host_init(&o, cfg);
	/* All cores have been used before: a model that knows them from the start is the same. */
	o.h->active = cfg->cores;
	for (unsigned i = 0; i < 40000; i++) {
		struct cxms_hier_req req = {.line = cxms_rng_below(&rng, 300),
					    .core = (uint32_t)cxms_rng_below(&rng, cfg->cores),
					    .store = cxms_rng_below(&rng, 3) == 0,
					    .fill = CXMS_CACHE_NO_FILL};
		struct cxms_hier_res res;

		o.n_written = o.h->n_effect = 0;
		cxms_hier_data(o.h, &req, &res);
		if (res.level != naive_access(&o, req.core, req.line, req.store))
			fail_msg("seed %u, access %u: level %u", (unsigned)seed, i, res.level);
		compare_effects(&o, i);
	}
	host_fini(&o);
}

static void test_hierarchy_follows_lists(void **state)
{
	static const struct cxms_cache_cfg l1 = {.bytes = 64 * 16, .ways = 4};
	static const struct cxms_cache_cfg l2 = {.bytes = 64 * 48, .ways = 6};
	static const struct cxms_cache_cfg llc = {.bytes = 64 * 120, .ways = 10};

	(void)state;
	for (unsigned bits = 0; bits < 24; bits++) {
		struct cxms_hier_cfg cfg = {.cores = bits / 8 + 1,
					    .window = 8,
					    .l1i = l1,
					    .l1d = l1,
					    .l2 = l2,
					    .llc = llc};

		cfg.l2.inclusive = bits & 1;
		cfg.llc.inclusive = bits & 2;
		if (bits & 4)
			cfg.l2 = (struct cxms_cache_cfg){0};
		run_hier(&cfg, bits);
	}
}

static const struct cxms_hier_cfg small = {
	.cores = 2,
	.window = 100,
	.l1i = {.bytes = 4096, .ways = 4},
	.l1d = {.bytes = 4096, .ways = 4},
	.l2 = {.bytes = 16384, .ways = 8},
	.llc = {.bytes = 65536, .ways = 8},
};

/* A load of @thread; returns its answer, and counts the fill. */
static struct cxms_hier_res load(struct host *o, uint64_t line, uint32_t thread, uint64_t now,
				 uint64_t *fills)
{
	struct cxms_hier_req req = {
		.line = line, .thread = thread, .core = thread % 2, .now = now, .fill = *fills};
	struct cxms_hier_res res;

	cxms_hier_data(o->h, &req, &res);
	*fills += res.level > CXMS_HIER_L1;
	return res;
}

static void test_a_line_is_in_flight_for_the_window(void **state)
{
	struct cxms_hier_res res;
	uint64_t fills = 7;
	struct host o;

	(void)state;
	host_init(&o, &small);
	assert_int_equal(load(&o, 1, 0, 1000, &fills).level, CXMS_HIER_MEM);
	assert_int_equal(load(&o, 2, 0, 1000, &fills).level, CXMS_HIER_MEM);
	res = load(&o, 1, 0, 1100, &fills);
	assert_true(res.level == CXMS_HIER_L1 && res.use && res.number == 7);
	res = load(&o, 2, 0, 1101, &fills);
	assert_true(res.level == CXMS_HIER_L1 && !res.use);
	assert_int_equal(fills, 9);
	/* another thread of the core cannot name the fill */
	assert_false(load(&o, 1, 2, 1001, &fills).use);
	host_fini(&o);
}

static void test_a_lower_level_is_in_flight_too(void **state)
{
	struct cxms_hier_res res;
	uint64_t fills = 0;
	struct host o;

	(void)state;
	host_init(&o, &small);
	load(&o, 0, 0, 0, &fills);
	for (uint64_t i = 1; i <= 4; i++) /* the first level has four ways */
		load(&o, 16 * i, 0, 10 + i, &fills);
	res = load(&o, 0, 0, 50, &fills);
	assert_true(res.level == CXMS_HIER_L2 && res.use && res.number == 0);
	host_fini(&o);
}

static void test_floor_and_warming_hide_fills(void **state)
{
	struct cxms_hier_req req = {.line = 5, .fill = 3};
	struct cxms_hier_res res;
	struct host o;

	(void)state;
	host_init(&o, &small);
	cxms_hier_data(o.h, &req, &res);
	req.fill = 4;
	req.floor = 4;
	cxms_hier_data(o.h, &req, &res);
	assert_false(res.use);
	req = (struct cxms_hier_req){.line = 6, .fill = CXMS_CACHE_NO_FILL};
	cxms_hier_data(o.h, &req, &res);
	req.fill = 4;
	cxms_hier_data(o.h, &req, &res);
	assert_true(res.level == CXMS_HIER_L1 && !res.use);
	host_fini(&o);
}

static void test_a_software_prefetch_waits_for_its_use(void **state)
{
	struct cxms_hier_req req = {.line = 5, .fill = 0, .idle = true};
	struct cxms_hier_res res;
	uint64_t fills = 1;
	struct host o;

	(void)state;
	host_init(&o, &small);
	cxms_hier_data(o.h, &req, &res);
	assert_int_equal(res.level, CXMS_HIER_MEM);
	cxms_hier_data(o.h, &req, &res);
	assert_true(res.level == CXMS_HIER_L1 && !res.use);
	res = load(&o, 5, 0, 1000000, &fills); /* long after the window */
	assert_true(res.use && res.number == 0);
	assert_true(load(&o, 5, 0, 1000100, &fills).use);
	assert_false(load(&o, 5, 0, 1000101, &fills).use);
	host_fini(&o);
}

static void test_prefetches_are_numbered_and_used(void **state)
{
	struct cxms_hier_cfg cfg = small;
	struct cxms_hier_req req = {.line = 64, .address = 64 * 64, .pc = 1, .fill = 0};
	struct cxms_hier_res res;
	uint64_t fills;
	struct host o;

	(void)state;
	cfg.pf_l2.next_degree = 2;
	host_init(&o, &cfg);
	cxms_hier_data(o.h, &req, &res);
	req.fill++;
	cxms_hier_prefetch(o.h, &req, res.level);
	assert_int_equal(req.fill, 3);
	assert_int_equal(o.h->n_effect, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(o.h->effect[i].line, 65 + i);
		assert_int_equal(o.h->effect[i].into, CXMS_HIER_L2);
		assert_int_equal(o.h->effect[i].from, CXMS_HIER_MEM);
	}
	fills = req.fill;
	res = load(&o, 66, 0, 5000, &fills);
	assert_true(res.level == CXMS_HIER_L2 && res.use && res.number == 2);
	/* what is there already is not brought again */
	o.h->n_effect = 0;
	req.pc = 2;
	req.line = 63;
	req.address = 63 * 64;
	cxms_hier_prefetch(o.h, &req, CXMS_HIER_MEM);
	assert_int_equal(o.h->n_effect, 0);
	host_fini(&o);
}

/* What an instruction asked for, not the line: 96 bytes a step are no even number of lines. */
static void test_strides_below_the_first_level_are_in_bytes(void **state)
{
	struct cxms_hier_cfg cfg = small;
	struct cxms_hier_res res;
	struct host o;

	(void)state;
	cfg.pf_l2.stride_degree = 2;
	host_init(&o, &cfg);
	for (uint64_t at = 4096; at <= 4096 + 2 * 96; at += 96) {
		struct cxms_hier_req req = {.line = at / 64, .address = at, .pc = 1, .fill = 0};

		o.h->n_effect = 0;
		cxms_hier_data(o.h, &req, &res);
		cxms_hier_prefetch(o.h, &req, res.level);
	}
	assert_int_equal(o.h->n_effect, 2);
	assert_int_equal(o.h->effect[0].line, (4096 + 3 * 96) / 64);
	assert_int_equal(o.h->effect[1].line, (4096 + 4 * 96) / 64);
	host_fini(&o);
}

/* Frames that lie the other way round: of a walk through pages, each begins anew. */
static uint64_t from_behind(uint64_t line)
{
	return (1000 - line / 64) * 64 + line % 64;
}

/* How many lines the walk's first and second access to a second page make the L2 ask for. */
static void asked_on_second_page(cxms_cache_index_fn *index_of, unsigned asked[2])
{
	struct cxms_hier_cfg cfg = small;
	struct cxms_hier_res res;
	struct host o;

	cfg.pf_l2.stride_degree = 4;
	cfg.index_of = index_of;
	host_init(&o, &cfg);
	for (uint64_t line = 640; line < 640 + 64 + 2; line++) {
		struct cxms_hier_req req = {.line = line, .address = line * 64, .pc = 1, .fill = 0};

		o.h->n_effect = 0;
		cxms_hier_data(o.h, &req, &res);
		cxms_hier_prefetch(o.h, &req, CXMS_HIER_MEM);
		asked[line % 2] = o.h->n_effect;
		for (unsigned i = 0; i < o.h->n_effect; i++)
			assert_true(o.h->effect[i].line > line && o.h->effect[i].line <= line + 4);
	}
	host_fini(&o);
}

/* A stream of words, of which the L1D fetches the next line ahead: what it asks for trains the L2's
 * prefetcher, and that of the LLC, as misses would. */
static void test_what_the_first_level_prefetches_is_seen_below(void **state)
{
	(void)state;
	for (unsigned level = CXMS_HIER_L2; level <= CXMS_HIER_LLC; level++) {
		struct cxms_hier_cfg cfg = small;
		struct cxms_hier_req req = {.pc = 1, .fill = 0};
		struct cxms_hier_res res;
		unsigned by[CXMS_HIER_MEM + 1] = {0};
		struct host o;

		cfg.pf_l1d.next_degree = 1;
		if (level == CXMS_HIER_L2)
			cfg.pf_l2.stride_degree = 4;
		else
			cfg.pf_llc.stride_degree = 4;
		host_init(&o, &cfg);
		for (req.address = 0; req.address < 32 * 64; req.address += 8) {
			req.line = req.address / 64;
			o.h->n_effect = 0;
			cxms_hier_data(o.h, &req, &res);
			req.fill += res.level > CXMS_HIER_L1;
			cxms_hier_prefetch(o.h, &req, res.level);
			for (unsigned i = 0; i < o.h->n_effect; i++)
				by[o.h->effect[i].into]++;
		}
		assert_int_equal(by[CXMS_HIER_L1], 32);
		assert_true(by[level] > 24);
		host_fini(&o);
	}
}

static void test_prefetchers_below_the_first_level_see_frames(void **state)
{
	unsigned asked[2];

	(void)state;
	asked_on_second_page(NULL, asked);
	assert_int_equal(asked[0], 4);
	assert_int_equal(asked[1], 1);
	asked_on_second_page(from_behind, asked);
	assert_int_equal(asked[0], 0);
	assert_int_equal(asked[1], 4);
}

/* A clean line that leaves the L2 is used in the LLC, unless that is inclusive. */
static void test_clean_lines_that_leave_the_l2_stay_longer(void **state)
{
	struct cxms_hier_cfg cfg = small; /* sets of the L2: 32, of the LLC: 128, of eight ways */

	(void)state;
	for (unsigned inclusive = 0; inclusive < 2; inclusive++) {
		uint64_t fills = 0;
		struct host o;

		cfg.llc.inclusive = inclusive;
		host_init(&o, &cfg);
		load(&o, 0, 0, 0, &fills);
		for (uint64_t i = 1; i < 8; i++)
			load(&o, 128 * i, 0, 0, &fills);
		load(&o, 32, 0, 0, &fills);	 /* drives line 0 out of the L2 */
		load(&o, 128 * 8, 0, 0, &fills); /* and this one out of the LLC */
		assert_int_equal(load(&o, 0, 0, 0, &fills).level,
				 inclusive ? CXMS_HIER_MEM : CXMS_HIER_LLC);
		host_fini(&o);
	}
}

static void test_flush_and_forget(void **state)
{
	struct cxms_hier_req req = {.line = 9, .fill = CXMS_CACHE_NO_FILL, .store = true};
	struct cxms_hier_res res;
	uint64_t fills = 0;
	struct host o;

	(void)state;
	host_init(&o, &small);
	cxms_hier_data(o.h, &req, &res);
	cxms_hier_flush(o.h, 9);
	assert_int_equal(o.h->n_effect, 1);
	assert_int_equal(o.h->effect[0].line, 9);
	assert_int_equal(load(&o, 9, 0, 0, &fills).level, CXMS_HIER_MEM);
	load(&o, 10, 0, 0, &fills);
	cxms_hier_forget(o.h, 10, 20);
	assert_int_equal(load(&o, 9, 0, 0, &fills).level, CXMS_HIER_L1);
	assert_int_equal(load(&o, 10, 0, 0, &fills).level, CXMS_HIER_L2);
	host_fini(&o);
}

static void test_clean_lines_are_not_written_back(void **state)
{
	struct cxms_hier_req req = {.line = 9, .store = true};
	struct cxms_hier_res res;
	struct host o;

	(void)state;
	host_init(&o, &small);
	cxms_hier_data(o.h, &req, &res);
	cxms_hier_clean(o.h);
	cxms_hier_data(o.h, &req, &res);
	assert_int_equal(res.level, CXMS_HIER_L1);
	cxms_hier_clean(o.h);
	o.h->n_effect = 0;
	cxms_hier_flush(o.h, 9);
	assert_int_equal(o.h->n_effect, 0);
	host_fini(&o);
}

static void test_instructions_share_the_lower_levels(void **state)
{
	uint64_t fills = 0;
	struct host o;

	(void)state;
	host_init(&o, &small);
	assert_int_equal(cxms_hier_fetch(o.h, 0, 40), CXMS_HIER_MEM);
	assert_int_equal(cxms_hier_fetch(o.h, 0, 40), CXMS_HIER_L1);
	assert_int_equal(cxms_hier_fetch(o.h, 1, 40), CXMS_HIER_LLC);
	assert_int_equal(load(&o, 40, 0, 0, &fills).level, CXMS_HIER_L2);
	host_fini(&o);
}

/* Whether the state of a core's L1I is none that any core has had; remembers it. */
static bool is_new_state(const struct host *o, unsigned core, uint64_t *highest)
{
	uint64_t now = o->h->core[core].l1i_state;
	bool is_new = now > *highest;

	*highest = is_new ? now : *highest;
	return is_new;
}

static void test_what_changes_an_l1i_changes_its_state(void **state)
{
	struct cxms_hier_cfg cfg = small;
	uint64_t fills = 0, highest = 0;
	struct host o;

	(void)state;
	cfg.llc.inclusive = true;
	host_init(&o, &cfg);
	assert_true(is_new_state(&o, 0, &highest));
	assert_true(is_new_state(&o, 1, &highest));
	cxms_hier_fetch(o.h, 0, 40);
	assert_true(is_new_state(&o, 0, &highest));
	cxms_hier_fetch(o.h, 0, 41);
	assert_true(is_new_state(&o, 0, &highest));
	load(&o, 7, 0, 0, &fills);
	assert_false(is_new_state(&o, 0, &highest));
	/* other lines push both out of the inclusive LLC, and so out of the L1I */
	for (uint64_t line = 1000; line < 1000 + cfg.llc.bytes / 64; line++)
		load(&o, line, 0, 0, &fills);
	assert_true(is_new_state(&o, 0, &highest));
	assert_int_equal(cxms_hier_fetch(o.h, 0, 40), CXMS_HIER_MEM);
	assert_true(is_new_state(&o, 0, &highest));
	assert_false(is_new_state(&o, 1, &highest));
	cxms_hier_init(o.h, &cfg, o.mem);
	assert_true(is_new_state(&o, 0, &highest));
	host_fini(&o);
}

static uint64_t swap_halves(uint64_t line)
{
	return line ^ 1;
}

static void test_lower_levels_may_be_indexed_by_something_else(void **state)
{
	struct cxms_hier_cfg cfg = small;
	struct host o;

	(void)state;
	cfg.index_of = swap_halves;
	host_init(&o, &cfg);
	assert_int_equal(cxms_cache_set(&o.h->llc, 6), 7);
	assert_int_equal(cxms_cache_set(&o.h->core[1].l2, 7), 6);
	assert_int_equal(cxms_cache_set(&o.h->core[1].l1d, 7), 7);
	host_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry_is_checked),
		cmocka_unit_test(test_lru_follows_a_list),
		cmocka_unit_test(test_order_survives_its_clock),
		cmocka_unit_test(test_plru_follows_a_tree),
		cmocka_unit_test(test_a_hashed_cache_holds_lines_of_any_step),
		cmocka_unit_test(test_lines_that_differ_in_high_bits_are_told_apart),
		cmocka_unit_test(test_hierarchy_follows_lists),
		cmocka_unit_test(test_a_line_is_in_flight_for_the_window),
		cmocka_unit_test(test_a_lower_level_is_in_flight_too),
		cmocka_unit_test(test_floor_and_warming_hide_fills),
		cmocka_unit_test(test_a_software_prefetch_waits_for_its_use),
		cmocka_unit_test(test_prefetches_are_numbered_and_used),
		cmocka_unit_test(test_strides_below_the_first_level_are_in_bytes),
		cmocka_unit_test(test_what_the_first_level_prefetches_is_seen_below),
		cmocka_unit_test(test_prefetchers_below_the_first_level_see_frames),
		cmocka_unit_test(test_clean_lines_that_leave_the_l2_stay_longer),
		cmocka_unit_test(test_flush_and_forget),
		cmocka_unit_test(test_clean_lines_are_not_written_back),
		cmocka_unit_test(test_instructions_share_the_lower_levels),
		cmocka_unit_test(test_what_changes_an_l1i_changes_its_state),
		cmocka_unit_test(test_lower_levels_may_be_indexed_by_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <string.h>

#include "base/cfg.h"
#include "base/fmt.h"
#include "base/near.h"
#include "topo/topo_priv.h"

/* Interleave ways an HDM decoder can be set to (CXL 3.1, 8.2.4.20.7). */
static bool is_ways(size_t n)
{
	static const size_t ways[] = {1, 2, 3, 4, 6, 8, 12, 16};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i] == n)
			return true;
	return false;
}

/* Index of the memdev that a target names, or -1 with an error. */
static int find_target(struct topo_build *b, const struct cxms_cfg_node *n)
{
	if (n->type != CXMS_CFG_SCALAR) {
		cxms_cfg_error(&b->errs, n, false, "a target must be the name of a memdev");
		return -1;
	}
	int dev = cxms_topo_find(b->t, n->text);
	if (dev < 0)
		cxms_cfg_error(&b->errs, n, false,
			       "target '%.*s' names no device; name a memdev of 'devices'",
			       cxms_quote_len(n->text), n->text);
	else if (b->dev[dev].type != CXMS_DEV_MEMDEV)
		cxms_cfg_error(&b->errs, n, false,
			       "target '%s' is a switch; name a memdev of 'devices'", n->text);
	return dev;
}

static void read_targets(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_region *r)
{
	size_t before = b->errs.n;
	if (n->type != CXMS_CFG_SEQ || n->n_child == 0) {
		cxms_cfg_error(&b->errs, n, false, "'targets' must be a list of memdevs");
		return;
	}
	if (!is_ways(n->n_child)) {
		cxms_cfg_error(
			&b->errs, n, false,
			"%zu targets cannot be interleaved; allowed: 1, 2, 3, 4, 6, 8, 12, 16",
			n->n_child);
		return;
	}
	int *target = topo_alloc(b->own, n->n_child, sizeof(*target));
	if (!target)
		return;
	for (size_t i = 0; i < n->n_child; i++) {
		target[i] = find_target(b, n->child[i]);
		for (size_t j = 0; target[i] >= 0 && j < i; j++)
			if (target[j] == target[i])
				cxms_cfg_error(&b->errs, n->child[i], false,
					       "target '%s' is there twice; remove one",
					       b->dev[target[i]].name);
	}
	if (b->errs.n != before)
		return;
	r->target = target;
	r->n_target = n->n_child;
}

static void read_granularity(struct topo_build *b, const struct cxms_cfg_node *n,
			     struct cxms_region *r)
{
	uint64_t v;
	r->granularity_bytes = TOPO_DEFAULT_GRANULARITY;
	if (!n || !cxms_cfg_quantity(n, CXMS_UNIT_BYTES, 0, TOPO_MIN_GRANULARITY,
				     TOPO_MAX_GRANULARITY, &v, &b->errs))
		return;
	if ((v & (v - 1)) != 0) {
		cxms_cfg_error(&b->errs, n, false,
			       "'granularity' must be a power of two, 256 B .. 16 KiB");
		return;
	}
	r->granularity_bytes = v;
}

static void read_region(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_region *r)
{
	if (!topo_is_map(b, n, &topo_keys_region))
		return;
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "name");
	if (!v)
		cxms_cfg_error(&b->errs, n, false, "a region lacks the key 'name'");
	else if (topo_is_word(v, "local"))
		cxms_cfg_error(&b->errs, v, false,
			       "'local' cannot name a region: weights use that word; rename it");
	else
		topo_read_ident(b, v, &r->name);
	v = cxms_cfg_get(n, "targets");
	if (v)
		read_targets(b, v, r);
	else
		cxms_cfg_error(&b->errs, n, false, "a region lacks the key 'targets'");
	read_granularity(b, cxms_cfg_get(n, "granularity"), r);
	v = cxms_cfg_get(n, "weight");
	if (v)
		cxms_cfg_double(v, TOPO_MIN_WEIGHT, TOPO_MAX_WEIGHT, &r->weight, &b->errs);
}

static void check_region_names(struct topo_build *b, const struct cxms_cfg_node *regions, size_t i)
{
	const char *name = b->region[i].name;
	for (size_t j = 0; name && j < i; j++)
		if (b->region[j].name && strcmp(b->region[j].name, name) == 0)
			cxms_cfg_error(&b->errs, cxms_cfg_get(regions->child[i], "name"), false,
				       "region '%s' is there twice; rename one", name);
}

/* Every memdev in one region: pages could not be placed on one that is in none. */
static void check_members(struct topo_build *b, const struct cxms_cfg_node *regions)
{
	int home[CXMS_TOPO_MAX_DEVICES]; /* region of a device, -1 = none yet */
	memset(home, -1, sizeof(home));
	for (size_t i = 0; i < regions->n_child; i++) {
		const struct cxms_cfg_node *targets = cxms_cfg_get(regions->child[i], "targets");
		for (size_t j = 0; j < b->region[i].n_target; j++) {
			int dev = b->region[i].target[j];
			if (home[dev] >= 0)
				cxms_cfg_error(&b->errs, targets->child[j], false,
					       "target '%s' is in region '%s' already; a memdev "
					       "belongs to one region",
					       b->dev[dev].name, b->region[home[dev]].name);
			home[dev] = (int)i;
		}
	}
	for (size_t i = 0; i < b->t->n_memdev; i++)
		if (home[b->memdev[i]] < 0)
			cxms_cfg_error(&b->errs, regions, true,
				       "memdev '%s' is in no region; add it to one, or give it a "
				       "region of its own",
				       b->dev[b->memdev[i]].name);
}

/* Host bits divide evenly among 3, 6 and 12 targets only where all are of one size. */
static void check_sizes(struct topo_build *b, const struct cxms_cfg_node *n,
			const struct cxms_region *r)
{
	if (r->n_target % 3 != 0)
		return;
	for (size_t j = 1; j < r->n_target; j++) {
		const struct cxms_dev *first = &b->dev[r->target[0]], *d = &b->dev[r->target[j]];
		char one[CXMS_FMT_MAX], other[CXMS_FMT_MAX];
		if (d->capacity_bytes == first->capacity_bytes || d->capacity_bytes == 0 ||
		    first->capacity_bytes == 0) /* 0: reported already */
			continue;
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "targets"), false,
			       "%zu ways need targets of one capacity, but '%s' has %s and '%s' %s",
			       r->n_target, first->name,
			       cxms_fmt_quantity(one, CXMS_UNIT_BYTES, first->capacity_bytes),
			       d->name,
			       cxms_fmt_quantity(other, CXMS_UNIT_BYTES, d->capacity_bytes));
		return;
	}
}

/* All regions state a weight, or all get their capacity: ways times the smallest target's. */
static void weigh_regions(struct topo_build *b, const struct cxms_cfg_node *regions)
{
	size_t stated = 0;
	for (size_t i = 0; i < regions->n_child; i++)
		stated += cxms_cfg_get(regions->child[i], "weight") != NULL;
	b->own->weight_stated = stated > 0;
	for (size_t i = 0; i < regions->n_child; i++) {
		struct cxms_region *r = &b->region[i];
		uint64_t least = UINT64_MAX;
		if (stated > 0 && !cxms_cfg_get(regions->child[i], "weight"))
			cxms_cfg_error(&b->errs, regions->child[i], false,
				       "region '%s' lacks the key 'weight', which others state; "
				       "state it for all regions, or for none",
				       r->name ? r->name : "");
		for (size_t j = 0; j < r->n_target; j++)
			if (b->dev[r->target[j]].capacity_bytes < least)
				least = b->dev[r->target[j]].capacity_bytes;
		if (stated == 0)
			r->weight = (double)least * (double)r->n_target;
	}
}

static void default_region(struct topo_build *b)
{
	b->region = topo_alloc(b->own, 1, sizeof(*b->region));
	if (!b->region)
		return;
	*b->region = (struct cxms_region){.name = "all",
					  .n_target = b->t->n_memdev,
					  .target = b->memdev,
					  .granularity_bytes = TOPO_DEFAULT_GRANULARITY};
	for (size_t i = 0; i < b->t->n_memdev; i++)
		b->region->weight += (double)b->dev[b->memdev[i]].capacity_bytes;
	b->t->region = b->region;
	b->t->n_region = 1;
}

void topo_read_regions(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *regions = cxms_cfg_get(root, "regions");
	if (!regions) {
		default_region(b);
		return;
	}
	if (regions->type != CXMS_CFG_SEQ || regions->n_child == 0) {
		cxms_cfg_error(
			&b->errs, regions, false,
			"'regions' must be a list of {name, targets, granularity}; remove it "
			"for one region over all memdevs");
		return;
	}
	if (regions->n_child > CXMS_TOPO_MAX_DEVICES) {
		cxms_cfg_error(&b->errs, regions, false,
			       "%zu regions are too many; at most %d are allowed", regions->n_child,
			       CXMS_TOPO_MAX_DEVICES);
		return;
	}
	b->own->region_stated = true;
	b->region = topo_alloc(b->own, regions->n_child, sizeof(*b->region));
	if (!b->region)
		return;
	size_t before = b->errs.n;
	for (size_t i = 0; i < regions->n_child; i++) {
		read_region(b, regions->child[i], &b->region[i]);
		check_region_names(b, regions, i);
	}
	if (b->errs.n == before) {
		check_members(b, regions);
		for (size_t i = 0; i < regions->n_child; i++)
			check_sizes(b, regions->child[i], &b->region[i]);
		weigh_regions(b, regions);
	}
	b->t->region = b->region;
	b->t->n_region = regions->n_child;
}

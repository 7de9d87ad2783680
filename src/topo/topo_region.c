#include <string.h>

#include "base/cfg.h"
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
	/* a region of one target interleaves nothing: every granularity means the same */
	if (v != TOPO_DEFAULT_GRANULARITY && r->n_target > 1)
		topo_not_yet(b, n, "interleaving at another granularity than 4KiB",
			     "remove it, or give 4KiB");
}

static void read_region(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_region *r)
{
	if (!topo_is_map(b, n, &topo_keys_region))
		return;
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "name");
	if (v)
		topo_read_ident(b, v, &r->name);
	else
		cxms_cfg_error(&b->errs, n, false, "a region lacks the key 'name'");
	v = cxms_cfg_get(n, "targets");
	if (v)
		read_targets(b, v, r);
	else
		cxms_cfg_error(&b->errs, n, false, "a region lacks the key 'targets'");
	read_granularity(b, cxms_cfg_get(n, "granularity"), r);
}

static void check_region_names(struct topo_build *b, const struct cxms_cfg_node *regions, size_t i)
{
	const char *name = b->region[i].name;
	for (size_t j = 0; name && j < i; j++)
		if (b->region[j].name && strcmp(b->region[j].name, name) == 0)
			cxms_cfg_error(&b->errs, cxms_cfg_get(regions->child[i], "name"), false,
				       "region '%s' is there twice; rename one", name);
}

/* Right as a topology, but today's engines spread pages over all memdevs, and in one way only. */
static void check_modelled(struct topo_build *b, const struct cxms_cfg_node *regions)
{
	const struct cxms_region *r = &b->region[0];
	if (regions->n_child > 1)
		topo_not_yet(b, regions->child[1], "more than one region",
			     "give one region over all memdevs");
	else if (r->n_target > 0 && r->n_target < b->t->n_memdev)
		topo_not_yet(b, cxms_cfg_get(regions->child[0], "targets"),
			     "a region that leaves out a memdev",
			     "name every memdev, or remove the others from 'devices'");
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
	for (size_t i = 0; i < regions->n_child; i++) {
		read_region(b, regions->child[i], &b->region[i]);
		check_region_names(b, regions, i);
	}
	check_modelled(b, regions);
	b->t->region = b->region;
	b->t->n_region = regions->n_child;
}

static void read_splits(struct topo_build *b, const struct cxms_cfg_node *n)
{
	if (n->type != CXMS_CFG_SEQ || n->n_child == 0 || n->n_child > TOPO_MAX_SPLITS) {
		cxms_cfg_error(
			&b->errs, n, false,
			"'splits' must be a list of 1 .. %u numbers, per cent local, such as "
			"[100, 50, 0]",
			TOPO_MAX_SPLITS);
		return;
	}
	double *pct = topo_alloc(b->own, n->n_child, sizeof(*pct));
	if (!pct)
		return;
	for (size_t i = 0; i < n->n_child; i++)
		cxms_cfg_double(n->child[i], 0, 100, &pct[i], &b->errs);
	b->t->split_pct = pct;
	b->t->n_split = n->n_child;
}

void topo_read_placement(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(root, "placement");
	if (!n || !topo_is_map(b, n, &topo_keys_placement))
		return;
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "policy");
	if (v)
		topo_read_ident(b, v, &b->t->policy);
	v = cxms_cfg_get(n, "splits");
	if (v)
		read_splits(b, v);
}

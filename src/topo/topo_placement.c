#include <inttypes.h>
#include <string.h>

#include "base/cfg.h"
#include "base/near.h"
#include "topo/topo_priv.h"

#define WEIGHTED "weighted-interleave"
/* keys of one map: local, each region, and room for keys that are the user's own */
#define TOPO_MAX_WEIGHTS (2u * CXMS_TOPO_MAX_DEVICES)
/* A stated split and the one that weights give may differ by this, per cent: files round. */
#define SPLIT_ROUNDING_PCT 0.01

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
	for (size_t i = 0; i < n->n_child; i++) {
		bool is_there = false;
		if (!cxms_cfg_double(n->child[i], 0, 100, &pct[i], &b->errs)) {
			pct[i] = -1; /* none, and so no other's double */
			continue;
		}
		for (size_t k = 0; k < i; k++)
			is_there |= !(pct[k] < pct[i]) && !(pct[k] > pct[i]);
		if (is_there)
			cxms_cfg_error(&b->errs, n->child[i], false,
				       "a split of %.6g is there twice; remove one", pct[i]);
	}
	b->t->split_pct = pct;
	b->t->n_split = n->n_child;
}

static void check_weight_names(struct topo_build *b, const struct cxms_cfg_node *weights)
{
	for (size_t i = 0; i < weights->n_child; i++) {
		const struct cxms_cfg_node *n = weights->child[i];
		char mean[CXMS_NEAR_MEAN_MAX];
		struct cxms_near near;
		bool known = strncmp(n->key, "x-", 2) == 0 || strcmp(n->key, "local") == 0;
		cxms_near_init(&near, n->key);
		cxms_near_try(&near, "local");
		for (size_t r = 0; r < b->t->n_region; r++) {
			cxms_near_try(&near, b->region[r].name);
			known |= b->region[r].name && strcmp(b->region[r].name, n->key) == 0;
		}
		if (!known)
			cxms_cfg_error(&b->errs, n, true,
				       "'%.*s' names no region%s; give a weight to local and to "
				       "each region",
				       cxms_quote_len(n->key), n->key,
				       cxms_near_mean(mean, "", near.best));
	}
}

/* 0 = missing or wrong, and reported */
static uint32_t read_weight(struct topo_build *b, const struct cxms_cfg_node *weights,
			    const char *name)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(weights, name);
	uint64_t v = 0;
	if (n)
		cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, 1, TOPO_MAX_PAGES, &v, &b->errs);
	else
		cxms_cfg_error(&b->errs, weights, true,
			       "'weights' lacks '%s'; give a weight to local and to each region",
			       name);
	return (uint32_t)v;
}

/* The share of local memory that the weights give, per cent; 0 when they are wrong. */
static double read_weights(struct topo_build *b, const struct cxms_cfg_node *n)
{
	size_t before = b->errs.n;
	uint64_t sum = 0;
	if (n->type != CXMS_CFG_MAP || n->n_child > TOPO_MAX_WEIGHTS) {
		cxms_cfg_error(&b->errs, n, false,
			       "'weights' must be a map of local and the regions to whole numbers, "
			       "at most %u, such as {local: 3, pool: 1}",
			       TOPO_MAX_WEIGHTS);
		return 0;
	}
	if (b->own->weight_stated)
		cxms_cfg_error(&b->errs, n, true,
			       "'weights' and the 'weight' of regions say the same thing twice; "
			       "remove one of them");
	check_weight_names(b, n);
	b->t->local_weight = read_weight(b, n, "local");
	for (size_t i = 0; i < b->t->n_region; i++) {
		uint32_t weight = b->region[i].name ? read_weight(b, n, b->region[i].name) : 0;
		b->region[i].weight = weight;
		sum += weight;
	}
	return b->errs.n == before ? 100.0 * b->t->local_weight / (double)(b->t->local_weight + sum)
				   : 0;
}

static void check_weighted_split(struct topo_build *b, const struct cxms_cfg_node *splits,
				 double pct)
{
	for (size_t i = 0; i < b->t->n_split; i++) {
		double v = b->t->split_pct[i], off = v > pct ? v - pct : pct - v;
		if (off > SPLIT_ROUNDING_PCT && v < 100)
			cxms_cfg_error(&b->errs, splits->child[i], false,
				       "a split of %.6g contradicts 'weights', which put %.6g per "
				       "cent in local memory; remove 'splits', or give [100, %.6g]",
				       v, pct, pct);
	}
}

/* Weights are a policy, and say how much is local: both follow where the file is silent. */
static void apply_weights(struct topo_build *b, const struct cxms_cfg_node *placement, double pct)
{
	const struct cxms_cfg_node *splits = cxms_cfg_get(placement, "splits");
	struct cxms_topo *t = b->t;
	if (t->policy && strcmp(t->policy, WEIGHTED) != 0)
		cxms_cfg_error(&b->errs, cxms_cfg_get(placement, "policy"), false,
			       "policy '%s' knows no weights; give " WEIGHTED
			       ", or remove 'weights'",
			       t->policy);
	else if (!t->policy)
		t->policy = WEIGHTED;
	if (splits) {
		check_weighted_split(b, splits, pct);
		return;
	}
	double *only = topo_alloc(b->own, 1, sizeof(*only));
	if (!only)
		return;
	*only = pct;
	t->split_pct = only;
	t->n_split = 1;
}

void topo_read_placement(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(root, "placement");
	if (!n || !topo_is_map(b, n, &topo_keys_placement))
		return;
	size_t before = b->errs.n;
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "policy");
	if (v) {
		topo_read_ident(b, v, &b->t->policy);
		b->t->policy_line = v->line;
		b->t->policy_col = v->col;
	}
	v = cxms_cfg_get(n, "splits");
	if (v)
		read_splits(b, v);
	v = cxms_cfg_get(n, "weights");
	double pct = v && b->t->n_region > 0 ? read_weights(b, v) : 0;
	if (pct > 0 && b->errs.n == before)
		apply_weights(b, n, pct);
}

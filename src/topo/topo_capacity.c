#include <string.h>

#include "base/cfg.h"
#include "base/fmt.h"
#include "topo/topo_priv.h"

static bool same_host(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static const char *quantity(char buf[CXMS_FMT_MAX], uint64_t bytes)
{
	return cxms_fmt_quantity(buf, CXMS_UNIT_BYTES, bytes);
}

/* @n: one entry of `logical`; false when something of it was wrong, and reported */
static bool read_share(struct topo_build *b, const struct cxms_cfg_node *n,
		       struct cxms_logical *share)
{
	size_t before = b->errs.n;
	if (!topo_is_map(b, n, &topo_keys_logical))
		return false;
	topo_read_keys(b, n, &topo_keys_logical, "logical", share);
	const struct cxms_cfg_node *host = cxms_cfg_get(n, "host");
	if (host)
		topo_read_ident(b, host, &share->host);
	else
		cxms_cfg_error(&b->errs, n, false, "'logical' lacks the key 'host'");
	return b->errs.n == before;
}

static void check_shares(struct topo_build *b, const struct cxms_cfg_node *n,
			 const struct cxms_dev *d, const struct cxms_logical *share)
{
	char asked[CXMS_FMT_MAX], has[CXMS_FMT_MAX];
	uint64_t sum = 0;
	for (size_t i = 0; i < n->n_child; i++) {
		sum += share[i].capacity_bytes;
		for (size_t j = 0; j < i; j++)
			if (same_host(share[j].host, share[i].host))
				cxms_cfg_error(&b->errs, n->child[i], false,
					       "host '%s' is there twice; give each host one "
					       "logical device",
					       share[i].host);
	}
	if (d->capacity_bytes && sum > d->capacity_bytes)
		cxms_cfg_error(&b->errs, n, true,
			       "the logical devices take %s, but '%s' has %s; lower them",
			       quantity(asked, sum), d->name, quantity(has, d->capacity_bytes));
}

static void read_logical(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_dev *d)
{
	bool ok = true;
	if (n->type != CXMS_CFG_SEQ || n->n_child == 0 || n->n_child > TOPO_MAX_LOGICAL) {
		cxms_cfg_error(&b->errs, n, false,
			       "'logical' must be a list of 1 .. %u {host, capacity}",
			       TOPO_MAX_LOGICAL);
		return;
	}
	struct cxms_logical *share = topo_alloc(b->own, n->n_child, sizeof(*share));
	if (!share)
		return;
	for (size_t i = 0; i < n->n_child; i++)
		ok &= read_share(b, n->child[i], &share[i]);
	if (ok)
		check_shares(b, n, d, share);
	d->logical = share;
	d->n_logical = n->n_child;
}

/* `add` or `release`: bytes that come or go; false when wrong, and reported */
static bool read_change(struct topo_build *b, const struct cxms_cfg_node *n,
			struct cxms_extent *extent)
{
	const struct cxms_cfg_node *add = cxms_cfg_get(n, "add");
	const struct cxms_cfg_node *release = cxms_cfg_get(n, "release");
	const struct topo_key *k = topo_find_key(&topo_keys_extent, "add");
	uint64_t v = 0;
	if (!add == !release) {
		cxms_cfg_error(&b->errs, n, false, "an extent states either 'add' or 'release'%s",
			       add ? ", not both" : "; give one, such as add: 1GiB");
		return false;
	}
	if (!cxms_cfg_quantity(add ? add : release, k->unit, 0, k->min, k->max, &v, &b->errs))
		return false;
	if (v % TOPO_EXTENT_BYTES != 0) {
		cxms_cfg_error(&b->errs, add ? add : release, false,
			       "'%s' must be a multiple of 256MiB", add ? "add" : "release");
		return false;
	}
	extent->bytes = add ? (int64_t)v : -(int64_t)v;
	return true;
}

static bool read_extent(struct topo_build *b, const struct cxms_cfg_node *n,
			struct cxms_extent *extent)
{
	const struct topo_key *k = topo_find_key(&topo_keys_extent, "at");
	const struct cxms_cfg_node *at = cxms_cfg_get(n, "at");
	const struct cxms_cfg_node *host = cxms_cfg_get(n, "host");
	uint64_t ps = 0;
	bool ok = topo_is_map(b, n, &topo_keys_extent);
	if (!ok)
		return false;
	if (!at)
		cxms_cfg_error(&b->errs, n, false, "an extent lacks the key 'at'");
	ok = at && cxms_cfg_quantity(at, k->unit, b->hz, k->min, k->max, &ps, &b->errs);
	if (ok && ps % CXMS_PS_PER_NS) {
		cxms_cfg_error(&b->errs, at, false, "'at' must be whole nanoseconds, such as 10ms");
		ok = false;
	}
	extent->at_ns = ps / CXMS_PS_PER_NS;
	ok &= !host || topo_read_ident(b, host, &extent->host);
	return read_change(b, n, extent) && ok;
}

/* The share of the host of an extent, UINT64_MAX without shares; 0 = no such host, and reported. */
static uint64_t share_of(struct topo_build *b, const struct cxms_cfg_node *n,
			 const struct cxms_dev *d, const struct cxms_extent *extent)
{
	for (size_t i = 0; i < d->n_logical; i++)
		if (same_host(d->logical[i].host, extent->host))
			return d->logical[i].capacity_bytes;
	if (d->n_logical == 0)
		return UINT64_MAX;
	if (extent->host)
		cxms_cfg_error(&b->errs, n, false,
			       "host '%s' has no logical device of '%s'; name a host of its "
			       "'logical'",
			       extent->host, d->name);
	else
		cxms_cfg_error(&b->errs, n, false,
			       "an extent of '%s' names no 'host'; name one of its 'logical'",
			       d->name);
	return 0;
}

/* What extents up to and with @last leave: of its host, and of all hosts. */
static void add_up(const struct cxms_extent *extent, size_t last, int64_t *of_host, int64_t *all)
{
	*of_host = *all = 0;
	for (size_t i = 0; i <= last; i++) {
		*all += extent[i].bytes;
		if (same_host(extent[i].host, extent[last].host))
			*of_host += extent[i].bytes;
	}
}

static void check_extent(struct topo_build *b, const struct cxms_cfg_node *n,
			 const struct cxms_dev *d, size_t i)
{
	const struct cxms_extent *extent = &d->extent[i];
	char left[CXMS_FMT_MAX], most[CXMS_FMT_MAX];
	int64_t of_host, all;
	if (i > 0 && extent->at_ns < extent[-1].at_ns)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "at"), false,
			       "extents must be in order of time, but the one before is later");
	uint64_t share = share_of(b, n, d, extent);
	if (share == 0)
		return;
	add_up(d->extent, i, &of_host, &all);
	if (of_host < 0)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "release"), false,
			       "more is released than was there, %s",
			       quantity(left, (uint64_t)(of_host - extent->bytes)));
	else if ((uint64_t)of_host > share)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "add"), false,
			       "host '%s' would have %s, but its logical device has %s",
			       extent->host, quantity(left, (uint64_t)of_host),
			       quantity(most, share));
	else if (d->capacity_bytes && all > (int64_t)d->capacity_bytes)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "add"), false,
			       "the extents would be %s together, but '%s' has %s",
			       quantity(left, (uint64_t)all), d->name,
			       quantity(most, d->capacity_bytes));
}

/* Hosts are named by every extent, or by none: who is meant must be clear. */
static void check_hosts(struct topo_build *b, const struct cxms_cfg_node *n,
			const struct cxms_dev *d)
{
	for (size_t i = 1; i < n->n_child && d->n_logical == 0; i++)
		if (!d->extent[i].host != !d->extent[0].host) {
			cxms_cfg_error(&b->errs, n->child[i], false,
				       "some extents name their 'host' and some do not; name it "
				       "in all of them, or in none");
			return;
		}
}

static bool read_extents(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_dev *d)
{
	bool ok = true;
	if (n->type != CXMS_CFG_SEQ || n->n_child == 0 || n->n_child > TOPO_MAX_EXTENTS) {
		cxms_cfg_error(&b->errs, n, false,
			       "'extents' must be a list of 1 .. %u {at, add} or {at, release}, "
			       "such as [{at: 0s, add: 1GiB}]",
			       TOPO_MAX_EXTENTS);
		return false;
	}
	struct cxms_extent *extent = topo_alloc(b->own, n->n_child, sizeof(*extent));
	if (!extent)
		return false;
	for (size_t i = 0; i < n->n_child; i++)
		ok &= read_extent(b, n->child[i], &extent[i]);
	d->extent = extent;
	d->n_extent = n->n_child;
	return ok;
}

/* The most there is at any time. */
static uint64_t peak_of(const struct cxms_dev *d)
{
	int64_t now = 0, peak = 0;
	for (size_t i = 0; i < d->n_extent; i++) {
		now += d->extent[i].bytes;
		if (now > peak)
			peak = now;
	}
	return (uint64_t)peak;
}

void topo_read_capacity(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_dev *d)
{
	const struct cxms_cfg_node *logical = cxms_cfg_get(n, "logical");
	const struct cxms_cfg_node *extents = cxms_cfg_get(n, "extents");
	size_t before = b->errs.n;
	bool ok = extents && read_extents(b, extents, d);
	if (ok && !cxms_cfg_get(n, "capacity"))
		d->capacity_bytes = peak_of(d);
	if (logical)
		read_logical(b, logical, d);
	if (!ok || b->errs.n != before)
		return;
	for (size_t i = 0; i < d->n_extent; i++)
		check_extent(b, extents->child[i], d, i);
	check_hosts(b, extents, d);
}

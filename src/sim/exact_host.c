#include "sim/exact_host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/units.h"
#include "topo/topo.h"

#define PAGE_4K 4096u
#define PAGE_2M (2u << 20)

static const char *const level_names[CXMS_EXACT_LEVELS] = {
	[CXMS_EXACT_L1I] = "l1i",
	[CXMS_EXACT_L1D] = "l1d",
	[CXMS_EXACT_L2] = "l2",
	[CXMS_EXACT_LLC] = "llc",
};

static int too_many(const struct cxms_topo *t, const char *level, const char *key, uint32_t value,
		    uint32_t max, struct cxms_err *err)
{
	return cxms_fail(err, EINVAL,
			 "%s: host.caches.%s.%s is %" PRIu32
			 ", but source exact simulates at most %" PRIu32 "; give less",
			 t->file, level, key, value, max);
}

static int cache_of(const struct cxms_topo *t, enum cxms_exact_level level,
		    const struct cxms_cache *from, struct cxms_exact_cache *to,
		    struct cxms_err *err)
{
	if (!from->present)
		return 0;
	if (from->ways > CXMS_EXACT_WAYS_MAX)
		return too_many(t, level_names[level], "ways", from->ways, CXMS_EXACT_WAYS_MAX,
				err);
	to->size_bytes = from->size_bytes;
	to->ways = from->ways;
	to->inclusive = from->inclusive;
	to->plru = from->plru;
	to->hashed = from->hashed;
	for (uint32_t i = 0; i < from->n_prefetch; i++) {
		const struct cxms_host_prefetch *f = &from->prefetch[i];
		if (f->degree > CXMS_EXACT_DEGREE_MAX)
			return too_many(t, level_names[level], "prefetch.degree", f->degree,
					CXMS_EXACT_DEGREE_MAX, err);
		to->prefetch[to->n_prefetch++] = (struct cxms_exact_prefetch){
			.type = f->type == CXMS_PREFETCH_STRIDE ? CXMS_EXACT_STRIDE
								: CXMS_EXACT_NEXT_LINE,
			.degree = f->degree,
			.distance = f->distance,
		};
	}
	return 0;
}

int cxms_exact_of_host(const struct cxms_topo *t, struct cxms_exact_cfg *out, struct cxms_err *err)
{
	const struct cxms_host *h = &t->host;
	const struct cxms_cache *const cache[] = {&h->l1i, &h->l1d, &h->l2, &h->llc};
	struct cxms_exact_cfg x = {.cores = h->cores, .window = h->rob};
	int rc = 0;
	for (enum cxms_exact_level l = 0; l < CXMS_EXACT_LEVELS && !rc; l++)
		rc = cache_of(t, l, cache[l], &x.cache[l], err);
	if (rc)
		return rc;
	if (h->tlb_present) {
		x.tlb_l1 = h->tlb_l1;
		x.tlb_l2 = h->tlb_l2;
		x.tlb_page_bytes = h->tlb_page == CXMS_PAGE_2M ? PAGE_2M : PAGE_4K;
	}
	*out = x;
	return 0;
}

struct compare {
	struct cxms_exact_diff *out; /* may be NULL */
	const char *level;	     /* NULL = no cache */
	bool found;
};

/* The first one stays. */
static void tell(struct compare *c, const char *key, const char *a, const char *b)
{
	struct cxms_exact_diff *d = c->out;
	if (d && !c->found) {
		snprintf(d->key, sizeof(d->key), "host.%s%s%s%s", c->level ? "caches." : "",
			 c->level ? c->level : "", c->level && *key ? "." : "", key);
		snprintf(d->a, sizeof(d->a), "%s", a);
		snprintf(d->b, sizeof(d->b), "%s", b);
	}
	c->found = true;
}

static const char *quantity(char text[CXMS_FMT_MAX], enum cxms_unit unit, uint64_t v)
{
	return v ? cxms_fmt_quantity(text, (int)unit, v) : "none";
}

static void compare_u64(struct compare *c, const char *key, enum cxms_unit unit, uint64_t a,
			uint64_t b)
{
	char at[CXMS_FMT_MAX], bt[CXMS_FMT_MAX];
	if (a != b)
		tell(c, key, quantity(at, unit, a), quantity(bt, unit, b));
}

static void put_prefetch(char *text, size_t cap, const struct cxms_exact_cache *c)
{
	size_t len = 0;
	snprintf(text, cap, "none");
	for (uint32_t i = 0; i < c->n_prefetch && len < cap; i++) {
		const struct cxms_exact_prefetch *f = &c->prefetch[i];
		int n = snprintf(text + len, cap - len, "%s{type: %s, degree: %u, distance: %u}",
				 i ? ", " : "",
				 f->type == CXMS_EXACT_STRIDE ? "stride" : "next-line", f->degree,
				 f->distance);
		len += n > 0 ? (size_t)n : 0;
	}
}

static bool has_prefetch(const struct cxms_exact_cache *c, const struct cxms_exact_prefetch *f)
{
	for (uint32_t i = 0; i < c->n_prefetch; i++)
		if (c->prefetch[i].type == f->type && c->prefetch[i].degree == f->degree &&
		    c->prefetch[i].distance == f->distance)
			return true;
	return false;
}

/* In any order: each type is there once. */
static void compare_prefetch(struct compare *c, const struct cxms_exact_cache *a,
			     const struct cxms_exact_cache *b)
{
	char at[sizeof(((struct cxms_exact_diff *)NULL)->a)];
	char bt[sizeof(((struct cxms_exact_diff *)NULL)->b)];
	bool same = a->n_prefetch == b->n_prefetch;
	for (uint32_t i = 0; i < a->n_prefetch && same; i++)
		same = has_prefetch(b, &a->prefetch[i]);
	if (same)
		return;
	put_prefetch(at, sizeof(at), a);
	put_prefetch(bt, sizeof(bt), b);
	tell(c, "prefetch", at, bt);
}

static void compare_cache(struct compare *c, const struct cxms_exact_cache *a,
			  const struct cxms_exact_cache *b)
{
	if (!a->size_bytes || !b->size_bytes) { /* one of them is not there */
		compare_u64(c, "", CXMS_UNIT_BYTES, a->size_bytes, b->size_bytes);
		return;
	}
	compare_u64(c, "size", CXMS_UNIT_BYTES, a->size_bytes, b->size_bytes);
	compare_u64(c, "ways", CXMS_UNIT_COUNT, a->ways, b->ways);
	if (a->inclusive != b->inclusive && c->level != level_names[CXMS_EXACT_L1D])
		tell(c, "inclusive", a->inclusive ? "true" : "false",
		     b->inclusive ? "true" : "false");
	if (a->plru != b->plru)
		tell(c, "replacement", a->plru ? "plru" : "lru", b->plru ? "plru" : "lru");
	if (a->hashed != b->hashed)
		tell(c, "index", a->hashed ? "hashed" : "modulo", b->hashed ? "hashed" : "modulo");
	compare_prefetch(c, a, b);
}

static void compare_hosts(struct compare *c, const struct cxms_exact_cfg *a,
			  const struct cxms_exact_cfg *b)
{
	compare_u64(c, "cpu.cores", CXMS_UNIT_COUNT, a->cores, b->cores);
	for (size_t l = 0; l < CXMS_EXACT_LEVELS; l++) {
		c->level = level_names[l];
		compare_cache(c, &a->cache[l], &b->cache[l]);
	}
	c->level = NULL;
	if (!a->tlb_l1 || !b->tlb_l1) {
		compare_u64(c, "tlb", CXMS_UNIT_COUNT, a->tlb_l1, b->tlb_l1);
		return;
	}
	compare_u64(c, "tlb.l1", CXMS_UNIT_COUNT, a->tlb_l1, b->tlb_l1);
	compare_u64(c, "tlb.l2", CXMS_UNIT_COUNT, a->tlb_l2, b->tlb_l2);
	compare_u64(c, "tlb.page", CXMS_UNIT_BYTES, a->tlb_page_bytes, b->tlb_page_bytes);
}

bool cxms_exact_differ(const struct cxms_exact_cfg *a, const struct cxms_exact_cfg *b,
		       struct cxms_exact_diff *out)
{
	struct compare c = {.out = out};
	compare_hosts(&c, a, b);
	return c.found;
}

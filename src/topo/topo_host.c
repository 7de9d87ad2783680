#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "topo/topo_priv.h"

/*
 * Local bandwidth where the file is silent, bytes/s: all-read peak of 8 channels DDR5-4800 on one
 * Xeon Platinum 8480+ (Mess benchmark, 240.6 GB/s). A stored line is read before it is written
 * back, so stores alone get half.
 */
#define CXMS_ASSUMED_LOCAL_TOTAL 240000000000ull
#define CXMS_ASSUMED_LOCAL_WRITE 120000000000ull

static void read_cpu(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	const char *preset;
	if (n && n->type == CXMS_CFG_SCALAR && !topo_is_word(n, "auto")) {
		if (topo_read_ident(b, n, &preset))
			topo_not_yet(b, n, "a 'cpu' preset", "give 'auto' or a map of figures");
		n = NULL;
	} else if (topo_is_word(n, "auto") || (n && !topo_is_map(b, n, &topo_keys_cpu))) {
		n = NULL;
	}
	topo_read_keys(b, n, &topo_keys_cpu, "host.cpu", h);
	/* a bad frequency was reported; go on with some, so that "cyc" is not reported as well */
	b->hz = h->frequency_hz ? h->frequency_hz : topo_keys_cpu.key[0].assumed;
}

/* One of "none", "next-line", "stride" or {type, degree, distance}, appended as YAML. */
static bool read_prefetcher(struct topo_build *b, const struct cxms_cfg_node *n,
			    struct cxms_buf *out, int *type)
{
	const struct topo_key *degree_key = &topo_keys_prefetch.key[1];
	const struct topo_key *distance_key = &topo_keys_prefetch.key[2];
	uint64_t degree = 1, distance = 0;
	size_t before = b->errs.n;
	if (n->type != CXMS_CFG_MAP) {
		if (!cxms_cfg_word(n, topo_prefetch_words, type, &b->errs))
			return false;
		cxms_buf_printf(out, "%s", topo_prefetch_words[*type]);
		return true;
	}
	topo_is_map(b, n, &topo_keys_prefetch);
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "type");
	if (v)
		cxms_cfg_word(v, topo_prefetch_words, type, &b->errs);
	else
		cxms_cfg_error(&b->errs, n, true, "'prefetch' lacks the key 'type'");
	v = cxms_cfg_get(n, "degree");
	if (v)
		cxms_cfg_quantity(v, CXMS_UNIT_COUNT, 0, degree_key->min, degree_key->max, &degree,
				  &b->errs);
	v = cxms_cfg_get(n, "distance");
	if (v)
		cxms_cfg_quantity(v, CXMS_UNIT_COUNT, 0, distance_key->min, distance_key->max,
				  &distance, &b->errs);
	if (b->errs.n != before)
		return false;
	cxms_buf_printf(out, "{type: %s, degree: %u, distance: %u}", topo_prefetch_words[*type],
			(unsigned)degree, (unsigned)distance);
	return true;
}

static void read_prefetch_list(struct topo_build *b, const struct cxms_cfg_node *n,
			       struct cxms_buf *out)
{
	bool seen[3] = {false};
	cxms_buf_printf(out, "[");
	for (size_t i = 0; i < n->n_child; i++) {
		int type = 0;
		if (i > 0)
			cxms_buf_printf(out, ", ");
		if (!read_prefetcher(b, n->child[i], out, &type))
			continue;
		if (seen[type])
			cxms_cfg_error(&b->errs, n->child[i], false,
				       "prefetcher '%s' is there twice; remove one",
				       topo_prefetch_words[type]);
		seen[type] = true;
	}
	if (seen[0] && n->n_child > 1)
		cxms_cfg_error(&b->errs, n, false,
			       "'none' stands beside other prefetchers; remove it or them");
	cxms_buf_printf(out, "]");
}

static void read_prefetch(struct topo_build *b, const struct cxms_cfg_node *n, const char **yaml)
{
	struct cxms_buf out = {0};
	int type = 0;
	if (!n)
		cxms_buf_printf(&out, "none");
	else if (n->type == CXMS_CFG_SEQ)
		read_prefetch_list(b, n, &out);
	else
		read_prefetcher(b, n, &out, &type);
	*yaml = topo_printf(b->own, "%s", cxms_buf_text(&out));
	cxms_buf_fini(&out);
}

static void read_cache(struct topo_build *b, const struct cxms_cfg_node *caches, int level)
{
	static const char *const name[] = {"l1d", "l2", "llc"};
	static const char *const path[] = {"host.caches.l1d", "host.caches.l2", "host.caches.llc"};
	const struct topo_table *const tab[] = {&topo_keys_l1d, &topo_keys_l2, &topo_keys_llc};
	struct cxms_host *h = &b->t->host;
	struct cxms_cache *cache = level == 0 ? &h->l1d : level == 1 ? &h->l2 : &h->llc;
	const struct cxms_cfg_node *n = cxms_cfg_get(caches, name[level]);
	if (level == 1 && topo_is_word(n, "none")) {
		b->own->prefetch[level] = "none";
		return;
	}
	cache->present = true;
	size_t before = b->errs.n;
	if (n && !topo_is_map(b, n, tab[level]))
		return;
	topo_read_keys(b, n, tab[level], path[level], h);
	read_prefetch(b, cxms_cfg_get(n, "prefetch"), &b->own->prefetch[level]);
	if (n && b->errs.n == before && cache->size_bytes % (cache->ways * CXMS_LINE_BYTES) != 0)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "size"), false,
			       "'%s' is not a whole number of sets: 'size' must be a multiple of "
			       "%u ways x %u B",
			       name[level], cache->ways, CXMS_LINE_BYTES);
}

static void read_line(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	uint64_t v = CXMS_LINE_BYTES;
	h->line_bytes = CXMS_LINE_BYTES; /* the unit of CXL.mem, so not an assumption */
	if (!n || !cxms_cfg_quantity(n, CXMS_UNIT_BYTES, 0, 16, 1024, &v, &b->errs))
		return;
	if ((v & (v - 1)) != 0)
		cxms_cfg_error(&b->errs, n, false, "'line' must be a power of two, such as 64B");
	else if (v != CXMS_LINE_BYTES)
		topo_not_yet(b, n, "a cache line other than 64B", "give 64B");
}

static void read_caches(struct topo_build *b, const struct cxms_cfg_node *n)
{
	if (n && !topo_is_map(b, n, &topo_keys_caches))
		return;
	read_line(b, cxms_cfg_get(n, "line"), &b->t->host);
	for (int level = 0; level < 3; level++)
		read_cache(b, n, level);
}

static void read_tlb(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	int page = 0;
	if (topo_is_word(n, "none"))
		return;
	h->tlb_present = true;
	if (n && !topo_is_map(b, n, &topo_keys_tlb))
		return;
	topo_read_keys(b, n, &topo_keys_tlb, "host.tlb", h);
	h->walk_given = cxms_cfg_get(n, "walk") != NULL;
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "page");
	if (v && cxms_cfg_word(v, topo_page_words, &page, &b->errs))
		h->tlb_page = page == 0 ? CXMS_PAGE_4K : CXMS_PAGE_2M;
}

static void read_local(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "latency");
	h->local_capacity_bytes = CXMS_UNLIMITED;
	h->local_latency_auto = topo_is_word(v, "auto");
	if (!topo_is_map(b, n, &topo_keys_local))
		return;
	for (size_t i = 0; i < topo_keys_local.n; i++) {
		const struct topo_key *k = &topo_keys_local.key[i];
		v = cxms_cfg_get(n, k->name);
		if (k->kind == TOPO_OWN || (k->required && h->local_latency_auto))
			continue;
		if (v)
			topo_read_key(b, v, k, h);
		else if (k->required)
			cxms_cfg_error(&b->errs, n, true,
				       "'host.local' lacks the key '%s'; give a time such as "
				       "107ns, or auto for the recording machine's",
				       k->name);
	}
	v = cxms_cfg_get(n, "bandwidth");
	if (v) {
		topo_read_bandwidth(b, v, "host.local", &h->local_bw);
	} else {
		h->local_bw = (struct cxms_bw){CXMS_ASSUMED_LOCAL_TOTAL, CXMS_ASSUMED_LOCAL_WRITE,
					       CXMS_ASSUMED_LOCAL_TOTAL};
		topo_assume(b, "host.local", "bandwidth",
			    "{read: 240GB/s, write: 120GB/s, total: 240GB/s}",
			    "not stated; 8 channels of DDR5-4800 as measured on a Xeon Platinum "
			    "8480+");
	}
	v = cxms_cfg_get(n, "curve");
	if (v)
		topo_read_curve(b, v);
}

void topo_read_host(struct topo_build *b, const struct cxms_cfg_node *root)
{
	const struct cxms_cfg_node *host = cxms_cfg_get(root, "host");
	struct cxms_host *h = &b->t->host;
	b->hz = topo_keys_cpu.key[0].assumed;
	if (!host) {
		cxms_cfg_error(&b->errs, root, false,
			       "the key 'host' is missing; it must state at least "
			       "'local: {latency: ...}'");
		return;
	}
	if (!topo_is_map(b, host, &topo_keys_host))
		return;
	read_cpu(b, cxms_cfg_get(host, "cpu"), h);
	read_caches(b, cxms_cfg_get(host, "caches"));
	read_tlb(b, cxms_cfg_get(host, "tlb"), h);
	const struct cxms_cfg_node *local = cxms_cfg_get(host, "local");
	if (local)
		read_local(b, local, h);
	else
		cxms_cfg_error(&b->errs, host, true,
			       "'host' lacks the key 'local'; give at least {latency: 107ns} or "
			       "{latency: auto}");
}

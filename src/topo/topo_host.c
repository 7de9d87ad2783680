#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/fmt.h"
#include "topo/topo_priv.h"

/*
 * Local bandwidth where the file is silent, bytes/s: all-read peak of 8 channels DDR5-4800 on one
 * Xeon Platinum 8480+ (Mess benchmark, 240.6 GB/s). A stored line is read before it is written
 * back, so stores alone get half.
 */
#define CXMS_ASSUMED_LOCAL_TOTAL    240000000000ull
#define CXMS_ASSUMED_LOCAL_WRITE    120000000000ull
#define CXMS_ASSUMED_LOCAL_CHANNELS 8 /* channels of that part */

uint32_t cxms_topo_scheduler(const struct cxms_host *h)
{
	uint32_t derived = (uint32_t)((uint64_t)h->rob * 3 / 7);
	if (h->scheduler)
		return h->scheduler;
	return derived ? derived : 1;
}

/* Uops that wait to issue. 3/7 of the reorder buffer: Skylake has 97 of 224, Golden Cove 205 of
 * 512.
 */
static void read_scheduler(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	const struct topo_key *k = topo_find_key(&topo_keys_cpu, "scheduler");
	char value[CXMS_FMT_MAX];
	uint64_t v;
	if (n) {
		if (cxms_cfg_quantity(n, k->unit, 0, k->min, k->max, &v, &b->errs))
			h->scheduler = (uint32_t)v;
		return;
	}
	cxms_fmt_quantity(value, (int)k->unit, cxms_topo_scheduler(h));
	topo_assume(
		b, "host.cpu", k->name, value,
		"not stated; 3/7 of rob, as Skylake (97 of 224) and Golden Cove (205 of 512) have");
	topo_assume_exact_only(b);
}

/* A core whose reorder buffer holds fused uops is one that keeps decoded ones. */
static void read_fetch(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	int word = h->uops_fused;
	if (n)
		cxms_cfg_word(n, topo_fetch_words, &word, &b->errs);
	h->fetch_decoded = word != 0;
	if (n)
		return;
	topo_assume(b, "host.cpu", "fetch", topo_fetch_words[word],
		    h->uops_fused ? "not stated; a core with fused uops has a cache of decoded ones"
				  : "not stated; a core with split uops decodes each line it "
				    "fetches");
	topo_assume_exact_only(b);
}

static void read_cpu(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	if (topo_is_word(n, "auto") || (n && !topo_is_map(b, n, &topo_keys_cpu))) {
		n = NULL;
	}
	topo_read_keys(b, n, &topo_keys_cpu, "host.cpu", h);
	/* a bad frequency was reported; go on with some, so that "cyc" is not reported as well */
	b->hz = h->frequency_hz ? h->frequency_hz : topo_keys_cpu.key[0].assumed;
	read_fetch(b, cxms_cfg_get(n, "fetch"), h);
	read_scheduler(b, cxms_cfg_get(n, "scheduler"), h);
}

/* @v: the default on entry, kept when the key is not there */
static void read_lines(struct topo_build *b, const struct cxms_cfg_node *map, const char *key,
		       uint32_t *v)
{
	const struct topo_key *k = topo_find_key(&topo_keys_prefetch, key);
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);
	uint64_t lines;
	if (n && cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, k->min, k->max, &lines, &b->errs))
		*v = (uint32_t)lines;
}

/* One of "none", "next-line", "stride" or {type, degree, distance}; also appended as YAML. */
static bool read_prefetcher(struct topo_build *b, const struct cxms_cfg_node *n,
			    struct cxms_buf *out, struct cxms_host_prefetch *f)
{
	size_t before = b->errs.n;
	int type = 0;
	*f = (struct cxms_host_prefetch){.degree = 1};
	if (n->type != CXMS_CFG_MAP) {
		if (!cxms_cfg_word(n, topo_prefetch_words, &type, &b->errs))
			return false;
		f->type = (enum cxms_prefetch_type)type;
		cxms_buf_printf(out, "%s", topo_prefetch_words[type]);
		return true;
	}
	topo_is_map(b, n, &topo_keys_prefetch);
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "type");
	if (v)
		cxms_cfg_word(v, topo_prefetch_words, &type, &b->errs);
	else
		cxms_cfg_error(&b->errs, n, true, "'prefetch' lacks the key 'type'");
	f->type = (enum cxms_prefetch_type)type;
	read_lines(b, n, "degree", &f->degree);
	read_lines(b, n, "distance", &f->distance);
	if (b->errs.n != before)
		return false;
	cxms_buf_printf(out, "{type: %s, degree: %u, distance: %u}", topo_prefetch_words[type],
			f->degree, f->distance);
	return true;
}

static void add_prefetcher(struct cxms_cache *c, const struct cxms_host_prefetch *f)
{
	if (f->type != CXMS_PREFETCH_NONE && c->n_prefetch < CXMS_PREFETCH_MAX)
		c->prefetch[c->n_prefetch++] = *f;
}

static void read_prefetch_list(struct topo_build *b, const struct cxms_cfg_node *n,
			       struct cxms_buf *out, struct cxms_cache *c)
{
	bool seen[3] = {false};
	cxms_buf_printf(out, "[");
	for (size_t i = 0; i < n->n_child; i++) {
		struct cxms_host_prefetch f;
		if (i > 0)
			cxms_buf_printf(out, ", ");
		if (!read_prefetcher(b, n->child[i], out, &f))
			continue;
		if (seen[f.type])
			cxms_cfg_error(&b->errs, n->child[i], false,
				       "prefetcher '%s' is there twice; remove one",
				       topo_prefetch_words[f.type]);
		seen[f.type] = true;
		add_prefetcher(c, &f);
	}
	if (seen[CXMS_PREFETCH_NONE] && n->n_child > 1)
		cxms_cfg_error(&b->errs, n, false,
			       "'none' stands beside other prefetchers; remove it or them");
	cxms_buf_printf(out, "]");
}

static void read_prefetch(struct topo_build *b, const struct cxms_cfg_node *n, const char **yaml,
			  struct cxms_cache *c)
{
	struct cxms_buf out = {0};
	struct cxms_host_prefetch f;
	if (!n)
		cxms_buf_printf(&out, "none");
	else if (n->type == CXMS_CFG_SEQ)
		read_prefetch_list(b, n, &out, c);
	else if (read_prefetcher(b, n, &out, &f))
		add_prefetcher(c, &f);
	*yaml = topo_printf(b->own, "%s", cxms_buf_text(&out));
	cxms_buf_fini(&out);
}

/* An instruction is had as fast as a datum where the file does not say; it matters only where each
 * line is fetched. */
static void read_fetch_latency(struct topo_build *b, const struct cxms_cfg_node *n,
			       struct cxms_host *h)
{
	char value[CXMS_FMT_MAX];
	if (n || h->l1d.latency_cyc == 0)
		return;
	h->l1i.latency_cyc = h->l1d.latency_cyc;
	if (h->fetch_decoded)
		return;
	snprintf(value, sizeof(value), "%" PRIu64 "cyc", h->l1i.latency_cyc);
	topo_assume(b, "host.caches.l1i", "latency", value, "not stated; that of l1d");
	topo_assume_exact_only(b);
}

/* Hardware spreads addresses over the LLC by a hash of all their bits: Intel's slices (McCalpin,
 * Mapping Addresses to L3/CHA Slices, 2021). Split cores are the simulator's, whose LLC does not.
 */
static void read_index(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	int word = h->uops_fused;
	if (n)
		cxms_cfg_word(n, topo_index_words, &word, &b->errs);
	h->llc.hashed = word != 0;
	if (n)
		return;
	topo_assume(b, "host.caches.llc", "index", topo_index_words[word],
		    h->uops_fused ? "not stated; an LLC in slices takes them by a hash"
				  : "not stated; that of a simulated core's");
	topo_assume_exact_only(b);
}

static void read_cache(struct topo_build *b, const struct cxms_cfg_node *caches,
		       enum topo_level level)
{
	struct cxms_host *h = &b->t->host;
	struct cxms_cache *const cache[] = {&h->l1i, &h->l1d, &h->l2, &h->llc};
	const struct topo_key *k = &topo_keys_caches.key[1 + level]; /* after the line */
	const struct cxms_cfg_node *n = cxms_cfg_get(caches, k->name);
	struct cxms_cache *c = cache[level];
	char path[32];
	if (level == TOPO_L2 && topo_is_word(n, "none")) {
		b->own->prefetch[level] = "none";
		return;
	}
	c->present = true;
	size_t before = b->errs.n;
	if (n && !topo_is_map(b, n, k->sub))
		return;
	snprintf(path, sizeof(path), "host.caches.%s", k->name);
	topo_read_keys(b, n, k->sub, path, h);
	if (level != TOPO_L1I)
		read_prefetch(b, cxms_cfg_get(n, "prefetch"), &b->own->prefetch[level], c);
	if (n && b->errs.n == before && c->size_bytes % (c->ways * CXMS_LINE_BYTES) != 0)
		cxms_cfg_error(&b->errs, cxms_cfg_get(n, "size"), false,
			       "'%s' is not a whole number of sets: 'size' must be a multiple of "
			       "%u ways x %u B",
			       k->name, c->ways, CXMS_LINE_BYTES);
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
	for (enum topo_level level = TOPO_L1I; level < TOPO_LEVELS; level++)
		read_cache(b, n, level);
	read_fetch_latency(b, cxms_cfg_get(cxms_cfg_get(n, "l1i"), "latency"), &b->t->host);
	read_index(b, cxms_cfg_get(cxms_cfg_get(n, "llc"), "index"), &b->t->host);
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
	if (v)
		return;
	topo_assume(b, "host.tlb", "page", topo_page_words[0],
		    "not stated; the exact source simulates pages of one size");
	topo_assume_exact_only(b);
}

/* Model and bandwidth: that of a bank model follows from its channels, that of a curve from its
 * peak. */
static void read_local_memory(struct topo_build *b, const struct cxms_cfg_node *n,
			      struct cxms_host *h)
{
	static const char path[] = "host.local";
	const struct topo_memory_at at = {.path = path,
					  .local = true,
					  .channels = CXMS_ASSUMED_LOCAL_CHANNELS,
					  .channels_reason = "not stated; Xeon Platinum 8480+"};
	const struct cxms_cfg_node *bandwidth = cxms_cfg_get(n, "bandwidth");
	topo_read_memory(b, n, &at, &h->local_memory);
	topo_read_curve(b, n, path, &h->local_memory);
	if (bandwidth)
		topo_read_bandwidth(b, bandwidth, path, &h->local_bw);
	if (h->local_memory.model == CXMS_MODEL_BANK) {
		topo_bank_bandwidth(b, bandwidth, path, &h->local_memory, &h->local_bw);
	} else if (h->local_memory.curve) {
		topo_curve_capacity(b, n, path, &h->local_memory, NULL, &h->local_bw);
	} else if (!bandwidth) {
		h->local_bw = (struct cxms_bw){CXMS_ASSUMED_LOCAL_TOTAL, CXMS_ASSUMED_LOCAL_WRITE,
					       CXMS_ASSUMED_LOCAL_TOTAL};
		topo_assume(b, path, "bandwidth", "{read: 240GB/s, write: 120GB/s, total: 240GB/s}",
			    "not stated; 8 channels of DDR5-4800 as measured on a Xeon Platinum "
			    "8480+");
	}
	topo_check_queue(b, n, &h->local_memory, &h->local_bw);
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
	read_local_memory(b, n, h);
}

/* What local and CXL traffic share on the way out of the core; nothing when not stated. */
static void read_bridge(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_host *h)
{
	const struct cxms_cfg_node *v = cxms_cfg_get(n, "bandwidth");
	h->bridge_bw = (struct cxms_bw){CXMS_UNLIMITED, CXMS_UNLIMITED, CXMS_UNLIMITED};
	if (!n || !topo_is_map(b, n, &topo_keys_bridge))
		return;
	if (v)
		topo_read_bandwidth(b, v, "host.bridge", &h->bridge_bw);
	else
		cxms_cfg_error(
			&b->errs, n, true,
			"'host.bridge' lacks the key 'bandwidth'; give a rate, or remove it");
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
	host = topo_fill_host(b, host);
	read_cpu(b, cxms_cfg_get(host, "cpu"), h);
	read_caches(b, cxms_cfg_get(host, "caches"));
	read_tlb(b, cxms_cfg_get(host, "tlb"), h);
	read_bridge(b, cxms_cfg_get(host, "bridge"), h);
	const struct cxms_cfg_node *local = cxms_cfg_get(host, "local");
	if (local)
		read_local(b, local, h);
	else if (b->t->host_preset || !cxms_cfg_get(host, "preset"))
		cxms_cfg_error(&b->errs, host, true,
			       "'host' lacks the key 'local'; give at least {latency: 107ns} or "
			       "{latency: auto}");
}

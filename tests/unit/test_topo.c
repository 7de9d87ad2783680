#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fmt.h"
#include "base/sys.h"
#include "topo/draw.h"
#include "topo/topo.h"
#include "topo/topo_priv.h"

#define HOST   "schema: 1\nhost: {local: {latency: 107ns}}\n"
#define MEM(n) "  mem" #n ": {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}\n"

static struct cxms_topo *load(const char *text)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	int rc = cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err);
	if (rc < 0)
		fail_msg("%s", err.msg);
	return t;
}

static const char *assumed(const struct cxms_topo *t, const char *key)
{
	for (size_t i = 0; i < t->n_assumed; i++)
		if (strcmp(t->assumed[i].key, key) == 0)
			return t->assumed[i].value;
	return NULL;
}

static const char design[] =
	"schema: 1\n"
	"name: two expanders behind one switch\n"
	"host:\n"
	"  cpu: {frequency: 2.5GHz, cores: 8, width: 4, uops: split, store_order: weak, fetch: "
	"decoded, rob: 224, scheduler: 97, "
	"load_queue: 72, store_queue: 56, l1d_mshrs: 12, l2_mshrs: 20}\n"
	"  caches:\n"
	"    line: 64B\n"
	"    l1i: {size: 64KiB, ways: 4, latency: 3cyc, replacement: plru}\n"
	"    l1d: {size: 32KiB, ways: 8, latency: 4cyc, prefetch: next-line}\n"
	"    l2:  {size: 1MiB, ways: 16, latency: 6ns, replacement: plru, prefetch: {type: stride, "
	"degree: 8}}\n"
	"    llc: {size: 22MiB, ways: 11, latency: 70cyc, inclusive: true, replacement: lru, "
	"prefetch: [stride, {type: next-line, degree: 2, distance: 5}], index: hashed}\n"
	"  tlb: {l1: 64, l2: 1536, page: 2MiB, walk: 24ns, walkers: 2}\n"
	"  local: {latency: 107ns, bandwidth: {read: 220GB/s, write: 120GB/s, total: 240GB/s}, "
	"capacity: 64GiB}\n"
	"devices:\n"
	"  sw0:  {type: switch, upstream: host, root_port: 3, link: {gen: 6, width: 16}, latency: "
	"70ns}\n"
	"  mem0: {type: memdev, upstream: sw0, link: {gen: 5, width: 8, flit: 256B, latency: "
	"20ns}, "
	"latency: 250ns, bandwidth: {read: 26GB/s, write: 24GB/s, total: 40GB/s}, capacity: "
	"256GiB}\n"
	"  x-note: {not: a device}\n"
	"  mem1: {type: memdev, upstream: sw0, link: {gen: 5, width: 8, encoding: none}, latency: "
	"100cyc, bandwidth: 30GB/s, capacity: 128GiB}\n"
	"regions:\n"
	"  - {name: pool, targets: [mem1, mem0], granularity: 4KiB}\n"
	"placement: {policy: page-interleave, splits: [100, 33.3, 0]}\n";

static void test_every_host_key_is_read(void **state)
{
	(void)state;
	struct cxms_topo *t = load(design);
	const struct cxms_host *h = &t->host;
	assert_string_equal(t->name, "two expanders behind one switch");
	assert_int_equal(strlen(t->sha256), 64);
	assert_int_equal(h->frequency_hz, 2500000000);
	assert_int_equal(h->cores, 8);
	assert_int_equal(h->width, 4);
	assert_false(h->uops_fused);
	assert_false(h->store_tso);
	assert_int_equal(h->rob, 224);
	assert_int_equal(h->scheduler, 97);
	assert_int_equal(cxms_topo_scheduler(h), 97);
	assert_true(h->fetch_decoded);
	assert_int_equal(h->load_queue, 72);
	assert_int_equal(h->store_queue, 56);
	assert_int_equal(h->l1d_mshrs, 12);
	assert_int_equal(h->l2_mshrs, 20);
	assert_int_equal(h->line_bytes, 64);
	assert_true(h->l1i.present && h->l1d.present && h->l2.present && h->llc.present);
	assert_int_equal(h->l1i.size_bytes, 64 << 10);
	assert_int_equal(h->l1i.ways, 4);
	assert_int_equal(h->l1i.latency_cyc, 3);
	assert_true(h->l1i.plru && h->l2.plru);
	assert_false(h->l1d.plru || h->llc.plru);
	assert_int_equal(h->l1d.size_bytes, 32 << 10);
	assert_int_equal(h->l1d.ways, 8);
	assert_int_equal(h->l1d.latency_cyc, 4);
	assert_int_equal(h->l2.latency_cyc, 15); /* 6 ns at 2.5 GHz */
	assert_true(h->llc.inclusive && h->llc.hashed);
	assert_true(h->tlb_present && h->walk_given);
	assert_int_equal(h->tlb_l1, 64);
	assert_int_equal(h->tlb_l2, 1536);
	assert_int_equal(h->tlb_page, CXMS_PAGE_2M);
	assert_int_equal(h->walk_ps, 24000);
	assert_int_equal(h->walkers, 2);
	assert_false(h->local_latency_auto);
	assert_int_equal(h->local_latency_ps, 107000);
	assert_int_equal(h->local_bw.read, 220000000000);
	assert_int_equal(h->local_bw.write, 120000000000);
	assert_int_equal(h->local_bw.total, 240000000000);
	assert_int_equal(h->local_capacity_bytes, 64ull << 30);
	assert_int_equal(t->n_assumed, 0);
	cxms_topo_free(t);
}

static void assert_prefetch(const struct cxms_cache *c, uint32_t i, enum cxms_prefetch_type type,
			    uint32_t degree, uint32_t distance)
{
	assert_true(i < c->n_prefetch);
	assert_int_equal(c->prefetch[i].type, type);
	assert_int_equal(c->prefetch[i].degree, degree);
	assert_int_equal(c->prefetch[i].distance, distance);
}

static void test_prefetchers_are_read(void **state)
{
	(void)state;
	struct cxms_topo *t = load(design);
	const struct cxms_host *h = &t->host;
	assert_int_equal(h->l1i.n_prefetch, 0);
	assert_int_equal(h->l1d.n_prefetch, 1);
	assert_prefetch(&h->l1d, 0, CXMS_PREFETCH_NEXT_LINE, 1, 0);
	assert_int_equal(h->l2.n_prefetch, 1);
	assert_prefetch(&h->l2, 0, CXMS_PREFETCH_STRIDE, 8, 0);
	assert_int_equal(h->llc.n_prefetch, 2);
	assert_prefetch(&h->llc, 0, CXMS_PREFETCH_STRIDE, 1, 0);
	assert_prefetch(&h->llc, 1, CXMS_PREFETCH_NEXT_LINE, 2, 5);
	cxms_topo_free(t);
	t = load("schema: 1\nhost:\n  caches: {l2: none, l1d: {size: 32KiB, ways: 8, latency: "
		 "4cyc, prefetch: none}, llc: {size: 1MiB, ways: 8, latency: 9cyc, prefetch: "
		 "[{type: "
		 "none}]}}\n  local: {latency: auto}\ndevices:\n" MEM(0));
	assert_int_equal(t->host.l1d.n_prefetch, 0);
	assert_int_equal(t->host.l2.n_prefetch, 0);
	assert_int_equal(t->host.llc.n_prefetch, 0);
	cxms_topo_free(t);
}

/* The keys whose default depends on others. */
static void test_fetch_and_scheduler_follow_other_keys(void **state)
{
	(void)state;
	static const struct {
		const char *cpu, *fetch, *scheduler, *l1i_latency; /* NULL = not assumed */
		bool decoded;
		uint32_t waits; /* uops */
	} rows[] = {
		{"uops: split, rob: 224", "line", "96", "5cyc", false, 96},
		{"uops: fused, rob: 512", "decoded", "219", NULL, true, 219},
		{"uops: fused, rob: 1", "decoded", "1", NULL, true, 1},
		{"uops: fused, fetch: line, scheduler: 205", NULL, NULL, "5cyc", false, 205},
		{"uops: split, fetch: decoded, scheduler: 65536", NULL, NULL, NULL, true, 65536},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text),
			 "schema: 1\nhost: {cpu: {%s}, local: {latency: 107ns}}\ndevices:\n" MEM(0),
			 rows[i].cpu);
		struct cxms_topo *t = load(text);
		const char *fetch = assumed(t, "host.cpu.fetch");
		const char *scheduler = assumed(t, "host.cpu.scheduler");
		const char *latency = assumed(t, "host.caches.l1i.latency");
		const char *index = assumed(t, "host.caches.llc.index");
		bool fused = strstr(rows[i].cpu, "fused");
		assert_string_equal(index, fused ? "hashed" : "modulo");
		assert_int_equal(t->host.llc.hashed, fused);
		assert_int_equal(t->host.fetch_decoded, rows[i].decoded);
		assert_int_equal(cxms_topo_scheduler(&t->host), rows[i].waits);
		assert_int_equal(t->host.scheduler, rows[i].scheduler ? 0 : rows[i].waits);
		assert_string_equal(fetch ? fetch : "-", rows[i].fetch ? rows[i].fetch : "-");
		assert_string_equal(scheduler ? scheduler : "-",
				    rows[i].scheduler ? rows[i].scheduler : "-");
		assert_string_equal(latency ? latency : "-",
				    rows[i].l1i_latency ? rows[i].l1i_latency : "-");
		assert_int_equal(t->host.l1i.latency_cyc, 5);
		cxms_topo_free(t);
	}
}

static void test_figures_of_the_exact_source_are_marked(void **state)
{
	(void)state;
	static const char *const exact_only[] = {
		"host.cpu.fetch",	 "host.cpu.scheduler",	 "host.caches.l1i.size",
		"host.tlb.page",	 "host.caches.l1i.ways", "host.caches.llc.ways",
		"host.caches.llc.index",
	};
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	assert_int_equal(cxms_topo_assumed(&t, &err), 0);
	assert_int_equal(t->host.l1i.size_bytes, 32 << 10);
	assert_int_equal(t->host.llc.size_bytes, 105 << 20);
	for (size_t i = 0; i < sizeof(exact_only) / sizeof(exact_only[0]); i++) {
		size_t k = 0;
		while (k < t->n_assumed && strcmp(t->assumed[k].key, exact_only[i]) != 0)
			k++;
		assert_true(k < t->n_assumed);
		assert_true(t->assumed[k].exact_only);
	}
	cxms_topo_free(t);
}

static void test_every_device_key_is_read(void **state)
{
	(void)state;
	struct cxms_topo *t = load(design);
	assert_int_equal(t->n_dev, 3);
	const struct cxms_dev *sw = &t->dev[0], *m0 = &t->dev[1], *m1 = &t->dev[2];
	assert_string_equal(sw->name, "sw0");
	assert_int_equal(sw->type, CXMS_DEV_SWITCH);
	assert_int_equal(sw->upstream, CXMS_TOPO_HOST);
	assert_int_equal(sw->root_port, 3);
	assert_int_equal(sw->latency_ps, 70000);
	assert_int_equal(sw->bw.total, CXMS_UNLIMITED);
	assert_int_equal(sw->link.flit, CXMS_FLIT_256B); /* default from Gen 6 */
	assert_false(sw->link.encoding);
	assert_int_equal(m0->type, CXMS_DEV_MEMDEV);
	assert_int_equal(m0->upstream, 0);
	assert_int_equal(m0->root_port, -1);
	assert_int_equal(m0->link.gen, 5);
	assert_int_equal(m0->link.width, 8);
	assert_int_equal(m0->link.flit, CXMS_FLIT_256B);
	assert_true(m0->link.encoding);
	assert_int_equal(m0->link.latency_ps, 20000);
	assert_int_equal(m0->bw.read, 26000000000);
	assert_int_equal(m0->bw.write, 24000000000);
	assert_int_equal(m0->bw.total, 40000000000);
	assert_int_equal(m0->capacity_bytes, 256ull << 30);
	assert_int_equal(m0->line, 15);
	assert_int_equal(m1->link.flit, CXMS_FLIT_68B); /* default up to Gen 5 */
	assert_false(m1->link.encoding);
	assert_int_equal(m1->latency_ps, 40000);       /* 100 cycles at 2.5 GHz */
	assert_int_equal(m1->bw.read, CXMS_UNLIMITED); /* a plain rate is the total */
	assert_int_equal(m1->bw.total, 30000000000);
	assert_int_equal(t->n_memdev, 2);
	assert_int_equal(t->memdev[0], 1);
	assert_int_equal(t->memdev[1], 2);
	assert_int_equal(t->n_region, 1);
	assert_string_equal(t->region[0].name, "pool");
	assert_int_equal(t->region[0].target[0], 2);
	assert_int_equal(t->region[0].target[1], 1);
	assert_string_equal(t->policy, "page-interleave");
	assert_int_equal(t->n_split, 3);
	assert_true(t->split_pct[1] > 33.29 && t->split_pct[1] < 33.31);
	cxms_topo_free(t);
}

static void test_what_is_missing_is_assumed_and_named(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"host.cpu.frequency", "3GHz"},
		{"host.cpu.uops", "fused"},
		{"host.cpu.l2_mshrs", "48"},
		{"host.caches.l1d.size", "48KiB"},
		{"host.caches.llc.latency", "111cyc"},
		{"host.tlb.l2", "2048"},
		{"host.tlb.page", "4KiB"},
		{"host.tlb.walkers", "4"},
		{"host.cpu.fetch", "decoded"},
		{"host.cpu.scheduler", "219"},
		{"host.caches.l1i.size", "32KiB"},
		{"host.caches.l1i.ways", "8"},
		{"host.local.bandwidth", "{read: 240GB/s, write: 120GB/s, total: 240GB/s}"},
		{"devices.sw0.latency", "90ns"},
		{"devices.mem0.link", "none"},
		{"devices.mem0.bandwidth", "unlimited"},
		{"devices.mem1.bandwidth.write", "unlimited"},
	};
	struct cxms_topo *t = load(HOST "devices:\n  sw0: {type: switch, upstream: host}\n" MEM(
		0) "  mem1: {type: memdev, upstream: host, latency: 250ns, "
		   "capacity: 1GiB, bandwidth: {read: 9GB/s, total: 9GB/s}}\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value = assumed(t, rows[i].key);
		assert_non_null(value);
		assert_string_equal(value, rows[i].value);
	}
	assert_string_equal(t->name, "test.yaml");
	assert_int_equal(t->host.local_capacity_bytes, CXMS_UNLIMITED);
	assert_int_equal(t->host.local_bw.write, 120000000000);
	assert_int_equal(t->dev[0].latency_ps, 90000);
	assert_int_equal(t->dev[1].bw.read, CXMS_UNLIMITED);
	assert_int_equal(t->dev[1].link.gen, 0);
	assert_int_equal(t->n_region, 1);
	assert_int_equal(t->region[0].n_target, 2);
	assert_int_equal(t->region[0].granularity_bytes, 4096);
	cxms_topo_free(t);
}

static void test_root_ports_left_open_are_own_ports(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load(HOST "devices:\n" MEM(0) MEM(1) "  memx: {type: memdev, upstream: host, "
						     "root_port: 0, latency: 250ns, capacity: "
						     "1GiB}\n");
	assert_int_equal(t->dev[0].root_port, 1);
	assert_int_equal(t->dev[1].root_port, 2);
	assert_int_equal(t->dev[2].root_port, 0);
	cxms_topo_free(t);
}

static void test_alternatives_of_the_host(void **state)
{
	(void)state;
	struct cxms_topo *t = load("schema: 1\nhost:\n  cpu: auto\n  caches: {l2: none}\n"
				   "  tlb: none\n  local: {latency: auto, bandwidth: unlimited}\n"
				   "devices:\n" MEM(0));
	assert_true(t->host.local_latency_auto);
	assert_false(t->host.l2.present);
	assert_false(t->host.tlb_present);
	assert_int_equal(t->host.local_bw.total, CXMS_UNLIMITED);
	assert_int_equal(t->host.rob, 512);
	assert_null(assumed(t, "host.caches.l2.size"));
	assert_null(assumed(t, "host.tlb.l1"));
	cxms_topo_free(t);
}

struct seen {
	struct cxms_ignored key[64];
	size_t n;
};

static void collect(void *arg, const struct cxms_ignored *key)
{
	struct seen *s = arg;
	assert_true(s->n < 64);
	s->key[s->n++] = *key;
}

static const char *ignored(const struct seen *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->key[i].key, key) == 0)
			return s->key[i].reason;
	return NULL;
}

static void test_stated_keys_are_used_or_ignored_with_a_reason(void **state)
{
	(void)state;
	static const char *const unused[] = {
		"host.cpu.width",	  "host.cpu.cores",	  "host.cpu.uops",
		"host.cpu.store_order",	  "host.cpu.load_queue",  "host.cpu.store_queue",
		"host.caches.line",	  "host.caches.l1d.size", "host.caches.l2.prefetch",
		"host.caches.llc.ways",	  "host.tlb.page",	  "host.tlb.walk",
		"host.caches.l2.latency", "host.cpu.fetch",	  "host.cpu.rob",
		"host.cpu.scheduler",	  "host.caches.l1i.ways", "host.caches.llc.replacement",
		"host.caches.llc.size",	  "host.tlb.walkers",	  "host.caches.llc.index",
	};
	static const char *const used[] = {
		"host.cpu.l1d_mshrs",
		"host.cpu.l2_mshrs",
		"host.local.latency",
		"host.local.bandwidth",
		"devices.sw0.latency",
		"devices.mem0.link.gen",
		"regions",
		"placement.splits",
		"host.cpu.frequency", /* mem1.latency is in cyc */
	};
	struct cxms_topo *t = load(design);
	struct seen s = {.n = 0};
	cxms_topo_ignored(t, CXMS_TOPO_FOR_SAMPLED, true, collect, &s);
	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++)
		assert_non_null(ignored(&s, unused[i]));
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		bool stated = false;
		assert_null(ignored(&s, used[i]));
		for (size_t k = 0; k < t->n_key; k++)
			stated |= strcmp(t->stated[k].key, used[i]) == 0;
		assert_true(stated);
	}
	assert_string_equal(ignored(&s, "host.tlb.walk"),
			    "page walks are measured on the recording machine");
	assert_string_equal(s.key[0].source, "clock, ptrace");
	assert_string_equal(s.key[0].key, "host.cpu.cores"); /* file order */
	s.n = 0;
	cxms_topo_ignored(t, CXMS_TOPO_FOR_EXACT, true, collect, &s);
	assert_int_equal(s.n, 0);
	cxms_topo_free(t);
}

static void test_exact_tells_what_it_does_not_use(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load("schema: 1\nhost: {caches: {l1d: {size: 48KiB, ways: 12, latency: 5cyc, "
		     "inclusive: true}}, local: {latency: 107ns}}\ndevices:\n  m: {type: memdev, "
		     "upstream: host, latency: 200ns, extents: [{at: 0s, add: 64GiB}]}\n");
	struct seen s = {.n = 0};
	cxms_topo_ignored(t, CXMS_TOPO_FOR_EXACT, true, collect, &s);
	assert_int_equal(s.n, 2);
	assert_non_null(ignored(&s, "host.caches.l1d.inclusive"));
	assert_non_null(ignored(&s, "devices.m.extents"));
	assert_string_equal(s.key[0].source, "exact");
	s.n = 0;
	cxms_topo_ignored(t, CXMS_TOPO_FOR_SAMPLED, true, collect, &s);
	assert_null(ignored(&s, "devices.m.extents"));
	cxms_topo_free(t);
}

static void test_shares_of_hosts_need_hosts(void **state)
{
	(void)state;
	struct cxms_topo *t =
		load("schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n  m: {type: memdev, "
		     "upstream: host, latency: 200ns, capacity: 2GiB, logical: [{host: a, "
		     "capacity: 1GiB}]}\n");
	for (int source = 0; source < CXMS_TOPO_SOURCES; source++) {
		struct seen alone = {.n = 0}, named = {.n = 0};
		cxms_topo_ignored(t, (enum cxms_topo_source)source, false, collect, &alone);
		cxms_topo_ignored(t, (enum cxms_topo_source)source, true, collect, &named);
		assert_non_null(ignored(&alone, "devices.m.logical"));
		assert_null(ignored(&named, "devices.m.logical"));
	}
	cxms_topo_free(t);
}

static void test_frequency_without_cycles_in_use_is_ignored(void **state)
{
	(void)state;
	struct cxms_topo *t = load("schema: 1\nhost: {cpu: {frequency: 3GHz}, caches: {l1d: {size: "
				   "48KiB, ways: 12, latency: 5cyc}}, local: {latency: 107ns}}\n"
				   "devices:\n" MEM(0));
	struct seen s = {.n = 0};
	cxms_topo_ignored(t, CXMS_TOPO_FOR_SAMPLED, true, collect, &s);
	assert_non_null(ignored(&s, "host.cpu.frequency"));
	cxms_topo_free(t);
}

/* Lines without their comments, which name what was assumed and so stand only in the first text. */
static char *without_comments(struct cxms_buf *b)
{
	char *out = calloc(b->len + 1, 1);
	assert_non_null(out);
	char *rest = NULL, *text = (char *)b->data;
	(void)cxms_buf_text(b);
	for (char *l = strtok_r(text, "\n", &rest); l; l = strtok_r(NULL, "\n", &rest)) {
		char *hash = strstr(l, "# ");
		if (hash)
			*hash = '\0';
		for (size_t n = strlen(l); n && l[n - 1] == ' '; n--)
			l[n - 1] = '\0';
		strcat(strcat(out, l), "\n");
	}
	return out;
}

/* All of it, a curve by its name. */
static void assert_same_memory(const struct cxms_memory *a, const struct cxms_memory *b)
{
	struct cxms_memory x = *a, y = *b;
	assert_string_equal(a->curve ? a->curve->name : "", b->curve ? b->curve->name : "");
	x.curve = y.curve = NULL;
	assert_memory_equal(&x, &y, sizeof(x));
}

static void assert_same_host(const struct cxms_host *a, const struct cxms_host *b)
{
	struct cxms_host x = *a, y = *b;
	assert_same_memory(&a->local_memory, &b->local_memory);
	x.local_memory.curve = y.local_memory.curve = NULL;
	assert_memory_equal(&x, &y, sizeof(x));
}

static void assert_same_device(const struct cxms_dev *a, const struct cxms_dev *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->upstream, b->upstream);
	assert_int_equal(a->root_port, b->root_port);
	assert_int_equal(a->link.gen, b->link.gen);
	assert_int_equal(a->link.width, b->link.width);
	assert_int_equal(a->link.flit, b->link.flit);
	assert_int_equal(a->link.encoding, b->link.encoding);
	assert_int_equal(a->link.latency_ps, b->link.latency_ps);
	assert_int_equal(a->latency_ps, b->latency_ps);
	assert_memory_equal(&a->bw, &b->bw, sizeof(a->bw));
	assert_int_equal(a->capacity_bytes, b->capacity_bytes);
	assert_same_memory(&a->memory, &b->memory);
}

/* `topo show` of a topology loads to the same one, and shows the same again. */
static void assert_show_is_stable(const struct cxms_topo *t)
{
	struct cxms_buf first = {0}, second = {0};
	struct cxms_topo *again = NULL;
	struct cxms_err err = {0};
	cxms_topo_show(t, &first);
	if (cxms_topo_load_mem("show.yaml", first.data, first.len, &again, &err) < 0)
		fail_msg("%s\n%s", err.msg, cxms_buf_text(&first));
	cxms_topo_show(again, &second);
	char *a = without_comments(&first), *b = without_comments(&second);
	assert_string_equal(a, b);
	assert_same_host(&t->host, &again->host);
	assert_string_equal(t->name, again->name);
	assert_int_equal(t->n_dev, again->n_dev);
	for (size_t i = 0; i < t->n_dev; i++)
		assert_same_device(&t->dev[i], &again->dev[i]);
	assert_int_equal(t->n_memdev, again->n_memdev);
	assert_int_equal(t->region[0].n_target, again->region[0].n_target);
	for (size_t i = 0; i < t->region[0].n_target; i++)
		assert_int_equal(t->region[0].target[i], again->region[0].target[i]);
	assert_int_equal(t->n_split, again->n_split);
	for (size_t i = 0; i < t->n_split; i++)
		assert_memory_equal(&t->split_pct[i], &again->split_pct[i], sizeof(double));
	free(a);
	free(b);
	cxms_topo_free(again);
	cxms_buf_fini(&first);
	cxms_buf_fini(&second);
}

static void test_show_loads_back_to_the_same_topology(void **state)
{
	(void)state;
	static const char *const texts[] = {
		design,
		HOST "devices:\n" MEM(0) MEM(1) MEM(2) MEM(3) MEM(4), /* five: no explicit region */
		"schema: 1\nname: \"quote \\\" backslash \\\\ <&> \u00fc\"\nhost:\n  cpu: "
		"{frequency: "
		"2.95GHz}\n  caches: {l2: none, l1d: {size: 32KiB, ways: 8, latency: 1us, "
		"prefetch: "
		"[stride, {type: next-line, degree: 2}]}}\n  tlb: none\n  local: {latency: auto, "
		"bandwidth: 7GB/s}\ndevices:\n  \"a:b\": {type: memdev, upstream: host, latency: "
		"1234567ps, capacity: 1000MB}\nplacement: {splits: [33.3, 0.1, "
		"66.666666666666671]}\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct cxms_topo *t = load(texts[i]);
		assert_show_is_stable(t);
		cxms_topo_free(t);
	}
}

typedef void (*each_fn)(const char *path);

static size_t for_each_file(const char *dir, const char *suffix, each_fn fn)
{
	char path[1024];
	size_t n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		size_t len = strlen(e->d_name), tail = strlen(suffix);
		if (len <= tail || strcmp(e->d_name + len - tail, suffix) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		fn(path);
		n++;
	}
	closedir(d);
	return n;
}

/* Presets and curves give the source of a figure that they leave open. */
static bool is_sourced(const struct cxms_assumed *a)
{
	return strncmp(a->reason, "preset ", 7) == 0 || strstr(a->reason, "the peak of curve");
}

static void check_shipped(const char *path)
{
	size_t bare = 0;
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	if (cxms_topo_load(path, &t, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < t->n_assumed; i++) {
		bare += !is_sourced(&t->assumed[i]);
		if (bare > 1) /* shipped files state their figures, each with its source */
			fail_msg("%s assumes %s", path, t->assumed[i].key);
	}
	for (size_t i = 0; i < t->n_memdev; i++)
		assert_true(cxms_topo_idle_ps(t, t->memdev[i]) > t->host.local_latency_ps);
	assert_show_is_stable(t);
	cxms_topo_free(t);
}

static void test_shipped_topologies_load_with_few_assumptions(void **state)
{
	(void)state;
	assert_true(for_each_file(CXMS_SOURCE_DIR "/cxltopo", ".yaml", check_shipped) >= 13);
}

static void check_corpus(const char *path)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	struct cxms_buf text = {0};
	int rc = cxms_topo_load(path, &t, &err);
	if (rc < 0) {
		assert_true(err.msg[0] != '\0');
		return;
	}
	assert_show_is_stable(t);
	for (int f = CXMS_DRAW_TEXT; f <= CXMS_DRAW_SVG; f++)
		cxms_topo_draw(t, NULL, (enum cxms_draw_format)f, &text);
	assert_false(text.failed);
	cxms_buf_fini(&text);
	cxms_topo_free(t);
}

static void test_corpus_of_odd_files_is_survived(void **state)
{
	(void)state;
	assert_true(for_each_file(CXMS_SOURCE_DIR "/tests/data/corpus/topo_yaml", ".yaml",
				  check_corpus) > 0);
}

static char *schema_md(void)
{
	struct cxms_buf b = {0};
	struct cxms_err err = {0};
	assert_int_equal(cxms_file_read(CXMS_SOURCE_DIR "/cxltopo/SCHEMA.md", 1 << 20, &b, &err),
			 0);
	char *text = strdup(cxms_buf_text(&b));
	assert_non_null(text);
	cxms_buf_fini(&b);
	return text;
}

static void test_schema_md_example_loads_and_assumes_nothing(void **state)
{
	(void)state;
	char *doc = schema_md();
	char *start = strstr(doc, "```yaml\n");
	assert_non_null(start);
	start += strlen("```yaml\n");
	char *end = strstr(start, "```");
	assert_non_null(end);
	*end = '\0';
	struct cxms_topo *t = load(start);
	assert_int_equal(t->n_assumed, 0);
	cxms_topo_free(t);
	free(doc);
}

/* The row of a key, with its range and its default as the code has them. */
static void assert_documented(const char *doc, const char *prefix, const struct topo_key *k)
{
	char want[160], low[CXMS_FMT_MAX], high[CXMS_FMT_MAX];
	snprintf(want, sizeof(want), "\n| `%s%s` |", prefix, k->name);
	const char *at = strstr(doc, want);
	if (!at)
		fail_msg("SCHEMA.md has no row '%s'", want + 1);
	char row[1024];
	snprintf(row, sizeof(row), "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
	if (k->kind != TOPO_WORD && k->max > k->min) {
		snprintf(want, sizeof(want), " %s .. %s",
			 cxms_fmt_quantity(low, (int)k->unit, k->min),
			 cxms_fmt_quantity(high, (int)k->unit, k->max));
		if (!strstr(row, want))
			fail_msg("SCHEMA.md: '%s' lacks the range '%s'", row, want);
	}
	if (k->required && !k->reason && !strstr(row, "required"))
		fail_msg("SCHEMA.md: '%s' is not marked as required", row);
	if (!k->reason)
		return;
	if (k->kind == TOPO_WORD)
		snprintf(want, sizeof(want), "assumed %s", k->words[k->assumed]);
	else if (k->kind == TOPO_CYC)
		snprintf(want, sizeof(want), "assumed %ucyc", (unsigned)k->assumed);
	else
		snprintf(want, sizeof(want), "assumed %s",
			 cxms_fmt_quantity(low, (int)k->unit, k->assumed));
	if (!strstr(row, want))
		fail_msg("SCHEMA.md: '%s' lacks '%s'", row, want);
}

static void test_schema_md_has_every_key_with_range_and_default(void **state)
{
	(void)state;
	static const struct {
		const char *prefix;
		const struct topo_table *tab;
	} rows[] = {
		{"", &topo_keys_top},
		{"host.", &topo_keys_host},
		{"host.cpu.", &topo_keys_cpu},
		{"host.caches.", &topo_keys_caches},
		{"host.caches.l1d.", &topo_keys_l1d},
		{"host.caches.l2.", &topo_keys_l2},
		{"host.caches.llc.", &topo_keys_llc},
		{"host.caches.l1i.", &topo_keys_l1i},
		{"prefetch.", &topo_keys_prefetch},
		{"host.tlb.", &topo_keys_tlb},
		{"host.local.", &topo_keys_local},
		{"host.bridge.", &topo_keys_bridge},
		{"queue.", &topo_keys_queue},
		{"bank.", &topo_keys_bank},
		{"ssd.", &topo_keys_ssd},
		{"far.", &topo_keys_far},
		{"tail.", &topo_keys_tail},
		{"logical.", &topo_keys_logical},
		{"extents.", &topo_keys_extent},
		{"bandwidth.", &topo_keys_bandwidth},
		{"devices.NAME.", &topo_keys_device},
		{"devices.NAME.link.", &topo_keys_link},
		{"regions.", &topo_keys_region},
		{"placement.", &topo_keys_placement},
	};
	char *doc = schema_md();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < rows[i].tab->n; k++)
			assert_documented(doc, rows[i].prefix, &rows[i].tab->key[k]);
	for (size_t k = 0; k < topo_keys_curve.n; k++) {
		char want[64];
		snprintf(want, sizeof(want), "`curve.%s`", topo_keys_curve.key[k].name);
		assert_non_null(strstr(doc, want));
	}
	free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_host_key_is_read),
		cmocka_unit_test(test_prefetchers_are_read),
		cmocka_unit_test(test_fetch_and_scheduler_follow_other_keys),
		cmocka_unit_test(test_figures_of_the_exact_source_are_marked),
		cmocka_unit_test(test_every_device_key_is_read),
		cmocka_unit_test(test_what_is_missing_is_assumed_and_named),
		cmocka_unit_test(test_root_ports_left_open_are_own_ports),
		cmocka_unit_test(test_alternatives_of_the_host),
		cmocka_unit_test(test_stated_keys_are_used_or_ignored_with_a_reason),
		cmocka_unit_test(test_exact_tells_what_it_does_not_use),
		cmocka_unit_test(test_shares_of_hosts_need_hosts),
		cmocka_unit_test(test_frequency_without_cycles_in_use_is_ignored),
		cmocka_unit_test(test_show_loads_back_to_the_same_topology),
		cmocka_unit_test(test_shipped_topologies_load_with_few_assumptions),
		cmocka_unit_test(test_corpus_of_odd_files_is_survived),
		cmocka_unit_test(test_schema_md_example_loads_and_assumes_nothing),
		cmocka_unit_test(test_schema_md_has_every_key_with_range_and_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

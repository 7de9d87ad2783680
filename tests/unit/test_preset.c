#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "topo/preset.h"
#include "topo/topo.h"

static struct cxms_topo *load(const char *text)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	if (cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static void assert_fails(const char *text, const char *want)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	assert_int_equal(cxms_topo_load_mem("test.yaml", text, strlen(text), &t, &err), -EINVAL);
	if (!strstr(err.msg, want))
		fail_msg("'%s' lacks '%s'", err.msg, want);
}

static const struct cxms_assumed *assumed(const struct cxms_topo *t, const char *key)
{
	for (size_t i = 0; i < t->n_assumed; i++)
		if (strcmp(t->assumed[i].key, key) == 0)
			return &t->assumed[i];
	return NULL;
}

struct names {
	char host[64][64], device[64][64];
	size_t n_host, n_device;
};

static void collect(void *arg, const struct cxms_preset *p)
{
	struct names *n = arg;
	bool host = strcmp(p->kind, "host") == 0;
	size_t *count = host ? &n->n_host : &n->n_device;
	assert_true(*count < 64);
	assert_true(strlen(p->title) > 10);
	snprintf((host ? n->host : n->device)[(*count)++], 64, "%s", p->name);
}

static void list(struct names *n)
{
	struct cxms_err err = {0};
	*n = (struct names){.n_host = 0};
	if (cxms_preset_list(collect, n, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_the_known_ones_are_there_once_each(void **state)
{
	(void)state;
	static const char *const hosts[] = {"clx", "emr",	  "gnr",	 "grace",
					    "icx", "neoverse-n1", "neoverse-v2", "skx",
					    "spr", "zen3",	  "zen4",	 "zen5"};
	static const char *const devices[] = {
		"mess-emr-cxl", "samsung-mxp",	"cxl-a",	 "cxl-b",	  "cxl-c",
		"cxl-d",	"cxl-fpga-spr", "soaralto-asic", "cxldmsim-asic", "cxldmsim-fpga",
		"micro23-a",	"micro23-b",	"micro23-c",	 "xconn-apollo",  "cz120",
		"samsung-128g", "leo",		"structera-x",	 "xconn-switch",  "numa-emr",
	};
	static struct names n;
	list(&n);
	assert_int_equal(n.n_host, sizeof(hosts) / sizeof(hosts[0]));
	for (size_t i = 0; i < n.n_host; i++)
		assert_string_equal(n.host[i], hosts[i]);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		size_t found = 0;
		for (size_t k = 0; k < n.n_device; k++)
			found += strcmp(devices[i], n.device[k]) == 0;
		assert_int_equal(found, 1);
	}
	for (size_t i = 0; i < n.n_host; i++)
		for (size_t k = 0; k < n.n_device; k++)
			assert_string_not_equal(n.host[i], n.device[k]);
}

/* Every line with a figure ends in a comment that starts with a tag and says something. */
static void assert_sourced(const char *name)
{
	struct cxms_buf text = {0};
	struct cxms_err err = {0};
	char *rest = NULL;
	assert_int_equal(cxms_preset_text(name, &text, &err), 0);
	char *copy = strdup(cxms_buf_text(&text));
	for (char *l = strtok_r(copy, "\n", &rest); l; l = strtok_r(NULL, "\n", &rest)) {
		const char *colon = strchr(l, ':'), *tag = strstr(l, " # [");
		bool key = l[0] != '#' && colon && colon[1] == ' ';
		if (!key || strncmp(l, "schema: 1", 9) == 0 || strncmp(l, "title: ", 7) == 0 ||
		    strncmp(l, "type: ", 6) == 0)
			continue;
		if (!tag || !strchr("FTRDA", tag[4]) || tag[5] != ']' || strlen(tag) < 10)
			fail_msg("preset %s: no source in '%s'", name, l);
	}
	free(copy);
	cxms_buf_fini(&text);
}

static void assert_within(const char *name, const char *what, uint64_t v, uint64_t lo, uint64_t hi)
{
	if (v < lo || v > hi)
		fail_msg("preset %s: %s is %llu", name, what, (unsigned long long)v);
}

/* What a server of the last ten years can have. */
static void assert_sane_host(const char *name, const struct cxms_host *h)
{
	assert_within(name, "frequency", h->frequency_hz, 1500000000, 5000000000);
	assert_within(name, "cores", h->cores, 4, 256);
	assert_within(name, "width", h->width, 4, 10);
	assert_within(name, "rob", h->rob, 96, 1024);
	assert_within(name, "load queue", h->load_queue, 32, h->rob);
	assert_within(name, "store queue", h->store_queue, 32, h->rob);
	assert_within(name, "scheduler", cxms_topo_scheduler(h), 48, h->rob);
	assert_within(name, "l1d mshrs", h->l1d_mshrs, 8, 64);
	assert_within(name, "l2 mshrs", h->l2_mshrs, h->l1d_mshrs, 128);
	assert_within(name, "walkers", h->walkers, 1, 16);
	assert_within(name, "l1d", h->l1d.size_bytes, 32 << 10, 128 << 10);
	assert_within(name, "l2", h->l2.size_bytes, 4 * h->l1d.size_bytes, 4 << 20);
	assert_within(name, "llc", h->llc.size_bytes, 4 * h->l2.size_bytes, 1ull << 30);
	assert_within(name, "l2 latency", h->l2.latency_cyc, h->l1d.latency_cyc + 1, 30);
	assert_within(name, "llc latency", h->llc.latency_cyc, h->l2.latency_cyc + 1, 200);
	assert_within(name, "local latency", h->local_latency_ps, 60000, 200000);
	assert_within(name, "local read", h->local_bw.read, 50000000000, 1000000000000);
}

static void test_every_host_is_complete_sane_and_sourced(void **state)
{
	(void)state;
	static struct names n;
	/* open by choice: the last is measured on the recording machine */
	static const char *const open[] = {"host.cpu.scheduler", "host.tlb.page",
					   "host.local.bandwidth"};
	list(&n);
	for (size_t i = 0; i < n.n_host; i++) {
		char text[256];
		snprintf(text, sizeof(text),
			 "schema: 1\nhost: {preset: %s}\ndevices: {m: {type: memdev, upstream: "
			 "host, "
			 "latency: 250ns, capacity: 1GiB}}\n",
			 n.host[i]);
		struct cxms_topo *t = load(text);
		assert_string_equal(t->host_preset, n.host[i]);
		assert_sane_host(n.host[i], &t->host);
		for (size_t k = 0; k < t->n_assumed; k++) {
			const struct cxms_assumed *a = &t->assumed[k];
			bool fine = strncmp(a->key, "devices.", 8) == 0 ||
				    strncmp(a->reason, "preset ", 7) == 0;
			for (size_t o = 0; o < sizeof(open) / sizeof(open[0]); o++)
				fine |= strcmp(a->key, open[o]) == 0;
			if (!fine || strstr(a->reason, "no source given"))
				fail_msg("preset %s leaves '%s' open: %s", n.host[i], a->key,
					 a->reason);
		}
		assert_sourced(n.host[i]);
		cxms_topo_free(t);
	}
}

static void test_every_device_is_complete_sane_and_sourced(void **state)
{
	(void)state;
	static struct names n;
	list(&n);
	for (size_t i = 0; i < n.n_device; i++) {
		char text[256];
		snprintf(text, sizeof(text),
			 "schema: 1\nhost: {local: {latency: 100ns}}\ndevices: {m: {type: memdev, "
			 "upstream: host, latency: 250ns, capacity: 1GiB}, p: {preset: %s, "
			 "upstream: host}}\n",
			 n.device[i]);
		struct cxms_topo *t = load(text);
		const struct cxms_dev *d = &t->dev[1];
		assert_string_equal(d->preset, n.device[i]);
		if (d->type == CXMS_DEV_MEMDEV) {
			assert_within(n.device[i], "latency", d->latency_ps, 160000, 800000);
			assert_within(n.device[i], "capacity", d->capacity_bytes, 1ull << 30,
				      1ull << 43);
		} else {
			assert_within(n.device[i], "latency", d->latency_ps, 50000, 300000);
		}
		if (d->bw.read != CXMS_UNLIMITED)
			assert_within(n.device[i], "read", d->bw.read, 1000000000, 200000000000);
		if (d->link.gen)
			assert_within(n.device[i], "gen", d->link.gen, 4, 6);
		else
			assert_non_null(strstr(n.device[i], "numa"));
		assert_sourced(n.device[i]);
		cxms_topo_free(t);
	}
}

static void test_what_the_file_states_wins(void **state)
{
	(void)state;
	struct cxms_topo *t = load(
		"schema: 1\nhost:\n  preset: spr\n  cpu: {rob: 99}\n  caches: {l1d: {size: 32KiB, "
		"ways: 8}, l2: none}\n  tlb: none\n  local: {latency: 100ns, bandwidth: 50GB/s}\n"
		"devices:\n  m: {preset: cxl-d, upstream: host, latency: 300ns, link: {width: 8}, "
		"bandwidth: 9GB/s}\n  f: {preset: mess-emr-cxl, upstream: host, model: fixed}\n");
	assert_int_equal(t->host.rob, 99);
	assert_int_equal(t->host.cores, 56); /* from the preset */
	assert_int_equal(t->host.l1d.size_bytes, 32 << 10);
	assert_int_equal(t->host.l1d.latency_cyc, 5); /* from the preset */
	assert_false(t->host.l2.present || t->host.tlb_present);
	assert_int_equal(t->host.local_latency_ps, 100000);
	assert_int_equal(t->host.local_bw.total, 50000000000);
	assert_int_equal(t->dev[0].latency_ps, 300000);
	assert_int_equal(t->dev[0].link.width, 8);
	assert_int_equal(t->dev[0].link.gen, 5); /* from the preset */
	assert_int_equal(t->dev[0].bw.total, 9000000000);
	assert_int_equal(t->dev[0].bw.read, CXMS_UNLIMITED); /* rates go as a whole */
	assert_int_equal(t->dev[1].memory.model, CXMS_MODEL_FIXED);
	assert_null(t->dev[1].memory.curve);
	assert_null(assumed(t, "host.cpu.rob"));
	assert_null(assumed(t, "devices.m.latency"));
	cxms_topo_free(t);
}

static void test_cpu_leaves_local_to_the_file(void **state)
{
	(void)state;
	struct cxms_topo *t = load("schema: 1\nhost: {cpu: zen4, local: {latency: 99ns}}\n"
				   "devices: {m: {preset: cxl-a, upstream: host}}\n");
	assert_int_equal(t->host.rob, 320);
	assert_int_equal(t->host.llc.size_bytes, 16 << 20);
	assert_int_equal(t->host.local_latency_ps, 99000);
	assert_int_equal(t->host.local_bw.total, 240000000000); /* the assumed one */
	cxms_topo_free(t);
	assert_fails(
		"schema: 1\nhost: {cpu: zen4}\ndevices: {m: {preset: cxl-a, upstream: host}}\n",
		"'host' lacks the key 'local'");
	assert_fails("schema: 1\nhost: {cpu: zen4, preset: spr}\ndevices: {m: {preset: cxl-a, "
		     "upstream: host}}\n",
		     "test.yaml:2:8: 'cpu' names a preset beside 'preset'");
}

static void test_recalled_and_chosen_figures_are_assumed(void **state)
{
	(void)state;
	struct cxms_topo *t = load("schema: 1\nhost: {preset: spr}\n"
				   "devices: {m: {preset: cxl-c, upstream: host}}\n");
	const struct cxms_assumed *a = assumed(t, "host.caches.llc.size"); /* [R] */
	assert_non_null(a);
	assert_string_equal(a->value, "105MiB");
	assert_string_equal(a->reason, "preset spr, recalled, not verified: 1.875 MiB a core");
	assert_true(a->exact_only);
	a = assumed(t, "host.cpu.frequency"); /* [A] */
	assert_non_null(a);
	assert_non_null(strstr(a->reason, "preset spr, chosen: "));
	a = assumed(t, "host.cpu.width"); /* [R], and only the exact source has a use for it */
	assert_true(a && a->exact_only);
	a = assumed(t, "devices.m.bandwidth"); /* a map, [R] */
	assert_non_null(a);
	assert_string_equal(a->value, "{read: 18GB/s, write: unlimited, total: unlimited}");
	assert_null(assumed(t, "host.cpu.rob"));       /* [T] */
	assert_null(assumed(t, "host.local.latency")); /* [F] */
	cxms_topo_free(t);
}

/* Device latency moves with local latency: preset - measured_local + local. */
static void test_latency_counts_from_local_memory(void **state)
{
	(void)state;
	static const struct {
		const char *local;
		uint64_t want_ps;
		const char *reason; /* NULL = not assumed */
	} rows[] = {
		{"107500ps", 279400, NULL}, /* samsung-mxp's own host */
		{"100ns", 271900, "moved to this host's 100ns"},
		{"150.5ns", 322400, "moved to this host's 150500ps"},
		{"1ns", 172900, "moved to this host's 1ns"},
		{"auto", 279400, "not moved, since host.local.latency is auto"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text),
			 "schema: 1\nhost: {local: {latency: %s}}\n"
			 "devices: {m: {preset: samsung-mxp, upstream: host}}\n",
			 rows[i].local);
		struct cxms_topo *t = load(text);
		const struct cxms_assumed *a = assumed(t, "devices.m.latency");
		assert_int_equal(t->dev[0].latency_ps, rows[i].want_ps);
		assert_int_equal(a != NULL, rows[i].reason != NULL);
		if (a && !strstr(a->reason, rows[i].reason))
			fail_msg("%s", a->reason);
		cxms_topo_free(t);
	}
}

static void test_what_is_no_preset_is_refused_with_the_known_ones(void **state)
{
	(void)state;
#define DEV(keys) "schema: 1\nhost: {local: {latency: 100ns}}\ndevices: {m: {" keys "}}\n"
	assert_fails(DEV("preset: cxl-aa, upstream: host"),
		     "test.yaml:3:23: no device preset 'cxl-aa' (did you mean 'cxl-a'?); known: "
		     "beluga-pool, cxl-a, cxl-b");
	assert_fails(DEV("preset: spr, upstream: host"), "no device preset 'spr'");
	assert_fails(DEV("preset: ../host/spr, upstream: host"), "'preset' must be a name");
	assert_fails(DEV("preset: [cxl-a], upstream: host"), "'preset' must be a name");
	assert_fails(DEV("preset: cxl-a, upstream: host, type: switch"),
		     "preset 'cxl-a' is a memdev, not a switch");
	assert_fails("schema: 1\nhost: {preset: skylake, local: {latency: 100ns}}\ndevices: {m: "
		     "{preset: cxl-a, upstream: host}}\n",
		     "no host preset 'skylake'; known: clx, emr, gnr, grace, icx");
	struct cxms_buf text = {0};
	struct cxms_err err = {0};
	assert_int_equal(cxms_preset_text("cxl-aa", &text, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "did you mean 'cxl-a'?"));
	assert_non_null(strstr(err.msg, "hosts: clx, emr"));
	cxms_err_clear(&err);
	assert_int_equal(cxms_preset_text("../host/spr", &text, &err), -ENOENT);
	cxms_buf_fini(&text);
}

static void write_preset(const char *dir, const char *name, const char *text)
{
	char path[256];
	struct cxms_err err = {0};
	snprintf(path, sizeof(path), "%s/presets/device", dir);
	assert_int_equal(cxms_mkdirs(path, &err), 0);
	snprintf(path, sizeof(path), "%s/presets/device/%s.yaml", dir, name);
	FILE *fp = fopen(path, "we");
	assert_non_null(fp);
	fputs(text, fp);
	assert_int_equal(fclose(fp), 0);
}

/* Presets of one's own: errors point into them, and what has no source is assumed. */
static void test_bad_presets_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"schema: 2\ntitle: x\n", "a preset must state 'schema: 1'"},
		{"schema: 1\n", "a preset must state its 'title'"},
		{"schema: 1\ntitle: [\n", "presets/device/own.yaml:"},
		{"schema: 1\ntitle: own\ntype: memdev\nlatency: 250\ncapacity: 1GiB\n",
		 "presets/device/own.yaml:4:10: "},
		{"schema: 1\ntitle: own\ntype: memdev\nlatency: 250ns\n",
		 "test.yaml:3:11: memdev 'm' lacks the key 'capacity'"},
	};
	char dir[] = "/tmp/cxms-preset.XXXXXX", path[256];
	assert_non_null(mkdtemp(dir));
	setenv("CXMS_DATA_DIR", dir, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_preset(dir, "own", rows[i].text);
		assert_fails(DEV("preset: own, upstream: host"), rows[i].want);
	}
	write_preset(
		dir, "own",
		"schema: 1\ntitle: own\ntype: memdev\nlatency: 250ns\ncapacity: 1GiB # [F] x\n");
	struct cxms_topo *t = load(DEV("preset: own, upstream: host"));
	assert_non_null(strstr(assumed(t, "devices.m.latency")->reason, "no source given"));
	assert_null(assumed(t, "devices.m.capacity"));
	cxms_topo_free(t);
	unsetenv("CXMS_DATA_DIR");
	snprintf(path, sizeof(path), "%s/presets/device/own.yaml", dir);
	remove(path);
	for (char *slash = strrchr(path, '/'); strlen(path) > strlen(dir);
	     slash = strrchr(path, '/')) {
		*slash = '\0';
		remove(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_known_ones_are_there_once_each),
		cmocka_unit_test(test_every_host_is_complete_sane_and_sourced),
		cmocka_unit_test(test_every_device_is_complete_sane_and_sourced),
		cmocka_unit_test(test_what_the_file_states_wins),
		cmocka_unit_test(test_cpu_leaves_local_to_the_file),
		cmocka_unit_test(test_recalled_and_chosen_figures_are_assumed),
		cmocka_unit_test(test_latency_counts_from_local_memory),
		cmocka_unit_test(test_what_is_no_preset_is_refused_with_the_known_ones),
		cmocka_unit_test(test_bad_presets_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

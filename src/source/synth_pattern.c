/* The YAML line of source `synth`: parsed, then checked as a whole, every error reported. */
#include "source/synth.h"

#include <errno.h>
#include <string.h>

#include "base/cfg.h"
#include "base/err.h"
#include "base/units.h"

#define KIB 1024ull
#define MIB (1024ull * 1024)
#define TIB (1024ull * 1024 * 1024 * 1024)

/* Bounds the number of first-touch events: 2^28 pages are 1 TiB of 4 KiB pages. */
#define MAX_PAGES (1ull << 28)

static const char *const keys[] = {"threads", "duration", "page",   "footprint", "pages",
				   "stall",   "kernel",	  "share2", "blocked",	 "footprint2",
				   "access",  "loop",	  "turn",   "period",	 "faults",
				   "exact",   "stores",	  NULL};

/* Optional keys: absent leaves the default and is no error. */
static void opt_quantity(const struct cxms_cfg_node *map, const char *key, enum cxms_unit unit,
			 uint64_t min, uint64_t max, uint64_t *out, struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);

	if (n)
		(void)cxms_cfg_quantity(n, unit, 0, min, max, out, errs);
}

static void opt_share(const struct cxms_cfg_node *map, const char *key, double max, double *out,
		      struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);

	if (n)
		(void)cxms_cfg_double(n, 0.0, max, out, errs);
}

static void opt_bool(const struct cxms_cfg_node *map, const char *key, bool *out,
		     struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);

	if (n)
		(void)cxms_cfg_bool(n, out, errs);
}

/* Times come in picoseconds; @ns is rounded down to whole nanoseconds. */
static void opt_time_ns(const struct cxms_cfg_node *map, const char *key, uint64_t min_ns,
			uint64_t max_ns, uint64_t *ns, struct cxms_cfg_errors *errs)
{
	uint64_t ps = *ns * CXMS_PS_PER_NS;

	opt_quantity(map, key, CXMS_UNIT_TIME_PS, min_ns * CXMS_PS_PER_NS, max_ns * CXMS_PS_PER_NS,
		     &ps, errs);
	*ns = ps / CXMS_PS_PER_NS;
}

static uint64_t whole_pages(uint64_t bytes, uint64_t page_bytes)
{
	return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

static void parse_arrays(const struct cxms_cfg_node *map, struct cxms_synth_pattern *p,
			 struct cxms_cfg_errors *errs)
{
	static const char *const page_words[] = {"4KiB", "2MiB", NULL};
	const struct cxms_cfg_node *page = cxms_cfg_get(map, "page");
	const struct cxms_cfg_node *pages = cxms_cfg_get(map, "pages");
	uint64_t n_pages = 0;
	int word = 0;

	if (page)
		(void)cxms_cfg_word(page, page_words, &word, errs);
	p->page_bytes = word ? 2 * MIB : 4 * KIB;
	if (pages && cxms_cfg_get(map, "footprint")) {
		cxms_cfg_error(errs, pages, true,
			       "'pages' and 'footprint' say the same; give one of them");
	} else if (pages) {
		opt_quantity(map, "pages", CXMS_UNIT_COUNT, 1, MAX_PAGES, &n_pages, errs);
		p->array_bytes[0] = n_pages * p->page_bytes;
	}
	opt_quantity(map, "footprint", CXMS_UNIT_BYTES, CXMS_LINE_BYTES, TIB, &p->array_bytes[0],
		     errs);
	opt_quantity(map, "footprint2", CXMS_UNIT_BYTES, CXMS_LINE_BYTES, TIB, &p->array_bytes[1],
		     errs);
	p->array_bytes[0] = whole_pages(p->array_bytes[0], p->page_bytes);
	p->array_bytes[1] = whole_pages(p->array_bytes[1], p->page_bytes);
}

static void parse_shares(const struct cxms_cfg_node *map, struct cxms_synth_pattern *p,
			 struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *share2 = cxms_cfg_get(map, "share2");
	const struct cxms_cfg_node *at = cxms_cfg_get(map, "kernel");

	opt_share(map, "stall", 1.0, &p->stall, errs);
	opt_share(map, "kernel", 1.0, &p->kernel, errs);
	opt_share(map, "share2", 1.0, &p->share2, errs);
	opt_share(map, "blocked", 0.99, &p->blocked, errs);
	opt_share(map, "stores", 1.0, &p->stores, errs);
	/* 1e-9: decimal shares such as 0.9 and 0.1 need not add up to 1 in binary. */
	if (p->stall + p->kernel > 1.0 + 1e-9)
		cxms_cfg_error(errs, at ? at : map, at != NULL,
			       "'stall' and 'kernel' together exceed 1; lower one of them");
	if (share2 && !cxms_cfg_get(map, "footprint2"))
		cxms_cfg_error(errs, share2, true,
			       "'share2' without a second array; give 'footprint2'");
}

static void parse_map(const struct cxms_cfg_node *map, struct cxms_synth_pattern *p,
		      struct cxms_cfg_errors *errs)
{
	static const char *const access_words[] = {"chase", "stream", "random", NULL};
	const struct cxms_cfg_node *access = cxms_cfg_get(map, "access");
	uint64_t loop = p->loop_insns;
	int word = (int)p->access;

	if (map->type != CXMS_CFG_MAP) {
		cxms_cfg_error(errs, map, false,
			       "a pattern is a map such as {threads: 2, stall: 0.6}");
		return;
	}
	cxms_cfg_only(map, keys, errs);
	opt_quantity(map, "threads", CXMS_UNIT_COUNT, 1, CXMS_SYNTH_CPUS, &p->threads, errs);
	opt_time_ns(map, "duration", 1000000, 3600 * CXMS_NS_PER_S, &p->duration_ns, errs);
	opt_time_ns(map, "period", 1000, CXMS_NS_PER_S, &p->period_ns, errs);
	opt_quantity(map, "loop", CXMS_UNIT_COUNT, 0, UINT16_MAX, &loop, errs);
	p->loop_insns = (uint16_t)loop;
	if (cxms_cfg_get(map, "turn"))
		opt_quantity(map, "turn", CXMS_UNIT_TIME_PS, 100, CXMS_PS_PER_NS * 1000000,
			     &p->turn_ps, errs);
	if (access && cxms_cfg_word(access, access_words, &word, errs))
		p->access = (enum cxms_synth_access)word;
	opt_bool(map, "faults", &p->faults, errs);
	opt_bool(map, "exact", &p->exact, errs);
	parse_arrays(map, p, errs);
	parse_shares(map, p, errs);
}

int cxms_synth_parse(const char *text, uint64_t period_ns, struct cxms_synth_pattern *out,
		     struct cxms_err *err)
{
	struct cxms_synth_pattern p = {
		.threads = 1,
		.duration_ns = CXMS_NS_PER_S,
		.period_ns = period_ns,
		.array_bytes = {256 * MIB, 0},
		.stall = 0.5,
		.access = CXMS_SYNTH_RANDOM,
		.loop_insns = 8,
		.faults = true,
		.exact = true,
	};
	struct cxms_cfg_errors errs = {0};
	struct cxms_cfg *cfg = NULL;
	int rc;

	rc = cxms_cfg_load_yaml_mem("pattern", text, strlen(text), &cfg, err);
	if (rc)
		goto out;
	parse_map(cxms_cfg_root(cfg), &p, &errs);
	if (errs.n) {
		rc = cxms_fail(err, EINVAL, "%.*s", (int)(errs.len ? errs.len - 1 : 0),
			       errs.text ? errs.text : "");
		goto out;
	}
	*out = p;
out:
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_free(cfg);
	return rc;
}

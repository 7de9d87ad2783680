#include "source/machine_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cfg.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/sys.h"

#define CACHE_SCHEMA	   7
#define DIGITS_MAX	   17
#define MEM_STEP_BYTES	   (256ull * 1024 * 1024) /* MemTotal differs a little between boots */
#define LATENCY_MAX_PS	   1000000000ull	  /* 1 ms: nothing slower is memory */
#define SAMPLE_COST_MAX_NS 1000000ull		  /* 1 ms: no sample takes as long */
#define STAIR_MAX_BYTES	   (1ull << 40)

static uint64_t mix(uint64_t h, uint64_t v)
{
	return cxms_hash_u64(h ^ v);
}

static uint64_t mix_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = mix(h, (unsigned char)*s);
	return mix(h, 256);
}

static void identity(const struct cxms_facts *f, char out[DIGITS_MAX])
{
	uint64_t h = CACHE_SCHEMA;

	h = mix_text(h, f->cpu);
	h = mix_text(h, f->kernel);
	h = mix_text(h, f->machine);
	h = mix(h, f->n_cpu);
	h = mix(h, f->page_bytes);
	h = mix(h, f->l1d_bytes);
	h = mix(h, f->l2_bytes);
	h = mix(h, f->llc_bytes);
	h = mix(h, (f->mem_total_bytes + MEM_STEP_BYTES / 2) / MEM_STEP_BYTES);
	snprintf(out, DIGITS_MAX, "%016" PRIx64, h);
}

/* Services have homes that are not there (/nonexistent): made by root, they would be. */
static bool is_home(const char *path)
{
	struct stat st;

	return path && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The XDG base directory specification: a relative path is to be ignored. */
static int cache_dir(char *out, size_t cap)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (xdg && xdg[0] == '/')
		n = snprintf(out, cap, "%s/cxlmemsim", xdg);
	else if (is_home(home))
		n = snprintf(out, cap, "%s/.cache/cxlmemsim", home);
	else
		return -ENOENT;
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

int cxms_machine_cache_path(const struct cxms_facts *facts, char *out, size_t cap)
{
	char dir[PATH_MAX], digits[DIGITS_MAX];
	int n, rc = cache_dir(dir, sizeof(dir));

	if (rc)
		return rc;
	identity(facts, digits);
	n = snprintf(out, cap, "%s/machine-%s.yaml", dir, digits);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

/* A child of @map that has to be there. */
static const struct cxms_cfg_node *need(const struct cxms_cfg_node *map, const char *key,
					struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, key);

	if (!n)
		cxms_cfg_error(errs, map, false, "'%s' is missing", key);
	return n;
}

static void read_u64(const struct cxms_cfg_node *map, const char *key, uint64_t min, uint64_t max,
		     uint64_t *out, struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *n = need(map, key, errs);

	if (n)
		(void)cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, min, max, out, errs);
}

static void read_stair(const struct cxms_cfg_node *list, struct cxms_facts *f,
		       struct cxms_cfg_errors *errs)
{
	if (list->type != CXMS_CFG_SEQ || list->n_child < 1 || list->n_child > CXMS_STAIR_MAX) {
		cxms_cfg_error(errs, list, false, "'stair' must be a list of 1 .. %d steps",
			       CXMS_STAIR_MAX);
		return;
	}
	for (size_t i = 0; i < list->n_child; i++) {
		uint64_t min_bytes = i ? f->stair_bytes[i - 1] + 1 : 1;
		uint64_t min_ps = i ? f->stair_ps[i - 1] : 1;

		read_u64(list->child[i], "bytes", min_bytes, STAIR_MAX_BYTES, &f->stair_bytes[i],
			 errs);
		read_u64(list->child[i], "ps", min_ps, LATENCY_MAX_PS, &f->stair_ps[i], errs);
		f->walk_bytes[i] = f->stair_bytes[i];
		read_u64(list->child[i], "walk_ps", 0, LATENCY_MAX_PS, &f->walk_step_ps[0][i],
			 errs);
		read_u64(list->child[i], "huge_walk_ps", 0, LATENCY_MAX_PS, &f->walk_step_ps[1][i],
			 errs);
		read_u64(list->child[i], "walk_high_ps", 0, LATENCY_MAX_PS, &f->walk_high_ps[0][i],
			 errs);
		read_u64(list->child[i], "huge_walk_high_ps", 0, LATENCY_MAX_PS,
			 &f->walk_high_ps[1][i], errs);
	}
	f->n_stair = f->n_walk = (uint32_t)list->n_child;
}

static void read_facts(const struct cxms_cfg_node *root, struct cxms_facts *f,
		       struct cxms_cfg_errors *errs)
{
	const struct cxms_cfg_node *who = need(root, "identity", errs);
	const struct cxms_cfg_node *stair = need(root, "stair", errs);
	char digits[DIGITS_MAX];
	uint64_t schema = 0;

	identity(f, digits);
	read_u64(root, "schema", CACHE_SCHEMA, CACHE_SCHEMA, &schema, errs);
	if (who && (who->type != CXMS_CFG_SCALAR || strcmp(who->text, digits)))
		cxms_cfg_error(errs, who, false, "measured on another machine");
	read_u64(root, "mem_latency_ps", 1, LATENCY_MAX_PS, &f->mem_latency_ps, errs);
	read_u64(root, "walk_ps", 0, LATENCY_MAX_PS, &f->walk_ps, errs);
	read_u64(root, "llc_latency_ps", 1, LATENCY_MAX_PS, &f->llc_latency_ps, errs);
	read_u64(root, "sample_cost_ns", 0, SAMPLE_COST_MAX_NS, &f->sample_cost_ns, errs);
	read_u64(root, "stop_cost_ns", 0, SAMPLE_COST_MAX_NS, &f->stop_cost_ns, errs);
	if (stair)
		read_stair(stair, f, errs);
}

bool cxms_machine_cache_load(struct cxms_facts *facts, struct cxms_log *log)
{
	struct cxms_cfg_errors errs = {0};
	struct cxms_facts f = *facts;
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	char path[PATH_MAX];
	bool ok = false;

	if (cxms_machine_cache_path(facts, path, sizeof(path)))
		return false;
	if (cxms_cfg_load_yaml(path, &cfg, &err)) {
		if (err.code != ENOENT)
			cxms_log(log, CXMS_LOG_NORMAL, "ignoring a%s measurement: %s",
				 err.code == EINVAL ? " damaged" : "n unreadable", err.msg);
		goto out;
	}
	read_facts(cxms_cfg_root(cfg), &f, &errs);
	if (errs.n) {
		cxms_log(log, CXMS_LOG_NORMAL, "ignoring a damaged measurement: %.*s",
			 (int)strcspn(errs.text ? errs.text : "", "\n"),
			 errs.text ? errs.text : "");
		goto out;
	}
	*facts = f;
	ok = true;
	cxms_log(log, CXMS_LOG_INFO, "memory latency of this machine from '%s'", path);
out:
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_free(cfg);
	return ok;
}

static void print_facts(const struct cxms_facts *f, FILE *fp)
{
	char digits[DIGITS_MAX];

	identity(f, digits);
	fprintf(fp,
		"# measured by cxlmemsim; delete this file to measure again\n"
		"schema: %d\n"
		"identity: \"%s\"\n"
		"mem_latency_ps: %" PRIu64 "\n"
		"walk_ps: %" PRIu64 "\n"
		"llc_latency_ps: %" PRIu64 "\n"
		"sample_cost_ns: %" PRIu64 "\n"
		"stop_cost_ns: %" PRIu64 "\n"
		"stair:\n",
		CACHE_SCHEMA, digits, f->mem_latency_ps, f->walk_ps, f->llc_latency_ps,
		f->sample_cost_ns, f->stop_cost_ns);
	for (uint32_t i = 0; i < f->n_stair; i++)
		fprintf(fp,
			"  - {bytes: %" PRIu64 ", ps: %" PRIu64 ", walk_ps: %" PRIu64
			", huge_walk_ps: %" PRIu64 ", walk_high_ps: %" PRIu64
			", huge_walk_high_ps: %" PRIu64 "}\n",
			f->stair_bytes[i], f->stair_ps[i], f->walk_step_ps[0][i],
			f->walk_step_ps[1][i], f->walk_high_ps[0][i], f->walk_high_ps[1][i]);
}

int cxms_machine_cache_save(const struct cxms_facts *facts, struct cxms_err *err)
{
	struct cxms_outfile f = {0};
	char path[PATH_MAX], dir[PATH_MAX];
	int rc = cache_dir(dir, sizeof(dir));

	if (!rc)
		rc = cxms_machine_cache_path(facts, path, sizeof(path));
	if (rc)
		return cxms_fail(err, -rc,
				 "no cache directory; set XDG_CACHE_HOME, or HOME to a folder that "
				 "is there");
	rc = cxms_mkdirs(dir, err);
	if (!rc)
		rc = cxms_outfile_open(&f, path, err);
	if (rc)
		return rc;
	print_facts(facts, f.fp);
	return cxms_outfile_commit(&f, err);
}

#include "source/calib_store.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cfg.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "source/machine_cache.h"

#define SCHEMA "1"

/* Every number of the predictor, by its key in the file. */
static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{"memory_a", offsetof(struct cxms_predictor, a)},
	{"memory_b", offsetof(struct cxms_predictor, b)},
	{"memory_d", offsetof(struct cxms_predictor, d)},
	{"memory_residual", offsetof(struct cxms_predictor, residual[CXMS_TERM_DRAM])},
	{"memory_points", offsetof(struct cxms_predictor, points[CXMS_TERM_DRAM])},
	{"cache_slope", offsetof(struct cxms_predictor, cache)},
	{"cache_offset", offsetof(struct cxms_predictor, cache_offset)},
	{"cache_residual", offsetof(struct cxms_predictor, residual[CXMS_TERM_CACHE])},
	{"cache_points", offsetof(struct cxms_predictor, points[CXMS_TERM_CACHE])},
	{"store_slope", offsetof(struct cxms_predictor, store)},
	{"store_offset", offsetof(struct cxms_predictor, store_offset)},
	{"store_residual", offsetof(struct cxms_predictor, residual[CXMS_TERM_STORE])},
	{"store_points", offsetof(struct cxms_predictor, points[CXMS_TERM_STORE])},
	{"added_ps", offsetof(struct cxms_predictor, added_ps)},
};
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))
static_assert(sizeof(struct cxms_predictor) == N_NUMBERS * sizeof(double),
	      "a number of the predictor has no key");

int cxms_calib_path(const struct cxms_facts *facts, char *out, size_t cap)
{
	char machine[PATH_MAX];
	int rc = cxms_machine_cache_path(facts, machine, sizeof(machine));
	char *name = rc ? NULL : strrchr(machine, '/');
	int n;

	if (rc)
		return rc;
	*name = '\0';
	n = snprintf(out, cap, "%s/calibration%s", machine, strchr(name + 1, '-'));
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static double *member(struct cxms_predictor *p, size_t i)
{
	return (double *)((char *)p + numbers[i].offset);
}

static const char *text_of(const struct cxms_cfg_node *root, const char *key)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(root, key);

	return n && n->type == CXMS_CFG_SCALAR ? n->text : "";
}

/* The digits of the file's name, and every number; NULL or the key that is wrong. */
static const char *read_numbers(const struct cxms_cfg_node *root, const char *path,
				struct cxms_predictor *out)
{
	const char *identity = text_of(root, "identity");

	if (strcmp(text_of(root, "schema"), SCHEMA))
		return "schema";
	if (!*identity || !strstr(path, identity))
		return "identity";
	for (size_t i = 0; i < N_NUMBERS; i++) {
		const char *text = text_of(root, numbers[i].key);
		char *end;
		double v = strtod(text, &end);

		if (end == text || *end || !isfinite(v))
			return numbers[i].key;
		*member(out, i) = v;
	}
	return out->added_ps > 0 ? NULL : "added_ps";
}

bool cxms_calib_load(struct cxms_facts *facts, struct cxms_log *log)
{
	struct cxms_predictor p = {0};
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	char path[PATH_MAX];
	const char *wrong;

	if (cxms_calib_path(facts, path, sizeof(path)))
		return false;
	if (cxms_cfg_load_yaml(path, &cfg, &err)) {
		if (err.code != ENOENT)
			cxms_log(log, CXMS_LOG_NORMAL, "ignoring a damaged calibration: %s",
				 err.msg);
		cxms_cfg_free(cfg);
		return false;
	}
	wrong = read_numbers(cxms_cfg_root(cfg), path, &p);
	cxms_cfg_free(cfg);
	if (wrong) {
		cxms_log(log, CXMS_LOG_NORMAL, "ignoring a damaged calibration: '%s' in '%s'",
			 wrong, path);
		return false;
	}
	facts->predictor = p;
	cxms_log(log, CXMS_LOG_INFO, "calibration of this machine from '%s'", path);
	return true;
}

static void print_numbers(const struct cxms_facts *facts, const char *path, FILE *fp)
{
	struct cxms_predictor p = facts->predictor;
	const char *digits = strrchr(path, '-') + 1;

	fprintf(fp,
		"# fitted by cxlmemsim calibrate; delete this file to predict without\n"
		"schema: %s\n"
		"identity: \"%.*s\"\n",
		SCHEMA, (int)strcspn(digits, "."), digits);
	for (size_t i = 0; i < N_NUMBERS; i++)
		fprintf(fp, "%s: %.17g\n", numbers[i].key, *member(&p, i));
}

int cxms_calib_save(const struct cxms_facts *facts, struct cxms_err *err)
{
	struct cxms_outfile f = {0};
	char path[PATH_MAX], dir[PATH_MAX];
	int rc = cxms_calib_path(facts, path, sizeof(path));

	if (rc)
		return cxms_fail(err, -rc,
				 "no cache directory; set XDG_CACHE_HOME, or HOME to a folder that "
				 "is there");
	memcpy(dir, path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	rc = cxms_mkdirs(dir, err);
	if (!rc)
		rc = cxms_outfile_open(&f, path, err);
	if (rc)
		return rc;
	print_numbers(facts, path, f.fp);
	return cxms_outfile_commit(&f, err);
}

/* Fuzz target: any bytes as a YAML file; typed getters walk what was accepted. */
#include <stddef.h>
#include <stdint.h>

#include "base/cfg.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct cxms_cfg_node *n, struct cxms_cfg_errors *errs)
{
	static const char *const known[] = {"latency", "bandwidth", NULL};
	uint64_t u;
	double d;
	bool truth;
	int word;
	cxms_cfg_only(n, known, errs);
	cxms_cfg_quantity(n, CXMS_UNIT_TIME_PS, 3000000000, 1, CXMS_PS_PER_S, &u, errs);
	cxms_cfg_quantity(n, CXMS_UNIT_COUNT, 0, 0, UINT64_MAX, &u, errs);
	cxms_cfg_double(n, 0, 1, &d, errs);
	cxms_cfg_bool(n, &truth, errs);
	cxms_cfg_word(n, known, &word, errs);
	for (size_t i = 0; i < n->n_child; i++)
		walk(n->child[i], errs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cxms_cfg *cfg = NULL;
	struct cxms_err err = {0};
	struct cxms_cfg_errors errs = {0};
	if (cxms_cfg_load_yaml_mem("fuzz.yaml", data, size, &cfg, &err) == 0)
		walk(cxms_cfg_root(cfg), &errs);
	cxms_cfg_errors_fini(&errs);
	cxms_cfg_free(cfg);
	return 0;
}

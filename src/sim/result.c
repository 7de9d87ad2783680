#include "sim/result.h"

#include <stdlib.h>

void cxms_result_free(struct cxms_result *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_split; i++) {
		free(r->split[i].thread);
		free(r->split[i].target);
	}
	free(r->split);
	for (size_t i = 0; i < r->n_argv; i++)
		free((char *)(uintptr_t)r->argv[i]);
	free(r->argv);
	free(r);
}

const char *cxms_cause_name(enum cxms_cause cause)
{
	static const char *const names[CXMS_CAUSE_COUNT] = {
		[CXMS_CAUSE_COMPUTE] = "compute",
		[CXMS_CAUSE_KERNEL] = "kernel",
		[CXMS_CAUSE_BLOCKED] = "blocked",
		[CXMS_CAUSE_LOCAL] = "local",
		[CXMS_CAUSE_CXL_LATENCY] = "cxl_latency",
		[CXMS_CAUSE_CXL_BANDWIDTH] = "cxl_bandwidth",
		[CXMS_CAUSE_SWITCH] = "switch",
		[CXMS_CAUSE_MIGRATION] = "migration",
	};
	return names[cause];
}

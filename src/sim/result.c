#include "sim/result.h"

#include <math.h>
#include <stdlib.h>

void cxms_split_result_fini(struct cxms_split_result *s)
{
	free(s->thread);
	free(s->target);
	free(s->server);
	free(s->tenant);
	*s = (struct cxms_split_result){0};
}

void cxms_result_free(struct cxms_result *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_split; i++)
		cxms_split_result_fini(&r->split[i]);
	free(r->split);
	for (size_t i = 0; i < r->n_argv; i++)
		free((char *)(uintptr_t)r->argv[i]);
	free(r->argv);
	free(r);
}

const char *cxms_traffic_name(enum cxms_traffic_how how)
{
	static const char *const names[] = {
		[CXMS_TRAFFIC_OPEN] = "open",
		[CXMS_TRAFFIC_CARRIED] = "carried",
		[CXMS_TRAFFIC_STREAM] = "stream",
		[CXMS_TRAFFIC_COUNTED] = "counted",
	};
	return names[how];
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

void cxms_split_set_causes(const double cause_ns[CXMS_CAUSE_COUNT], double scale,
			   struct cxms_split_result *out)
{
	uint64_t named = 0;
	for (int i = 0; i < CXMS_CAUSE_COUNT; i++) {
		uint64_t ns = (uint64_t)llround(fmax(0, cause_ns[i] * scale));
		if (i == CXMS_CAUSE_COMPUTE)
			continue;
		if (named + ns > out->time_ns)
			ns = out->time_ns - named;
		out->causes_ns[i] = ns;
		named += ns;
	}
	out->causes_ns[CXMS_CAUSE_COMPUTE] = out->time_ns - named;
}

double cxms_fairness(const struct cxms_tenant_result *tenant, size_t n)
{
	double sum = 0, square = 0;
	for (size_t k = 0; k < n; k++) {
		double contention = tenant[k].contention_ratio;
		double progress = contention > 0 ? 1 / contention : 1;
		sum += progress;
		square += progress * progress;
	}
	return sum * sum / ((double)n * square);
}

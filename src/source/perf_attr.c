#include "source/perf_attr.h"

#include "base/buf.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* In every record, so that all rings can be put in one order. */
#define COMMON_SAMPLE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

static void side_band(struct perf_event_attr *a, bool build_ids)
{
	a->config = PERF_COUNT_SW_DUMMY;
	a->mmap = 1;
	a->mmap2 = 1;
	a->mmap_data = 1;
	a->comm = 1;
	a->comm_exec = 1;
	a->task = 1;
	a->context_switch = 1;
	a->build_id = build_ids;
}

void cxms_perf_attr(enum cxms_perf_event event, uint64_t period_ns, uint32_t wake_bytes,
		    bool build_ids, struct perf_event_attr *out)
{
	struct perf_event_attr *a = out;

	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->type = PERF_TYPE_SOFTWARE;
	a->sample_type = COMMON_SAMPLE;
	a->disabled = 1;
	a->enable_on_exec = 1;
	a->inherit = 1;
	a->exclude_kernel = 1;
	a->exclude_hv = 1;
	a->sample_id_all = 1;
	a->use_clockid = 1;
	a->clockid = CLOCK_MONOTONIC;
	a->watermark = 1;
	a->wakeup_watermark = wake_bytes;
	switch (event) {
	case CXMS_PERF_SAMPLES:
		a->config = PERF_COUNT_SW_CPU_CLOCK;
		a->sample_period = period_ns;
		a->sample_type |= PERF_SAMPLE_IP | PERF_SAMPLE_REGS_USER;
		a->sample_regs_user = CXMS_PERF_REGS;
		break;
	case CXMS_PERF_FAULTS:
		a->config = PERF_COUNT_SW_PAGE_FAULTS;
		a->sample_period = 1;
		a->sample_type |= PERF_SAMPLE_IP | PERF_SAMPLE_ADDR;
		break;
	default:
		side_band(a, build_ids);
		break;
	}
}

static void print_field(struct cxms_buf *out, const char *name, uint64_t value)
{
	if (value)
		cxms_buf_printf(out, "%s=%" PRIu64 "\n", name, value);
}

void cxms_perf_attr_print(const struct perf_event_attr *a, struct cxms_buf *out)
{
#define FIELD(name) print_field(out, #name, a->name)
	cxms_buf_printf(out, "type=%" PRIu32 "\nconfig=%" PRIu64 "\n", (uint32_t)a->type,
			(uint64_t)a->config);
	FIELD(size);
	FIELD(sample_period);
	cxms_buf_printf(out, "sample_type=0x%" PRIx64 "\n", (uint64_t)a->sample_type);
	FIELD(disabled);
	FIELD(inherit);
	FIELD(exclude_kernel);
	FIELD(exclude_hv);
	FIELD(mmap);
	FIELD(mmap2);
	FIELD(mmap_data);
	FIELD(comm);
	FIELD(comm_exec);
	FIELD(task);
	FIELD(context_switch);
	FIELD(build_id);
	FIELD(enable_on_exec);
	FIELD(sample_id_all);
	FIELD(watermark);
	FIELD(wakeup_watermark);
	FIELD(use_clockid);
	if (a->use_clockid)
		cxms_buf_printf(out, "clockid=%d\n", (int)a->clockid);
	if (a->sample_regs_user)
		cxms_buf_printf(out, "sample_regs_user=0x%" PRIx64 "\n",
				(uint64_t)a->sample_regs_user);
#undef FIELD
	cxms_buf_printf(out, "\n");
}

const char *cxms_perf_event_name(enum cxms_perf_event event)
{
	static const char *const names[] = {"samples", "faults", "side"};

	return (unsigned)event < CXMS_PERF_EVENT_COUNT ? names[event] : "?";
}

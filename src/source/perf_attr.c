#include "source/perf_attr.h"

#include "base/buf.h"
#include "source/pmu.h"
#include "source/thin.h"

#include <inttypes.h>
#include <linux/hw_breakpoint.h>
#include <string.h>
#include <time.h>

/* In every record, so that all rings can be put in one order. */
#define COMMON_SAMPLE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

static void side_band(struct perf_event_attr *a, bool build_ids)
{
	a->config = PERF_COUNT_SW_PAGE_FAULTS;
	a->sample_period = CXMS_THIN_PERIOD;
	a->sample_type |= PERF_SAMPLE_IP | PERF_SAMPLE_ADDR;
	a->mmap = 1;
	a->mmap2 = 1;
	a->mmap_data = 1;
	a->comm = 1;
	a->comm_exec = 1;
	a->task = 1;
	a->context_switch = 1;
	a->build_id = build_ids;
}

static void common(struct perf_event_attr *a, uint32_t type)
{
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->type = type;
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
}

static void set_code(struct perf_event_attr *a, const struct cxms_pmu_code *code)
{
	a->config = code->config[0];
	a->config1 = code->config[1];
	a->config2 = code->config[2];
}

void cxms_perf_attr_access(const struct cxms_pmu_code *code, uint64_t rate_hz, unsigned precise,
			   bool raw, struct perf_event_attr *out)
{
	common(out, code->type);
	set_code(out, code);
	out->freq = 1;
	out->sample_freq = rate_hz;
	out->precise_ip = precise & 3;
	out->pinned = 1;
	out->sample_type |= PERF_SAMPLE_IP | PERF_SAMPLE_ADDR | PERF_SAMPLE_PERIOD |
			    PERF_SAMPLE_WEIGHT_STRUCT | PERF_SAMPLE_DATA_SRC |
			    PERF_SAMPLE_PHYS_ADDR;
	if (raw)
		out->sample_type |= PERF_SAMPLE_RAW;
}

void cxms_perf_attr_leader(const struct cxms_pmu_code *code, struct perf_event_attr *out)
{
	common(out, code->type);
	set_code(out, code);
	out->sample_type = 0;
	out->watermark = 0;
	out->pinned = 1;
}

void cxms_perf_attr(enum cxms_perf_event event, uint64_t period_ns, uint32_t wake_bytes,
		    bool build_ids, struct perf_event_attr *out)
{
	struct perf_event_attr *a = out;

	common(a, PERF_TYPE_SOFTWARE);
	a->read_format = CXMS_PERF_FORMAT_LOST;
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

/* Of one thread that runs already, told at once. */
static void of_one_thread(struct perf_event_attr *a)
{
	a->enable_on_exec = 0;
	a->inherit = 0;
	a->watermark = 0;
}

void cxms_perf_attr_note(struct perf_event_attr *out)
{
	common(out, PERF_TYPE_SOFTWARE);
	of_one_thread(out);
	out->config = PERF_COUNT_SW_DUMMY;
	out->disabled = 0;
	out->comm = 1;
}

void cxms_perf_attr_watch(uint64_t addr, struct perf_event_attr *out)
{
	common(out, PERF_TYPE_BREAKPOINT);
	of_one_thread(out);
	out->bp_type = HW_BREAKPOINT_RW;
	out->bp_addr = addr;
	out->bp_len = HW_BREAKPOINT_LEN_8;
	out->sample_period = 1;
	out->sample_type |= PERF_SAMPLE_IP | PERF_SAMPLE_ADDR;
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
	FIELD(bp_type);
	FIELD(config1);
	FIELD(config2);
	FIELD(size);
	print_field(out, a->freq ? "sample_freq" : "sample_period", a->sample_period);
	FIELD(freq);
	cxms_buf_printf(out, "sample_type=0x%" PRIx64 "\n", (uint64_t)a->sample_type);
	FIELD(read_format);
	FIELD(disabled);
	FIELD(inherit);
	FIELD(pinned);
	FIELD(exclude_kernel);
	FIELD(exclude_hv);
	FIELD(precise_ip);
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

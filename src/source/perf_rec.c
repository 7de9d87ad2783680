#include "source/perf_rec.h"

#include "trace/event.h"

#include <string.h>

/* sample_id at the end of every record that is no sample: pid, tid, time, cpu, reserved. */
#define TRAILER_BYTES 24u
/* In samples the time comes after header, ip, and pid with tid. */
#define SAMPLE_TIME_AT 24u

static uint64_t u64_at(const struct perf_event_header *h, size_t at)
{
	uint64_t v;

	memcpy(&v, (const uint8_t *)h + at, sizeof(v));
	return v;
}

static uint32_t u32_at(const struct perf_event_header *h, size_t at)
{
	uint32_t v;

	memcpy(&v, (const uint8_t *)h + at, sizeof(v));
	return v;
}

bool cxms_perf_rec_time(const struct perf_event_header *h, uint64_t *time_ns)
{
	if (h->type == PERF_RECORD_SAMPLE) {
		if (h->size < SAMPLE_TIME_AT + 8)
			return false;
		*time_ns = u64_at(h, SAMPLE_TIME_AT);
		return true;
	}
	if (h->size < sizeof(*h) + TRAILER_BYTES)
		return false;
	*time_ns = u64_at(h, h->size - TRAILER_BYTES + 8);
	return true;
}

/* header, ip, pid tid, time, cpu res, abi, registers */
static bool parse_sample(const struct perf_event_header *h, struct cxms_perf_rec *out)
{
	if (h->size < 48)
		return false;
	out->sample.ip = u64_at(h, 8);
	out->cpu = u32_at(h, 32);
	out->sample.abi = u64_at(h, 40);
	out->sample.gpr = NULL;
	out->sample.has_no_regs = false;
	out->sample.period_ns = 0;
	if (out->sample.abi == PERF_SAMPLE_REGS_ABI_NONE)
		return true;
	if (h->size < 48 + CXMS_PERF_REG_COUNT * 8)
		return false;
	out->sample.gpr = (const void *)((const uint8_t *)h + 48);
	return true;
}

/* header, ip, pid tid, time, addr, cpu res */
static bool parse_fault(const struct perf_event_header *h, struct cxms_perf_rec *out)
{
	if (h->size < 48)
		return false;
	out->fault.ip = u64_at(h, 8);
	out->fault.addr = u64_at(h, 32);
	out->cpu = u32_at(h, 40);
	return true;
}

/* The NUL-terminated text that fills [at, end of the body). */
static const char *text_at(const struct perf_event_header *h, size_t at, size_t end)
{
	const char *s = (const char *)h + at;

	return at < end && memchr(s, 0, end - at) ? s : NULL;
}

static bool parse_map(const struct perf_event_header *h, size_t end, struct cxms_perf_rec *out)
{
	const uint8_t *id = (const uint8_t *)h + 40;

	if (end < 73)
		return false;
	memset(&out->map, 0, sizeof(out->map));
	out->pid = u32_at(h, 8);
	out->tid = u32_at(h, 12);
	out->map.addr = u64_at(h, 16);
	out->map.len = u64_at(h, 24);
	out->map.file_off = u64_at(h, 32);
	if (h->misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
		out->map.build_id_len = id[0];
		if (id[0] > CXMS_BUILD_ID_MAX)
			return false;
		out->map.build_id = id[0] ? id + 4 : NULL;
	} else {
		out->map.maj = u32_at(h, 40);
		out->map.min = u32_at(h, 44);
		out->map.ino = u64_at(h, 48);
	}
	out->map.prot = u32_at(h, 64);
	out->map.flags = u32_at(h, 68);
	out->map.path = text_at(h, 72, end);
	return out->map.path != NULL;
}

static bool parse_task(const struct perf_event_header *h, size_t end, struct cxms_perf_rec *out)
{
	if (end < 32)
		return false;
	out->pid = u32_at(h, 8);
	out->task.parent_pid = u32_at(h, 12);
	out->tid = u32_at(h, 16);
	out->task.parent_tid = u32_at(h, 20);
	return true;
}

static bool parse_comm(const struct perf_event_header *h, size_t end, struct cxms_perf_rec *out)
{
	if (end < 17)
		return false;
	out->pid = u32_at(h, 8);
	out->tid = u32_at(h, 12);
	out->comm.name = text_at(h, 16, end);
	return out->comm.name != NULL;
}

static bool parse_lost(const struct perf_event_header *h, size_t end, struct cxms_perf_rec *out)
{
	if (end < 24)
		return false;
	out->lost = u64_at(h, 16);
	return true;
}

bool cxms_perf_rec_parse(enum cxms_perf_event event, const struct perf_event_header *h,
			 struct cxms_perf_rec *out)
{
	size_t end = h->size - (size_t)TRAILER_BYTES;

	if (!cxms_perf_rec_time(h, &out->time_ns))
		return false;
	out->type = h->type;
	out->misc = h->misc;
	if (h->type == PERF_RECORD_SAMPLE) {
		out->pid = u32_at(h, 16);
		out->tid = u32_at(h, 20);
		return event == CXMS_PERF_SAMPLES ? parse_sample(h, out) : parse_fault(h, out);
	}
	out->pid = u32_at(h, end);
	out->tid = u32_at(h, end + 4);
	out->cpu = u32_at(h, end + 16);
	switch (h->type) {
	case PERF_RECORD_MMAP2:
		return parse_map(h, end, out);
	case PERF_RECORD_COMM:
		return parse_comm(h, end, out);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		return parse_task(h, end, out);
	case PERF_RECORD_LOST:
		return parse_lost(h, end, out);
	case PERF_RECORD_SWITCH:
	case PERF_RECORD_THROTTLE:
		return true;
	default:
		return false;
	}
}

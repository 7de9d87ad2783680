#include "source/perf_fields.h"

#include <string.h>

#include "base/buf.h"
#include "source/perf_attr.h"

/* In the trailer of records that are no samples, in this order. */
#define TRAILER_FIELDS                                                                             \
	(PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID |             \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER)

static unsigned count_bits(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

static void take_pair(struct cxms_cur *c, uint32_t *a, uint32_t *b)
{
	uint32_t first = cxms_cur_u32(c), second = cxms_cur_u32(c);

	*a = first;
	if (b)
		*b = second;
}

static void take_one(struct cxms_cur *c, uint64_t type, uint64_t bit, uint64_t *out)
{
	if (type & bit)
		*out = cxms_cur_u64(c);
}

static void take_count(struct cxms_cur *c, uint64_t format, struct cxms_perf_read *out)
{
	struct cxms_perf_count count = {.value = cxms_cur_u64(c)};

	take_one(c, format, PERF_FORMAT_ID, &count.id);
	if (format & CXMS_PERF_FORMAT_LOST)
		cxms_cur_u64(c);
	if (out && out->n < CXMS_PERF_READ_MAX && !c->failed)
		out->count[out->n++] = count;
}

static void take_times(struct cxms_cur *c, uint64_t format, struct cxms_perf_read *out)
{
	uint64_t enabled_ns = 0, running_ns = 0;

	take_one(c, format, PERF_FORMAT_TOTAL_TIME_ENABLED, &enabled_ns);
	take_one(c, format, PERF_FORMAT_TOTAL_TIME_RUNNING, &running_ns);
	if (!out)
		return;
	out->enabled_ns = enabled_ns;
	out->running_ns = running_ns;
}

/* A group tells its times before its counters, a counter alone in between its value and id. */
static void take_alone(struct cxms_cur *c, uint64_t format, struct cxms_perf_read *out)
{
	struct cxms_perf_count count = {.value = cxms_cur_u64(c)};

	take_times(c, format, out);
	take_one(c, format, PERF_FORMAT_ID, &count.id);
	if (format & CXMS_PERF_FORMAT_LOST)
		cxms_cur_u64(c);
	if (!out)
		return;
	out->count[0] = count;
	out->n = !c->failed;
}

size_t cxms_perf_read_fields(uint64_t format, const uint8_t *p, size_t len,
			     struct cxms_perf_read *out)
{
	struct cxms_cur c = {.p = p, .end = p + len};
	uint64_t n = 0;

	if (out)
		*out = (struct cxms_perf_read){0};
	if (format & PERF_FORMAT_GROUP) {
		n = cxms_cur_u64(&c);
		take_times(&c, format, out);
	} else {
		take_alone(&c, format, out);
	}
	for (uint64_t i = 0; i < n && !c.failed; i++)
		take_count(&c, format, out);
	return c.failed ? 0 : (size_t)(c.p - p);
}

bool cxms_perf_trailer_fields(const struct perf_event_attr *attr, const struct perf_event_header *h,
			      struct cxms_perf_sample *out, size_t *body_bytes)
{
	uint64_t type = attr->sample_id_all ? attr->sample_type & TRAILER_FIELDS : 0;
	size_t bytes = 8u * count_bits(type);
	const uint8_t *end = (const uint8_t *)h + h->size;
	struct cxms_cur c = {.p = end - bytes, .end = end};

	*out = (struct cxms_perf_sample){.has = type};
	if (h->size < sizeof(*h) + bytes)
		return false;
	if (type & PERF_SAMPLE_TID)
		take_pair(&c, &out->pid, &out->tid);
	take_one(&c, type, PERF_SAMPLE_TIME, &out->time_ns);
	take_one(&c, type, PERF_SAMPLE_ID, &out->id);
	take_one(&c, type, PERF_SAMPLE_STREAM_ID, &out->stream_id);
	if (type & PERF_SAMPLE_CPU)
		take_pair(&c, &out->cpu, NULL);
	take_one(&c, type, PERF_SAMPLE_IDENTIFIER, &out->id);
	*body_bytes = h->size - bytes;
	return true;
}

bool cxms_perf_regs_get(const struct cxms_perf_regs *regs, unsigned reg, uint64_t *out)
{
	uint64_t bit = UINT64_C(1) << reg;

	if (!regs->value || !(regs->mask & bit))
		return false;
	memcpy(out, regs->value + 8u * count_bits(regs->mask & (bit - 1)), sizeof(*out));
	return true;
}

struct cxms_perf_id_at cxms_perf_id_place(const struct perf_event_attr *attr)
{
	uint64_t type = attr->sample_type;
	const uint64_t before =
		PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR;
	const uint64_t behind = PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU;

	if (type & PERF_SAMPLE_IDENTIFIER)
		return (struct cxms_perf_id_at){.is_known = true, .sample = 8, .trailer = 8};
	if (!(type & PERF_SAMPLE_ID))
		return (struct cxms_perf_id_at){0};
	return (struct cxms_perf_id_at){.is_known = true,
					.sample = 8 + 8 * (int)count_bits(type & before),
					.trailer = 8 + 8 * (int)count_bits(type & behind)};
}

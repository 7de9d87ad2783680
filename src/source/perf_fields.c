#include "source/perf_fields.h"

#include <string.h>

#include "base/buf.h"

/* Parts of sample_type that linux/perf_event.h of older systems does not name. */
#define SAMPLE_DATA_PAGE_SIZE (UINT64_C(1) << 22)
#define SAMPLE_CODE_PAGE_SIZE (UINT64_C(1) << 23)
#define SAMPLE_WEIGHT_STRUCT  (UINT64_C(1) << 24)
#define BRANCH_HW_INDEX	      (UINT64_C(1) << 17)
#define BRANCH_COUNTERS	      (UINT64_C(1) << 19)
#define FORMAT_LOST	      (UINT64_C(1) << 4)
#define BRANCH_BYTES	      24u
/* In the trailer of records that are no samples, in this order. */
#define TRAILER_FIELDS                                                                             \
	(PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID |             \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER)

static unsigned count_bits(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

static void take_u64s(struct cxms_cur *c, uint64_t n)
{
	size_t left = (size_t)(c->end - c->p);

	if (n > left / 8)
		c->failed = true;
	else
		cxms_cur_bytes(c, (size_t)n * 8);
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

	if (format & PERF_FORMAT_ID)
		count.id = cxms_cur_u64(c);
	if (format & FORMAT_LOST)
		cxms_cur_u64(c);
	if (out->n < CXMS_PERF_READ_MAX && !c->failed)
		out->count[out->n++] = count;
}

static void take_read(struct cxms_cur *c, uint64_t format, struct cxms_perf_read *out)
{
	uint64_t n = 1;

	out->n = 0;
	if (format & PERF_FORMAT_GROUP) {
		n = cxms_cur_u64(c);
		take_one(c, format, PERF_FORMAT_TOTAL_TIME_ENABLED, &out->enabled_ns);
		take_one(c, format, PERF_FORMAT_TOTAL_TIME_RUNNING, &out->running_ns);
		for (uint64_t i = 0; i < n && !c->failed; i++)
			take_count(c, format, out);
		return;
	}
	out->count[0] = (struct cxms_perf_count){.value = cxms_cur_u64(c)};
	take_one(c, format, PERF_FORMAT_TOTAL_TIME_ENABLED, &out->enabled_ns);
	take_one(c, format, PERF_FORMAT_TOTAL_TIME_RUNNING, &out->running_ns);
	take_one(c, format, PERF_FORMAT_ID, &out->count[0].id);
	if (format & FORMAT_LOST)
		cxms_cur_u64(c);
	out->n = !c->failed;
}

size_t cxms_perf_read_fields(uint64_t format, const uint8_t *p, size_t len,
			     struct cxms_perf_read *out)
{
	struct cxms_cur c = {.p = p, .end = p + len};

	*out = (struct cxms_perf_read){0};
	take_read(&c, format, out);
	return c.failed ? 0 : (size_t)(c.p - p);
}

static void take_regs(struct cxms_cur *c, uint64_t mask, struct cxms_perf_regs *out)
{
	out->abi = cxms_cur_u64(c);
	if (c->failed || !out->abi)
		return;
	out->mask = mask;
	out->value = c->p;
	take_u64s(c, count_bits(mask));
}

/* What a sample points to: calls, raw data, branches; nothing of it is used. */
static void pass_over_lists(struct cxms_cur *c, const struct perf_event_attr *attr)
{
	uint64_t type = attr->sample_type, n;

	if (type & PERF_SAMPLE_CALLCHAIN)
		take_u64s(c, cxms_cur_u64(c));
	if (type & PERF_SAMPLE_RAW)
		cxms_cur_bytes(c, cxms_cur_u32(c));
	if (!(type & PERF_SAMPLE_BRANCH_STACK))
		return;
	n = cxms_cur_u64(c);
	if (attr->branch_sample_type & BRANCH_HW_INDEX)
		cxms_cur_u64(c);
	if (n > (size_t)(c->end - c->p) / BRANCH_BYTES)
		c->failed = true;
	take_u64s(c, c->failed ? 0 : n * (BRANCH_BYTES / 8));
	if (attr->branch_sample_type & BRANCH_COUNTERS)
		take_u64s(c, n);
}

static void pass_over_stack(struct cxms_cur *c)
{
	uint64_t bytes = cxms_cur_u64(c);

	if (c->failed || !bytes)
		return;
	if (bytes > (size_t)(c->end - c->p))
		c->failed = true;
	cxms_cur_bytes(c, c->failed ? 0 : (size_t)bytes);
	cxms_cur_u64(c);
}

static void take_tail(struct cxms_cur *c, const struct perf_event_attr *attr,
		      struct cxms_perf_fields *out)
{
	uint64_t type = attr->sample_type;

	if (type & PERF_SAMPLE_REGS_USER)
		take_regs(c, attr->sample_regs_user, &out->user);
	if (type & PERF_SAMPLE_STACK_USER)
		pass_over_stack(c);
	take_one(c, type, PERF_SAMPLE_WEIGHT | SAMPLE_WEIGHT_STRUCT, &out->weight);
	take_one(c, type, PERF_SAMPLE_DATA_SRC, &out->data_src);
	take_one(c, type, PERF_SAMPLE_TRANSACTION, &out->transaction);
	if (type & PERF_SAMPLE_REGS_INTR)
		take_regs(c, attr->sample_regs_intr, &out->intr);
	take_one(c, type, PERF_SAMPLE_PHYS_ADDR, &out->phys_addr);
	take_one(c, type, PERF_SAMPLE_CGROUP, &out->cgroup);
	take_one(c, type, SAMPLE_DATA_PAGE_SIZE, &out->data_page_bytes);
	take_one(c, type, SAMPLE_CODE_PAGE_SIZE, &out->code_page_bytes);
}

bool cxms_perf_sample_fields(const struct perf_event_attr *attr, const struct perf_event_header *h,
			     struct cxms_perf_fields *out)
{
	const uint8_t *p = (const uint8_t *)h;
	struct cxms_cur c = {.p = p + sizeof(*h), .end = p + h->size};
	uint64_t type = attr->sample_type;

	*out = (struct cxms_perf_fields){.has = type};
	take_one(&c, type, PERF_SAMPLE_IDENTIFIER, &out->id);
	take_one(&c, type, PERF_SAMPLE_IP, &out->ip);
	if (type & PERF_SAMPLE_TID)
		take_pair(&c, &out->pid, &out->tid);
	take_one(&c, type, PERF_SAMPLE_TIME, &out->time_ns);
	take_one(&c, type, PERF_SAMPLE_ADDR, &out->addr);
	take_one(&c, type, PERF_SAMPLE_ID, &out->id);
	take_one(&c, type, PERF_SAMPLE_STREAM_ID, &out->stream_id);
	if (type & PERF_SAMPLE_CPU)
		take_pair(&c, &out->cpu, NULL);
	take_one(&c, type, PERF_SAMPLE_PERIOD, &out->period);
	if (type & PERF_SAMPLE_READ)
		take_read(&c, attr->read_format, &out->read);
	pass_over_lists(&c, attr);
	take_tail(&c, attr, out);
	return !c.failed;
}

bool cxms_perf_trailer_fields(const struct perf_event_attr *attr, const struct perf_event_header *h,
			      struct cxms_perf_fields *out, size_t *body_bytes)
{
	uint64_t type = attr->sample_id_all ? attr->sample_type & TRAILER_FIELDS : 0;
	size_t bytes = 8u * count_bits(type);
	const uint8_t *end = (const uint8_t *)h + h->size;
	struct cxms_cur c = {.p = end - bytes, .end = end};

	*out = (struct cxms_perf_fields){.has = type};
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

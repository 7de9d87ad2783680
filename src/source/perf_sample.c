#include "source/perf_sample.h"

#include <string.h>

#include "source/perf_fields.h"

/* Parts of sample_type that linux/perf_event.h of older systems does not name. */
#define SAMPLE_DATA_PAGE_SIZE (UINT64_C(1) << 22)
#define SAMPLE_CODE_PAGE_SIZE (UINT64_C(1) << 23)
#define SAMPLE_WEIGHT_STRUCT  (UINT64_C(1) << 24)
#define BRANCH_HW_INDEX	      (UINT64_C(1) << 17)
#define BRANCH_COUNTERS	      (UINT64_C(1) << 19)
/* struct perf_branch_entry: from, to, flags */
#define BRANCH_WORDS 3u

struct walk {
	const uint8_t *p;
	size_t left;
	uint64_t type; /* sample_type */
	bool failed;
};

/* The bytes here, and @bytes further on; NULL when the record ends before. */
static const uint8_t *skip(struct walk *w, uint64_t bytes)
{
	const uint8_t *p = w->p;

	if (w->failed || bytes > w->left) {
		w->failed = true;
		return NULL;
	}
	w->p += bytes;
	w->left -= (size_t)bytes;
	return p;
}

static const uint8_t *skip_words(struct walk *w, uint64_t n)
{
	if (n > w->left / 8)
		w->failed = true;
	return skip(w, w->failed ? 0 : n * 8);
}

static uint64_t take(struct walk *w)
{
	const uint8_t *p = skip(w, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

static void take_if(struct walk *w, uint64_t bit, uint64_t *out)
{
	if (w->type & bit)
		*out = take(w);
}

static void take_pair(struct walk *w, uint32_t *a, uint32_t *b)
{
	uint64_t v = take(w);

	*a = (uint32_t)v;
	if (b)
		*b = (uint32_t)(v >> 32);
}

static void take_read(struct walk *w, uint64_t format, struct cxms_perf_sample *out)
{
	out->read_bytes = cxms_perf_read_fields(format, w->p, w->left, NULL);
	w->failed = w->failed || !out->read_bytes;
	out->read = skip(w, out->read_bytes);
}

static void take_raw(struct walk *w, struct cxms_perf_sample *out)
{
	const uint8_t *p = skip(w, sizeof(uint32_t));

	if (!p)
		return;
	memcpy(&out->raw_bytes, p, sizeof(out->raw_bytes));
	out->raw = skip(w, out->raw_bytes);
}

static void skip_branches(struct walk *w, uint64_t branch_type)
{
	uint64_t n = take(w);

	if (branch_type & BRANCH_HW_INDEX)
		take(w);
	if (n > w->left / 8)
		w->failed = true;
	skip_words(w, w->failed ? 0 : n * BRANCH_WORDS);
	if (branch_type & BRANCH_COUNTERS)
		skip_words(w, n);
}

static void take_regs(struct walk *w, uint64_t mask, struct cxms_perf_regs *out)
{
	out->abi = take(w);
	if (out->abi == PERF_SAMPLE_REGS_ABI_NONE)
		return;
	out->mask = mask;
	out->value = skip_words(w, (uint64_t)__builtin_popcountll(mask));
}

static void skip_stack(struct walk *w)
{
	uint64_t bytes = take(w);

	if (!bytes)
		return;
	skip(w, bytes);
	take(w); /* how much of it was written */
}

/* Up to and with the raw data. */
static void parse_front(const struct perf_event_attr *attr, struct walk *w,
			struct cxms_perf_sample *out)
{
	take_if(w, PERF_SAMPLE_IDENTIFIER, &out->id);
	take_if(w, PERF_SAMPLE_IP, &out->ip);
	if (w->type & PERF_SAMPLE_TID)
		take_pair(w, &out->pid, &out->tid);
	take_if(w, PERF_SAMPLE_TIME, &out->time_ns);
	take_if(w, PERF_SAMPLE_ADDR, &out->addr);
	take_if(w, PERF_SAMPLE_ID, &out->id);
	take_if(w, PERF_SAMPLE_STREAM_ID, &out->stream_id);
	if (w->type & PERF_SAMPLE_CPU)
		take_pair(w, &out->cpu, NULL);
	take_if(w, PERF_SAMPLE_PERIOD, &out->period);
	if (w->type & PERF_SAMPLE_READ)
		take_read(w, attr->read_format, out);
	if (w->type & PERF_SAMPLE_CALLCHAIN)
		skip_words(w, take(w));
	if (w->type & PERF_SAMPLE_RAW)
		take_raw(w, out);
}

static void parse_back(const struct perf_event_attr *attr, struct walk *w,
		       struct cxms_perf_sample *out)
{
	if (w->type & PERF_SAMPLE_BRANCH_STACK)
		skip_branches(w, attr->branch_sample_type);
	if (w->type & PERF_SAMPLE_REGS_USER)
		take_regs(w, attr->sample_regs_user, &out->user);
	if (w->type & PERF_SAMPLE_STACK_USER)
		skip_stack(w);
	take_if(w, PERF_SAMPLE_WEIGHT | SAMPLE_WEIGHT_STRUCT, &out->weight);
	if (w->type & SAMPLE_WEIGHT_STRUCT)
		out->weight = (uint32_t)out->weight;
	take_if(w, PERF_SAMPLE_DATA_SRC, &out->data_src);
	take_if(w, PERF_SAMPLE_TRANSACTION, &out->transaction);
	if (w->type & PERF_SAMPLE_REGS_INTR)
		take_regs(w, attr->sample_regs_intr, &out->intr);
	take_if(w, PERF_SAMPLE_PHYS_ADDR, &out->phys);
	take_if(w, PERF_SAMPLE_CGROUP, &out->cgroup);
	take_if(w, SAMPLE_DATA_PAGE_SIZE, &out->data_page_bytes);
	take_if(w, SAMPLE_CODE_PAGE_SIZE, &out->code_page_bytes);
}

bool cxms_perf_sample_parse(const struct perf_event_attr *attr, const struct perf_event_header *h,
			    struct cxms_perf_sample *out)
{
	struct walk w = {.p = (const uint8_t *)(h + 1), .type = attr->sample_type};

	if (h->size < sizeof(*h))
		return false;
	w.left = h->size - sizeof(*h);
	memset(out, 0, sizeof(*out));
	out->has = attr->sample_type;
	out->misc = h->misc;
	parse_front(attr, &w, out);
	parse_back(attr, &w, out);
	return !w.failed;
}

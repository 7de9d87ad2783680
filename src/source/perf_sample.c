#include "source/perf_sample.h"

#include <string.h>

/* Every bit this parser knows the layout of. */
#define KNOWN                                                                                      \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
	 PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |             \
	 PERF_SAMPLE_PERIOD | PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW |         \
	 PERF_SAMPLE_BRANCH_STACK | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER |               \
	 PERF_SAMPLE_WEIGHT_TYPE | PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_TRANSACTION |                \
	 PERF_SAMPLE_REGS_INTR | PERF_SAMPLE_PHYS_ADDR | PERF_SAMPLE_CGROUP |                      \
	 PERF_SAMPLE_DATA_PAGE_SIZE | PERF_SAMPLE_CODE_PAGE_SIZE)
/* struct perf_branch_entry: from, to, flags */
#define BRANCH_WORDS 3u

struct walk {
	const uint8_t *p;
	size_t left;
	bool failed;
};

/* @bytes further on; NULL when the record ends before. */
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

static void take_pair(struct walk *w, uint32_t *a, uint32_t *b)
{
	uint64_t v = take(w);

	*a = (uint32_t)v;
	if (b)
		*b = (uint32_t)(v >> 32);
}

static uint64_t n_set(uint64_t mask)
{
	return (uint64_t)__builtin_popcountll(mask);
}

static void skip_read(struct walk *w, uint64_t format)
{
	uint64_t each = 1u + n_set(format & (PERF_FORMAT_ID | PERF_FORMAT_LOST));
	uint64_t times =
		n_set(format & (PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING));
	uint64_t n = 1;

	if (format & PERF_FORMAT_GROUP)
		n = take(w);
	skip_words(w, times);
	if (n > w->left / 8)
		w->failed = true;
	else
		skip_words(w, n * each);
}

static void take_raw(struct walk *w, struct cxms_perf_sample *out)
{
	const uint8_t *p = skip(w, sizeof(uint32_t));

	if (!p)
		return;
	memcpy(&out->raw_bytes, p, sizeof(out->raw_bytes));
	out->raw = skip(w, out->raw_bytes);
}

static void skip_branches(struct walk *w, uint64_t type)
{
	uint64_t n = take(w);

	if (type & PERF_SAMPLE_BRANCH_HW_INDEX)
		take(w);
	if (n > w->left / 8)
		w->failed = true;
	else
		skip_words(w, n * BRANCH_WORDS);
}

static const uint64_t *take_regs(struct walk *w, uint64_t mask, uint64_t *abi)
{
	*abi = take(w);
	if (*abi == PERF_SAMPLE_REGS_ABI_NONE)
		return NULL;
	return (const void *)skip_words(w, n_set(mask));
}

static void skip_stack(struct walk *w)
{
	uint64_t bytes = take(w);

	if (!bytes)
		return;
	skip(w, bytes);
	take(w); /* how much of it was written */
}

static void take_weight(struct walk *w, uint64_t type, struct cxms_perf_sample *out)
{
	out->weight = take(w);
	if (!(type & PERF_SAMPLE_WEIGHT_STRUCT))
		return;
	out->weight2 = (uint16_t)(out->weight >> 32);
	out->weight3 = (uint16_t)(out->weight >> 48);
	out->weight = (uint32_t)out->weight;
}

/* Up to and with the raw data. */
static void parse_front(const struct cxms_perf_format *f, struct walk *w,
			struct cxms_perf_sample *out)
{
	uint64_t type = f->sample_type;

	if (type & PERF_SAMPLE_IDENTIFIER)
		out->id = take(w);
	if (type & PERF_SAMPLE_IP)
		out->ip = take(w);
	if (type & PERF_SAMPLE_TID)
		take_pair(w, &out->pid, &out->tid);
	if (type & PERF_SAMPLE_TIME)
		out->time_ns = take(w);
	if (type & PERF_SAMPLE_ADDR)
		out->addr = take(w);
	if (type & PERF_SAMPLE_ID)
		out->id = take(w);
	if (type & PERF_SAMPLE_STREAM_ID)
		out->stream_id = take(w);
	if (type & PERF_SAMPLE_CPU)
		take_pair(w, &out->cpu, NULL);
	if (type & PERF_SAMPLE_PERIOD)
		out->period = take(w);
	if (type & PERF_SAMPLE_READ)
		skip_read(w, f->read_format);
	if (type & PERF_SAMPLE_CALLCHAIN) {
		out->n_callchain = take(w);
		out->callchain = (const void *)skip_words(w, out->n_callchain);
	}
	if (type & PERF_SAMPLE_RAW)
		take_raw(w, out);
}

static void parse_back(const struct cxms_perf_format *f, struct walk *w,
		       struct cxms_perf_sample *out)
{
	uint64_t type = f->sample_type;

	if (type & PERF_SAMPLE_BRANCH_STACK)
		skip_branches(w, f->branch_type);
	if (type & PERF_SAMPLE_REGS_USER)
		out->user_regs = take_regs(w, f->regs_user, &out->user_abi);
	if (type & PERF_SAMPLE_STACK_USER)
		skip_stack(w);
	if (type & PERF_SAMPLE_WEIGHT_TYPE)
		take_weight(w, type, out);
	if (type & PERF_SAMPLE_DATA_SRC)
		out->data_src = take(w);
	if (type & PERF_SAMPLE_TRANSACTION)
		out->transaction = take(w);
	if (type & PERF_SAMPLE_REGS_INTR)
		out->intr_regs = take_regs(w, f->regs_intr, &out->intr_abi);
	if (type & PERF_SAMPLE_PHYS_ADDR)
		out->phys = take(w);
	if (type & PERF_SAMPLE_CGROUP)
		out->cgroup = take(w);
	if (type & PERF_SAMPLE_DATA_PAGE_SIZE)
		out->data_page_bytes = take(w);
	if (type & PERF_SAMPLE_CODE_PAGE_SIZE)
		out->code_page_bytes = take(w);
}

bool cxms_perf_sample_parse(const struct cxms_perf_format *f, const struct perf_event_header *h,
			    struct cxms_perf_sample *out)
{
	struct walk w = {.p = (const uint8_t *)h + sizeof(*h)};

	if (h->size < sizeof(*h) || f->sample_type & ~(uint64_t)KNOWN)
		return false;
	w.left = h->size - sizeof(*h);
	memset(out, 0, sizeof(*out));
	out->misc = h->misc;
	parse_front(f, &w, out);
	parse_back(f, &w, out);
	return !w.failed;
}

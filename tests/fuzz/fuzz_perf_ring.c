/* Fuzz target: any bytes as a ring of records, at any position of it, read as each of our events.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "source/hw.h"
#include "source/perf_fields.h"
#include "source/perf_rec.h"
#include "source/perf_ring.h"
#include "trace/event.h"

#define RING 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader of the record does with it: every string and register is looked at. */
static size_t use(const struct cxms_perf_rec *r)
{
	size_t sum = r->pid + r->tid;

	if (r->type == PERF_RECORD_MMAP2)
		sum += strlen(r->map.path) + (r->map.build_id ? r->map.build_id[0] : 0u);
	else if (r->type == PERF_RECORD_COMM)
		sum += strlen(r->comm.name);
	return sum;
}

/* As a sample of the layout that its own first bytes ask for, and as the one of ibs. */
static size_t use_sample(const struct perf_event_header *h)
{
	static const struct cxms_hw_event ibs = {.is_ibs = true}, pebs = {.is_ibs = false};
	struct perf_event_attr attr = {.sample_regs_user = UINT64_MAX, .sample_regs_intr = 7};
	struct cxms_perf_sample s;
	struct cxms_perf_read read;
	struct cxms_mem m;
	uint64_t reg;
	size_t sum = 0;

	if (h->size >= sizeof(*h) + 8)
		memcpy(&attr.sample_type, h + 1, sizeof(attr.sample_type));
	attr.read_format = attr.branch_sample_type = attr.sample_type >> 32;
	for (int i = 0; i < 2; i++) {
		if (!cxms_perf_sample_parse(&attr, h, &s))
			continue;
		if (s.read && cxms_perf_read_fields(attr.read_format, s.read, s.read_bytes, &read))
			sum += read.n;
		sum += cxms_perf_regs_get(&s.user, 63, &reg) ? reg : 0;
		sum += cxms_perf_regs_get(&s.intr, 2, &reg) ? reg : 0;
		sum += cxms_hw_access(&pebs, &s, &m) ? m.level : 0u;
		sum += cxms_hw_access(&ibs, &s, &m) ? m.level : 0u;
		attr.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_RAW;
	}
	return sum;
}

static size_t walk(struct cxms_perf_ring *ring, enum cxms_perf_event event)
{
	const struct perf_event_header *h;
	struct cxms_perf_rec r;
	size_t sum = 0;
	bool bad = false;

	cxms_perf_ring_begin(ring);
	while ((h = cxms_perf_ring_next(ring, &bad))) {
		if (event == CXMS_PERF_SIDE && h->type == PERF_RECORD_SAMPLE)
			sum += use_sample(h);
		if (!cxms_perf_rec_parse(event, h, &r))
			continue;
		sum += use(&r);
		if (event == CXMS_PERF_SAMPLES && h->type == PERF_RECORD_SAMPLE && r.sample.gpr)
			sum += r.sample.gpr[CXMS_PERF_REG_COUNT - 1];
	}
	cxms_perf_ring_end(ring);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t bytes[RING / 8];
	static volatile size_t sink; /* so that the reads are not optimised away */
	uint64_t at = size ? data[0] * 16u : 0;
	size_t sum = 0;

	if (size > RING)
		size = RING;
	memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[(at + i) % RING] = data[i];
	for (int event = 0; event < CXMS_PERF_EVENT_COUNT; event++) {
		struct perf_event_mmap_page page = {.data_head = at, .data_tail = at};
		struct cxms_perf_ring ring;

		if (cxms_perf_ring_attach(&ring, &page, bytes, RING, NULL))
			return 0;
		page.data_head = at + size;
		sum += walk(&ring, (enum cxms_perf_event)event);
		cxms_perf_ring_close(&ring);
	}
	sink = sum;
	(void)sink;
	return 0;
}

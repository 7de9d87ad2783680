#include "core/prefetch.h"

#define LINE_BYTES 64
#define LINE_SHIFT 6
#define PAGE_SHIFT 12
/* Confidence is a saturating counter of three bits; a new entry stands at the threshold, so that
 * the second equal stride (the third access) is the first to prefetch. */
#define CONFIDENCE_MAX	 7
#define CONFIDENCE_START 4
#define CONFIDENCE_MIN	 4

void cxms_prefetch_init(struct cxms_prefetch *p, const struct cxms_prefetch_cfg *cfg)
{
	static const struct cxms_prefetch_entry empty;

	p->cfg = *cfg;
	p->clock = 0;
	for (unsigned set = 0; set < CXMS_PREFETCH_SETS; set++)
		for (unsigned way = 0; way < CXMS_PREFETCH_WAYS; way++)
			p->entry[set][way] = empty;
}

/* The entry of an instruction; on a miss the least recently used of its set, reset. */
static struct cxms_prefetch_entry *lookup(struct cxms_prefetch *p, uint64_t pc, bool *is_new)
{
	struct cxms_prefetch_entry *set = p->entry[(pc ^ pc >> 4) % CXMS_PREFETCH_SETS];
	struct cxms_prefetch_entry *oldest = set;

	p->clock++;
	for (unsigned way = 0; way < CXMS_PREFETCH_WAYS; way++) {
		if (set[way].valid && set[way].pc == pc) {
			set[way].used = p->clock;
			*is_new = false;
			return &set[way];
		}
		if (set[way].used < oldest->used)
			oldest = &set[way];
	}
	*oldest = (struct cxms_prefetch_entry){
		.pc = pc, .confidence = CONFIDENCE_START, .valid = 1, .used = p->clock};
	*is_new = true;
	return oldest;
}

/* Appends the lines at address + (skip + 1 .. skip + degree) * step, up to the page's border. */
static unsigned steps(uint64_t address, int64_t step, uint32_t skip, uint32_t degree,
		      uint64_t *lines)
{
	uint64_t at = address + (uint64_t)step * skip;
	unsigned n = 0;

	for (uint32_t i = 0; i < degree; i++) {
		at += (uint64_t)step;
		if (at >> PAGE_SHIFT != address >> PAGE_SHIFT)
			break;
		lines[n++] = at >> LINE_SHIFT;
	}
	return n;
}

/* The step to prefetch with, or 0 while unsure. */
static int64_t learn(struct cxms_prefetch *p, uint64_t pc, uint64_t address)
{
	bool is_new;
	struct cxms_prefetch_entry *e = lookup(p, pc, &is_new);
	int64_t stride = (int64_t)(address - e->last);

	if (is_new) {
		e->last = address;
		return 0;
	}
	if (stride != 0 && stride == e->stride) {
		if (e->confidence < CONFIDENCE_MAX)
			e->confidence++;
	} else {
		if (e->confidence > 0)
			e->confidence--;
		if (e->confidence < CONFIDENCE_MIN)
			e->stride = stride;
	}
	e->last = address;
	return e->confidence >= CONFIDENCE_MIN ? e->stride : 0;
}

unsigned cxms_prefetch_train(struct cxms_prefetch *p, uint64_t pc, uint64_t address,
			     uint64_t *lines)
{
	unsigned n = 0;

	if (p->cfg.next_degree)
		n = steps(address, LINE_BYTES, p->cfg.next_distance, p->cfg.next_degree, lines);
	if (p->cfg.stride_degree) {
		int64_t step = learn(p, pc, address);

		if (step > 0 && step < LINE_BYTES)
			step = LINE_BYTES;
		if (step < 0 && step > -LINE_BYTES)
			step = -LINE_BYTES;
		if (step)
			n += steps(address, step, p->cfg.stride_distance, p->cfg.stride_degree,
				   lines + n);
	}
	return n;
}

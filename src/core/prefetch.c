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
	p->clock = p->next_from = 0;
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

/* The step to prefetch with, or 0 while unsure. It is the last one, even where it differs from the
 * one that is trusted, as of a stream that leaves a row of a matrix (gem5 v24.0,
 * src/mem/cache/prefetch/stride.cc). */
static int64_t learn(struct cxms_prefetch_entry *e, uint64_t address)
{
	int64_t stride = (int64_t)(address - e->last);

	e->last = address;
	if (stride != 0 && stride == e->stride) {
		if (e->confidence < CONFIDENCE_MAX)
			e->confidence++;
	} else {
		e->ahead = 0;
		if (e->confidence > 0)
			e->confidence--;
		if (e->confidence < CONFIDENCE_MIN)
			e->stride = stride;
	}
	if (e->confidence < CONFIDENCE_MIN)
		return 0;
	if (stride >= 0 && stride < LINE_BYTES)
		return LINE_BYTES;
	if (stride < 0 && stride > -LINE_BYTES)
		return -LINE_BYTES;
	return stride;
}

/* The lines at address + (skip + 1 .. skip + degree) * step, up to the page's border. If the last
 * line that was asked for, @ahead, is one of them or lies among them, only those beyond it. */
static unsigned steps(uint64_t address, int64_t step, uint32_t skip, uint32_t degree,
		      uint64_t *ahead, uint64_t *lines)
{
	int64_t here = (int64_t)(address >> LINE_SHIFT), way = step > 0 ? 1 : -1;
	int64_t reach = (int64_t)(skip + degree) * step / LINE_BYTES * way + 1;
	int64_t asked = *ahead ? ((int64_t)*ahead - here) * way : 0;
	uint64_t at = address + (uint64_t)step * skip;
	unsigned n = 0;

	for (uint32_t i = 0; i < degree; i++) {
		int64_t line;

		at += (uint64_t)step;
		if (at >> PAGE_SHIFT != address >> PAGE_SHIFT)
			break;
		line = (int64_t)(at >> LINE_SHIFT);
		if (asked <= reach && (line - here) * way <= asked)
			continue;
		lines[n++] = (uint64_t)line;
		*ahead = (uint64_t)line;
	}
	return n;
}

static unsigned next_lines(struct cxms_prefetch *p, uint64_t address, uint64_t *lines)
{
	uint64_t none = 0, line = address >> LINE_SHIFT;

	if (p->next_from == line + 1)
		return 0;
	p->next_from = line + 1;
	return steps(address, LINE_BYTES, p->cfg.next_distance, p->cfg.next_degree, &none, lines);
}

unsigned cxms_prefetch_train(struct cxms_prefetch *p, uint64_t pc, uint64_t address,
			     uint64_t *lines)
{
	struct cxms_prefetch_entry *e;
	unsigned n = 0;
	int64_t step;
	bool is_new;

	if (p->cfg.next_degree)
		n = next_lines(p, address, lines);
	if (!p->cfg.stride_degree || pc == 0)
		return n;
	e = lookup(p, pc, &is_new);
	if (is_new) {
		e->last = address;
		return n;
	}
	step = learn(e, address);
	if (step)
		n += steps(address, step, p->cfg.stride_distance, p->cfg.stride_degree, &e->ahead,
			   lines + n);
	return n;
}

/*
 * Hardware prefetchers: next-line and per-instruction stride. Freestanding.
 * They only say which lines they would like; the hierarchy brings those that are absent.
 */
#ifndef CXMS_CORE_PREFETCH_H
#define CXMS_CORE_PREFETCH_H

#include <stdbool.h>
#include <stdint.h>

#define CXMS_PREFETCH_SETS	 16
#define CXMS_PREFETCH_WAYS	 4
#define CXMS_PREFETCH_MAX_DEGREE 32

/**
 * struct cxms_prefetch_cfg - what sits at one level
 * @next_degree, @stride_degree: lines per trigger, 0 = no such prefetcher, at most
 *                               CXMS_PREFETCH_MAX_DEGREE
 * @next_distance, @stride_distance: steps skipped before the first line; 0 = the next step
 */
struct cxms_prefetch_cfg {
	uint32_t next_degree, next_distance;
	uint32_t stride_degree, stride_distance;
};

/* What is known of an instruction. @ahead: the last line that was asked for, 0 = none. */
struct cxms_prefetch_entry {
	uint64_t pc, last, ahead;
	int64_t stride;
	uint8_t confidence, valid;
	uint64_t used;
};

struct cxms_prefetch {
	struct cxms_prefetch_cfg cfg;
	uint64_t clock;
	uint64_t next_from; /* line that triggered next-line last, + 1 */
	struct cxms_prefetch_entry entry[CXMS_PREFETCH_SETS][CXMS_PREFETCH_WAYS];
};

/** cxms_prefetch_init() - an untrained prefetcher. */
void cxms_prefetch_init(struct cxms_prefetch *p, const struct cxms_prefetch_cfg *cfg);

static inline bool cxms_prefetch_any(const struct cxms_prefetch *p)
{
	return p->cfg.next_degree || p->cfg.stride_degree;
}

/**
 * cxms_prefetch_train() - shows one access, hit or miss, that reached the level
 * @pc:      address of the instruction; 0 = a software prefetch, which a stride prefetcher does not
 *           learn from (Intel optimisation manual: it tracks loads; gem5 v24.0,
 *           src/mem/cache/cache.cc: a software prefetch shows no address of an instruction)
 * @address: of the byte that it accessed; below the first level, of the first access to the line
 * @lines:   out, the wanted lines in order, with room for 2 * CXMS_PREFETCH_MAX_DEGREE. All lie in
 *           the 4 KiB page of @address; none is its own line, or was asked for at the last access
 *           of the same stream
 * Return:   how many
 */
unsigned cxms_prefetch_train(struct cxms_prefetch *p, uint64_t pc, uint64_t address,
			     uint64_t *lines);

#endif

/* What the exact source simulated while the program ran: stored with the recording, since a replay
 * cannot change it. */
#ifndef CXMS_TRACE_EXACT_CFG_H
#define CXMS_TRACE_EXACT_CFG_H

#include <stdbool.h>
#include <stdint.h>

#define CXMS_EXACT_PREFETCH_MAX 2   /* prefetchers of one cache, each type once */
#define CXMS_EXACT_NAME_MAX	512 /* of a function, NUL included: C++ names are long */

#define CXMS_EXACT_WAYS_MAX   64u /* what the tool can simulate */
#define CXMS_EXACT_DEGREE_MAX 32u

/* The numbers are in files. Append only. */
enum cxms_exact_level { CXMS_EXACT_L1I, CXMS_EXACT_L1D, CXMS_EXACT_L2, CXMS_EXACT_LLC };
#define CXMS_EXACT_LEVELS 4u
enum cxms_exact_prefetch_type { CXMS_EXACT_NEXT_LINE = 1, CXMS_EXACT_STRIDE = 2 };

struct cxms_exact_prefetch {
	uint32_t type;	   /* enum cxms_exact_prefetch_type */
	uint32_t degree;   /* lines at a time, >= 1 */
	uint32_t distance; /* lines ahead of the access; 0 = from the next line */
};

/** struct cxms_exact_cache - lines of 64 B, write-back, write-allocate */
struct cxms_exact_cache {
	uint64_t size_bytes; /* 0 = no such cache */
	uint32_t ways;
	bool inclusive;
	bool plru;   /* replacement: tree-PLRU, else LRU */
	bool hashed; /* the set is chosen by all bits of the line, else by its low ones */
	uint32_t n_prefetch;
	struct cxms_exact_prefetch prefetch[CXMS_EXACT_PREFETCH_MAX];
};

/** struct cxms_exact_cfg - plain values; all zero = the recording is not of the exact source */
struct cxms_exact_cfg {
	struct cxms_exact_cache cache[CXMS_EXACT_LEVELS]; /* by enum cxms_exact_level */
	uint32_t tlb_l1, tlb_l2; /* entries; tlb_l1 0 = no translation is simulated */
	uint64_t tlb_page_bytes; /* 4096 or 2 MiB */
	uint32_t cores;		 /* private caches there are */
	uint32_t window;	 /* uops: the largest reorder buffer it can be replayed with */
	uint64_t detail_insns;	 /* of each period, instructions that are timed; 0 = all */
	uint64_t period_insns;	 /* 0 = all */
	char roi_begin[CXMS_EXACT_NAME_MAX]; /* function whose entry opens the region; "" = the
						start */
	char roi_end[CXMS_EXACT_NAME_MAX];   /* "" = the end of the program */
};

#endif

/* Where a sampled access was served, by perf's data source word. */
#include <linux/perf_event.h>

#include "source/perf_sample.h"
#include "trace/event.h"

/* The older coding: one bit per level, and whether it hit. */
static enum cxms_mem_level by_bits(unsigned lvl)
{
	static const struct {
		unsigned bits;
		enum cxms_mem_level level;
	} rows[] = {
		{PERF_MEM_LVL_REM_CCE1 | PERF_MEM_LVL_REM_CCE2, CXMS_MEM_REMOTE_CACHE},
		{PERF_MEM_LVL_REM_RAM1 | PERF_MEM_LVL_REM_RAM2, CXMS_MEM_REMOTE_DRAM},
		{PERF_MEM_LVL_LOC_RAM, CXMS_MEM_LOCAL_DRAM},
		{PERF_MEM_LVL_IO | PERF_MEM_LVL_UNC, CXMS_MEM_UNCACHED},
		{PERF_MEM_LVL_L3, CXMS_MEM_LLC},
		{PERF_MEM_LVL_L2, CXMS_MEM_L2},
		{PERF_MEM_LVL_LFB, CXMS_MEM_LFB},
		{PERF_MEM_LVL_L1, CXMS_MEM_L1},
	};

	/* A miss says which level did not have it, not which did; RAM is marked as hit or miss. */
	if (!(lvl & (PERF_MEM_LVL_HIT | PERF_MEM_LVL_LOC_RAM | PERF_MEM_LVL_REM_RAM1 |
		     PERF_MEM_LVL_REM_RAM2)))
		return CXMS_MEM_UNKNOWN;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (lvl & rows[i].bits)
			return rows[i].level;
	return CXMS_MEM_UNKNOWN;
}

/*
 * The newer coding: a number and whether it is remote. Persistent memory stands for CXL: Granite
 * Rapids reports loads from CXL where its predecessors reported persistent memory (event d1, umask
 * 80: MEM_LOAD_RETIRED.LOCAL_PMM, there LOCAL_CXL_MEM; intel/perfmon).
 */
static enum cxms_mem_level by_number(unsigned num, bool is_remote, unsigned lvl)
{
	switch (num) {
	case PERF_MEM_LVLNUM_L1:
		return is_remote ? CXMS_MEM_REMOTE_CACHE : CXMS_MEM_L1;
	case PERF_MEM_LVLNUM_L2:
		return is_remote ? CXMS_MEM_REMOTE_CACHE : CXMS_MEM_L2;
	case PERF_MEM_LVLNUM_L3:
	case PERF_MEM_LVLNUM_L4:
	case PERF_MEM_LVLNUM_ANY_CACHE:
		return is_remote ? CXMS_MEM_REMOTE_CACHE : CXMS_MEM_LLC;
	case PERF_MEM_LVLNUM_LFB:
		return CXMS_MEM_LFB;
	case PERF_MEM_LVLNUM_RAM:
		return is_remote ? CXMS_MEM_REMOTE_DRAM : CXMS_MEM_LOCAL_DRAM;
	case PERF_MEM_LVLNUM_CXL:
	case PERF_MEM_LVLNUM_PMEM:
		return CXMS_MEM_CXL;
	case PERF_MEM_LVLNUM_IO:
	case 0x08: /* uncached: PERF_MEM_LVLNUM_UNC of newer kernel headers */
		return CXMS_MEM_UNCACHED;
	default:
		return by_bits(lvl);
	}
}

void cxms_perf_data_source(uint64_t data_src, struct cxms_mem *out)
{
	const union perf_mem_data_src s = {.val = data_src};
	unsigned tlb = (unsigned)s.mem_dtlb;

	out->level = (uint8_t)by_number((unsigned)s.mem_lvl_num, s.mem_remote, (unsigned)s.mem_lvl);
	if (tlb & PERF_MEM_TLB_MISS && tlb & (PERF_MEM_TLB_L2 | PERF_MEM_TLB_WK))
		out->flags |= CXMS_MEM_WALK;
	if (s.mem_lock & PERF_MEM_LOCK_LOCKED)
		out->flags |= CXMS_MEM_LOCKED;
}

bool cxms_perf_is_store(uint64_t data_src)
{
	const union perf_mem_data_src s = {.val = data_src};

	return s.mem_op & PERF_MEM_OP_STORE;
}

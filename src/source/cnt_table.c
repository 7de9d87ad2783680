#include "source/cnt_table.h"

#include <stddef.h>

#include "trace/event.h"

#define INTEL "skx clx icx spr emr gnr"
#define LOW   0xfull  /* general counters 0-3 */
#define ALL   0xffull /* 0-7 */

/* Events of one bundle give one quotient. */
enum { ALONE, MEMORY, CACHE, PREFETCH };

#define CORE(cpus, name, terms, counters, unit, bundle)                                            \
	{                                                                                          \
		" " cpus " ", "cpu", name, terms, counters, 0, 0, CXMS_COUNT_##unit, bundle        \
	}
#define OFFCORE(cpus, name, terms, value)                                                          \
	{                                                                                          \
		" " cpus " ", "cpu", name, terms ",offcore_rsp=" #value, LOW,                      \
			CXMS_CNT_REG_OFFCORE, value, CXMS_COUNT_EVENTS, PREFETCH                   \
	}
#define UNIT(cpus, pmu, name, terms, counters, unit)                                               \
	{                                                                                          \
		cpus, pmu, name, terms, counters, 0, 0, CXMS_COUNT_##unit, ALONE                   \
	}
#define FILTERED(cpus, pmu, name, terms, counters, value, unit)                                    \
	{                                                                                          \
		cpus, pmu, name, terms ",config1=" #value, counters, CXMS_CNT_REG_FILTER, value,   \
			CXMS_COUNT_##unit, ALONE                                                   \
	}

/* Codes and counters: intel/perfmon (SKX 1.37, CLX 1.25, ICX 1.30, SPR 1.39, EMR 1.24, GNR 1.20).
 */
static const struct cxms_cnt_row rows[] = {
	CORE(INTEL, "cycles", "event=0x3c", 1ull << CXMS_CNT_FIXED_CYCLES | ALL, CYCLES, ALONE),
	CORE(INTEL, "instructions", "event=0xc0", 1ull << CXMS_CNT_FIXED_INSNS | ALL, EVENTS,
	     ALONE),
	CORE("skx clx icx", "CYCLE_ACTIVITY.STALLS_L3_MISS", "event=0xa3,umask=0x6,cmask=6", LOW,
	     CYCLES, MEMORY),
	CORE("spr emr gnr", "MEMORY_ACTIVITY.STALLS_L3_MISS", "event=0x47,umask=0x9,cmask=9", LOW,
	     CYCLES, MEMORY),
	CORE("skx clx icx", "OFFCORE_REQUESTS.DEMAND_DATA_RD", "event=0xb0,umask=0x1", LOW, LINES,
	     MEMORY),
	CORE("spr emr gnr", "OFFCORE_REQUESTS.DEMAND_DATA_RD", "event=0x21,umask=0x1", LOW, LINES,
	     MEMORY),
	CORE("skx clx icx", "OFFCORE_REQUESTS_OUTSTANDING.CYCLES_WITH_DEMAND_DATA_RD",
	     "event=0x60,umask=0x1,cmask=1", LOW, CYCLES, MEMORY),
	CORE("spr emr gnr", "OFFCORE_REQUESTS_OUTSTANDING.CYCLES_WITH_DEMAND_DATA_RD",
	     "event=0x20,umask=0x1,cmask=1", LOW, CYCLES, MEMORY),
	CORE(INTEL, "MEM_LOAD_RETIRED.L3_MISS", "event=0xd1,umask=0x20", LOW, LINES, MEMORY),
	CORE("skx clx", "EXE_ACTIVITY.BOUND_ON_STORES", "event=0xa6,umask=0x40", ALL, CYCLES,
	     ALONE),
	CORE("icx spr emr gnr", "EXE_ACTIVITY.BOUND_ON_STORES", "event=0xa6,umask=0x40,cmask=2",
	     ALL, CYCLES, ALONE),
	CORE("skx clx icx", "CYCLE_ACTIVITY.STALLS_L1D_MISS", "event=0xa3,umask=0xc,cmask=12", LOW,
	     CYCLES, CACHE),
	CORE("spr emr gnr", "MEMORY_ACTIVITY.STALLS_L1D_MISS", "event=0x47,umask=0x3,cmask=3", LOW,
	     CYCLES, CACHE),
	CORE("skx clx icx", "CYCLE_ACTIVITY.STALLS_L2_MISS", "event=0xa3,umask=0x5,cmask=5", LOW,
	     CYCLES, CACHE),
	CORE("spr emr gnr", "MEMORY_ACTIVITY.STALLS_L2_MISS", "event=0x47,umask=0x5,cmask=5", LOW,
	     CYCLES, CACHE),
	CORE(INTEL, "MEM_LOAD_RETIRED.L1_MISS", "event=0xd1,umask=0x8", LOW, EVENTS, CACHE),
	CORE(INTEL, "MEM_LOAD_RETIRED.FB_HIT", "event=0xd1,umask=0x40", LOW, EVENTS, CACHE),
	OFFCORE("skx clx", "OFFCORE_RESPONSE.PF_L1D_AND_SW.ANY_RESPONSE", "event=0xb7,umask=0x1",
		0x10400),
	OFFCORE("skx clx", "OFFCORE_RESPONSE.PF_L1D_AND_SW.L3_HIT.ANY_SNOOP",
		"event=0xbb,umask=0x1", 0x3f803c0400),
	OFFCORE("icx", "OCR.HWPF_L1D_AND_SWPF.ANY_RESPONSE", "event=0xb7,umask=0x1", 0x10400),
	OFFCORE("icx", "OCR.HWPF_L1D_AND_SWPF.L3_HIT", "event=0xbb,umask=0x1", 0x3f803c0400),

	/* CHA: four counters, occupancy on counter 0 only */
	UNIT(" skx clx icx ", "uncore_cha_", "UNC_CHA_CLOCKTICKS", "event=0x0", LOW, CYCLES),
	UNIT(" spr emr gnr ", "uncore_cha_", "UNC_CHA_CLOCKTICKS", "event=0x1", LOW, CYCLES),
	FILTERED(" skx clx ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD",
		 "event=0x35,umask=0x21", LOW, 0x4043300000000, LINES),
	FILTERED(" skx clx ", "uncore_cha_", "UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD",
		 "event=0x36,umask=0x21", 0x1, 0x4043300000000, CYCLES),
	UNIT(" icx spr emr gnr ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD",
	     "event=0x35,umask=0xc817fe01", LOW, LINES),
	UNIT(" icx spr emr gnr ", "uncore_cha_", "UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD",
	     "event=0x36,umask=0xc817fe01", 0x1, CYCLES),
	UNIT(" icx ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD_REMOTE",
	     "event=0x35,umask=0xc8177e01", LOW, LINES),
	UNIT(" spr gnr ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD_CXL_ACC",
	     "event=0x35,umask=0x10c8178201", LOW, LINES),
	UNIT(" emr ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD_CXL_EXP_LOCAL",
	     "event=0x35,umask=0x20c8168201", LOW, LINES),
	/* more than four: in turns only, for a CHA has one counter for occupancies */
	UNIT(" icx spr emr gnr ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD_LOCAL_DDR",
	     "event=0x35,umask=0xc8168601", LOW, LINES),
	UNIT(" icx spr emr gnr ", "uncore_cha_", "UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD_LOCAL_DDR",
	     "event=0x36,umask=0xc8168601", 0x1, CYCLES),
	UNIT(" spr emr gnr ", "uncore_cha_", "UNC_CHA_TOR_INSERTS.IA_MISS_DRD_REMOTE",
	     "event=0x35,umask=0xc8177e01", LOW, LINES),
	UNIT(" icx spr emr gnr ", "uncore_cha_", "UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD_REMOTE",
	     "event=0x36,umask=0xc8177e01", 0x1, CYCLES),
	UNIT(" spr gnr ", "uncore_cha_", "UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD_CXL_ACC",
	     "event=0x36,umask=0x10c8178201", 0x1, CYCLES),
	UNIT(" emr ", "uncore_cha_", "UNC_CHA_TOR_OCCUPANCY.IA_MISS_DRD_CXL_EXP_LOCAL",
	     "event=0x36,umask=0x20c8168201", 0x1, CYCLES),

	/* memory controllers: four general counters a channel */
	UNIT(" skx clx ", "uncore_imc_", "UNC_M_CAS_COUNT.RD", "event=0x4,umask=0x3", LOW, LINES),
	UNIT(" skx clx ", "uncore_imc_", "UNC_M_CAS_COUNT.WR", "event=0x4,umask=0xc", LOW, LINES),
	UNIT(" icx ", "uncore_imc_", "UNC_M_CAS_COUNT.RD", "event=0x4,umask=0xf", LOW, LINES),
	UNIT(" icx ", "uncore_imc_", "UNC_M_CAS_COUNT.WR", "event=0x4,umask=0x30", LOW, LINES),
	UNIT(" spr emr ", "uncore_imc_", "UNC_M_CAS_COUNT.RD", "event=0x5,umask=0xcf", LOW, LINES),
	UNIT(" spr emr ", "uncore_imc_", "UNC_M_CAS_COUNT.WR", "event=0x5,umask=0xf0", LOW, LINES),
	UNIT(" gnr ", "uncore_imc_", "UNC_M_CAS_COUNT_SCH0.RD", "event=0x5,umask=0xcf", LOW, LINES),
	UNIT(" gnr ", "uncore_imc_", "UNC_M_CAS_COUNT_SCH0.WR", "event=0x5,umask=0xf0", LOW, LINES),
	UNIT(" gnr ", "uncore_imc_", "UNC_M_CAS_COUNT_SCH1.RD", "event=0x6,umask=0xcf", LOW, LINES),
	UNIT(" gnr ", "uncore_imc_", "UNC_M_CAS_COUNT_SCH1.WR", "event=0x6,umask=0xf0", LOW, LINES),

	/* CXL, as the host's ports see it, and as the devices' own counters do (CXL 3.0, 13.2;
	 * names of Linux drivers/perf/cxl_pmu.c) */
	UNIT(" spr emr gnr ", "uncore_cxlcm_", "UNC_CXLCM_RxC_PACK_BUF_INSERTS.MEM_DATA",
	     "event=0x41,umask=0x10", 0xf0, LINES),
	UNIT(" spr emr gnr ", "uncore_cxlcm_", "UNC_CXLCM_TxC_PACK_BUF_INSERTS.MEM_DATA",
	     "event=0x2,umask=0x10", ALL, LINES),
	UNIT("*", "cxl_pmu_mem", "s2m_drs_memdata", "@s2m_drs_memdata", 0xffffffff, LINES),
	UNIT("*", "cxl_pmu_mem", "m2s_rwd_memwr", "@m2s_rwd_memwr", 0xffffffff, LINES),
};

const struct cxms_cnt_row *cxms_cnt_row(unsigned i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

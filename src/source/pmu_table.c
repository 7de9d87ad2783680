#include "source/pmu_names.h"

#include <string.h>

/*
 * Codes of intel/perfmon (commit 6dadedf: EMR 1.24, GNR 1.20), event and umask as its JSON has
 * them; AMD: Processor Programming Reference of family 1Ah, whose fill events are those of Zen 4.
 */
#define EVERY " skx clx icx spr emr gnr adl "

static const struct cxms_event_row rows[] = {
	/* emeraldrapids_core.json, graniterapids_core.json: memory and cache events; what is alike
	 * in all Xeons since Skylake stands for builds without libpfm4, too */
	{EVERY, NULL, "MEM_TRANS_RETIRED.LOAD_LATENCY", "event=0xcd,umask=0x1"},
	{" emr gnr ", NULL, "MEM_TRANS_RETIRED.STORE_SAMPLE", "event=0xcd,umask=0x2"},
	{EVERY, NULL, "MEM_LOAD_RETIRED.L3_MISS", "event=0xd1,umask=0x20"},
	{" emr gnr ", NULL, "MEM_LOAD_RETIRED.L3_HIT", "event=0xd1,umask=0x4"},
	{" emr gnr ", NULL, "MEM_LOAD_RETIRED.L1_MISS", "event=0xd1,umask=0x8"},
	{" emr gnr ", NULL, "MEM_LOAD_RETIRED.FB_HIT", "event=0xd1,umask=0x40"},
	{" emr gnr ", NULL, "MEM_LOAD_L3_MISS_RETIRED.LOCAL_DRAM", "event=0xd3,umask=0x1"},
	{" emr gnr ", NULL, "MEM_LOAD_L3_MISS_RETIRED.REMOTE_DRAM", "event=0xd3,umask=0x2"},
	{" emr gnr ", NULL, "MEM_INST_RETIRED.ALL_LOADS", "event=0xd0,umask=0x81"},
	{EVERY, NULL, "MEM_INST_RETIRED.ALL_STORES", "event=0xd0,umask=0x82"},
	{" emr gnr ", NULL, "CYCLE_ACTIVITY.STALLS_L3_MISS", "event=0xa3,umask=0x6,cmask=0x6"},
	{" emr gnr ", NULL, "MEMORY_ACTIVITY.STALLS_L1D_MISS", "event=0x47,umask=0x3,cmask=0x3"},
	{" emr gnr ", NULL, "MEMORY_ACTIVITY.STALLS_L2_MISS", "event=0x47,umask=0x5,cmask=0x5"},
	{" emr gnr ", NULL, "MEMORY_ACTIVITY.STALLS_L3_MISS", "event=0x47,umask=0x9,cmask=0x9"},
	{" emr gnr ", NULL, "EXE_ACTIVITY.BOUND_ON_LOADS", "event=0xa6,umask=0x21,cmask=0x5"},
	{" emr gnr ", NULL, "EXE_ACTIVITY.BOUND_ON_STORES", "event=0xa6,umask=0x40,cmask=0x2"},
	{" emr gnr spr ", NULL, "OFFCORE_REQUESTS.DEMAND_DATA_RD", "event=0x21,umask=0x1"},
	{" emr gnr spr ", NULL, "OFFCORE_REQUESTS_OUTSTANDING.DEMAND_DATA_RD",
	 "event=0x20,umask=0x1"},
	{" emr gnr spr ", NULL, "OFFCORE_REQUESTS_OUTSTANDING.CYCLES_WITH_DEMAND_DATA_RD",
	 "event=0x20,umask=0x1,cmask=0x1"},
	/* graniterapids_core.json */
	{" gnr ", NULL, "MEM_LOAD_RETIRED.LOCAL_CXL_MEM", "event=0xd1,umask=0x80"},
	{" gnr ", NULL, "MEM_LOAD_L3_MISS_RETIRED.REMOTE_CXL_MEM", "event=0xd3,umask=0x10"},
	/* AMD PPR: PMCx043 demand and PMCx044 any fills of the L1D, by where they came from */
	{" zen5 ", NULL, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM.LCL_L2", "event=0x43,umask=0x1"},
	{" zen5 ", NULL, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM.DRAM_IO_NEAR",
	 "event=0x43,umask=0x8"},
	{" zen5 ", NULL, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM.DRAM_IO_FAR",
	 "event=0x43,umask=0x40"},
	{" zen5 ", NULL, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM.ALT_MEM", "event=0x43,umask=0x80"},
	{" zen5 ", NULL, "ANY_DATA_CACHE_FILLS_FROM_SYSTEM.ALT_MEM", "event=0x44,umask=0x80"},
};

const struct cxms_event_row *cxms_event_row(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

static char plain(char c)
{
	if (c == '.')
		return ':';
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool cxms_event_name_is(const char *a, const char *b)
{
	while (*a && plain(*a) == plain(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

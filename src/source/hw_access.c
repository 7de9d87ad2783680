/* From a sample's fields, or ibs registers, to one access. */
#include "source/hw.h"

#include "trace/event.h"

#include <string.h>

#define USER_END 0x800000000000ull /* 2^47 */
/* Of the capabilities: IbsOpData2 has a data source of five bits (Zen 4). */
#define IBS_CAPS_LONG_SOURCE (1u << 11)

static uint64_t bits(uint64_t word, unsigned first, unsigned n)
{
	return word >> first & ((1ull << n) - 1);
}

static enum cxms_mem_level ibs_extended(unsigned source, bool is_remote)
{
	switch (source) {
	case 1:
		return CXMS_MEM_LLC;
	case 2:	 /* another complex near by */
	case 5:	 /* far */
	case 12: /* a peer agent's memory */
		return CXMS_MEM_REMOTE_CACHE;
	case 3:
		return is_remote ? CXMS_MEM_REMOTE_DRAM : CXMS_MEM_LOCAL_DRAM;
	case 6: /* persistent memory */
	case 8: /* extension memory: CXL */
		return CXMS_MEM_CXL;
	case 7:
		return CXMS_MEM_UNCACHED;
	default:
		return CXMS_MEM_UNKNOWN;
	}
}

/* Before Zen 4 the field has three bits. 2 is the L3 or another core's cache of this complex. */
static enum cxms_mem_level ibs_short(unsigned source, bool is_remote)
{
	switch (source) {
	case 2:
		return CXMS_MEM_LLC;
	case 3:
		return is_remote ? CXMS_MEM_REMOTE_DRAM : CXMS_MEM_LOCAL_DRAM;
	case 4:
		return CXMS_MEM_REMOTE_CACHE;
	case 7:
		return CXMS_MEM_UNCACHED;
	default:
		return CXMS_MEM_UNKNOWN;
	}
}

/*
 * The data source is 0 but for loads that missed the L2. It goes before the bit that says so, which
 * Zen 3 sets wrongly (erratum 1293 of its revision guide). Of stores only a hit in the L1 is told.
 */
static enum cxms_mem_level ibs_level(uint32_t caps, uint64_t data2, uint64_t data3)
{
	bool is_remote = bits(data2, 4, 1);
	unsigned source = (unsigned)bits(data2, 0, 3);

	if (caps & IBS_CAPS_LONG_SOURCE)
		source |= (unsigned)bits(data2, 6, 2) << 3;
	if (bits(data3, 13, 2)) /* write-combining or uncacheable memory */
		return CXMS_MEM_UNCACHED;
	if (!bits(data3, 7, 1))
		return CXMS_MEM_L1;
	if (!bits(data3, 0, 1))
		return CXMS_MEM_UNKNOWN;
	if (source)
		return caps & IBS_CAPS_LONG_SOURCE ? ibs_extended(source, is_remote)
						   : ibs_short(source, is_remote);
	if (!bits(data3, 20, 1))
		return CXMS_MEM_L2;
	return bits(data3, 16, 1) ? CXMS_MEM_LFB : CXMS_MEM_UNKNOWN;
}

/*
 * Raw data of an ibs_op sample: capabilities (32 bits), then the registers IbsOpCtl, IbsOpRip,
 * IbsOpData, IbsOpData2, IbsOpData3, IbsDcLinAd, IbsDcPhysAd. Bits: AMD64 Architecture Programmer's
 * Manual volume 2, 13.3, and the PPRs of families 19h and 1Ah.
 */
bool cxms_ibs_access(const uint8_t *raw, uint32_t raw_bytes, struct cxms_mem *out)
{
	enum { CTL, RIP, DATA, DATA2, DATA3, LINEAR, PHYSICAL, N };
	uint64_t reg[N];
	uint32_t caps;
	bool is_load, is_store;

	if (raw_bytes < sizeof(caps) + sizeof(reg))
		return false;
	memcpy(&caps, raw, sizeof(caps));
	memcpy(reg, raw + sizeof(caps), sizeof(reg));
	is_load = bits(reg[DATA3], 0, 1);
	is_store = bits(reg[DATA3], 1, 1);
	if (!is_load && !is_store)
		return false;
	out->what = is_load ? CXMS_MEM_LOAD : CXMS_MEM_STORE;
	out->level = (uint8_t)ibs_level(caps, reg[DATA2], reg[DATA3]);
	if (is_load && bits(reg[DATA3], 7, 1)) {
		out->latency_cyc = (uint32_t)bits(reg[DATA3], 32, 16);
		out->flags |= CXMS_MEM_LAT_FILL;
	}
	if (bits(reg[DATA3], 3, 1))
		out->flags |= CXMS_MEM_WALK;
	if (bits(reg[DATA3], 15, 1))
		out->flags |= CXMS_MEM_LOCKED;
	if (bits(reg[DATA3], 17, 1) && reg[LINEAR] < USER_END) {
		out->addr = reg[LINEAR];
		out->flags |= CXMS_MEM_ADDR;
	}
	if (bits(reg[DATA3], 18, 1) && reg[PHYSICAL]) {
		out->phys = reg[PHYSICAL];
		out->flags |= CXMS_MEM_PHYS;
	}
	return true;
}

bool cxms_hw_access(const struct cxms_hw_event *ev, const struct cxms_perf_sample *s,
		    struct cxms_mem *out)
{
	struct cxms_mem m = {.site = CXMS_NO_SITE, .period = s->period, .what = ev->what};

	if (ev->is_ibs) {
		if (!s->raw || !cxms_ibs_access(s->raw, s->raw_bytes, &m))
			return false;
	} else {
		cxms_perf_data_source(s->data_src, &m);
		if (ev->is_store_asked || cxms_perf_is_store(s->data_src))
			m.what = CXMS_MEM_STORE;
		m.latency_cyc = s->weight > UINT32_MAX ? UINT32_MAX : (uint32_t)s->weight;
		if (s->addr && s->addr < USER_END) {
			m.addr = s->addr;
			m.flags |= CXMS_MEM_ADDR;
		}
		if (s->phys) {
			m.phys = s->phys;
			m.flags |= CXMS_MEM_PHYS;
		}
	}
	if (s->misc & PERF_RECORD_MISC_EXACT_IP)
		m.flags |= CXMS_MEM_EXACT_IP;
	if ((s->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL)
		m.flags |= CXMS_MEM_KERNEL;
	*out = m;
	return true;
}

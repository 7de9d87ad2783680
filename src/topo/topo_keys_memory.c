#include "base/units.h"
#include "topo/topo_priv.h"

#define PS_PER_MS (CXMS_PS_PER_S / 1000)
#define PS_PER_US (CXMS_PS_PER_S / 1000000)
#define MIB(n)	  ((n)*1048576ull)
#define PLAIN	  CXMS_UNIT_COUNT
#define MEMORY(f) offsetof(struct cxms_memory, f)

/*
 * Assumed where a file is silent. The figures of `ssd` and `far` differ by an order of magnitude
 * between products: state them.
 */
#define CXMS_ASSUMED_TURNAROUND_PS (10 * CXMS_PS_PER_NS) /* tWTR_L of DDR5 (JESD79-5) */
#define CXMS_ASSUMED_RANKS	   1
#define CXMS_ASSUMED_PAGE	   4096ull /* bytes: of NAND mappings and of x86-64 */
#define CXMS_ASSUMED_NAND_PS	   (60 * PS_PER_US)
#define CXMS_ASSUMED_NAND_RATE	   3000000000ull /* bytes/s: an NVMe drive on PCIe 3.0 x4 */
#define CXMS_ASSUMED_NAND_DEPTH	   64		 /* dies that read at the same time */
#define CXMS_ASSUMED_RDMA_PS	   (5 * PS_PER_US)
#define CXMS_ASSUMED_FAULT_PS	   (2 * PS_PER_US)
#define CXMS_ASSUMED_RDMA_RATE	   12000000000ull /* bytes/s: 100 Gbit/s without headers */
#define CXMS_ASSUMED_RDMA_DEPTH	   32		  /* reads under way */

#define NO_RANKS "not stated; no measured figure: one rank has the fewest banks"
#define NO_PAGE	 "not stated; rows stay open, which serves streams best"
#define NO_NAND	 "not stated; NAND reads take 40 to 100 us"
#define NO_DRIVE "not stated; the read rate of an NVMe drive on PCIe 3.0 x4"
#define NO_DIES	 "not stated; no measured figure: 64 dies of a drive at the same time"
#define NO_RDMA	 "not stated; an RDMA read of 4 KiB takes 4 to 5 us (Leap, ATC'20)"
#define NO_FAULT "not stated; no measured figure: a page fault's software on a recent core"
#define NO_NET	 "not stated; a network of 100 Gbit/s without its headers"
#define NO_READS "not stated; no measured figure: 32 reads under way"
#define NO_4K	 "not stated; a page of x86-64"

#define TIME(key, field, lo, hi, value, why)                                                       \
	{                                                                                          \
		.name = key, .kind = TOPO_QTY, .store = TOPO_U64, .unit = CXMS_UNIT_TIME_PS,       \
		.min = lo, .max = hi, .offset = MEMORY(field), .assumed = value, .reason = why     \
	}
#define COUNT(key, field, hi, value, why)                                                          \
	{                                                                                          \
		.name = key, .kind = TOPO_QTY, .store = TOPO_U32, .unit = PLAIN, .min = 1,         \
		.max = hi, .offset = MEMORY(field), .assumed = value, .reason = why                \
	}
#define CHANNELS                                                                                   \
	{                                                                                          \
		.name = "channels", .kind = TOPO_OWN, .unit = PLAIN, .min = 1, .max = 64           \
	}
#define TYPE                                                                                       \
	{                                                                                          \
		.name = "type", .kind = TOPO_OWN, .required = true                                 \
	}

static const char *const row_words[] = {"open", "closed", NULL};

static const struct topo_key plain_keys[] = {TYPE};
const struct topo_table topo_keys_plain = TOPO_TABLE(plain_keys);

static const struct topo_key queue_keys[] = {
	TYPE,
	CHANNELS,
	TIME("turnaround", turnaround_ps, 0, PS_PER_US, CXMS_ASSUMED_TURNAROUND_PS,
	     "not stated; tWTR_L of DDR5 (JESD79-5)"),
};
const struct topo_table topo_keys_queue = TOPO_TABLE(queue_keys);

static const struct topo_key bank_keys[] = {
	TYPE,
	{.name = "dram", .kind = TOPO_OWN},
	CHANNELS,
	COUNT("ranks", ranks, 8, CXMS_ASSUMED_RANKS, NO_RANKS),
	{.name = "page",
	 .kind = TOPO_WORD,
	 .store = TOPO_BOOL,
	 .words = row_words,
	 .offset = MEMORY(closed_page),
	 .assumed = 0,
	 .reason = NO_PAGE},
};
const struct topo_table topo_keys_bank = TOPO_TABLE(bank_keys);

#define PAGED_KEYS(fetch_value, fetch_why, rate_value, rate_why, depth_value, depth_why)           \
	TYPE,                                                                                      \
		{.name = "buffer",                                                                 \
		 .kind = TOPO_QTY,                                                                 \
		 .store = TOPO_U64,                                                                \
		 .unit = CXMS_UNIT_BYTES,                                                          \
		 .min = MIB(1),                                                                    \
		 .max = TOPO_MAX_MEMORY,                                                           \
		 .offset = MEMORY(buffer_bytes),                                                   \
		 .required = true},                                                                \
		{.name = "page",                                                                   \
		 .kind = TOPO_QTY,                                                                 \
		 .store = TOPO_U64,                                                                \
		 .unit = CXMS_UNIT_BYTES,                                                          \
		 .min = 512,                                                                       \
		 .max = MIB(2),                                                                    \
		 .offset = MEMORY(page_bytes),                                                     \
		 .assumed = CXMS_ASSUMED_PAGE,                                                     \
		 .reason = NO_4K},                                                                 \
		TIME("fetch", fetch_ps, 100 * CXMS_PS_PER_NS, 10 * PS_PER_MS, fetch_value,         \
		     fetch_why),                                                                   \
		{.name = "bandwidth",                                                              \
		 .kind = TOPO_QTY,                                                                 \
		 .store = TOPO_U64,                                                                \
		 .unit = CXMS_UNIT_BYTES_PER_S,                                                    \
		 .min = TOPO_MIN_RATE,                                                             \
		 .max = TOPO_MAX_RATE,                                                             \
		 .offset = MEMORY(backing_bytes_per_s),                                            \
		 .assumed = rate_value,                                                            \
		 .reason = rate_why},                                                              \
		COUNT("depth", depth, 1024, depth_value, depth_why)

static const struct topo_key ssd_keys[] = {
	PAGED_KEYS(CXMS_ASSUMED_NAND_PS, NO_NAND, CXMS_ASSUMED_NAND_RATE, NO_DRIVE,
		   CXMS_ASSUMED_NAND_DEPTH, NO_DIES),
};
const struct topo_table topo_keys_ssd = TOPO_TABLE(ssd_keys);

static const struct topo_key far_keys[] = {
	PAGED_KEYS(CXMS_ASSUMED_RDMA_PS, NO_RDMA, CXMS_ASSUMED_RDMA_RATE, NO_NET,
		   CXMS_ASSUMED_RDMA_DEPTH, NO_READS),
	TIME("fault", fault_ps, 0, PS_PER_MS, CXMS_ASSUMED_FAULT_PS, NO_FAULT),
};
const struct topo_table topo_keys_far = TOPO_TABLE(far_keys);

static const struct topo_key tail_keys[] = {
	{.name = "p99",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .max = PS_PER_MS,
	 .offset = MEMORY(tail_p99_ps),
	 .required = true},
	{.name = "p999",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .max = PS_PER_MS,
	 .offset = MEMORY(tail_p999_ps),
	 .required = true},
};
const struct topo_table topo_keys_tail = TOPO_TABLE(tail_keys);

static const struct topo_key logical_keys[] = {
	{.name = "host", .kind = TOPO_OWN, .required = true},
	{.name = "capacity",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_BYTES,
	 .min = MIB(1),
	 .max = TOPO_MAX_MEMORY,
	 .offset = offsetof(struct cxms_logical, capacity_bytes),
	 .required = true},
};
const struct topo_table topo_keys_logical = TOPO_TABLE(logical_keys);

#define CHANGE(key)                                                                                \
	{                                                                                          \
		.name = key, .kind = TOPO_OWN, .unit = CXMS_UNIT_BYTES, .min = TOPO_EXTENT_BYTES,  \
		.max = TOPO_MAX_MEMORY                                                             \
	}
static const struct topo_key extent_keys[] = {
	{.name = "at",
	 .kind = TOPO_OWN,
	 .unit = CXMS_UNIT_TIME_PS,
	 .max = 1000000 * CXMS_PS_PER_S,
	 .required = true},
	CHANGE("add"),
	CHANGE("release"),
	{.name = "host", .kind = TOPO_OWN},
};
const struct topo_table topo_keys_extent = TOPO_TABLE(extent_keys);

/* those that local DRAM may have come first */
const struct topo_model topo_models[TOPO_MODELS] = {
	{"typical", CXMS_MODEL_TYPICAL, &topo_keys_plain, true,
	 "idle latency, and what measured devices show on the way to their bandwidth"},
	{"fixed", CXMS_MODEL_FIXED, &topo_keys_plain, true,
	 "idle latency; a request waits only for the bandwidth"},
	{"queue", CXMS_MODEL_QUEUE, &topo_keys_queue, true,
	 "channels in parallel that lose time between reads and writes"},
	{"bank", CXMS_MODEL_BANK, &topo_keys_bank, true,
	 "channels of DRAM banks with a row open in each, and refresh"},
	{"ssd", CXMS_MODEL_SSD, &topo_keys_ssd, false,
	 "a buffer of pages in DRAM in front of a slow medium"},
	{"far", CXMS_MODEL_FAR, &topo_keys_far, false,
	 "pages fetched over a network into a local buffer"},
};

bool cxms_topo_model(size_t i, struct cxms_topo_model *out)
{
	if (i >= TOPO_MODELS)
		return false;
	*out = (struct cxms_topo_model){topo_models[i].word, topo_models[i].summary,
					topo_models[i].local};
	return true;
}

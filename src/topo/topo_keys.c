#include "base/units.h"
#include "topo/topo_priv.h"

#define PS_PER_MS  (CXMS_PS_PER_S / 1000)
#define PS_PER_US  (CXMS_PS_PER_S / 1000000)
#define KIB(n)	   ((n)*1024ull)
#define MIB(n)	   ((n)*1048576ull)
#define MAX_HIT_PS (10 * PS_PER_US) /* the assumed cycles fit at the slowest clock, 100 MHz */
#define GIB(n)	   ((n)*1073741824ull)
#define PLAIN	   CXMS_UNIT_COUNT
#define HOST(f)	   offsetof(struct cxms_host, f)
#define LINK(f)	   offsetof(struct cxms_link, f)
#define DEV(f)	   offsetof(struct cxms_dev, f)
#define BW(f)	   offsetof(struct cxms_bw, f)

/*
 * Assumed where a file is silent: one socket of an Intel Xeon Platinum 8480+ (Sapphire Rapids, 56
 * cores), 8 channels of DDR5-4800, the most measured host of published CXL work.
 */
#define SPR		      "not stated; Xeon Platinum 8480+ (Sapphire Rapids)"
#define CXMS_ASSUMED_HZ	      3000000000ull /* Hz; between 2.0 GHz base and 3.8 GHz turbo */
#define CXMS_ASSUMED_CORES    56	    /* cores of the part */
#define CXMS_ASSUMED_WIDTH    6		    /* uops/cycle renamed by Golden Cove */
#define CXMS_ASSUMED_ROB      512	    /* uops */
#define CXMS_ASSUMED_LQ	      192	    /* loads */
#define CXMS_ASSUMED_SQ	      114	    /* stores */
#define CXMS_ASSUMED_L1D_MSHR 16	    /* line fill buffers */
#define CXMS_ASSUMED_L2_MSHR  48	    /* L2 misses in flight (McCalpin, ISC'23) */
#define CXMS_ASSUMED_L1I      KIB(32)	    /* bytes, 8 ways */
#define CXMS_ASSUMED_L1D      KIB(48)	    /* bytes, 12 ways, 5 cycles */
#define CXMS_ASSUMED_L2	      MIB(2)	    /* bytes, 16 ways, 14 cycles */
#define CXMS_ASSUMED_LLC      MIB(105)	    /* bytes, 15 ways: 1.875 MiB a core */
#define CXMS_ASSUMED_LLC_CYC  111	    /* 37 ns, the L3 hit of Intel's TMA metrics, at 3 GHz */
#define CXMS_ASSUMED_TLB_L1   96	    /* entries, 4 KiB pages */
#define CXMS_ASSUMED_TLB_L2   2048	    /* entries */
#define CXMS_ASSUMED_WALKERS  4		    /* page walks at a time, Golden Cove; two before it */
/* ps, load round trip: one hop of an XConn Gen 5 switch; published figures span 70 to 270 ns */
#define CXMS_ASSUMED_SWITCH_PS (90 * CXMS_PS_PER_NS)

#define ONLY_CORE   "only the exact source simulates the core's pipeline"
#define ONLY_CACHE  "only the exact source simulates caches"
#define ONLY_TLB    "page sizes and TLB misses come with the recording"
#define ONLY_WALK   "page walks are measured on the recording machine"
#define ONLY_THREAD "the number of running threads comes with the recording"

static const char *const uops_words[] = {"split", "fused", NULL};
static const char *const order_words[] = {"weak", "tso", NULL};
static const char *const bool_words[] = {"false", "true", NULL};
static const char *const replacement_words[] = {"lru", "plru", NULL};
const char *const topo_fetch_words[] = {"line", "decoded", NULL};
const char *const topo_index_words[] = {"modulo", "hashed", NULL};
const char *const topo_dev_words[] = {"switch", "memdev", NULL};
const char *const topo_flit_words[] = {"68B", "256B", "256B-lopt", NULL};
const char *const topo_page_words[] = {"4KiB", "2MiB", NULL};
const char *const topo_prefetch_words[] = {"none", "next-line", "stride", NULL};

#define COUNT(key, field, lo, hi, value, why)                                                      \
	{                                                                                          \
		.name = key, .kind = TOPO_QTY, .store = TOPO_U32, .unit = PLAIN, .min = lo,        \
		.max = hi, .offset = field, .assumed = value, .reason = SPR, .unused = why         \
	}

static const struct topo_key cpu_keys[] = {
	{.name = "frequency",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_HZ,
	 .min = 100000000,
	 .max = 10000000000,
	 .offset = HOST(frequency_hz),
	 .assumed = CXMS_ASSUMED_HZ,
	 .reason = SPR ", between base and turbo"},
	COUNT("cores", HOST(cores), 1, 1024, CXMS_ASSUMED_CORES, ONLY_THREAD),
	COUNT("width", HOST(width), 1, 32, CXMS_ASSUMED_WIDTH, ONLY_CORE),
	{.name = "uops",
	 .kind = TOPO_WORD,
	 .store = TOPO_BOOL,
	 .words = uops_words,
	 .offset = HOST(uops_fused),
	 .assumed = 1,
	 .reason = SPR,
	 .unused = ONLY_CORE},
	{.name = "store_order",
	 .kind = TOPO_WORD,
	 .store = TOPO_BOOL,
	 .words = order_words,
	 .offset = HOST(store_tso),
	 .assumed = 1,
	 .reason = SPR,
	 .unused = ONLY_CORE},
	{.name = "fetch", .kind = TOPO_OWN, .unused = ONLY_CORE},
	COUNT("rob", HOST(rob), 1, 65536, CXMS_ASSUMED_ROB, ONLY_CORE),
	{.name = "scheduler",
	 .kind = TOPO_OWN,
	 .unit = PLAIN,
	 .min = 1,
	 .max = 65536,
	 .unused = ONLY_CORE},
	COUNT("load_queue", HOST(load_queue), 1, 65536, CXMS_ASSUMED_LQ, ONLY_CORE),
	COUNT("store_queue", HOST(store_queue), 1, 65536, CXMS_ASSUMED_SQ, ONLY_CORE),
	COUNT("l1d_mshrs", HOST(l1d_mshrs), 1, 1024, CXMS_ASSUMED_L1D_MSHR, NULL),
	COUNT("l2_mshrs", HOST(l2_mshrs), 1, 1024, CXMS_ASSUMED_L2_MSHR, NULL),
};
const struct topo_table topo_keys_cpu = TOPO_TABLE(cpu_keys);

static const struct topo_key prefetch_keys[] = {
	{.name = "type", .kind = TOPO_OWN},
	{.name = "degree", .kind = TOPO_OWN, .unit = PLAIN, .min = 1, .max = 64},
	{.name = "distance", .kind = TOPO_OWN, .unit = PLAIN, .min = 0, .max = 1024},
};
const struct topo_table topo_keys_prefetch = TOPO_TABLE(prefetch_keys);

/* size_why: NULL where sampled sources use the size */
#define CACHE_KEYS(level, size_value, ways_value, cyc_value, inclusive_unused, ...)                \
	{                                                                                          \
		{.name = "size",                                                                   \
		 .kind = TOPO_QTY,                                                                 \
		 .store = TOPO_U64,                                                                \
		 .unit = CXMS_UNIT_BYTES,                                                          \
		 .min = KIB(1),                                                                    \
		 .max = GIB(16),                                                                   \
		 .offset = HOST(level.size_bytes),                                                 \
		 .required = true,                                                                 \
		 .assumed = size_value,                                                            \
		 .reason = SPR,                                                                    \
		 .unused = ONLY_CACHE},                                                            \
			{.name = "ways",                                                           \
			 .kind = TOPO_QTY,                                                         \
			 .store = TOPO_U32,                                                        \
			 .unit = PLAIN,                                                            \
			 .min = 1,                                                                 \
			 .max = 1024,                                                              \
			 .offset = HOST(level.ways),                                               \
			 .required = true,                                                         \
			 .assumed = ways_value,                                                    \
			 .reason = SPR,                                                            \
			 .unused = ONLY_CACHE},                                                    \
			{.name = "latency",                                                        \
			 .kind = TOPO_CYC,                                                         \
			 .store = TOPO_U64,                                                        \
			 .unit = CXMS_UNIT_TIME_PS,                                                \
			 .min = 1,                                                                 \
			 .max = MAX_HIT_PS,                                                        \
			 .offset = HOST(level.latency_cyc),                                        \
			 .required = true,                                                         \
			 .assumed = cyc_value,                                                     \
			 .reason = SPR,                                                            \
			 .unused = ONLY_CACHE},                                                    \
			{.name = "inclusive",                                                      \
			 .kind = TOPO_WORD,                                                        \
			 .store = TOPO_BOOL,                                                       \
			 .words = bool_words,                                                      \
			 .offset = HOST(level.inclusive),                                          \
			 .unused = ONLY_CACHE,                                                     \
			 .unused_exact = inclusive_unused},                                        \
			{.name = "replacement",                                                    \
			 .kind = TOPO_WORD,                                                        \
			 .store = TOPO_BOOL,                                                       \
			 .words = replacement_words,                                               \
			 .offset = HOST(level.plru),                                               \
			 .unused = ONLY_CACHE},                                                    \
			{.name = "prefetch", .kind = TOPO_OWN, .unused = ONLY_CACHE}, __VA_ARGS__  \
	}

/* latency: that of the L1D when not stated, topo_host.c */
static const struct topo_key l1i_keys[] = {
	{.name = "size",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_BYTES,
	 .min = KIB(1),
	 .max = GIB(16),
	 .offset = HOST(l1i.size_bytes),
	 .required = true,
	 .assumed = CXMS_ASSUMED_L1I,
	 .reason = SPR,
	 .unused = ONLY_CACHE},
	{.name = "ways",
	 .kind = TOPO_QTY,
	 .store = TOPO_U32,
	 .unit = PLAIN,
	 .min = 1,
	 .max = 1024,
	 .offset = HOST(l1i.ways),
	 .required = true,
	 .assumed = 8,
	 .reason = SPR,
	 .unused = ONLY_CACHE},
	{.name = "latency",
	 .kind = TOPO_CYC,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .min = 1,
	 .max = MAX_HIT_PS,
	 .offset = HOST(l1i.latency_cyc),
	 .unused = ONLY_CACHE},
	{.name = "replacement",
	 .kind = TOPO_WORD,
	 .store = TOPO_BOOL,
	 .words = replacement_words,
	 .offset = HOST(l1i.plru),
	 .unused = ONLY_CACHE},
};
static const struct topo_key l1d_keys[] =
	CACHE_KEYS(l1d, CXMS_ASSUMED_L1D, 12, 5, "no level is nearer to the core", );
static const struct topo_key l2_keys[] = CACHE_KEYS(l2, CXMS_ASSUMED_L2, 16, 14, NULL, );
static const struct topo_key llc_keys[] =
	CACHE_KEYS(llc, CXMS_ASSUMED_LLC, 15, CXMS_ASSUMED_LLC_CYC, NULL,
		   {.name = "index", .kind = TOPO_OWN, .unused = ONLY_CACHE}, );
const struct topo_table topo_keys_l1i = TOPO_TABLE(l1i_keys);
const struct topo_table topo_keys_l1d = TOPO_TABLE(l1d_keys);
const struct topo_table topo_keys_l2 = TOPO_TABLE(l2_keys);
const struct topo_table topo_keys_llc = TOPO_TABLE(llc_keys);

static const struct topo_key caches_keys[] = {
	{.name = "line", .kind = TOPO_OWN, .unit = CXMS_UNIT_BYTES, .unused = ONLY_CACHE},
	{.name = "l1i", .kind = TOPO_OWN, .sub = &topo_keys_l1i},
	{.name = "l1d", .kind = TOPO_OWN, .sub = &topo_keys_l1d},
	{.name = "l2", .kind = TOPO_OWN, .sub = &topo_keys_l2, .unused = ONLY_CACHE},
	{.name = "llc", .kind = TOPO_OWN, .sub = &topo_keys_llc},
};
const struct topo_table topo_keys_caches = TOPO_TABLE(caches_keys);

static const struct topo_key tlb_keys[] = {
	COUNT("l1", HOST(tlb_l1), 1, 65536, CXMS_ASSUMED_TLB_L1, ONLY_TLB),
	COUNT("l2", HOST(tlb_l2), 0, 1048576, CXMS_ASSUMED_TLB_L2, ONLY_TLB),
	{.name = "page", .kind = TOPO_OWN, .unit = CXMS_UNIT_BYTES, .unused = ONLY_TLB},
	{.name = "walk",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .max = 10 * PS_PER_US,
	 .offset = HOST(walk_ps),
	 .unused = ONLY_WALK},
	COUNT("walkers", HOST(walkers), 1, 64, CXMS_ASSUMED_WALKERS, ONLY_CORE),
};
const struct topo_table topo_keys_tlb = TOPO_TABLE(tlb_keys);

#define RATE(key, field)                                                                           \
	{                                                                                          \
		.name = key, .kind = TOPO_OWN, .unit = CXMS_UNIT_BYTES_PER_S,                      \
		.min = TOPO_MIN_RATE, .max = TOPO_MAX_RATE, .offset = BW(field)                    \
	}
static const struct topo_key bandwidth_keys[] = {
	RATE("read", read),
	RATE("write", write),
	RATE("total", total),
};
const struct topo_table topo_keys_bandwidth = TOPO_TABLE(bandwidth_keys);

static const struct topo_key curve_keys[] = {
	{.name = "name", .kind = TOPO_OWN},
	{.name = "absolute", .kind = TOPO_OWN},
};
const struct topo_table topo_keys_curve = TOPO_TABLE(curve_keys);

static const struct topo_key local_keys[] = {
	{.name = "latency",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .min = CXMS_PS_PER_NS,
	 .max = PS_PER_MS,
	 .offset = HOST(local_latency_ps),
	 .required = true},
	{.name = "bandwidth", .kind = TOPO_OWN},
	{.name = "capacity",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_BYTES,
	 .min = MIB(1),
	 .max = TOPO_MAX_MEMORY,
	 .offset = HOST(local_capacity_bytes)},
	{.name = "model", .kind = TOPO_OWN},
	{.name = "tail", .kind = TOPO_OWN},
	{.name = "curve", .kind = TOPO_OWN},
};
const struct topo_table topo_keys_local = TOPO_TABLE(local_keys);

static const struct topo_key bridge_keys[] = {
	{.name = "bandwidth", .kind = TOPO_OWN, .required = true},
};
const struct topo_table topo_keys_bridge = TOPO_TABLE(bridge_keys);

static const struct topo_key host_keys[] = {
	{.name = "preset", .kind = TOPO_OWN},
	{.name = "cpu", .kind = TOPO_OWN, .sub = &topo_keys_cpu},
	{.name = "caches", .kind = TOPO_OWN, .sub = &topo_keys_caches},
	{.name = "tlb", .kind = TOPO_OWN, .sub = &topo_keys_tlb, .unused = ONLY_WALK},
	{.name = "local", .kind = TOPO_OWN, .sub = &topo_keys_local},
	{.name = "bridge", .kind = TOPO_OWN, .sub = &topo_keys_bridge},
};
const struct topo_table topo_keys_host = TOPO_TABLE(host_keys);

static const struct topo_key link_keys[] = {
	{.name = "gen",
	 .kind = TOPO_QTY,
	 .store = TOPO_U32,
	 .unit = PLAIN,
	 .min = 4,
	 .max = 7,
	 .offset = LINK(gen),
	 .required = true},
	{.name = "width",
	 .kind = TOPO_QTY,
	 .store = TOPO_U32,
	 .unit = PLAIN,
	 .min = 1,
	 .max = 16,
	 .offset = LINK(width),
	 .required = true},
	{.name = "flit", .kind = TOPO_OWN, .unit = CXMS_UNIT_BYTES},
	{.name = "encoding", .kind = TOPO_OWN},
	{.name = "latency",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .max = PS_PER_MS,
	 .offset = LINK(latency_ps)},
};
const struct topo_table topo_keys_link = TOPO_TABLE(link_keys);

/* latency is assumed for a switch only, and required of a memdev: topo_device.c */
static const struct topo_key device_keys[] = {
	{.name = "type", .kind = TOPO_OWN},
	{.name = "upstream", .kind = TOPO_OWN},
	{.name = "root_port", .kind = TOPO_OWN, .unit = PLAIN, .max = 255},
	{.name = "link", .kind = TOPO_OWN, .sub = &topo_keys_link},
	{.name = "latency",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_TIME_PS,
	 .min = CXMS_PS_PER_NS,
	 .max = PS_PER_MS,
	 .offset = DEV(latency_ps),
	 .assumed = CXMS_ASSUMED_SWITCH_PS,
	 .reason = "not stated; one hop of an XConn Gen 5 switch, published figures span 70 to 270 "
		   "ns"},
	{.name = "bandwidth", .kind = TOPO_OWN},
	{.name = "capacity",
	 .kind = TOPO_QTY,
	 .store = TOPO_U64,
	 .unit = CXMS_UNIT_BYTES,
	 .min = MIB(1),
	 .max = TOPO_MAX_MEMORY,
	 .offset = DEV(capacity_bytes)},
	{.name = "model", .kind = TOPO_OWN},
	{.name = "tail", .kind = TOPO_OWN},
	{.name = "logical",
	 .kind = TOPO_OWN,
	 .unused_alone = "no host is named: the whole device is this run's; see replay --host"},
	{.name = "extents",
	 .kind = TOPO_OWN,
	 .unused_exact = "source exact places all pages at once, as if the capacity never changed"},
	{.name = "curve", .kind = TOPO_OWN},
	{.name = "preset", .kind = TOPO_OWN},
};
const struct topo_table topo_keys_device = TOPO_TABLE(device_keys);

static const struct topo_key region_keys[] = {
	{.name = "name", .kind = TOPO_OWN},
	{.name = "targets", .kind = TOPO_OWN},
	{.name = "granularity",
	 .kind = TOPO_OWN,
	 .unit = CXMS_UNIT_BYTES,
	 .min = TOPO_MIN_GRANULARITY,
	 .max = TOPO_MAX_GRANULARITY},
	{.name = "weight", .kind = TOPO_OWN},
};
const struct topo_table topo_keys_region = TOPO_TABLE(region_keys);

static const struct topo_key placement_keys[] = {
	{.name = "policy", .kind = TOPO_OWN},
	{.name = "splits", .kind = TOPO_OWN, .unit = CXMS_UNIT_PCT, .max = 100},
	{.name = "weights", .kind = TOPO_OWN, .unit = PLAIN, .min = 1, .max = TOPO_MAX_PAGES},
};
const struct topo_table topo_keys_placement = TOPO_TABLE(placement_keys);

static const struct topo_key top_keys[] = {
	{.name = "schema", .kind = TOPO_OWN, .unit = PLAIN, .min = 1, .max = 1},
	{.name = "name", .kind = TOPO_OWN},
	{.name = "host", .kind = TOPO_OWN, .sub = &topo_keys_host},
	{.name = "devices", .kind = TOPO_OWN},
	{.name = "regions", .kind = TOPO_OWN},
	{.name = "placement", .kind = TOPO_OWN, .sub = &topo_keys_placement},
};
const struct topo_table topo_keys_top = TOPO_TABLE(top_keys);

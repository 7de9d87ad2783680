/*
 * The CXL topology: host, switches, memdevs and the ways between them, as a checked graph that
 * nothing changes. Keys, units and defaults: cxltopo/SCHEMA.md. Strings and arrays belong to the
 * topology, and live as long as it does.
 */
#ifndef CXMS_TOPO_TOPO_H
#define CXMS_TOPO_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_buf;
struct cxms_cfg;
struct cxms_err;

#define CXMS_TOPO_MAX_DEVICES 256
#define CXMS_TOPO_HOST	      (-1) /* upstream of a device that hangs on a root port */
#define CXMS_UNLIMITED	      UINT64_MAX

enum cxms_flit { CXMS_FLIT_68B, CXMS_FLIT_256B, CXMS_FLIT_256B_LOPT };
enum cxms_page_kind { CXMS_PAGE_NOT_SAID, CXMS_PAGE_4K, CXMS_PAGE_2M };

/** struct cxms_link - one PCIe/CXL link; each direction has the same rate */
struct cxms_link {
	uint32_t gen;	/* 4, 5, 6, 7; 0 = no link stated (then the link bounds nothing) */
	uint32_t width; /* lanes: 1 2 4 8 16 */
	enum cxms_flit flit;
	bool encoding;	     /* 128b/130b counted (up to Gen 5); `encoding: none` = false */
	uint64_t latency_ps; /* retimer, cable; round trip; default 0 */
};

/** struct cxms_bw - sustained payload, bytes/s; CXMS_UNLIMITED where only the link bounds it */
struct cxms_bw {
	uint64_t read, write, total;
};

/* How memory answers under load. */
enum cxms_model {
	CXMS_MODEL_TYPICAL, /* idle latency, and the shape of measured devices */
	CXMS_MODEL_FIXED,   /* idle latency; a request waits for the bandwidth only */
	CXMS_MODEL_QUEUE,   /* channels in parallel, time lost between reads and writes */
	CXMS_MODEL_BANK,    /* channels of banks with an open row each, refresh */
	CXMS_MODEL_CURVE,   /* measured latency against bandwidth and read share */
	CXMS_MODEL_SSD,	    /* a buffer of pages in front of a slow medium */
	CXMS_MODEL_FAR	    /* pages fetched over a network into a local buffer */
};

/** struct cxms_dram - timing set of a DRAM part; times in ps (topo_dram.c gives each source).
 * wtr: end of the write's data to a read command; rtw: read command to write command */
struct cxms_dram {
	const char *name;     /* "ddr5-4800" */
	uint64_t bytes_per_s; /* peak of one channel */
	uint32_t banks;	      /* of a rank */
	uint32_t row_bytes;   /* of a bank, all chips of the channel together */
	uint64_t cl_ps, rcd_ps, rp_ps, ras_ps, wr_ps, wtr_ps, rtw_ps, rfc_ps, refi_ps;
};

/** struct cxms_curve_part - one read share of a curve; bandwidth rises strictly up to the peak */
struct cxms_curve_part {
	double read_pct;
	size_t n;
	const double *bytes_per_s, *latency_ps; /* [n] up to the peak, smoothed to rise */
	size_t n_over;				/* the branch behind the peak, as measured */
	const double *over_bytes_per_s, *over_latency_ps;
};
/** struct cxms_topo_curve - a measured bandwidth-latency curve, by rising read share */
struct cxms_topo_curve {
	const char *name;    /* as `curve` names it; a path as seen from the working directory */
	const char *source;  /* provenance, one line */
	const char *assumed; /* weakness of the data, listed in results; NULL = none */
	double idle_ps;
	size_t n_part;
	const struct cxms_curve_part *part;
};

/** struct cxms_memory - the model of a memdev or of local DRAM; fields of other models are 0 */
struct cxms_memory {
	enum cxms_model model;
	bool stated; /* false: nobody chose the model, so source exact takes FIXED for TYPICAL */
	const struct cxms_topo_curve *curve;
	bool curve_absolute;	/* bandwidth axis as measured, not as a share of the capacity */
	uint32_t channels;	/* QUEUE, BANK */
	uint32_t ranks;		/* BANK: of a channel */
	uint64_t turnaround_ps; /* QUEUE: between a read and a write of a channel */
	const struct cxms_dram *dram; /* BANK */
	bool closed_page;	      /* BANK: rows close after each access */
	/* SSD, FAR */
	uint64_t page_bytes, buffer_bytes;
	uint64_t fetch_ps;	      /* a page that the buffer lacks, idle */
	uint64_t fault_ps;	      /* FAR: software on the faulting core, beside the fetch */
	uint64_t backing_bytes_per_s; /* of the medium or the network */
	uint32_t depth;		      /* fetches at the same time */
	/* tail: added to the idle latency of this share of the requests, 0 = none */
	uint64_t tail_p99_ps, tail_p999_ps;
};

/** struct cxms_extent - dynamic capacity that comes (or goes) at a time of the run */
struct cxms_extent {
	const char *host; /* NULL: the only one */
	uint64_t at_ns;
	int64_t bytes; /* > 0 added, < 0 released; a multiple of 256 MiB */
};
/** struct cxms_logical - a host's share of a multi-logical device */
struct cxms_logical {
	const char *host;
	uint64_t capacity_bytes;
};

enum cxms_dev_type { CXMS_DEV_SWITCH, CXMS_DEV_MEMDEV };

struct cxms_dev {
	const char *name;
	const char *preset; /* that filled what the file leaves open; NULL = none */
	enum cxms_dev_type type;
	int upstream;  /* index into dev[], or CXMS_TOPO_HOST */
	int root_port; /* of devices on the host, >= 0; those with the same number share it */
	struct cxms_link link;
	/* memdev: idle load to use when directly attached; switch: what it adds to a round trip */
	uint64_t latency_ps;
	struct cxms_bw bw;	   /* memdev: device; switch: shared internal bandwidth */
	uint64_t capacity_bytes;   /* memdev */
	struct cxms_memory memory; /* memdev */
	size_t n_logical;
	const struct cxms_logical *logical; /* memdev; none = one host, or all share it */
	size_t n_extent;
	const struct cxms_extent *extent; /* memdev, by time; none = capacity is there at once */
	unsigned line;			  /* in the file */
};

#define CXMS_PREFETCH_MAX 2 /* prefetchers of one cache: each type once */
enum cxms_prefetch_type { CXMS_PREFETCH_NONE, CXMS_PREFETCH_NEXT_LINE, CXMS_PREFETCH_STRIDE };
struct cxms_host_prefetch {
	enum cxms_prefetch_type type; /* never NONE in a list */
	uint32_t degree;	      /* lines at a time */
	uint32_t distance;	      /* lines ahead of the access; 0 = from the next line */
};

struct cxms_cache {
	bool present;
	uint64_t size_bytes;
	uint32_t ways;
	uint64_t latency_cyc;
	bool inclusive;
	bool plru;   /* replacement: lru | plru */
	bool hashed; /* index: modulo | hashed; of the LLC */
	uint32_t n_prefetch;
	struct cxms_host_prefetch prefetch[CXMS_PREFETCH_MAX];
};

struct cxms_host {
	uint64_t frequency_hz;
	uint32_t cores, width, rob, load_queue, store_queue, l1d_mshrs, l2_mshrs;
	uint32_t scheduler; /* uops that wait to issue; 0 = not stated: 3/7 of rob */
	bool uops_fused;    /* uops: fused | split */
	bool store_tso;	    /* store_order: tso | weak */
	bool fetch_decoded; /* fetch: decoded | line */
	uint32_t line_bytes;
	struct cxms_cache l1i, l1d, l2, llc; /* l1i: no prefetchers */
	bool tlb_present;		     /* false: `tlb: none`, no page walks are timed */
	uint32_t tlb_l1, tlb_l2;
	enum cxms_page_kind tlb_page; /* not said: as recorded; the exact source takes 4 KiB */
	bool walk_given;
	uint64_t walk_ps;
	uint32_t walkers;	 /* page walks at a time */
	bool local_latency_auto; /* `latency: auto`: the recording machine's measured latency */
	uint64_t local_latency_ps;
	struct cxms_bw local_bw;
	uint64_t local_capacity_bytes; /* CXMS_UNLIMITED when not stated */
	struct cxms_memory local_memory;
	/* what local and CXL traffic share on the way out of the cores; CXMS_UNLIMITED = not
	 * stated */
	struct cxms_bw bridge_bw;
};

/** struct cxms_region - the memdevs it interleaves, in order; one default region over all when none
 * is stated */
struct cxms_region {
	const char *name;
	size_t n_target;
	const int *target; /* indices into dev[] */
	uint64_t granularity_bytes;
	double weight; /* share of the CXL pages, relative; not stated: the region's capacity */
};

enum cxms_topo_source { CXMS_TOPO_FOR_SAMPLED, CXMS_TOPO_FOR_EXACT, CXMS_TOPO_SOURCES };

/** struct cxms_assumed - a figure the file did not give; struct cxms_ignored - a key that nothing
 * used */
struct cxms_assumed {
	const char *key, *value, *reason; /* "host.local.bandwidth", "240GB/s", "..." */
	bool exact_only; /* sampled sources do not use the key: no result of theirs rests on it */
};
struct cxms_ignored {
	const char *key, *source, *reason;
};
/** struct cxms_stated - a key that the file states
 * @reason: by source, why sources of this kind do not use it; NULL = they do
 * @alone: why a run without named hosts does not use it; NULL = it does */
struct cxms_stated {
	const char *key, *reason[CXMS_TOPO_SOURCES], *alone;
};

struct cxms_topo {
	const char *file, *name;
	const char *sha256; /* of the file; with presets or curves, of it and of these in the order
			       read */
	struct cxms_host host;
	const char *host_preset; /* NULL = none */
	size_t n_dev;
	const struct cxms_dev *dev; /* file order */
	size_t n_memdev;
	const int *memdev; /* indices into dev[], file order: targets 1 .. n of a result */
	size_t n_region;
	const struct cxms_region *region;
	const char *policy;		  /* placement.policy, NULL when not stated */
	unsigned policy_line, policy_col; /* where it stands; 0 = nowhere */
	size_t n_split;
	const double *split_pct; /* placement.splits, per cent local; n 0 = not stated */
	uint32_t local_weight;	 /* placement.weights: pages of `local` a turn; 0 = not stated */
	size_t n_assumed;
	const struct cxms_assumed *assumed;
	size_t n_key; /* every model key the file states: see cxms_topo_ignored() */
	const struct cxms_stated *stated;
	void *owner; /* private storage of all strings and arrays above */
};

/**
 * cxms_topo_load() - read, build and check a topology file
 * Return: 0, -ENOENT, -EACCES, -EINVAL, -ENOMEM; -ENOTSUP where all that is wrong is not modelled
 * yet (cache lines other than 64 B). err->msg then has the errors of the file, each a line
 * "file:line:col: what, and what is allowed", as many as it has room for; cxms_topo_check() gives
 * all. Owner: cxms_topo_free()
 */
int cxms_topo_load(const char *path, struct cxms_topo **out, struct cxms_err *err);
/** cxms_topo_load_mem() - the same from memory; @name: for messages */
int cxms_topo_load_mem(const char *name, const void *data, size_t len, struct cxms_topo **out,
		       struct cxms_err *err);
/** cxms_topo_from_cfg() - the same from a tree, which may be changed or freed afterwards */
int cxms_topo_from_cfg(const struct cxms_cfg *cfg, struct cxms_topo **out, struct cxms_err *err);
/** cxms_topo_assumed() - a host with every figure that SCHEMA.md assumes, and one memdev. 0 or
 * -ENOMEM. Owner: cxms_topo_free() */
int cxms_topo_assumed(struct cxms_topo **out, struct cxms_err *err);
/** cxms_topo_scheduler() - uops that wait to issue: as stated, else 3/7 of the reorder buffer */
uint32_t cxms_topo_scheduler(const struct cxms_host *h);
/** cxms_topo_check() - check a file as cxms_topo_load() does
 * @errors: every error of it, one a line; NULL where there is none, or no memory. Owner: free(3) */
int cxms_topo_check(const char *path, char **errors, struct cxms_err *err);
void cxms_topo_free(struct cxms_topo *t);

/** struct cxms_topo_model - a word of the key `model`; static strings */
struct cxms_topo_model {
	const char *name, *summary;
	bool is_for_local; /* also of local DRAM; memdevs have them all */
};
/** the @i-th; false: there are no more */
bool cxms_topo_model(size_t i, struct cxms_topo_model *out);

/**
 * cxms_topo_path() - the devices between a memdev and the host: the memdev first, what hangs on the
 * root port last
 * @dev:  index of a memdev
 * @path: [0, *n) written with indices into dev[]; at most CXMS_TOPO_MAX_DEVICES
 */
void cxms_topo_path(const struct cxms_topo *t, int dev, int *path, size_t *n);
/**
 * cxms_topo_flit_ps() - time by which a round trip over a link is longer than with flits of 68 B
 * A flit is used when all of it has come and was checked. Latencies of memdevs were measured over
 * flits of 68 B. Formula: 2 (B - 68 B) / raw rate, B = 256 B, or 128 B when latency-optimised
 * (MODELS: fabric). 0 without a link.
 */
uint64_t cxms_topo_flit_ps(const struct cxms_link *l);
/** cxms_topo_idle_ps() - idle latency of a memdev: its own, that of switches and links on the way,
 * and of their flits (MODELS: fabric) */
uint64_t cxms_topo_idle_ps(const struct cxms_topo *t, int dev);
/** cxms_topo_find() - index of a device by name, or -ENOENT */
int cxms_topo_find(const struct cxms_topo *t, const char *name);

/**
 * cxms_topo_ignored() - stated keys that this kind of source does not use, with the reason
 * @hosts: the run names its hosts
 * @cb is called once per key, in file order; its argument lasts for the call, the strings as the
 * topology
 */
void cxms_topo_ignored(const struct cxms_topo *t, enum cxms_topo_source source, bool hosts,
		       void (*cb)(void *arg, const struct cxms_ignored *key), void *arg);

#endif

/* The CXL topology: host, switches, memdevs and the paths between them, as a checked, read-only
 * graph. */
#ifndef CXMS_TOPO_TOPO_H
#define CXMS_TOPO_TOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_buf;
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

enum cxms_dev_type { CXMS_DEV_SWITCH, CXMS_DEV_MEMDEV };

struct cxms_dev {
	const char *name;
	enum cxms_dev_type type;
	int upstream;  /* index into dev[], or CXMS_TOPO_HOST */
	int root_port; /* >= 0 for devices on the host: devices with the same number share the port
			*/
	struct cxms_link link;
	uint64_t latency_ps;	 /* memdev: idle load-to-use, directly attached; switch: added round
				    trip */
	struct cxms_bw bw;	 /* memdev: device; switch: shared internal bandwidth */
	uint64_t capacity_bytes; /* memdev */
	unsigned line;		 /* in the file */
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
	bool plru; /* replacement: lru | plru */
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
	bool local_latency_auto; /* `latency: auto`: the recording machine's measured latency */
	uint64_t local_latency_ps;
	struct cxms_bw local_bw;
	uint64_t local_capacity_bytes; /* CXMS_UNLIMITED when not stated */
};

/** struct cxms_region - the memdevs it interleaves, in order; one default region over all when none
 * is stated */
struct cxms_region {
	const char *name;
	size_t n_target;
	const int *target; /* indices into dev[] */
	uint64_t granularity_bytes;
};

/** struct cxms_assumed - a figure the file did not give; struct cxms_ignored - a key that nothing
 * used */
struct cxms_assumed {
	const char *key, *value, *reason; /* "host.local.bandwidth", "240GB/s", "..." */
	bool exact_only; /* sampled sources do not use the key: no result of theirs rests on it */
};
struct cxms_ignored {
	const char *key, *source, *reason;
};

enum cxms_topo_source { CXMS_TOPO_FOR_SAMPLED, CXMS_TOPO_FOR_EXACT };

struct cxms_topo {
	const char *file, *name, *sha256;
	struct cxms_host host;
	size_t n_dev;
	const struct cxms_dev *dev; /* file order */
	size_t n_memdev;
	const int
		*memdev; /* indices into dev[], file order: targets 1..n of a result; 0 is local */
	size_t n_region;
	const struct cxms_region *region;
	const char *policy; /* placement.policy, NULL when not stated */
	size_t n_split;
	const double *split_pct; /* placement.splits, per cent local; n 0 = not stated */
	size_t n_assumed;
	const struct cxms_assumed *assumed;
	size_t n_key; /* every model key the file states: see cxms_topo_ignored() */
	const struct cxms_ignored
		*stated; /* source and reason NULL where every source uses the key */
	void *owner;	 /* private storage of all strings and arrays above */
};

/**
 * cxms_topo_load() - read, build and check a topology file
 * On failure err->msg holds *every* error of the file, one "file:line:col: what, and what is
 * allowed" per line. Return: 0, -ENOENT/-EACCES/-EINVAL/-ENOMEM; -ENOTSUP when the file is right
 * but uses what is not modelled yet (curve, decoders with more than one region, ...), again with
 * position. Owner: cxms_topo_free()
 */
int cxms_topo_load(const char *path, struct cxms_topo **out, struct cxms_err *err);
int cxms_topo_load_mem(const char *name, const void *data, size_t len, struct cxms_topo **out,
		       struct cxms_err *err);
/** cxms_topo_assumed() - the host of SCHEMA.md with every figure assumed, and one memdev; 0,
 * -ENOMEM
 */
int cxms_topo_assumed(struct cxms_topo **out, struct cxms_err *err);
/** cxms_topo_scheduler() - uops that wait to issue: as stated, else 3/7 of the reorder buffer */
uint32_t cxms_topo_scheduler(const struct cxms_host *h);
/** the full list of errors of the last failed load by value, since struct cxms_err is bounded:
 * free(3) it */
int cxms_topo_check(const char *path, char **errors, struct cxms_err *err);
void cxms_topo_free(struct cxms_topo *t);

/**
 * cxms_topo_path() - servers between the host and a memdev, memdev first, root port last
 * @dev:  index of a memdev
 * @path: [0, *n) written with indices into dev[]; at most CXMS_TOPO_MAX_DEVICES
 */
void cxms_topo_path(const struct cxms_topo *t, int dev, int *path, size_t *n);
/** idle latency of a memdev: its own + switches + links (MODELS: fabric) */
uint64_t cxms_topo_idle_ps(const struct cxms_topo *t, int dev);
/** index of a device by name, or -ENOENT */
int cxms_topo_find(const struct cxms_topo *t, const char *name);

/**
 * cxms_topo_ignored() - stated keys that this kind of source does not use, with the reason
 * @cb is called once per key, in file order
 */
void cxms_topo_ignored(const struct cxms_topo *t, enum cxms_topo_source source,
		       void (*cb)(void *arg, const struct cxms_ignored *key), void *arg);

#endif

/* Inside of topo/: key tables, the builder that turns a configuration tree into a topology, its
 * storage. */
#ifndef CXMS_TOPO_TOPO_PRIV_H
#define CXMS_TOPO_TOPO_PRIV_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/units.h"
#include "topo/topo.h"

struct cxms_err;

#define TOPO_MAX_SPLITS	     1000u
#define TOPO_MAX_KEYS	     16u /* keys of one map, see struct topo_table */
#define TOPO_MAX_NAME_BYTES  64u
#define TOPO_MAX_TITLE_BYTES 200u
/* HDM decoders: granularity 256 B .. 16 KiB (CXL 3.1, 8.2.4.20); Linux interleaves pages of 4 KiB
 * in software. */
#define TOPO_MIN_GRANULARITY	 256u
#define TOPO_MAX_GRANULARITY	 16384u
#define TOPO_DEFAULT_GRANULARITY 4096u
#define TOPO_ENCODED_MAX_GEN                                                                       \
	5u		    /* 128b/130b ends with Gen 5; Gen 6 sends PAM4 flits (PCIe 6.0, 4.2) */
#define TOPO_68B_MAX_GEN 5u /* above it the default flit is 256 B (PCIe 6.0, 4.2.3) */

#define TOPO_MIN_RATE	1000000ull	    /* bytes/s: below it a line takes over 64 us */
#define TOPO_MAX_RATE	1000000000000000ull /* bytes/s */
#define TOPO_MAX_MEMORY (1ull << 52) /* bytes: the 52 physical address bits of x86-64 and CXL */

#define TOPO_MAX_LOGICAL  16u /* logical devices of one memdev (CXL 2.0, 2.4: MLD) */
#define TOPO_MAX_EXTENTS  1000u
#define TOPO_EXTENT_BYTES (256ull << 20) /* dynamic capacity comes in blocks of it */
#define TOPO_MIN_WEIGHT	  0.001		 /* of a region, relative */
#define TOPO_MAX_WEIGHT	  100000.0
#define TOPO_MAX_PAGES	  255u /* placement.weights: Linux keeps them in a byte */

/** enum topo_level - caches in the order of their keys */
enum topo_level { TOPO_L1I, TOPO_L1D, TOPO_L2, TOPO_LLC, TOPO_LEVELS };

/** enum topo_kind - how a value is read; TOPO_OWN has a reader of its own */
enum topo_kind { TOPO_OWN, TOPO_QTY, TOPO_CYC, TOPO_WORD };
enum topo_store { TOPO_U32, TOPO_U64, TOPO_BOOL };

/** struct topo_key - one key of a map: drives parsing, ranges, defaults, `topo show` and the test
 * of SCHEMA.md */
struct topo_key {
	const char *name;
	enum topo_kind kind;
	enum topo_store store;
	enum cxms_unit unit; /* TOPO_QTY, TOPO_CYC; CXMS_UNIT_COUNT = dimensionless */
	uint64_t min, max;
	const char *const *words; /* TOPO_WORD: the index is stored */
	size_t offset;		  /* into the struct the table is read into */
	bool required;		  /* when its map is stated */
	uint64_t assumed;   /* taken when missing and @reason is set; else the field stays 0 */
	const char *reason; /* where the assumed figure comes from */
	const char *unused; /* why sampled sources do not use it; NULL = they do */
	const char *unused_exact;     /* the same of source exact */
	const char *unused_alone;     /* the same of runs that name no hosts */
	const struct topo_table *sub; /* TOPO_OWN: keys below it when it is a map */
};
struct topo_table {
	const struct topo_key *key;
	size_t n;
};

/* initialiser of a struct topo_table */
#define TOPO_TABLE(keys)                                                                           \
	{                                                                                          \
		(keys), sizeof(keys) / sizeof((keys)[0])                                           \
	}

extern const struct topo_table topo_keys_top, topo_keys_host, topo_keys_cpu, topo_keys_caches,
	topo_keys_l1i, topo_keys_l1d, topo_keys_l2, topo_keys_llc, topo_keys_prefetch,
	topo_keys_tlb, topo_keys_local, topo_keys_curve, topo_keys_bandwidth, topo_keys_device,
	topo_keys_link, topo_keys_region, topo_keys_placement, topo_keys_bridge, topo_keys_plain,
	topo_keys_queue, topo_keys_bank, topo_keys_ssd, topo_keys_far, topo_keys_tail,
	topo_keys_logical, topo_keys_extent;
extern const char *const topo_dev_words[],
	*const topo_flit_words[], *const topo_page_words[],
					  *const topo_prefetch_words[],
						  *const topo_fetch_words[],
							  *const topo_index_words[];

/** struct topo_model - a word of `model` and the keys that its map takes */
struct topo_model {
	const char *word;
	enum cxms_model model;
	const struct topo_table *keys;
	bool local; /* local DRAM may have it */
	const char *summary;
};
#define TOPO_MODELS 6
extern const struct topo_model topo_models[TOPO_MODELS];

/** struct topo_owner - cxms_topo.owner: everything a topology points to */
struct topo_owner {
	void **block; /* allocations to free */
	size_t n_block, cap_block;
	bool failed; /* an allocation failed */
	size_t cap_assumed, cap_stated;
	struct cxms_assumed *assumed;
	struct cxms_stated *stated;
	const char *prefetch[TOPO_LEVELS];    /* by level, as YAML */
	const struct cxms_topo_curve **curve; /* read so far */
	size_t n_curve, cap_curve;
	bool region_stated, weight_stated;
};

enum topo_preset_kind { TOPO_PRESET_HOST, TOPO_PRESET_DEVICE };
/** struct topo_preset - a preset file; its nodes live as long as the load */
struct topo_preset {
	enum topo_preset_kind kind;
	char *name;
	struct cxms_buf text; /* as it is: the sources stand in its comments */
	struct cxms_cfg *cfg;
};

/** struct topo_build - one load; @t is filled in place */
struct topo_build {
	struct cxms_topo *t;
	struct topo_owner *own;
	struct cxms_dev *dev;
	const struct cxms_cfg_node **dev_node; /* n_dev of them, as dev[] */
	int *memdev;
	struct cxms_region *region;
	struct cxms_cfg_errors errs;
	size_t n_untyped; /* devices whose type could not be read */
	size_t n_not_yet; /* of the errors: right, but not modelled */
	uint64_t hz;
	struct topo_preset **preset; /* loaded so far */
	size_t n_preset, cap_preset;
};

/* topo_build.c */
/** a data file that the topology draws on: its sha256 becomes that of both */
void topo_note_data(struct topo_build *b, const struct cxms_buf *data);

/* topo_read.c: storage and values */
void *topo_alloc(struct topo_owner *own, size_t n, size_t size); /* zeroed; NULL sets failed */
const char *topo_printf(struct topo_owner *own, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void topo_owner_free(struct topo_owner *own);
void topo_assume(struct topo_build *b, const char *path, const char *key, const char *value,
		 const char *reason);
/** the figure assumed last is one that only the exact source uses */
void topo_assume_exact_only(struct topo_build *b);
void topo_not_yet(struct topo_build *b, const struct cxms_cfg_node *n, const char *what,
		  const char *remedy);
/** @node is a map with known keys only; else it was reported, and false when it is no map */
bool topo_is_map(struct topo_build *b, const struct cxms_cfg_node *node,
		 const struct topo_table *tab);
/** NULL: the table has no such key */
const struct topo_key *topo_find_key(const struct topo_table *tab, const char *name);
/** every key of the table that is not TOPO_OWN into @base; @map NULL = not stated */
void topo_read_keys(struct topo_build *b, const struct cxms_cfg_node *map,
		    const struct topo_table *tab, const char *path, void *base);
/** a missing figure: @k->assumed into @base, and into assumed[] */
void topo_assume_key(struct topo_build *b, const struct topo_key *k, const char *path, void *base);
bool topo_read_key(struct topo_build *b, const struct cxms_cfg_node *n, const struct topo_key *k,
		   void *base);
void topo_read_bandwidth(struct topo_build *b, const struct cxms_cfg_node *n, const char *path,
			 struct cxms_bw *bw);
bool topo_read_ident(struct topo_build *b, const struct cxms_cfg_node *n, const char **out);
/** @n is there and is the scalar @word */
bool topo_is_word(const struct cxms_cfg_node *n, const char *word);
bool topo_is_ident(const char *s);
bool topo_is_title(const char *s);

/* topo_dram.c: parts by their index; NULL behind the last */
const struct cxms_dram *topo_dram(size_t i);

/* topo_memory.c */
struct topo_memory_at {
	const char *path;	     /* "devices.mem0" */
	bool local;		     /* local DRAM */
	uint64_t capacity_bytes;     /* 0 = not known: errors are reported already */
	uint32_t channels;	     /* assumed where the model has some and the file is silent */
	const char *channels_reason; /* and why */
};
/** `model` and `tail` of a memdev or of local DRAM: @map into @m */
void topo_read_memory(struct topo_build *b, const struct cxms_cfg_node *map,
		      const struct topo_memory_at *at, struct cxms_memory *m);
/** a `queue` has a bandwidth that its channels share; after the bandwidth is known */
void topo_check_queue(struct topo_build *b, const struct cxms_cfg_node *map,
		      const struct cxms_memory *m, const struct cxms_bw *bw);
/**
 * topo_bank_bandwidth() - rates of the `bank` model: its peak as @bw when the file states none,
 * else an error where the file states more than its channels pass
 * @bandwidth: the key in the file, or NULL
 */
void topo_bank_bandwidth(struct topo_build *b, const struct cxms_cfg_node *bandwidth,
			 const char *path, const struct cxms_memory *m, struct cxms_bw *bw);

/** topo_capacity.c: `logical` and `extents` of a memdev; capacity from extents where not stated */
void topo_read_capacity(struct topo_build *b, const struct cxms_cfg_node *n, struct cxms_dev *d);

/* topo_host.c, topo_device.c, topo_region.c, topo_placement.c */
void topo_read_host(struct topo_build *b, const struct cxms_cfg_node *root);
void topo_read_devices(struct topo_build *b, const struct cxms_cfg_node *root);
void topo_read_regions(struct topo_build *b, const struct cxms_cfg_node *root);
void topo_read_placement(struct topo_build *b, const struct cxms_cfg_node *root);

/* topo_data.c: the folder of curves and presets that comes with the program */
struct topo_names {
	char **name; /* sorted */
	size_t n, cap;
};
/** $CXMS_DATA_DIR, else ../share/cxlmemsim from where the program stands, else that of the source
 * it was built from; @room may hold it */
const char *topo_data_dir(char room[PATH_MAX]);
bool topo_is_file(const char *path);
/** a regular file of at most @max bytes; 0 or -errno */
int topo_data_read(const char *path, size_t max, struct cxms_buf *out, struct cxms_err *err);
/** names of the files in a folder there that end in @suffix; 0 or -errno, @out then partly filled
 */
int topo_data_names(const char *folder, const char *suffix, struct topo_names *out);
void topo_data_join(const struct topo_names *names, struct cxms_buf *out);
void topo_names_free(struct topo_names *names);

/* topo_preset.c */
/** the preset that @n names, loaded once; NULL with an error that lists those known */
const struct topo_preset *topo_preset_get(struct topo_build *b, const struct cxms_cfg_node *n,
					  enum topo_preset_kind kind);
void topo_presets_free(struct topo_build *b);
/** the comment of a line of the file, which gives its figure's source; NULL = none */
const char *topo_preset_source(struct topo_build *b, const struct topo_preset *p, unsigned line);
/** a key that describes the preset, not the host or device */
bool topo_preset_is_own_key(const char *key);

/* topo_fill.c: what a topology leaves open, from the preset that it names */
/** @host itself, or a map of it and the preset; errors are collected */
const struct cxms_cfg_node *topo_fill_host(struct topo_build *b, const struct cxms_cfg_node *host);
/** the same of a device, after the host was read; @name: the preset, NULL when there is none or it
 * was reported */
const struct cxms_cfg_node *topo_fill_device(struct topo_build *b, const struct cxms_cfg_node *dev,
					     const char **name);

/* topo_curve.c */
/**
 * topo_curve_parse() - the text of a curve file
 * @name: how the curve is called; @file: for messages "file:line: what"
 * Return: 0, -EINVAL, -EFBIG, -ENOMEM. Owner: all of it is @own's
 */
int topo_curve_parse(struct topo_owner *own, const char *name, const char *file, const void *data,
		     size_t len, const struct cxms_topo_curve **out, struct cxms_err *err);
double topo_curve_peak(const struct cxms_curve_part *part); /* bytes/s */

/* topo_curve_key.c */
/** the key `curve` of a memdev or of host.local, when it is there */
void topo_read_curve(struct topo_build *b, const struct cxms_cfg_node *map, const char *path,
		     struct cxms_memory *m);
/** after link and bandwidth: the curve's peak where no bandwidth is stated; contradictions */
void topo_curve_capacity(struct topo_build *b, const struct cxms_cfg_node *map, const char *path,
			 const struct cxms_memory *m, const struct cxms_link *link,
			 struct cxms_bw *bw);

/* topo_check.c */
void topo_check_graph(struct topo_build *b);
/** sort the lines of @errs by position */
int topo_sort_errors(const char *file, struct cxms_cfg_errors *errs);
/** as many whole lines as fit into @err, and how many more there are */
int topo_fail_lines(const struct cxms_cfg_errors *errs, int errnum, struct cxms_err *err);

/* topo_stated.c */
void topo_note_stated(struct topo_build *b, const struct cxms_cfg_node *root);

/* draw_text.c: words shared by the pictures */
void topo_put_link(struct cxms_buf *out, const struct cxms_link *link);
void topo_put_bw(struct cxms_buf *out, const struct cxms_bw *bw);
void topo_put_local(struct cxms_buf *out, const struct cxms_host *host);
/* draw_load.c: as cxms_draw_load_read(), of a file that is loaded */
struct cxms_draw_load;
int topo_draw_load_cfg(const struct cxms_topo *t, const struct cxms_cfg *cfg, double split_pct,
		       struct cxms_draw_load **out, struct cxms_err *err);

/* draw_more.c: lines below a box, each ended by \n; @load NULL = none */
void topo_more_host(const struct cxms_topo *t, const struct cxms_draw_load *load,
		    struct cxms_buf *out);
void topo_more_device(const struct cxms_topo *t, int dev, const struct cxms_draw_load *load,
		      struct cxms_buf *out);
/** the two directions of a device's link, without \n; nothing when not known */
void topo_more_link(int dev, const struct cxms_draw_load *load, struct cxms_buf *out);
/** a direction of its link is the busiest server */
bool topo_is_binding(int dev, const struct cxms_draw_load *load);
void topo_draw_text(const struct cxms_topo *t, const struct cxms_draw_load *load,
		    struct cxms_buf *out);
void topo_draw_dot(const struct cxms_topo *t, const struct cxms_draw_load *load,
		   struct cxms_buf *out);
void topo_draw_svg(const struct cxms_topo *t, const struct cxms_draw_load *load,
		   struct cxms_buf *out);

#endif

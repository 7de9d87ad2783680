/* Inside report only: notes on figures and keys, text blocks, and results read back from JSON. */
#ifndef CXMS_REPORT_RPT_PRIV_H
#define CXMS_REPORT_RPT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fmt.h"
#include "sim/result.h"
#include "topo/topo.h"

struct cxms_buf;
struct cxms_cfg;
struct cxms_err;
struct cxms_json;

#define RPT_SCHEMA "cxlmemsim-result-1"
#define RPT_WIDTH  100 /* columns of a text report */
#define RPT_LABEL  11  /* columns of the words at its left edge */
#define RPT_NOTES  512 /* most assumed figures, and most ignored keys, of one result */

/* Caller's buffer of the cxms_fmt functions, alive to the end of the block. */
#define RPT_FMT ((char[CXMS_FMT_MAX]){0})

/** struct rpt_notes - assumed figures and ignored keys of all topologies of a result, each once;
 * borrowed */
struct rpt_notes {
	size_t n_assumed, n_ignored;
	struct cxms_assumed assumed[RPT_NOTES];
	struct cxms_ignored ignored[RPT_NOTES];
	size_t dropped; /* beyond RPT_NOTES */
};
void rpt_notes_assumed(struct rpt_notes *n, const struct cxms_assumed *a);
void rpt_notes_ignored(struct rpt_notes *n, const struct cxms_ignored *k);
/** NULL when memory is out; free(3) it */
struct rpt_notes *rpt_notes_of(const struct cxms_result *r);

/** did another tool record it? Then nothing is known of its end and of what watching cost */
bool rpt_is_import(const struct cxms_facts *f);
/** exit code as a shell shows it (128+n for signal n), -1 when unknown */
int rpt_exit_status(const struct cxms_totals *t);
/** names of enum cxms_source_cap, in bit order; NULL past the last */
const char *rpt_cap_name(unsigned bit);
const char *rpt_status_name(enum cxms_status status);
const char *rpt_site_kind_name(unsigned kind);
/** "158 ns" from nanoseconds, "n/a" when it is no time */
const char *rpt_time_ns(char buf[CXMS_FMT_MAX], double ns);
const char *rpt_pct(char buf[CXMS_FMT_MAX], double ratio, int decimals);
/** is there a latency of single requests in these splits? */
bool rpt_has_requests(const struct cxms_split_result *s, size_t n);
double rpt_ratio(double part, double whole);

/** a paragraph: @label at the left edge, the words of the text wrapped beside it */
void rpt_para(struct cxms_buf *out, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** control bytes from @start on become '?': texts of files and programs must not drive a terminal
 */
void rpt_scrub(struct cxms_buf *out, size_t start);

void rpt_text(const struct cxms_result *r, const struct rpt_notes *notes, bool explain,
	      struct cxms_buf *out);
void rpt_explain(const struct cxms_result *r, struct cxms_buf *out);
/** what watched words say of the share of memory; nothing where there were none */
void rpt_watched(const struct cxms_watch_result *w, const char *label, const char *who,
		 struct cxms_buf *out);
void rpt_intervals(const struct cxms_result *r, struct cxms_buf *out);

/* rpt_exact.c: what differs when every access was seen */
void rpt_exact_header(const struct cxms_result *r, struct cxms_buf *out);
void rpt_exact_explain(const struct cxms_result *r, struct cxms_buf *out);
/** "l1i" and so on, by enum cxms_exact_level */
const char *rpt_level_name(unsigned level);
/** 0 for what is no prefetcher: "next-line", "stride" by enum cxms_exact_prefetch_type */
const char *rpt_prefetch_name(unsigned type);

enum rpt_type { RPT_F64, RPT_U64, RPT_U32, RPT_U16, RPT_U8, RPT_SIZE };
/** struct rpt_field - a number of a result struct and its JSON key; tables end with key == NULL */
struct rpt_field {
	const char *key;
	enum rpt_type type;
	size_t offset;
};
/* One table each for writing and for reading: nothing is written that cannot be read back. */
extern const struct rpt_field rpt_basis_fields[], rpt_site_fields[], rpt_watch_fields[],
	rpt_split_fields[], rpt_thread_fields[], rpt_target_fields[], rpt_request_fields[],
	rpt_tenant_fields[], rpt_server_fields[], rpt_migration_fields[], rpt_exact_fields[],
	rpt_exact_host_fields[], rpt_exact_cache_fields[], rpt_exact_prefetch_fields[];

/** struct rpt_loaded - a result read back; topologies hold only file, name and sha256 */
struct rpt_loaded {
	struct cxms_result r;
	struct rpt_notes notes;
	struct cxms_topo *topo;
	const struct cxms_topo **topo_list;
	struct cxms_axes axes; /* of a sweep */
	bool no_memory;	       /* while loading */
};
/** 0, -EINVAL, -ENOMEM; strings are borrowed from @json. Owner: rpt_loaded_free() */
int rpt_load(const struct cxms_cfg *json, struct rpt_loaded **out, struct cxms_err *err);
void rpt_loaded_free(struct rpt_loaded *l);

#endif

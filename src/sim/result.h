/* What a replay found: numbers only, read by report/. Names follow the result schema (JSON
 * "cxlmemsim-result-1"). */
#ifndef CXMS_SIM_RESULT_H
#define CXMS_SIM_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/warn.h"
#include "topo/topo.h"
#include "trace/event.h"

/* Sums exactly to time_ns of its result. Append only. */
enum cxms_cause {
	CXMS_CAUSE_COMPUTE,
	CXMS_CAUSE_KERNEL,
	CXMS_CAUSE_BLOCKED,
	CXMS_CAUSE_LOCAL,
	CXMS_CAUSE_CXL_LATENCY,
	CXMS_CAUSE_CXL_BANDWIDTH,
	CXMS_CAUSE_SWITCH,
	CXMS_CAUSE_MIGRATION,
	CXMS_CAUSE_COUNT
};

enum cxms_status { CXMS_STATUS_COMPLETE, CXMS_STATUS_CUT, CXMS_STATUS_SELF_CHECK_FAILED };

struct cxms_thread_result {
	uint32_t pid, tid;
	uint64_t native_ns; /* on-CPU time when recorded */
	double slowdown;    /* of its on-CPU time against all-local */
};

/** struct cxms_target_result - one place memory can be: local first, then the memdevs in file order
 */
struct cxms_target_result {
	const char *name;	/* "local" or the memdev's name; borrowed from the topology */
	uint64_t bytes;		/* touched bytes placed there */
	uint64_t reads, writes; /* lines of 64 B over the run, central estimate */
	double read_bytes_per_s, write_bytes_per_s; /* over the predicted time */
	double idle_latency_ns, loaded_latency_ns;  /* load-weighted mean over epochs */
	double utilization_ratio;	/* of the busiest server on its path, load-weighted mean */
	double stall_ns;		/* predicted stall on it */
	double p50_ns, p99_ns, p999_ns; /* latency of its reads one by one; NAN = not known */
};

/** struct cxms_server_result - one server of the fabric over the run; of a link each direction */
struct cxms_server_result {
	const char *host; /* the only one that uses it; NULL: shared, or there is one only */
	const char *name; /* of the device, "local", "bridge"; borrowed */
	const char *part; /* "link_up", "link_down", "device", "medium", "bridge", "local" */
	double utilization_ratio; /* of its capacity, mean over the time; of the same solutions: */
	double read_bytes_per_s, write_bytes_per_s; /* payload */
	double wait_ns; /* mean of its requests, both directions; NAN = not known: event engine */
};

/** struct cxms_tenant_result - one of several hosts that share the fabric */
struct cxms_tenant_result {
	const char *name;			   /* borrowed from the caller of the replay */
	double slowdown, slowdown_lo, slowdown_hi; /* against all local, where nobody disturbs */
	double alone_slowdown;			   /* of the same placement, alone in the fabric */
	double contention_ratio;		   /* time in company / time alone, >= 0 */
	uint64_t time_ns;
};

struct cxms_split_result {
	uint32_t topology; /* index into cxms_result.topo */
	const char *policy;
	const char *split_kind; /* "policy" */
	double asked_pct;
	double local_pct; /* measured, of touched bytes */
	double slowdown, slowdown_lo, slowdown_hi;
	double sampling_half_width, model_half_width;
	uint64_t time_ns;
	uint64_t causes_ns[CXMS_CAUSE_COUNT];
	uint64_t cpu_taken_ns; /* of the cause blocked: waiting for CPUs that others had */
	/* pages that moved while capacity came and went, to local memory and away from it */
	uint64_t migrated_bytes, promotions, demotions;
	size_t n_thread;
	struct cxms_thread_result *thread;
	size_t n_target;
	struct cxms_target_result *target;
	size_t n_server;
	struct cxms_server_result *server; /* of sampled recordings */
	char binding[160];		   /* the busiest server: "mem0 link_up"; "" = none */
	size_t n_tenant;
	struct cxms_tenant_result *tenant; /* of several hosts; else none */
	double fairness; /* Jain's index of the tenants' time alone / time in company; 1 = even */
	double worst_residual; /* of the closed loop, relative */
	bool self_check_failed;
};

/* How the lines of an instruction are known. Append only. */
enum cxms_traffic_how {
	CXMS_TRAFFIC_OPEN,    /* not at all: the bounds are those of the machine */
	CXMS_TRAFFIC_CARRIED, /* its address hangs on its last value: one line a wait */
	CXMS_TRAFFIC_STREAM,  /* its address moves evenly */
	CXMS_TRAFFIC_COUNTED, /* turns of its loop are counted */
};

/** struct cxms_watch_result - share of memory by words watched after a wait for them */
struct cxms_watch_result {
	uint64_t words;			  /* watched; 0 = none */
	uint64_t judged;		  /* of these long enough before the end of their thread */
	double share, share_lo, share_hi; /* of their waits memory; NAN = too few words */
	/* of the same waits by how often sampled lines repeat */
	double sampled, sampled_lo, sampled_hi;
};

#define CXMS_NAME_MAX 256 /* of a function or object, with its NUL */

/** struct cxms_site_result - an instruction by stall, for --explain */
struct cxms_site_result {
	uint64_t ip;
	uint8_t kind; /* enum cxms_site_kind */
	uint16_t flags;
	double stall_ns; /* observed */
	double dram_share, dram_share_lo, dram_share_hi;
	double line_share, line_share_lo, line_share_hi; /* of the memory's share: waits for a line,
							    where lines are used several times
							    in a row; down columns of all its
							    waiting; else 1 */
	double footprint_bytes;		   /* estimated from collisions, or touched bytes */
	double hidden_ns;		   /* h, midpoint */
	double mlp;			   /* lines per exposed wait, central */
	char function[CXMS_NAME_MAX];	   /* around it, as the linker names it; "" = not known */
	char object[CXMS_NAME_MAX];	   /* path of its file, the end if too long; "" = none */
	uint32_t function_off, object_off; /* of ip in them, bytes */
	char operand[48];		   /* "-8(%rdi,%rax,8)" */
	uint8_t how;			   /* enum cxms_traffic_how */
	double lines, lines_lo, lines_hi;  /* filled over the run */
	double lines_written;		   /* written back, central */
	double bytes_per_s;		   /* of a stream while it runs, signed; else 0 */
	char counter[32];   /* "%rax+8", what counts the turns of its loop; "" = none */
	double turns_per_s; /* while the loop runs, of one thread; 0 = not known */
	double turn_pairs;  /* neighbouring samples that agree on it */
	struct cxms_watch_result watch;
};

#define CXMS_TOP_SITES	   5
#define CXMS_MODEL_ASSUMED 24

/** struct cxms_basis - the figures behind every split, for --explain */
struct cxms_basis {
	double cpu_ns, user_ns, kernel_ns, blocked_ns; /* sums over threads */
	double cpu_taken_ns; /* of blocked_ns: ready to run, while other programs had the CPU */
	double stall_ns, dram_stall_ns; /* all memory waits; those judged to be memory */
	double known_addr_ratio;	/* of the memory waits with an address */
	double unread_ns;		/* in code that could not be read */
	double open_lines;		/* most lines in flight where nothing tells the traffic */
	double least_lines;		/* that the program filled then: one a wait (middle) */
	double read_lines; /* by whoever, of the recording machine's memory; 0 = not counted */
	double mem_latency_ns, walk_ns; /* of the recording machine */
	double huge_ratio;		/* of touched bytes in huge pages */
	double observed_ns;   /* L_obs, mean of the waits: memory and page walk; 0 = no waits */
	double exposed_waits; /* n_e, central, whole run */
	uint64_t epoch_ns;
	size_t n_epoch, n_thread, n_process, n_page;
	uint64_t footprint_bytes, known_bytes; /* known: of the pages; 0 = not told */
	uint64_t ran_on_ns; /* that processes were watched after the end of the program */
	struct cxms_watch_result watch;
	size_t n_site;
	struct cxms_site_result site[CXMS_TOP_SITES];
};

/** struct cxms_exact_result - what the exact source saw and the window replay counted, whole run */
struct cxms_exact_result {
	uint64_t insns, timed_insns; /* run; of these in the timed windows of the region */
	uint64_t uops;		     /* timed */
	uint64_t loads, stores;
	uint64_t l1d_misses, l2_misses, llc_misses; /* demand; l2: data and instructions */
	uint64_t writebacks, prefetches;	    /* lines */
	uint64_t branches, mispredicts, walks;
	uint64_t roi_entries, roi_exits;
	uint64_t n_window; /* timed windows */
	double native_ipc; /* instructions a cycle with everything local; 0 = not known */
	uint64_t watch_ns; /* wall time under the tool */
};

/** struct cxms_axes - what a sweep varied: keys of the topology files, and their values as text */
struct cxms_axes {
	size_t n_key;
	const char *const *key;	  /* dotted: "devices.mem0.latency" */
	const char *const *value; /* [topology][key] */
};

struct cxms_result {
	enum cxms_status status;
	bool has_hosts; /* the recordings are those of named hosts */
	struct cxms_facts facts;
	struct cxms_totals totals;
	size_t n_argv;
	const char **argv;     /* owned */
	double overhead_ratio; /* tool cost / CPU time of the program, >= 0 */
	uint64_t seed;
	const char *engine;    /* "epoch", "event", "window" */
	double confidence_pct; /* 90 */
	size_t n_topo;
	const struct cxms_topo *const *topo; /* borrowed from the caller of the replay */
	const struct cxms_axes *axes;	     /* of a sweep, else NULL; borrowed from the caller */
	const char *recording; /* told where several are swept, else NULL; borrowed, as above */
	size_t n_split;
	struct cxms_split_result *split; /* topology-major, then policy, then split order asked */
	struct cxms_basis basis;
	bool exact; /* of the exact source: `xr` holds; times of the totals are the tool's */
	struct cxms_exact_result xr;
	struct cxms_warnings warnings;
	size_t n_assumed; /* figures of the model without a source; text is static */
	struct cxms_assumed assumed[CXMS_MODEL_ASSUMED];
};
void cxms_result_free(struct cxms_result *r);
/** frees the arrays of a row */
void cxms_split_result_fini(struct cxms_split_result *s);
/** cxms_fairness() - Jain's index of time alone / time in company; @n >= 1
 * Source: Jain, Chiu, Hawe, DEC-TR-301 (1984) */
double cxms_fairness(const struct cxms_tenant_result *tenant, size_t n);
/**
 * cxms_split_set_causes() - @cause_ns times @scale, in whole nanoseconds that sum to out->time_ns
 * Compute takes the remainder, whatever @cause_ns has for it.
 */
void cxms_split_set_causes(const double cause_ns[CXMS_CAUSE_COUNT], double scale,
			   struct cxms_split_result *out);
/** "carried" and so on */
const char *cxms_traffic_name(enum cxms_traffic_how how);
/** "cxl_latency" and so on: the names of the JSON */
const char *cxms_cause_name(enum cxms_cause cause);

#endif

/*
 * Events: what a source tells of a program, as plain value structs. They are the vocabulary between
 * watching and modelling, and what a recording holds (FORMAT.md). Addresses are virtual unless said
 * otherwise; strings are borrowed from whoever gave the event.
 */
#ifndef CXMS_TRACE_EVENT_H
#define CXMS_TRACE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"
#include "trace/calibration.h"
#include "trace/exact_cfg.h"

#define CXMS_BUILD_ID_MAX 20
#define CXMS_NO_SITE	  UINT32_MAX

/* Times are nanoseconds of CLOCK_MONOTONIC since the recording began. Append only: the numbers are
 * in files. */
enum cxms_event_kind {
	CXMS_EV_SAMPLE = 1, /* a thread was on CPU here; stands for weight_ns of its time */
	CXMS_EV_FAULT,	    /* first touch of a page */
	CXMS_EV_RUN,	    /* one slice on a CPU, written when it ends */
	CXMS_EV_FORK,	    /* a thread or process began */
	CXMS_EV_EXEC,	    /* the process image was replaced: its maps and pages are gone */
	CXMS_EV_EXIT,	    /* a thread ended */
	CXMS_EV_MAP,	    /* a mapping was made */
	CXMS_EV_AREA,	    /* a look at a mapping: resident and huge-page bytes */
	CXMS_EV_SITE,	    /* an instruction that later samples refer to by number */
	CXMS_EV_LOST,	    /* records that did not reach us */
	CXMS_EV_EXACT,	    /* a packet of the exact source, as it sent it */
	CXMS_EV_MEM,	    /* an access the hardware sampled: address, latency, where served */
	CXMS_EV_COUNTER,    /* a counter that later counts refer to by number */
	CXMS_EV_COUNT,	    /* what a counter counted in an interval */
	CXMS_EV_WATCH,	    /* a word that was waited for: when it was used again */
	CXMS_EV_KIND_END
};

enum cxms_sample_flag {
	CXMS_SAMPLE_ADDR = 1u << 0,	   /* addr holds the effective address waited for */
	CXMS_SAMPLE_KERNEL = 1u << 1,	   /* in the kernel: no site, no address */
	CXMS_SAMPLE_AFTER_FAULT = 1u << 2, /* the instruction just faulted: not a memory stall */
	/* the instruction reads one place and writes another: this sample stands for the write */
	CXMS_SAMPLE_WRITE = 1u << 3,
	CXMS_SAMPLE_COUNT = 1u << 4, /* count is valid */
	CXMS_SAMPLE_OUTER = 1u << 5, /* outer is valid */
};

/* How a site reaches memory; taken from the decoded instruction. */
enum cxms_site_kind {
	CXMS_SITE_NONE = 0, /* no memory operand was waited for: compute */
	CXMS_SITE_LOAD,
	CXMS_SITE_STORE,
	CXMS_SITE_UPDATE,    /* read-modify-write, atomics */
	CXMS_SITE_STRING,    /* rep movs/stos/...: addresses alternate between the two sides */
	CXMS_SITE_UNDECODED, /* code bytes could not be read or decoded: unknown, not compute */
};
enum cxms_site_flag {
	/* loads into its own base register (p = p->next): a sample shows the next address of the
	 * walk, not the one that was waited for */
	CXMS_SITE_SELF = 1u << 0,
	/* its address comes from the value that it, or another load of the same place, loaded last
	 * (loop carried), so its waits never overlap each other */
	CXMS_SITE_CARRIED = 1u << 1,
	CXMS_SITE_FUSED = 1u << 2,   /* a compare with memory, fused with the jump behind it */
	CXMS_SITE_STACK = 1u << 3,   /* push, pop, call, return, or addressed by rsp/rbp */
	CXMS_SITE_TLS = 1u << 4,     /* fs/gs based */
	CXMS_SITE_GATHER = 1u << 5,  /* vector index: reaches several lines, has no one address */
	CXMS_SITE_NOADDR = 1u << 6,  /* registers do not give the address (overwritten, vector) */
	CXMS_SITE_NONTEMP = 1u << 7, /* a store past the caches: no read for ownership */
	CXMS_SITE_DIRTIES = 1u << 8, /* a load whose line its loop also stores to */
	CXMS_SITE_UNEVEN = 1u << 9,  /* not run exactly once in each turn of its loop */
	CXMS_SITE_LONG = 1u << 10,   /* turns of its loop also run calls or inner loops */
	CXMS_SITE_AFFINE = 1u << 11, /* its address moves by stride in each turn of its loop */
	/* through a pointer that lies in memory, which moves on there by stride: a store that
	 * appends to one of many places (table[key]++ as an index), a load that reads on in one */
	CXMS_SITE_APPENDS = 1u << 12,
};

struct cxms_sample {
	uint64_t addr;	    /* virtual; valid with CXMS_SAMPLE_ADDR */
	uint32_t site;	    /* index of a CXMS_EV_SITE seen before, or CXMS_NO_SITE */
	uint32_t weight_ns; /* CPU time this sample stands for; lost samples are not scaled in */
	uint16_t flags;	    /* enum cxms_sample_flag */
	uint16_t cpu;
	uint64_t count; /* value of the site's count_reg; valid with CXMS_SAMPLE_COUNT */
	uint64_t outer; /* value of its outer_reg; valid with CXMS_SAMPLE_OUTER */
};
enum cxms_fault_flag { CXMS_FAULT_LOAD = 1u << 0 /* the instruction that faulted loads */ };
struct cxms_fault {
	uint64_t addr, ip;
	uint8_t flags; /* enum cxms_fault_flag */
};
/* What a thread waited for while it was off the CPU, told by the system call it was in. */
enum cxms_wait_kind {
	CXMS_WAIT_UNKNOWN = 0,
	CXMS_WAIT_FUTEX,       /* another thread: locks, conditions, joins */
	CXMS_WAIT_PIPE,	       /* pipe, event descriptor, socket pair: another thread or process */
	CXMS_WAIT_CHILD,       /* the end of a child process */
	CXMS_WAIT_SLEEP,       /* a length of time */
	CXMS_WAIT_SLEEP_UNTIL, /* a time of the clock */
	CXMS_WAIT_POLL,	       /* the first of several things, perhaps a time-out */
	CXMS_WAIT_IO,	       /* a file, a device, the network */
	CXMS_WAIT_OTHER,
	CXMS_WAIT_END
};
enum cxms_run_end { CXMS_RUN_BLOCKED = 0, CXMS_RUN_PREEMPTED, CXMS_RUN_EXIT, CXMS_RUN_UNKNOWN };
struct cxms_run {
	uint64_t dur_ns; /* length; it began at event.time_ns */
	uint16_t cpu;
	uint8_t end;	/* enum cxms_run_end */
	uint8_t waited; /* enum cxms_wait_kind: what was waited for before it */
};
struct cxms_fork {
	uint32_t parent_pid, parent_tid;
};
struct cxms_exit {
	uint64_t ready_ns; /* at least so long it was ready to run and had no CPU; 0 = not known */
};
struct cxms_exec {
	const char *name; /* comm or path; borrowed */
};
struct cxms_map {
	uint64_t addr, len, file_off;
	uint32_t prot, flags; /* as mmap(2) */
	uint8_t build_id[CXMS_BUILD_ID_MAX];
	uint8_t build_id_len; /* 0 = none */
	const char *path;     /* "" = anonymous, "[heap]", "[stack]", ...; borrowed */
};
struct cxms_area {
	uint64_t addr, len;
	uint64_t resident_bytes, huge_bytes; /* huge: those of them in 2 MiB pages */
};
struct cxms_site {
	uint32_t id;	       /* dense, from 0, once per recording */
	uint32_t function_off; /* bytes from the start of the function to ip */
	uint64_t ip;  /* the instruction that waited (not the sampled one), virtual address */
	uint8_t kind; /* enum cxms_site_kind */
	uint8_t access_bytes; /* operand width, 0 = unknown */
	uint16_t flags;	      /* enum cxms_site_flag */
	uint16_t loop_insns;  /* instructions of the innermost known loop around it; 0 = none */
	/* Registers by number (ax bx cx dx si di bp sp r8 .. r15) + 1; 0 = none. */
	uint8_t count_reg;   /* grows by step in each turn of the loop; one for all sites of it */
	uint8_t base, index; /* of the operand's address: disp + base + index x scale */
	uint8_t scale;
	uint8_t turn_lines;  /* 64-byte blocks a turn reaches by base and index; 0 = not known */
	uint8_t outer_reg;   /* the same as count_reg, for the loop around that loop */
	uint32_t object_off; /* bytes from the start of object to ip */
	int64_t disp;	     /* the whole address where there is neither base nor index */
	uint64_t loop_ip;    /* first instruction of the loop, which names it; 0 = none known */
	int64_t stride;	     /* bytes, with CXMS_SITE_AFFINE (0 = the same address each time) or
				CXMS_SITE_APPENDS */
	int64_t step;	     /* what a turn adds to count_reg; 0 = there is no such register */
	int64_t outer_step;  /* the same for outer_reg */
	/* the innermost loop around it that runs a prefetch instruction, which may have asked for
	   what it waits for: its first instruction, and its length; 0 = none known */
	uint64_t ahead_ip;
	uint16_t ahead_bytes;
	/* bytes from loop_ip to behind the instruction before its own that sets base or index last
	   in each turn; 0 = none does, or they move evenly */
	uint16_t made_at;
	uint16_t outer_back;  /* bytes from loop_ip back to the loop around it; 0 = none known */
	const char *function; /* that ip is in, as the linker names it; "" = not known */
	const char *object;   /* path of the file that ip was mapped from; "" = none */
};
enum cxms_lost_what { CXMS_LOST_SAMPLES = 0, CXMS_LOST_FAULTS, CXMS_LOST_OTHER, CXMS_LOST_MEM };
struct cxms_lost {
	uint64_t count;
	uint16_t cpu;
	uint8_t what; /* enum cxms_lost_what */
};

/**
 * struct cxms_exact - one packet of the exact source, head included (core/xstream.h); borrowed
 * Its event has the pid of the packet; time_ns and tid are 0, and are not recorded.
 */
struct cxms_exact {
	const void *data; /* of any alignment */
	uint32_t len;	  /* bytes */
};

/* Where the hardware says a sampled access was served. */
enum cxms_mem_level {
	CXMS_MEM_UNKNOWN = 0,
	CXMS_MEM_L1,
	CXMS_MEM_LFB, /* a miss to this line was already under way */
	CXMS_MEM_L2,
	CXMS_MEM_LLC,
	CXMS_MEM_LOCAL_DRAM,
	CXMS_MEM_REMOTE_CACHE, /* of another core, complex or socket */
	CXMS_MEM_REMOTE_DRAM,
	CXMS_MEM_CXL,
	CXMS_MEM_UNCACHED, /* device registers and I/O */
};
enum cxms_mem_what {
	CXMS_MEM_LOAD = 0, /* a load of at least facts.mem_min_cyc, as the hardware picks them */
	CXMS_MEM_LLC_MISS, /* a load that missed the LLC: the periods add up to all of them */
	CXMS_MEM_STORE,
};
enum cxms_mem_flag {
	CXMS_MEM_ADDR = 1u << 0,     /* addr is valid */
	CXMS_MEM_PHYS = 1u << 1,     /* phys is valid */
	CXMS_MEM_WALK = 1u << 2,     /* its translation missed all TLBs */
	CXMS_MEM_LOCKED = 1u << 3,   /* an atomic */
	CXMS_MEM_KERNEL = 1u << 4,   /* in the kernel: no site */
	CXMS_MEM_EXACT_IP = 1u << 5, /* the site is the access itself, not one near it */
	CXMS_MEM_LAT_FILL = 1u << 6, /* latency is that of the miss alone, not since dispatch */
};

/** struct cxms_mem - one access the hardware sampled */
struct cxms_mem {
	uint64_t addr;	      /* virtual; valid with CXMS_MEM_ADDR */
	uint64_t phys;	      /* valid with CXMS_MEM_PHYS */
	uint64_t period;      /* sampled events (ibs: retired ops) that it stands for; lost ones are
				 not scaled in */
	uint32_t site;	      /* index of a CXMS_EV_SITE seen before, or CXMS_NO_SITE */
	uint32_t latency_cyc; /* core cycles; 0 = not measured */
	uint16_t flags;	      /* enum cxms_mem_flag */
	uint16_t cpu;
	uint8_t level; /* enum cxms_mem_level */
	uint8_t what;  /* enum cxms_mem_what */
};

enum cxms_counter_scope {
	CXMS_SCOPE_THREAD = 0, /* counts carry pid and tid */
	CXMS_SCOPE_CPU,
	CXMS_SCOPE_BOX, /* an uncore unit: name tells which */
};
enum cxms_counter_unit {
	CXMS_COUNT_EVENTS = 0,
	CXMS_COUNT_CYCLES, /* of the clock of what counts */
	CXMS_COUNT_BYTES,
	CXMS_COUNT_LINES, /* of 64 bytes */
	CXMS_COUNT_NS,
};
/** struct cxms_counter - says what later counts count; its event has pid and tid 0 */
struct cxms_counter {
	uint32_t id;	  /* dense, from 0, once per recording */
	uint8_t scope;	  /* enum cxms_counter_scope */
	uint8_t unit;	  /* enum cxms_counter_unit */
	const char *name; /* "CYCLE_ACTIVITY:STALLS_L3_MISS", "uncore_cha_3/..."; borrowed */
};
/**
 * struct cxms_count - what one counter counted in the interval that ended at event.time_ns
 * pid and tid of the event name the thread; 0: whoever ran. When several counters share a
 * register, running_ns < enabled_ns: value is of running_ns and is not yet scaled.
 */
struct cxms_count {
	uint64_t value;
	uint64_t enabled_ns; /* length of the interval */
	uint64_t running_ns; /* part of it during which the counter had a register */
	uint32_t counter;    /* index of a CXMS_EV_COUNTER seen before */
	uint32_t cpu;	     /* CPU, or number of the unit; 0 with CXMS_SCOPE_THREAD */
};

/** a watch ends when its word was not used for so long */
#define CXMS_WATCH_LIMIT_NS 250000000u
/**
 * struct cxms_watch - when one word was used again by one thread, from event.time_ns on
 * Up to three uses are timed. Where fewer were seen, the time that follows the last of them says
 * for how long none came: until the limit, the end of the thread, or that of the recording. Times
 * behind that one are 0.
 */
struct cxms_watch {
	uint64_t addr;	   /* of the 8 bytes */
	uint64_t first_ns; /* from event.time_ns to the first use */
	uint64_t reuse_ns; /* from there to the second */
	uint64_t again_ns; /* from there to the third */
	uint32_t site;	   /* what waited for it: a CXMS_EV_SITE seen before, or CXMS_NO_SITE */
	uint32_t stands;   /* number of waits of its thread that it stands for */
	uint8_t uses;	   /* uses seen, 0 .. 3 */
};

struct cxms_event {
	uint8_t kind; /* enum cxms_event_kind: names the union member */
	uint32_t pid, tid;
	uint64_t time_ns;
	union {
		struct cxms_sample sample;
		struct cxms_fault fault;
		struct cxms_run run;
		struct cxms_fork fork;
		struct cxms_exec exec;
		struct cxms_exit exit;
		struct cxms_map map;
		struct cxms_area area;
		struct cxms_site site;
		struct cxms_lost lost;
		struct cxms_exact exact;
		struct cxms_mem mem;
		struct cxms_counter counter;
		struct cxms_count count;
		struct cxms_watch watch;
	};
};

/* What a source can give; cxms_facts.source_caps. Append only: the numbers are in files. */
enum cxms_source_cap {
	CXMS_SRC_LIVE = 1u << 0,     /* watches a running program */
	CXMS_SRC_LATENCY = 1u << 1,  /* samples carry a measured latency */
	CXMS_SRC_STORES = 1u << 2,   /* stores are seen as well as loads */
	CXMS_SRC_PHYS = 1u << 3,     /* physical addresses */
	CXMS_SRC_COUNTERS = 1u << 4, /* hardware counters */
	CXMS_SRC_EXACT = 1u << 5,    /* every access */
	CXMS_SRC_FAULTS = 1u << 6,   /* first touches with addresses */
	CXMS_SRC_KERNEL = 1u << 7,   /* time in the kernel is sampled as well as user time */
	CXMS_SRC_MEM = 1u << 8,	     /* accesses sampled by the hardware (CXMS_EV_MEM) */
	CXMS_SRC_SWITCHES = 1u << 9, /* slices are those of the scheduler, to the microsecond */
	CXMS_SRC_WATCH = 1u << 10,   /* words of sampled lines were watched (CXMS_EV_WATCH) */
};

#define CXMS_STAIR_MAX 12

/** struct cxms_facts - the machine and the run, stored once per recording; 0 or "" = unknown */
struct cxms_facts {
	char cpu[64];	  /* "AMD EPYC ..." as in /proc/cpuinfo */
	char kernel[64];  /* uname release */
	char machine[16]; /* uname machine */
	uint32_t n_cpu;
	uint64_t page_bytes, huge_bytes;
	uint64_t l1d_bytes, l2_bytes, llc_bytes;
	uint64_t mem_total_bytes;
	/* Load to use on an idle machine, measured by a dependent chase or given by the user. */
	uint64_t mem_latency_ps; /* without page walks */
	uint64_t walk_ps;	 /* added per access on base pages, over the largest footprint */
	uint64_t llc_latency_ps;
	bool latency_given; /* by the user, not measured */
	bool llc_given;	    /* llc_bytes is what the program had, by the user; else nominal */
	/* stair_ps[i]: latency of a chase over stair_bytes[i], its page walks left out */
	uint32_t n_stair;
	uint64_t stair_bytes[CXMS_STAIR_MAX], stair_ps[CXMS_STAIR_MAX];
	/* walk_step_ps[.][i]: what page walks add to a random chase over walk_bytes[i]: median */
	uint32_t n_walk;
	uint64_t walk_bytes[CXMS_STAIR_MAX], walk_step_ps[2][CXMS_STAIR_MAX]; /* base, huge */
	/* upper quartile of the same measurements; 0 = not known */
	uint64_t walk_high_ps[2][CXMS_STAIR_MAX];
	char source[16];	 /* "clock", "ptrace", ... */
	char source_reason[256]; /* why this source */
	uint64_t period_ns;
	uint64_t sample_cost_ns; /* of one CPU-clock sample in the program, measured; 0 = not known
				  */
	uint64_t stop_cost_ns;	 /* of one stop by ptrace in the program, measured; 0 = not known */
	uint32_t source_caps;
	struct cxms_exact_cfg exact; /* with CXMS_SRC_EXACT in source_caps */
	uint32_t mem_min_cyc; /* with CXMS_SRC_MEM: sampled loads took at least this, core cycles */
	struct cxms_predictor predictor; /* added_ps 0 = this machine was not calibrated */
	uint64_t core_hz; /* nominal clock of a core: what turns latency_cyc into time */
};

/** whence the latencies of the machine come: "given", "measured", or "assumed" */
static inline const char *cxms_latency_origin(const struct cxms_facts *f)
{
	return f->latency_given ? "given" : f->source_caps & CXMS_SRC_LIVE ? "measured" : "assumed";
}

struct cxms_warnings;
/** cxms_facts_warn_assumed() - warns that the latencies of an imported recording are assumed. */
void cxms_facts_warn_assumed(const struct cxms_facts *f, struct cxms_warnings *w);

/** cxms_warn_outlived() - warns of @n processes that ran on when the program had ended, if any */
void cxms_warn_outlived(uint64_t n, struct cxms_warnings *w);

/** struct cxms_totals - what is known only at the end of a recording */
struct cxms_totals {
	uint64_t duration_ns; /* wall time of the root process */
	int32_t exit_status;  /* as waitpid(2) gives it */
	bool exit_known;
	uint64_t samples, lost_samples, lost_faults, throttled;
	uint64_t user_ns, system_ns;	/* rusage of the whole tree */
	uint64_t peak_rss_bytes;	/* largest process */
	uint64_t tool_cpu_ns;		/* our own CPU time while the program ran */
	uint64_t sample_cost_ns;	/* assumed or measured cost in the program of one sample */
	uint64_t steal_ns;		/* taken by the host, all CPUs */
	uint64_t mem_samples, lost_mem; /* CXMS_EV_MEM, and those that did not reach us */
	uint64_t outlived; /* exact: processes that ran on when the program had ended */
};

#endif

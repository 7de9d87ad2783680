/* Who watches: sources turn a running program (or a pattern) into events. */
#ifndef CXMS_SOURCE_SOURCE_H
#define CXMS_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/event.h"

struct cxms_err;
struct cxms_log;
struct cxms_warnings;

#define CXMS_SOURCE_ABI 1u

/** struct cxms_source_cfg - borrowed for the life of the source */
struct cxms_source_cfg {
	char *const *argv;	 /* program and arguments, NULL-terminated; live sources */
	uint64_t period_ns;	 /* 0 = the source's default */
	uint64_t sample_cost_ns; /* of one CPU-clock sample here; 0 = not known */
	const char *events;	 /* sources of the PMU: sample these, not the default; NULL */
	uint32_t budget_ppm;	 /* share of the CPU that sampling may cost; 0 = the source's own */
	const char *pattern;	 /* synth: the YAML line */
	uint64_t seed;
	const struct cxms_exact_cfg *exact; /* what source exact simulates; NULL for others */
	/** source exact: every packet before its questions are answered (@may_skip: it holds no
	 * code, begins no image, and asks nothing), and the simulated time of a thread, for
	 * programs that ask; NULL = always 0 */
	void (*sim_packet)(void *arg, const void *data, size_t len, bool may_skip);
	uint64_t (*sim_time_ns)(void *arg, uint32_t pid, uint32_t tid);
	void *sim_arg;
	bool watchpoints; /* follow words of sampled lines by hardware breakpoints */
	struct cxms_log *log;
	struct cxms_warnings *warnings;
};

struct cxms_source {
	const struct cxms_source_ops *ops;
	void *priv;
	struct cxms_source_cfg cfg; /* a copy; after open() cfg.period_ns is the period in use */
	unsigned caps;		    /* ops->caps, less what open() found missing */
	uint32_t mem_min_cyc;	    /* after open(): as of struct cxms_facts */
	uint64_t core_hz;	    /* the same */
	pid_t pid;		    /* live: the program, held, after open(); 0 = none */
};

struct cxms_source_ops {
	unsigned abi;
	const char *name, *summary;
	unsigned caps; /* enum cxms_source_cap */
	uint64_t default_period_ns;
	bool takes_budget;	/* cfg.budget_ppm bounds what its samples cost */
	bool stops;		/* a sample is a stop by ptrace, and costs as much */
	bool takes_watchpoints; /* cfg.watchpoints */
	size_t priv_size;	/* the registry allocates it zeroed, and frees it */
	/** 0, or -ENOTSUP/-EACCES/-ENOSYS with what the user can do, -ENODEV: another kind of CPU
	 */
	int (*probe)(struct cxms_err *err);
	/** live: the program is started but held before its first instruction. -ENOENT/-EACCES name
	 * the program */
	int (*open)(struct cxms_source *s, struct cxms_err *err);
	/** lets it run */
	int (*start)(struct cxms_source *s, struct cxms_err *err);
	/**
	 * read() - the next events: time order, [0, *n), *n <= cap
	 * Waits at most about 100 ms. 0 with *n == 0 and *end set is the end; *n == 0 without it:
	 * nothing yet. Strings in events are borrowed until the next call.
	 */
	int (*read)(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n, bool *end,
		    struct cxms_err *err);
	/** totals; legal once read() said end. -ENOTSUP: the source gave up, not the program */
	int (*stop)(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err);
	/** always legal after open() was called; idempotent; a program still running is killed */
	void (*close)(struct cxms_source *s);
};

extern const struct cxms_source_ops cxms_source_pebs, cxms_source_ibs, cxms_source_clock,
	cxms_source_ptrace, cxms_source_exact, cxms_source_synth;

size_t cxms_source_count(void);
const struct cxms_source_ops *cxms_source_at(size_t i);
/** by name, NULL when unknown */
const struct cxms_source_ops *cxms_source_find(const char *name);
/**
 * cxms_source_auto() - the first live source, best first, whose probe() works
 * @reason: "clock: perf_event_open works" or why better ones do not; at least 256 bytes
 * Return: 0, or -ENOTSUP with every reason and remedy when none works
 */
int cxms_source_auto(const struct cxms_source_ops **out, char *reason, size_t cap,
		     struct cxms_err *err);
/** open @ops with private storage; on failure nothing is left */
int cxms_source_open(const struct cxms_source_ops *ops, const struct cxms_source_cfg *cfg,
		     struct cxms_source **out, struct cxms_err *err);
/** close and free; accepts NULL */
void cxms_source_free(struct cxms_source *s);

#endif

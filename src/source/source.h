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
	const char *events;	 /* pebs, ibs: sample these; NULL = the source's own */
	uint32_t budget_ppm; /* share of the CPU that sampling may cost; 0 = the source's default */
	const char *pattern; /* synth: the YAML line */
	uint64_t seed;
	const struct cxms_exact_cfg *exact; /* what source exact simulates; NULL for others */
	/*
	 * Source exact, for programs that ask what time it is in the simulation; NULL: it is 0.
	 * sim_packet gets every packet, before the questions in it are answered; @may_skip: the
	 * packet holds no code, begins no image and asks nothing. sim_time_ns answers.
	 */
	void (*sim_packet)(void *arg, const void *data, size_t len, bool may_skip);
	uint64_t (*sim_time_ns)(void *arg, uint32_t pid, uint32_t tid);
	void *sim_arg;
	bool watchpoints; /* watch words of sampled lines by hardware breakpoints */
	struct cxms_log *log;
	struct cxms_warnings *warnings;
};

struct cxms_source {
	const struct cxms_source_ops *ops;
	void *priv;
	struct cxms_source_cfg cfg; /* a copy; after open() cfg.period_ns is the period in use */
	unsigned caps;		    /* ops->caps, less what open() found missing */
	uint32_t mem_min_cyc;	    /* set by open(): see struct cxms_facts */
	uint64_t core_hz;	    /* the same */
	pid_t pid; /* set by open(): the program, not yet running; 0 = the source starts none */
};

struct cxms_source_ops {
	unsigned abi;
	const char *name, *summary;
	unsigned caps; /* enum cxms_source_cap */
	uint64_t default_period_ns;
	bool takes_budget;	/* cfg.budget_ppm bounds what its samples cost */
	bool stops;		/* it samples by stops, so cfg.sample_cost_ns is a stop's */
	bool takes_watchpoints; /* cfg.watchpoints */
	size_t priv_size;	/* the registry allocates it zeroed, and frees it */
	/** probe() - does it work here? Return: 0; -ENODEV (for another kind of CPU); -ENOTSUP,
	 * -EACCES or -ENOSYS with what the user can do about it */
	int (*probe)(struct cxms_err *err);
	/** open() - get ready; a live source starts the program and holds it before its first
	 * instruction. Return: 0, -ENOENT or -EACCES (the program's), or another -errno */
	int (*open)(struct cxms_source *s, struct cxms_err *err);
	/** start() - let the program run */
	int (*start)(struct cxms_source *s, struct cxms_err *err);
	/**
	 * read() - the next events, in order of time
	 * @buf: [0, *n) are written, *n <= @cap. None: *end tells whether that is the end or there
	 * is nothing yet
	 * Waits at most about 100 ms. Strings in events are borrowed until the next call.
	 */
	int (*read)(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n, bool *end,
		    struct cxms_err *err);
	/** stop() - the totals, once read() has said that the end is there. Return: 0, or -ENOTSUP:
	 * the source gave up before the program ended */
	int (*stop)(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err);
	/** close() - legal whenever open() was called, also twice; a program that still runs is
	 * killed */
	void (*close)(struct cxms_source *s);
};

extern const struct cxms_source_ops cxms_source_pebs, cxms_source_ibs, cxms_source_clock,
	cxms_source_ptrace, cxms_source_exact, cxms_source_synth;

/** the table of sources; @i: below the count */
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

/* Counters beside a source: those of the program's cores, of the uncore units, and Intel PCM's. */
#ifndef CXMS_RECORD_COUNTERS_H
#define CXMS_RECORD_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/pcm_events.h"
#include "trace/event.h"

struct cxms_cnt_live;
struct cxms_err;
struct cxms_log;

/** what of the hardware counters is wanted; the numbers are those of option --counters */
enum cxms_counters_mode {
	CXMS_COUNTERS_AUTO, /* where the source samples accesses: cores in turns, units as FIT */
	CXMS_COUNTERS_OFF,
	CXMS_COUNTERS_FIT,   /* what can be counted all the time */
	CXMS_COUNTERS_TURNS, /* all, in turns where there are too few registers */
};

/** struct cxms_counters - zeroed counts nothing */
struct cxms_counters {
	const char *pcm_path;
	struct cxms_pcm_events pcm;
	struct cxms_cnt_live *core, *uncore;
	uint32_t n_pcm, n_core, n_uncore; /* counters of each, numbered in this order */
	uint64_t begin_ns, next_ns;
	struct cxms_event *ev; /* room for one look */
	struct cxms_log *log;
};

/** cxms_counters_open() - @pcm: NULL or a path; 0 or -errno of it */
int cxms_counters_open(struct cxms_counters *c, const char *pcm, struct cxms_log *log,
		       struct cxms_err *err);
/**
 * cxms_counters_attach() - count @pid, which is held before its exec
 * @caps: of the source. What is not there is a log line; in mode AUTO of the informative kind.
 * Return: 0; in modes FIT and TURNS -ENOTSUP (no counters of the cores), -EACCES and others
 * (refused)
 */
int cxms_counters_attach(struct cxms_counters *c, enum cxms_counters_mode mode, unsigned caps,
			 pid_t pid, struct cxms_err *err);
/** how many counters there are: numbers of a source's own begin there */
uint32_t cxms_counters_count(const struct cxms_counters *c);

typedef void cxms_counters_keep(void *arg, const struct cxms_event *ev, size_t n);
/** time 0 of the recording is now; definitions go to @keep */
void cxms_counters_begin(struct cxms_counters *c, cxms_counters_keep *keep, void *arg);
/** counts that are due, every 100 ms; @last: due or not */
void cxms_counters_poll(struct cxms_counters *c, bool last, cxms_counters_keep *keep, void *arg);
void cxms_counters_close(struct cxms_counters *c);

#endif

/* Recording: a source's events and the machine's facts into a .cxlt stream. */
#ifndef CXMS_RECORD_RECORD_H
#define CXMS_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/counters.h"
#include "source/machine.h"
#include "source/source.h"

struct cxms_record_cfg {
	const struct cxms_source_ops *source; /* NULL = auto */
	char *const *argv;		      /* the program, NULL-terminated; NULL for synth */
	const char *pattern;		      /* synth */
	enum cxms_counters_mode counters;
	const char *pcm;     /* text that Intel PCM writes meanwhile; NULL = none */
	bool no_argv;	     /* leave argv out of the recording */
	uint64_t period_ns;  /* 0 = the source's default */
	const char *events;  /* as in struct cxms_source_cfg */
	uint32_t budget_ppm; /* the same */
	bool watchpoints;    /* the same */
	uint64_t seed;
	const struct cxms_exact_cfg *exact; /* source exact: what it simulates; else not used */
	/** source exact: as in struct cxms_source_cfg; NULL = no time is simulated meanwhile */
	void (*sim_packet)(void *arg, const void *data, size_t len, bool may_skip);
	uint64_t (*sim_time_ns)(void *arg, uint32_t pid, uint32_t tid);
	void *sim_arg;
	struct cxms_machine_cfg machine;
	struct cxms_log *log;
	struct cxms_warnings *warnings;
};

/** how far a recording came: decides the exit code of run and record */
enum cxms_record_stage {
	CXMS_RECORD_NOT_STARTED, /* no source, no facts: nothing ran */
	CXMS_RECORD_EXEC_FAILED, /* err->code ENOENT or EACCES/ENOEXEC: the program could not be
				    executed */
	CXMS_RECORD_RAN,	 /* the program ran; totals are valid (even when writing failed) */
};
struct cxms_record_result {
	enum cxms_record_stage stage;
	const struct cxms_source_ops *source; /* the one used */
	struct cxms_totals totals;
	uint64_t packets, written_bytes;
};

/**
 * cxms_record_run() - watch the program to its end, writing to @fd
 * When writing fails midway (disk full), the program is still run to its end and its status kept.
 * Return: 0 or -errno; *out is written in every case
 */
int cxms_record_run(const struct cxms_record_cfg *cfg, int fd, struct cxms_record_result *out,
		    struct cxms_err *err);

#endif

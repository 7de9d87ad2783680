/*
 * What was watched at another time, told record by record, as events: the same steps as those of
 * the clock source, without a process to ask.
 */
#ifndef CXMS_SOURCE_IMP_WATCH_H
#define CXMS_SOURCE_IMP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "source/clock_priv.h"
#include "source/perf_fields.h"

/** struct cxms_imp_watch_cfg - strings borrowed */
struct cxms_imp_watch_cfg {
	const char *symfs, *cache; /* as of struct cxms_maps */
	uint64_t period_ns;	   /* of clock samples that do not say it */
	bool has_switches;	   /* context switches are recorded */
	bool is_amd; /* samples of accesses are ibs_op: the latency is that of the miss alone */
};

/** struct cxms_imp_access - a sampled access as perf tells it */
struct cxms_imp_access {
	uint32_t pid, tid, cpu;
	uint64_t time_ns, ip, addr, phys, period;
	uint32_t latency_cyc;
	uint64_t data_src; /* union perf_mem_data_src */
	bool is_kernel, has_addr, has_exact_ip;
};

/* enum cxms_lost_what */
#define CXMS_IMP_LOST_KINDS 4u

struct cxms_imp_watch {
	struct clock c;
	struct cxms_imp_watch_cfg cfg;
	bool has_base;
	uint64_t last_ns;	  /* latest record */
	struct cxms_idmap counts; /* perf's id of a counter -> last reading, owned */
	/* by enum cxms_lost_what: records that came, and those that their event says were lost */
	uint64_t came[CXMS_IMP_LOST_KINDS], event_lost[CXMS_IMP_LOST_KINDS];
	uint64_t *cpu_lost; /* [CPU] what its buffer lost of whatever event, owned */
	size_t n_cpu, cap_cpu;
};

void cxms_imp_watch_init(struct cxms_imp_watch *w, const struct cxms_imp_watch_cfg *cfg);
void cxms_imp_watch_fini(struct cxms_imp_watch *w);
/** one record, in time order; @event is what its event samples; 0 or -ENOMEM */
int cxms_imp_watch_record(struct cxms_imp_watch *w, enum cxms_perf_event event,
			  const struct cxms_perf_rec *r, struct cxms_err *err);
/** a sampled access, likewise; one that is neither load nor store is passed over */
int cxms_imp_watch_access(struct cxms_imp_watch *w, const struct cxms_imp_access *a,
			  struct cxms_err *err);
/**
 * cxms_imp_watch_event_lost() - @count records of an event that samples @what did not reach perf
 *
 * What a buffer lost (PERF_RECORD_LOST) may be of any event: those of a CPU write to one buffer.
 * At the end it is told apart by these counts, and without them by what came of each.
 */
void cxms_imp_watch_event_lost(struct cxms_imp_watch *w, enum cxms_lost_what what, uint64_t count);
/**
 * cxms_imp_watch_count() - one counter of what sample @at read of its thread; what it grew by is
 * told
 * @counter: number of its CXMS_EV_COUNTER;  @by_thread: each thread has its own reading under the
 * id
 */
int cxms_imp_watch_count(struct cxms_imp_watch *w, const struct cxms_perf_sample *at,
			 const struct cxms_perf_read *read, uint32_t counter,
			 const struct cxms_perf_count *count, bool by_thread, struct cxms_err *err);
/** no record comes any more */
void cxms_imp_watch_end(struct cxms_imp_watch *w);
/** files whose code could not be read though clock samples lie in it; *path: one of them, borrowed
 */
size_t cxms_imp_watch_unread(const struct cxms_imp_watch *w, const char **path);
void cxms_imp_watch_totals(const struct cxms_imp_watch *w, struct cxms_totals *out);

#endif

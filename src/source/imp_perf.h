/* Inside of the perf.data importer: what each event is good for, and one record as events. */
#ifndef CXMS_SOURCE_IMP_PERF_H
#define CXMS_SOURCE_IMP_PERF_H

#include "source/imp_watch.h"
#include "source/perf_file.h"

enum imp_role {
	IMP_ROLE_NONE,	/* nothing it samples is used */
	IMP_ROLE_CLOCK, /* cpu-clock or task-clock */
	IMP_ROLE_FAULT, /* page faults with addresses */
	IMP_ROLE_MEM,	/* sampled accesses: address, latency, data source */
	IMP_ROLE_SIDE,	/* dummy: only records that are no samples */
};

/** struct imp_roles - of the events of a file, in their order */
struct imp_roles {
	uint8_t *role;	   /* n of them */
	uint32_t *counter; /* n of them: number of the event's CXMS_EV_COUNTER + 1; 0 = none yet */
	size_t n;
	uint32_t n_counter;
	size_t n_of[IMP_ROLE_SIDE + 1];
	struct cxms_perf_id_at id_at;
	bool has_ids; /* n == 1: none are needed */
};

/** all of @f's events; -EINVAL: their records cannot be told apart, or tell too little */
int imp_roles_init(struct imp_roles *r, const struct cxms_perf_file *f, struct cxms_err *err);
void imp_roles_fini(struct imp_roles *r);
/** the event of a record; NULL when it is of none that we know; *index is set */
const struct cxms_perf_event_desc *imp_roles_event(const struct imp_roles *r,
						   const struct cxms_perf_file *f,
						   const struct perf_event_header *h,
						   size_t *index);
/** time of a record, 0 = it has none; false: it is damaged, or of an unknown event */
bool imp_record_time(const struct imp_roles *r, const struct cxms_perf_file *f,
		     const struct perf_event_header *h, uint64_t *time_ns);
/** one record in time order; 0 or -ENOMEM */
int imp_record(struct cxms_imp_watch *w, struct imp_roles *r, const struct cxms_perf_file *f,
	       const struct perf_event_header *h, struct cxms_err *err);

#endif

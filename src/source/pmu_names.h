/* Events by name: libpfm4 where it knows the CPU, the kernel's names, a table of our own. */
#ifndef CXMS_SOURCE_PMU_NAMES_H
#define CXMS_SOURCE_PMU_NAMES_H

#include "source/pmu.h"

#define CXMS_CORE_PMUS_MAX 2 /* hybrid CPUs have two kinds of core */

/** struct cxms_core_pmus - the PMUs of a machine's cores; n 0 = none can be used */
struct cxms_core_pmus {
	struct cxms_cpu_id cpu;
	struct cxms_pmu pmu[CXMS_CORE_PMUS_MAX];
	unsigned n;
};
/** "cpu", or "cpu_core" and "cpu_atom"; -EINVAL: their files make no sense */
int cxms_core_pmus_load(struct cxms_core_pmus *out, struct cxms_err *err);

enum cxms_event_origin {
	CXMS_ORIGIN_PFM,
	CXMS_ORIGIN_SYSFS,
	CXMS_ORIGIN_TABLE,
	CXMS_ORIGIN_TERMS, /* spelled out by the caller */
};
/** "libpfm4", "sysfs", "table", "terms" */
const char *cxms_origin_name(enum cxms_event_origin origin);

/** struct cxms_named_event - an event of one PMU, checked against its format/ */
struct cxms_named_event {
	struct cxms_pmu pmu;
	struct cxms_pmu_code code;
	enum cxms_event_origin origin;
};
/**
 * cxms_event_named() - the event @name on core PMU @which, or on the PMU it names itself
 * @name: MEM_LOAD_RETIRED.L3_MISS (or with ':', with libpfm4's attributes; upper or lower case), an
 *        event of the kernel (mem-loads), or terms of any PMU: cpu/event=0xd1,umask=0x20/
 * Return: 0, -ENOENT (unknown here), -EINVAL, -ERANGE (does not fit format/)
 */
int cxms_event_named(const struct cxms_core_pmus *core, unsigned which, const char *name,
		     struct cxms_named_event *out, struct cxms_err *err);
/** would libpfm4 know names for this CPU, but cannot be asked, @why? */
bool cxms_events_lack_pfm(const struct cxms_core_pmus *core, struct cxms_err *why);
/** @fn for each name known on core PMU @which, by origin; 0 or -ENOMEM */
int cxms_events_list(const struct cxms_core_pmus *core, unsigned which,
		     void (*fn)(void *arg, enum cxms_event_origin origin, const char *name),
		     void *arg);

/* pmu_table.c: what neither libpfm4 4.13 nor the kernel names. */
struct cxms_event_row {
	const char *cpus; /* ids of pmu_cpu.c, each between blanks: " emr gnr " */
	const char *pmu;  /* "cpu_atom", or NULL: the only or the first one */
	const char *name;
	const char *terms;
};
/** NULL behind the last; every row's source stands beside it */
const struct cxms_event_row *cxms_event_row(size_t i);
/** letters alike in either case, '.' and ':' alike */
bool cxms_event_name_is(const char *a, const char *b);

/* pmu_pfm.c, or pmu_pfm_none.c where libpfm4 is not built in. */
/** can libpfm4 be asked? 0, or -ENOTSUP: not built in, or not there to be loaded */
int cxms_pfm_check(struct cxms_err *err);
/**
 * cxms_pfm_encode() - event @name of libpfm4's PMU @pmu, whatever CPU this is
 * Return: 0, -ENOENT (libpfm4 does not know it), -ENOTSUP (as cxms_pfm_check())
 */
int cxms_pfm_encode(const char *pmu, const char *name, struct cxms_pmu_code *out);
/** 0 or -ENOTSUP */
int cxms_pfm_list(const char *pmu, void (*fn)(void *arg, const char *name), void *arg);

#endif

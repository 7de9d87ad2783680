/* The performance monitoring units of a machine as /sys describes them, and what its CPU is. */
#ifndef CXMS_SOURCE_PMU_H
#define CXMS_SOURCE_PMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_buf;
struct cxms_err;

#define CXMS_PMU_NAME_MAX   64
#define CXMS_PMU_FIELDS_MAX 64
#define CXMS_PMU_RANGES_MAX 64
#define CXMS_PMU_CONFIGS    3 /* config, config1, config2 of perf_event_attr */

/** struct cxms_pmu_field - one field of format/: its bits in one of the config words */
struct cxms_pmu_field {
	char name[32];
	uint8_t word;
	uint64_t mask;
};
/** struct cxms_pmu - a value */
struct cxms_pmu {
	char name[CXMS_PMU_NAME_MAX];
	uint32_t type;	      /* of perf_event_attr */
	unsigned max_precise; /* caps/max_precise; 0 = events are not precise, or it is not said */
	unsigned n_field;
	struct cxms_pmu_field field[CXMS_PMU_FIELDS_MAX];
	bool is_shared;	  /* counts for several cores (uncore): it cannot sample */
	unsigned n_range; /* 0: on every CPU */
	struct {
		unsigned first, last;
	} range[CXMS_PMU_RANGES_MAX]; /* CPUs it is on, or (uncore) that stand for its units */
};
/** struct cxms_pmu_code - an event of a PMU as perf_event_attr wants it */
struct cxms_pmu_code {
	uint32_t type;
	uint64_t config[CXMS_PMU_CONFIGS];
};

/**
 * cxms_pmu_load() - the PMU @name of this machine (re-rootable)
 * Return: 0, -ENOENT (none of that name), -EINVAL (its files make no sense)
 */
int cxms_pmu_load(const char *name, struct cxms_pmu *out, struct cxms_err *err);
bool cxms_pmu_has_cpu(const struct cxms_pmu *p, unsigned cpu);
/** NULL when @p has no field @name */
const struct cxms_pmu_field *cxms_pmu_field(const struct cxms_pmu *p, const char *name);
/**
 * cxms_pmu_terms() - "event=0xcd,umask=0x1,ldlat=30" into @out, later terms over earlier ones
 * A term without a value is 1; config, config1 and config2 set a whole word.
 * @event: the name for messages
 * Return: 0, -EINVAL (no such field, or no number), -ERANGE (wider than its field: never cut)
 */
int cxms_pmu_terms(const struct cxms_pmu *p, const char *event, const char *terms,
		   struct cxms_pmu_code *out, struct cxms_err *err);
/** bits that no field of @p has: -ERANGE, naming @event and the bits */
int cxms_pmu_check(const struct cxms_pmu *p, const char *event, const struct cxms_pmu_code *code,
		   struct cxms_err *err);
/** the terms of events/@alias into @out (empty before); 0 or -ENOENT */
int cxms_pmu_alias(const struct cxms_pmu *p, const char *alias, struct cxms_buf *out);
/** @fn for each name in events/, in alphabetical order; 0 or -ENOMEM */
int cxms_pmu_aliases(const struct cxms_pmu *p, void (*fn)(void *arg, const char *alias), void *arg);

/** struct cxms_cpu_id - what /proc/cpuinfo says the CPU is; a value */
struct cxms_cpu_id {
	char vendor[16]; /* "GenuineIntel"; "" = unknown */
	unsigned family, model, stepping;
	uint64_t hz;	  /* nominal clock; where none is told, that of this moment; 0 = unknown */
	bool is_guest;	  /* under a hypervisor */
	const char *name; /* "spr", "zen4", ...; "" = a model without a row */
	const char *pfm;  /* libpfm4's name of its core PMU; NULL = it has none */
};
/** never fails: what cannot be read is unknown */
void cxms_cpu_identify(struct cxms_cpu_id *out);
bool cxms_cpu_is_intel(const struct cxms_cpu_id *c);
bool cxms_cpu_is_amd(const struct cxms_cpu_id *c);

#endif

/* Accesses sampled by the hardware: which events, with which attributes, and what a record means.
 */
#ifndef CXMS_SOURCE_HW_H
#define CXMS_SOURCE_HW_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "source/perf_sample.h"
#include "source/pmu_names.h"

struct cxms_err;
struct cxms_source;
struct cxms_warnings;

#define CXMS_HW_EVENTS_MAX 8
#define CXMS_HW_PRECISE	   2u /* precise_ip that is asked for */

/** struct cxms_hw_event - one sampled event; a value */
struct cxms_hw_event {
	char name[96]; /* as asked for */
	struct cxms_pmu pmu;
	struct perf_event_attr attr;
	struct perf_event_attr leader; /* of its group */
	bool has_leader;
	bool is_ibs;	     /* samples carry ibs registers */
	bool is_store_asked; /* stores: what a sample without a data source is */
	uint8_t what;	     /* enum cxms_mem_what of its loads */
};
/** struct cxms_hw_plan - zeroed is empty */
struct cxms_hw_plan {
	struct cxms_hw_event ev[CXMS_HW_EVENTS_MAX];
	unsigned n;
	uint32_t min_cyc; /* least latency of sampled loads */
	uint64_t core_hz; /* of struct cxms_cpu_id */
	bool is_generic;  /* the CPU is not known: general events stand in */
};
/** struct cxms_hw_ask - what the user and the machine say */
struct cxms_hw_ask {
	const char *events; /* comma list of names, in place of the default; NULL */
	uint64_t cost_ns;   /* of one sample */
	uint32_t budget_ppm;
};

/**
 * cxms_hw_plan_pebs() - loads with latency, LLC misses and stores of each kind of core
 * On CPUs whose kernel has mem-loads-aux, it leads the group of the loads. Not opened yet.
 * Return: 0, -ENODEV (no Intel CPU), -ENOTSUP (no PEBS here, and why), -ENOENT, -EINVAL, -ERANGE
 * (an event asked for)
 */
int cxms_hw_plan_pebs(const struct cxms_hw_ask *ask, struct cxms_hw_plan *out,
		      struct cxms_err *err);
/** cxms_hw_plan_ibs() - one in N retired ops, loads and stores among them; errors as of pebs */
int cxms_hw_plan_ibs(const struct cxms_hw_ask *ask, struct cxms_hw_plan *out, struct cxms_err *err);

/**
 * cxms_hw_negotiate() - open each event once on ourselves, and give up what is refused
 * In turn, as far as needed: physical addresses, latency in parts, precision down to 1.
 * Return: 0, or the error of perf_event_open that nothing given up cures
 */
int cxms_hw_negotiate(struct cxms_hw_plan *plan, struct cxms_err *err);
/** what was given up, and stands in, as warnings */
void cxms_hw_warn(const struct cxms_hw_plan *plan, struct cxms_warnings *warnings);
/** physical addresses come with every event */
bool cxms_hw_has_phys(const struct cxms_hw_plan *plan);
/**
 * cxms_hw_open() - one event on @cpu; its leader too, into *leader_fd (else -1)
 * @wake_bytes:  the ring wakes its reader when it holds that many
 * @read_format: what reading it tells beside its count
 * Return: a descriptor, or -errno with nothing open
 */
int cxms_hw_open(const struct cxms_hw_event *ev, pid_t pid, int cpu, uint32_t wake_bytes,
		 uint64_t read_format, int *leader_fd, struct cxms_err *err);

/**
 * cxms_hw_access() - what a sample of @ev says of its access; site, cpu not yet
 * Return: false when it was no access to memory
 */
bool cxms_hw_access(const struct cxms_hw_event *ev, const struct cxms_perf_sample *s,
		    struct cxms_mem *out);
/** cxms_ibs_access() - the registers in the raw data of an ibs sample; false: no load, no store */
bool cxms_ibs_access(const uint8_t *raw, uint32_t raw_bytes, struct cxms_mem *out);

#endif

/* What we ask of perf: the three events of the clock source, and their text form for comparison. */
#ifndef CXMS_SOURCE_PERF_ATTR_H
#define CXMS_SOURCE_PERF_ATTR_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

struct cxms_buf;
struct cxms_pmu_code;

enum cxms_perf_event {
	CXMS_PERF_SAMPLES, /* CPU clock with user registers */
	CXMS_PERF_FAULTS,  /* every page fault with its address */
	CXMS_PERF_SIDE, /* mappings, commands, tasks, switches; one page fault of many (thin.h) */
	CXMS_PERF_EVENT_COUNT
};

/** registers asked for: the 16 general ones, in the order they come in a sample (enum cxms_reg) */
#define CXMS_PERF_REGS	    0xff00ffull
#define CXMS_PERF_REG_COUNT 16u
/** of read_format: how many records the event's ring had no room for, from Linux 6.0 on;
 * linux/perf_event.h of older systems does not name it */
#define CXMS_PERF_FORMAT_LOST (UINT64_C(1) << 4)

/**
 * cxms_perf_attr() - the attributes of one event; pure
 * @period_ns:  of CXMS_PERF_SAMPLES
 * @wake_bytes: the ring wakes its reader when it holds that many
 * @build_ids:  CXMS_PERF_SIDE: mappings carry build ids (kernel 5.12 and later)
 * All: user space only, inherited by threads and children, off until the program's exec,
 * CLOCK_MONOTONIC. Read, it tells its count, then what its ring lost.
 */
void cxms_perf_attr(enum cxms_perf_event event, uint64_t period_ns, uint32_t wake_bytes,
		    bool build_ids, struct perf_event_attr *out);
/**
 * cxms_perf_attr_access() - the attributes of accesses sampled by a PMU; pure
 * @rate_hz:   samples a second of a thread: the kernel moves the period to hold it
 * @precise:   precise_ip, 0 to 3
 * @raw:       samples carry the PMU's own registers (ibs)
 * Pinned: it has its counter all the time, or none and is stopped (perf_event_open(2)): turns with
 * others would hide accesses. As the others, but time, task and CPU lie where they do in these, and
 * what is asked of an access is added: address, period, latency, data source, physical address.
 */
void cxms_perf_attr_access(const struct cxms_pmu_code *code, uint64_t rate_hz, unsigned precise,
			   bool raw, struct perf_event_attr *out);
/** cxms_perf_attr_leader() - an event that only leads a group: it counts and gives no samples */
void cxms_perf_attr_leader(const struct cxms_pmu_code *code, struct perf_event_attr *out);
/** cxms_perf_attr_note() - of ourselves: a record whenever we are given a name, laid out as the
 * others; pure */
void cxms_perf_attr_note(struct perf_event_attr *out);
/**
 * cxms_perf_attr_watch() - accesses of one thread to the 8 bytes at @addr, a multiple of 8; pure
 * Off until it is enabled, not inherited; samples are laid out as those of CXMS_PERF_FAULTS.
 */
void cxms_perf_attr_watch(uint64_t addr, struct perf_event_attr *out);
/** one "key=value" line per field that is not zero, then an empty line */
void cxms_perf_attr_print(const struct perf_event_attr *attr, struct cxms_buf *out);

#endif

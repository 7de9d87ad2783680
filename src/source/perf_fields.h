/* The fields of a perf record, as the attributes of its event lay them out. */
#ifndef CXMS_SOURCE_PERF_FIELDS_H
#define CXMS_SOURCE_PERF_FIELDS_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** counters that one sample can read */
#define CXMS_PERF_READ_MAX 64u

/** struct cxms_perf_count - one counter of a group at a sample */
struct cxms_perf_count {
	uint64_t value, id; /* id 0 = not told */
};

/** struct cxms_perf_read - a reading of counters; times in ns, 0 = not told */
struct cxms_perf_read {
	uint64_t enabled_ns, running_ns;
	size_t n;
	struct cxms_perf_count count[CXMS_PERF_READ_MAX];
};

/** struct cxms_perf_regs - registers at a sample; values borrowed, of any alignment */
struct cxms_perf_regs {
	uint64_t abi;  /* enum perf_sample_regs_abi; 0 = none */
	uint64_t mask; /* bit i = register i of linux/perf_regs.h is there */
	const uint8_t *value;
};

/** struct cxms_perf_fields - what is not told is 0; .has says what is (enum
 * perf_event_sample_format)
 */
struct cxms_perf_fields {
	uint64_t has;
	uint64_t ip, time_ns, addr, id, stream_id, period;
	uint32_t pid, tid, cpu;
	uint64_t weight; /* low 32 bits: the latency, whichever form it has */
	uint64_t data_src, transaction, phys_addr, cgroup, data_page_bytes, code_page_bytes;
	struct cxms_perf_regs user, intr;
	struct cxms_perf_read read;
};

/** cxms_perf_sample_fields() - of a PERF_RECORD_SAMPLE; false when it ends before them */
bool cxms_perf_sample_fields(const struct perf_event_attr *attr, const struct perf_event_header *h,
			     struct cxms_perf_fields *out);
/**
 * cxms_perf_trailer_fields() - of any other record of the kernel, at its end
 * @body_bytes: what is left in front of them, header included
 * Return: false when the record is too short. Without sample_id_all there are none
 */
bool cxms_perf_trailer_fields(const struct perf_event_attr *attr, const struct perf_event_header *h,
			      struct cxms_perf_fields *out, size_t *body_bytes);
/** cxms_perf_read_fields() - a reading of counters by @format at @p; bytes taken, 0 = damaged */
size_t cxms_perf_read_fields(uint64_t format, const uint8_t *p, size_t len,
			     struct cxms_perf_read *out);
/** value of register @reg; false when it was not recorded */
bool cxms_perf_regs_get(const struct cxms_perf_regs *regs, unsigned reg, uint64_t *out);

/** struct cxms_perf_id_at - where records say of which event they are */
struct cxms_perf_id_at {
	bool is_known;
	int sample, trailer; /* bytes from the start of samples, from the end of other records */
};
/** cxms_perf_id_place() - for events of @attr; is_known false when it has no ids */
struct cxms_perf_id_at cxms_perf_id_place(const struct perf_event_attr *attr);

#endif

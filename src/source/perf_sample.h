/* A perf sample of any sample_type, from a ring or a file: every field bounded by the record. */
#ifndef CXMS_SOURCE_PERF_SAMPLE_H
#define CXMS_SOURCE_PERF_SAMPLE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_mem;

/** struct cxms_perf_regs - registers at a sample; values borrowed, of any alignment */
struct cxms_perf_regs {
	uint64_t abi;  /* enum perf_sample_regs_abi; 0 = none */
	uint64_t mask; /* bit i = register i of linux/perf_regs.h is there */
	const uint8_t *value;
};

/** struct cxms_perf_sample - what was not asked for is 0; pointers are borrowed from the record */
struct cxms_perf_sample {
	uint64_t has; /* enum perf_event_sample_format */
	uint16_t misc;
	uint32_t pid, tid, cpu;
	uint64_t id, ip, time_ns, addr, stream_id, period, transaction, cgroup;
	uint64_t data_src, phys, data_page_bytes, code_page_bytes;
	uint64_t weight;     /* of PERF_SAMPLE_WEIGHT_STRUCT the first, var1_dw */
	const uint8_t *read; /* for cxms_perf_read_fields(); NULL = none */
	size_t read_bytes;
	const uint8_t *raw; /* of any alignment */
	uint32_t raw_bytes;
	struct cxms_perf_regs user, intr;
};

/**
 * cxms_perf_sample_parse() - a PERF_RECORD_SAMPLE of @h->size bytes, laid out by @attr
 * Order and sizes of fields: linux/perf_event.h, enum perf_event_type. What comes behind the last
 * field named here (AUX data, and what newer kernels add) is left alone.
 * Return: false when a field does not fit the record
 */
bool cxms_perf_sample_parse(const struct perf_event_attr *attr, const struct perf_event_header *h,
			    struct cxms_perf_sample *out);
/**
 * cxms_perf_data_source() - level and flags of @out from perf's data source word
 * Leaves what it does not tell. Both the old (mem_lvl) and the new (mem_lvl_num) coding.
 */
void cxms_perf_data_source(uint64_t data_src, struct cxms_mem *out);
/** a store by perf's data source word */
bool cxms_perf_is_store(uint64_t data_src);

#endif

/* A perf sample of any sample_type: every field bounded by the record. */
#ifndef CXMS_SOURCE_PERF_SAMPLE_H
#define CXMS_SOURCE_PERF_SAMPLE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_mem;

/** struct cxms_perf_format - how an event lays out its samples: from its attributes */
struct cxms_perf_format {
	uint64_t sample_type; /* PERF_SAMPLE_... */
	uint64_t read_format; /* PERF_FORMAT_... */
	uint64_t branch_type; /* branch_sample_type */
	uint64_t regs_user, regs_intr;
};

/** struct cxms_perf_sample - what was asked for is set; pointers are borrowed from the record */
struct cxms_perf_sample {
	uint16_t misc;
	uint64_t id, ip, time_ns, addr, stream_id, period, transaction, cgroup;
	uint64_t data_src, phys, data_page_bytes, code_page_bytes;
	uint32_t pid, tid, cpu;
	uint64_t weight; /* PERF_SAMPLE_WEIGHT; of _STRUCT its first, var1_dw */
	uint16_t weight2, weight3;
	const uint64_t *callchain;
	uint64_t n_callchain;
	const uint8_t *raw; /* of any alignment */
	uint32_t raw_bytes;
	uint64_t user_abi, intr_abi; /* enum perf_sample_regs_abi; 0 = no registers */
	const uint64_t *user_regs, *intr_regs;
};

/**
 * cxms_perf_sample_parse() - a PERF_RECORD_SAMPLE of @h->size bytes laid out by @f
 * Order and sizes of fields: linux/perf_event.h, enum perf_event_type.
 * Return: false when a field does not fit the record, or @f has a bit this parser does not know
 */
bool cxms_perf_sample_parse(const struct cxms_perf_format *f, const struct perf_event_header *h,
			    struct cxms_perf_sample *out);
/**
 * cxms_perf_data_source() - level and flags of @out from perf's data source word
 * Leaves what it does not tell. Both the old (mem_lvl) and the new (mem_lvl_num) coding.
 */
void cxms_perf_data_source(uint64_t data_src, struct cxms_mem *out);
/** a store by perf's data source word */
bool cxms_perf_is_store(uint64_t data_src);

#endif

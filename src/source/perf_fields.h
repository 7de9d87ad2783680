/* What perf records hold besides the fields of a sample: readings, trailers, ids. */
#ifndef CXMS_SOURCE_PERF_FIELDS_H
#define CXMS_SOURCE_PERF_FIELDS_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/perf_sample.h"

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

/**
 * cxms_perf_trailer_fields() - of any other record of the kernel, at its end
 * @body_bytes: what is left in front of them, header included
 * Return: false when the record is too short. Without sample_id_all there are none
 */
bool cxms_perf_trailer_fields(const struct perf_event_attr *attr, const struct perf_event_header *h,
			      struct cxms_perf_sample *out, size_t *body_bytes);
/**
 * cxms_perf_read_fields() - a reading of counters by @format at @p; NULL: only its length
 * Return: bytes taken, 0 = damaged
 */
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

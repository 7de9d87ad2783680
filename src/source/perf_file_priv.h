/* Inside of the perf.data reader. */
#ifndef CXMS_SOURCE_PERF_FILE_PRIV_H
#define CXMS_SOURCE_PERF_FILE_PRIV_H

#include "base/buf.h"
#include "source/perf_file.h"

/* Sections of the header, and features in the stream. */
enum perf_feature {
	PERF_FEAT_BUILD_ID = 2,
	PERF_FEAT_HOSTNAME = 3,
	PERF_FEAT_OSRELEASE = 4,
	PERF_FEAT_ARCH = 6,
	PERF_FEAT_NRCPUS = 7,
	PERF_FEAT_CPUDESC = 8,
	PERF_FEAT_TOTAL_MEM = 10,
	PERF_FEAT_CMDLINE = 11,
	PERF_FEAT_EVENT_DESC = 12,
	PERF_FEAT_CACHE = 20,
	PERF_FEAT_COMPRESSED = 27,
	PERF_FEAT_END = 256
};

/** is it one that cxms_perf_feature() reads? */
bool perf_feature_is_known(unsigned feature);
/** take in one feature; what is damaged in it is left out. 0 or -ENOMEM */
int perf_feature(struct cxms_perf_file *f, unsigned feature, const void *data, size_t len);
/** a build-id record, header included; 0 or -ENOMEM */
int perf_build_id(struct cxms_perf_file *f, const uint8_t *rec, size_t len);

/**
 * perf_zip_put() - compressed data, one stream over all records; a copy is kept
 * Return: 0, -ENOMEM, -EINVAL (what came before was not unpacked yet)
 */
int perf_zip_put(struct cxms_perf_file *f, const uint8_t *data, size_t len, struct cxms_err *err);
/** the next whole record out of it, borrowed; NULL when there is none; f->is_cut when damaged */
const uint8_t *perf_zip_record(struct cxms_perf_file *f, size_t *len);
/** does it hold the beginning of a record? */
bool perf_zip_has_rest(const struct cxms_perf_file *f);
void perf_zip_free(struct cxms_perf_zip *z);

#endif

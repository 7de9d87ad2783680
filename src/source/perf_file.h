/*
 * The perf.data file: its header, events and facts about the machine, and its records one by one,
 * unpacked. Both forms are read: the file that perf seeks in, and the stream it writes to a pipe.
 * Source: Linux, tools/perf/Documentation/perf.data-file-format.txt, and linux/perf_event.h.
 */
#ifndef CXMS_SOURCE_PERF_FILE_H
#define CXMS_SOURCE_PERF_FILE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/idmap.h"
#include "source/imp_input.h"
#include "source/module.h"

struct cxms_err;
struct cxms_perf_zip;

#define CXMS_PERF_NAME_MAX   64
#define CXMS_PERF_EVENTS_MAX 4096u

/* What perf adds to the kernel's records; the numbers are those of the file. */
enum cxms_perf_user_record {
	CXMS_PERF_USER_FIRST = 64,
	CXMS_PERF_FINISHED_ROUND = 68,
};

/** struct cxms_perf_event_desc - one event of the recording; fields its attr lacks are 0 */
struct cxms_perf_event_desc {
	struct perf_event_attr attr;
	char name[CXMS_PERF_NAME_MAX]; /* "cpu-clock:u"; "" = not told */
};

/** struct cxms_perf_build - the build id of a file of the recording */
struct cxms_perf_build {
	char *path;
	uint8_t id[CXMS_BUILD_ID_MAX];
	uint8_t len;
};

/** struct cxms_perf_info - the machine and the run; 0 or "" = not told */
struct cxms_perf_info {
	char host[64], kernel[64], arch[64], cpu[64];
	uint32_t n_cpu;
	uint64_t mem_total_bytes, l1d_bytes, l2_bytes, llc_bytes;
	char **word; /* of perf's command line, owned */
	size_t n_word, cap_word;
	struct cxms_perf_build *build;
	size_t n_build, cap_build;
};

struct cxms_perf_file {
	struct cxms_input *in; /* borrowed */
	bool is_pipe;
	struct cxms_perf_event_desc *event;
	size_t n_event, cap_event;
	struct cxms_idmap by_id; /* event id -> index + 1 */
	struct cxms_perf_info info;
	struct cxms_perf_zip *zip; /* NULL until a compressed record comes */
	uint64_t *rec;		   /* the record handed out, of 64 KiB */
	uint64_t n_record;
	uint64_t aux_bytes; /* of instruction traces, passed over */
	bool is_cut;
	char where[128]; /* "byte 1234: the last record is not whole" */
};

/**
 * cxms_perf_file_open() - read the header, the events and what is known of the machine
 * @in: at its beginning; borrowed until close
 * Return: 0, -EINVAL (what is wrong, and the remedy), -ENOMEM, or of read(2)
 * Owner:  cxms_perf_file_close(), also after a failure
 */
int cxms_perf_file_open(struct cxms_perf_file *f, struct cxms_input *in, struct cxms_err *err);
void cxms_perf_file_close(struct cxms_perf_file *f);
/**
 * cxms_perf_file_next() - the next record of the kernel, or a CXMS_PERF_FINISHED_ROUND
 * Others (events, names, facts, compressed data) are taken in on the way.
 * *h is NULL at the end; is_cut then says whether it came too early. Borrowed until the next call.
 * Return: 0, -ENOMEM, or of read(2)
 */
int cxms_perf_file_next(struct cxms_perf_file *f, const struct perf_event_header **h,
			struct cxms_err *err);
/** build id of @path, NULL when not told; borrowed */
const struct cxms_perf_build *cxms_perf_file_build(const struct cxms_perf_file *f,
						   const char *path);

#endif

/* Address traces of other tools, as text: one instruction after another with what it accessed. */
#ifndef CXMS_SOURCE_IMP_ACCESS_H
#define CXMS_SOURCE_IMP_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/import.h"

/** accesses of one instruction that are kept; more are counted */
#define CXMS_IMP_ACCESS_MAX 32u
#define CXMS_IMP_CODE_MAX   15u

struct cxms_imp_ref {
	uint64_t addr;
	uint32_t bytes; /* 1 .. 4096 */
	bool is_store;
};

/** struct cxms_imp_insn - one instruction that ran */
struct cxms_imp_insn {
	uint32_t tid;	   /* 1 where the format has no threads */
	uint64_t n_before; /* instructions that ran before it and are not in the trace */
	uint64_t ip;
	uint8_t len;   /* 0 = not told */
	bool has_code; /* code holds its len bytes */
	uint8_t code[CXMS_IMP_CODE_MAX];
	size_t n_ref;
	struct cxms_imp_ref ref[CXMS_IMP_ACCESS_MAX]; /* in order */
};

/** struct cxms_imp_access_reader - zeroed, then opened */
struct cxms_imp_access_reader {
	enum cxms_import_format format;
	struct cxms_input *in; /* borrowed */
	uint64_t n_line, n_bad,
		n_dropped;	   /* lines; those that are none; accesses over the maximum */
	uint64_t first_bad;	   /* number of the first such line */
	uint64_t last_id;	   /* champsim: the highest so far; 0 = none */
	struct cxms_imp_insn next; /* begun, its accesses may still come */
	uint8_t n_code;		   /* bytes of its code that were read */
	bool has_next, is_cut, is_end;
};

/** is @format one of those? */
bool cxms_imp_access_knows(enum cxms_import_format format);
/** which of them has a line like one of these; AUTO = none */
enum cxms_import_format cxms_imp_access_detect(const char *text, size_t n);
void cxms_imp_access_open(struct cxms_imp_access_reader *r, enum cxms_import_format format,
			  struct cxms_input *in);
/** the next instruction; false at the end. A line that is none of the format is counted */
bool cxms_imp_access_next(struct cxms_imp_access_reader *r, struct cxms_imp_insn *out);

#endif

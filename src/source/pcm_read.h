/* Memory traffic that Intel PCM measured: the CSV text of pcm-memory and pcm. */
#ifndef CXMS_SOURCE_PCM_READ_H
#define CXMS_SOURCE_PCM_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;

#define CXMS_PCM_SOCKETS 16u		  /* more are left out */
#define CXMS_PCM_SYSTEM	 CXMS_PCM_SOCKETS /* index of figures that are not by socket */

enum cxms_pcm_what {
	CXMS_PCM_READ,	/* bytes read from DRAM */
	CXMS_PCM_WRITE, /* bytes written to DRAM */
	CXMS_PCM_CXL_READ,
	CXMS_PCM_CXL_WRITE,
	CXMS_PCM_WHAT_COUNT
};
/** "pcm.dram_read", ...: the name of the counter in a recording */
const char *cxms_pcm_name(enum cxms_pcm_what what);

/** struct cxms_pcm_row - bytes between two lines; < 0 = not in the text */
struct cxms_pcm_row {
	uint64_t from_ns, to_ns; /* CLOCK_REALTIME */
	double bytes[CXMS_PCM_SOCKETS + 1][CXMS_PCM_WHAT_COUNT];
};

struct cxms_pcm;

/** cxms_pcm_new() - NULL: out of memory. Free with cxms_pcm_free(), which accepts NULL */
struct cxms_pcm *cxms_pcm_new(void);
void cxms_pcm_free(struct cxms_pcm *p);
/**
 * cxms_pcm_line() - the next line, its end left out
 * Two lines of heads, groups over columns, then one line per interval; heads may come again. Times
 * of lines are local times of this machine's zone. pcm-memory gives MB/s (1e6), pcm GB in the
 * interval (1e9). The first line after the heads only begins an interval.
 * @row: filled when 1 is returned
 * Return: 1 a row; 0 none, with lines that are none of the above counted; -EINVAL (heads without
 * any column of memory traffic), -ENOMEM
 */
int cxms_pcm_line(struct cxms_pcm *p, const char *line, struct cxms_pcm_row *row,
		  struct cxms_err *err);
/** lines that were neither heads nor an interval */
uint64_t cxms_pcm_skipped(const struct cxms_pcm *p);

/**
 * cxms_pcm_open() - read @path as it grows: a file or a pipe
 * Return: 0, -ENOENT and other errors of open(2)
 */
int cxms_pcm_open(const char *path, struct cxms_pcm **out, struct cxms_err *err);
/** cxms_pcm_poll() - the next row that is there already; returns as cxms_pcm_line(), never waits */
int cxms_pcm_poll(struct cxms_pcm *p, struct cxms_pcm_row *row, struct cxms_err *err);

#endif

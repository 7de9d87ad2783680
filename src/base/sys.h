/* /proc and /sys readers that CXMS_FSROOT re-roots, and output files that replace a good one only
 * when whole. */
#ifndef CXMS_BASE_SYS_H
#define CXMS_BASE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cxms_buf;
struct cxms_err;

/** cxms_sys_path() - "@path" below $CXMS_FSROOT when set and path is in /proc or /sys;
 * -ENAMETOOLONG */
int cxms_sys_path(char *out, size_t cap, const char *path);
/** cxms_sys_read() - a whole small file into @out, re-rooted; 0, -ENOENT, -EACCES, -EFBIG over @max
 */
int cxms_sys_read(const char *path, size_t max, struct cxms_buf *out, struct cxms_err *err);
/** cxms_sys_other_thread() - a thread of process @pid beside the first that has its memory; 0 =
 * none
 */
uint32_t cxms_sys_other_thread(uint32_t pid);
/**
 * cxms_sys_read_process() - as cxms_sys_read(), file @name of process @pid that tells of its memory
 * Where the first thread has ended before others, the process's own is empty: then that of another
 * thread is read. What stood in @out is dropped.
 */
int cxms_sys_read_process(uint32_t pid, const char *name, size_t max, struct cxms_buf *out,
			  struct cxms_err *err);
/** cxms_sys_read_u64() - a file that holds one decimal number; a trailing K/M is honoured */
int cxms_sys_read_u64(const char *path, uint64_t *out, struct cxms_err *err);
/** cxms_file_read() - a whole file, not re-rooted, at most @max bytes */
int cxms_file_read(const char *path, size_t max, struct cxms_buf *out, struct cxms_err *err);
/** cxms_mkdirs() - mkdir -p with mode 0700 for what is missing */
int cxms_mkdirs(const char *dir, struct cxms_err *err);

/** cxms_allow_files() - room for @more open files, and a few, as far as the hard limit goes */
void cxms_allow_files(unsigned more);

uint64_t cxms_now_ns(void);	 /* CLOCK_MONOTONIC */
uint64_t cxms_cpu_self_ns(void); /* CPU time of this process, all its threads */

/**
 * struct cxms_outfile - a file that is written aside and then renamed
 * So its name shows either the whole new file or the old one. A path that exists and is not a
 * regular file (/dev/stdout, a pipe) is written directly.
 */
struct cxms_outfile {
	FILE *fp;
	char *path, *tmp; /* tmp == NULL: written directly */
};
/** @path is the name that the file gets; 0 or -errno. Owner: cxms_outfile_commit() or _abort() */
int cxms_outfile_open(struct cxms_outfile *f, const char *path, struct cxms_err *err);
/** all of @data, with what was written to f->fp before; on failure 'err' says why: abort then */
int cxms_outfile_write(struct cxms_outfile *f, const void *data, size_t len, struct cxms_err *err);
/** flush, fsync, rename; on failure the old file stands and the aside file is gone; f is then empty
 */
int cxms_outfile_commit(struct cxms_outfile *f, struct cxms_err *err);
/** drop what was written; legal on a zeroed or committed f */
void cxms_outfile_abort(struct cxms_outfile *f);

#endif

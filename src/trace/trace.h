/* The .cxlt recording: a stream of self-delimiting, checksummed, compressed blocks (FORMAT.md). */
#ifndef CXMS_TRACE_TRACE_H
#define CXMS_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

struct cxms_err;
struct cxms_trace_writer;
struct cxms_trace_reader;

/** struct cxms_trace_head - the first block; strings borrowed */
struct cxms_trace_head {
	struct cxms_facts facts;
	const char *const *argv; /* n_argv words; n_argv 0 = left out */
	size_t n_argv;
	uint64_t seed;
};

/**
 * cxms_trace_writer_new() - begin a recording; its head is written at once
 * @fd: borrowed; seekable or not
 * Return: 0 or -errno of write(2) (-ENOSPC: "disk full"). Owner: cxms_trace_writer_free()
 */
int cxms_trace_writer_new(int fd, const struct cxms_trace_head *head,
			  struct cxms_trace_writer **out, struct cxms_err *err);
/** buffers; writes a block when full (65,536 events or 4 MiB raw) or when flush is called */
int cxms_trace_write(struct cxms_trace_writer *w, const struct cxms_event *ev, size_t n,
		     struct cxms_err *err);
/** write what is buffered as a block, however small; 0 or -errno */
int cxms_trace_flush(struct cxms_trace_writer *w, struct cxms_err *err);
/** last block: totals; the recording is then complete */
int cxms_trace_finish(struct cxms_trace_writer *w, const struct cxms_totals *totals,
		      struct cxms_err *err);
/** bytes of the file so far, head and whole blocks */
uint64_t cxms_trace_written_bytes(const struct cxms_trace_writer *w);
void cxms_trace_writer_free(struct cxms_trace_writer *w);

enum cxms_trace_state {
	CXMS_TRACE_OPEN,     /* more may follow */
	CXMS_TRACE_COMPLETE, /* the totals block was read */
	CXMS_TRACE_CUT,	     /* ended or damaged before it: what was read is whole blocks */
};

/** cxms_trace_reader_open() - @path for messages too. -EINVAL: not a recording, or a newer version
 */
int cxms_trace_reader_open(const char *path, struct cxms_trace_reader **out, struct cxms_err *err);
/** the same on a descriptor, read from offset 0 with pread; borrowed */
int cxms_trace_reader_open_fd(int fd, const char *name, struct cxms_trace_reader **out,
			      struct cxms_err *err);
/** borrowed until close */
const struct cxms_trace_head *cxms_trace_reader_head(const struct cxms_trace_reader *r);
/**
 * cxms_trace_read() - the next events, in the order written
 * Fills [0, *n), *n <= cap; 0 with *n == 0 is the end. Strings in events are borrowed until the
 * next call. A cut or damaged tail is no error: reading ends early and state() says CUT, with
 * where() the reason.
 */
int cxms_trace_read(struct cxms_trace_reader *r, struct cxms_event *buf, size_t cap, size_t *n,
		    struct cxms_err *err);
/** cxms_trace_reader_again() - another reader of the same recording, at its first event; @r is not
 * touched and must live as long */
int cxms_trace_reader_again(const struct cxms_trace_reader *r, struct cxms_trace_reader **out,
			    struct cxms_err *err);
/** back to the first event after the head: the recording can be read again */
void cxms_trace_reader_rewind(struct cxms_trace_reader *r);
/** whole, cut, or not yet read to its end */
enum cxms_trace_state cxms_trace_reader_state(const struct cxms_trace_reader *r);
/** "cut at byte 12345 of 20000: checksum differs"; "" while not cut; borrowed until close */
const char *cxms_trace_reader_where(const struct cxms_trace_reader *r);
/** valid once COMPLETE; on CUT: counted from the events read, exit unknown */
const struct cxms_totals *cxms_trace_reader_totals(const struct cxms_trace_reader *r);
/** struct cxms_trace_stats - of what was read: blocks, their bytes in the file and unpacked, and
 * events by kind */
struct cxms_trace_stats {
	uint64_t blocks, bytes, raw_bytes;
	uint64_t events[CXMS_EV_KIND_END];
};
/** borrowed until close */
const struct cxms_trace_stats *cxms_trace_reader_stats(const struct cxms_trace_reader *r);
void cxms_trace_reader_close(struct cxms_trace_reader *r);

struct cxms_buf;
/** cxms_event_print() - one line of text for `trace dump`, no newline; appended to @out */
void cxms_event_print(const struct cxms_event *ev, struct cxms_buf *out);
/** cxms_reg_print() - "%rax" of a register of struct cxms_site (number + 1); "?" beyond r15 */
void cxms_reg_print(unsigned reg, struct cxms_buf *out);
/** cxms_operand_print() - the operand of a site: "-8(%rdi,%rax,8)" */
void cxms_operand_print(const struct cxms_site *s, struct cxms_buf *out);

#endif

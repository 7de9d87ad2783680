/*
 * xtext [-r] FILE: the exact stream of a recording as text, a line for each message, without
 * process numbers and without what depends on where packets end. Two recordings of a program that
 * reads no clock give the same text. Each line begins with the number of its process. With -r the
 * packets as they are, except that processes are numbered from 0, without the first of each
 * process, which holds process numbers and nothing else.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "core/xread.h"
#include "core/xstream.h"
#include "trace/trace.h"

#define MAX_PROCESSES  256u
#define EVENTS_AT_ONCE 64

/* Processes in order of their first message. */
struct seen {
	uint32_t pid[MAX_PROCESSES];
	unsigned n;
};

static unsigned number_of(struct seen *s, uint32_t pid)
{
	unsigned i = 0;
	while (i < s->n && s->pid[i] != pid)
		i++;
	if (i == MAX_PROCESSES) {
		fprintf(stderr, "xtext: more than %u processes\n", MAX_PROCESSES);
		exit(1);
	}
	s->pid[i] = pid;
	s->n += i == s->n;
	return i;
}

static void print_run(struct seen *seen, const struct cxms_xruns *runs, const struct cxms_xrun *run)
{
	const struct cxms_block *b = run->block;
	printf("%u.%" PRIu32 " thread %" PRIu32 " block %" PRIx64 "+%" PRIu32 " uops %" PRIu32
	       " exit %" PRIu32,
	       number_of(seen, runs->pid), runs->image, runs->tid, b->addr, b->n_bytes, b->n_uop,
	       run->exit);
	for (size_t i = 0; i < run->n_event; i++) {
		const struct cxms_xevent *e = &run->event[i];
		printf(" %u:%u:%u:%u:%" PRIu32 ":%" PRIu32 ":%" PRIx64, e->kind, e->flags, e->into,
		       e->from, e->index, e->back, e->line);
	}
	putchar('\n');
}

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	(void)err;
	for (size_t i = 0; i < runs->n; i++)
		print_run(arg, runs, &runs->run[i]);
	return 0;
}

static int on_control(void *arg, const struct cxms_xcontrol *c, struct cxms_err *err)
{
	bool has_pids = c->type == CXMS_XC_HELLO;
	bool of_process =
		c->type == CXMS_XC_FORKED || (c->type == CXMS_XC_RESUME && c->a & CXMS_XS_PROCESS);
	uint64_t a = of_process ? number_of(arg, (uint32_t)(c->a & ~CXMS_XS_PROCESS)) : c->a;
	(void)err;
	if (c->type == CXMS_XC_THREAD)
		return 0; /* stands at the begin of every packet */
	printf("%u.%" PRIu32 " thread %" PRIu32 " control %d", number_of(arg, c->pid), c->image,
	       c->tid, (int)c->type);
	if (!has_pids)
		printf(" %" PRIx64 " %" PRIx64, a, c->b);
	printf(" %u '%.*s'", c->flag, (int)c->n_text, c->text ? (const char *)c->text : "");
	for (size_t i = 0; i < c->n_count; i++)
		printf(" %" PRIu64, c->count[i]);
	putchar('\n');
	return 0;
}

static void print_raw(struct seen *seen, const struct cxms_event *ev)
{
	struct cxms_xs_head head;
	memcpy(&head, ev->exact.data, sizeof(head));
	head.pid = number_of(seen, head.pid);
	if (head.seq == 0)
		return;
	fwrite(&head, sizeof(head), 1, stdout);
	fwrite((const char *)ev->exact.data + sizeof(head), ev->exact.len - sizeof(head), 1,
	       stdout);
}

/* @x: NULL for the packets as they are. */
static int print_all(struct cxms_trace_reader *reader, struct cxms_xread *x, struct cxms_err *err)
{
	struct seen seen = {.n = 0};
	const struct cxms_xsink sink = {&seen, on_runs, on_control};
	struct cxms_event ev[EVENTS_AT_ONCE];
	size_t n = 1;
	int rc = 0;
	while (n > 0 && rc == 0) {
		rc = cxms_trace_read(reader, ev, EVENTS_AT_ONCE, &n, err);
		for (size_t i = 0; i < n && rc == 0; i++)
			if (ev[i].kind == CXMS_EV_EXACT && !x)
				print_raw(&seen, &ev[i]);
			else if (ev[i].kind == CXMS_EV_EXACT)
				rc = cxms_xread_packet(x, ev[i].exact.data, ev[i].exact.len, &sink,
						       err);
	}
	if (rc == 0 && cxms_trace_reader_state(reader) != CXMS_TRACE_COMPLETE)
		rc = cxms_fail(err, EINVAL, "the recording is cut");
	return rc;
}

int main(int argc, char **argv)
{
	struct cxms_trace_reader *reader = NULL;
	struct cxms_xread *x = NULL;
	struct cxms_err err = {0};
	bool raw = argc == 3 && strcmp(argv[1], "-r") == 0;
	if (argc != 2 + raw) {
		fprintf(stderr, "usage: xtext [-r] FILE\n");
		return 2;
	}
	int rc = cxms_trace_reader_open(argv[argc - 1], &reader, &err);
	if (rc == 0 && !raw)
		rc = cxms_xread_new(true, &x, &err);
	if (rc == 0)
		rc = print_all(reader, x, &err);
	if (rc < 0)
		fprintf(stderr, "xtext: %s\n", err.msg);
	cxms_xread_free(x);
	cxms_trace_reader_close(reader);
	return rc < 0 || fflush(stdout);
}

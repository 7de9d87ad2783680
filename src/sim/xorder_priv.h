/* What the order keeps of each thread, and who waits for whom: between xorder.c, which takes steps,
 * and xorder_waits.c, which makes steps of control messages. */
#ifndef CXMS_SIM_XORDER_PRIV_H
#define CXMS_SIM_XORDER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/xorder.h"

/* In place of a log: who ends the process that a RESUME names, or wrote what a read got. */
#define NOT_YET SIZE_MAX

/* In place of a control type: what a thread has to do with one that sleeps, log number a. */
#define STEP_WAKES ((uint8_t)CXMS_XC_END)
#define STEP_MEETS ((uint8_t)(CXMS_XC_END + 1))

/* One step of a thread: a run, or a control message. */
struct step {
	uint64_t a, b;
	const struct cxms_block *block; /* NULL = control */
	size_t event;			/* first of its events, absolute */
	uint32_t exit, n_event;
	uint32_t space; /* a program that is executed has another than the one before it */
	uint8_t type, flag;
	/* a RESUME, a meeting, or the HELLO of a fork comes after that many steps of this log */
	size_t after_log, after_step;
};

/* The last step by which a sleeper on an address was woken. */
struct wake {
	uint32_t space;
	uint64_t addr;
	size_t log, step;
};

/* A write to a pipe: the bytes written by its end, and its step. */
struct written {
	uint64_t total;
	size_t log, step;
};

struct pipe {
	uint64_t id;
	uint64_t read; /* bytes */
	struct written *write;
	size_t n, cap;
};

/* A thread that sleeps, and the step that woke it. */
struct sleeper {
	uint32_t space;
	uint64_t addr;
	size_t log;
	bool is_woken;
	size_t by_log, by_step;
};

/* A process that was forked before its HELLO came, and the step that did it. */
struct forked {
	uint32_t pid;
	size_t log, step;
};

/* What is not yet simulated of one thread. Numbers of steps and events are absolute; the arrays
 * begin at the base. */
struct log {
	uint32_t pid, image, tid, space;
	struct step *step;
	size_t n, cap, base;
	struct cxms_xevent *event;
	size_t n_event, cap_event, base_event;
	bool cloned;  /* begins when its creator says so */
	uint8_t last; /* control type of the last step, 0 = a run */
};

struct cxms_xorder {
	struct cxms_xengine *engine;
	size_t n_engine;
	struct log *log;
	size_t n_log, cap_log;
	size_t *cursor; /* [n_engine * cap_cursor] next step, absolute */
	size_t cap_cursor;
	struct wake *wake;
	size_t n_wake, cap_wake;
	struct sleeper *sleeper; /* in the order in which they went to sleep */
	size_t n_sleeper, cap_sleeper;
	struct pipe *pipe;
	size_t n_pipe, cap_pipe;
	struct forked *forked;
	size_t n_forked, cap_forked;
	size_t kept, since_look, added;
	size_t n_host; /* 0: of one, which nobody else waits for */
	bool *ended;   /* [n_host] nothing more comes of that one */
	bool is_over;  /* nothing more comes at all */
};

/** the next step of a thread in an engine, absolute */
static inline size_t *cursor_of(const struct cxms_xorder *o, size_t engine, size_t log)
{
	return &o->cursor[engine * o->cap_cursor + log];
}

/** the log of a thread, made when new; NULL: out of memory. It may move those that are there */
struct log *xorder_log(struct cxms_xorder *o, uint32_t pid, uint32_t tid);
/** a step more of a thread, in its present space. @l NULL: out of memory. 0 or -ENOMEM */
int xorder_add(struct cxms_xorder *o, struct log *l, const struct step *s, struct cxms_err *err);
/** what was woken last at an address, NULL = nothing; the caller may change it */
struct wake *xorder_wake(const struct cxms_xorder *o, uint32_t space, uint32_t pid, uint64_t addr);
/** simulate what can be by now; @wait: not ahead of threads whose next step is not known yet.
 * 0 or -ENOMEM */
int xorder_look(struct cxms_xorder *o, bool wait, struct cxms_err *err);

#endif

/* Inside of the ptrace source: its state, and the handling of one stop. */
#ifndef CXMS_SOURCE_PTRACE_PRIV_H
#define CXMS_SOURCE_PTRACE_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include "base/err.h"
#include "source/analyze.h"
#include "source/area.h"
#include "source/child.h"
#include "source/evq.h"
#include "source/idmap.h"
#include "source/meter.h"
#include "source/ptrace_task.h"
#include "source/source.h"

#define PT_WAITING_MAX 64u

struct cxms_pt_proc {
	uint32_t pid;
	unsigned n_task;
	struct cxms_pt_task *tasks;
	/* CPU time of the process: that of who runs is added late (ptrace_task.h) */
	clockid_t clock;
	uint64_t cpu_ns; /* of it, at the last tick */
	bool was_busy;
};

/* Times in here are CLOCK_MONOTONIC; pt_rel_ns() makes them those of events. */
struct ptrace_source {
	struct cxms_child child;
	int chld_fd; /* signalfd of SIGCHLD; -1 = none */
	struct cxms_evq out;
	struct cxms_analyzer analyzer;
	struct cxms_areas areas;
	struct cxms_idmap procs; /* pid -> struct cxms_pt_proc */
	struct cxms_idmap tasks; /* tid -> struct cxms_pt_task */
	struct cxms_meter meter;
	struct cxms_warnings *warnings;
	uint64_t period_ns, stop_cost_ns, base_ns, tick_ns, last_tick_ns;
	uint64_t end_ns; /* the root's end; 0 = runs */
	uint64_t samples, n_tick;
	unsigned n_asked;   /* threads that were asked to stop, and have not yet */
	uint64_t asked_ns;  /* the first of them */
	unsigned n_waiting; /* samples still to be analyzed */
	struct cxms_look waiting[PT_WAITING_MAX];
	bool is_open, is_done;
	struct cxms_err fault; /* the first, for the next read; code 0: none */
};

uint64_t pt_rel_ns(const struct ptrace_source *p, uint64_t time_ns);
/** memory ran out: the next read tells */
void pt_no_memory(struct ptrace_source *p);
/** a thread of process @pid, told as a FORK from @parent (NULL = the root) */
struct cxms_pt_task *pt_adopt(struct ptrace_source *p, uint32_t pid, uint32_t tid,
			      const struct cxms_pt_task *parent);
/** collect every stop and end there is, and let the stopped go on */
void pt_collect(struct ptrace_source *p);
/** a thread stopped at its birth whose parent did not live to tell of it */
void pt_adopt_orphan(struct ptrace_source *p, struct cxms_pt_task *t);
/** let all go on untraced */
void pt_let_go(struct ptrace_source *p);
void pt_tasks_fini(struct ptrace_source *p);

#endif

/* One traced thread: what /proc says about it, and the slices it ran in. */
#ifndef CXMS_SOURCE_PTRACE_TASK_H
#define CXMS_SOURCE_PTRACE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct cxms_evq;

/** struct cxms_pt_stat - of /proc/<pid>/task/<tid>/stat */
struct cxms_pt_stat {
	char state;	 /* 'R' = running or ready to */
	uint64_t faults; /* page faults, minor and major */
	uint16_t cpu;
};

/** struct cxms_pt_sched - of /proc/<pid>/task/<tid>/schedstat. Of a thread that runs on another CPU
 * the kernel adds the time at its scheduler ticks only (1 to 10 ms), and when it stops or sleeps */
struct cxms_pt_sched {
	uint64_t run_ns;  /* CPU time since its birth */
	uint64_t wait_ns; /* ready to run, without a CPU */
	uint64_t turns;	  /* how often it came on a CPU */
};

struct cxms_pt_proc;

struct cxms_pt_task {
	struct cxms_pt_proc *proc; /* NULL: stopped at its birth, before its parent told of it */
	struct cxms_pt_task *next; /* of the same process */
	uint32_t pid, tid;
	int stat_fd, sched_fd; /* -1 = opened each time they are read */
	bool is_interrupted;   /* asked to stop; it has not yet */
	bool has_exited;       /* EXIT was told */
	bool is_in_slice;
	uint64_t born_ns;
	struct cxms_pt_sched sched;	 /* as it was looked at last, ... */
	uint64_t look_ns;		 /* ... when, ... */
	uint64_t grown_ns;		 /* ... and since when its CPU time was not added to */
	bool is_on_cpu;			 /* it has come on a CPU, and has not stopped or slept */
	uint64_t sampled_run_ns;	 /* CPU time at the last sample */
	struct user_regs_struct sampled; /* its registers then */
	uint64_t told_run_ns;		 /* CPU time told in slices so far */
	uint64_t slice_ns;		 /* the open slice's beginning */
	uint64_t look_run_ns;		 /* CPU time when it was looked at, asleep */
	uint8_t look, waited;		 /* enum cxms_wait_kind: seen then; before the open slice */
	uint16_t cpu;
	bool is_seen;
	struct cxms_pt_stat seen; /* at the last tick; when asked to stop, just before that */
};

/** parse a stat line; false when it is none */
bool cxms_pt_parse_stat(const char *text, size_t len, struct cxms_pt_stat *out);
/** (re)open the files of thread pid, tid in /proc, as far as the limit of open files has room */
void cxms_pt_task_open(struct cxms_pt_task *t);
void cxms_pt_task_close(struct cxms_pt_task *t);
bool cxms_pt_task_stat(const struct cxms_pt_task *t, struct cxms_pt_stat *out);
bool cxms_pt_task_sched(const struct cxms_pt_task *t, struct cxms_pt_sched *out);
/** CPU time since its birth: exact while it is stopped or asleep */
bool cxms_pt_task_run_ns(const struct cxms_pt_task *t, uint64_t *out);

/**
 * cxms_pt_task_ran_ns() - CPU time since its last sample, of a thread that is ready to run
 * @now_ns: CLOCK_MONOTONIC
 *
 * Return: what the kernel has added, and since then the time that it is on a CPU, as far as may be:
 * where it came on one between two looks, from the first of them on
 */
uint64_t cxms_pt_task_ran_ns(struct cxms_pt_task *t, uint64_t now_ns,
			     const struct cxms_pt_sched *now);
/** cxms_pt_task_rests() - it sleeps, or stands still: it is off the CPU until it comes again */
void cxms_pt_task_rests(struct cxms_pt_task *t, uint64_t now_ns, const struct cxms_pt_sched *now);

/**
 * cxms_pt_task_seen() - the thread was looked at: open, extend or close its slice, and tell what
 * closed
 * @now_ns, @base_ns: CLOCK_MONOTONIC; events are relative to @base_ns
 * @run_ns: its CPU time
 * @is_on_cpu: it is likely on a CPU at this moment
 */
void cxms_pt_task_seen(struct cxms_pt_task *t, uint64_t now_ns, uint64_t base_ns, uint64_t run_ns,
		       char state, bool is_on_cpu, struct cxms_evq *out);
/** cxms_pt_task_look() - it sleeps, and had @run_ns of CPU time: for what? Return: it was looked
 * at, which happens once a wait */
bool cxms_pt_task_look(struct cxms_pt_task *t, uint64_t run_ns);
/** the thread ends (@end EXIT) or is let go (UNKNOWN): close its slice */
void cxms_pt_task_last_slice(struct cxms_pt_task *t, uint64_t now_ns, uint64_t base_ns,
			     uint64_t run_ns, uint8_t end, struct cxms_evq *out);

#endif

/* A recording in memory: threads, slices, samples with their pages and sites. */
#ifndef CXMS_SIM_RECORDING_H
#define CXMS_SIM_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "place/pages.h"
#include "sim/hw_events.h"
#include "trace/event.h"

struct cxms_err;
struct cxms_trace_reader;

#define CXMS_NO_THREAD UINT32_MAX
/* Times beyond 36 years are not those of a recording; sums of two stay within 64 bits. */
#define CXMS_RECORDING_MAX_NS (1ull << 60)

struct cxms_rec_thread {
	uint32_t pid, tid, parent; /* parent: index or CXMS_NO_THREAD */
	uint64_t birth_ns, exit_ns;
	uint64_t run_ns;     /* on CPU, from slices */
	uint64_t ready_ns;   /* as struct cxms_exit */
	uint32_t fault_page; /* of its last fault */
	bool exited;
};
struct cxms_rec_run {
	uint32_t thread;
	uint16_t cpu;
	uint8_t waited; /* enum cxms_wait_kind */
	bool preempted; /* left the CPU while it could have gone on */
	uint64_t start_ns, dur_ns;
};
/** struct cxms_rec_fault - a page was filled with zeros, or from another page */
struct cxms_rec_fault {
	uint64_t time_ns;
	uint32_t thread, page;
};
/* Beside enum cxms_sample_flag, in no file: its address is that of the kernel's zero page, which is
 * local whatever is placed where, and in a cache. */
#define CXMS_REC_ZERO_PAGE (1u << 15)
/** struct cxms_rec_sample - weight already scaled for loss */
struct cxms_rec_sample {
	uint64_t time_ns, addr;
	uint32_t thread, site, page;
	uint16_t flags, cpu;
	double weight_ns;
	uint64_t count; /* of the site's counting register, with CXMS_SAMPLE_COUNT */
	uint64_t outer; /* and of the loop around its loop, with CXMS_SAMPLE_OUTER */
};
/** struct cxms_rec_watch - as struct cxms_watch, set at set_ns */
struct cxms_rec_watch {
	uint64_t addr, set_ns, first_ns, reuse_ns, again_ns;
	uint32_t thread, site, page, stands;
	uint8_t uses;
};
struct cxms_rec_site {
	uint64_t ip, loop_ip;
	uint32_t pid;
	uint16_t flags, loop_insns;
	uint8_t kind;
	uint8_t count_reg, base, index, scale, turn_lines, access_bytes,
		outer_reg; /* as in struct cxms_site */
	int64_t disp, step, stride, outer_step;
	uint64_t ahead_ip;
	uint16_t ahead_bytes, outer_back, made_at;
	uint32_t function_off, object_off;
	size_t function, object; /* in names */
};

struct cxms_recording {
	struct cxms_facts facts;
	struct cxms_totals totals;
	bool cut;
	bool own_weights;     /* each sample's weight is its own: CPU time since the one before */
	uint64_t duration_ns; /* end of the last thread */
	struct cxms_rec_thread *thread;
	size_t n_thread, cap_thread, n_process;
	struct cxms_rec_run *run;
	size_t n_run, cap_run;
	struct cxms_rec_sample *sample;
	size_t n_sample, cap_sample;
	struct cxms_rec_fault *fault;
	size_t n_fault, cap_fault;
	struct cxms_rec_watch *watch;
	size_t n_watch, cap_watch;
	struct cxms_rec_site *site;
	size_t n_site, cap_site;
	struct cxms_buf names; /* of functions and objects of the sites, each with its NUL */
	uint64_t lost_samples, lost_faults;
	size_t n_outlived;  /* processes that still ran when watching ended, after the program */
	uint64_t ran_on_ns; /* from the end of the program to that of the last one watched */
	struct cxms_pages *pages;
	struct cxms_hw hw; /* what the hardware sampled: sample[] is made from it (hw_cells.h) */
};

/** cxms_recording_load() - read @r to its end. 0, -ENODATA (nothing ran), -ENOMEM, read errors */
int cxms_recording_load(struct cxms_trace_reader *r, struct cxms_recording *out,
			struct cxms_err *err);
void cxms_recording_fini(struct cxms_recording *rec);
/** struct cxms_rec_order - the samples by thread, then in their order */
struct cxms_rec_order {
	uint32_t *sample; /* numbers of samples */
	uint64_t *cpu_ns; /* time their thread had been on CPU: by its slices, or by weights that
			     are the samples' own; the time of day where neither tells */
	uint32_t *sleeps; /* how often it had left the CPU by itself, as far as slices tell */
};
/** 0 or -ENOMEM; always cxms_rec_order_fini() */
int cxms_rec_order_init(const struct cxms_recording *rec, struct cxms_rec_order *out);
void cxms_rec_order_fini(struct cxms_rec_order *o);
/** does the sample show a thread that waited for memory (address known or not)? */
bool cxms_rec_is_wait(const struct cxms_recording *rec, const struct cxms_rec_sample *s);
/** does it stand in the program's own code, and not right behind a page fault? */
bool cxms_rec_is_own(const struct cxms_rec_sample *s);
/** is it in code of which nothing is known: it could not be read or decoded? */
bool cxms_rec_is_unread(const struct cxms_recording *rec, const struct cxms_rec_sample *s);
/** cxms_rec_is_unseen() - did thread @thread end before a period of its own, its first sample? What
 * it did is not known */
bool cxms_rec_is_unseen(const struct cxms_recording *rec, uint32_t thread);

#endif

/* Inside of the sources that sample by perf (clock, pebs, ibs): their state, and the handling of
 * one record. */
#ifndef CXMS_SOURCE_CLOCK_PRIV_H
#define CXMS_SOURCE_CLOCK_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "source/analyze.h"
#include "source/area.h"
#include "source/child.h"
#include "source/clock_rings.h"
#include "source/evq.h"
#include "source/hw.h"
#include "source/idmap.h"
#include "source/meter.h"
#include "source/order.h"
#include "source/perf_rec.h"
#include "source/source.h"
#include "source/thin.h"
#include "source/wp_set.h"

/*
 * Cost of one sample in the program where it was not measured. Tried on a KVM guest (Cascade Lake,
 * Linux 6.18): 3.6 % at 100 us are 3.6 us a sample, 1.8 % at 250 us are 4.5 us; the larger is
 * taken.
 */
#define CXMS_ASSUMED_SAMPLE_COST_NS 4500ull
/* Of CPU-clock samples. Odd, so that it does not beat with the kernel's tick. */
#define CXMS_CLOCK_PERIOD_NS 199999ull

struct clock_proc {
	uint32_t pid;
	unsigned n_task;
};

struct clock_task {
	struct clock_proc *proc;
	uint32_t tid;
	uint16_t cpu;
	bool is_running;
	uint64_t since_ns;    /* of the slice it runs in */
	uint64_t sampled_ns;  /* its latest sample; kept where switches are not recorded */
	uint64_t left_ns;     /* it blocked; 0 = it did not */
	uint64_t look_ns;     /* it was looked at last, asleep */
	uint8_t look, waited; /* enum cxms_wait_kind: seen then; before the slice it runs in */
	uint64_t ready_ns; /* it had been ready to run without a CPU so long when that was read last
			    */
	uint64_t ready_from_ns;	     /* part of it: before the program began */
	uint64_t fault_ip, fault_ns; /* its latest page fault; 0 = none */
	unsigned loads_in_row;	     /* of faults that stand for many, the latest */
	uint64_t exec_ns;	     /* its latest exec; 0 = none */
	struct cxms_fault_runs runs;
	struct cxms_tls tls;
};

/* The ring of faults of a CPU, since its latest record. */
struct clock_loss {
	bool is_open;  /* it had no room: records of one in many tell of the faults behind it */
	uint64_t lost; /* that it had no room for */
	uint64_t told; /* of them, by records of one in many */
};

/* Times in here are CLOCK_MONOTONIC; rel_ns() makes them those of events. */
struct clock {
	struct cxms_child child;
	struct cxms_clock_rings rings;
	struct cxms_order order; /* a stream per ring, and one for AREA events */
	struct cxms_evq out;
	struct cxms_analyzer analyzer;
	struct cxms_areas areas;
	struct cxms_idmap procs; /* pid -> struct clock_proc */
	struct cxms_idmap tasks; /* tid -> struct clock_task */
	struct cxms_wp_set wp;	 /* zeroed: no watchpoints */
	struct cxms_thin thin;	 /* of page faults */
	struct clock_loss *loss; /* of CPU 0, 1, ... */
	unsigned n_loss;
	uint64_t told_faults;
	bool has_numa_hints; /* pages fault that are there, as the kernel balances them */
	struct cxms_meter meter;
	struct cxms_warnings *warnings;
	struct cxms_hw_plan hw; /* empty: clock */
	uint64_t period_ns, sample_cost_ns;
	uint64_t gap_ns; /* no switches are recorded: unsampled this long, a thread was off CPU; 0 =
			    they are */
	uint64_t base_ns;     /* the recording began */
	uint64_t cut_ns;      /* records before it are complete */
	uint64_t check_ns;    /* when the counters of hw are looked at next */
	uint64_t root_end_ns; /* last EXIT of the root, else when it was seen to have ended; 0 =
				 runs */
	uint64_t seen_end_ns; /* when the root was seen to have ended */
	bool is_live;	      /* the program runs here, and is no recording of perf */
	bool is_last_round, is_done;
	size_t look_pos;      /* in tasks: the next one to look at */
	size_t ready_pos;     /* in tasks: the next one to be asked how long it waited for CPUs */
	uint64_t ready_at_ns; /* when that is done next */
	uint64_t samples, lost_samples, lost_faults, throttled;
	uint64_t mem_samples, lost_mem;
};

/** CPU-clock samples by perf work here; 0 or -errno with the remedy */
int clock_probe(struct cxms_err *err);
/**
 * clock_watch() - start the program, held, and open the rings; c->hw is filled before
 * @budget_ppm: share of the CPU that CPU-clock samples may cost
 */
int clock_watch(struct cxms_source *s, uint32_t budget_ppm, struct cxms_err *err);
/** what one sample costs, measured or assumed */
uint64_t clock_cost_ns(const struct cxms_source *s);
int clock_start(struct cxms_source *s, struct cxms_err *err);
int clock_read(struct cxms_source *s, struct cxms_event *buf, size_t cap, size_t *n, bool *end,
	       struct cxms_err *err);
int clock_stop(struct cxms_source *s, struct cxms_totals *out, struct cxms_err *err);
void clock_close(struct cxms_source *s);

/** a sample of ring->hw, as events into c->out (clock_access.c) */
int clock_access(struct clock *c, const struct cxms_clock_ring *ring,
		 const struct perf_event_header *h, struct cxms_err *err);
/** records of @event that did not reach us */
void clock_lost(struct clock *c, enum cxms_perf_event event, uint64_t time_ns, uint32_t cpu,
		uint64_t count);
/** clock_loss_init() - for the CPUs of c->rings; 0 or -ENOMEM */
int clock_loss_init(struct clock *c, struct cxms_err *err);
/** of @cpu, borrowed; NULL: it has no ring of faults */
struct clock_loss *clock_loss_of(struct clock *c, uint32_t cpu);
/** behind its latest record a ring of faults had no room, for @count of them as far as is known */
void clock_loss_add(struct clock *c, uint64_t time_ns, uint32_t cpu, uint64_t count);
/** the ring has room again: what was not told is lost */
void clock_loss_settle(struct clock *c, uint64_t time_ns, uint32_t cpu);
/** nothing comes any more: what is lost of page faults, in whichever ring */
void clock_loss_end(struct clock *c, uint64_t time_ns);
/** accesses that did not reach us */
void clock_lost_accesses(struct clock *c, uint64_t time_ns, uint32_t cpu, uint64_t count);
/** one record of an event of kind @event, as events into c->out; 0 or -ENOMEM */
int clock_apply(struct clock *c, enum cxms_perf_event event, const struct cxms_perf_rec *r,
		struct cxms_err *err);
/** the record @h of ring @ring, likewise */
int clock_handle(struct clock *c, const struct cxms_clock_ring *ring,
		 const struct perf_event_header *h, struct cxms_err *err);
/** a task that ran before any record could tell; NULL without memory */
struct clock_task *clock_task_get(struct clock *c, uint32_t pid, uint32_t tid);
/** close the slice of one that runs, or of all that do */
void clock_close_slice(struct clock *c, struct clock_task *t, uint64_t now_ns);
/** look at some of those that sleep, for what they wait */
void clock_look_at_sleepers(struct clock *c);
/** ask some of those that live how long they waited for a CPU */
void clock_look_at_ready(struct clock *c);
/** the program was seen to have ended at @now_ns: its first thread too, where no record told of it
 */
void clock_end_root(struct clock *c, uint64_t now_ns);
/** close the slices of tasks that still run */
void clock_close_slices(struct clock *c, uint64_t now_ns);
void clock_tasks_fini(struct clock *c);
uint64_t clock_rel_ns(const struct clock *c, uint64_t time_ns);

#endif

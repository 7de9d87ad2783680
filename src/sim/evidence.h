/* What the samples say of each instruction: how much of its waiting is memory, and in which code
 * memory time lies. */
#ifndef CXMS_SIM_EVIDENCE_H
#define CXMS_SIM_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/demand.h"
#include "core/judge.h"
#include "core/stair.h"
#include "core/turns.h"

struct cxms_cells;
struct cxms_company;
struct cxms_err;
struct cxms_recording;
struct cxms_reuse;

#define CXMS_NO_GRAIN UINT32_MAX

/** struct cxms_group - one instruction on one memory area */
struct cxms_group {
	uint32_t site, area;
	uint32_t hw; /* sampled by the hardware: its stretch and term (hw_cells.h) */
	struct cxms_share share;
	double stall_ns;	   /* observed, with address */
	double lines_per_stall_ns; /* of a stream; 0 = none (streams.h) */
	double bytes_per_ns;	   /* of a stream, signed */
	double bytes_per_line;	   /* of a stream: from one line to the next */
	/* Of a stream that goes where another of its loop has been: bytes of lines that come
	 * between the two, and the share of its way that is the other's as well; 0 = it leads. */
	double behind_bytes, behind_ratio;
	/* Down a column of a matrix: bytes to the next column, less than a line, 0 = it is no such
	 * walk; bytes of a full cache between the two uses of a line; and what of its waiting comes
	 * once a line, by span, from cxms_columns_judge() on with the other waits for memory
	 * (columns.h). */
	unsigned column_step;
	double column_bytes, column_line[CXMS_SPAN_COUNT];
	double sweep_bytes; /* between two sweeps of a line's columns; 0 = not known */
	/* Of a walk that uses each line several times: bytes from one use to the next, else 0; and
	 * what of its waiting on memory, by span, comes once a line (linewaits.h), else 1 each. */
	unsigned walk_step;
	double at_line[CXMS_SPAN_COUNT];
	bool walk_parts; /* it goes through parts of an array, each again in parts of its own */
	/* Of what else the loop of such a walk uses: share of its waiting further from the walk
	 * than the cache holds, at the low end and in the middle; 1 = there is none. */
	double apart[CXMS_SPAN_HI];
	double full[CXMS_SPAN_COUNT]; /* how full the miss registers are while it runs, 0 to 1 */
	/* of a chain whose turns are counted: L_obs of its hops that miss, by span; 0 = not known
	 */
	double hop_ps[CXMS_SPAN_COUNT];
	bool hop_sure; /* no other chain of its loop overlaps with it, and it is no less than a miss
			*/
	double runs_per_stall_ns; /* executions, at most one a turn of its loop; 0 = not known */
	double reach_bytes; /* that its page walks are those of a chase over (reach.h); 0 = its area
			     */
};

/** struct cxms_grain - what a nanosecond of a group's samples on base or huge pages stands for */
struct cxms_grain {
	double stall_ps[CXMS_SPAN_COUNT]; /* on memory */
	double waits[CXMS_SPAN_COUNT];	  /* exposed */
	double lines[CXMS_SPAN_COUNT];	  /* filled, when known */
	double written[CXMS_SPAN_COUNT];  /* lines written back, when known */
	double ahead[CXMS_SPAN_COUNT];	  /* of lines: fetched ahead, where not all are */
	double seen_ps;			  /* waits (middle) x L_obs */
	bool known; /* lines is known: loop-carried address, a stream, or executions counted */
	bool prefetched;
	bool store; /* lines are written back as well */
	bool past;  /* or only written: stored past the caches */
};

/** struct cxms_between - the work between two misses of a site */
struct cxms_between {
	unsigned insns; /* 0 = in no known loop */
	double uop_ps;	/* measured; 0 = not known */
	double work_ns; /* of all turns of its loop, without the waits for memory; 0 = not known */
	double loop_per_stall; /* time of its loop over all waiting in that; of counted loops */
};

struct cxms_evidence {
	struct cxms_stair stair;
	size_t n_group;
	struct cxms_group *group;
	uint32_t *grain_of_sample;    /* n_sample: 2 x group + huge; CXMS_NO_GRAIN: no wait, or no
					 address */
	struct cxms_grain *grain;     /* [group][huge] */
	struct cxms_turns *turns;     /* [site] of the loop around it (loops.h) */
	struct cxms_between *between; /* [site] */
	uint32_t *block_of_site;      /* number of the block of code a site lies in, below n_site */
	double *active_ns;	      /* by cell: time in code that waits for memory */
	double floating_share[CXMS_SPAN_COUNT]; /* memory share of waits without address: the mean
						   of the others */
	double unread_share[CXMS_SPAN_COUNT];	/* memory share of time in code that was not read */
	double open_lines; /* most lines in flight on the recording machine, where nothing else
			      tells: its miss registers, or what was read of its memory */
	double least_lines, read_lines; /* filled at one a wait (middle); read; 0 = not counted */
	double wait_ns, known_ns;	/* all memory waits; those with an address */
	double unread_ns;		/* in code that was not read */
	size_t n_company;
	struct cxms_company *company; /* [n_company] loops whose loads are counted (company.h) */
	uint32_t *company_of_group;   /* [group] CXMS_NO_GRAIN: none */
	struct cxms_reuse *reuse; /* [CXMS_SPAN_COUNT] of the judgement; NULL = no words watched */
};

/** share of its waiting that uses memory at all, at an end of the span */
double cxms_group_share(const struct cxms_group *g, enum cxms_span end);
/** share of its waiting that is a wait for memory: of these what is not spread over a line's uses;
 * above 1 where samples behind it count (linewaits.h) */
double cxms_group_memory(const struct cxms_group *g, enum cxms_span end);

/** cxms_grain_of() - a wait of which @share (by span end) is memory */
struct cxms_grain cxms_grain_of(const double share[CXMS_SPAN_COUNT], const struct cxms_wait *wait);
/*
 * Reorder buffer of the recording machine's cores: Golden Cove. Skylake has 224, Zen 3 to 5 have
 * 256, 320 and 448. It bounds the hidden part of a wait in loops of more instructions than that.
 */
#define CXMS_ASSUMED_RECORDED_ROB 512u

/** cxms_evidence_build() - judge every group. 0 or -ENOMEM */
int cxms_evidence_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
			uint64_t llc_bytes, struct cxms_evidence *out, struct cxms_err *err);
void cxms_evidence_fini(struct cxms_evidence *e);

#endif

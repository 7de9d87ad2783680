/*
 * What the samples say of each instruction: how much of its waiting is for memory, how many waits
 * and lines that stands for, and in which code memory time lies.
 */
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

/** struct cxms_group - one instruction on one memory area; arrays are by end of the span */
struct cxms_group {
	uint32_t site, area;
	uint32_t hw; /* where the hardware sampled: number of stretch and term (hw_cells.h) */
	struct cxms_share share;
	double stall_ns; /* waiting that was sampled with an address */

	/* A stream (streams.h): its address moves evenly with time. */
	double lines_per_stall_ns; /* 0 = it is none */
	double bytes_per_ns;	   /* signed */
	double bytes_per_line;	   /* how far it moves from one line to the next */
	/* It goes where another stream of its loop has been: bytes of lines that come between the
	 * two, and the share of its way that is the other's as well. 0 = it leads. */
	double behind_bytes, behind_ratio;

	/* A walk down the columns of a matrix (columns.h). */
	unsigned column_step; /* bytes to the next column, less than a line; 0 = it is none */
	double column_bytes;  /* of other lines between two uses of a line, as for a full cache */
	/* Share of its waiting that comes once a line; cxms_columns_judge() adds its other waits
	 * for memory. */
	double column_line[CXMS_SPAN_COUNT];
	double sweep_bytes; /* the same between two sweeps of a line's columns; 0 = not known */

	/* A walk that uses each line several times (linewaits.h). */
	unsigned walk_step;		 /* bytes from one use to the next; 0 = it is none */
	unsigned walk_run;		 /* bytes of a run, where a line has several */
	double at_line[CXMS_SPAN_COUNT]; /* share of its waiting for memory that comes once a
					    line; no such walk: 1 */
	bool walk_parts; /* it goes through parts of an array, each again in parts of its own */
	/* Of what else the loop of such a walk uses: share of the waiting that is further from the
	 * walk than the cache holds, low end and middle; 1 = there is nothing else. */
	double apart[CXMS_SPAN_HI];
	double full[CXMS_SPAN_COUNT]; /* how full the miss registers are meanwhile, 0 .. 1 */

	/* A chain whose turns are counted: L_obs of its hops that miss; 0 = not known. Sure: no
	 * other chain of its loop overlaps with it, and it is not shorter than a miss. */
	double hop_ps[CXMS_SPAN_COUNT];
	bool hop_sure;

	double runs_per_stall_ns; /* executions, at most one a turn of its loop; 0 = not known */
	double reach_bytes; /* its page walks are those of a chase over so much; 0 = its area */
};

/** struct cxms_grain - what a nanosecond of sampled waiting of a group, on base or on huge pages,
 * stands for */
struct cxms_grain {
	double stall_ps[CXMS_SPAN_COUNT]; /* on memory */
	double waits[CXMS_SPAN_COUNT];	  /* exposed */
	double lines[CXMS_SPAN_COUNT];	  /* filled, where known */
	double written[CXMS_SPAN_COUNT];  /* lines written back, where known */
	double ahead[CXMS_SPAN_COUNT]; /* part of lines that is fetched ahead, where not all is */
	double seen_ps;		       /* waits (middle) x L_obs */
	bool known;	 /* lines is: a loop-carried address, a stream, or counted executions */
	bool prefetched; /* all lines are fetched ahead */
	bool store;	 /* lines are written back as well */
	bool past;	 /* lines are only written: stored past the caches */
};

/** struct cxms_between - the work between two misses of a site */
struct cxms_between {
	unsigned insns; /* 0 = in no known loop */
	double uop_ps;	/* measured; 0 = not known */
	double work_ns; /* time of all turns of its loop without waits for memory; 0 = not known */
	/* time over all waiting of a loop whose lines are asked for ahead (ahead.h); 0 = none */
	double ahead_per_stall;
	double loop_per_stall; /* its loop's time over all waiting in the loop; of counted loops */
};

struct cxms_evidence {
	struct cxms_stair stair;
	size_t n_group;
	struct cxms_group *group;
	/* [sample] 2 x group + huge; CXMS_NO_GRAIN: no wait, or no address */
	uint32_t *grain_of_sample;
	struct cxms_grain *grain;     /* [group][huge] */
	struct cxms_turns *turns;     /* [site] of the loop around it (loops.h) */
	struct cxms_between *between; /* [site] */
	uint32_t *block_of_site;      /* number of the block of code a site lies in, below n_site */
	double *active_ns;	      /* by cell: time in code that waits for memory */
	/* memory share of waits without an address (the mean of the others), and of time in code
	 * that could not be read */
	double floating_share[CXMS_SPAN_COUNT], unread_share[CXMS_SPAN_COUNT];
	/* most lines in flight on the recording machine, where nothing else tells: its miss
	 * registers, or what was read of its memory (open_lines.h) */
	double open_lines;
	/* lines filled if each wait took one (middle), and lines that the machine's memory was
	 * asked for; 0 = not counted */
	double least_lines, read_lines;
	double wait_ns, known_ns; /* all waits for memory; those with an address */
	double unread_ns;	  /* time in code that could not be read */
	size_t n_company;
	struct cxms_company *company; /* [n_company] loops whose loads are counted (company.h) */
	uint32_t *company_of_group;   /* [group] CXMS_NO_GRAIN = none */
	struct cxms_reuse *reuse;     /* [CXMS_SPAN_COUNT] of the judgement, for watched words; else
					 NULL */
};

/** cxms_group_share() - share of its waiting that is at uses of memory, at an end of the span */
double cxms_group_share(const struct cxms_group *g, enum cxms_span end);
/** cxms_group_memory() - share of its waiting that waits for lines to come: of the above the part
 * that comes once a line. More than 1 where samples of what runs behind count (linewaits.h) */
double cxms_group_memory(const struct cxms_group *g, enum cxms_span end);

/** cxms_grain_of() - of waiting of which @share is for memory, by end of the span */
struct cxms_grain cxms_grain_of(const double share[CXMS_SPAN_COUNT], const struct cxms_wait *wait);

/*
 * Reorder buffer of the recording machine's cores: Golden Cove. Skylake has 224, Zen 3 to 5 have
 * 256, 320 and 448. It bounds the hidden part of a wait in loops of more instructions than that.
 */
#define CXMS_ASSUMED_RECORDED_ROB 512u

/**
 * cxms_evidence_build() - judge every group
 * @llc_bytes: size of the cache to assume, 0 = as measured (cxms_stair_init())
 * Return: 0 or -ENOMEM. on failure nothing is left. Owner: cxms_evidence_fini()
 */
int cxms_evidence_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
			uint64_t llc_bytes, struct cxms_evidence *out, struct cxms_err *err);
void cxms_evidence_fini(struct cxms_evidence *e);

#endif

/* DRAM or cache: what share of each group's waiting is memory, from the lines it was seen to wait
 * for. */
#ifndef CXMS_CORE_JUDGE_H
#define CXMS_CORE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_reuse;
struct cxms_stair;

/** struct cxms_judge_sample - one wait, in order of time */
struct cxms_judge_sample {
	uint64_t line, time_ns;
	uint32_t group;
	double weight_ns;
};

/** struct cxms_share - share of a group's waiting time that is memory, with bounds */
struct cxms_share {
	double lo, mid, hi;
	double footprint_bytes; /* of as many lines, all alike, as would collide as often */
};

/** struct cxms_judge_group - one instruction on one memory area */
struct cxms_judge_group {
	uint32_t area;
	double lines_per_stall_ns; /* of a stream; 0 = its uses are its waits */
	bool is_walk;		   /* its address comes from its own last wait */
	struct cxms_share share;   /* out */
};

struct cxms_judge {
	const struct cxms_stair *stair;
	const struct cxms_judge_sample *sample;
	size_t n_sample;
	struct cxms_judge_group *group;
	size_t n_group;
	const double *touched_bytes; /* by area: upper bound of what its groups reach */
	size_t n_area;
	uint64_t window_ns; /* the shortest lag looked at; > 0 */
	/* out: of the whole run, [3] as of enum cxms_span: least memory, middle, most; NULL = not
	 * wanted */
	struct cxms_reuse *reuse;
};

/**
 * cxms_judge() - fill the shares
 *
 * Each area is described by a mixture of classes of lines (mixture.h), each group by one that takes
 * its area's for granted where it shows little itself. Counts are taken at the longest of four
 * lags (window, 8 and 64 windows, whole run) at which lines meet as often as at any shorter one: a
 * program that moves through its memory meets more often at short lags. One that goes round meets
 * less often there; the shortage is the share of uses that come in turn. All classes then compete
 * for one cache (reuse.h), in each quarter of the run apart. Where several groups reach an area,
 * a line's waiting is that of all of them, as far as they meet on the same lines. Bounds: the least
 * and the largest share that the counts allow, a cache as much larger and smaller as the staircase
 * leaves open, and uses at random and in turn as far as the lags leave it open. Return: 0 or
 * -ENOMEM
 */
int cxms_judge(const struct cxms_judge *in);

#endif

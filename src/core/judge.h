/*
 * Memory or cache: which share of the waiting was for memory, judged by how often the sampled lines
 * repeat. Why this way, and how good it is: adr/0003.
 */
#ifndef CXMS_CORE_JUDGE_H
#define CXMS_CORE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_reuse;
struct cxms_stair;

/** struct cxms_judge_sample - one sampled wait */
struct cxms_judge_sample {
	uint64_t line, time_ns; /* line: address / 64 */
	uint32_t group;
	double weight_ns; /* waiting time it stands for */
};

/** struct cxms_share - share of a group's waiting time that is memory, with bounds */
struct cxms_share {
	double lo, mid, hi;
	double footprint_bytes; /* of a set of lines, all used alike, that would repeat as often */
};

/** struct cxms_judge_group - one instruction on one memory area */
struct cxms_judge_group {
	uint32_t area;
	double lines_per_stall_ns; /* of a stream: lines it uses; 0 = it uses what it waits for */
	bool is_walk;		   /* its address comes from its own last wait */
	struct cxms_share share;   /* out */
};

struct cxms_judge {
	const struct cxms_stair *stair;
	const struct cxms_judge_sample *sample; /* in order of time */
	size_t n_sample;
	struct cxms_judge_group *group;
	size_t n_group;
	const double *touched_bytes; /* by area: its groups reach no more than that */
	size_t n_area;
	uint64_t window_ns; /* the shortest window in which lines are counted; > 0 */
	/* out: the cache in the whole run, [CXMS_SPAN_COUNT]: least memory, middle, most; NULL =
	 * not wanted */
	struct cxms_reuse *reuse;
};

/**
 * cxms_judge() - the share of each group's waiting that is memory
 *
 * 1. The lines of each area are described as a mixture of classes, by how often a line is waited
 *    for (mixture.h). A group has a mixture of its own, which leans on its area's where the group
 *    was seen little.
 * 2. Lines are counted within windows of one length: the longest of four (window_ns, 8 and 64 times
 *    that, the whole run) in which they repeat as often as in any shorter one. A program that moves
 *    on through its memory repeats more in short windows. One that goes round in it repeats less
 *    there, and how much less tells which share of the uses comes in turn instead of at random.
 * 3. All classes compete for one cache (reuse.h), in each quarter of the run by itself. Where
 *    several groups wait for the same lines, the waiting for a line is that of all of them.
 *
 * Bounds: the least and the most that the counts allow; a cache smaller and larger by what the
 * staircase leaves open; uses at random and in turn, as far as step 2 leaves that open. Mixtures
 * with little memory are judged by the cache that they leave together (adr/0076).
 * Return: 0 or -ENOMEM
 */
int cxms_judge(const struct cxms_judge *in);

#endif

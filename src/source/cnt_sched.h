/* Which events a box counts at the same time: wishes to groups, and to counters within each. */
#ifndef CXMS_SOURCE_CNT_SCHED_H
#define CXMS_SOURCE_CNT_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;

#define CXMS_CNT_MAX	   64u /* events of one schedule; counters of one box */
#define CXMS_CNT_REG_KINDS 4u

/** struct cxms_cnt_want - one event and where it can be counted */
struct cxms_cnt_want {
	const char *name;
	uint64_t counters;  /* bit i: on counter i of the box */
	uint8_t reg;	    /* kind of extra register it programs (filter, off-core response), 1 ..
			       CXMS_CNT_REG_KINDS; 0 = none */
	uint64_t reg_value; /* events that program the same value share a register */
	uint32_t bundle;    /* events of one bundle are counted at the same time; 0 = alone */
};

/** struct cxms_cnt_box - what is free for us; general and fixed counters alike */
struct cxms_cnt_box {
	const char *name;
	uint64_t counters;		   /* bit i: counter i is there */
	uint8_t n_reg[CXMS_CNT_REG_KINDS]; /* registers of kind 1 .. */
};

struct cxms_cnt_slot {
	uint16_t group;
	uint8_t counter;
};

/**
 * cxms_cnt_schedule() - the fewest groups, each of which the box counts at once
 * @want:      @n of them, at most CXMS_CNT_MAX
 * @multiplex: more than one group is allowed; groups then count in turns, and are scaled
 * @slot:      [n] out, also *n_group; untouched on error
 *
 * A group fits when its events can be matched to different counters and its registers suffice.
 * The fewest: found by search, bundles with the least choice first. A search of over 100000 steps
 * is cut, and one group more is tried.
 * Return: 0; -ENOSPC (the error names the events that compete, and the counters), -E2BIG
 * Context: pure
 */
int cxms_cnt_schedule(const struct cxms_cnt_box *box, const struct cxms_cnt_want *want, size_t n,
		      bool multiplex, struct cxms_cnt_slot *slot, unsigned *n_group,
		      struct cxms_err *err);

#endif

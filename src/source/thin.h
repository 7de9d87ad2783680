/*
 * Which page faults are recorded: each of them, or, where they follow one another along the
 * addresses, one in many, between which the others are known (adr/0055).
 */
#ifndef CXMS_SOURCE_THIN_H
#define CXMS_SOURCE_THIN_H

#include <stdbool.h>
#include <stdint.h>

/* Of so many faults one is recorded. A prime: programs that fill a few arrays side by side show
 * each of them. */
#define CXMS_THIN_PERIOD 31u
/* Arrays that a thread is followed in side by side. */
#define CXMS_THIN_RUNS 4u
/* So many faults decide; recording them costs 2.7 ms. What is lost where a run ends all at once is
 * a small part of so many. */
#define CXMS_THIN_WINDOW 4096u
/* So many steps before the end of its mapping, where a run will end, each is recorded again. */
#define CXMS_THIN_AHEAD 2048u

/** struct cxms_fault_run - pages that a thread touched one after the other */
struct cxms_fault_run {
	uint64_t page, time_ns; /* the latest, and when */
	int64_t step;		/* pages from one to the next; 0 = not known yet */
	bool is_behind;		/* pages after the latest may have been touched unrecorded */
};
/** struct cxms_fault_runs - of one thread; zeroed is none */
struct cxms_fault_runs {
	struct cxms_fault_run run[CXMS_THIN_RUNS];
	unsigned n;
};
/** struct cxms_thin_fault - a recorded fault */
struct cxms_thin_fault {
	uint64_t page, time_ns;
	uint64_t first_page, end_page; /* of the mapping it lies in; none known: both 0 */
	bool is_one_of_many;
};
/** struct cxms_thin_gap - faults before the recorded one that were not: page + step, page + 2 step,
 * ... */
struct cxms_thin_gap {
	uint64_t page, time_ns; /* of the one before them */
	int64_t step;
	uint32_t n;    /* 0 = none */
	uint32_t lost; /* that could not be told where; in place of n */
	bool is_known; /* the recorded fault itself was told before */
};
/** struct cxms_thin - zeroed: each is recorded */
struct cxms_thin {
	bool is_thin, wants_thin;
	uint64_t from_ns, to_ns;  /* one in many is told of those in between */
	uint64_t since_ns;	  /* of the window */
	unsigned faults, in_runs; /* recorded in it; of them where a run led */
};

/** cxms_thin_follow() - what a fault of the thread of @runs tells of those before it */
struct cxms_thin_gap cxms_thin_follow(struct cxms_thin *t, struct cxms_fault_runs *runs,
				      const struct cxms_thin_fault *f);
/** cxms_thin_is_told() - whether a record of one in many counts: each was not recorded then */
bool cxms_thin_is_told(const struct cxms_thin *t, uint64_t time_ns);
/**
 * cxms_thin_round() - called now and then: where faults have become rare each is wanted again
 * @upto_ns: faults before it have been followed. It may be long ago: until what came since the
 * latest switch has been seen, nothing is known of it
 */
void cxms_thin_round(struct cxms_thin *t, uint64_t upto_ns);
/** cxms_thin_switch() - from @now_ns on it is as was wanted */
void cxms_thin_switch(struct cxms_thin *t, uint64_t now_ns);

#endif

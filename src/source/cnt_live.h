/* Counters that run: opened in groups, read as what each counted since the last look. */
#ifndef CXMS_SOURCE_CNT_LIVE_H
#define CXMS_SOURCE_CNT_LIVE_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/event.h"

struct cxms_err;

#define CXMS_CNT_NAME_MAX 96

/** struct cxms_cnt_event - one counter as perf wants it; a value */
struct cxms_cnt_event {
	char name[CXMS_CNT_NAME_MAX];
	uint32_t type;
	uint64_t config[3];
	uint32_t group; /* those of one number, which follow one another, are counted at once */
	uint8_t scope;	/* enum cxms_counter_scope: THREAD the program, BOX a unit */
	uint8_t unit;	/* enum cxms_counter_unit */
	int cpu;	/* BOX: the CPU that stands for the unit */
	uint32_t box;	/* BOX: number of the unit */
};

struct cxms_cnt_live;

/**
 * cxms_cnt_live_open() - open @n counters
 * @pid: program that those of scope THREAD count, in user code, its threads and children included;
 *	 it starts them with its exec. 0: this thread alone, started by cxms_cnt_live_enable().
 *	 Those of scope BOX count at once, whoever runs
 * Return: 0, or the error of cxms_perf_open() with the event's name in front; nothing is left open
 */
int cxms_cnt_live_open(const struct cxms_cnt_event *ev, size_t n, pid_t pid,
		       struct cxms_cnt_live **out, struct cxms_err *err);
/** accepts NULL */
void cxms_cnt_live_free(struct cxms_cnt_live *c);
size_t cxms_cnt_live_count(const struct cxms_cnt_live *c);
/** definitions as events, cxms_cnt_live_count() of them; @first: number of the first counter; names
 * are borrowed from @c */
void cxms_cnt_live_define(const struct cxms_cnt_live *c, uint32_t first, struct cxms_event *out);
/**
 * cxms_cnt_live_read() - what each counted since the last call, or the opening
 * @now_ns: time of the recording, of the events; @out: cxms_cnt_live_count(), *n of them filled
 * A counter that the kernel gives no value of is left out.
 */
void cxms_cnt_live_read(struct cxms_cnt_live *c, uint64_t now_ns, uint32_t first,
			struct cxms_event *out, size_t *n);
/** for counters of this thread: 0 or -errno */
int cxms_cnt_live_enable(struct cxms_cnt_live *c);
int cxms_cnt_live_disable(struct cxms_cnt_live *c);
/** the attributes of one counter; @leads: it is the first of its group; pure */
void cxms_cnt_attr(const struct cxms_cnt_event *ev, bool leads, bool of_program,
		   struct perf_event_attr *out);

#endif

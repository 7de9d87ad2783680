/* Which counters a machine can give: those of its cores that the models use, and those of its
 * uncore units. */
#ifndef CXMS_SOURCE_CNT_SET_H
#define CXMS_SOURCE_CNT_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "source/cnt_live.h"

struct cxms_buf;
struct cxms_err;

#define CXMS_CNT_SET_MAX 8192u /* 256 CHAs of a large server, nine counters each, and the rest */

/** struct cxms_cnt_set - counters to open; zeroed is empty */
struct cxms_cnt_set {
	size_t n;
	struct cxms_cnt_event *ev;
	unsigned n_group; /* of the cores; over 1: counted in turns */
};
void cxms_cnt_set_fini(struct cxms_cnt_set *s);

/**
 * cxms_cnt_set_core() - what the models use of the cores' counters
 * @taken: counters that sampling holds already
 * @turns: more groups than fit at once, each counted in turns; else only what fits together
 * @left:  names of events that did not fit or are unknown here, and why, one line each; NULL
 * Each group holds cycles and instructions, which have counters of their own.
 * Return: 0; -ENOTSUP (no PMU of the cores that a table knows), -ENOMEM
 */
int cxms_cnt_set_core(unsigned taken, bool turns, struct cxms_cnt_set *out, struct cxms_buf *left,
		      struct cxms_err *err);
/**
 * cxms_cnt_set_uncore() - reads, writes and requests of CHAs, memory controllers and CXL ports
 * @turns: as of cxms_cnt_set_core()
 * Each unit on the CPU that its cpumask names. What a unit cannot count at once (without @turns),
 * or does not fit the fields of its format/, is left out and named in @left for the first unit of a
 * kind, never cut. Return: 0; -ENOTSUP (no unit of a known kind is there), -ENOMEM
 */
int cxms_cnt_set_uncore(bool turns, struct cxms_cnt_set *out, struct cxms_buf *left,
			struct cxms_err *err);

#endif

/*
 * Walks down the columns of a matrix. A line is fetched for one column, and the next columns use it
 * again, if it is still there. Why: adr/0060.
 */
#ifndef CXMS_SIM_COLUMNS_H
#define CXMS_SIM_COLUMNS_H

struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_columns_find() - find the groups that walk down columns; set their column_step,
 * column_bytes, column_line, sweep_bytes and reach_bytes. Comes behind the turns and blocks, before
 * the streams
 *
 * Formula: with k turns of the inner loop and o of the outer one, by their counting registers, an
 *   address that both move evenly is a = a0 + s k + e o. Three samples tell s and e; a quarter of
 *   all threes must agree. Where the code tells s, and it is 512 bytes or more, two samples tell e
 *   modulo s, and a quarter of all pairs must agree.
 *   A run of the inner loop begins a whole number of turns from where the one before began, so the
 *   next column lies d = |e mod s| bytes further. It is a walk down columns where s is a line or
 *   more and d less than a line.
 *   Between two uses of a line come N others, N the turns of a run (where the loops do not tell it,
 *   the range of the addresses over s), and what else the loop uses meanwhile. Where a power of two
 *   p (up to a page, as frames lie anywhere) divides s, the lines fall on one in p/64 sets of a
 *   cache: N of them take as much room as N p/64 lines that lie anywhere.
 * Return: 0 or -ENOMEM
 */
int cxms_columns_find(const struct cxms_recording *rec, struct cxms_evidence *ev,
		      struct cxms_err *err);

/**
 * cxms_columns_judge() - lower the memory shares of those groups, after cxms_judge()
 *
 * Formula: columns lie d bytes apart, so a line is new once in 64/d columns. The other uses miss by
 *   M, what the staircase says for column_bytes: m = d/64 + (1 - d/64) M.
 *   x is the part of the waiting that comes once a line: what the places of the samples in the line
 *   tell (core/linewait.h), and as far as the miss registers are full also the other time of a
 *   column of new lines. Of the rest ts(M) = M L_mem/(M L_mem + (1 - M) L_llc) is memory.
 *   Then share x ts(m) is what lines are counted from, at_line = (x + (1 - x) ts(M))/ts(m), and
 *   column_line = x + (1 - x) ts(M). At the high end all uses miss, and column_line is 1.
 *   Where the samples show sweeps through whole rows a new line was last used one sweep ago. Then
 * at least as much of its wait is memory as the staircase says for the range of the addresses, and
 *   share.hi is no less.
 */
void cxms_columns_judge(struct cxms_evidence *ev);

#endif

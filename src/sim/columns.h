/* Walks down the columns of a matrix: the next columns use the lines again. */
#ifndef CXMS_SIM_COLUMNS_H
#define CXMS_SIM_COLUMNS_H

struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_columns_find() - set column_step, column_bytes, column_line, sweep_bytes and reach_bytes of
 * the groups that walk down columns. After the turns and the blocks, before the streams
 *
 * Formula: with k the turns of the inner loop and o those of the outer one by their counting
 *   registers, an address that both move evenly is a = a0 + s k + e o; three samples tell s and e,
 *   and a quarter of all such must agree. Where the code tells s, and it is 512 bytes or more, two
 *   samples tell e modulo s, and of these a quarter. A run begins a whole number of turns from
 * where the one before did, so the next column lies |e mod s| bytes further. It is a column where a
 * turn goes on by a line at least and the next column by less than one. Between two uses of a line
 * come N lines, N the turns of a run (where the loops do not tell, the range of the addresses over
 * s), and what the others of the loop bring in them. Steps by a power of two p (below a page, as
 * frames lie anywhere) use one in p/64 sets of a cache, which so holds N p bytes as well as it
 * would N lines p/64 times as many. 0 or -ENOMEM
 */
int cxms_columns_find(const struct cxms_recording *rec, struct cxms_evidence *ev,
		      struct cxms_err *err);

/**
 * cxms_columns_judge() - lower the memory shares of those groups, after cxms_judge()
 *
 * Formula: each line is new once in 64/d columns d bytes apart, and after that misses as the
 *   staircase says for column_bytes: m = d/64 + (1 - d/64) M. Which part x of the waiting comes
 * once a line the samples' places in the line tell (core/linewait.h), and the other time of a
 * column of new lines as far as the miss registers are full while it runs; of the rest the share
 * ts(M) = M L_mem/(M L_mem + (1 - M) L_llc) is memory. share x ts(m), from which lines are counted,
 * and at_line = (x + (1 - x) ts(M))/ts(m). At the high end all uses miss.
 * Where the samples show sweeps through whole rows a new line was last used a sweep ago: as much of
 * its wait is memory, at least, as the staircase says for the range of the addresses, and share.hi
 * is no less. column_line becomes x + (1 - x) ts(M), all at the high end.
 */
void cxms_columns_judge(struct cxms_evidence *ev);

#endif

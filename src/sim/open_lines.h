/* How many lines a thread had in flight at most, by what the machine read of its memory. */
#ifndef CXMS_SIM_OPEN_LINES_H
#define CXMS_SIM_OPEN_LINES_H

struct cxms_cells;
struct cxms_err;
struct cxms_evidence;
struct cxms_recording;

/**
 * cxms_open_lines() - set ev->open_lines, least_lines and read_lines, when all else is known
 * The miss registers (CXMS_ASSUMED_RECORDED_MSHRS); where memory controllers or Intel PCM were
 * counted, as many as let the program fill no more lines than the machine read (middle). That is
 * an upper bound: others read too. 0 or -ENOMEM
 */
int cxms_open_lines(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    struct cxms_evidence *ev, struct cxms_err *err);

#endif

/*
 * Figures without a source of the recorder of every access, which reports name. They have no
 * suffix, so that a report can print them.
 */
#ifndef CXMS_CORE_RECORDER_ASSUMED_H
#define CXMS_CORE_RECORDER_ASSUMED_H

/* Instructions walked behind a mispredicted branch that waits for no miss: it is done after a
 * dozen cycles. */
#define CXMS_ASSUMED_SHORT_WALK 16
/* Uops of an instruction, in the longer walk behind a branch that waits for a miss: it lasts for as
 * many as the reorder buffer holds. */
#define CXMS_ASSUMED_WALK_UOPS 2
/* Long walks behind one branch that brought nothing, one after the other, until only one in so many
 * of them is still walked to its end. */
#define CXMS_ASSUMED_BARREN	8
#define CXMS_ASSUMED_BARREN_ONE 16
/* So many mispredicted branches later what was asked for before them is there. Each takes its own
 * time, that of the front end, and that of what runs between: 25 cycles, 800 for all of them. */
#define CXMS_ASSUMED_ARRIVED 32
/* Lines of non-temporal stores that a thread has open: they are put together in the line fill
 * buffers, 10 to 16 of them in cores of the last ten years, which loads use too. */
#define CXMS_ASSUMED_NT_OPEN 10

#endif

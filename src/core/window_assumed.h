/* Figures of the window that no source gives; tests/data/gem5 has what they are worth. Cycles if
 * nothing else is said. */
#ifndef CXMS_CORE_WINDOW_ASSUMED_H
#define CXMS_CORE_WINDOW_ASSUMED_H

/* From dispatch to the earliest issue: the scheduler's own stages. */
#define CXMS_ASSUMED_ISSUE_CYC 2
/* From completion to retirement, and from there to the reuse of the entry. */
#define CXMS_ASSUMED_RETIRE_CYC 2
/* Uops between fetch and dispatch: queue and pipeline registers. A power of two. */
#define CXMS_ASSUMED_FETCH_QUEUE 64
/* From a mispredicted branch to the dispatch of what follows, of a core that has decoded uops at
 * hand. */
#define CXMS_ASSUMED_REDIRECT_CYC 12
/* Added to a miss of the first TLB that hits the second. */
#define CXMS_ASSUMED_TLB2_CYC 7

#endif

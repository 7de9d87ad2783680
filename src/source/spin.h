/* A fixed amount of work that touches no memory: what disturbs it shows in the time it takes. */
#ifndef CXMS_SOURCE_SPIN_H
#define CXMS_SOURCE_SPIN_H

#include <stdint.h>

/** cxms_spin() - wall time, ns, that @turns of the work take */
uint64_t cxms_spin(uint64_t turns);

/** cxms_spin_turns() - turns that take about @ns here */
uint64_t cxms_spin_turns(uint64_t ns);

/** cxms_spin_cost() - median of what disturbances cost in @n rounds, at least 1; sorts @cost_ns */
uint64_t cxms_spin_cost(int64_t *cost_ns, unsigned n);

#endif

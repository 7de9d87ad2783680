/* What one stop by ptrace costs the program, measured on this machine. */
#ifndef CXMS_SOURCE_STOP_COST_H
#define CXMS_SOURCE_STOP_COST_H

#include <stdint.h>

struct cxms_chase;
struct cxms_err;

/**
 * cxms_stop_cost_measure() - stops of a child that chases, as often as in a recording
 * @c:       linked
 * @cost_ns: of one stop in wall time (source/disturbance.h), less what either side waited for a CPU
 *           that others had; at least 1
 *
 * A stop is what the source `ptrace` does: interrupt, wait, registers and CPU time, go on. Its cost
 * is two wake-ups across CPUs: 16 to 25 us have been seen, and more where an idle CPU of a guest
 * has left to the hypervisor. Takes a fifth of a second.
 * Return: 0, -EAGAIN (the stops were too few to tell), or the error of fork, mmap or ptrace;
 * -ENOTSUP where the source does not work
 */
int cxms_stop_cost_measure(struct cxms_chase *c, uint64_t *cost_ns, struct cxms_err *err);

#endif

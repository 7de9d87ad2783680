/* What one stop by ptrace costs the program, measured on this machine. */
#ifndef CXMS_SOURCE_STOP_COST_H
#define CXMS_SOURCE_STOP_COST_H

#include <stdint.h>

struct cxms_err;

/**
 * cxms_stop_cost_measure() - a fixed amount of work of a child with and without stops, in turn
 * @cost_ns: median of the added time by stops, at least 1
 *
 * A stop is what the source `ptrace` does: interrupt, wait, registers, go on. Its cost is two
 * wake-ups across CPUs: 16 to 25 us have been seen, and more where an idle CPU of a guest has left
 * to the hypervisor. Takes about a third of a second.
 * Return: 0, or the error of fork, mmap or ptrace; -ENOTSUP where the source does not work
 */
int cxms_stop_cost_measure(uint64_t *cost_ns, struct cxms_err *err);

#endif

/* What one CPU-clock sample costs the program it interrupts, measured on this machine. */
#ifndef CXMS_SOURCE_SAMPLE_COST_H
#define CXMS_SOURCE_SAMPLE_COST_H

#include <stdint.h>

struct cxms_chase;
struct cxms_err;

/**
 * cxms_sample_cost_measure() - samples of a chase, as they come in a recording
 * @c:       linked
 * @cost_ns: of one sample in CPU time (source/disturbance.h), at least 1
 *
 * On bare metal a sample costs a few microseconds. Under a hypervisor, where programming the timer
 * leaves the guest and translations are lost, it has been seen to cost 14 to a loop in registers
 * and thrice that to a chase. Takes a tenth of a second.
 * Return: 0, -EAGAIN (the samples were too few to tell), or the error of perf_event_open or mmap
 */
int cxms_sample_cost_measure(struct cxms_chase *c, uint64_t *cost_ns, struct cxms_err *err);

/* One and a half per cent of the CPU for sampling leaves as much for the start, the faults and the
 * reader within the three that are promised to a program of one or two seconds (adr/0005). */
#define CXMS_SAMPLE_BUDGET_PPM 15000u

/**
 * cxms_sample_period_ns() - the period that keeps the cost of sampling within a budget
 * @cost_ns:    of one sample; 0 = not known
 * @budget_ppm: share of the CPU in parts per million; not 0
 * Return: the smallest multiple of @default_ns that does; @default_ns when the cost is not known
 */
uint64_t cxms_sample_period_ns(uint64_t default_ns, uint64_t cost_ns, uint32_t budget_ppm);

#endif

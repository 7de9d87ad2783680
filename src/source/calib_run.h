/* Kernels with known behaviour, run in the fast and in the slow memory of this machine under its
 * counters. */
#ifndef CXMS_SOURCE_CALIB_RUN_H
#define CXMS_SOURCE_CALIB_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_buf;
struct cxms_err;
struct cxms_log;

/** struct cxms_calib_nodes - NUMA nodes to compare; from /sys (re-rootable) */
struct cxms_calib_nodes {
	unsigned fast, slow;
	unsigned cpu; /* of the fast one, that the kernels run on */
};

/**
 * cxms_calib_find_nodes() - the first node with CPUs, and the most distant one with free memory
 * @slow_node: < 0 = choose; else that one
 * Return: 0, -ENOTSUP (no second memory, and what would help)
 */
int cxms_calib_find_nodes(int slow_node, struct cxms_calib_nodes *out, struct cxms_err *err);

size_t cxms_calib_kernel_count(void);
/** name and term ("memory", "cache", "store") of kernel @i */
const char *cxms_calib_kernel_name(size_t i);
const char *cxms_calib_kernel_term(size_t i);
/** cxms_calib_kernel_fill() - @bytes of memory for kernel @i; a power of two, 4 KiB and more */
void cxms_calib_kernel_fill(size_t i, void *base, size_t bytes);
/**
 * cxms_calib_kernel_run() - @steps accesses on memory that was filled
 * Return: wall time, ns, at least 1; *check is what the kernel computed: the same for the same work
 */
uint64_t cxms_calib_kernel_run(size_t i, void *base, size_t bytes, uint64_t steps, uint64_t *check);

/**
 * cxms_calib_measure() - every kernel in both memories, as CSV (sim/calibrate.h); about a minute
 * Each run is a child of its own, bound to a CPU and to one node's memory; the fast ones are
 * counted, in turns where the machine has too few counters.
 * @slow_node: as of cxms_calib_find_nodes()
 * Return: 0; -ENOTSUP (no counters, or they are refused; no second memory), -ENOMEM, -EIO (a child
 * failed)
 */
int cxms_calib_measure(int slow_node, struct cxms_log *log, struct cxms_buf *csv,
		       struct cxms_err *err);

#endif

/* Simulated time while a program still runs, for programs that ask for it (exact/cxlmemsim.h), with
 * everything in local memory. */
#ifndef CXMS_SIM_XLIVE_H
#define CXMS_SIM_XLIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cxms_err;
struct cxms_topo;
struct cxms_xlive;

/**
 * cxms_xlive_new() - @topo: borrowed; its host is simulated
 * Nothing is simulated before the first question, so programs that never ask cost next to nothing.
 * A local latency that the topology leaves to the recording machine is taken as
 * CXMS_ASSUMED_LIVE_LOCAL_PS, since the program is not to wait for a measurement.
 * Owner: cxms_xlive_free()
 */
int cxms_xlive_new(const struct cxms_topo *topo, struct cxms_xlive **out, struct cxms_err *err);
void cxms_xlive_free(struct cxms_xlive *x);
#define CXMS_ASSUMED_LIVE_LOCAL_PS 100000u

/** cxms_xlive_packet() - every packet, in the order of arrival, before the questions in it are
 * answered. A damaged one ends the simulation. @may_skip: it holds no code, begins no image, and
 * asks nothing */
void cxms_xlive_packet(void *live, const void *data, size_t len, bool may_skip);
/** cxms_xlive_time_ns() - simulated time of a thread since the first question that anyone asked;
 * 0 at that question, and for threads that have not run since */
uint64_t cxms_xlive_time_ns(void *live, uint32_t pid, uint32_t tid);

#endif

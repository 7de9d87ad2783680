/* Closed-form patterns of source `synth`: the keys of one YAML line and what they mean. */
#ifndef CXMS_SOURCE_SYNTH_H
#define CXMS_SOURCE_SYNTH_H

#include <stdbool.h>
#include <stdint.h>

struct cxms_err;

/* Threads run on CPUs of their own, thread t on CPU t: the most the synthetic machine has. */
#define CXMS_SYNTH_CPUS 256u

enum cxms_synth_access { CXMS_SYNTH_CHASE, CXMS_SYNTH_STREAM, CXMS_SYNTH_RANDOM };

/**
 * struct cxms_synth_pattern - one program in closed form
 *
 * The YAML map (all keys optional):
 *   threads: 1         threads of one process, 1 .. 256, all alike, all on the same arrays
 *   duration: 1s       wall time, 1ms .. 1h, exact
 *   page: 4KiB         4KiB or 2MiB
 *   footprint: 256MiB  the array, rounded up to whole pages; or pages: N (of that page size)
 *   footprint2: 0B     a second array; share2: 0  share of the stalls that go to it, 0 .. 1
 *   stall: 0.5         share of the samples that wait for memory, 0 .. 1
 *   kernel: 0          share of the samples in the kernel; stall + kernel <= 1, the rest computes
 *   blocked: 0         share of the wall time off the CPU, 0 .. 0.99, at the head of each 10 ms
 *   stores: 0          share of the stalls that stand on stores, 0 .. 1, of each array alike; of a
 *                      stream they go over the array beside the loads
 *   access: random     chase (each address comes from the last wait), stream (in address order),
 *                      random
 *   loop: 8            instructions of the loop around the load, 0 = unknown
 *   turn: 0            time of a turn of that loop, 100ps .. 1ms, in each of which the load runs
 *                      once and a register counts; 0 = no such register
 *   period: 199999ns   time between samples of a thread, 1us .. 1s; wins over
 *                      cxms_source_cfg.period_ns
 *   faults: true       first touches, in address order, before the first sample
 *   exact: true        shares are met to the sample; false: each sample is drawn independently
 */
struct cxms_synth_pattern {
	uint64_t threads, duration_ns, page_bytes, period_ns;
	uint64_t array_bytes[2]; /* whole pages; [1] may be 0 */
	uint64_t turn_ps;
	double stall, kernel, blocked, share2, stores;
	enum cxms_synth_access access;
	uint16_t loop_insns;
	bool faults, exact;
};

/**
 * cxms_synth_parse() - read and check a pattern
 * @text:      the YAML map
 * @period_ns: period when the pattern names none, > 0
 * Return: 0, -ENOMEM, or -EINVAL with every error, one "pattern:line:col: ..." per line
 */
int cxms_synth_parse(const char *text, uint64_t period_ns, struct cxms_synth_pattern *out,
		     struct cxms_err *err);

#endif

/* A curve found by asking a device: the closed form of models that have none. */
#ifndef CXMS_MEM_MEASURE_H
#define CXMS_MEM_MEASURE_H

#include <stddef.h>
#include <stdint.h>

struct cxms_curve;
struct cxms_device_cfg;
struct cxms_err;

/** struct cxms_measure - how to ask: random lines of [0, span) at random times (Poisson) */
struct cxms_measure {
	uint64_t span_bytes; /* at least one line */
	size_t lines;	     /* of one point, 1000 or more; 20000 give a mean to a few per cent */
	uint64_t seed;
};

/**
 * cxms_measure_device() - what a device adds by utilisation and read share
 * For each of five read shares: the peak is what passes when more is asked; below it the mean
 * latency added at shares of the peak. The same figures and seed give the same curve. Its idle
 * latency is what the device adds when alone (refresh). BANK: the banks without the device's caps.
 * Return: 0; -EINVAL as cxms_device_new(), or too few lines; -ERANGE where nothing bounds the
 * device; -ENOMEM. Owner: cxms_curve_free()
 */
int cxms_measure_device(const struct cxms_device_cfg *cfg, const struct cxms_measure *how,
			struct cxms_curve **out, struct cxms_err *err);

#endif

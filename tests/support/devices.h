/* One device of each kind, as measured or sold, and loads for them. */
#ifndef CXMS_TESTS_DEVICES_H
#define CXMS_TESTS_DEVICES_H

#include <math.h>

#include "base/rng.h"
#include "mem/curve.h"
#include "mem/device.h"

/* Caps that bound nothing. */
static inline struct cxms_device_cfg device_cfg(enum cxms_device_kind kind)
{
	return (struct cxms_device_cfg){.kind = kind,
					.read_cap = INFINITY,
					.write_cap = INFINITY,
					.total_cap = INFINITY,
					.curve_peak_scale = 1};
}

/* 8 channels of DDR5-4800 (JESD79-5, speed bin 4800B, 16 Gb; bursts of a 64-bit channel). */
static inline struct cxms_device_cfg ddr5(uint32_t channels)
{
	struct cxms_device_cfg c = device_cfg(CXMS_DEVICE_BANK);
	c.channels = channels;
	c.ranks = 1;
	c.banks = 32;
	c.row_bytes = 8192;
	c.burst_ps = 1667;
	c.cl_ps = 16667;
	c.rcd_ps = c.rp_ps = 16000;
	c.ras_ps = 32000;
	c.wr_ps = 30000;
	c.wtr_ps = 10000;
	c.rtw_ps = 5000;
	c.rfc_ps = 295000;
	c.refi_ps = 3900000;
	return c;
}

/* All-read and half-read points of a host with one expander (reference curve emr_cxl_one_device).
 */
static inline struct cxms_curve *expander_curve(void)
{
	static const double bw[] = {2.8e9, 10e9, 20e9, 30e9, 40e9, 46e9, 50e9, 51.9e9};
	static const double lat[] = {216e3, 218e3, 223e3, 232e3, 250e3, 280e3, 340e3, 600e3};
	static const double bw_mix[] = {2.8e9, 15e9, 26e9, 39e9, 48e9, 54e9, 58e9, 60e9};
	static const double lat_mix[] = {218e3, 232e3, 247e3, 269e3, 300e3, 340e3, 420e3, 560e3};
	static const struct cxms_curve_points p[] = {{0.5, 8, bw_mix, lat_mix}, {1, 8, bw, lat}};
	struct cxms_curve *c = NULL;
	return cxms_curve_new(p, 2, &c, NULL) ? NULL : c;
}

/* Exponential gap with mean @mean_ps. */
static inline double poisson_gap(struct cxms_rng *r, double mean_ps)
{
	return -log(1 - cxms_rng_unit(r)) * mean_ps;
}

#endif

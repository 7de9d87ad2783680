/* A measured bandwidth-latency curve as a function of utilisation and read share. */
#ifndef CXMS_MEM_CURVE_H
#define CXMS_MEM_CURVE_H

#include <stddef.h>

struct cxms_err;

/** struct cxms_curve_points - one read share as measured, in the order of the pressure put on it:
 * points listed behind the one of most bandwidth are the saturated branch */
struct cxms_curve_points {
	double read_share; /* 0..1 */
	size_t n;
	const double *bytes_per_s, *latency_ps;
};

struct cxms_curve;
/**
 * cxms_curve_new() - cut each share at its peak, make latency rise with bandwidth (isotonic
 * regression), keep the branch behind the peak aside
 * @part: at least one, copied; by rising read share
 * Return: 0, -EINVAL (no points, not finite, shares not rising), -ENOMEM. Owner: _free()
 */
int cxms_curve_new(const struct cxms_curve_points *part, size_t n_part, struct cxms_curve **out,
		   struct cxms_err *err);
void cxms_curve_free(struct cxms_curve *c);
/**
 * cxms_curve_peak() - most bytes/s at a read share
 * Between two measured shares its inverse is linear in the share: each read and each write takes a
 * fixed part of a second. Flat beyond the shares measured.
 */
double cxms_curve_peak(const struct cxms_curve *c, double read_share);
/** lowest latency of any share, at its lowest load */
double cxms_curve_idle_ps(const struct cxms_curve *c);
/**
 * cxms_curve_added_ps() - latency beyond idle at utilisation @u of the peak of that share
 * Beyond the idle latency of that share. Bilinear in u and read share (MODELS: fabric).
 * Return: 0 at u 0; the peak's at u 1 and above; rises in u, unless the share was measured flat.
 */
double cxms_curve_added_ps(const struct cxms_curve *c, double u, double read_share);
/** most that the saturated branch lies above the latency at the peak, ps; 0 = no such branch */
double cxms_curve_over_ps(const struct cxms_curve *c, double read_share);
/** true when the share lies outside of those measured: no figure behind it */
int cxms_curve_beyond(const struct cxms_curve *c, double read_share);

#endif

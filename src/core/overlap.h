/* Waits of a window that holds lines of fast and of slow memory at once. */
#ifndef CXMS_CORE_OVERLAP_H
#define CXMS_CORE_OVERLAP_H

/**
 * cxms_overlap_slow_share() - share of the waits that end with a slow line
 * Retirement is in order, so lines that are in flight together are waited for as long as the
 * slowest of them takes.
 * @slow:    share of the lines that come from slow memory, 0 .. 1; which, is chance
 * @window:  lines that the window holds at once, >= 1
 * @flight:  lines in flight where all are fast, 1 .. @window; fewer than @window: their number is
 *           bounded by registers, that are free again in any order
 * @fast_ps, @slow_ps: latencies, 0 < fast <= slow
 * Return:   @slow .. 1, rises with @slow, @window, @flight and @slow_ps
 *
 * Formula: a line passes each (fast + q (slow - fast))/window through the window, with
 *   q/(1 - q) = (1 + (window - 1)(1 - fast/slow)) s/(1 - s), and each (fast + s (slow -
 *   fast))/flight through registers; the longer counts. Source: derived for fast = 0, where a slow
 *   line hides those of the window behind it, and met within 0.03 by the recursion start(i) =
 *   retire(i - window), retire(i) = max(retire(i - 1), start(i) + latency(i)) elsewhere.
 */
double cxms_overlap_slow_share(double slow, double window, double flight, double fast_ps,
			       double slow_ps);

#endif

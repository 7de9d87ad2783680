/*
 * From samples of waiting to demand: how many waits a stall time stands for, and how many lines
 * were filled meanwhile. What cannot be known is given as a span: low end, middle, high end.
 */
#ifndef CXMS_CORE_DEMAND_H
#define CXMS_CORE_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

/* Cycles that a micro-operation (uop) of the work between two misses takes: 0.25, so four a cycle,
 * which server cores about sustain on cached code. The recording machine's own figure is not
 * known. */
#define CXMS_ASSUMED_CPI_WORK 0.25
/* Clock of the recording machine, where /proc tells none: 3 GHz. */
#define CXMS_ASSUMED_CLOCK_HZ 3.0e9
/* Uops between two executions of a load that is in no known loop: up to 64. */
#define CXMS_ASSUMED_UNLOOPED_UOPS 64.0
/* Cycles a uop where a turn of a loop runs calls or inner loops, whose instructions are not
 * counted: at most 1, as of code that waits for its own results. */
#define CXMS_ASSUMED_CPI_MAX 1.0
/* The hidden part of a wait never exceeds this share of it (MODELS: latency). */
#define CXMS_HIDDEN_MAX_RATIO 0.9
/* How well an idle latency that was measured once stands for the whole run: within 5 %, by which
 * repeated chases on a shared two-CPU guest spread. It moves how long a wait was, and what a device
 * adds to it (L - L_mem); local memory with `latency: auto` moves along, being the same memory. */
#define CXMS_ASSUMED_LATENCY_SPREAD 0.05
/* Lines that a core of the recording machine can have in flight, where no loop tells the traffic:
 * 16, the line fill buffers of Golden Cove. Skylake has 12, Zen 3 and later 24. */
#define CXMS_ASSUMED_RECORDED_MSHRS 16.0

/** the ends and the middle of what the model leaves open: least added time, middle, most */
enum cxms_span { CXMS_SPAN_LO, CXMS_SPAN_MID, CXMS_SPAN_HI, CXMS_SPAN_COUNT };

/* Lines that any core has in flight on demand at most: 24, the miss registers of Zen 3 and later,
 * the most of the cores we know (Golden Cove has 16). Bounds how many of a loop's counted
 * executions can have missed. */
#define CXMS_MOST_L1D_MSHRS 24.0

/** cxms_wait_spread() - factor on the measured latency at an end: 1 + spread, 1, 1 - spread, since
 * longer waits are fewer for the same stall */
double cxms_wait_spread(enum cxms_span end);

/**
 * struct cxms_wait - how one instruction waits for memory on pages of one size
 * @seen_ps:   L_obs, what a miss took on the recording machine: memory and page walk
 * @hidden_ps: h, the part of it behind which the window had other work
 * @per_ps:    waits that a picosecond of stall stands for: 1/(L_obs - h)
 */
struct cxms_wait {
	double seen_ps[CXMS_SPAN_COUNT];
	double hidden_ps[CXMS_SPAN_COUNT];
	double per_ps[CXMS_SPAN_COUNT];
};

/**
 * cxms_wait_model() - how many waits a stall stands for (MODELS: latency)
 * @mem_ps:     latency of the recording machine's memory, without page walks
 * @walk_ps:    page walk of a use, by end of the span. It falls towards the high end: the shorter a
 *              wait was, the more of them a stall stands for
 * @carried:    the address comes from the wait before, so nothing overlaps: h = 0
 * @loop_insns: instructions of the loop around it, 0 = none known
 * @rob:        entries of the reorder buffer
 * @uop_ps:     time of a uop of the loop's work where it was measured, by end, or NULL. It counts
 *              for the assumed one at least: work that runs behind a wait is not seen
 *
 * Formula: h = uop_ps u, u = min(rob, loop), times 1, 1.5 and 2 at the low end, the middle and the
 *   high end (without a known loop 0, 1 and 2, u = min(rob, CXMS_ASSUMED_UNLOOPED_UOPS));
 *   h <= 0.9 L_obs
 */
void cxms_wait_model(double mem_ps, const double walk_ps[CXMS_SPAN_COUNT], bool carried,
		     unsigned loop_insns, unsigned rob, const double uop_ps[CXMS_SPAN_COUNT],
		     struct cxms_wait *out);

/**
 * cxms_wait_ahead() - the same where a prefetch instruction may have asked for the line before
 * @loop_per_stall: time of the loop that runs it, over the loop's waiting: >= 1; 0: there is none,
 *                  and @w stays
 *
 * What is waited for then is the rest of a wait, of which nothing tells how much had passed. But
 * those that end one after the other all lie in the loop's time: where each line is asked for some
 * turns ahead of its use the loop takes L/turns each, and where many are asked for before the first
 * is used, at least L for all of them.
 * Formula: 1/(L_obs - h) <= loop_per_stall/L_obs, the high end; in the middle the geometric mean of
 *   that and what it was. h <= 0.9 L_obs
 */
void cxms_wait_ahead(double loop_per_stall, struct cxms_wait *w);

/**
 * cxms_hop_seen_ps() - how long a hop of a chain that misses took (L_obs), by its loop's turns
 * @turn_ps: waiting of a turn, which is one hop, on average over hits and misses
 * @share:   of that time on memory, 0 .. 1
 *
 * Formula: m of the turns miss, and each walks for w: turn = m (L_mem + w) + (1 - m) (L_llc + w),
 *   share = m (L_mem + w)/turn. With D = L_mem - L_llc: D m^2 - (turn + D) m + share turn = 0,
 *   L_mem + w = turn + (1 - m) D. No walk measured at another time is needed.
 * Range:   at least L_mem; falls with @share, to @turn_ps where all is memory
 */
double cxms_hop_seen_ps(double turn_ps, double share, double mem_ps, double llc_ps);

/**
 * struct cxms_runs - an instruction in a loop whose turns are counted; all for 1 ns of its waiting
 * @runs:         executions, at most one a turn
 * @share:        of its waiting time that is memory, by end of the span
 * @seen_ps:      L_obs, a wait for memory
 * @llc_ps:       what its other waits take: the LLC's latency, stretched as much by page walks as
 *                @seen_ps is
 * @window_turns: turns of the loop that the recording core's window holds, of who takes a new line
 *                in some of them only those
 * @most_lines:   lines that its miss registers pass in the loop's time
 * @most_waits:   of all waits in the loop, those that fit into its time one after the other: its
 *                time / L_obs
 * @uneven:       it does not run in each turn
 * @queued:       its waits may be fewer than its misses and the window tell: a store, as the store
 *                queue hides more; or misses come one behind the other (a column of new lines)
 */
struct cxms_runs {
	double runs;
	double share[CXMS_SPAN_COUNT];
	double seen_ps;
	double llc_ps;
	double window_turns;
	double most_lines;
	double most_waits;
	bool uneven;
	bool queued;
};
/**
 * cxms_runs_bound() - what counted executions say of the waits and lines of an instruction
 * @waits: in: by cxms_wait_model(); out: within the bounds below
 * @lines: out, lines filled
 *
 * Formula: with s the share of the time that is memory, N = runs and W = window_turns,
 *   m = s L_llc / (s L_llc + (1 - s) L_obs) is the share of the executions that miss, when the
 *   others wait for the LLC.
 *   lines = N m, no more than the miss registers pass. At the low end only as many as explain the
 *   waits: executions that hit nearer caches do not wait, and are not seen. Where @uneven the
 *   middle is the geometric mean of the low end and N m.
 *   waits: each hides the misses of the W - 1 turns behind it, so they lie between
 *   N m / (1 + m (W - 1)), as far as h <= 0.9 L_obs allows, and N m. Waits that overlap are one, so
 *   the lower bound is no more than follow each other in the loop's time (@most_waits). It does not
 *   hold where @uneven or @queued.
 */
void cxms_runs_bound(const struct cxms_runs *in, double waits[CXMS_SPAN_COUNT],
		     double lines[CXMS_SPAN_COUNT]);

/** struct cxms_traffic_in - what is known of the waits for memory of one thread in one epoch */
struct cxms_traffic_in {
	double waits;
	double known_waits; /* those whose lines are known: of streams, chains, counted loops */
	double known_lines; /* lines filled for these */
	double active_ps;   /* time in code that waits for memory */
	double seen_ps;	    /* mean L_obs */
	double l1d_mshrs;   /* of the machine that recorded */
};
/**
 * cxms_traffic_lines() - lines filled, by end of the span
 * Formula: known_lines, and for the waits w whose lines are not known between w (one line each) and
 *   l1d_mshrs T/seen_ps (all miss registers full all the time), T their share of active_ps; the
 *   geometric mean of both in the middle. Source: MODELS, stall sampling 6.
 */
void cxms_traffic_lines(const struct cxms_traffic_in *in, double lines[CXMS_SPAN_COUNT]);

#endif

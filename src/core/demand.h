/* From a waited sample to demand: exposed waits, the hidden part, and the bounds of the traffic. */
#ifndef CXMS_CORE_DEMAND_H
#define CXMS_CORE_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

/* Cycles a micro-operation of the work between two misses takes: 0.25, four a cycle, about what
 * server cores sustain on cached code; the recording machine's own figure is not known. */
#define CXMS_ASSUMED_CPI_WORK 0.25
/* Clock of the recording machine, where /proc tells none: 3 GHz. */
#define CXMS_ASSUMED_CLOCK_HZ 3.0e9
/* Micro-operations between two executions of a load in no known loop: 64 (upper end of its span).
 */
#define CXMS_ASSUMED_UNLOOPED_UOPS 64.0
/* The same where a loop's instructions are not counted (calls, inner loops): at most 1, code that
 * waits for its own results; the window then holds at most so much time of it. */
#define CXMS_ASSUMED_CPI_MAX 1.0
/* The hidden part never exceeds this share of a wait (MODELS: latency). */
#define CXMS_HIDDEN_MAX_RATIO 0.9
/* How well an idle latency measured once stands for the whole run: 5 % either way; repeated chases
 * on a shared two-CPU guest spread by about that. It moves what a wait was and what a device adds
 * to it, L - L_mem, but not local memory of `latency: auto`, which is that of the run. */
#define CXMS_ASSUMED_LATENCY_SPREAD 0.05
/* Lines that a core of the recording machine can have in flight, for traffic that no loop tells: 16
 * line fill buffers of Golden Cove; Skylake has 12, Zen 3 and later 24 */
#define CXMS_ASSUMED_RECORDED_MSHRS 16.0

/** ends of the model's own uncertainty; arrays of CXMS_SPAN_COUNT follow this order */
enum cxms_span { CXMS_SPAN_LO, CXMS_SPAN_MID, CXMS_SPAN_HI, CXMS_SPAN_COUNT };

/* Lines that any core passes at once by demand: 24, the miss registers of Zen 3 and later, the most
 * of the cores we know (Golden Cove has 16). Bounds executions that are counted: hits do not miss.
 */
#define CXMS_MOST_L1D_MSHRS 24.0

/** cxms_wait_spread() - factor on the measured latency at an end of the span */
double cxms_wait_spread(enum cxms_span end);

/** struct cxms_wait - how one site waits on one page size */
struct cxms_wait {
	double seen_ps[CXMS_SPAN_COUNT];   /* L_obs = (L_mem + walk), with its spread */
	double hidden_ps[CXMS_SPAN_COUNT]; /* h */
	double per_ps[CXMS_SPAN_COUNT]; /* exposed waits per picosecond of stall: 1/(L_obs - h) */
};

/**
 * cxms_wait_model() - exposed waits per stall (MODELS: latency; additive rule)
 * @walk_ps:    page walk of a use at the middle and at the ends; a wait that walked less counts for
 *              more waits, so it falls towards the high end
 * @carried:    the address comes from the previous wait of the same chain: h = 0
 * @loop_insns: instructions of the loop around it, 0 = none known
 * @rob:        reorder buffer entries
 * @uop_ps:     time of a micro-operation of the loop's work where it was measured, by end, or NULL;
 *              never less than the assumed one, as what runs behind a wait is not seen
 *
 * Formula: h between CPI u and 2 CPI u, u = min(ROB, loop); midpoint used; h <= 0.9 L_obs
 */
void cxms_wait_model(double mem_ps, const double walk_ps[CXMS_SPAN_COUNT], bool carried,
		     unsigned loop_insns, unsigned rob, const double uop_ps[CXMS_SPAN_COUNT],
		     struct cxms_wait *out);

/**
 * cxms_hop_seen_ps() - L_obs of the hops of a chain that miss, by the time of its turns
 * @turn_ps: waiting of a turn, one hop, hit or miss
 * @share:   of that time on memory, 0 .. 1
 *
 * Formula: m of the turns miss, and each walks for w: turn = m (L_mem + w) + (1 - m) (L_llc + w),
 *   share = m (L_mem + w)/turn. With D = L_mem - L_llc: D m^2 - (turn + D) m + share turn = 0,
 *   L_mem + w = turn + (1 - m) D. No walk measured at another time is needed.
 * Range:   at least L_mem; falls with @share, to @turn_ps where all is memory
 */
double cxms_hop_seen_ps(double turn_ps, double share, double mem_ps, double llc_ps);

/** struct cxms_runs - an instruction whose loop's turns are counted; by nanosecond of its waiting
 */
struct cxms_runs {
	double runs;		       /* executions, at most one a turn */
	double share[CXMS_SPAN_COUNT]; /* of its waiting time that is memory */
	double seen_ps;		       /* L_obs */
	double llc_ps; /* what the other waits cost: the LLC's latency; as they walk too, of seen_ps
			  the part that the judgement of the shares took it for */
	double window_turns; /* turns that the recording core's window holds */
	double most_lines;   /* that its miss registers pass in the loop's time */
	double most_waits;   /* one after the other, of all waiting in the loop: its time / L_obs */
	bool uneven;	     /* not run in each turn */
	bool queued; /* a store: the store queue hides more than the window does; or misses come
			one behind the other, a column of new lines, and not evenly spread */
};
/**
 * cxms_runs_bound() - what counted executions say of the waits and lines of an instruction
 * @waits: exposed waits by cxms_wait_model(); an execution waits at most once
 * @lines: out, lines filled
 *
 * Formula: m = s L_llc / (s L_llc + (1 - s) L_obs) is the share of the executions that miss when
 * the others wait for the LLC, s the memory share of the time; N = runs, W = window_turns. lines =
 * N m at s of the span's end. A wait hides the misses of the W - 1 turns behind it, so waits lie
 *   between N m / (1 + m (W - 1)) (as far as h <= 0.9 L_obs allows, and as waits that overlap are
 *   one: no more than follow each other in the loop's time) and N m.
 *   Low end: executions that hit nearer caches do not wait and are not seen, so that m is only what
 *   the waits need by the same relation. High end: at most what the miss registers pass. Where the
 *   instruction is passed over in some turns the middle is the geometric mean of the low end and N
 * m. There, of stores and of misses in bursts, fewer waits than the first bound may be: those that
 * were seen.
 */
void cxms_runs_bound(const struct cxms_runs *in, double waits[CXMS_SPAN_COUNT],
		     double lines[CXMS_SPAN_COUNT]);

/** struct cxms_traffic_in - what is known of one thread in one epoch */
struct cxms_traffic_in {
	double waits;	    /* exposed waits on memory */
	double known_waits; /* of them: those whose lines are known */
	double known_lines; /* lines filled for those */
	double active_ps;   /* time in code that waits for memory */
	double seen_ps;	    /* mean L_obs */
	double l1d_mshrs;   /* of the machine that recorded */
};
/**
 * cxms_traffic_lines() - lines filled, as an interval
 * Formula: [S/L_obs, l1d_mshrs T/L_obs] for waits that may overlap, with what is known
 *          added; the middle is the geometric mean of the ends. Source: MODELS, stall sampling 6.
 */
void cxms_traffic_lines(const struct cxms_traffic_in *in, double lines[CXMS_SPAN_COUNT]);

#endif

/* Warnings: an enumerated list in one place, each with its consequence and remedy; repeated in the
 * JSON as codes. */
#ifndef CXMS_BASE_WARN_H
#define CXMS_BASE_WARN_H

#include <stddef.h>

/* X(code, "consequence; remedy"); the caller gives the finding with its figures. Append only. */
#define CXMS_WARNINGS(X)                                                                           \
	X(LOST_SAMPLES, "slowdowns may be misjudged where samples were lost; raise --period")      \
	X(LOST_FAULTS,                                                                             \
	  "first-touch order and footprint are incomplete; raise the memlock limit (ulimit -l), "  \
	  "or give perf record a larger buffer (-m)")                                              \
	X(SMALL_RINGS,                                                                             \
	  "bursts may be lost; raise the memlock limit (ulimit -l) or kernel.perf_event_mlock_kb") \
	X(FEW_SAMPLES, "the interval is wide; run the program longer or lower --period")           \
	X(UNKNOWN_ADDRESS,                                                                         \
	  "stalls without an address are spread over the known pages; of perf's recordings, use "  \
	  "--user-regs")                                                                           \
	X(STEAL,                                                                                   \
	  "the host took CPU time away, which is counted as program time; use a quieter machine")  \
	X(KERNEL_TIME, "first touches and copies on CXL pages are charged by assumed figures; "    \
		       "the interval spans them")                                                  \
	X(SETUID_CHILD, "a set-user-ID program gives no samples; run as that user")                \
	X(NOT_CONVERGED, "loads and latencies did not settle; treat the figures as approximate")   \
	X(LATE,                                                                                    \
	  "they waited for no others, so their share of the queueing is missing: who sleeps "      \
	  "for what the recording does not tell (a clock, a socket, another program) comes "       \
	  "back behind the others; record such programs apart")                                    \
	X(CUT_TRACE, "only the part before the cut was evaluated; record again")                   \
	X(IGNORED_KEYS, "they do not change this result; see them with --explain, or use a "       \
			"source that models them")                                                 \
	X(ASSUMED_FIGURES,                                                                         \
	  "figures without a source were derived or assumed; state them in the topology")          \
	X(LLC_ASSUMED,                                                                             \
	  "how much of the LLC is ours was estimated; give --llc-size on a quiet machine")         \
	X(OVERHEAD, "watching slowed the program; use a longer run, or raise --period")            \
	X(SHORT_RUN, "that is too brief for a judgement; use a longer input")                      \
	X(NO_FAULTS,                                                                               \
	  "first touch is known only through samples, and less memory than there is; use source "  \
	  "clock, or with perf record -e page-faults/period=1/u -d as well")                       \
	X(CAPACITY, "the split asks a target to hold more than its capacity; raise capacity or "   \
		    "change the split")                                                            \
	X(REGION, "nothing is timed outside the region; check the name with nm, and that the "     \
		  "function is not inlined")                                                       \
	X(UNKNOWN_INSN, "the program ended there; where the first byte is 0x62, build it without " \
			"AVX-512 (-march=native is the usual cause), else use another source")     \
	X(EXACT_TOOL, "what the exact tool could not follow is not in these figures; use another " \
		      "source to compare")                                                         \
	X(BLOCKED, "who waits for whom is inferred from who ran meanwhile; compare --blocked "     \
		   "keep and stretch")                                                             \
	X(SELF_CHECK,                                                                              \
	  "the figures of that row contradict each other; do not use them, and report "            \
	  "the recording and the topology")                                                        \
	X(CURVE_SHARE, "the nearest share measured stands for it; use a curve measured with more " \
		       "mixes of reads and writes")                                                \
	X(GENERIC_EVENTS, "loads have no latency and stores are not seen; name this CPU's "        \
			  "events with --event, as pmu/term=value,.../")                           \
	X(PRECISE, "the instruction named may be the one after the access; no remedy on this "     \
		   "machine")                                                                      \
	X(NO_COUNTER,                                                                              \
	  "what it would have sampled from then on is missing; end what else counts "              \
	  "(another profiler; the NMI watchdog: sysctl kernel.nmi_watchdog=0), or name "           \
	  "fewer events with --event")                                                             \
	X(NO_STALLS, "waits are known between wide bounds only; record with --counters turns "     \
		     "where the machine shows its counters")                                       \
	X(UNCALIBRATED, "waits follow from counters between bounds; run cxlmemsim calibrate on "   \
			"that machine")                                                            \
	X(IN_TURNS, "the rest is taken to be like it; use --counters fit, or a longer run")        \
	X(IMPORT_EVENT,                                                                            \
	  "nothing is predicted from them; see cxlmemsim-import(1) for what to record")            \
	X(IMPORT_SWITCHES, "a thread counts as running while it was sampled; add "                 \
			   "--switch-events to perf record")                                       \
	X(IMPORT_ORDER, "they stand later than they happened; record with fewer CPUs or smaller "  \
			"buffers")                                                                 \
	X(IMPORT_CODE,                                                                             \
	  "waits in its code have no address and count as unknown; give the files with "           \
	  "--symfs")                                                                               \
	X(IMPORT_ASSUMED, "they scale the result; give --mem-latency, --walk-latency and "         \
			  "--llc-size of the recording machine")                                   \
	X(IMPORT_CUT, "what follows was not imported; record again")                               \
	X(WATCHPOINTS, "the check by watched words rests on fewer of them; end debuggers of the "  \
		       "program, or raise the memlock limit (ulimit -l)")                          \
	X(WATCHED, "slowdowns rest on the second and may be misjudged; record longer, or compare " \
		   "with --source exact")                                                          \
	X(UNREAD_CODE,                                                                             \
	  "it counts as work, and as waits at the upper end of the interval; watch a "             \
	  "64-bit program, and import with the files that ran, by --symfs")                        \
	X(READ_LESS, "slowdowns come out too high, as waits for the cache count as memory; give "  \
		     "--llc-size, or record on a quieter machine")                                 \
	X(IMPORT_WIDE, "other programs count as parts of this one; leave -a out of perf record")   \
	X(IMPORT_FREE, "misses overlap as far as the core can hold them: chases come out too "     \
		       "fast; use source exact, or a trace with code bytes (drmemtrace)")          \
	X(EPOCH, "phases shorter than a step are seen as their mean; give a longer --epoch, or "   \
		 "leave it out")                                                                   \
	X(OUTLIVED,                                                                                \
	  "what was left running was watched for 0.2 s more, and counts so far; let the "          \
	  "program wait for it, or run it in the foreground")                                      \
	X(SHORT_THREADS, "they give no samples: their time counts as the kernel's, and at the "    \
			 "interval's upper end as waits; give a shorter --period")                 \
	X(CPU_TAKEN,                                                                               \
	  "after a preemption that wait is taken to grow as the program's own work does, after a " \
	  "wake-up to stay, and who shares caches and memory makes the work slower; watch it on "  \
	  "a quiet machine, or keep the others off its CPUs (taskset)")                            \
	X(EXACT_ENDED, "last steps and counts are missing; let processes end by themselves, or "   \
		       "use another source")

enum cxms_warn_code {
#define CXMS_WARN_ENUM(code, text) CXMS_W_##code,
	CXMS_WARNINGS(CXMS_WARN_ENUM)
#undef CXMS_WARN_ENUM
		CXMS_W_COUNT
};

struct cxms_warning {
	enum cxms_warn_code code;
	char message[512]; /* "<finding>: <consequence>; <remedy>" */
};
/** struct cxms_warnings - in order of arrival, one per code (the first stands) */
struct cxms_warnings {
	struct cxms_warning list[CXMS_W_COUNT];
	size_t n;
};
void cxms_warn(struct cxms_warnings *w, enum cxms_warn_code code, const char *finding_fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** one found elsewhere, unless its code is there */
void cxms_warn_add(struct cxms_warnings *w, const struct cxms_warning *found);
/** "CXMS_W_LOST_SAMPLES" */
const char *cxms_warn_name(enum cxms_warn_code code);

#endif

/* scripts/check_assumed.sh looks here for every CXMS_ASSUMED_ of the models. No result rests on
 * CXMS_ASSUMED_LIVE_LOCAL_PS: it is what programs are told that ask for simulated time. */
#include "sim/assumed.h"

#include <assert.h>
#include <string.h>

#include "core/bpred.h"
#include "core/demand.h"
#include "core/kernel.h"
#include "core/linewait.h"
#include "core/recorder_assumed.h"
#include "core/stair.h"
#include "core/window_assumed.h"
#include "sim/hw_report.h"
#include "sim/recording.h"
#include "sim/result.h"
#include "topo/topo.h"

#define TEXT_OF(number) #number
#define TEXT(number)	TEXT_OF(number)

static void add(struct cxms_result *out, const char *key, const char *value, const char *reason)
{
	assert(out->n_assumed < CXMS_MODEL_ASSUMED);
	out->assumed[out->n_assumed++] =
		(struct cxms_assumed){.key = key, .value = value, .reason = reason};
}

/* Whether local memory or a memdev is of a model. Where source exact is told none it takes FIXED.
 */
static bool is_used(const struct cxms_result *out, enum cxms_model model)
{
	for (size_t t = 0; t < out->n_topo; t++) {
		const struct cxms_topo *topo = out->topo[t];
		for (size_t i = 0; i <= topo->n_memdev; i++) {
			const struct cxms_memory *m = i ? &topo->dev[topo->memdev[i - 1]].memory
							: &topo->host.local_memory;
			if (m->model == model && (m->stated || !out->exact))
				return true;
		}
	}
	return false;
}

/* CXMS_ASSUMED_REORDER_PS is told with the batch of writes. */
static void add_memory(struct cxms_result *out)
{
	bool typical = is_used(out, CXMS_MODEL_TYPICAL), curve = is_used(out, CXMS_MODEL_CURVE);
	bool by_request = strcmp(out->engine, "epoch") != 0;
	if (typical)
		add(out, "model.load", "0.10",
		    "what a memory without a measured curve waits at utilisation u, over its idle "
		    "latency times (u/(1-u))^0.7");
	if (curve)
		add(out, "model.curve_end", "0.01",
		    "last share of the peak of a measured curve, within which its wait rises to "
		    "any length");
	if (by_request && (typical || curve))
		add(out, "model.load_weight", "0.125",
		    "share of the last bucket of time in the mean load that a request meets, which "
		    "counts up to 0.99 of the peak");
	if (is_used(out, CXMS_MODEL_BANK))
		add(out, "model.write_batch", "16",
		    "writes that a channel of banks takes at a time; rows that were open within "
		    "200 ns are taken together");
}

/* What turns samples into waits and lines; CXMS_ASSUMED_CPI_MAX is told with the work. */
static void add_samples(struct cxms_result *out)
{
	add(out, "model.cpi_work", TEXT(CXMS_ASSUMED_CPI_WORK),
	    "cycles a micro-operation of the work between two misses; up to 1 where a turn runs "
	    "calls");
	add(out, "model.clock", "3GHz",
	    "clock of the recording machine, for the hidden part of a wait");
	add(out, "model.unlooped_uops", "64", "work between two runs of a load in no known loop");
	add(out, "model.recorded_mshrs", "16",
	    "lines in flight of the recording machine's cores, for traffic that no loop tells");
	add(out, "model.recorded_rob", "512",
	    "reorder buffer of the recording machine's cores, for the hidden part of a wait");
	add(out, "model.latency_spread", "5 %", "how far a latency measured once holds for a run");
	add(out, "model.kernel_copy_ratio", TEXT(CXMS_ASSUMED_KERNEL_COPY_RATIO),
	    "share of the kernel time beside first touches that waits for the program's pages; "
	    "0 to " TEXT(CXMS_ASSUMED_KERNEL_COPY_RATIO_MAX) " in the interval");
	add(out, "model.stall", "2us",
	    "two samples of one line that are so far apart are waits of their own");
}

static bool moved_pages(const struct cxms_result *out)
{
	for (size_t i = 0; i < out->n_split; i++)
		if (out->split[i].promotions + out->split[i].demotions > 0)
			return true;
	return false;
}

/* One of the instructions shown is a walk that does not wait at each use. */
static bool has_walk(const struct cxms_result *out)
{
	for (size_t i = 0; i < out->basis.n_site; i++)
		if (out->basis.site[i].line_share_lo < 1)
			return true;
	return false;
}

/* What no recording but an odd one lacks: CXMS_ASSUMED_MEM_PS, CXMS_ASSUMED_LLC_PS and
 * CXMS_ASSUMED_LLC_BYTES of core/stair.c. And how well the staircase tells the LLC's size, where
 * nobody gave it. */
static void add_stair(const struct cxms_facts *facts, const struct cxms_stair *stair,
		      struct cxms_result *out)
{
	bool nominal = stair->span > 1 && stair->n < 2;
	if (facts->mem_latency_ps == 0)
		add(out, "model.memory_latency", "110ns", "of the recording machine, not measured");
	if (facts->llc_latency_ps == 0)
		add(out, "model.llc_latency", "30ns",
		    "of the recording machine, not measured; no more than a third of the memory's");
	if (nominal && facts->llc_bytes == 0)
		add(out, "model.llc_size", "32MiB", "of the recording machine, not known");
	if (nominal)
		add(out, "model.nominal_span", "2",
		    "the LLC may hold so many times more or less than its nominal size");
	else if (stair->span > 1)
		add(out, "model.stair_span", "1.414",
		    "the LLC may hold so many times more or less than the measured staircase says");
}

void cxms_assumed_sampled(const struct cxms_recording *rec, const struct cxms_stair *stair,
			  struct cxms_result *out)
{
	add_samples(out);
	add_stair(&rec->facts, stair, out);
	if (rec->facts.source_caps & CXMS_SRC_SWITCHES && rec->n_thread > 1)
		add(out, "model.wake", "200us",
		    "a thread was woken by one that was on CPU so shortly before it came back, or "
		    "by none");
	if (moved_pages(out))
		add(out, "model.move_page", "2us", "time of a page that moves beside its bytes");
	cxms_hw_assumed(rec, out);
	if (out->basis.watch.words)
		add(out, "model.watch_stops", "2",
		    "interruptions of the program by a watchpoint beside the uses of its word, "
		    "each as long as a sample");
	if (has_walk(out))
		add(out, "model.full_from", TEXT(CXMS_ASSUMED_FULL_FROM),
		    "share of the miss registers (28.7 lines) from which on a walk waits at any "
		    "use of a line; " TEXT(CXMS_ASSUMED_FULL_FROM_HIGH) " at the high end");
	add_memory(out);
}

void cxms_assumed_exact(struct cxms_result *out)
{
	add(out, "model.issue", TEXT(CXMS_ASSUMED_ISSUE_CYC) "cyc",
	    "from dispatch to the earliest issue");
	add(out, "model.retire", TEXT(CXMS_ASSUMED_RETIRE_CYC) "cyc",
	    "from completion to retirement");
	add(out, "model.redirect", TEXT(CXMS_ASSUMED_REDIRECT_CYC) "cyc",
	    "from a mispredicted branch to dispatch, with decoded uops");
	add(out, "model.fetch_queue", TEXT(CXMS_ASSUMED_FETCH_QUEUE),
	    "uops between fetch and dispatch");
	add(out, "model.tlb2", TEXT(CXMS_ASSUMED_TLB2_CYC) "cyc",
	    "added by a hit in the second-level TLB");
	add(out, "model.short_walk", TEXT(CXMS_ASSUMED_SHORT_WALK),
	    "instructions walked behind a mispredicted branch that waits for no miss");
	add(out, "model.walk_uops", TEXT(CXMS_ASSUMED_WALK_UOPS),
	    "uops of an instruction walked behind a branch that waits for a miss: the reorder "
	    "buffer ends that walk");
	add(out, "model.barren", TEXT(CXMS_ASSUMED_BARREN),
	    "such long walks in a row that bring nothing, from which on few are long");
	add(out, "model.barren_one", TEXT(CXMS_ASSUMED_BARREN_ONE),
	    "one in so many of them is long then");
	add(out, "model.arrived", TEXT(CXMS_ASSUMED_ARRIVED),
	    "mispredicted branches after which a line is there, for wrong paths");
	add(out, "model.branch_history", TEXT(CXMS_BPRED_GLOBAL_BITS),
	    "directions of all branches that the branch predictor goes by");
	add(out, "model.branch_own_history", TEXT(CXMS_BPRED_LOCAL_BITS),
	    "directions of the branch itself that it goes by");
	add(out, "model.branch_targets", TEXT(CXMS_BPRED_TARGETS),
	    "targets of computed jumps that it keeps");
	add(out, "model.branch_returns", TEXT(CXMS_BPRED_RETURNS), "returns that it keeps");
	add(out, "model.nt_open", TEXT(CXMS_ASSUMED_NT_OPEN),
	    "lines that non-temporal stores put together at a time");
	add_memory(out);
}

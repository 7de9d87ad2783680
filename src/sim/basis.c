#include "sim/basis.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/top_sites.h"
#include "sim/watch_check.h"
#include "sim/world.h"

/* Lost share of the samples, or of the page faults, from which a warning is due. */
#define LOST_RATIO     0.005
#define STEAL_RATIO    0.01
#define OVERHEAD_RATIO 0.05
#define UNKNOWN_RATIO  0.25 /* of the memory waits without an address */
#define UNREAD_RATIO   0.05 /* of the user time */
#define CONTRADICTION  1.1  /* lines filled over lines read */
#define FEW_SAMPLES    400u /* one epoch's worth (MODELS: notation) */
#define SHORT_RUN_NS   200000000u
#define BLOCKED_RATIO  0.2
#define TAKEN_RATIO    0.05 /* of the time in which the threads could have run */
#define SHORT_RATIO    0.05 /* of the CPU time, in threads that ran for less than a period */
/* Interruptions of the program by setting a watchpoint and taking it back, each as long as a
 * sample, as each use of the word is. */
#define CXMS_ASSUMED_WATCH_STOPS 2.0

double cxms_overhead_ratio(const struct cxms_recording *rec)
{
	const struct cxms_totals *t = &rec->totals;
	double stops = (double)t->samples + (double)t->mem_samples, run = 0;
	for (size_t i = 0; i < rec->n_watch; i++)
		stops += CXMS_ASSUMED_WATCH_STOPS + rec->watch[i].uses;
	double cost = (double)t->tool_cpu_ns + stops * (double)t->sample_cost_ns;
	for (size_t i = 0; i < rec->n_thread; i++)
		run += (double)rec->thread[i].run_ns;
	return run > 0 ? cost / run : 0;
}

static void count_pages(const struct cxms_recording *rec, struct cxms_basis *out)
{
	double huge = 0;
	for (size_t i = 0; i < cxms_pages_count(rec->pages); i++) {
		const struct cxms_page *p = cxms_pages_at(rec->pages, (uint32_t)i);
		out->known_bytes += p->bytes;
		if (p->bytes > rec->facts.page_bytes)
			huge += (double)p->bytes;
	}
	out->huge_ratio = out->known_bytes ? huge / (double)out->known_bytes : 0;
}

/*
 * How long a thread waited for CPUs that other programs had: after preemptions, as slices tell;
 * where the kernel counts after wake-ups as well, at least what is beyond the time of the program's
 * other threads.
 */
static double taken_ns(const struct cxms_recording *rec, const struct cxms_cells *cells,
		       uint32_t thread, double all_run_ns)
{
	const struct cxms_rec_thread *t = &rec->thread[thread];
	double taken = 0, blocked = 0, others = all_run_ns - (double)t->run_ns;
	for (size_t i = cells->first_of_thread[thread]; i < cells->first_of_thread[thread + 1];
	     i++) {
		taken += cells->cell[i].taken_ns;
		blocked += cells->cell[i].blocked_ns;
	}
	return fmin(blocked, fmax(taken, (double)t->ready_ns - others));
}

int cxms_basis_fill(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_evidence *ev, const struct cxms_world *base,
		    struct cxms_basis *out, struct cxms_err *err)
{
	*out = (struct cxms_basis){.stall_ns = ev->wait_ns,
				   .known_addr_ratio =
					   ev->wait_ns > 0 ? ev->known_ns / ev->wait_ns : 1,
				   .unread_ns = ev->unread_ns,
				   .open_lines = ev->open_lines,
				   .least_lines = ev->least_lines,
				   .read_lines = ev->read_lines,
				   .mem_latency_ns = ev->stair.mem_ps / (double)CXMS_PS_PER_NS,
				   .walk_ns = (double)rec->facts.walk_ps / (double)CXMS_PS_PER_NS,
				   .exposed_waits = base->exposed_waits,
				   .epoch_ns = cells->epoch_ns,
				   .n_epoch = cells->n_epoch,
				   .n_thread = rec->n_thread,
				   .n_process = rec->n_process,
				   .n_page = cxms_pages_count(rec->pages),
				   .footprint_bytes = cxms_pages_total_bytes(rec->pages),
				   .ran_on_ns = rec->ran_on_ns};
	count_pages(rec, out);
	for (size_t i = 0; i < cells->n; i++) {
		out->cpu_ns += cells->cell[i].cpu_ns;
		out->user_ns += cells->cell[i].user_ns;
		out->kernel_ns += cells->cell[i].kernel_ns;
		out->blocked_ns += cells->cell[i].blocked_ns;
	}
	double run = 0;
	for (size_t t = 0; t < rec->n_thread; t++)
		run += (double)rec->thread[t].run_ns;
	for (uint32_t t = 0; t < rec->n_thread; t++)
		out->cpu_taken_ns += taken_ns(rec, cells, t, run);
	double waits = 0, seen_ps = 0;
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (ev->grain_of_sample[i] == CXMS_NO_GRAIN)
			continue;
		waits += s->weight_ns * ev->grain[ev->grain_of_sample[i]].waits[CXMS_SPAN_MID];
		seen_ps += s->weight_ns * ev->grain[ev->grain_of_sample[i]].seen_ps;
	}
	out->observed_ns = waits > 0 ? seen_ps / waits / (double)CXMS_PS_PER_NS : 0;
	for (size_t i = 0; i < ev->n_group; i++)
		out->dram_stall_ns +=
			ev->group[i].stall_ns * cxms_group_memory(&ev->group[i], CXMS_SPAN_MID);
	out->dram_stall_ns += (ev->wait_ns - ev->known_ns) * ev->floating_share[CXMS_SPAN_MID];
	double per_wait = base->free_waits > 0 ? base->free_lines / base->free_waits : 1;
	if (cxms_top_sites(rec, ev, per_wait, out))
		return cxms_fail(err, ENOMEM, "out of memory");
	return cxms_watch_check(rec, ev, out, err);
}

static void judge_loss(const struct cxms_recording *rec, struct cxms_warnings *out)
{
	double lost = (double)rec->lost_samples, got = (double)rec->n_sample;
	if (lost > LOST_RATIO * (lost + got))
		cxms_warn(out, CXMS_W_LOST_SAMPLES, "lost %.1f %% of the samples (scaled for)",
			  100 * lost / (lost + got));
	lost = (double)rec->lost_faults;
	got = (double)rec->n_fault;
	if (lost > LOST_RATIO * (lost + got))
		cxms_warn(out, CXMS_W_LOST_FAULTS, "lost %llu page-fault records",
			  (unsigned long long)rec->lost_faults);
	if (rec->cut)
		cxms_warn(out, CXMS_W_CUT_TRACE, "the recording is cut after %.3g s",
			  (double)rec->duration_ns / 1e9);
	cxms_warn_outlived(rec->n_outlived, out);
}

/* The first sample of a thread comes after a whole period of its own. */
static void judge_short_threads(const struct cxms_recording *rec, struct cxms_warnings *out)
{
	double run = 0, unseen = 0;
	for (uint32_t i = 0; i < rec->n_thread; i++) {
		double ns = (double)rec->thread[i].run_ns;
		run += ns;
		unseen += cxms_rec_is_unseen(rec, i) ? ns : 0;
	}
	if (unseen > SHORT_RATIO * run)
		cxms_warn(out, CXMS_W_SHORT_THREADS,
			  "%.0f %% of the CPU time is of threads that ran for less than %.3g ms, "
			  "the time between two samples",
			  100 * unseen / run, (double)rec->facts.period_ns / 1e6);
}

static void judge_latency(const struct cxms_facts *f, struct cxms_warnings *out)
{
	if (f->latency_given)
		return;
	if (!(f->source_caps & CXMS_SRC_LIVE))
		cxms_facts_warn_assumed(f, out);
	else if (f->llc_bytes && !f->llc_given)
		cxms_warn(out, CXMS_W_LLC_ASSUMED,
			  "memory and cache are told apart by a chase at the start");
}

/* Who else ran, and who waits for whom. */
static void judge_company(const struct cxms_recording *rec, const struct cxms_basis *basis,
			  struct cxms_warnings *out)
{
	double ready = basis->cpu_ns + basis->cpu_taken_ns;
	double asleep = basis->blocked_ns - basis->cpu_taken_ns;
	if (basis->cpu_taken_ns > TAKEN_RATIO * ready)
		cxms_warn(out, CXMS_W_CPU_TAKEN,
			  "other programs had the CPUs for %.0f %% of the time in which the "
			  "program's threads could have run",
			  100 * basis->cpu_taken_ns / ready);
	if (rec->n_thread > 1 && asleep > BLOCKED_RATIO * (asleep + ready))
		cxms_warn(out, CXMS_W_BLOCKED, "%.0f %% of the threads' time is off CPU",
			  100 * asleep / (asleep + ready));
}

/* How much of it ran, and was sampled. */
static void judge_length(const struct cxms_recording *rec, struct cxms_warnings *out)
{
	const struct cxms_totals *t = &rec->totals;
	double cpus = rec->facts.n_cpu ? rec->facts.n_cpu : 1;
	if ((double)t->steal_ns > STEAL_RATIO * (double)rec->duration_ns * cpus)
		cxms_warn(out, CXMS_W_STEAL, "the host took %.1f %% of the CPU time",
			  100 * (double)t->steal_ns / ((double)rec->duration_ns * cpus));
	if (rec->duration_ns < SHORT_RUN_NS)
		cxms_warn(out, CXMS_W_SHORT_RUN, "the program ran for %.3g ms only",
			  (double)rec->duration_ns / 1e6);
	else if (rec->n_sample < FEW_SAMPLES)
		cxms_warn(out, CXMS_W_FEW_SAMPLES, "only %zu samples were taken", rec->n_sample);
	judge_short_threads(rec, out);
}

/* Which parts of the CPU time the samples say little of. */
static void judge_parts(const struct cxms_basis *basis, struct cxms_warnings *out)
{
	if (basis->known_addr_ratio < 1 - UNKNOWN_RATIO)
		cxms_warn(out, CXMS_W_UNKNOWN_ADDRESS,
			  "%.0f %% of the memory waits have no known address",
			  100 * (1 - basis->known_addr_ratio));
	if (basis->unread_ns > UNREAD_RATIO * basis->user_ns)
		cxms_warn(out, CXMS_W_UNREAD_CODE,
			  "%.0f %% of the user time is in code that could not be read",
			  fmin(100, 100 * basis->unread_ns / basis->user_ns));
	if (basis->kernel_ns > CXMS_KERNEL_RATIO * basis->cpu_ns)
		cxms_warn(out, CXMS_W_KERNEL_TIME, "%.0f %% of the CPU time is in the kernel",
			  100 * basis->kernel_ns / basis->cpu_ns);
}

/* What else was measured against what the samples say. */
static void judge_checks(const struct cxms_basis *basis, struct cxms_warnings *out)
{
	if (basis->read_lines > 0 && basis->least_lines > CONTRADICTION * basis->read_lines)
		cxms_warn(
			out, CXMS_W_READ_LESS,
			"the waits stand for %.3g lines at least, but the machine read %.3g lines "
			"of its memory",
			basis->least_lines, basis->read_lines);
	const struct cxms_watch_result *w = &basis->watch;
	if (w->words && (w->share_lo > w->sampled_hi || w->share_hi < w->sampled_lo))
		cxms_warn(
			out, CXMS_W_WATCHED,
			"watched words say that %.0f to %.0f %% of the waits are memory, repeated "
			"lines that %.0f to %.0f %% are",
			100 * w->share_lo, 100 * w->share_hi, 100 * w->sampled_lo,
			100 * w->sampled_hi);
}

void cxms_basis_judge(const struct cxms_recording *rec, const struct cxms_basis *basis,
		      double overhead_ratio, struct cxms_warnings *out)
{
	judge_loss(rec, out);
	judge_length(rec, out);
	judge_parts(basis, out);
	judge_checks(basis, out);
	if (overhead_ratio > OVERHEAD_RATIO)
		cxms_warn(out, CXMS_W_OVERHEAD, "watching cost %.1f %% of the run",
			  100 * overhead_ratio);
	judge_company(rec, basis, out);
	if (!(rec->facts.source_caps & CXMS_SRC_FAULTS))
		cxms_warn(out, CXMS_W_NO_FAULTS, "source '%s' sees no page faults",
			  rec->facts.source);
	judge_latency(&rec->facts, out);
}

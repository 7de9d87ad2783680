#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "report/rpt_priv.h"
#include "trace/event.h"

/* MODELS.md, "Latency" and "Closed loop", with this run's numbers: what a wait is, and how many
 * there were. */
static void put_waits(const struct cxms_basis *b, struct cxms_buf *out)
{
	rpt_para(out, "waits",
		 "S = %s of %s CPU time (user %s, kernel %s) went into memory waits; "
		 "threads were off CPU for %s",
		 rpt_time_ns(RPT_FMT, b->stall_ns), rpt_time_ns(RPT_FMT, b->cpu_ns),
		 rpt_time_ns(RPT_FMT, b->user_ns), rpt_time_ns(RPT_FMT, b->kernel_ns),
		 rpt_time_ns(RPT_FMT, b->blocked_ns));
	rpt_para(out, "DRAM share",
		 "%s %% of S = %s, from how often sampled lines repeat, per instruction and area; "
		 "the "
		 "rest hit caches and does not grow",
		 rpt_pct(RPT_FMT, rpt_ratio(b->dram_stall_ns, b->stall_ns), 1),
		 rpt_time_ns(RPT_FMT, b->dram_stall_ns));
	rpt_para(out, "one wait",
		 "L_obs = L_mem + walk = %s + %s (mean of the waits; %s where accesses at random "
		 "range over the largest area measured, %.0f %% of the touched bytes on base "
		 "pages; a stream walks once a page); the walk stays local",
		 rpt_time_ns(RPT_FMT, b->mem_latency_ns),
		 rpt_time_ns(RPT_FMT, fmax(0, b->observed_ns - b->mem_latency_ns)),
		 rpt_time_ns(RPT_FMT, b->walk_ns), 100 * (1 - b->huge_ratio));
	rpt_para(out, "exposed",
		 "n_e = S_e / (L_obs - h) = %.3g waits in all; h, the part hidden behind older "
		 "work, "
		 "is at most 0.9 L_obs and stands per instruction below",
		 b->exposed_waits);
	rpt_para(out, "traffic",
		 "lines filled = executions x share that misses, where a register tells the turns "
		 "of the loop; the address's own rate, where it moves evenly; one a wait, where it "
		 "hangs on the last; else anything from one a wait (S / L_obs) to %.3g lines in "
		 "flight (T x %.3g / L_obs)%s, and both ends enter the interval",
		 b->open_lines, b->open_lines,
		 b->read_lines > 0 ? " that what was read of this machine's memory allows" : "");
	if (b->read_lines > 0)
		rpt_para(out, "counted", "the machine read %.3g lines of its memory meanwhile",
			 b->read_lines);
	rpt_para(out, "prediction",
		 "S_e' = max(0, S_e + n_e (L_e(load) - L_mem)) per target e; loads set L_e, L_e "
		 "sets the "
		 "time, the time sets the loads: solved together in %zu epoch%s of %s",
		 b->n_epoch, b->n_epoch == 1 ? "" : "s", rpt_time_ns(RPT_FMT, (double)b->epoch_ns));
}

static void put_added(const struct cxms_result *r, struct cxms_buf *out)
{
	double mem = r->basis.mem_latency_ns;
	cxms_buf_printf(out, "\n  topology  local %%  target             L idle   L loaded"
			     "   L - L_mem       S'  residual\n");
	for (size_t i = 0; i < r->n_split; i++) {
		const struct cxms_split_result *s = &r->split[i];
		for (size_t t = 0; t < s->n_target; t++) {
			const struct cxms_target_result *e = &s->target[t];
			cxms_buf_printf(
				out, "  %8" PRIu32 "  %7.1f  %-16.16s  %8s  %9s  %+7.1f ns  %7s",
				s->topology, s->local_pct, e->name,
				rpt_time_ns(RPT_FMT, e->idle_latency_ns),
				rpt_time_ns(RPT_FMT, e->loaded_latency_ns),
				e->loaded_latency_ns - mem, rpt_time_ns(RPT_FMT, e->stall_ns));
			if (t == 0)
				cxms_buf_printf(out, "  %8.1e", s->worst_residual);
			cxms_buf_put_u8(out, '\n');
		}
	}
}

void rpt_intervals(const struct cxms_result *r, struct cxms_buf *out)
{
	cxms_buf_printf(out, "\n  topology  local %%  slowdown  +- sampling  +- model\n");
	for (size_t i = 0; i < r->n_split; i++) {
		const struct cxms_split_result *s = &r->split[i];
		cxms_buf_printf(out, "  %8" PRIu32 "  %7.1f  %8.3f  %11.3f  %8.3f\n", s->topology,
				s->local_pct, s->slowdown, s->sampling_half_width,
				s->model_half_width);
	}
}

/* Function and object of an instruction, as far as the recording names them. */
static void put_place(const struct cxms_site_result *s, struct cxms_buf *out)
{
	const char *slash = strrchr(s->object, '/');
	const char *object = slash ? slash + 1 : s->object;
	if (s->function[0])
		cxms_buf_printf(out, "    in %s+0x%" PRIx32 " of %s\n", s->function,
				s->function_off, object);
	else if (object[0])
		cxms_buf_printf(out, "    in %s+0x%" PRIx32 "\n", object, s->object_off);
}

static void put_sites(const struct cxms_basis *b, struct cxms_buf *out)
{
	if (b->n_site == 0)
		return;
	cxms_buf_printf(out,
			"\n  instructions by memory wait\n"
			"  %-18s  %-9s  %6s  %6s %-13s  %9s  %8s  %10s\n",
			"address", "kind", "S %", "DRAM %", "(low..high)", "footprint", "hidden h",
			"lines/wait");
	for (size_t i = 0; i < b->n_site; i++) {
		const struct cxms_site_result *s = &b->site[i];
		double bytes = s->footprint_bytes >= 0 && s->footprint_bytes < 1e18
				       ? s->footprint_bytes
				       : 0;
		char ip[CXMS_FMT_MAX], span[CXMS_FMT_MAX];
		struct cxms_buf cell = {0};
		cxms_buf_printf(&cell, "(%s..%s)", rpt_pct(ip, s->dram_share_lo, 0),
				rpt_pct(span, s->dram_share_hi, 0));
		cxms_buf_printf(out, "  0x%-16" PRIx64 "  %-9s  %6s  %6s %-13s  %9s  %8s  %10.1f\n",
				s->ip, rpt_site_kind_name(s->kind),
				rpt_pct(RPT_FMT, rpt_ratio(s->stall_ns, b->stall_ns), 1),
				rpt_pct(RPT_FMT, s->dram_share, 1), cxms_buf_text(&cell),
				cxms_fmt_bytes(RPT_FMT, (uint64_t)bytes),
				rpt_time_ns(RPT_FMT, s->hidden_ns), s->mlp);
		cxms_buf_fini(&cell);
		put_place(s, out);
	}
}

/* How the lines of one instruction are known. */
static void put_reason(const struct cxms_site_result *s, struct cxms_buf *out)
{
	switch ((enum cxms_traffic_how)s->how) {
	case CXMS_TRAFFIC_CARRIED:
		cxms_buf_printf(out, "its address hangs on its last value, one line a wait");
		break;
	case CXMS_TRAFFIC_STREAM:
		cxms_buf_printf(out, "its address moves by %.3g GB/s", s->bytes_per_s / 1e9);
		break;
	case CXMS_TRAFFIC_COUNTED:
		cxms_buf_printf(out, "run %s%.3g million times/s",
				s->flags & CXMS_SITE_UNEVEN ? "at most " : "",
				s->turns_per_s / 1e6);
		if (s->flags & CXMS_SITE_APPENDS)
			cxms_buf_printf(out, ", each going on where the last one there ended");
		break;
	default:
		cxms_buf_printf(out, "nothing tells how often it ran");
		break;
	}
	if (s->turns_per_s > 0)
		cxms_buf_printf(out, ", %s a turn (%.0f pairs of samples agree)", s->counter,
				s->turn_pairs);
	else if (s->counter[0])
		cxms_buf_printf(out, ", %s does not tell the turns of its loop", s->counter);
	if (s->line_share_lo < 1)
		cxms_buf_printf(
			out,
			"; waits for lines take %.0f %% (%.0f..%.0f) of its samples' time, "
			"those seen behind it included; the rest falls on any use of a line",
			100 * s->line_share, 100 * s->line_share_lo, 100 * s->line_share_hi);
}

static void put_traffic(const struct cxms_basis *b, struct cxms_buf *out)
{
	if (b->n_site > 0)
		cxms_buf_printf(out, "\n  their lines\n");
	for (size_t i = 0; i < b->n_site; i++) {
		const struct cxms_site_result *s = &b->site[i];
		struct cxms_buf reason = {0};
		put_reason(s, &reason);
		rpt_para(out, "",
			 "0x%" PRIx64 " %s: %s; %.3g lines (%.3g..%.3g), %.3g million/s of CPU "
			 "time, %.3g written back",
			 s->ip, s->operand, cxms_buf_text(&reason), s->lines, s->lines_lo,
			 s->lines_hi, rpt_ratio(s->lines, b->cpu_ns) * 1e3, s->lines_written);
		cxms_buf_fini(&reason);
	}
}

/* How watched words tell, and of which instruction. */
static void put_watched(const struct cxms_basis *b, struct cxms_buf *out)
{
	if (!b->watch.words)
		return;
	cxms_buf_printf(out, "\n  watched words\n");
	rpt_para(out, "",
		 "after a wait a breakpoint is set on its word; the time between two uses gives "
		 "the lines used in between, these a miss ratio m by the staircase, and a use "
		 "waits m L_mem + (1 - m) L_llc; a word is an eighth of a line and seen by one "
		 "thread, so its line may come back sooner: the low end allows for that; none of "
		 "it enters the prediction");
	for (size_t i = 0; i < b->n_site; i++) {
		char who[24];
		snprintf(who, sizeof(who), "0x%" PRIx64 ": ", b->site[i].ip);
		rpt_watched(&b->site[i].watch, "", who, out);
	}
}

void rpt_explain(const struct cxms_result *r, struct cxms_buf *out)
{
	cxms_buf_printf(out, "\nhow these numbers come about\n");
	if (r->exact) {
		rpt_exact_explain(r, out);
		return;
	}
	put_waits(&r->basis, out);
	put_added(r, out);
	rpt_intervals(r, out);
	size_t start = out->len;
	put_sites(&r->basis, out);
	put_watched(&r->basis, out);
	put_traffic(&r->basis, out);
	rpt_scrub(out, start);
}

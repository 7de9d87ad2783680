#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/units.h"
#include "report/rpt_priv.h"

#define COUNT(n) (n), (n) == 1 ? "" : "s"

static void put_region(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_exact_result *x = &r->xr;
	const struct cxms_exact_cfg *host = &r->facts.exact;
	if (!host->roi_begin[0] && !host->roi_end[0] && x->roi_entries + x->roi_exits == 0)
		return;
	rpt_para(out, "region",
		 "from %s to %s; entered %" PRIu64 " time%s, left %" PRIu64 " time%s",
		 host->roi_begin[0] ? host->roi_begin : "the start",
		 host->roi_end[0] ? host->roi_end : "the end", COUNT(x->roi_entries),
		 COUNT(x->roi_exits));
}

static void put_misses(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_exact_result *x = &r->xr;
	char l2[48] = "";
	double access = (double)x->loads + (double)x->stores;
	double kilo = (double)x->timed_insns / 1000;
	if (r->facts.exact.cache[CXMS_EXACT_L2].size_bytes)
		snprintf(l2, sizeof(l2), " %" PRIu64 " accesses the L2,", x->l2_misses);
	rpt_para(out, "misses",
		 "of %" PRIu64 " loads and %" PRIu64 " stores %" PRIu64
		 " missed the L1D (%s %%),%s %" PRIu64
		 " the LLC (%.3g per 1000 instructions); %" PRIu64 " lines written back, %" PRIu64
		 " prefetched; %" PRIu64 " page walks",
		 x->loads, x->stores, x->l1d_misses,
		 rpt_pct(RPT_FMT, rpt_ratio((double)x->l1d_misses, access), 2), l2, x->llc_misses,
		 rpt_ratio((double)x->llc_misses, kilo), x->writebacks, x->prefetches, x->walks);
	rpt_para(out, "core",
		 "%.3g instructions a cycle with everything local; %.3g uops an instruction; "
		 "%" PRIu64 " mispredicted jumps (%.3g per 1000 instructions); %" PRIu64
		 " conditional branches in the whole run",
		 x->native_ipc, rpt_ratio((double)x->uops, (double)x->timed_insns), x->mispredicts,
		 rpt_ratio((double)x->mispredicts, kilo), x->branches);
}

static void put_timed(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_exact_result *x = &r->xr;
	char stretches[48] = "";
	bool import = rpt_is_import(&r->facts);
	if (x->n_window)
		snprintf(stretches, sizeof(stretches), ", in %" PRIu64 " stretch%s", x->n_window,
			 x->n_window == 1 ? "" : "es");
	rpt_para(out, "source",
		 "%s: %" PRIu64 " instruction%s, of which %" PRIu64 " (%s %%) were timed%s%s%s%s",
		 r->facts.source, COUNT(x->insns), x->timed_insns,
		 rpt_pct(RPT_FMT, rpt_ratio((double)x->timed_insns, (double)x->insns), 1),
		 stretches, import ? " (" : "", import ? r->facts.source_reason : "",
		 import ? ")" : "");
}

void rpt_exact_header(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_exact_result *x = &r->xr;
	const struct cxms_basis *b = &r->basis;
	if (!rpt_is_import(&r->facts))
		rpt_para(out, "watched",
			 "for %s under Valgrind; this is not the program's own time",
			 rpt_time_ns(RPT_FMT, (double)x->watch_ns));
	rpt_para(out, "memory", "%s touched in %zu page%s",
		 cxms_fmt_bytes(RPT_FMT, b->footprint_bytes), COUNT(b->n_page));
	if (!rpt_is_import(&r->facts))
		rpt_para(out, "machine", "%s, Linux %s",
			 r->facts.cpu[0] ? r->facts.cpu : "unknown CPU",
			 r->facts.kernel[0] ? r->facts.kernel : "unknown");
	put_timed(r, out);
	put_region(r, out);
	put_misses(r, out);
}

static void put_cache(const char *name, const struct cxms_exact_cache *c, struct cxms_buf *out)
{
	if (c->size_bytes == 0) {
		cxms_buf_printf(out, "no %s", name);
		return;
	}
	cxms_buf_printf(out, "%s %s of %" PRIu32 " ways (%s%s%s", name,
			cxms_fmt_bytes(RPT_FMT, c->size_bytes), c->ways, c->plru ? "plru" : "lru",
			c->inclusive ? ", inclusive" : "", c->hashed ? ", hashed" : "");
	for (uint32_t i = 0; i < c->n_prefetch; i++)
		cxms_buf_printf(out, ", %s %" PRIu32 "+%" PRIu32,
				rpt_prefetch_name(c->prefetch[i].type), c->prefetch[i].degree,
				c->prefetch[i].distance);
	cxms_buf_put_u8(out, ')');
}

static void put_caches(const struct cxms_exact_cfg *x, struct cxms_buf *out)
{
	static const char *const names[CXMS_EXACT_LEVELS] = {"L1I", "L1D", "L2", "LLC"};
	struct cxms_buf text = {0};
	for (unsigned l = 0; l < CXMS_EXACT_LEVELS; l++) {
		put_cache(names[l], &x->cache[l], &text);
		cxms_buf_printf(&text, ", ");
	}
	if (x->tlb_l1)
		cxms_buf_printf(&text, "TLB of %" PRIu32 " and %" PRIu32 " entries for pages of %s",
				x->tlb_l1, x->tlb_l2, cxms_fmt_bytes(RPT_FMT, x->tlb_page_bytes));
	else
		cxms_buf_printf(&text, "no TLB");
	rpt_para(out, "caches",
		 "simulated while the program ran, for each of %" PRIu32
		 " cores and one LLC: %s; prefetchers: degree+distance in lines",
		 x->cores, cxms_buf_text(&text));
	cxms_buf_fini(&text);
}

/* Only of a fresh result: one read back has no figures of its topologies. */
static void put_core(const struct cxms_topo *t, struct cxms_buf *out)
{
	const struct cxms_host *h = &t->host;
	char hz[CXMS_FMT_MAX];
	if (h->rob == 0)
		return;
	rpt_para(out, "core",
		 "%s: %s, %" PRIu32 " uops (%s) a cycle, fetch %s; reorder buffer %" PRIu32
		 ", scheduler %" PRIu32 ", load queue %" PRIu32 ", store queue %" PRIu32
		 " (%s); miss registers: %" PRIu32 " of the L1D, %" PRIu32
		 " of the L2; load to use: "
		 "L1D %" PRIu64 ", L2 %" PRIu64 ", LLC %" PRIu64 " cycles",
		 t->file, cxms_fmt_quantity(hz, CXMS_UNIT_HZ, h->frequency_hz), h->width,
		 h->uops_fused ? "fused" : "split", h->fetch_decoded ? "decoded" : "line", h->rob,
		 cxms_topo_scheduler(h), h->load_queue, h->store_queue,
		 h->store_tso ? "tso" : "weak", h->l1d_mshrs, h->l2_mshrs, h->l1d.latency_cyc,
		 h->l2.present ? h->l2.latency_cyc : 0, h->llc.latency_cyc);
}

/* MODELS.md, "Exact source": what a miss waits for, and what waits for it. */
static void put_clocks(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_exact_cfg *x = &r->facts.exact;
	rpt_para(out, "clocks",
		 "three a thread, in uops: D dispatches, C works as if memory beyond the LLC took "
		 "no "
		 "time, R retires in order; D waits until the uop one reorder buffer before has "
		 "retired, and likewise for the load and the store queue");
	rpt_para(out, "one miss",
		 "ready = max(D + time to its address, end of the miss its address comes from); it "
		 "issues when a miss register is free, and ends L_e(load) after; R = max(R of the "
		 "one "
		 "before + 1/width, C, end of the load); behind a mispredicted jump that waits for "
		 "a "
		 "miss D starts anew at its end");
	rpt_para(out, "slowdown",
		 "R of the last uop / the same with every page local: one model against itself");
	if (x->period_insns)
		rpt_para(out, "sampling",
			 "%" PRIu64 " of each %" PRIu64 " instructions are timed, the others only "
			 "warm caches, TLB and predictor; times are scaled by %.4g",
			 x->detail_insns, x->period_insns,
			 rpt_ratio((double)x->period_insns, (double)x->detail_insns));
}

static void put_latencies(const struct cxms_result *r, struct cxms_buf *out)
{
	cxms_buf_printf(out,
			"\n  topology  local %%  target                reads      writes    L idle"
			"   L loaded\n");
	for (size_t i = 0; i < r->n_split; i++) {
		const struct cxms_split_result *s = &r->split[i];
		for (size_t t = 0; t < s->n_target; t++) {
			const struct cxms_target_result *e = &s->target[t];
			cxms_buf_printf(out,
					"  %8" PRIu32 "  %7.1f  %-16.16s  %9" PRIu64 "  %10" PRIu64
					"  %8s  %9s\n",
					s->topology, s->local_pct, e->name, e->reads, e->writes,
					rpt_time_ns(RPT_FMT, e->idle_latency_ns),
					rpt_time_ns(RPT_FMT, e->loaded_latency_ns));
		}
	}
}

void rpt_exact_explain(const struct cxms_result *r, struct cxms_buf *out)
{
	put_caches(&r->facts.exact, out);
	for (size_t i = 0; i < r->n_topo; i++)
		put_core(r->topo[i], out);
	put_clocks(r, out);
	put_latencies(r, out);
	rpt_intervals(r, out);
}

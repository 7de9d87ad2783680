#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/report.h"
#include "report/rpt_priv.h"

#define PARA_MAX     8192 /* longest paragraph; a longer one ends with "..." */
#define RAN_ON_RATIO 0.01 /* of the native time, from which on it is told */
#define KNOWN_RATIO  0.9  /* of the touched bytes in known pages, below which it is said */
#define TAKEN_RATIO  0.05 /* of the time ready to run, or predicted, from which on it is told */
#define TOP_THREADS  8	  /* threads with a column of their own */

static const char *const cause_heads[CXMS_CAUSE_COUNT] = {
	[CXMS_CAUSE_COMPUTE] = "compute",	  [CXMS_CAUSE_KERNEL] = "kernel",
	[CXMS_CAUSE_BLOCKED] = "blocked",	  [CXMS_CAUSE_LOCAL] = "local",
	[CXMS_CAUSE_CXL_LATENCY] = "CXL latency", [CXMS_CAUSE_CXL_BANDWIDTH] = "CXL queueing",
	[CXMS_CAUSE_SWITCH] = "switch",		  [CXMS_CAUSE_MIGRATION] = "migration",
};

/* Columns of @n bytes: continuation bytes of UTF-8 take none. */
static size_t columns(const char *s, size_t n)
{
	size_t c = 0;
	for (size_t i = 0; i < n; i++)
		c += ((unsigned char)s[i] & 0xc0) != 0x80;
	return c;
}

void rpt_para(struct cxms_buf *out, const char *label, const char *fmt, ...)
{
	char text[PARA_MAX];
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	cxms_buf_printf(out, "%-*s", RPT_LABEL - 1, label);
	size_t at = RPT_LABEL - 1;
	for (const char *p = text; *p;) {
		p += strspn(p, " \t\r\n");
		size_t n = strcspn(p, " \t\r\n");
		if (n == 0)
			break;
		size_t w = columns(p, n);
		if (at + 1 + w > RPT_WIDTH && at > RPT_LABEL) {
			cxms_buf_printf(out, "\n%*s", RPT_LABEL - 1, "");
			at = RPT_LABEL - 1;
		}
		cxms_buf_put_u8(out, ' ');
		cxms_buf_put(out, p, n);
		at += 1 + w;
		p += n;
	}
	cxms_buf_put_u8(out, '\n');
}

void rpt_scrub(struct cxms_buf *out, size_t start)
{
	for (size_t i = start; i < out->len; i++)
		if ((out->data[i] < 0x20 && out->data[i] != '\n') || out->data[i] == 0x7f)
			out->data[i] = '?';
}

static void put_program(const struct cxms_result *r, struct cxms_buf *out)
{
	struct cxms_buf argv = {0};
	for (size_t i = 0; i < r->n_argv; i++)
		cxms_buf_printf(&argv, "%s%s", i ? " " : "", r->argv[i]);
	if (r->n_argv == 0)
		cxms_buf_printf(&argv, "(not recorded)");
	int status = rpt_exit_status(&r->totals);
	if (status < 0)
		rpt_para(out, "program", "%s (%s)", cxms_buf_text(&argv),
			 rpt_is_import(&r->facts) && r->status != CXMS_STATUS_CUT
				 ? "exit status not recorded"
				 : "end not seen");
	else
		rpt_para(out, "program", "%s (exit status %d)", cxms_buf_text(&argv), status);
	cxms_buf_fini(&argv);
}

static void put_hosts(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_split_result *s = r->split;
	struct cxms_buf names = {0};
	if (r->n_split == 0 || s->n_tenant == 0)
		return;
	for (size_t k = 0; k < s->n_tenant; k++)
		cxms_buf_printf(&names, "%s%s", k ? ", " : "", s->tenant[k].name);
	rpt_para(out, "hosts",
		 "%zu on one fabric, a program each, begun together: %s; the lines above are those "
		 "of %s",
		 s->n_tenant, cxms_buf_text(&names), s->tenant[0].name);
	cxms_buf_fini(&names);
}

/* "12 samples, one per 200 us; 3 lost (20.0 %)": of the clock, of accesses, or of both. */
static void put_taken(struct cxms_buf *out, const char *what, uint64_t period_ns, uint64_t got,
		      uint64_t lost)
{
	double taken = (double)got + (double)lost;
	cxms_buf_printf(out, "%s%" PRIu64 " %s", out->len ? ", " : "", got, what);
	if (period_ns)
		cxms_buf_printf(out, ", one per %s", rpt_time_ns(RPT_FMT, (double)period_ns));
	cxms_buf_printf(out, "; %" PRIu64 " lost (%s %%)", lost,
			rpt_pct(RPT_FMT, rpt_ratio((double)lost, taken), 1));
}

static void put_source(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_totals *t = &r->totals;
	bool accesses = r->facts.source_caps & CXMS_SRC_MEM;
	struct cxms_buf text = {0};
	if (!accesses || t->samples)
		put_taken(&text, "samples", r->facts.period_ns, t->samples, t->lost_samples);
	if (accesses)
		put_taken(&text, "accesses", 0, t->mem_samples, t->lost_mem);
	if (t->throttled)
		cxms_buf_printf(&text, "; throttled %" PRIu64 " times", t->throttled);
	if (!rpt_is_import(&r->facts))
		cxms_buf_printf(&text, "; overhead %s %%", rpt_pct(RPT_FMT, r->overhead_ratio, 1));
	if (r->facts.source_reason[0])
		cxms_buf_printf(&text, " (%s)", r->facts.source_reason);
	rpt_para(out, "source", "%s: %s", r->facts.source, cxms_buf_text(&text));
	cxms_buf_fini(&text);
}

/* How many pages the figures rest on: without page faults, those that samples met. */
static void put_pages(const struct cxms_basis *b, struct cxms_buf *out)
{
	bool sampled =
		b->known_bytes && (double)b->known_bytes < KNOWN_RATIO * (double)b->footprint_bytes;
	if (!b->n_page && b->footprint_bytes) {
		cxms_buf_printf(out, ", no page of it known: all of it counts as local");
		return;
	}
	if (sampled)
		cxms_buf_printf(out, ", %s of it in pages that are known:",
				cxms_fmt_bytes(RPT_FMT, b->known_bytes));
	cxms_buf_printf(out, " %s%zu page%s (%s %% in huge pages)%s", sampled ? "" : "in ",
			b->n_page, b->n_page == 1 ? "" : "s", rpt_pct(RPT_FMT, b->huge_ratio, 0),
			sampled ? ", which are placed for all" : "");
}

static void put_memory(const struct cxms_result *r, struct cxms_buf *out)
{
	struct cxms_buf text = {0};
	if (r->basis.footprint_bytes || r->basis.n_page) {
		cxms_buf_printf(&text, "%s touched",
				cxms_fmt_bytes(RPT_FMT, r->basis.footprint_bytes));
		put_pages(&r->basis, &text);
	} else {
		cxms_buf_printf(&text, "what was touched is not known");
	}
	if (r->totals.lost_faults)
		cxms_buf_printf(&text, ", more by up to %" PRIu64 " lost page faults",
				r->totals.lost_faults);
	if (r->totals.peak_rss_bytes || !rpt_is_import(&r->facts))
		cxms_buf_printf(&text, ", peak RSS %s",
				cxms_fmt_bytes(RPT_FMT, r->totals.peak_rss_bytes));
	rpt_para(out, "memory", "%s", cxms_buf_text(&text));
	cxms_buf_fini(&text);
}

/* What ran on after the program's end is in the predicted time, but in no native one. */
static void put_native(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_totals *t = &r->totals;
	const struct cxms_basis *b = &r->basis;
	char more[CXMS_FMT_MAX + 80] = "", taken[CXMS_FMT_MAX + 80] = "";
	if (b->cpu_taken_ns > TAKEN_RATIO * (b->cpu_ns + b->cpu_taken_ns))
		snprintf(taken, sizeof(taken),
			 "; %s ready to run while other programs had the CPUs",
			 rpt_time_ns(RPT_FMT, b->cpu_taken_ns));
	if ((double)b->ran_on_ns > RAN_ON_RATIO * (double)t->duration_ns)
		snprintf(more, sizeof(more), "; what ran on after its end was watched for %s more",
			 rpt_time_ns(RPT_FMT, (double)b->ran_on_ns));
	rpt_para(out, "native",
		 "%s wall, %s user + %s kernel CPU time, %zu thread%s, %zu process%s%s%s",
		 rpt_time_ns(RPT_FMT, (double)t->duration_ns),
		 rpt_time_ns(RPT_FMT, (double)t->user_ns),
		 rpt_time_ns(RPT_FMT, (double)t->system_ns), b->n_thread,
		 b->n_thread == 1 ? "" : "s", b->n_process, b->n_process == 1 ? "" : "es", taken,
		 more);
}

static void put_header(const struct cxms_result *r, struct cxms_buf *out)
{
	const struct cxms_basis *b = &r->basis;
	put_program(r, out);
	if (r->exact) {
		rpt_exact_header(r, out);
		return;
	}
	put_native(r, out);
	put_memory(r, out);
	rpt_para(out, "machine", "%s, Linux %s, memory latency %s (%s), page walk %s",
		 r->facts.cpu[0] ? r->facts.cpu : "unknown CPU",
		 r->facts.kernel[0] ? r->facts.kernel : "unknown",
		 rpt_time_ns(RPT_FMT, b->mem_latency_ns), cxms_latency_origin(&r->facts),
		 rpt_time_ns(RPT_FMT, b->walk_ns));
	put_source(r, out);
}

/* "41..63 %" */
static const char *span_pct(char buf[CXMS_FMT_MAX], double lo, double hi)
{
	char a[CXMS_FMT_MAX], b[CXMS_FMT_MAX];
	snprintf(buf, CXMS_FMT_MAX, "%.12s..%.12s %%", rpt_pct(a, lo, 0), rpt_pct(b, hi, 0));
	return buf;
}

void rpt_watched(const struct cxms_watch_result *w, const char *label, const char *who,
		 struct cxms_buf *out)
{
	if (!w->words)
		return;
	if (!(w->share >= 0)) {
		rpt_para(out, label,
			 "%s%" PRIu64 " words, %" PRIu64
			 " of them 0.75 s or more before the end of their thread: too few to tell",
			 who, w->words, w->judged);
		return;
	}
	bool agree = w->share_lo <= w->sampled_hi && w->sampled_lo <= w->share_hi;
	rpt_para(out, label,
		 "%s%" PRIu64
		 " words say that %s %% (%s) of their waits are memory; repeated lines "
		 "say %s %% (%s), which is used: they %s",
		 who, w->judged, rpt_pct(RPT_FMT, w->share, 0),
		 span_pct(RPT_FMT, w->share_lo, w->share_hi), rpt_pct(RPT_FMT, w->sampled, 0),
		 span_pct(RPT_FMT, w->sampled_lo, w->sampled_hi), agree ? "agree" : "CONTRADICT");
}

static bool has_warning(const struct cxms_result *r, enum cxms_warn_code code)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		if (r->warnings.list[i].code == code)
			return true;
	return false;
}

static void put_trust(const struct cxms_result *r, struct cxms_buf *out)
{
	static const char *const state[] = {
		[CXMS_STATUS_COMPLETE] = "the whole run was seen",
		[CXMS_STATUS_CUT] = "ONLY PART OF THE RUN WAS SEEN",
		[CXMS_STATUS_SELF_CHECK_FAILED] =
			"NO: A SELF-CHECK FAILED, do not use these numbers",
	};
	char seen[80];
	if (r->exact)
		snprintf(seen, sizeof(seen), "%s",
			 rpt_is_import(&r->facts) ? "takes the trace for every access"
						  : "sees every access in user mode");
	else if (r->basis.stall_ns <= 0)
		snprintf(seen, sizeof(seen), "no memory wait was sampled");
	else
		snprintf(seen, sizeof(seen), "%s %% of the memory waits have an address",
			 rpt_pct(RPT_FMT, r->basis.known_addr_ratio, 0));
	bool whole = r->status != CXMS_STATUS_COMPLETE || !has_warning(r, CXMS_W_OUTLIVED);
	/* MODELS.md, "Not modelled" */
	rpt_para(out, "trust",
		 "%s; source %s; %s; %zu warning%s below; not modelled: %scoherence between hosts, "
		 "page tables on CXL, lines cached by another socket, SMT sharing, frequency "
		 "changes, interrupts",
		 whole ? state[r->status] : "what ran up to the end of the program was seen",
		 r->facts.source, seen, r->warnings.n, r->warnings.n == 1 ? "" : "s",
		 r->exact ? "time in the kernel, " : "");
}

/* "mem0 link_up (43.1 %)": the busiest server of a row; empty where nothing is bounded. */
static void put_busiest(const struct cxms_split_result *s, struct cxms_buf *out)
{
	double most = 0;
	for (size_t i = 0; i < s->n_server; i++)
		if (s->server[i].utilization_ratio > most)
			most = s->server[i].utilization_ratio;
	if (s->binding[0])
		cxms_buf_printf(out, "   %s (%s %%)", s->binding, rpt_pct(RPT_FMT, most, 1));
}

static bool has_binding(const struct cxms_split_result *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].binding[0])
			return true;
	return false;
}

static void put_slowdowns(const struct cxms_split_result *s, size_t n, double confidence,
			  struct cxms_buf *out)
{
	cxms_buf_printf(
		out, "\n  local %%    CXL %%   slowdown   %.0f %% interval      predicted time%s\n",
		confidence, has_binding(s, n) ? "   busiest, mean" : "");
	for (size_t i = 0; i < n; i++) {
		cxms_buf_printf(out, "  %7.1f  %7.1f   %8.3f   %.3f .. %.3f   %16s", s[i].local_pct,
				100 - s[i].local_pct, s[i].slowdown, s[i].slowdown_lo,
				s[i].slowdown_hi, rpt_time_ns(RPT_FMT, (double)s[i].time_ns));
		put_busiest(&s[i], out);
		cxms_buf_put_u8(out, '\n');
	}
}

/* Each host against itself with everything local, and alone in the same fabric. */
static void put_tenants(const struct cxms_split_result *s, size_t n, double confidence,
			struct cxms_buf *out)
{
	if (s[0].n_tenant == 0)
		return;
	cxms_buf_printf(out,
			"\n  slowdown by host\n  local %%  host              slowdown   %.0f %% "
			"interval      alone  contention  predicted time\n",
			confidence);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < s[i].n_tenant; k++) {
			const struct cxms_tenant_result *t = &s[i].tenant[k];
			cxms_buf_printf(out, "  %7.1f", s[i].local_pct);
			cxms_buf_printf(out,
					"  %-16.16s  %8.3f   %.3f .. %.3f   %8.3f  %10.3f  %14s\n",
					t->name, t->slowdown, t->slowdown_lo, t->slowdown_hi,
					t->alone_slowdown, t->contention_ratio,
					rpt_time_ns(RPT_FMT, (double)t->time_ns));
		}
		cxms_buf_printf(out,
				"  %7.1f  fairness %.3f (Jain's index of time alone / time in "
				"company)\n",
				s[i].local_pct, s[i].fairness);
	}
}

static double taken_ratio(const struct cxms_split_result *s)
{
	return rpt_ratio((double)s->cpu_taken_ns, (double)s->time_ns);
}

static bool has_taken(const struct cxms_split_result *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (taken_ratio(&s[i]) >= TAKEN_RATIO)
			return true;
	return false;
}

/* Where CPUs were taken by others, how much of the blocked time that is. */
static void put_causes(const struct cxms_split_result *s, size_t n, struct cxms_buf *out)
{
	bool taken = has_taken(s, n);
	cxms_buf_printf(out, "\n  where the predicted time goes, %%\n  local %%");
	for (size_t c = 0; c < CXMS_CAUSE_COUNT; c++)
		cxms_buf_printf(out, "  %s", cause_heads[c]);
	cxms_buf_printf(out, taken ? "  (CPU taken)\n" : "\n");
	for (size_t i = 0; i < n; i++) {
		cxms_buf_printf(out, "  %7.1f", s[i].local_pct);
		for (size_t c = 0; c < CXMS_CAUSE_COUNT; c++) {
			double ratio = rpt_ratio((double)s[i].causes_ns[c], (double)s[i].time_ns);
			cxms_buf_printf(out, "  %*s", (int)strlen(cause_heads[c]),
					rpt_pct(RPT_FMT, ratio, 1));
		}
		if (taken)
			cxms_buf_printf(out, "  %11s", rpt_pct(RPT_FMT, taken_ratio(&s[i]), 1));
		cxms_buf_put_u8(out, '\n');
	}
	if (taken)
		cxms_buf_printf(out, "  CPU taken: of the blocked time, ready to run while other "
				     "programs had the CPUs\n");
}

static void put_moves(const struct cxms_split_result *s, size_t n, struct cxms_buf *out)
{
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any = any || s[i].promotions + s[i].demotions > 0;
	if (!any)
		return;
	cxms_buf_printf(out,
			"\n  pages that moved\n  local %%       bytes    to local      to CXL\n");
	for (size_t i = 0; i < n; i++)
		cxms_buf_printf(out, "  %7.1f  %10s  %10" PRIu64 "  %10" PRIu64 "\n",
				s[i].local_pct, cxms_fmt_bytes(RPT_FMT, s[i].migrated_bytes),
				s[i].promotions, s[i].demotions);
}

static void put_target(const struct cxms_target_result *t, struct cxms_buf *out)
{
	cxms_buf_printf(out, "  %-16.16s  %9s  %9s  %9s  %10s  %10s  %6s\n", t->name,
			cxms_fmt_bytes(RPT_FMT, t->bytes), rpt_time_ns(RPT_FMT, t->idle_latency_ns),
			rpt_time_ns(RPT_FMT, t->loaded_latency_ns),
			cxms_fmt_rate(RPT_FMT, t->read_bytes_per_s),
			cxms_fmt_rate(RPT_FMT, t->write_bytes_per_s),
			rpt_pct(RPT_FMT, t->utilization_ratio, 1));
}

static void put_targets(const struct cxms_split_result *s, size_t n, struct cxms_buf *out)
{
	cxms_buf_printf(out, "\n  where the memory is\n"
			     "  local %%  target              touched       idle     loaded"
			     "        read       write  busy %%\n");
	for (size_t i = 0; i < n; i++)
		for (size_t t = 0; t < s[i].n_target; t++) {
			if (t == 0)
				cxms_buf_printf(out, "  %7.1f", s[i].local_pct);
			else
				cxms_buf_printf(out, "  %7s", "");
			put_target(&s[i].target[t], out);
		}
}

static void put_requests(const struct cxms_split_result *s, size_t n, struct cxms_buf *out)
{
	if (!rpt_has_requests(s, n))
		return;
	cxms_buf_printf(out, "\n  latency of reads one by one\n"
			     "  local %%  target                  p50        p99      p99.9\n");
	for (size_t i = 0; i < n; i++)
		for (size_t t = 0; t < s[i].n_target; t++) {
			const struct cxms_target_result *to = &s[i].target[t];
			if (!(to->p50_ns > 0))
				continue;
			cxms_buf_printf(out, "  %7.1f  %-16.16s  %9s  %9s  %9s\n", s[i].local_pct,
					to->name, rpt_time_ns(RPT_FMT, to->p50_ns),
					rpt_time_ns(RPT_FMT, to->p99_ns),
					rpt_time_ns(RPT_FMT, to->p999_ns));
		}
}

/* The threads of a split with the most CPU time, in that order: indices into thread[]. */
static size_t top_threads(const struct cxms_split_result *s, size_t top[TOP_THREADS])
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_thread; i++) {
		size_t at = n;
		while (at > 0 && s->thread[top[at - 1]].native_ns < s->thread[i].native_ns)
			at--;
		if (at == TOP_THREADS)
			continue;
		size_t last = n < TOP_THREADS ? n++ : n - 1;
		memmove(&top[at + 1], &top[at], (last - at) * sizeof(top[0]));
		top[at] = i;
	}
	return n;
}

/* Numbers of threads that are unique within their process only, as those of the exact source. */
static bool is_ambiguous(const struct cxms_split_result *s, const size_t *top, size_t shown)
{
	for (size_t k = 0; k < shown; k++)
		for (size_t i = 0; i < k; i++) {
			const struct cxms_thread_result *a = &s->thread[top[k]];
			const struct cxms_thread_result *b = &s->thread[top[i]];
			if (a->tid == b->tid && a->pid != b->pid)
				return true;
		}
	return false;
}

static void put_threads(const struct cxms_split_result *s, size_t n, struct cxms_buf *out)
{
	size_t top[TOP_THREADS];
	size_t shown = top_threads(&s[0], top);
	if (s[0].n_thread < 2)
		return;
	cxms_buf_printf(out, "\n  slowdown by thread");
	if (s[0].n_thread > shown)
		cxms_buf_printf(out, ", the %zu with the most CPU time (%zu more)", shown,
				s[0].n_thread - shown);
	if (is_ambiguous(s, top, shown)) {
		cxms_buf_printf(out, "\n  process");
		for (size_t k = 0; k < shown; k++)
			cxms_buf_printf(out, "  %8" PRIu32, s[0].thread[top[k]].pid);
	}
	cxms_buf_printf(out, "\n  local %%");
	for (size_t k = 0; k < shown; k++)
		cxms_buf_printf(out, "  %8" PRIu32, s[0].thread[top[k]].tid);
	cxms_buf_put_u8(out, '\n');
	for (size_t i = 0; i < n; i++) {
		cxms_buf_printf(out, "  %7.1f", s[i].local_pct);
		for (size_t k = 0; k < shown && top[k] < s[i].n_thread; k++)
			cxms_buf_printf(out, "  %8.3f", s[i].thread[top[k]].slowdown);
		cxms_buf_put_u8(out, '\n');
	}
}

/* One topology under one policy: its splits stand together in the result. */
static size_t group_len(const struct cxms_result *r, size_t from)
{
	const struct cxms_split_result *a = &r->split[from];
	size_t n = 1;
	while (from + n < r->n_split && r->split[from + n].topology == a->topology &&
	       strcmp(r->split[from + n].policy, a->policy) == 0)
		n++;
	return n;
}

static void put_groups(const struct cxms_result *r, struct cxms_buf *out)
{
	for (size_t i = 0; i < r->n_split;) {
		const struct cxms_split_result *s = &r->split[i];
		const struct cxms_topo *t = r->topo[s->topology];
		size_t n = group_len(r, i);
		cxms_buf_put_u8(out, '\n');
		rpt_para(out, "topology", "%s (%s), pages placed by %s",
			 t->name && t->name[0] ? t->name : "unnamed", t->file, s->policy);
		put_slowdowns(s, n, r->confidence_pct, out);
		put_tenants(s, n, r->confidence_pct, out);
		put_causes(s, n, out);
		put_moves(s, n, out);
		put_targets(s, n, out);
		put_requests(s, n, out);
		put_threads(s, n, out);
		i += n;
	}
}

/* One note, of either kind: value is NULL for an ignored key. */
struct note {
	const char *key, *value, *reason;
};

static struct note note_at(const struct rpt_notes *n, bool assumed, size_t i)
{
	if (assumed)
		return (struct note){n->assumed[i].key, n->assumed[i].value, n->assumed[i].reason};
	return (struct note){n->ignored[i].key, NULL, n->ignored[i].reason};
}

/* Keys with one and the same reason share a paragraph. */
static void put_grouped(const struct rpt_notes *notes, bool assumed, struct cxms_buf *out)
{
	size_t n = assumed ? notes->n_assumed : notes->n_ignored;
	for (size_t i = 0; i < n; i++) {
		const char *reason = note_at(notes, assumed, i).reason;
		struct cxms_buf keys = {0};
		bool seen = false;
		for (size_t j = 0; j < n && !seen; j++) {
			struct note k = note_at(notes, assumed, j);
			if (strcmp(k.reason, reason) != 0)
				continue;
			seen = j < i;
			cxms_buf_printf(&keys, "%s%s%s%s", keys.len ? ", " : "", k.key,
					k.value ? " = " : "", k.value ? k.value : "");
		}
		if (!seen)
			rpt_para(out, assumed ? "assumed" : "ignored", "%s: %s",
				 cxms_buf_text(&keys), reason);
		cxms_buf_fini(&keys);
	}
}

static void put_notes(const struct cxms_result *r, const struct rpt_notes *notes, bool explain,
		      struct cxms_buf *out)
{
	if (r->warnings.n || notes->n_assumed || notes->n_ignored)
		cxms_buf_put_u8(out, '\n');
	for (size_t i = 0; i < r->warnings.n; i++)
		rpt_para(out, "warning", "%s", r->warnings.list[i].message);
	put_grouped(notes, true, out);
	if (explain) /* otherwise the warning's count will do */
		put_grouped(notes, false, out);
	if (notes->dropped)
		rpt_para(out, "", "and %zu more assumed figures or ignored keys", notes->dropped);
}

void rpt_text(const struct cxms_result *r, const struct rpt_notes *notes, bool explain,
	      struct cxms_buf *out)
{
	size_t start = out->len;
	put_header(r, out);
	put_hosts(r, out);
	rpt_watched(&r->basis.watch, "watched", "", out);
	put_trust(r, out);
	put_groups(r, out);
	if (explain)
		rpt_explain(r, out);
	put_notes(r, notes, explain, out);
	rpt_scrub(out, start);
}

void cxms_report_text(const struct cxms_result *r, bool explain, struct cxms_buf *out)
{
	struct rpt_notes *notes = rpt_notes_of(r);
	if (notes)
		rpt_text(r, notes, explain, out);
	else
		out->failed = true;
	free(notes);
}

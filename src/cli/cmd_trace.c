#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fmt.h"
#include "base/near.h"
#include "base/units.h"
#include "cli/cli.h"
#include "trace/trace.h"

#define READ_EVENTS 1024
#define FMT	    ((char[CXMS_FMT_MAX]){0})

/* From packets on, only some sources have a kind: shown where it came. */
static const char *const kind_names[CXMS_EV_KIND_END] = {
	[CXMS_EV_SAMPLE] = "samples",	 [CXMS_EV_FAULT] = "faults",
	[CXMS_EV_RUN] = "slices",	 [CXMS_EV_FORK] = "forks",
	[CXMS_EV_EXEC] = "execs",	 [CXMS_EV_EXIT] = "exits",
	[CXMS_EV_MAP] = "mappings",	 [CXMS_EV_AREA] = "areas",
	[CXMS_EV_SITE] = "instructions", [CXMS_EV_LOST] = "loss records",
	[CXMS_EV_EXACT] = "packets",	 [CXMS_EV_MEM] = "accesses",
	[CXMS_EV_COUNTER] = "counters",	 [CXMS_EV_COUNT] = "counts",
	[CXMS_EV_WATCH] = "watches",
};

static void put_cache(const char *name, const struct cxms_exact_cache *c, struct cxms_buf *out)
{
	if (c->size_bytes == 0) {
		cxms_buf_printf(out, "  %-11s none\n", name);
		return;
	}
	cxms_buf_printf(out, "  %-11s %s, %" PRIu32 " ways, %s%s%s", name,
			cxms_fmt_bytes(FMT, c->size_bytes), c->ways, c->plru ? "plru" : "lru",
			c->inclusive ? ", inclusive" : "", c->hashed ? ", hashed" : "");
	for (uint32_t i = 0; i < c->n_prefetch; i++)
		cxms_buf_printf(out, ", prefetch %s degree %" PRIu32 " distance %" PRIu32,
				c->prefetch[i].type == CXMS_EXACT_STRIDE ? "stride" : "next-line",
				c->prefetch[i].degree, c->prefetch[i].distance);
	cxms_buf_put_u8(out, '\n');
}

/* What the tool simulated: a replay cannot change it. */
static void put_exact(const struct cxms_exact_cfg *x, struct cxms_buf *out)
{
	cxms_buf_printf(out, "simulated     %" PRIu32 " cores, window of %" PRIu32 " uops\n",
			x->cores, x->window);
	put_cache("L1I", &x->cache[CXMS_EXACT_L1I], out);
	put_cache("L1D", &x->cache[CXMS_EXACT_L1D], out);
	put_cache("L2", &x->cache[CXMS_EXACT_L2], out);
	put_cache("LLC", &x->cache[CXMS_EXACT_LLC], out);
	if (x->tlb_l1)
		cxms_buf_printf(out, "  %-11s %" PRIu32 " and %" PRIu32 " entries, pages of %s\n",
				"TLB", x->tlb_l1, x->tlb_l2,
				cxms_fmt_bytes(FMT, x->tlb_page_bytes));
	else
		cxms_buf_printf(out, "  %-11s none\n", "TLB");
	cxms_buf_printf(out, "region        from %s%s to %s%s\n",
			x->roi_begin[0] ? "entering " : "the start", x->roi_begin,
			x->roi_end[0] ? "entering " : "the end", x->roi_end);
	if (x->period_insns)
		cxms_buf_printf(out, "timed         %" PRIu64 " of each %" PRIu64 " instructions\n",
				x->detail_insns, x->period_insns);
	else
		cxms_buf_printf(out, "timed         all instructions\n");
}

/* Of the machine of an imported recording much may be unknown. */
static const char *size_of(char buf[CXMS_FMT_MAX], uint64_t bytes)
{
	return bytes ? cxms_fmt_bytes(buf, bytes) : "unknown";
}

static void put_facts(const struct cxms_trace_head *h, struct cxms_buf *out)
{
	const struct cxms_facts *f = &h->facts;
	cxms_buf_printf(out, "program       ");
	for (size_t i = 0; i < h->n_argv; i++)
		cxms_buf_printf(out, "%s%s", i ? " " : "", h->argv[i]);
	cxms_buf_printf(out, "%s\n", h->n_argv ? "" : "(not recorded)");
	cxms_buf_printf(out, "cpu           %s", f->cpu[0] ? f->cpu : "unknown");
	if (f->n_cpu)
		cxms_buf_printf(out, ", %" PRIu32 " CPUs", f->n_cpu);
	cxms_buf_printf(out, "%s%s\n", f->machine[0] ? ", " : "", f->machine);
	cxms_buf_printf(out, "kernel        %s\n", f->kernel[0] ? f->kernel : "unknown");
	cxms_buf_printf(out, "pages         %s, huge %s\n", cxms_fmt_bytes(FMT, f->page_bytes),
			cxms_fmt_bytes(FMT, f->huge_bytes));
	cxms_buf_printf(out, "caches        L1D %s, L2 %s, LLC %s%s\n", size_of(FMT, f->l1d_bytes),
			size_of(FMT, f->l2_bytes), size_of(FMT, f->llc_bytes),
			f->llc_given ? " (given)" : "");
	cxms_buf_printf(out, "memory        %s, latency %s (%s), page walk %s\n",
			size_of(FMT, f->mem_total_bytes), cxms_fmt_time_ps(FMT, f->mem_latency_ps),
			cxms_latency_origin(f), cxms_fmt_time_ps(FMT, f->walk_ps));
	cxms_buf_printf(out, "source        %s", f->source);
	if (!(f->source_caps & CXMS_SRC_EXACT))
		cxms_buf_printf(out, ", one sample per %s",
				cxms_fmt_time_ps(FMT, f->period_ns * CXMS_PS_PER_NS));
	cxms_buf_printf(out, "%s%s\n", f->source_reason[0] ? "; " : "", f->source_reason);
	if (f->source_caps & CXMS_SRC_EXACT)
		put_exact(&f->exact, out);
	cxms_buf_printf(out, "seed          %" PRIu64 "\n", h->seed);
}

/* To read, and to the last digit. */
static void put_time(uint64_t ns, struct cxms_buf *out)
{
	cxms_buf_printf(out, "%s (%" PRIu64 " ns)", cxms_fmt_time_ps(FMT, ns * CXMS_PS_PER_NS), ns);
}

static void put_totals(const struct cxms_trace_reader *r, struct cxms_buf *out)
{
	const struct cxms_totals *t = cxms_trace_reader_totals(r);
	const struct cxms_trace_stats *s = cxms_trace_reader_stats(r);
	bool cut = cxms_trace_reader_state(r) == CXMS_TRACE_CUT;
	bool exact = cxms_trace_reader_head(r)->facts.source_caps & CXMS_SRC_EXACT;
	cxms_buf_printf(out, "state         %s%s\n", cut ? "cut: " : "complete",
			cut ? cxms_trace_reader_where(r) : "");
	cxms_buf_printf(out, "duration      ");
	put_time(t->duration_ns, out);
	cxms_buf_put_u8(out, '\n');
	if (!exact)
		cxms_buf_printf(out, "samples       %" PRIu64 ", lost %" PRIu64 "\n", t->samples,
				t->lost_samples);
	if (cxms_trace_reader_head(r)->facts.source_caps & CXMS_SRC_MEM)
		cxms_buf_printf(out, "accesses      %" PRIu64 ", lost %" PRIu64 "\n",
				t->mem_samples, t->lost_mem);
	if (cut || t->user_ns + t->system_ns + t->peak_rss_bytes) { /* no import tells them */
		cxms_buf_printf(out, "CPU time      user ");
		put_time(t->user_ns, out);
		cxms_buf_printf(out, ", system ");
		put_time(t->system_ns, out);
		cxms_buf_printf(out, "%s\n", exact ? " under Valgrind" : "");
		cxms_buf_printf(out, "peak RSS      %s\n", cxms_fmt_bytes(FMT, t->peak_rss_bytes));
	}
	cxms_buf_printf(out,
			"file          %" PRIu64 " bytes in %" PRIu64 " blocks, %" PRIu64
			" unpacked\n",
			s->bytes, s->blocks, s->raw_bytes);
	cxms_buf_printf(out, "events\n");
	for (int k = CXMS_EV_SAMPLE; k < CXMS_EV_KIND_END; k++)
		if (k < CXMS_EV_EXACT || s->events[k] > 0 || (k == CXMS_EV_EXACT && exact))
			cxms_buf_printf(out, "  %-13s %" PRIu64 "\n", kind_names[k], s->events[k]);
}

/* Names come from the recording: none may drive the terminal. */
static void scrub(struct cxms_buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if ((b->data[i] < 0x20 && b->data[i] != '\n') || b->data[i] == 0x7f)
			b->data[i] = '?';
}

/* To the end of the recording; @dump: every event as a line. */
static int read_all(struct cli *c, struct cxms_trace_reader *r, bool dump,
		    struct cli_counts *counts, struct cxms_buf *out)
{
	struct cxms_event *buf = calloc(READ_EVENTS, sizeof(*buf));
	size_t n = 0;
	int rc = buf ? 0 : cxms_fail_sys(&c->err, ENOMEM, "cannot read '%s'", c->argv[1]);
	while (rc == 0) {
		rc = cxms_trace_read(r, buf, READ_EVENTS, &n, &c->err);
		if (rc < 0 || n == 0)
			break;
		for (size_t i = 0; !dump && i < n && rc == 0; i++)
			if (cli_counts_add(counts, &buf[i]))
				rc = cxms_fail(&c->err, ENOMEM, "out of memory for the counters");
		for (size_t i = 0; dump && i < n; i++) {
			cxms_event_print(&buf[i], out);
			cxms_buf_put_u8(out, '\n');
		}
		/* a dump is longer than memory: hand over what there is, unless it goes to a file
		 * at the end */
		if (dump && !c->opt.output) {
			scrub(out);
			rc = cli_out_put(c, out, stdout);
			cxms_buf_clear(out);
		}
	}
	free(buf);
	return rc;
}

static int show(struct cli *c, bool dump, struct cxms_trace_reader *r, struct cxms_buf *out)
{
	if (!dump)
		put_facts(cxms_trace_reader_head(r), out);
	struct cli_counts counts = {0};
	int rc = read_all(c, r, dump, &counts, out);
	if (rc == 0 && !dump) {
		put_totals(r, out);
		cli_counts_put(&counts, out);
	}
	cli_counts_fini(&counts);
	if (rc < 0)
		return rc;
	scrub(out);
	rc = cli_out_put(c, out, stdout);
	if (rc == 0 && cxms_trace_reader_state(r) == CXMS_TRACE_CUT)
		cxms_log(&c->log, CXMS_LOG_NORMAL, "warning: '%s' is %s", c->argv[1],
			 cxms_trace_reader_where(r));
	return rc;
}

int cmd_trace(struct cli *c)
{
	static const char *const words[] = {"info", "dump", NULL};
	char mean[CXMS_NEAR_MEAN_MAX];
	if (c->argc == 0)
		return cli_usage(c, "what to do is missing; one of info, dump");
	const char *word = c->argv[0];
	if (strcmp(word, "pack") == 0)
		return cli_not_yet(c, "trace pack");
	if (strcmp(word, "info") != 0 && strcmp(word, "dump") != 0)
		return cli_usage(c, "unknown word '%.*s' after trace%s; one of info, dump",
				 cxms_quote_len(word), word,
				 cxms_near_mean(mean, "", cxms_near_word(word, words)));
	if (c->argc != 2)
		return cli_usage(c, "'trace %s' takes one recording, got %d", word, c->argc - 1);
	struct cxms_trace_reader *r = NULL;
	struct cxms_buf out = {0};
	int rc = 0;
	if (c->opt.output)
		rc = cli_out_check(c, "--output", c->opt.output);
	if (rc == 0)
		rc = cli_out_distinct(c, c->opt.output, c->argv[1]);
	if (rc == 0)
		rc = cxms_trace_reader_open(c->argv[1], &r, &c->err);
	if (rc == 0)
		rc = show(c, word[0] == 'd', r, &out);
	cxms_buf_fini(&out);
	cxms_trace_reader_close(r);
	return rc < 0 ? cli_fail(c, cli_status_of(rc)) : CLI_OK;
}

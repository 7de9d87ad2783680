#include "record/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/units.h"
#include "base/warn.h"
#include "record/counters.h"
#include "source/calib_store.h"
#include "source/watchpoint.h"
#include "trace/trace.h"

#define READ_EVENTS 1024u
/* A killed recording loses at most this much (and what the source still held). */
#define FLUSH_NS    CXMS_NS_PER_S
#define PROGRESS_NS (CXMS_NS_PER_S / 4)

/* One recording under way. */
struct recording {
	const struct cxms_record_cfg *cfg;
	struct cxms_source *source;
	struct cxms_trace_writer *writer;
	uint64_t begin_ns, begin_cpu_ns, flushed_ns, shown_ns;
	uint64_t samples, lost, packets;
	struct cxms_counters counters;
	struct cxms_err *err;
	int write_rc; /* the first failed write: nothing is written any more */
};

static int check_source(const struct cxms_record_cfg *cfg, const struct cxms_source_ops *ops,
			struct cxms_err *err)
{
	if (cfg->events && !(ops->caps & CXMS_SRC_MEM))
		return cxms_fail(err, EINVAL,
				 "source '%s' samples no events of the PMU; leave --event out, or "
				 "use a source that does (pebs, ibs)",
				 ops->name);
	if (cfg->budget_ppm && !ops->takes_budget)
		return cxms_fail(err, EINVAL,
				 "source '%s' has no budget to keep; leave --budget out%s",
				 ops->name, ops->default_period_ns ? ", or give --period" : "");
	if (cfg->watchpoints && !ops->takes_watchpoints)
		return cxms_fail(err, EINVAL,
				 "source '%s' sets no watchpoints; leave --watchpoints out, or use "
				 "--source clock",
				 ops->name);
	return cfg->watchpoints ? cxms_watchpoint_probe(err) : 0;
}

static int choose_source(const struct cxms_record_cfg *cfg, const struct cxms_source_ops **ops,
			 char *reason, size_t cap, struct cxms_err *err)
{
	int rc;

	if (!cfg->source)
		return cxms_source_auto(ops, reason, cap, err);
	rc = cfg->source->probe(err);
	if (rc) {
		cxms_err_prefix(err, "source '%s' does not work here", cfg->source->name);
		return rc;
	}
	snprintf(reason, cap, "%s: asked for", cfg->source->name);
	*ops = cfg->source;
	return 0;
}

/* What is known before the program runs. Only a live source says anything of this machine. */
static int gather_facts(const struct cxms_record_cfg *cfg, const struct cxms_source_ops *ops,
			struct cxms_facts *facts, struct cxms_err *err)
{
	struct cxms_machine_cfg machine = cfg->machine;

	if (!machine.log)
		machine.log = cfg->log;
	if (ops->caps & CXMS_SRC_LIVE) {
		cxms_machine_identify(facts);
		if (ops->caps & CXMS_SRC_MEM)
			cxms_calib_load(facts, cfg->log);
		return cxms_machine_measure(facts, &machine, err);
	}
	cxms_machine_synthetic(facts, &machine);
	return 0;
}

static int begin_trace(struct recording *r, const struct cxms_facts *facts, int fd,
		       struct cxms_err *err)
{
	const char *pattern_argv[] = {r->source->ops->name, r->cfg->pattern};
	struct cxms_trace_head head = {.facts = *facts, .seed = r->cfg->seed};

	if (r->cfg->no_argv) {
		head.n_argv = 0;
	} else if (r->cfg->argv) {
		head.argv = (const char *const *)r->cfg->argv;
		while (r->cfg->argv[head.n_argv])
			head.n_argv++;
	} else if (r->cfg->pattern) {
		head.argv = pattern_argv;
		head.n_argv = 2;
	}
	return cxms_trace_writer_new(fd, &head, &r->writer, err);
}

static void count(struct recording *r, const struct cxms_event *ev, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ev[i].kind == CXMS_EV_SAMPLE)
			r->samples++;
		else if (ev[i].kind == CXMS_EV_EXACT)
			r->packets++;
		else if (ev[i].kind == CXMS_EV_LOST && ev[i].lost.what == CXMS_LOST_SAMPLES)
			r->lost += ev[i].lost.count;
	}
}

static void show_progress(struct recording *r, uint64_t now_ns)
{
	char size[CXMS_FMT_MAX];

	if (now_ns - r->shown_ns < PROGRESS_NS)
		return;
	r->shown_ns = now_ns;
	cxms_fmt_bytes(size, cxms_trace_written_bytes(r->writer));
	if (r->source->caps & CXMS_SRC_EXACT)
		cxms_log_progress(r->cfg->log, "recording: %.1f s, %llu packets, %s",
				  (double)(now_ns - r->begin_ns) / (double)CXMS_NS_PER_S,
				  (unsigned long long)r->packets, size);
	else
		cxms_log_progress(r->cfg->log, "recording: %.1f s, %llu samples, %llu lost, %s",
				  (double)(now_ns - r->begin_ns) / (double)CXMS_NS_PER_S,
				  (unsigned long long)r->samples, (unsigned long long)r->lost,
				  size);
}

/* A failed write is said at once: the program may run for hours yet. */
static void keep(struct recording *r, const struct cxms_event *ev, size_t n, uint64_t now_ns,
		 struct cxms_err *err)
{
	if (r->write_rc)
		return;
	r->write_rc = cxms_trace_write(r->writer, ev, n, err);
	if (!r->write_rc && now_ns - r->flushed_ns >= FLUSH_NS) {
		r->flushed_ns = now_ns;
		r->write_rc = cxms_trace_flush(r->writer, err);
	}
	if (r->write_rc)
		cxms_log(r->cfg->log, CXMS_LOG_NORMAL, "recording stopped, the program runs on: %s",
			 err ? err->msg : "");
}

/* Our counters have the first numbers; those of the source follow. */
static void renumber(const struct recording *r, struct cxms_event *ev, size_t n)
{
	uint32_t first = cxms_counters_count(&r->counters);

	for (size_t i = 0; i < n; i++) {
		if (ev[i].kind == CXMS_EV_COUNTER)
			ev[i].counter.id += first;
		else if (ev[i].kind == CXMS_EV_COUNT)
			ev[i].count.counter += first;
	}
}

static void keep_counts(void *arg, const struct cxms_event *ev, size_t n)
{
	struct recording *r = arg;

	keep(r, ev, n, cxms_now_ns(), r->err);
}

/* Also when nothing can be written any more: the source has to be emptied for the program to end.
 */
static int drain(struct recording *r, struct cxms_err *err)
{
	struct cxms_event ev[READ_EVENTS];
	bool end = false;
	int rc = 0;

	while (!rc && !end) {
		size_t n = 0;

		rc = r->source->ops->read(r->source, ev, READ_EVENTS, &n, &end, err);
		if (!rc) {
			uint64_t now_ns = cxms_now_ns();

			count(r, ev, n);
			renumber(r, ev, n);
			keep(r, ev, n, now_ns, err);
			cxms_counters_poll(&r->counters, end, keep_counts, r);
			show_progress(r, now_ns);
		}
	}
	cxms_log_progress_end(r->cfg->log);
	return rc;
}

/* Runs the program; *totals in every case, as much as is known of them. */
static int watch(struct recording *r, struct cxms_totals *totals, struct cxms_err *err)
{
	uint64_t cpu_ns;
	int rc = drain(r, err);

	cpu_ns = cxms_cpu_self_ns() - r->begin_cpu_ns;
	if (!rc)
		rc = r->source->ops->stop(r->source, totals, err);
	if (rc) {
		memset(totals, 0, sizeof(*totals));
		totals->duration_ns = cxms_now_ns() - r->begin_ns;
		totals->samples = r->samples;
		totals->lost_samples = r->lost;
	}
	if (!totals->tool_cpu_ns && (r->source->caps & CXMS_SRC_LIVE))
		totals->tool_cpu_ns = cpu_ns;
	if (!rc && !r->write_rc)
		r->write_rc = cxms_trace_finish(r->writer, totals, err);
	return r->write_rc ? r->write_rc : rc;
}

/* The contract of open() and start(): these errors name the program. */
static enum cxms_record_stage stage_of(int rc)
{
	return rc == -ENOENT || rc == -EACCES || rc == -ENOEXEC ? CXMS_RECORD_EXEC_FAILED
								: CXMS_RECORD_NOT_STARTED;
}

/* Opens the source: the program is there, and held. @facts: what its source sees, and how often */
static int open_source(struct recording *r, const struct cxms_source_ops *ops,
		       struct cxms_facts *facts, struct cxms_err *err)
{
	struct cxms_source_cfg cfg = {
		.argv = r->cfg->argv,
		.period_ns = r->cfg->period_ns,
		.sample_cost_ns = ops->stops ? facts->stop_cost_ns : facts->sample_cost_ns,
		.events = r->cfg->events,
		.budget_ppm = r->cfg->budget_ppm,
		.pattern = r->cfg->pattern,
		.watchpoints = r->cfg->watchpoints,
		.seed = r->cfg->seed,
		.exact = r->cfg->exact,
		.sim_packet = r->cfg->sim_packet,
		.sim_time_ns = r->cfg->sim_time_ns,
		.sim_arg = r->cfg->sim_arg,
		.log = r->cfg->log,
		.warnings = r->cfg->warnings,
	};
	int rc = cxms_source_open(ops, &cfg, &r->source, err);

	if (rc)
		return rc;
	facts->period_ns = r->source->cfg.period_ns;
	facts->source_caps = r->source->caps;
	facts->mem_min_cyc = r->source->mem_min_cyc;
	facts->core_hz = r->source->core_hz;
	return 0;
}

/* Counters and the head of the recording, before the program is let go. */
static int prepare(struct recording *r, struct cxms_facts *facts, int fd, struct cxms_err *err)
{
	int rc = cxms_counters_attach(&r->counters, r->cfg->counters, r->source->caps,
				      r->source->pid, err);

	if (rc)
		return rc;
	if (cxms_counters_count(&r->counters) > 0)
		facts->source_caps |= CXMS_SRC_COUNTERS;
	return begin_trace(r, facts, fd, err);
}

static int run(struct recording *r, const struct cxms_source_ops *ops, struct cxms_facts *facts,
	       int fd, struct cxms_record_result *out, struct cxms_err *err)
{
	int rc = open_source(r, ops, facts, err);

	if (rc) {
		out->stage = ops->caps & CXMS_SRC_LIVE ? stage_of(rc) : CXMS_RECORD_NOT_STARTED;
		return rc;
	}
	rc = prepare(r, facts, fd, err);
	if (rc)
		return rc;
	if (!(r->source->caps & (CXMS_SRC_FAULTS | CXMS_SRC_EXACT)) && r->cfg->warnings)
		cxms_warn(r->cfg->warnings, CXMS_W_NO_FAULTS, "source '%s' sees no page faults",
			  ops->name);
	r->begin_ns = r->flushed_ns = r->shown_ns = cxms_now_ns();
	r->begin_cpu_ns = cxms_cpu_self_ns();
	cxms_counters_begin(&r->counters, keep_counts, r);
	rc = ops->start(r->source, err);
	if (rc) {
		out->stage = stage_of(rc);
		return rc;
	}
	out->stage = CXMS_RECORD_RAN;
	rc = watch(r, &out->totals, err);
	if (rc == -ENOTSUP) /* the source gave up: what there is of a recording is of no use */
		out->stage = CXMS_RECORD_NOT_STARTED;
	out->packets = r->packets;
	out->written_bytes = cxms_trace_written_bytes(r->writer);
	return rc;
}

int cxms_record_run(const struct cxms_record_cfg *cfg, int fd, struct cxms_record_result *out,
		    struct cxms_err *err)
{
	const struct cxms_source_ops *ops = NULL;
	struct recording r = {.cfg = cfg, .err = err};
	struct cxms_facts facts = {0};
	char reason[sizeof(facts.source_reason)] = "";
	int rc;

	memset(out, 0, sizeof(*out));
	out->stage = CXMS_RECORD_NOT_STARTED;
	rc = choose_source(cfg, &ops, reason, sizeof(reason), err);
	if (rc)
		goto out;
	out->source = ops;
	rc = check_source(cfg, ops, err);
	if (rc)
		goto out;
	if ((ops->caps & CXMS_SRC_LIVE) && (!cfg->argv || !cfg->argv[0])) {
		rc = cxms_fail(err, EINVAL,
			       "source '%s' has no program to watch; give one after '--'",
			       ops->name);
		goto out;
	}
	rc = cxms_counters_open(&r.counters, cfg->pcm, cfg->log, err);
	if (!rc)
		rc = gather_facts(cfg, ops, &facts, err);
	if (rc)
		goto out;
	snprintf(facts.source, sizeof(facts.source), "%s", ops->name);
	memcpy(facts.source_reason, reason, sizeof(reason));
	if ((ops->caps & CXMS_SRC_EXACT) && cfg->exact)
		facts.exact = *cfg->exact;
	cxms_log(cfg->log, CXMS_LOG_INFO, "source %s", reason);
	rc = run(&r, ops, &facts, fd, out, err);
out:
	cxms_trace_writer_free(r.writer);
	cxms_source_free(r.source);
	cxms_counters_close(&r.counters);
	return rc;
}

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "record/import_run.h"
#include "trace/trace.h"

#define READ_EVENTS    1024u
#define PROGRESS_EVERY 65536u /* events */

/*
 * Of a machine that is not here nothing can be measured. What was not given is that of the machine
 * of source synth (100 ns, 20 ns a walk, 16 MiB of LLC), and said to be assumed.
 */
static void complete_facts(const struct cxms_record_import_cfg *cfg, struct cxms_facts *facts)
{
	struct cxms_machine_cfg machine = cfg->machine;
	struct cxms_facts assumed;

	if (!machine.llc_bytes)
		machine.llc_bytes = facts->llc_bytes;
	cxms_machine_synthetic(&assumed, &machine);
	facts->mem_latency_ps = assumed.mem_latency_ps;
	facts->walk_ps = assumed.walk_ps;
	facts->llc_latency_ps = assumed.llc_latency_ps;
	facts->n_stair = assumed.n_stair;
	memcpy(facts->stair_bytes, assumed.stair_bytes, sizeof(facts->stair_bytes));
	memcpy(facts->stair_ps, assumed.stair_ps, sizeof(facts->stair_ps));
	facts->llc_bytes = assumed.llc_bytes;
	facts->latency_given = cfg->machine.mem_latency_ps != 0;
	facts->llc_given = cfg->machine.llc_bytes != 0;
	if (!cfg->machine.mem_latency_ps || !cfg->machine.walk_ps)
		cxms_facts_warn_assumed(facts, cfg->input.warnings);
}

static int write_all(struct cxms_import *i, struct cxms_trace_writer *w,
		     const struct cxms_record_import_cfg *cfg, uint64_t *n_event,
		     struct cxms_err *err)
{
	struct cxms_event ev[READ_EVENTS];
	bool end = false;
	int rc = 0;

	while (!rc && !end) {
		size_t n = 0;

		rc = i->ops->read(i, ev, READ_EVENTS, &n, &end, err);
		if (!rc)
			rc = cxms_trace_write(w, ev, n, err);
		if ((*n_event + n) / PROGRESS_EVERY != *n_event / PROGRESS_EVERY)
			cxms_log_progress(cfg->log, "importing: %llu events",
					  (unsigned long long)(*n_event + n));
		*n_event += n;
	}
	cxms_log_progress_end(cfg->log);
	return rc;
}

int cxms_record_import(const struct cxms_record_import_cfg *cfg, int fd,
		       struct cxms_record_import_result *out, struct cxms_err *err)
{
	struct cxms_import *i = NULL;
	struct cxms_trace_writer *w = NULL;
	struct cxms_trace_head head = {.seed = cfg->seed};
	struct cxms_record_import_result res = {0};
	uint64_t n_event = 0;
	int rc = cxms_import_open(cfg->format, &cfg->input, &i, err);

	if (rc)
		return rc;
	complete_facts(cfg, &i->facts);
	snprintf(i->facts.source, sizeof(i->facts.source), "%s", cfg->format->name);
	head.facts = i->facts;
	head.argv = i->argv;
	head.n_argv = cfg->no_argv ? 0 : i->n_argv;
	rc = cxms_trace_writer_new(fd, &head, &w, err);
	if (!rc)
		rc = write_all(i, w, cfg, &n_event, err);
	if (rc)
		goto out;
	i->ops->stop(i, &res.totals);
	res.is_cut = i->is_cut;
	memcpy(res.where, i->where, sizeof(res.where));
	if (!res.totals.samples && !res.totals.mem_samples)
		rc = cxms_fail(
			err, ENODATA,
			"'%s' has no samples of use%s%s; see cxlmemsim-import(1) for what to "
			"record",
			cfg->input.in->name, i->where[0] ? ": " : "", i->where);
	else
		rc = res.is_cut ? cxms_trace_flush(w, err) : cxms_trace_finish(w, &res.totals, err);
	if (!rc)
		*out = res;
out:
	cxms_trace_writer_free(w);
	cxms_import_free(i);
	return rc;
}

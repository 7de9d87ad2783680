#include "record/import_exact.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/warn.h"
#include "record/exact_sim.h"
#include "source/imp_access.h"
#include "source/machine.h"
#include "trace/trace.h"

#define PROGRESS_EVERY (1u << 20) /* instructions */

static const char *name_of(enum cxms_import_format format)
{
	return format == CXMS_IMPORT_LACKEY	  ? "lackey"
	       : format == CXMS_IMPORT_DRMEMTRACE ? "drmemtrace"
						  : "champsim";
}

/* A machine nobody knows; what counts of it is what is simulated. */
static void tell_facts(const struct cxms_import_exact_cfg *cfg, struct cxms_facts *f)
{
	const struct cxms_machine_cfg none = {0};
	bool has_code = cfg->format == CXMS_IMPORT_DRMEMTRACE;

	cxms_machine_synthetic(f, &none);
	f->cpu[0] = '\0';
	f->n_cpu = 0;
	f->l1d_bytes = f->l2_bytes = f->llc_bytes = f->mem_total_bytes = 0;
	snprintf(f->machine, sizeof(f->machine), "x86_64");
	snprintf(f->source, sizeof(f->source), "%s", name_of(cfg->format));
	snprintf(f->source_reason, sizeof(f->source_reason),
		 "imported address trace; assumed: branches predicted right%s",
		 has_code ? "" : ", addresses that hang on nothing");
	f->source_caps = CXMS_SRC_EXACT | CXMS_SRC_STORES;
	f->exact = *cfg->exact;
}

static void warn_lines(const struct cxms_import_exact_cfg *cfg,
		       const struct cxms_imp_access_reader *r)
{
	if (r->n_bad)
		cxms_warn(cfg->warnings, CXMS_W_IMPORT_EVENT,
			  "%" PRIu64
			  " line%s of '%s' %s not of format %s, the first is line %" PRIu64,
			  r->n_bad, r->n_bad == 1 ? "" : "s", cfg->in->name,
			  r->n_bad == 1 ? "is" : "are", name_of(cfg->format), r->first_bad);
	else if (r->n_dropped)
		cxms_warn(cfg->warnings, CXMS_W_IMPORT_EVENT,
			  "%" PRIu64 " accesses in '%s' are beyond %u of one instruction",
			  r->n_dropped, cfg->in->name, CXMS_IMP_ACCESS_MAX);
}

static int simulate(struct cxms_exact_sim *s, const struct cxms_import_exact_cfg *cfg,
		    struct cxms_err *err)
{
	struct cxms_imp_access_reader reader;
	struct cxms_imp_insn insn;
	bool more;
	int rc;

	cxms_imp_access_open(&reader, cfg->format, cfg->in);
	more = cxms_imp_access_next(&reader, &insn);
	rc = cxms_exact_sim_begin(s, more ? insn.tid : 1, cfg->no_argv ? "" : cfg->in->name, err);
	for (; !rc && more; more = cxms_imp_access_next(&reader, &insn)) {
		rc = cxms_exact_sim_insn(s, &insn, err);
		if (s->count[CXMS_XN_INSNS] % PROGRESS_EVERY == 0)
			cxms_log_progress(cfg->log, "importing: %" PRIu64 " instructions",
					  s->count[CXMS_XN_INSNS]);
	}
	cxms_log_progress_end(cfg->log);
	if (!rc && cfg->in->error)
		rc = cxms_fail_sys(err, cfg->in->error, "cannot read '%s'", cfg->in->name);
	if (!rc && !s->count[CXMS_XN_INSNS])
		rc = cxms_fail(err, ENODATA, "'%s' has no instruction in format %s", cfg->in->name,
			       name_of(cfg->format));
	warn_lines(cfg, &reader);
	return rc ? rc : cxms_exact_sim_end(s, err);
}

int cxms_import_exact(const struct cxms_import_exact_cfg *cfg, int fd,
		      struct cxms_import_exact_result *out, struct cxms_err *err)
{
	const char *argv[] = {cfg->in->name};
	struct cxms_trace_head head = {.argv = argv, .n_argv = !cfg->no_argv, .seed = cfg->seed};
	struct cxms_exact_sim *s = calloc(1, sizeof(*s));
	struct cxms_trace_writer *w = NULL;
	struct cxms_totals totals = {0};
	int rc = s ? 0 : cxms_fail(err, ENOMEM, "out of memory for caches");

	tell_facts(cfg, &head.facts);
	if (!rc)
		rc = cxms_trace_writer_new(fd, &head, &w, err);
	if (!rc)
		rc = cxms_exact_sim_open(s, cfg->exact, w, err);
	if (!rc)
		rc = simulate(s, cfg, err);
	if (!rc)
		rc = cxms_trace_finish(w, &totals, err);
	if (!rc)
		*out = (struct cxms_import_exact_result){.insns = s->count[CXMS_XN_INSNS],
							 .loads = s->count[CXMS_XN_LOADS],
							 .stores = s->count[CXMS_XN_STORES]};
	if (s)
		cxms_exact_sim_close(s);
	free(s);
	cxms_trace_writer_free(w);
	return rc;
}

/* Importer `perf.data`. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/warn.h"
#include "source/imp_perf.h"
#include "source/imp_rounds.h"
#include "source/import.h"

#define NS_PER_S   1000000000ull
#define BASE_PAGE  4096ull
#define HUGE_PAGE  (2ull << 20)
#define LDLAT_MASK 0xffffu /* Intel: least latency of sampled loads, in config1 */
#define CLOCK_PERIOD_NS                                                                            \
	1000000ull /* perf's 1000 Hz in Linux before 4.19; where it says nothing                   \
		    */

struct perf_import {
	struct cxms_perf_file file;
	struct imp_roles roles;
	struct cxms_rounds rounds;
	struct cxms_imp_watch watch;
	/* the first record: read while the facts were looked for */
	bool has_first, is_read, is_done;
	uint64_t n_foreign; /* records of no event we know */
};

static void close_import(struct cxms_import *i)
{
	struct perf_import *p = i->priv;

	cxms_perf_file_close(&p->file);
	imp_roles_fini(&p->roles);
	cxms_rounds_fini(&p->rounds);
	cxms_imp_watch_fini(&p->watch);
}

static uint64_t period_of(const struct perf_event_attr *attr)
{
	if (attr->freq)
		return attr->sample_freq && attr->sample_freq <= NS_PER_S
			       ? NS_PER_S / attr->sample_freq
			       : CLOCK_PERIOD_NS;
	return attr->sample_period ? attr->sample_period : CLOCK_PERIOD_NS;
}

/* "... @ 2.70GHz": the nominal clock, where the name of the CPU holds it. */
static uint64_t clock_of(const char *cpu)
{
	const char *at = strstr(cpu, "@ ");
	unsigned ghz, hundredths;

	if (!at || sscanf(at, "@ %2u.%2uGHz", &ghz, &hundredths) != 2)
		return 0;
	return ghz * NS_PER_S + hundredths * (NS_PER_S / 100);
}

static void tell_facts(struct cxms_import *i)
{
	const struct perf_import *p = i->priv;
	const struct cxms_perf_info *info = &p->file.info;
	struct cxms_facts *f = &i->facts;

	snprintf(f->cpu, sizeof(f->cpu), "%s", info->cpu);
	snprintf(f->kernel, sizeof(f->kernel), "%s", info->kernel);
	snprintf(f->machine, sizeof(f->machine), "%.*s", (int)sizeof(f->machine) - 1, info->arch);
	f->n_cpu = info->n_cpu;
	f->page_bytes = BASE_PAGE;
	f->huge_bytes = HUGE_PAGE;
	f->l1d_bytes = info->l1d_bytes;
	f->l2_bytes = info->l2_bytes;
	f->llc_bytes = info->llc_bytes;
	f->mem_total_bytes = info->mem_total_bytes;
	f->core_hz = clock_of(info->cpu);
	for (size_t e = 0; e < p->roles.n; e++)
		if (p->roles.role[e] == IMP_ROLE_MEM && !f->mem_min_cyc)
			f->mem_min_cyc = (uint32_t)(p->file.event[e].attr.config1 & LDLAT_MASK);
}

static void tell_caps(struct cxms_import *i)
{
	const struct perf_import *p = i->priv;
	struct cxms_facts *f = &i->facts;

	if (p->roles.n_of[IMP_ROLE_CLOCK])
		f->source_caps |= CXMS_SRC_STORES;
	if (p->roles.n_of[IMP_ROLE_MEM])
		f->source_caps |= CXMS_SRC_MEM | CXMS_SRC_LATENCY;
	for (size_t e = 0; e < p->roles.n; e++) {
		const struct perf_event_attr *attr = &p->file.event[e].attr;

		if (p->roles.role[e] == IMP_ROLE_FAULT && !attr->freq && attr->sample_period == 1)
			f->source_caps |= CXMS_SRC_FAULTS;
		if (p->roles.role[e] == IMP_ROLE_CLOCK && !attr->exclude_kernel)
			f->source_caps |= CXMS_SRC_KERNEL;
		if (p->roles.role[e] == IMP_ROLE_MEM && attr->sample_type & PERF_SAMPLE_PHYS_ADDR)
			f->source_caps |= CXMS_SRC_PHYS;
		if (attr->sample_type & PERF_SAMPLE_READ)
			f->source_caps |= CXMS_SRC_COUNTERS;
		if (attr->context_switch)
			f->source_caps |= CXMS_SRC_SWITCHES;
	}
}

/* The program's words follow "--"; else all of perf's stand. */
static void tell_argv(struct cxms_import *i)
{
	const struct perf_import *p = i->priv;
	size_t from = 0;

	for (size_t w = 0; w < p->file.info.n_word && !from; w++)
		if (!strcmp(p->file.info.word[w], "--") && w + 1 < p->file.info.n_word)
			from = w + 1;
	i->n_argv = p->file.info.n_word - from;
	if (i->n_argv)
		i->argv = (const char *const *)p->file.info.word + from;
}

/* An event that nothing is made of, unless it counts beside others. */
static void warn_events(const struct cxms_import *i)
{
	const struct perf_import *p = i->priv;

	for (size_t e = 0; e < p->roles.n; e++) {
		const struct cxms_perf_event_desc *ev = &p->file.event[e];

		if (p->roles.role[e] != IMP_ROLE_NONE || ev->attr.sample_type & PERF_SAMPLE_READ)
			continue;
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_EVENT,
			  "samples of event '%s' (type %" PRIu32 ", config 0x%" PRIx64
			  ") in '%s' are left out",
			  ev->name, (uint32_t)ev->attr.type, (uint64_t)ev->attr.config,
			  i->cfg.in->name);
	}
}

static void begin_watch(struct cxms_import *i)
{
	struct perf_import *p = i->priv;
	struct cxms_imp_watch_cfg cfg = {.symfs = i->cfg.symfs, .cache = i->cfg.cache};

	cfg.is_amd = strstr(p->file.info.cpu, "AMD") != NULL;
	cfg.period_ns = CLOCK_PERIOD_NS;
	for (size_t e = p->roles.n; e-- > 0;) {
		cfg.has_switches |= p->file.event[e].attr.context_switch;
		if (p->roles.role[e] == IMP_ROLE_CLOCK)
			cfg.period_ns = period_of(&p->file.event[e].attr);
	}
	i->facts.period_ns = p->roles.n_of[IMP_ROLE_CLOCK] ? cfg.period_ns : 0;
	cxms_imp_watch_init(&p->watch, &cfg);
	if (!cfg.has_switches)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_SWITCHES, "'%s' has no context switches",
			  i->cfg.in->name);
}

static bool has_registers(const struct perf_import *p)
{
	for (size_t e = 0; e < p->roles.n; e++)
		if (p->roles.role[e] == IMP_ROLE_CLOCK &&
		    p->file.event[e].attr.sample_type &
			    (PERF_SAMPLE_REGS_USER | PERF_SAMPLE_REGS_INTR))
			return true;
	return false;
}

/* perf record -a, alone or with other letters behind it */
static bool is_wide(const struct cxms_perf_file *f)
{
	for (size_t w = 0; w < f->info.n_word && strcmp(f->info.word[w], "--") != 0; w++)
		if (!strncmp(f->info.word[w], "-a", 2) || !strcmp(f->info.word[w], "--all-cpus"))
			return !f->event[0].attr.enable_on_exec;
	return false;
}

static int check_useful(const struct cxms_import *i, struct cxms_err *err)
{
	const struct perf_import *p = i->priv;

	if (p->roles.n_of[IMP_ROLE_MEM] || has_registers(p))
		return 0;
	if (p->roles.n_of[IMP_ROLE_CLOCK])
		return cxms_fail(err, EINVAL,
				 "the samples of '%s' have no user registers: nothing tells which "
				 "memory was waited for; record with perf record -e cpu-clock:u "
				 "--user-regs -d",
				 i->cfg.in->name);
	return cxms_fail(err, EINVAL,
			 "'%s' has no event of use, its first is '%s'; record with perf record -e "
			 "cpu-clock:u --user-regs, or with perf mem record",
			 i->cfg.in->name, p->file.n_event ? p->file.event[0].name : "");
}

/* In a pipe events and facts come as records before the first of the kernel. */
static int read_first(struct cxms_import *i, struct cxms_err *err)
{
	struct perf_import *p = i->priv;
	const struct perf_event_header *h;
	int rc = cxms_perf_file_next(&p->file, &h, err);

	if (rc)
		return rc;
	p->has_first = h != NULL;
	if (!h)
		return cxms_fail(err, ENODATA, "'%s' has no records%s%s; record again",
				 i->cfg.in->name, p->file.is_cut ? ": " : "", p->file.where);
	return 0;
}

static int open_import(struct cxms_import *i, struct cxms_err *err)
{
	struct perf_import *p = i->priv;
	int rc = cxms_perf_file_open(&p->file, i->cfg.in, err);

	if (!rc)
		rc = read_first(i, err);
	if (!rc)
		rc = imp_roles_init(&p->roles, &p->file, err);
	if (!rc)
		rc = check_useful(i, err);
	if (rc)
		return rc;
	begin_watch(i);
	tell_facts(i);
	tell_caps(i);
	tell_argv(i);
	warn_events(i);
	if (is_wide(&p->file))
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_WIDE,
			  "'%s' was recorded of the whole machine", i->cfg.in->name);
	snprintf(i->facts.source_reason, sizeof(i->facts.source_reason),
		 "imported from a perf.data file%s%s", p->file.info.host[0] ? " of host " : "",
		 p->file.info.host);
	return 0;
}

static int keep(struct perf_import *p, const struct perf_event_header *h, struct cxms_err *err)
{
	uint64_t time_ns;

	if (!imp_record_time(&p->roles, &p->file, h, &time_ns)) {
		p->n_foreign++;
		return 0;
	}
	return cxms_rounds_push(&p->rounds, time_ns, h, h->size, err);
}

/* Records up to the end of a round, or until there is no room for more. */
static int fill(struct perf_import *p, struct cxms_err *err)
{
	const struct perf_event_header *h = (const void *)p->file.rec;
	int rc = 0;

	while (!rc && !cxms_rounds_is_full(&p->rounds)) {
		if (!p->has_first)
			rc = cxms_perf_file_next(&p->file, &h, err);
		p->has_first = false;
		if (rc)
			return rc;
		if (!h) {
			p->is_read = true;
			cxms_rounds_end(&p->rounds);
			return 0;
		}
		if (h->type == CXMS_PERF_FINISHED_ROUND) {
			cxms_rounds_end_round(&p->rounds);
			return 0;
		}
		rc = keep(p, h, err);
	}
	if (!rc)
		cxms_rounds_force(&p->rounds);
	return rc;
}

static void finish(struct cxms_import *i)
{
	struct perf_import *p = i->priv;
	const char *path;
	size_t n_unread;

	cxms_imp_watch_end(&p->watch);
	n_unread = cxms_imp_watch_unread(&p->watch, &path);
	if (n_unread)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_CODE,
			  "'%s'%s is not here, or another than the one that ran", path,
			  n_unread > 1 ? " (and others)" : "");
	p->is_done = true;
	i->is_cut = p->file.is_cut;
	memcpy(i->where, p->file.where, sizeof(i->where));
	if (p->file.aux_bytes)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_EVENT,
			  "%" PRIu64 " bytes of instruction trace in '%s' are left out",
			  p->file.aux_bytes, i->cfg.in->name);
	if (p->rounds.n_late)
		cxms_warn(i->cfg.warnings, CXMS_W_IMPORT_ORDER,
			  "%" PRIu64 " of %" PRIu64 " records in '%s' came too late for their time",
			  p->rounds.n_late, p->file.n_record, i->cfg.in->name);
}

static int read_import(struct cxms_import *i, struct cxms_event *buf, size_t cap, size_t *n,
		       bool *end, struct cxms_err *err)
{
	struct perf_import *p = i->priv;
	struct cxms_evq *out = &p->watch.c.out;
	uint64_t time_ns;
	int rc = 0;

	cxms_evq_recycle(out);
	while (!rc && !p->is_done && out->len - out->head < cap) {
		size_t len;
		const void *rec = cxms_rounds_pop(&p->rounds, &time_ns, &len);

		if (rec)
			rc = imp_record(&p->watch, &p->roles, &p->file, rec, err);
		else if (p->is_read)
			finish(i);
		else
			rc = fill(p, err);
	}
	if (rc)
		return rc;
	*n = cxms_evq_pop(out, buf, cap);
	*end = !*n && p->is_done;
	return 0;
}

static void stop_import(struct cxms_import *i, struct cxms_totals *out)
{
	const struct perf_import *p = i->priv;

	cxms_imp_watch_totals(&p->watch, out);
}

const struct cxms_import_ops cxms_import_perf_data = {
	.name = "perf.data",
	.summary = "what perf record wrote, to a file or a pipe",
	.priv_size = sizeof(struct perf_import),
	.open = open_import,
	.read = read_import,
	.stop = stop_import,
	.close = close_import,
};

#include "source/pmu_names.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256u

int cxms_core_pmus_load(struct cxms_core_pmus *out, struct cxms_err *err)
{
	static const char *const names[] = {"cpu", "cpu_core", "cpu_atom"};
	struct cxms_core_pmus core = {0};

	cxms_cpu_identify(&core.cpu);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct cxms_err why = {0};
		int rc = core.n < CXMS_CORE_PMUS_MAX
				 ? cxms_pmu_load(names[i], &core.pmu[core.n], &why)
				 : -ENOENT;

		if (rc == 0)
			core.n++;
		else if (rc != -ENOENT)
			return cxms_fail(err, why.code, "%s", why.msg);
	}
	*out = core;
	return 0;
}

const char *cxms_origin_name(enum cxms_event_origin origin)
{
	static const char *const names[] = {"libpfm4", "sysfs", "table", "terms"};

	return names[origin];
}

/* "cpu/event=0xd1,umask=0x20/" */
static int by_terms(const char *name, struct cxms_named_event *out, struct cxms_err *err)
{
	char pmu[CXMS_PMU_NAME_MAX], terms[NAME_MAX_BYTES];
	const char *slash = strchr(name, '/');
	size_t n = (size_t)(slash - name), len = strlen(slash + 1);
	int rc;

	if (n == 0 || n >= sizeof(pmu) || len < 2 || len >= sizeof(terms) || slash[len] != '/')
		return cxms_fail(err, EINVAL,
				 "cannot read event '%s'; write it as pmu/term=value,.../", name);
	memcpy(pmu, name, n);
	pmu[n] = '\0';
	memcpy(terms, slash + 1, len - 1);
	terms[len - 1] = '\0';
	out->origin = CXMS_ORIGIN_TERMS;
	out->code = (struct cxms_pmu_code){0};
	rc = cxms_pmu_load(pmu, &out->pmu, err);
	return rc ? rc : cxms_pmu_terms(&out->pmu, name, terms, &out->code, err);
}

/* libpfm4 knows the big cores only; what it encodes must fit this kernel. */
static int by_pfm(const struct cxms_core_pmus *core, unsigned which, const char *name,
		  struct cxms_named_event *out, struct cxms_err *err)
{
	if (!core->cpu.pfm || which > 0 || cxms_pfm_encode(core->cpu.pfm, name, &out->code))
		return -ENOENT;
	out->origin = CXMS_ORIGIN_PFM;
	out->code.type = out->pmu.type;
	return cxms_pmu_check(&out->pmu, name, &out->code, err);
}

static int by_alias(const char *name, struct cxms_named_event *out, struct cxms_err *err)
{
	struct cxms_buf terms = {0};
	int rc = cxms_pmu_alias(&out->pmu, name, &terms);

	out->origin = CXMS_ORIGIN_SYSFS;
	if (!rc)
		rc = cxms_pmu_terms(&out->pmu, name, cxms_buf_text(&terms), &out->code, err);
	cxms_buf_fini(&terms);
	return rc;
}

static bool row_is_for(const struct cxms_event_row *row, const struct cxms_core_pmus *core,
		       unsigned which)
{
	char id[24];

	snprintf(id, sizeof(id), " %s ", core->cpu.name);
	if (!*core->cpu.name || !strstr(row->cpus, id))
		return false;
	return row->pmu ? !strcmp(row->pmu, core->pmu[which].name) : which == 0;
}

static int by_table(const struct cxms_core_pmus *core, unsigned which, const char *name,
		    struct cxms_named_event *out, struct cxms_err *err)
{
	const struct cxms_event_row *row;

	for (size_t i = 0; (row = cxms_event_row(i)); i++) {
		if (!row_is_for(row, core, which) || !cxms_event_name_is(row->name, name))
			continue;
		out->origin = CXMS_ORIGIN_TABLE;
		return cxms_pmu_terms(&out->pmu, name, row->terms, &out->code, err);
	}
	return -ENOENT;
}

bool cxms_events_lack_pfm(const struct cxms_core_pmus *core, struct cxms_err *why)
{
	return core->cpu.pfm && cxms_pfm_check(why) < 0;
}

static void tell_unknown(const struct cxms_core_pmus *core, const struct cxms_pmu *pmu,
			 const char *name, struct cxms_err *err)
{
	struct cxms_err why = {0};
	bool lacks = cxms_events_lack_pfm(core, &why);

	cxms_fail(err, ENOENT,
		  "event '%s' is not known for this CPU (%s, PMU '%s'); see cxlmemsim list events, "
		  "or write it as pmu/term=value,.../%s%s",
		  name, *core->cpu.name ? core->cpu.name : "unknown model", pmu->name,
		  lacks ? "; libpfm4 may know it: " : "", why.msg);
}

int cxms_event_named(const struct cxms_core_pmus *core, unsigned which, const char *name,
		     struct cxms_named_event *out, struct cxms_err *err)
{
	struct cxms_named_event ev = {0};
	int rc;

	if (strchr(name, '/')) {
		rc = by_terms(name, &ev, err);
	} else if (which >= core->n) {
		return cxms_fail(err, ENOENT, "event '%s': this machine shows no core PMU", name);
	} else {
		ev.pmu = core->pmu[which];
		rc = by_pfm(core, which, name, &ev, err);
		if (rc == -ENOENT)
			rc = by_alias(name, &ev, err);
		if (rc == -ENOENT)
			rc = by_table(core, which, name, &ev, err);
		if (rc == -ENOENT)
			tell_unknown(core, &ev.pmu, name, err);
	}
	if (!rc)
		*out = ev;
	return rc;
}

struct list_ctx {
	void (*fn)(void *arg, enum cxms_event_origin origin, const char *name);
	void *arg;
};

static void list_pfm(void *arg, const char *name)
{
	const struct list_ctx *ctx = arg;

	ctx->fn(ctx->arg, CXMS_ORIGIN_PFM, name);
}

static void list_alias(void *arg, const char *name)
{
	const struct list_ctx *ctx = arg;

	ctx->fn(ctx->arg, CXMS_ORIGIN_SYSFS, name);
}

int cxms_events_list(const struct cxms_core_pmus *core, unsigned which,
		     void (*fn)(void *arg, enum cxms_event_origin origin, const char *name),
		     void *arg)
{
	struct list_ctx ctx = {fn, arg};
	const struct cxms_event_row *row;
	int rc = cxms_pmu_aliases(&core->pmu[which], list_alias, &ctx);

	for (size_t i = 0; !rc && (row = cxms_event_row(i)); i++)
		if (row_is_for(row, core, which))
			fn(arg, CXMS_ORIGIN_TABLE, row->name);
	if (!rc && core->cpu.pfm && which == 0)
		rc = cxms_pfm_list(core->cpu.pfm, list_pfm, &ctx);
	return rc == -ENOTSUP ? 0 : rc; /* an older libpfm4 does not know the CPU */
}

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"
#include "cli/cli.h"
#include "policy/policy.h"
#include "source/pmu_names.h"
#include "source/source.h"
#include "topo/preset.h"
#include "topo/topo.h"

static void list_sources(struct cxms_buf *out)
{
	for (size_t i = 0; i < cxms_source_count(); i++)
		cxms_buf_printf(out, "%-16s %s\n", cxms_source_at(i)->name,
				cxms_source_at(i)->summary);
}

static void list_policies(struct cxms_buf *out)
{
	for (size_t i = 0; i < cxms_policy_count(); i++)
		cxms_buf_printf(out, "%-19s %s\n", cxms_policy_at(i)->name,
				cxms_policy_at(i)->summary);
}

static void list_devices(struct cxms_buf *out)
{
	struct cxms_topo_model m;
	for (size_t i = 0; cxms_topo_model(i, &m); i++)
		cxms_buf_printf(out, "%-16s %-15s %s\n", m.name,
				m.is_for_local ? "local, memdev" : "memdev", m.summary);
}

static void put_preset(void *arg, const struct cxms_preset *p)
{
	cxms_buf_printf(arg, "%-16s %-7s %s\n", p->name, p->kind, p->title);
}

struct events_ctx {
	struct cxms_buf *out;
	const char *pmu;
};

static void put_event(void *arg, enum cxms_event_origin origin, const char *name)
{
	struct events_ctx *ctx = arg;
	cxms_buf_printf(ctx->out, "%-16s %-8s %s\n", ctx->pmu, cxms_origin_name(origin), name);
}

/* What --event takes here: the PMU, who names it, the name. */
static int list_events(struct cli *c, struct cxms_buf *out)
{
	struct cxms_core_pmus core;
	int rc = cxms_core_pmus_load(&core, &c->err);
	if (rc == 0 && core.n == 0)
		return cxms_fail(&c->err, ENOTSUP, "this machine shows no core PMU%s",
				 core.cpu.is_guest ? "; let the hypervisor pass it on" : "");
	for (unsigned i = 0; i < core.n && rc == 0; i++) {
		struct events_ctx ctx = {out, core.pmu[i].name};
		rc = cxms_events_list(&core, i, put_event, &ctx);
	}
	struct cxms_err why = {0};
	if (rc == 0 && cxms_events_lack_pfm(&core, &why))
		cxms_log(&c->log, CXMS_LOG_NORMAL, "the names of libpfm4 are left out: %s",
			 why.msg);
	return rc;
}

int cmd_list(struct cli *c)
{
	static const char *const words[] = {"sources",	"events",  "devices",
					    "policies", "presets", NULL};
	char mean[CXMS_NEAR_MEAN_MAX];
	if (c->argc != 1)
		return cli_usage(c,
				 "list takes one of sources, events, devices, policies, presets");
	const char *word = c->argv[0];
	struct cxms_buf out = {0};
	int rc = 0;
	if (strcmp(word, "sources") == 0)
		list_sources(&out);
	else if (strcmp(word, "events") == 0)
		rc = list_events(c, &out);
	else if (strcmp(word, "devices") == 0)
		list_devices(&out);
	else if (strcmp(word, "policies") == 0)
		list_policies(&out);
	else if (strcmp(word, "presets") == 0)
		rc = cxms_preset_list(put_preset, &out, &c->err);
	else
		return cli_usage(c,
				 "cannot list '%.*s'%s; one of sources, events, devices, policies, "
				 "presets",
				 cxms_quote_len(word), word,
				 cxms_near_mean(mean, "", cxms_near_word(word, words)));
	int status = rc < 0 ? cli_fail(c, cli_status_of(rc)) : cli_out_done(c, &out);
	cxms_buf_fini(&out);
	return status;
}

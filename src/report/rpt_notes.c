#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/units.h"
#include "report/rpt_priv.h"

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

void rpt_notes_assumed(struct rpt_notes *n, const struct cxms_assumed *a)
{
	for (size_t i = 0; i < n->n_assumed; i++)
		if (same(n->assumed[i].key, a->key) && same(n->assumed[i].value, a->value))
			return;
	if (n->n_assumed < RPT_NOTES)
		n->assumed[n->n_assumed++] = *a;
	else
		n->dropped++;
}

void rpt_notes_ignored(struct rpt_notes *n, const struct cxms_ignored *k)
{
	for (size_t i = 0; i < n->n_ignored; i++)
		if (same(n->ignored[i].key, k->key) && same(n->ignored[i].reason, k->reason))
			return;
	if (n->n_ignored < RPT_NOTES)
		n->ignored[n->n_ignored++] = *k;
	else
		n->dropped++;
}

static void on_ignored(void *arg, const struct cxms_ignored *key)
{
	rpt_notes_ignored(arg, key);
}

struct rpt_notes *rpt_notes_of(const struct cxms_result *r)
{
	struct rpt_notes *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	for (size_t i = 0; i < r->n_assumed; i++)
		rpt_notes_assumed(n, &r->assumed[i]);
	for (size_t t = 0; t < r->n_topo; t++) {
		for (size_t i = 0; i < r->topo[t]->n_assumed; i++)
			if (r->exact || !r->topo[t]->assumed[i].exact_only)
				rpt_notes_assumed(n, &r->topo[t]->assumed[i]);
		cxms_topo_ignored(r->topo[t],
				  r->exact ? CXMS_TOPO_FOR_EXACT : CXMS_TOPO_FOR_SAMPLED,
				  r->has_hosts, on_ignored, n);
	}
	return n;
}

bool rpt_is_import(const struct cxms_facts *f)
{
	return !(f->source_caps & CXMS_SRC_LIVE) && strcmp(f->source, "synth") != 0;
}

int rpt_exit_status(const struct cxms_totals *t)
{
	if (!t->exit_known)
		return -1;
	if (WIFEXITED(t->exit_status))
		return WEXITSTATUS(t->exit_status);
	if (WIFSIGNALED(t->exit_status))
		return 128 + WTERMSIG(t->exit_status);
	return -1;
}

const char *rpt_cap_name(unsigned bit)
{
	/* order of enum cxms_source_cap */
	static const char *const names[] = {"live",	"latency",  "stores", "phys",
					    "counters", "exact",    "faults", "kernel",
					    "mem",	"switches", "watch"};
	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

const char *rpt_status_name(enum cxms_status status)
{
	switch (status) {
	case CXMS_STATUS_COMPLETE:
		return "complete";
	case CXMS_STATUS_CUT:
		return "cut";
	case CXMS_STATUS_SELF_CHECK_FAILED:
		break;
	}
	return "self_check_failed";
}

const char *rpt_site_kind_name(unsigned kind)
{
	static const char *const names[] = {"none",   "load",	"store",
					    "update", "string", "undecoded"};
	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

const char *rpt_level_name(unsigned level)
{
	static const char *const names[CXMS_EXACT_LEVELS] = {"l1i", "l1d", "l2", "llc"};
	return level < CXMS_EXACT_LEVELS ? names[level] : "unknown";
}

const char *rpt_prefetch_name(unsigned type)
{
	static const char *const names[] = {"unknown", "next-line", "stride"};
	return names[type < sizeof(names) / sizeof(names[0]) ? type : 0];
}

const char *rpt_time_ns(char buf[CXMS_FMT_MAX], double ns)
{
	if (ns >= 0 && ns < 1e16) /* 1e16 ns in ps still fits uint64_t */
		return cxms_fmt_time_ps(buf, (uint64_t)(ns * (double)CXMS_PS_PER_NS + 0.5));
	snprintf(buf, CXMS_FMT_MAX, "n/a");
	return buf;
}

const char *rpt_pct(char buf[CXMS_FMT_MAX], double ratio, int decimals)
{
	if (fabs(ratio) < 1e9)
		snprintf(buf, CXMS_FMT_MAX, "%.*f", decimals, ratio * 100);
	else
		snprintf(buf, CXMS_FMT_MAX, "n/a");
	return buf;
}

bool rpt_has_requests(const struct cxms_split_result *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t t = 0; t < s[i].n_target; t++)
			if (s[i].target[t].p50_ns > 0)
				return true;
	return false;
}

double rpt_ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

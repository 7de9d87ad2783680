#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "base/near.h"
#include "cli/cli.h"
#include "sim/exact_host.h"
#include "source/machine.h"
#include "source/source.h"
#include "topo/topo.h"

#define LINE_BYTES 64u
#define FMT	   ((char[CXMS_FMT_MAX]){0})

/* An option that only source exact takes, and that was given; NULL = none. */
static const char *exact_option(const struct cli *c)
{
	return c->opt.roi_begin					     ? "--roi-begin"
	       : c->opt.roi_end					     ? "--roi-end"
	       : c->opt.exact_window				     ? "--exact-window"
	       : c->opt.topology.n > 0 && c->verb->run == cmd_record ? "--topology"
								     : NULL;
}

int cli_exact_check(struct cli *c, bool *is_exact)
{
	const struct cxms_source_ops *ops = c->opt.source ? cxms_source_find(c->opt.source) : NULL;
	const struct cli_opts *o = &c->opt;
	const char *option = exact_option(c);
	*is_exact = ops && ops->caps & CXMS_SRC_EXACT;
	if (option && !*is_exact)
		return cxms_fail(&c->err, EINVAL,
				 "'%s' is for the source that simulates caches; add '--source "
				 "exact', or leave it out",
				 option);
	if (*is_exact && c->opt.period_ps)
		return cxms_fail(&c->err, EINVAL,
				 "'--period' is for sources that sample, and source exact sees "
				 "everything; see '--exact-window'");
	if (*is_exact && c->opt.llc_bytes)
		return cxms_fail(&c->err, EINVAL,
				 "'--llc-size' is for sources that sample, and source exact "
				 "simulates 'host.caches.llc'; state it there");
	option = *is_exact ? cxms_replay_not_exact((enum cxms_engine)o->engine,
						   (enum cxms_blocked)o->blocked, o->epoch_ps, 0)
			   : NULL;
	if (option)
		return cxms_fail(&c->err, EINVAL,
				 "'%s' does not apply to source exact, whose requests are replayed "
				 "one by one; leave the option out",
				 option);
	return 0;
}

/* Digits, then k, M or G for thousands; moves *@p on. 0 = none of these, or too large */
static uint64_t read_insns(const char **p)
{
	static const struct {
		char letter;
		uint64_t factor;
	} scale[] = {{'k', 1000}, {'M', 1000000}, {'G', 1000000000}};
	uint64_t v = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (v > UINT64_MAX / 100)
			return 0;
		v = v * 10 + (uint64_t)(**p - '0');
	}
	for (size_t i = 0; i < sizeof(scale) / sizeof(scale[0]); i++)
		if (**p == scale[i].letter) {
			(*p)++;
			return v > INT64_MAX / scale[i].factor ? 0 : v * scale[i].factor;
		}
	return v > INT64_MAX ? 0 : v;
}

static int read_window(struct cli *c, struct cxms_exact_cfg *x)
{
	const char *text = c->opt.exact_window, *p = text;
	if (!text)
		return 0;
	uint64_t detail = read_insns(&p);
	uint64_t period = *p == '/' ? (p++, read_insns(&p)) : 0;
	if (detail == 0 || period == 0 || *p)
		return cxms_fail(
			&c->err, EINVAL,
			"'--exact-window' must be DETAIL/PERIOD in instructions, both above "
			"0, such as 10M/100M, got '%.*s'",
			cxms_quote_len(text), text);
	if (detail > period)
		return cxms_fail(
			&c->err, EINVAL,
			"'--exact-window %s' times more instructions than a period has; give "
			"the smaller number first",
			text);
	if (detail == period)
		return 0; /* everything is timed, as without the option */
	x->detail_insns = detail;
	x->period_insns = period;
	return 0;
}

static int read_name(struct cli *c, const char *option, const char *name, char *out)
{
	size_t len = name ? strlen(name) : 0;
	if (!name)
		return 0;
	if (len == 0 || len >= CXMS_EXACT_NAME_MAX)
		return cxms_fail(&c->err, EINVAL,
				 "'%s' must be a function's name of 1 .. %u bytes, as nm shows it",
				 option, CXMS_EXACT_NAME_MAX - 1);
	memcpy(out, name, len + 1);
	return 0;
}

static int read_region(struct cli *c, struct cxms_exact_cfg *x)
{
	int rc = read_name(c, "--roi-begin", c->opt.roi_begin, x->roi_begin);
	if (rc == 0)
		rc = read_name(c, "--roi-end", c->opt.roi_end, x->roi_end);
	if (rc == 0 && x->roi_begin[0] && strcmp(x->roi_begin, x->roi_end) == 0)
		rc = cxms_fail(&c->err, EINVAL,
			       "'--roi-begin' and '--roi-end' name one function, '%s'; give two",
			       x->roi_begin);
	return rc;
}

/* The largest number of ways up to the assumed one that makes whole sets; false: size not known. */
static bool set_size(struct cxms_exact_cache *c, uint64_t bytes)
{
	if (bytes < LINE_BYTES || bytes % LINE_BYTES)
		return false;
	while (bytes % ((uint64_t)c->ways * LINE_BYTES))
		c->ways--;
	c->size_bytes = bytes;
	return true;
}

static int assume_host(struct cli *c, struct cxms_exact_cfg *x)
{
	struct cxms_facts facts = {0};
	struct cxms_topo *t = NULL;
	int rc = cxms_topo_assumed(&t, &c->err);
	if (rc == 0)
		rc = cxms_exact_of_host(t, x, &c->err);
	cxms_topo_free(t);
	if (rc < 0)
		return rc;
	cxms_machine_identify(&facts);
	bool known[3] = {set_size(&x->cache[CXMS_EXACT_L1D], facts.l1d_bytes),
			 set_size(&x->cache[CXMS_EXACT_L2], facts.l2_bytes),
			 set_size(&x->cache[CXMS_EXACT_LLC], facts.llc_bytes)};
	const char *words[2] = {"assumed", "this machine's"};
	cxms_log(&c->log, CXMS_LOG_NORMAL,
		 "no topology was given: simulated are L1D %s (%s), L2 %s (%s), LLC %s (%s), and "
		 "else an assumed host; replay needs a topology with the same",
		 cxms_fmt_bytes(FMT, x->cache[CXMS_EXACT_L1D].size_bytes), words[known[0]],
		 cxms_fmt_bytes(FMT, x->cache[CXMS_EXACT_L2].size_bytes), words[known[1]],
		 cxms_fmt_bytes(FMT, x->cache[CXMS_EXACT_LLC].size_bytes), words[known[2]]);
	return 0;
}

/* One simulation serves all of them: only what lies behind the caches may differ. */
static int merge_hosts(struct cli *c, const struct cxms_topo *const *topo, size_t n_topo,
		       struct cxms_exact_cfg *x)
{
	struct cxms_exact_diff d;
	int rc = cxms_exact_of_host(topo[0], x, &c->err);
	for (size_t i = 1; i < n_topo && rc == 0; i++) {
		struct cxms_exact_cfg other;
		rc = cxms_exact_of_host(topo[i], &other, &c->err);
		if (rc == 0 && cxms_exact_differ(x, &other, &d))
			rc = cxms_fail(&c->err, EINVAL,
				       "'%s' is %s in '%s' but %s in '%s': source exact simulates "
				       "one host; make them the same, or run once for each",
				       d.key, d.a, topo[0]->file, d.b, topo[i]->file);
		if (rc == 0 && other.window > x->window)
			x->window = other.window;
	}
	return rc;
}

int cli_exact_load(struct cli *c, const struct cxms_topo *const *topo, size_t n_topo,
		   struct cxms_exact_cfg *out)
{
	struct cxms_exact_cfg asked = {0}; /* region and sampling */
	int rc = read_region(c, &asked);
	if (rc == 0)
		rc = read_window(c, &asked);
	if (rc == 0)
		rc = n_topo ? merge_hosts(c, topo, n_topo, out) : assume_host(c, out);
	if (rc < 0)
		return rc;
	out->detail_insns = asked.detail_insns;
	out->period_insns = asked.period_insns;
	memcpy(out->roi_begin, asked.roi_begin, sizeof(out->roi_begin));
	memcpy(out->roi_end, asked.roi_end, sizeof(out->roi_end));
	return 0;
}

#include "sim/asked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "topo/topo.h"
#include "trace/trace.h"

static const double default_split_pct[] = {100, 75, 50, 25, 0};
static const char *const default_policy[] = {"page-interleave"};

struct cxms_asked cxms_asked_of(const struct cxms_replay_cfg *cfg, const struct cxms_topo *t)
{
	struct cxms_asked a = {cfg->policy, cfg->n_policy, cfg->split_pct, cfg->n_split};
	if (a.n_policy == 0) {
		a.policy = t->policy ? (const char *const *)&t->policy : default_policy;
		a.n_policy = 1;
	}
	if (a.n_split == 0) {
		a.split_pct = t->n_split ? t->split_pct : default_split_pct;
		a.n_split = t->n_split ? t->n_split
				       : sizeof(default_split_pct) / sizeof(*default_split_pct);
	}
	return a;
}

size_t cxms_asked_count(const struct cxms_replay_cfg *cfg)
{
	size_t n = 0;
	for (size_t i = 0; i < cfg->n_topo; i++) {
		struct cxms_asked a = cxms_asked_of(cfg, cfg->topo[i]);
		n += a.n_policy * a.n_split;
	}
	return n;
}

int cxms_asked_argv(const struct cxms_trace_head *head, struct cxms_result *out)
{
	if (head->n_argv == 0)
		return 0;
	out->argv = calloc(head->n_argv, sizeof(*out->argv));
	if (!out->argv)
		return -ENOMEM;
	for (; out->n_argv < head->n_argv; out->n_argv++) {
		out->argv[out->n_argv] = strdup(head->argv[out->n_argv]);
		if (!out->argv[out->n_argv])
			return -ENOMEM;
	}
	return 0;
}

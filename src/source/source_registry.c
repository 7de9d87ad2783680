/* The table of sources: best live ones first; adding a source is one line here. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/source.h"

static const struct {
	const struct cxms_source_ops *ops;
	const char *works; /* what a probe() without error found; NULL: never chosen by itself */
} sources[] = {
	{&cxms_source_pebs, "the CPU samples loads and stores"},
	{&cxms_source_ibs, "the CPU samples loads and stores"},
	{&cxms_source_clock, "perf_event_open works"},
	{&cxms_source_ptrace, "ptrace works"},
	{&cxms_source_exact, NULL}, /* ten times slower and more: only when asked for */
	{&cxms_source_synth, "needs nothing of this machine"},
};

size_t cxms_source_count(void)
{
	return sizeof(sources) / sizeof(sources[0]);
}

const struct cxms_source_ops *cxms_source_at(size_t i)
{
	assert(i < cxms_source_count());
	return sources[i].ops;
}

const struct cxms_source_ops *cxms_source_find(const char *name)
{
	for (size_t i = 0; i < cxms_source_count(); i++) {
		if (!strcmp(sources[i].ops->name, name))
			return sources[i].ops;
	}
	return NULL;
}

/* Where this is why, the event does not matter. */
#define REFUSED "perf_event_open is refused"

int cxms_source_auto(const struct cxms_source_ops **out, char *reason, size_t cap,
		     struct cxms_err *err)
{
	struct cxms_buf why = {0};
	struct cxms_err e;
	const char *cause;
	int rc;

	for (size_t i = 0; i < cxms_source_count(); i++) {
		const struct cxms_source_ops *ops = sources[i].ops;

		if (!(ops->caps & CXMS_SRC_LIVE) || !sources[i].works)
			continue;
		memset(&e, 0, sizeof(e));
		rc = ops->probe(&e);
		if (rc == 0) {
			if (why.len)
				snprintf(reason, cap, "%s, because %s", ops->name,
					 cxms_buf_text(&why));
			else
				snprintf(reason, cap, "%s: %s", ops->name, sources[i].works);
			*out = ops;
			goto out;
		}
		if (rc == -ENODEV) /* nothing that could be made to work here */
			continue;
		cause = strstr(e.msg, REFUSED) ? strstr(e.msg, REFUSED) : e.msg;
		if (why.len && strstr(cxms_buf_text(&why), cause))
			cxms_buf_printf(&why, "; %s likewise", ops->name);
		else
			cxms_buf_printf(&why, "%s%s: %s", why.len ? "; " : "", ops->name, cause);
	}
	rc = cxms_fail(err, ENOTSUP, "no source can watch a program here: %s", cxms_buf_text(&why));
out:
	cxms_buf_fini(&why);
	return rc;
}

int cxms_source_open(const struct cxms_source_ops *ops, const struct cxms_source_cfg *cfg,
		     struct cxms_source **out, struct cxms_err *err)
{
	struct cxms_source *s;
	int rc;

	if (ops->abi != CXMS_SOURCE_ABI)
		return cxms_fail(err, EINVAL, "source '%s' has interface %u, not %u; rebuild it",
				 ops->name, ops->abi, CXMS_SOURCE_ABI);
	s = calloc(1, sizeof(*s));
	if (!s)
		return cxms_fail(err, ENOMEM, "no memory for source '%s'", ops->name);
	s->ops = ops;
	s->cfg = *cfg;
	s->caps = ops->caps;
	s->priv = calloc(1, ops->priv_size ? ops->priv_size : 1);
	if (!s->priv) {
		free(s);
		return cxms_fail(err, ENOMEM, "no memory for source '%s'", ops->name);
	}
	rc = ops->open(s, err);
	if (rc) {
		cxms_source_free(s);
		return rc;
	}
	if (!s->cfg.period_ns)
		s->cfg.period_ns = ops->default_period_ns;
	*out = s;
	return 0;
}

void cxms_source_free(struct cxms_source *s)
{
	if (!s)
		return;
	s->ops->close(s);
	free(s->priv);
	free(s);
}

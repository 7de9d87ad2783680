#include "sim/xlive.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "sim/xengine.h"
#include "topo/topo.h"

struct cxms_xlive {
	struct cxms_fabric fabric;
	struct cxms_xengine engine;
	struct cxms_xpages pages; /* none: everything is local */
	struct cxms_xread *read;
	bool asked, broken;
};

int cxms_xlive_new(const struct cxms_topo *topo, struct cxms_xlive **out, struct cxms_err *err)
{
	struct cxms_xlive *x = calloc(1, sizeof(*x));
	int rc = x ? cxms_fabric_build(topo, CXMS_ASSUMED_LIVE_LOCAL_PS, &x->fabric, err)
		   : cxms_fail(err, ENOMEM, "out of memory");
	if (!rc)
		rc = cxms_xread_new(!topo->host.uops_fused, &x->read, err);
	if (!rc) {
		x->engine.fabric = &x->fabric;
		x->engine.pages = &x->pages;
		x->engine.n_lane = 1;
		cxms_xengine_host(topo, 0, &x->engine.window);
		rc = cxms_xengine_init(&x->engine, err);
	}
	if (!rc) {
		*out = x;
		x = NULL;
	}
	cxms_xlive_free(x);
	return rc;
}

void cxms_xlive_free(struct cxms_xlive *x)
{
	if (!x)
		return;
	if (x->engine.fabric)
		cxms_xengine_fini(&x->engine);
	cxms_fabric_fini(&x->fabric);
	cxms_xread_free(x->read);
	free(x);
}

static int on_runs(void *arg, const struct cxms_xruns *runs, struct cxms_err *err)
{
	struct cxms_xlive *x = arg;
	return x->asked ? cxms_xengine_run(&x->engine, 0, runs, err) : 0;
}

static int on_control(void *arg, const struct cxms_xcontrol *c, struct cxms_err *err)
{
	struct cxms_xlive *x = arg;
	return x->asked ? cxms_xengine_control(&x->engine, 0, c, err) : 0;
}

void cxms_xlive_packet(void *live, const void *data, size_t len, bool may_skip)
{
	struct cxms_xlive *x = live;
	const struct cxms_xsink sink = {x, on_runs, on_control};
	if (x->broken)
		return;
	if (may_skip && !x->asked)
		x->broken = cxms_xread_skip(x->read, data, len, NULL) < 0;
	else
		x->broken = cxms_xread_packet(x->read, data, len, &sink, NULL) < 0;
}

uint64_t cxms_xlive_time_ns(void *live, uint32_t pid, uint32_t tid)
{
	struct cxms_xlive *x = live;
	x->asked = true;
	return cxms_xengine_thread_ps(&x->engine, pid, tid, 0) / CXMS_PS_PER_NS;
}

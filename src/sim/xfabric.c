#include "sim/xfabric.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "sim/event_net.h"

/*
 * Queues hold any number of requests: a window's miss registers bound them already, and its
 * requests come out of order, so that what comes early in time may be asked behind what comes late.
 * A device without a model waits for its bandwidth only: so the window was judged
 * (tests/data/gem5).
 */
int cxms_xlane_init(struct cxms_xlane *x, const struct cxms_fabric *f, uint64_t seed,
		    struct cxms_err *err)
{
	const struct cxms_net_cfg cfg = {.fabric = f, .caps_only = true, .seed = seed};
	*x = (struct cxms_xlane){0};
	x->target = calloc(f->n_target, sizeof(*x->target));
	int rc = x->target ? 0 : cxms_fail(err, ENOMEM, "out of memory");
	for (size_t t = 0; t < f->n_target && !rc; t++) {
		x->target[t].idle_ps = (uint64_t)f->target[t].idle_ps;
		x->target[t].switch_ps = (uint64_t)f->target[t].switch_ps;
	}
	if (!rc)
		rc = cxms_net_new(&cfg, &x->net, err);
	if (rc)
		cxms_xlane_fini(x);
	return rc;
}

void cxms_xlane_fini(struct cxms_xlane *x)
{
	cxms_net_free(x->net);
	free(x->target);
	*x = (struct cxms_xlane){0};
}

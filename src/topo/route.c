#include <errno.h>
#include <string.h>

#include "topo/topo.h"

void cxms_topo_path(const struct cxms_topo *t, int dev, int *path, size_t *n)
{
	size_t len = 0;
	for (int at = dev; at != CXMS_TOPO_HOST; at = t->dev[at].upstream)
		path[len++] = at;
	*n = len;
}

/* Bytes that a receiver collects before it may use the first: it checks a whole flit at once, the
 * latency-optimised one by halves (CXL 3.1, 4.2.3, 4.3.3). */
#define FLIT_68_BYTES	    68u
#define FLIT_256_BYTES	    256u
#define FLIT_256_LOPT_BYTES 128u

uint64_t cxms_topo_flit_ps(const struct cxms_link *l)
{
	static const uint32_t whole[] = {[CXMS_FLIT_68B] = FLIT_68_BYTES,
					 [CXMS_FLIT_256B] = FLIT_256_BYTES,
					 [CXMS_FLIT_256B_LOPT] = FLIT_256_LOPT_BYTES};
	if (l->gen == 0)
		return 0;
	/* both ways; a lane moves 2^gen Gbit/s (PCIe 6.0, 1.2) */
	uint64_t bits = 2ull * 8 * (whole[l->flit] - FLIT_68_BYTES);
	return bits * 1000 / ((1ull << l->gen) * l->width);
}

/* An idle request queues nowhere: what lies on its way adds up (MODELS: fabric, idle latency). */
uint64_t cxms_topo_idle_ps(const struct cxms_topo *t, int dev)
{
	uint64_t ps = 0;
	for (int at = dev; at != CXMS_TOPO_HOST; at = t->dev[at].upstream)
		ps += t->dev[at].latency_ps + t->dev[at].link.latency_ps +
		      cxms_topo_flit_ps(&t->dev[at].link);
	return ps;
}

int cxms_topo_find(const struct cxms_topo *t, const char *name)
{
	for (size_t i = 0; i < t->n_dev; i++)
		if (strcmp(t->dev[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

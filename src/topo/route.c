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

/* An idle request queues nowhere: what lies on its way adds up (MODELS: fabric, idle latency). */
uint64_t cxms_topo_idle_ps(const struct cxms_topo *t, int dev)
{
	uint64_t ps = 0;
	for (int at = dev; at != CXMS_TOPO_HOST; at = t->dev[at].upstream)
		ps += t->dev[at].latency_ps + t->dev[at].link.latency_ps;
	return ps;
}

int cxms_topo_find(const struct cxms_topo *t, const char *name)
{
	for (size_t i = 0; i < t->n_dev; i++)
		if (strcmp(t->dev[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

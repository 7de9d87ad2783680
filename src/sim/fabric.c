#include "sim/fabric.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "topo/topo.h"

static double cap_of(uint64_t bytes_per_s)
{
	return bytes_per_s == CXMS_UNLIMITED ? INFINITY : (double)bytes_per_s;
}

static struct cxms_server device_server(const struct cxms_bw *bw, double idle_ps, bool md1)
{
	return (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
				    .read_cap = cap_of(bw->read),
				    .write_cap = cap_of(bw->write),
				    .total_cap = cap_of(bw->total),
				    .idle_ps = idle_ps,
				    .shape = md1 ? CXMS_SHAPE_MD1 : CXMS_SHAPE_TYPICAL};
}

static double link_rate(const struct cxms_link *l)
{
	if (l->gen == 0)
		return INFINITY;
	return cxms_link_usable_bytes_per_s(l->gen, l->width, l->flit != CXMS_FLIT_68B,
					    l->encoding);
}

/* Two servers a device: 2 d + 1 its own bandwidth, 2 d + 2 its link; 0 is local memory. */
static size_t device_index(size_t dev)
{
	return 2 * dev + 1;
}

/* Devices that name the same root port share its link: the first of them carries it. */
static size_t link_index(const struct cxms_topo *t, size_t dev)
{
	const struct cxms_dev *d = &t->dev[dev];
	if (d->upstream == CXMS_TOPO_HOST && d->root_port >= 0)
		for (size_t i = 0; i < dev; i++)
			if (t->dev[i].upstream == CXMS_TOPO_HOST &&
			    t->dev[i].root_port == d->root_port)
				return 2 * i + 2;
	return 2 * dev + 2;
}

static void build_servers(const struct cxms_topo *t, double local_ps, struct cxms_fabric *f)
{
	f->server[0] = device_server(&t->host.local_bw, local_ps, false);
	for (size_t i = 0; i < t->n_dev; i++) {
		const struct cxms_dev *d = &t->dev[i];
		struct cxms_server link = {.kind = CXMS_SERVER_LINK,
					   .dir_bytes_per_s = link_rate(&d->link)};
		size_t at = link_index(t, i);
		f->server[device_index(i)] =
			device_server(&d->bw, (double)d->latency_ps, d->type == CXMS_DEV_SWITCH);
		f->server[2 * i + 2] =
			(struct cxms_server){.kind = CXMS_SERVER_LINK, .dir_bytes_per_s = INFINITY};
		if (at == 2 * i + 2 || link.dir_bytes_per_s > f->server[at].dir_bytes_per_s)
			f->server[at] = link;
	}
}

static int build_target(const struct cxms_topo *t, int dev, struct cxms_fabric_target *out)
{
	int path[CXMS_TOPO_MAX_DEVICES];
	size_t n;
	cxms_topo_path(t, dev, path, &n);
	out->name = t->dev[dev].name;
	out->idle_ps = (double)cxms_topo_idle_ps(t, dev);
	out->switch_ps = out->idle_ps - (double)t->dev[dev].latency_ps;
	out->capacity_bytes = cap_of(t->dev[dev].capacity_bytes);
	out->server = calloc(2 * n, sizeof(*out->server));
	if (!out->server)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		out->server[out->n_server++] = device_index((size_t)path[i]);
		out->server[out->n_server++] = link_index(t, (size_t)path[i]);
	}
	return 0;
}

static size_t target_of(const struct cxms_topo *t, int dev)
{
	for (size_t i = 0; i < t->n_memdev; i++)
		if (t->memdev[i] == dev)
			return i + 1;
	return 0;
}

static int build_targets(const struct cxms_topo *t, double local_ps, struct cxms_fabric *f)
{
	const struct cxms_region *region = &t->region[0];
	f->target[0] =
		(struct cxms_fabric_target){.name = "local",
					    .idle_ps = local_ps,
					    .capacity_bytes = cap_of(t->host.local_capacity_bytes)};
	f->target[0].server = calloc(1, sizeof(*f->target[0].server));
	if (!f->target[0].server)
		return -ENOMEM;
	f->target[0].n_server = 1;
	for (size_t i = 0; i < t->n_memdev; i++)
		if (build_target(t, t->memdev[i], &f->target[i + 1]))
			return -ENOMEM;
	f->interleave = calloc(region->n_target, sizeof(*f->interleave));
	if (!f->interleave)
		return -ENOMEM;
	for (size_t i = 0; i < region->n_target; i++)
		f->interleave[f->n_interleave++] = target_of(t, region->target[i]);
	return 0;
}

int cxms_fabric_build(const struct cxms_topo *topo, double mem_latency_ps, struct cxms_fabric *out,
		      struct cxms_err *err)
{
	double local_ps = topo->host.local_latency_auto ? mem_latency_ps
							: (double)topo->host.local_latency_ps;
	*out = (struct cxms_fabric){.n_target = topo->n_memdev + 1,
				    .n_server = 2 * topo->n_dev + 1,
				    .l1d_mshrs = topo->host.l1d_mshrs,
				    .l2_mshrs = topo->host.l2_mshrs,
				    .rob = topo->host.rob};
	out->target = calloc(out->n_target, sizeof(*out->target));
	out->server = calloc(out->n_server, sizeof(*out->server));
	if (!out->target || !out->server || build_targets(topo, local_ps, out)) {
		cxms_fabric_fini(out);
		return cxms_fail(err, ENOMEM, "out of memory for the fabric");
	}
	build_servers(topo, local_ps, out);
	return 0;
}

void cxms_fabric_fini(struct cxms_fabric *f)
{
	for (size_t i = 0; f->target && i < f->n_target; i++)
		free(f->target[i].server);
	free(f->target);
	free(f->server);
	free(f->interleave);
	*f = (struct cxms_fabric){0};
}

#include "sim/event_device.h"

#include <math.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/units.h"
#include "sim/event_net.h"
#include "sim/fabric.h"
#include "topo/topo.h"

/* NULL: made by hand, the server says all there is. */
static const struct cxms_memory *memory_of(const struct cxms_fabric *f, size_t server)
{
	if (!f->topo || !f->part)
		return NULL;
	if (f->part[server].part == CXMS_PART_LOCAL)
		return &f->topo->host.local_memory;
	if (f->part[server].part != CXMS_PART_DEVICE)
		return NULL;
	int dev = cxms_topo_find(f->topo, f->part[server].name);
	return dev >= 0 ? &f->topo->dev[dev].memory : NULL;
}

static void set_paged(const struct cxms_memory *m, struct cxms_device_cfg *out)
{
	out->kind = CXMS_DEVICE_PAGED;
	out->page_bytes = m->page_bytes;
	out->buffer_bytes = m->buffer_bytes;
	out->fetch_ps = m->fetch_ps;
	out->fault_ps = m->fault_ps;
	out->backing_bytes_per_s = m->backing_bytes_per_s == CXMS_UNLIMITED
					   ? INFINITY
					   : (double)m->backing_bytes_per_s;
	out->depth = m->depth;
}

static void set_shape(const struct cxms_server *s, bool caps_only, struct cxms_device_cfg *out)
{
	out->kind = CXMS_DEVICE_FIXED;
	if (s->shape == CXMS_SHAPE_TYPICAL && !caps_only)
		out->kind = CXMS_DEVICE_TYPICAL;
	if (s->shape == CXMS_SHAPE_QUEUE) {
		out->kind = CXMS_DEVICE_QUEUE;
		out->channels = s->channels;
		out->turnaround_ps = (uint64_t)llround(s->turnaround_ps);
	}
	if (s->shape == CXMS_SHAPE_CURVE) {
		out->kind = CXMS_DEVICE_CURVE;
		out->curve = s->curve;
		out->curve_peak_scale = s->curve_scale;
	}
}

static void whole(const struct cxms_net_cfg *cfg, size_t server, struct cxms_device_cfg *out)
{
	const struct cxms_fabric *f = cfg->fabric;
	const struct cxms_server *s = &f->server[server];
	const struct cxms_memory *m = memory_of(f, server);
	*out = (struct cxms_device_cfg){.read_cap = s->read_cap,
					.write_cap = s->write_cap,
					.total_cap = s->total_cap,
					.idle_ps = s->idle_ps,
					.wire_bytes_per_s = s->wire_bytes_per_s,
					.seed = cxms_hash_u64(cfg->seed) + server};
	set_shape(s, cfg->caps_only && !(m && m->stated), out);
	if (!m)
		return;
	if (m->model == CXMS_MODEL_BANK)
		cxms_fabric_bank(m, out);
	if (!cfg->no_addresses && (m->model == CXMS_MODEL_SSD || m->model == CXMS_MODEL_FAR))
		set_paged(m, out);
	out->tail_p99_ps = m->tail_p99_ps;
	out->tail_p999_ps = m->tail_p999_ps;
}

void cxms_event_device(const struct cxms_net_cfg *cfg, size_t server, struct cxms_device_cfg *out)
{
	whole(cfg, server, out);
	if (!cfg->fabric->server[server].wires_apart || out->kind != CXMS_DEVICE_TYPICAL)
		return;
	out->wire_bytes_per_s = 0;
	out->tail_p99_ps = out->tail_p999_ps = 0;
}

bool cxms_event_head(const struct cxms_net_cfg *cfg, size_t server, struct cxms_device_cfg *out)
{
	const struct cxms_fabric *f = cfg->fabric;
	if (!f->part || f->part[server].part != CXMS_PART_LINK || f->part[server].head == SIZE_MAX)
		return false;
	whole(cfg, f->part[server].head, out);
	out->seed += server; /* tails of their own */
	return out->kind == CXMS_DEVICE_TYPICAL;
}

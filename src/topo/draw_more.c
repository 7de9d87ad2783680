#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fmt.h"
#include "topo/draw.h"
#include "topo/topo_priv.h"

/* Lines below a box of the picture, each ended by \n. */

static bool is_unlimited(const struct cxms_bw *bw)
{
	return bw->read == CXMS_UNLIMITED && bw->write == CXMS_UNLIMITED &&
	       bw->total == CXMS_UNLIMITED;
}

static void put_model(struct cxms_buf *out, const struct cxms_memory *m)
{
	char bytes[CXMS_FMT_MAX], time[CXMS_FMT_MAX];
	switch (m->model) {
	case CXMS_MODEL_TYPICAL:
		break;
	case CXMS_MODEL_FIXED:
		cxms_buf_printf(out, "model fixed\n");
		break;
	case CXMS_MODEL_QUEUE:
		cxms_buf_printf(out, "model queue, %" PRIu32 " channels\n", m->channels);
		break;
	case CXMS_MODEL_BANK:
		cxms_buf_printf(out, "model bank, %" PRIu32 " x %s\n", m->channels, m->dram->name);
		break;
	case CXMS_MODEL_CURVE:
		cxms_buf_printf(out, "curve %s%s\n", m->curve->name,
				m->curve_absolute ? ", absolute" : "");
		break;
	case CXMS_MODEL_SSD:
	case CXMS_MODEL_FAR:
		cxms_buf_printf(out, "model %s, buffer %s, a page in %s\n",
				m->model == CXMS_MODEL_SSD ? "ssd" : "far",
				cxms_fmt_bytes(bytes, m->buffer_bytes),
				cxms_fmt_time_ps(time, m->fetch_ps));
		break;
	}
	if (m->tail_p999_ps)
		cxms_buf_printf(out, "tail p99.9 +%s\n", cxms_fmt_time_ps(time, m->tail_p999_ps));
}

static void put_shares(struct cxms_buf *out, const struct cxms_dev *d)
{
	char bytes[CXMS_FMT_MAX], time[CXMS_FMT_MAX];
	for (size_t i = 0; i < d->n_logical; i++)
		cxms_buf_printf(out, "%s%s %s%s", i ? ", " : "for ", d->logical[i].host,
				cxms_fmt_bytes(bytes, d->logical[i].capacity_bytes),
				i + 1 == d->n_logical ? "\n" : "");
	if (d->n_extent)
		cxms_buf_printf(out, "capacity changes %zu times, first after %s\n", d->n_extent,
				cxms_fmt_time_ps(time, d->extent[0].at_ns * CXMS_PS_PER_NS));
}

static void put_region(struct cxms_buf *out, const struct cxms_topo *t, int dev)
{
	const struct topo_owner *own = t->owner;
	char bytes[CXMS_FMT_MAX];
	for (size_t i = 0; own->region_stated && i < t->n_region; i++) {
		const struct cxms_region *r = &t->region[i];
		for (size_t k = 0; k < r->n_target; k++) {
			if (r->target[k] != dev)
				continue;
			cxms_buf_printf(out, "region %s", r->name);
			if (r->n_target > 1)
				cxms_buf_printf(out, ", way %zu of %zu, every %s", k + 1,
						r->n_target,
						cxms_fmt_bytes(bytes, r->granularity_bytes));
			cxms_buf_printf(out, "\n");
		}
	}
}

static void put_share(struct cxms_buf *out, const char *what, const struct cxms_draw_part *p)
{
	if (p->known)
		cxms_buf_printf(out, "%s %.3g %%%s", what, p->utilization * 100,
				p->binding ? " (binding)" : "");
}

static void put_part(struct cxms_buf *out, const char *what, const struct cxms_draw_part *p)
{
	char reads[CXMS_FMT_MAX], writes[CXMS_FMT_MAX], wait[CXMS_FMT_MAX];
	if (!p->known)
		return;
	put_share(out, what, p);
	cxms_buf_printf(out, ", %s read, %s written", cxms_fmt_rate(reads, p->read_bytes_per_s),
			cxms_fmt_rate(writes, p->write_bytes_per_s));
	if (!isnan(p->wait_ns))
		cxms_buf_printf(out, ", waits %s",
				cxms_fmt_time_ps(wait, (uint64_t)(p->wait_ns * 1e3 + 0.5)));
	cxms_buf_put_u8(out, '\n');
}

void topo_more_host(const struct cxms_topo *t, const struct cxms_draw_load *load,
		    struct cxms_buf *out)
{
	if (t->host_preset)
		cxms_buf_printf(out, "preset %s\n", t->host_preset);
	put_model(out, &t->host.local_memory);
	if (!is_unlimited(&t->host.bridge_bw)) {
		cxms_buf_printf(out, "bridge ");
		topo_put_bw(out, &t->host.bridge_bw);
		cxms_buf_printf(out, "\n");
	}
	if (!load)
		return;
	put_part(out, "local load", &load->local);
	put_part(out, "bridge load", &load->bridge);
}

void topo_more_device(const struct cxms_topo *t, int dev, const struct cxms_draw_load *load,
		      struct cxms_buf *out)
{
	const struct cxms_dev *d = &t->dev[dev];
	if (d->preset)
		cxms_buf_printf(out, "preset %s\n", d->preset);
	put_model(out, &d->memory);
	put_shares(out, d);
	put_region(out, t, dev);
	if (load)
		put_part(out, "load", &load->dev[dev].inside);
	if (load)
		put_part(out, "medium", &load->dev[dev].medium);
}

void topo_more_link(int dev, const struct cxms_draw_load *load, struct cxms_buf *out)
{
	if (!load)
		return;
	put_share(out, "up", &load->dev[dev].up);
	put_share(out, load->dev[dev].up.known ? ", down" : "down", &load->dev[dev].down);
}

bool topo_is_binding(int dev, const struct cxms_draw_load *load)
{
	return load && (load->dev[dev].up.binding || load->dev[dev].down.binding);
}

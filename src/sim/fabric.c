#include "sim/fabric.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"
#include "mem/curve.h"
#include "mem/device.h"
#include "mem/measure.h"
#include "mem/tail.h"
#include "topo/topo.h"

#define NO_SERVER SIZE_MAX
/* Lines of a point of a measured curve, a mean to some per cent; over more rows than banks keep. */
#define BANK_LINES	8000u
#define BANK_SPAN_BYTES (1ull << 32)
/* Where regions begin does not matter to the model, as long as it is aligned: local memory that
 * states no capacity gets a terabyte. */
#define LOCAL_FRAMES_BYTES (1ull << 40)

/* Where the servers of each device stand. */
struct plan {
	const struct cxms_topo *topo;
	struct cxms_fabric *f;
	size_t *device;		/* [dev] */
	size_t *medium;		/* [dev] */
	size_t *link;		/* [host][dev] */
	size_t *local, *bridge; /* [host] */
	struct cxms_err *err;
};

/* Unlimited, or a topology made by hand that states none. */
static double cap_of(uint64_t bytes_per_s)
{
	return bytes_per_s == CXMS_UNLIMITED || bytes_per_s == 0 ? INFINITY : (double)bytes_per_s;
}

static size_t add_server(struct plan *p, struct cxms_server s, const char *name,
			 enum cxms_part part, uint32_t host)
{
	p->f->server[p->f->n_server] = s;
	p->f->part[p->f->n_server] =
		(struct cxms_fabric_part){name, part, host, NO_SERVER, NO_SERVER};
	return p->f->n_server++;
}

static struct cxms_server capped(const struct cxms_bw *bw, double idle_ps)
{
	return (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
				    .read_cap = cap_of(bw->read),
				    .write_cap = cap_of(bw->write),
				    .total_cap = cap_of(bw->total),
				    .idle_ps = idle_ps,
				    .shape = CXMS_SHAPE_MD1};
}

/* 0 where none is stated. */
static double link_rate(const struct cxms_link *l)
{
	return cxms_link_usable_bytes_per_s(l->gen, l->width, l->flit != CXMS_FLIT_68B,
					    l->encoding);
}

/* Devices that name the same root port share its link: the first of them carries it. */
static size_t carrier(const struct cxms_topo *t, size_t dev)
{
	const struct cxms_dev *d = &t->dev[dev];
	if (d->upstream == CXMS_TOPO_HOST && d->root_port >= 0)
		for (size_t i = 0; i < dev; i++)
			if (t->dev[i].upstream == CXMS_TOPO_HOST &&
			    t->dev[i].root_port == d->root_port)
				return i;
	return dev;
}

static bool shares_port(const struct cxms_topo *t, size_t dev)
{
	for (size_t i = 0; i < t->n_dev; i++)
		if (i != dev && carrier(t, i) == carrier(t, dev))
			return true;
	return false;
}

/* A port that several devices name is as wide as the widest of their links; where none states one,
 * nothing bounds it. */
static struct cxms_server link_server(const struct cxms_topo *t, size_t dev)
{
	const struct cxms_dev *d = &t->dev[dev];
	struct cxms_server s = {.kind = CXMS_SERVER_LINK};
	for (size_t i = dev; i < t->n_dev; i++)
		if (carrier(t, i) == dev)
			s.dir_bytes_per_s = fmax(s.dir_bytes_per_s, link_rate(&t->dev[i].link));
	if (s.dir_bytes_per_s <= 0)
		s.dir_bytes_per_s = INFINITY;
	/* a curve was measured through the device's own link and holds its wait already */
	if (d->type == CXMS_DEV_MEMDEV && d->memory.model == CXMS_MODEL_CURVE &&
	    !shares_port(t, dev))
		s.shape = CXMS_SHAPE_BOUND;
	return s;
}

static void add_links(struct plan *p, size_t dev)
{
	const struct cxms_dev *d = &p->topo->dev[dev];
	size_t from = carrier(p->topo, dev), n_dev = p->topo->n_dev, shared = NO_SERVER;
	for (size_t h = 0; h < p->f->n_host; h++) {
		size_t *at = &p->link[h * n_dev + dev];
		if (from != dev)
			*at = p->link[h * n_dev + from];
		else if (d->upstream == CXMS_TOPO_HOST)
			*at = add_server(p, link_server(p->topo, dev), d->name, CXMS_PART_LINK,
					 (uint32_t)h);
		else if (shared == NO_SERVER)
			*at = shared = add_server(p, link_server(p->topo, dev), d->name,
						  CXMS_PART_LINK, CXMS_PART_SHARED);
		else
			*at = shared;
	}
}

static bool is_bounded(const struct cxms_server *s)
{
	return isfinite(s->read_cap) || isfinite(s->write_cap) || isfinite(s->total_cap);
}

static int keep_curve(struct plan *p, const struct cxms_topo_curve *c, struct cxms_curve **out)
{
	struct cxms_curve_points *points = calloc(c->n_part, sizeof(*points));
	size_t total = 0;
	for (size_t i = 0; points && i < c->n_part; i++)
		total += c->part[i].n + c->part[i].n_over;
	double *room = calloc(2 * total + 1, sizeof(*room)), *at = room;
	int rc = points && room ? 0 : cxms_fail(p->err, ENOMEM, "out of memory for a curve");
	for (size_t i = 0; i < c->n_part && !rc; i++) {
		const struct cxms_curve_part *from = &c->part[i];
		size_t n = from->n + from->n_over;
		double *latency = at + n;
		for (size_t k = 0; k < n; k++) {
			bool over = k >= from->n;
			size_t j = over ? k - from->n : k;
			at[k] = over ? from->over_bytes_per_s[j] : from->bytes_per_s[j];
			latency[k] = over ? from->over_latency_ps[j] : from->latency_ps[j];
		}
		points[i] = (struct cxms_curve_points){from->read_pct / 100, n, at, latency};
		at += 2 * n;
	}
	if (!rc)
		rc = cxms_curve_new(points, c->n_part, out, p->err);
	if (!rc)
		p->f->curve[p->f->n_curve++] = *out;
	free(points);
	free(room);
	return rc;
}

/* The highest share of reads that was measured; of a curve of writes that of its highest peak, as
 * its caps are unless the file states them. */
static double compared_share(const struct cxms_topo_curve *c, const struct cxms_curve *curve)
{
	double share = c->part[c->n_part - 1].read_pct / 100;
	for (size_t i = 0; i < c->n_part && c->part[c->n_part - 1].read_pct < 50; i++) {
		double at = c->part[i].read_pct / 100;
		if (cxms_curve_peak(curve, at) > cxms_curve_peak(curve, share))
			share = at;
	}
	return share;
}

/*
 * A curve is used relative to the device's own capacity, that of its link included; as it is where
 * nothing bounds the device or the file says so.
 */
static int curve_server(struct plan *p, const struct cxms_memory *m, const struct cxms_server *link,
			struct cxms_server *s)
{
	struct cxms_curve *curve;
	int rc = keep_curve(p, m->curve, &curve);
	if (rc)
		return rc;
	double share = compared_share(m->curve, curve);
	double own = cxms_server_peak_bytes_per_s(s, share);
	if (link)
		own = fmin(own, cxms_server_peak_bytes_per_s(link, share));
	s->shape = CXMS_SHAPE_CURVE;
	s->curve = curve;
	s->curve_scale =
		m->curve_absolute || !isfinite(own) ? 1 : own / cxms_curve_peak(curve, share);
	return 0;
}

void cxms_fabric_bank(const struct cxms_memory *m, struct cxms_device_cfg *out)
{
	const struct cxms_dram *d = m->dram;
	double burst_s = CXMS_LINE_BYTES / (double)d->bytes_per_s;
	out->kind = CXMS_DEVICE_BANK;
	out->channels = m->channels;
	out->ranks = m->ranks;
	out->banks = d->banks;
	out->row_bytes = d->row_bytes;
	out->closed_page = m->closed_page;
	out->burst_ps = (uint64_t)llround(burst_s * (double)CXMS_PS_PER_S);
	out->cl_ps = d->cl_ps;
	out->rcd_ps = d->rcd_ps;
	out->rp_ps = d->rp_ps;
	out->ras_ps = d->ras_ps;
	out->wr_ps = d->wr_ps;
	out->wtr_ps = d->wtr_ps;
	out->rtw_ps = d->rtw_ps;
	out->rfc_ps = d->rfc_ps;
	out->refi_ps = d->refi_ps;
}

/* Banks have no closed form: what they add is found by asking them for random lines. */
static int bank_server(struct plan *p, const struct cxms_memory *m, struct cxms_server *s)
{
	struct cxms_device_cfg cfg = {
		.read_cap = INFINITY, .write_cap = INFINITY, .total_cap = INFINITY};
	const struct cxms_measure how = {BANK_SPAN_BYTES, BANK_LINES, 1};
	struct cxms_curve *curve;
	cxms_fabric_bank(m, &cfg);
	int rc = cxms_measure_device(&cfg, &how, &curve, p->err);
	if (rc)
		return rc;
	p->f->curve[p->f->n_curve++] = curve;
	s->shape = CXMS_SHAPE_CURVE;
	s->curve = curve;
	s->curve_scale = 1;
	return 0;
}

/* @link: the device's own, NULL for local memory. */
static int memory_server(struct plan *p, const struct cxms_memory *m, const struct cxms_bw *bw,
			 double idle_ps, const struct cxms_server *link, struct cxms_server *out)
{
	*out = capped(bw, idle_ps);
	switch (m->model) {
	case CXMS_MODEL_FIXED:
		break;
	case CXMS_MODEL_QUEUE:
		out->shape = CXMS_SHAPE_QUEUE;
		out->channels = m->channels;
		out->turnaround_ps = (double)m->turnaround_ps;
		break;
	case CXMS_MODEL_CURVE:
		return curve_server(p, m, link, out);
	case CXMS_MODEL_BANK:
		return bank_server(p, m, out);
	case CXMS_MODEL_TYPICAL:
	case CXMS_MODEL_SSD:
	case CXMS_MODEL_FAR:
		out->shape = CXMS_SHAPE_TYPICAL;
		break;
	}
	return 0;
}

static int add_local(struct plan *p, size_t host, double idle_ps)
{
	const struct cxms_host *h = &p->topo->host;
	struct cxms_server s;
	int rc = memory_server(p, &h->local_memory, &h->local_bw, idle_ps, NULL, &s);
	if (!rc)
		p->local[host] = add_server(p, s, "local", CXMS_PART_LOCAL, (uint32_t)host);
	return rc;
}

static bool is_paged(const struct cxms_dev *d)
{
	return d->type == CXMS_DEV_MEMDEV &&
	       (d->memory.model == CXMS_MODEL_SSD || d->memory.model == CXMS_MODEL_FAR);
}

/*
 * A line that misses moves a page, and `depth` of them are fetched at a time: in lines, the medium
 * has its bandwidth, or what Little's law leaves of its depth, divided by the lines of a page.
 */
static struct cxms_server medium_server(const struct cxms_memory *m)
{
	double page = (double)m->page_bytes;
	double fetch_s = (double)m->fetch_ps / (double)CXMS_PS_PER_S;
	double rate = cap_of(m->backing_bytes_per_s);
	if (fetch_s > 0 && m->depth > 0)
		rate = fmin(rate, m->depth * page / fetch_s);
	return (struct cxms_server){.kind = CXMS_SERVER_DEVICE,
				    .read_cap = INFINITY,
				    .write_cap = INFINITY,
				    .total_cap = rate * CXMS_LINE_BYTES / page,
				    .shape = CXMS_SHAPE_MD1};
}

/* A link to each of several hosts, which carries nothing else. */
static bool has_heads(const struct plan *p, size_t dev)
{
	return p->f->n_host > 1 && p->topo->dev[dev].upstream == CXMS_TOPO_HOST &&
	       !shares_port(p->topo, dev);
}

/* Of its link, or of all that hosts have to it. */
static double wire_of(const struct plan *p, size_t dev, const struct cxms_server *link)
{
	if (!isfinite(link->dir_bytes_per_s))
		return 0;
	bool each = p->topo->dev[dev].upstream == CXMS_TOPO_HOST && !has_heads(p, dev);
	return link->dir_bytes_per_s * (each ? (double)p->f->n_host : 1);
}

static int add_device(struct plan *p, size_t dev)
{
	const struct cxms_dev *d = &p->topo->dev[dev];
	struct cxms_server s = capped(&d->bw, (double)d->latency_ps);
	struct cxms_server link = link_server(p->topo, carrier(p->topo, dev));
	int rc = 0;
	if (d->type == CXMS_DEV_MEMDEV)
		rc = memory_server(p, &d->memory, &d->bw, (double)d->latency_ps, &link, &s);
	if (rc)
		return rc;
	if (d->type == CXMS_DEV_MEMDEV && s.shape == CXMS_SHAPE_TYPICAL) {
		s.wire_bytes_per_s = wire_of(p, dev, &link);
		s.wires_apart = has_heads(p, dev);
	}
	p->device[dev] = add_server(p, s, d->name, CXMS_PART_DEVICE, CXMS_PART_SHARED);
	if (is_paged(d))
		p->medium[dev] = add_server(p, medium_server(&d->memory), d->name, CXMS_PART_MEDIUM,
					    CXMS_PART_SHARED);
	add_links(p, dev);
	return 0;
}

static int build_servers(struct plan *p, const double *local_ps)
{
	struct cxms_server bridge = capped(&p->topo->host.bridge_bw, 0);
	int rc = 0;
	for (size_t h = 0; h < p->f->n_host && !rc; h++)
		rc = add_local(p, h, local_ps[h]);
	for (size_t i = 0; i < p->topo->n_dev && !rc; i++)
		rc = add_device(p, i);
	for (size_t h = 0; h < p->f->n_host && !rc; h++)
		p->bridge[h] = is_bounded(&bridge) ? add_server(p, bridge, "bridge",
								CXMS_PART_BRIDGE, (uint32_t)h)
						   : NO_SERVER;
	return rc;
}

/* The tree once more, from below: devices to their links, links to the inside of the switch. */
static void set_above(const struct plan *p)
{
	const struct cxms_topo *t = p->topo;
	for (size_t h = 0; h < p->f->n_host; h++) {
		p->f->part[p->local[h]].above = p->bridge[h];
		for (size_t i = 0; i < t->n_dev; i++) {
			struct cxms_fabric_part *link = &p->f->part[p->link[h * t->n_dev + i]];
			bool at_root = t->dev[i].upstream == CXMS_TOPO_HOST;
			link->above = at_root ? p->bridge[h] : p->device[t->dev[i].upstream];
			if (p->f->server[p->device[i]].wires_apart)
				link->head = p->device[i];
			if (!at_root || p->f->n_host == 1)
				p->f->part[p->device[i]].above = p->link[h * t->n_dev + i];
		}
	}
}

static double tail_mean_ps(const struct cxms_memory *m)
{
	return cxms_tail_mean_ps(m->tail_p99_ps, m->tail_p999_ps);
}

static void pass(struct cxms_fabric_target *t, size_t server)
{
	if (server != NO_SERVER)
		t->server[t->n_server++] = server;
}

static int build_memdev(const struct plan *p, size_t host, int dev, struct cxms_fabric_target *out)
{
	const struct cxms_topo *t = p->topo;
	int path[CXMS_TOPO_MAX_DEVICES];
	size_t n;
	cxms_topo_path(t, dev, path, &n);
	out->name = t->dev[dev].name;
	out->idle_ps = (double)cxms_topo_idle_ps(t, dev);
	out->switch_ps = out->idle_ps - (double)t->dev[dev].latency_ps;
	out->tail_ps = tail_mean_ps(&t->dev[dev].memory);
	out->idle_ps += out->tail_ps;
	out->capacity_bytes = cap_of(t->dev[dev].capacity_bytes);
	out->server = calloc(2 * n + 1, sizeof(*out->server));
	if (!out->server)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		pass(out, p->device[path[i]]);
		pass(out, p->link[host * t->n_dev + (size_t)path[i]]);
	}
	pass(out, p->bridge[host]);
	return 0;
}

/* The way of a request whose page the buffer lacks: it waits for the page besides. */
static int build_misses(const struct plan *p, int dev, const struct cxms_fabric_target *hit,
			size_t hit_target, struct cxms_fabric_target *out)
{
	const struct cxms_memory *m = &p->topo->dev[dev].memory;
	*out = *hit;
	out->idle_ps += (double)m->fetch_ps + (double)m->fault_ps;
	out->miss_of = hit_target;
	out->page_bytes = (double)m->page_bytes;
	out->buffer_bytes = (double)m->buffer_bytes;
	out->n_server = 0;
	out->server = calloc(hit->n_server + 1, sizeof(*out->server));
	if (!out->server)
		return -ENOMEM;
	pass(out, p->medium[dev]);
	for (size_t i = 0; i < hit->n_server; i++)
		pass(out, hit->server[i]);
	return 0;
}

static size_t count_paged(const struct cxms_topo *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_memdev; i++)
		n += is_paged(&t->dev[t->memdev[i]]);
	return n;
}

static int build_local(const struct plan *p, size_t host, double idle_ps,
		       struct cxms_fabric_target *out)
{
	const struct cxms_host *h = &p->topo->host;
	const double tail_ps = tail_mean_ps(&h->local_memory);
	*out = (struct cxms_fabric_target){.name = "local",
					   .idle_ps = idle_ps + tail_ps,
					   .tail_ps = tail_ps,
					   .own = h->local_latency_auto,
					   .capacity_bytes = cap_of(h->local_capacity_bytes)};
	out->server = calloc(2, sizeof(*out->server));
	if (!out->server)
		return -ENOMEM;
	pass(out, p->local[host]);
	pass(out, p->bridge[host]);
	return 0;
}

static size_t target_of(const struct cxms_topo *t, int dev)
{
	for (size_t i = 0; i < t->n_memdev; i++)
		if (t->memdev[i] == dev)
			return i + 1;
	return 0;
}

static int build_targets(const struct plan *p, const double *local_ps)
{
	const struct cxms_topo *t = p->topo;
	struct cxms_fabric *f = p->f;
	for (size_t h = 0; h < f->n_host; h++) {
		struct cxms_fabric_target *target = &f->target[h * f->n_host_target];
		if (build_local(p, h, local_ps[h], &target[0]))
			return -ENOMEM;
		for (size_t i = 0; i < t->n_memdev; i++)
			if (build_memdev(p, h, t->memdev[i], &target[i + 1]))
				return -ENOMEM;
		size_t at = f->n_shown;
		for (size_t i = 0; i < t->n_memdev; i++)
			if (is_paged(&t->dev[t->memdev[i]]) &&
			    build_misses(p, t->memdev[i], &target[i + 1], i + 1, &target[at++]))
				return -ENOMEM;
	}
	return 0;
}

static int build_regions(const struct plan *p)
{
	const struct cxms_topo *t = p->topo;
	struct cxms_fabric *f = p->f;
	struct cxms_decoder decoder[CXMS_TOPO_MAX_DEVICES];
	double weights = 0;
	f->region = calloc(t->n_region, sizeof(*f->region));
	if (!f->region)
		return -ENOMEM;
	cxms_topo_decoders(t, LOCAL_FRAMES_BYTES, decoder);
	for (size_t r = 0; r < t->n_region; r++)
		weights += t->region[r].weight;
	for (size_t r = 0; r < t->n_region; r++) {
		const struct cxms_region *from = &t->region[r];
		struct cxms_fabric_region *to = &f->region[f->n_region++];
		to->name = from->name;
		to->decoder = decoder[r];
		to->share = weights > 0 ? from->weight / weights : 1 / (double)t->n_region;
		to->target = calloc(from->n_target, sizeof(*to->target));
		if (!to->target)
			return -ENOMEM;
		for (size_t i = 0; i < from->n_target; i++) {
			to->target[to->n_target++] = target_of(t, from->target[i]);
			for (size_t h = 0; h < f->n_host; h++) {
				struct cxms_fabric_target *target =
					&f->target[h * f->n_host_target + to->target[i]];
				target->cxl_share = to->share / (double)from->n_target;
				target->region = r;
			}
		}
	}
	return 0;
}

static int plan_init(struct plan *p, const struct cxms_topo *topo, struct cxms_fabric *f)
{
	size_t most = f->n_host * (topo->n_dev + 2) + 2 * topo->n_dev;
	p->topo = topo;
	p->f = f;
	f->target = calloc(f->n_target, sizeof(*f->target));
	f->server = calloc(most, sizeof(*f->server));
	f->part = calloc(most, sizeof(*f->part));
	p->medium = calloc(topo->n_dev, sizeof(*p->medium));
	p->device = calloc(topo->n_dev, sizeof(*p->device));
	p->link = calloc(f->n_host * topo->n_dev, sizeof(*p->link));
	p->local = calloc(f->n_host, sizeof(*p->local));
	p->bridge = calloc(f->n_host, sizeof(*p->bridge));
	f->curve = calloc(f->n_host + topo->n_dev, sizeof(*f->curve));
	return f->target && f->server && f->part && p->device && p->medium && p->link && p->local &&
			       p->bridge && f->curve
		       ? 0
		       : -ENOMEM;
}

static void plan_fini(struct plan *p)
{
	free(p->device);
	free(p->medium);
	free(p->link);
	free(p->local);
	free(p->bridge);
}

int cxms_fabric_build_hosts(const struct cxms_topo *topo, const double *mem_latency_ps,
			    size_t n_host, struct cxms_fabric *out, struct cxms_err *err)
{
	struct plan plan = {.err = err};
	double *local_ps = calloc(n_host, sizeof(*local_ps));
	*out = (struct cxms_fabric){.topo = topo,
				    .n_host = n_host,
				    .n_host_target = topo->n_memdev + 1 + count_paged(topo),
				    .n_shown = topo->n_memdev + 1,
				    .l1d_mshrs = topo->host.l1d_mshrs,
				    .l2_mshrs = topo->host.l2_mshrs};
	out->n_target = n_host * out->n_host_target;
	int rc = local_ps ? plan_init(&plan, topo, out) : -ENOMEM;
	for (size_t h = 0; h < n_host && !rc; h++)
		local_ps[h] = topo->host.local_latency_auto ? mem_latency_ps[h]
							    : (double)topo->host.local_latency_ps;
	if (!rc)
		rc = build_servers(&plan, local_ps);
	if (!rc) {
		set_above(&plan);
		rc = build_targets(&plan, local_ps);
	}
	if (!rc)
		rc = build_regions(&plan);
	plan_fini(&plan);
	free(local_ps);
	if (rc)
		cxms_fabric_fini(out);
	return rc == -ENOMEM ? cxms_fail(err, ENOMEM, "out of memory for the fabric") : rc;
}

int cxms_fabric_build(const struct cxms_topo *topo, double mem_latency_ps, struct cxms_fabric *out,
		      struct cxms_err *err)
{
	return cxms_fabric_build_hosts(topo, &mem_latency_ps, 1, out, err);
}

void cxms_fabric_fini(struct cxms_fabric *f)
{
	for (size_t i = 0; f->target && i < f->n_target; i++)
		free(f->target[i].server);
	free(f->target);
	free(f->server);
	free(f->part);
	for (size_t r = 0; f->region && r < f->n_region; r++)
		free(f->region[r].target);
	free(f->region);
	for (size_t i = 0; f->curve && i < f->n_curve; i++)
		cxms_curve_free(f->curve[i]);
	free(f->curve);
	*f = (struct cxms_fabric){0};
}

void cxms_fabric_place_ps(const struct cxms_fabric *f, size_t host, double *out)
{
	const struct cxms_fabric_target *target = &f->target[host * f->n_host_target];
	for (size_t t = 0; t < f->n_host_target; t++)
		out[t] = target[t].idle_ps;
	for (size_t r = 0; r < f->n_region; r++) {
		const struct cxms_fabric_region *region = &f->region[r];
		double sum = 0;
		for (size_t i = 0; i < region->n_target; i++)
			sum += target[region->target[i]].idle_ps;
		out[f->n_host_target + r] = sum / (double)region->n_target;
	}
}

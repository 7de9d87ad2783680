#include "sim/phases.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "sim/fabric.h"
#include "sim/place_split.h"
#include "topo/topo.h"

struct build {
	const struct cxms_topo *topo;
	const char *host;
	const struct cxms_fabric *f;
	const struct cxms_policy_page *page;
	size_t n_page;
	double scale;
	const struct cxms_placement *asked;
	double *room;	      /* [target of a host] bytes left in the phase */
	double *read, *write; /* [target of a host] seconds for a byte */
};

static bool is_of(const struct cxms_extent *e, const char *host)
{
	return !e->host || (host && !strcmp(e->host, host));
}

static const struct cxms_dev *memdev(const struct cxms_topo *t, size_t target)
{
	return &t->dev[t->memdev[target - 1]];
}

double cxms_host_share_bytes(const struct cxms_topo *topo, const char *host, size_t target)
{
	const struct cxms_dev *d = memdev(topo, target);
	for (size_t i = 0; host && i < d->n_logical; i++)
		if (!strcmp(d->logical[i].host, host))
			return (double)d->logical[i].capacity_bytes;
	return host && d->n_logical ? 0 : INFINITY;
}

const char *cxms_extents_of_others(const struct cxms_topo *topo, const char *host)
{
	for (size_t t = 1; t <= topo->n_memdev; t++) {
		const struct cxms_dev *d = memdev(topo, t);
		bool any = d->n_extent == 0;
		for (size_t i = 0; i < d->n_extent; i++)
			any = any || is_of(&d->extent[i], host);
		if (!any)
			return d->name;
	}
	return NULL;
}

/* What a memdev has for the host at a time; INFINITY where it has no extents: its capacity is
 * judged by a warning. */
static double capacity_at(const struct build *b, size_t target, double at_ns)
{
	const struct cxms_dev *d = memdev(b->topo, target);
	double bytes = 0;
	if (d->n_extent == 0)
		return INFINITY;
	for (size_t i = 0; i < d->n_extent; i++)
		if (is_of(&d->extent[i], b->host) && (double)d->extent[i].at_ns <= at_ns)
			bytes += (double)d->extent[i].bytes;
	return fmax(0, bytes);
}

/* The next time at which anything changes, INFINITY = none. */
static double next_change(const struct build *b, double after_ns)
{
	double next = INFINITY;
	for (size_t t = 1; t < b->f->n_shown; t++) {
		const struct cxms_dev *d = memdev(b->topo, t);
		for (size_t i = 0; i < d->n_extent; i++)
			if (is_of(&d->extent[i], b->host) && (double)d->extent[i].at_ns > after_ns)
				next = fmin(next, (double)d->extent[i].at_ns);
	}
	return next;
}

static bool has_extents(const struct build *b)
{
	for (size_t t = 1; t < b->f->n_shown; t++)
		if (memdev(b->topo, t)->n_extent)
			return true;
	return false;
}

/* Targets of a place, each with an equal share of its bytes. */
static size_t targets_of(const struct cxms_fabric *f, uint32_t place, const size_t **target,
			 size_t *single)
{
	*single = place;
	*target = single;
	if (place < f->n_host_target)
		return 1;
	*target = f->region[place - f->n_host_target].target;
	return f->region[place - f->n_host_target].n_target;
}

static bool take_room(struct build *b, uint32_t place, double bytes)
{
	const size_t *target;
	size_t single, n = targets_of(b->f, place, &target, &single);
	for (size_t i = 0; i < n; i++)
		if (b->room[target[i]] < bytes / (double)n)
			return false;
	for (size_t i = 0; i < n; i++)
		b->room[target[i]] -= bytes / (double)n;
	return true;
}

static void add_bytes(const struct build *b, struct cxms_phase *p, uint32_t place, double bytes)
{
	const size_t *target;
	size_t single, n = targets_of(b->f, place, &target, &single);
	for (size_t i = 0; i < n; i++)
		p->bytes[target[i]] += bytes / (double)n;
}

static double seconds(const struct build *b, const double *of, uint32_t place)
{
	const size_t *target;
	size_t single, n = targets_of(b->f, place, &target, &single);
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += of[target[i]] / (double)n;
	return sum;
}

static void move(const struct build *b, struct cxms_phase *p, uint32_t from, uint32_t to,
		 double bytes)
{
	bytes *= b->scale;
	p->moved_bytes += bytes;
	p->move_ns += b->scale * CXMS_ASSUMED_MOVE_PAGE_NS +
		      bytes * (seconds(b, b->read, from) + seconds(b, b->write, to)) *
			      (double)CXMS_NS_PER_S;
	if (to == 0)
		p->promotions++;
	else
		p->demotions++;
}

static int fill_phase(struct build *b, const struct cxms_phase *before, struct cxms_phase *p)
{
	double total = 0;
	p->place_of_page = calloc(b->n_page + 1, sizeof(*p->place_of_page));
	p->bytes = calloc(b->f->n_host_target, sizeof(*p->bytes));
	if (!p->place_of_page || !p->bytes)
		return -ENOMEM;
	p->n_place = b->asked->n_place;
	for (size_t t = 1; t < b->f->n_shown; t++)
		b->room[t] = capacity_at(b, t, p->at_ns) / b->scale;
	for (size_t i = 0; i < b->n_page; i++) {
		double bytes = (double)b->page[i].bytes;
		uint32_t place = b->asked->place_of_page[i];
		if (place && !take_room(b, place, bytes))
			place = 0;
		p->place_of_page[i] = place;
		add_bytes(b, p, place, bytes);
		if (before && before->place_of_page[i] != place)
			move(b, p, before->place_of_page[i], place, bytes);
		total += bytes;
	}
	p->local_pct = total > 0 ? 100 * p->bytes[0] / total : b->asked->local_pct;
	return 0;
}

/* Bandwidth of a way: that of its narrowest server, all reads or all writes. */
static void set_rates(struct build *b)
{
	for (size_t t = 0; t < b->f->n_shown; t++) {
		const struct cxms_fabric_target *target = &b->f->target[t];
		for (size_t i = 0; i < target->n_server; i++) {
			const struct cxms_server *s = &b->f->server[target->server[i]];
			b->read[t] = fmax(b->read[t], 1 / cxms_server_peak_bytes_per_s(s, 1));
			b->write[t] = fmax(b->write[t], 1 / cxms_server_peak_bytes_per_s(s, 0));
		}
	}
}

static int build_all(struct build *b, struct cxms_phases *out)
{
	size_t n = 1;
	for (double at = next_change(b, 0); isfinite(at); at = next_change(b, at))
		n++;
	out->at = calloc(n, sizeof(*out->at));
	if (!out->at)
		return -ENOMEM;
	set_rates(b);
	for (double at = 0; isfinite(at); at = next_change(b, at)) {
		struct cxms_phase *p = &out->at[out->n++];
		p->at_ns = at;
		if (fill_phase(b, out->n > 1 ? p - 1 : NULL, p))
			return -ENOMEM;
	}
	return 0;
}

int cxms_phases_build(const struct cxms_topo *topo, const char *host, const struct cxms_fabric *f,
		      const struct cxms_policy_page *page, size_t n_page, double scale,
		      const struct cxms_placement *asked, struct cxms_phases *out,
		      struct cxms_err *err)
{
	struct build b = {.topo = topo,
			  .host = host,
			  .f = f,
			  .page = page,
			  .n_page = n_page,
			  .scale = scale,
			  .asked = asked};
	int rc = 0;
	*out = (struct cxms_phases){0};
	if (!has_extents(&b))
		return 0;
	b.room = calloc(f->n_host_target, sizeof(*b.room));
	b.read = calloc(f->n_host_target, sizeof(*b.read));
	b.write = calloc(f->n_host_target, sizeof(*b.write));
	if (!b.room || !b.read || !b.write || build_all(&b, out)) {
		cxms_phases_fini(out);
		rc = cxms_fail(err, ENOMEM, "out of memory for the extents");
	}
	free(b.room);
	free(b.read);
	free(b.write);
	return rc;
}

void cxms_phases_fini(struct cxms_phases *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->at[i].place_of_page);
		free(p->at[i].bytes);
	}
	free(p->at);
	*p = (struct cxms_phases){0};
}

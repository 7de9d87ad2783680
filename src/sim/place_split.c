#include "sim/place_split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "place/pages.h"
#include "sim/fabric.h"

struct cxms_policy_page *cxms_policy_pages_new(const struct cxms_pages *pages)
{
	size_t n = cxms_pages_count(pages);
	struct cxms_policy_page *out = calloc(n + 1, sizeof(*out));
	for (size_t i = 0; out && i < n; i++) {
		const struct cxms_page *p = cxms_pages_at(pages, (uint32_t)i);
		out[i] = (struct cxms_policy_page){
			.key = cxms_hash_u64(p->addr ^ (uint64_t)p->space << 48),
			.bytes = p->bytes,
			.touch_rank = p->touch_rank};
	}
	return out;
}

/* The region that is furthest behind its share; of equals the first. */
static size_t next_region(const struct cxms_deal *d)
{
	size_t best = 0;
	double most = -INFINITY;
	for (size_t r = 0; r < d->f->n_region; r++) {
		double share = d->f->region[r].share;
		double behind = share > 0 ? share - d->given[r] / fmax(1, d->total) : -INFINITY;
		if (behind > most) {
			most = behind;
			best = r;
		}
	}
	return best;
}

void cxms_deal_page(struct cxms_deal *d, size_t page, double bytes)
{
	size_t r = next_region(d);
	const struct cxms_fabric_region *region = &d->f->region[r];
	uint64_t offset = (uint64_t)d->given[r] % region->decoder.size;
	struct cxms_decoded at = {0};
	d->out->frame_of_page[page] = offset;
	d->given[r] += bytes;
	d->total += bytes;
	if (region->n_target > 1 && (double)region->decoder.granularity < bytes) {
		d->out->place_of_page[page] = (uint32_t)(d->f->n_host_target + r);
		d->out->n_place = d->f->n_host_target + d->f->n_region;
		for (size_t i = 0; i < region->n_target; i++)
			d->out->bytes[region->target[i]] += bytes / (double)region->n_target;
		return;
	}
	cxms_decode(&region->decoder, region->decoder.base + offset, &at);
	d->out->place_of_page[page] = (uint32_t)region->target[at.way];
	d->out->bytes[region->target[at.way]] += bytes;
}

static int no_memory(size_t n_page, struct cxms_err *err)
{
	return cxms_fail(err, ENOMEM, "out of memory for %zu pages", n_page);
}

int cxms_deal_init(struct cxms_deal *d, const struct cxms_fabric *f, struct cxms_placement *out,
		   struct cxms_err *err)
{
	*out = (struct cxms_placement){.n_place = f->n_host_target};
	*d = (struct cxms_deal){
		.f = f, .out = out, .given = calloc(f->n_region + 1, sizeof(*d->given))};
	out->bytes = calloc(f->n_host_target, sizeof(*out->bytes));
	return d->given && out->bytes ? 0 : no_memory(0, err);
}

void cxms_deal_fini(struct cxms_deal *d)
{
	free(d->given);
	*d = (struct cxms_deal){0};
}

int cxms_deal_room(struct cxms_deal *d, size_t n, struct cxms_err *err)
{
	struct cxms_placement *o = d->out;
	size_t before = d->cap_place;
	if (cxms_array_grow((void **)&o->frame_of_page, &d->cap_frame, n,
			    sizeof(*o->frame_of_page)) < 0 ||
	    cxms_array_grow((void **)&o->place_of_page, &d->cap_place, n,
			    sizeof(*o->place_of_page)) < 0)
		return no_memory(n, err);
	for (size_t i = before; i < d->cap_place; i++)
		o->place_of_page[i] = 0;
	return 0;
}

int cxms_place_split(const struct cxms_policy_ops *policy, const struct cxms_policy_page *page,
		     size_t n_page, double local_pct, uint64_t seed, const struct cxms_fabric *f,
		     struct cxms_placement *out, struct cxms_err *err)
{
	uint8_t *local = malloc(n_page + 1);
	struct cxms_deal deal;
	int rc = cxms_deal_init(&deal, f, out, err);
	if (!rc)
		rc = local ? cxms_deal_room(&deal, n_page + 1, err) : no_memory(n_page, err);
	if (!rc)
		rc = policy->split(page, n_page, local_pct, seed, local, err);
	for (size_t i = 0; i < n_page && !rc; i++) {
		double bytes = (double)page[i].bytes;
		if (local[i])
			out->bytes[0] += bytes;
		else
			cxms_deal_page(&deal, i, bytes);
	}
	double total = rc ? 0 : out->bytes[0] + deal.total;
	if (!rc)
		out->local_pct = total > 0 ? 100 * out->bytes[0] / total : local_pct;
	else
		cxms_placement_fini(out);
	cxms_deal_fini(&deal);
	free(local);
	return rc;
}

uint32_t cxms_place_target(const struct cxms_fabric *f, const struct cxms_placement *p, size_t page,
			   uint64_t line, uint64_t *dpa)
{
	uint32_t place = p->place_of_page[page];
	struct cxms_decoded at = {0};
	if (place == 0)
		return 0;
	size_t region =
		place < f->n_host_target ? f->target[place].region : place - f->n_host_target;
	const struct cxms_fabric_region *r = &f->region[region];
	uint64_t offset = p->frame_of_page[page] + line * CXMS_LINE_BYTES;
	if (offset >= r->decoder.size) /* seldom: a division for every request would be felt */
		offset %= r->decoder.size;
	if (r->n_target == 1) {
		*dpa = offset;
		return (uint32_t)r->target[0];
	}
	cxms_decode(&r->decoder, r->decoder.base + offset, &at);
	*dpa = at.dpa;
	return (uint32_t)r->target[at.way];
}

void cxms_placement_fini(struct cxms_placement *p)
{
	free(p->place_of_page);
	free(p->frame_of_page);
	free(p->bytes);
	*p = (struct cxms_placement){0};
}

#include "sim/place_split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

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

/* Where the dealing of CXL pages stands. */
struct deal {
	const struct cxms_fabric *f;
	struct cxms_placement *out;
	double *given; /* [region] bytes */
	double total;
};

/* The region that is furthest behind its share; of equals the first. */
static size_t next_region(const struct deal *d)
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

static void deal_page(struct deal *d, size_t page, double bytes)
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

int cxms_place_split(const struct cxms_policy_ops *policy, const struct cxms_policy_page *page,
		     size_t n_page, double local_pct, uint64_t seed, const struct cxms_fabric *f,
		     struct cxms_placement *out, struct cxms_err *err)
{
	uint8_t *local = malloc(n_page + 1);
	struct deal deal = {.f = f, .out = out, .given = calloc(f->n_region, sizeof(*deal.given))};
	int rc = 0;
	*out = (struct cxms_placement){.n_place = f->n_host_target};
	out->place_of_page = calloc(n_page + 1, sizeof(*out->place_of_page));
	out->frame_of_page = calloc(n_page + 1, sizeof(*out->frame_of_page));
	out->bytes = calloc(f->n_host_target, sizeof(*out->bytes));
	if (!local || !deal.given || !out->place_of_page || !out->frame_of_page || !out->bytes)
		rc = cxms_fail(err, ENOMEM, "out of memory for %zu pages", n_page);
	if (!rc)
		rc = policy->split(page, n_page, local_pct, seed, local, err);
	for (size_t i = 0; i < n_page && !rc; i++) {
		double bytes = (double)page[i].bytes;
		if (local[i])
			out->bytes[0] += bytes;
		else
			deal_page(&deal, i, bytes);
	}
	double total = rc ? 0 : out->bytes[0] + deal.total;
	if (!rc)
		out->local_pct = total > 0 ? 100 * out->bytes[0] / total : local_pct;
	else
		cxms_placement_fini(out);
	free(deal.given);
	free(local);
	return rc;
}

uint32_t cxms_place_target(const struct cxms_fabric *f, const struct cxms_placement *p, size_t page,
			   uint64_t line)
{
	uint32_t place = p->place_of_page[page];
	struct cxms_decoded at = {0};
	if (place < f->n_host_target)
		return place;
	const struct cxms_fabric_region *r = &f->region[place - f->n_host_target];
	uint64_t offset = p->frame_of_page[page] + line * CXMS_LINE_BYTES;
	cxms_decode(&r->decoder, r->decoder.base + offset % r->decoder.size, &at);
	return (uint32_t)r->target[at.way];
}

void cxms_placement_fini(struct cxms_placement *p)
{
	free(p->place_of_page);
	free(p->frame_of_page);
	free(p->bytes);
	*p = (struct cxms_placement){0};
}

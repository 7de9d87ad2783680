#include "sim/place_split.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
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

int cxms_place_split(const struct cxms_policy_ops *policy, const struct cxms_policy_page *page,
		     size_t n_page, double local_pct, uint64_t seed, const struct cxms_fabric *f,
		     struct cxms_placement *out, struct cxms_err *err)
{
	uint8_t *local = malloc(n_page + 1);
	double total = 0;
	size_t turn = 0;
	int rc = 0;
	*out = (struct cxms_placement){0};
	out->target_of_page = calloc(n_page + 1, sizeof(*out->target_of_page));
	out->bytes = calloc(f->n_target, sizeof(*out->bytes));
	if (!local || !out->target_of_page || !out->bytes)
		rc = cxms_fail(err, ENOMEM, "out of memory for %zu pages", n_page);
	if (!rc)
		rc = policy->split(page, n_page, local_pct, seed, local, err);
	for (size_t i = 0; i < n_page && !rc; i++) {
		size_t target = local[i] ? 0 : f->interleave[turn++ % f->n_interleave];
		out->target_of_page[i] = (uint32_t)target;
		out->bytes[target] += (double)page[i].bytes;
		total += (double)page[i].bytes;
	}
	if (!rc)
		out->local_pct = total > 0 ? 100 * out->bytes[0] / total : local_pct;
	else
		cxms_placement_fini(out);
	free(local);
	return rc;
}

void cxms_placement_fini(struct cxms_placement *p)
{
	free(p->target_of_page);
	free(p->bytes);
	*p = (struct cxms_placement){0};
}

#include "sim/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/place_split.h"
#include "sim/recording.h"

static void add_heat(const struct cxms_recording *rec, uint64_t seed, struct cxms_view *v)
{
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		uint32_t g = v->ev->grain_of_sample[i];
		if (g == CXMS_NO_GRAIN)
			continue;
		int half = cxms_sample_half(i, seed) == CXMS_HALF_B;
		double waits = s->weight_ns * v->ev->grain[g].waits[CXMS_SPAN_MID];
		v->heat[half][s->page] += waits;
		v->square[half][s->page] += waits * waits;
	}
	for (size_t i = 0; i < v->n_page; i++) {
		v->page[CXMS_HALF_A][i].heat = v->heat[1][i];
		v->page[CXMS_HALF_B][i].heat = v->heat[0][i];
	}
}

int cxms_view_init(const struct cxms_recording *rec, const struct cxms_evidence *ev, uint64_t seed,
		   struct cxms_view *out, struct cxms_err *err)
{
	*out = (struct cxms_view){.ev = ev, .n_page = cxms_pages_count(rec->pages)};
	bool whole = true;
	for (int h = 0; h < 3; h++) {
		out->page[h] = cxms_policy_pages_new(rec->pages);
		whole = whole && out->page[h];
	}
	for (int h = 0; h < 2; h++) {
		out->heat[h] = calloc(out->n_page + 1, sizeof(*out->heat[h]));
		out->square[h] = calloc(out->n_page + 1, sizeof(*out->square[h]));
		whole = whole && out->heat[h] && out->square[h];
	}
	if (!whole)
		return cxms_fail(err, ENOMEM, "out of memory for %zu pages", out->n_page);
	add_heat(rec, seed, out);
	return 0;
}

void cxms_view_fini(struct cxms_view *v)
{
	for (int h = 0; h < 3; h++)
		free(v->page[h]);
	for (int h = 0; h < 2; h++) {
		free(v->heat[h]);
		free(v->square[h]);
	}
	*v = (struct cxms_view){0};
}

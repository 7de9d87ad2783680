#include "sim/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "sim/cells.h"
#include "sim/evidence.h"
#include "sim/recording.h"

enum cxms_half cxms_sample_half(size_t sample, uint64_t seed)
{
	return cxms_hash_u64((uint64_t)sample ^ cxms_hash_u64(seed)) & 1 ? CXMS_HALF_A
									 : CXMS_HALF_B;
}

static bool is_store(const struct cxms_recording *rec, const struct cxms_rec_sample *s)
{
	uint8_t kind = rec->site[s->site].kind;
	return kind == CXMS_SITE_STORE || kind == CXMS_SITE_UPDATE || s->flags & CXMS_SAMPLE_WRITE;
}

static void add(struct cxms_load_cell *c, const struct cxms_wait *w, const double share[],
		double weight_ps, bool carried, bool store)
{
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		double stall = weight_ps * share[k];
		double waits = stall * w->per_ps[k];
		c->stall_ps[k] += stall;
		c->waits[k] += waits;
		if (carried)
			c->carried[k] += waits;
	}
	double mid = weight_ps * share[CXMS_SPAN_MID] * w->per_ps[CXMS_SPAN_MID];
	c->seen_ps += mid * w->seen_ps[CXMS_SPAN_MID];
	if (store)
		c->store_waits += mid;
}

static void add_sample(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		       const uint32_t *target_of_page, size_t i, double times,
		       struct cxms_load_cell *row)
{
	const struct cxms_rec_sample *s = &rec->sample[i];
	const struct cxms_share *sh = &ev->group[ev->group_of_sample[i]].share;
	if (sh->hi <= 0)
		return;
	const double share[CXMS_SPAN_COUNT] = {sh->lo, sh->mid, sh->hi};
	bool huge = cxms_pages_at(rec->pages, s->page)->bytes > rec->facts.page_bytes;
	bool carried = rec->site[s->site].flags & (CXMS_SITE_CARRIED | CXMS_SITE_SELF);
	add(&row[target_of_page[s->page]], &ev->wait[2 * s->site + huge], share,
	    s->weight_ns * (double)CXMS_PS_PER_NS * times, carried, is_store(rec, s));
}

/* Mix of targets by stall (middle): of one cell, a thread's cells, or all. */
static double mix_of(const struct cxms_load_map *m, size_t first, size_t end, double *mix)
{
	double sum = 0;
	memset(mix, 0, m->n_target * sizeof(*mix));
	for (size_t c = first; c < end; c++)
		for (size_t t = 0; t < m->n_target; t++) {
			double stall = m->at[c * m->n_target + t].stall_ps[CXMS_SPAN_MID];
			mix[t] += stall;
			sum += stall;
		}
	return sum;
}

static void spread_floating(const struct cxms_recording *rec, const struct cxms_cells *cells,
			    const struct cxms_evidence *ev, const double *floating_ns, double *mix,
			    struct cxms_load_map *m)
{
	struct cxms_wait wait;
	cxms_wait_model(ev->stair.mem_ps, (double)rec->facts.walk_ps, false, 0,
			(unsigned)CXMS_ASSUMED_UNLOOPED_UOPS, &wait);
	for (size_t c = 0; c < cells->n; c++) {
		if (floating_ns[c] <= 0)
			continue;
		uint32_t thread = cells->cell[c].thread;
		double sum = mix_of(m, c, c + 1, mix);
		if (sum <= 0)
			sum = mix_of(m, cells->first_of_thread[thread],
				     cells->first_of_thread[thread + 1], mix);
		if (sum <= 0)
			sum = mix_of(m, 0, cells->n, mix);
		for (size_t t = 0; t < m->n_target && sum > 0; t++)
			if (mix[t] > 0)
				add(&m->at[c * m->n_target + t], &wait, ev->floating_share,
				    floating_ns[c] * (double)CXMS_PS_PER_NS * mix[t] / sum, false,
				    false);
	}
}

int cxms_load_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_evidence *ev, const uint32_t *target_of_page, size_t n_target,
		    enum cxms_half half, uint64_t seed, struct cxms_load_map *out,
		    struct cxms_err *err)
{
	double *floating = calloc(cells->n + 1, sizeof(*floating));
	double *mix = calloc(n_target + 1, sizeof(*mix));
	struct cxms_load_cell *at = calloc(cells->n * n_target + 1, sizeof(*at));
	if (!floating || !mix || !at) {
		free(floating);
		free(mix);
		free(at);
		return cxms_fail(err, ENOMEM, "out of memory for the demand of the program");
	}
	free(out->at);
	*out = (struct cxms_load_map){.n_target = n_target, .at = at};
	double times = half == CXMS_HALF_ALL ? 1 : 2;
	for (size_t i = 0; i < rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &rec->sample[i];
		if (half != CXMS_HALF_ALL && cxms_sample_half(i, seed) != half)
			continue;
		size_t cell = cxms_cells_at(cells, s->thread, s->time_ns);
		if (ev->group_of_sample[i] != CXMS_NO_GROUP)
			add_sample(rec, ev, target_of_page, i, times, &at[cell * n_target]);
		else if (cxms_rec_is_wait(rec, s))
			floating[cell] += s->weight_ns * times;
	}
	spread_floating(rec, cells, ev, floating, mix, out);
	free(floating);
	free(mix);
	return 0;
}

void cxms_load_fini(struct cxms_load_map *m)
{
	free(m->at);
	*m = (struct cxms_load_map){0};
}

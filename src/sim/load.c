#include "sim/load.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"
#include "core/kernel.h"
#include "sim/cells.h"
#include "sim/company.h"
#include "sim/evidence.h"
#include "sim/recording.h"

enum cxms_half cxms_sample_half(size_t sample, uint64_t seed)
{
	return cxms_hash_u64((uint64_t)sample ^ cxms_hash_u64(seed)) & 1 ? CXMS_HALF_A
									 : CXMS_HALF_B;
}

/* Waits that are no more hidden here than there cannot shrink by more than they last. */
static double spare_ps(const struct cxms_grain *g, double faster_ps, int k)
{
	return fmax(0, g->waits[k] * faster_ps - g->stall_ps[k]);
}

/* @each_ns: of the weight that one sample has; @part: of the waits, by span; @faster_ps: by how
 * much the place is faster than the recording machine's memory, by span */
static void add_waits(struct cxms_load_cell *c, const struct cxms_grain *g, double weight_ns,
		      double each_ns, const double part[CXMS_SPAN_COUNT],
		      const double faster_ps[CXMS_SPAN_COUNT])
{
	double waits = part[CXMS_SPAN_MID] * g->waits[CXMS_SPAN_MID];
	c->square_waits += weight_ns * waits * each_ns * waits;
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		c->stall_ps[k] += weight_ns * part[k] * g->stall_ps[k];
		c->waits[k] += weight_ns * part[k] * g->waits[k];
		c->spare_ps[k] += weight_ns * part[k] * spare_ps(g, faster_ps[k], k);
		if (g->known)
			c->known_waits[k] += weight_ns * part[k] * g->waits[k];
	}
	c->seen_ps += weight_ns * part[CXMS_SPAN_MID] * g->seen_ps;
}

static void add_lines(struct cxms_load_cell *c, const struct cxms_grain *g, double weight_ns,
		      bool store)
{
	for (int k = 0; k < CXMS_SPAN_COUNT && g->known; k++) {
		c->known_lines[k] += weight_ns * g->lines[k];
		c->prefetched[k] += weight_ns * (g->prefetched ? g->lines[k] : g->ahead[k]);
		if (store)
			c->written[k] += weight_ns * g->written[k];
		if (store && g->past)
			c->past[k] += weight_ns * g->written[k];
	}
	if (store && !g->known)
		c->store_waits += weight_ns * g->waits[CXMS_SPAN_MID];
	if (store && g->past && !g->known)
		c->past_waits += weight_ns * g->waits[CXMS_SPAN_MID];
}

static void add(struct cxms_load_cell *c, const struct cxms_grain *g, double weight_ns,
		double each_ns, const double faster_ps[CXMS_SPAN_COUNT], bool store)
{
	static const double whole[CXMS_SPAN_COUNT] = {1, 1, 1};
	add_waits(c, g, weight_ns, each_ns, whole, faster_ps);
	add_lines(c, g, weight_ns, store);
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

static double mean_weight(const struct cxms_recording *rec)
{
	double sum = 0;
	for (size_t i = 0; i < rec->n_sample; i++)
		sum += rec->sample[i].weight_ns;
	return rec->n_sample ? sum / (double)rec->n_sample : 0;
}

/* Touched bytes by place, as shares; nothing known: all is local. */
static void touched_shares(const struct cxms_recording *rec, const uint32_t *target_of_page,
			   size_t n_target, double *share)
{
	double sum = 0;
	memset(share, 0, n_target * sizeof(*share));
	for (size_t i = 0; i < cxms_pages_count(rec->pages); i++) {
		double bytes = (double)cxms_pages_at(rec->pages, (uint32_t)i)->bytes;
		share[target_of_page[i]] += bytes;
		sum += bytes;
	}
	for (size_t t = 0; t < n_target && sum > 0; t++)
		share[t] /= sum;
	if (sum <= 0)
		share[0] = 1;
}

/* One call of cxms_load_build(), and what it needs meanwhile. */
struct build {
	const struct cxms_recording *rec;
	const struct cxms_cells *cells;
	const struct cxms_evidence *ev;
	const uint32_t *target_of_page;
	size_t n_target;
	struct cxms_meeting meeting;
	double *floating_ns, *unread_ns;      /* by cell: waits without address; code not read */
	double *mix;			      /* [target] */
	double (*faster_ps)[CXMS_SPAN_COUNT]; /* [target] than the recording machine's memory */
	struct cxms_load_map *map;
};

/* @share: of floating_ns, by cell, that waits for memory */
static void spread_floating(const struct build *b, const double share[CXMS_SPAN_COUNT],
			    const double *floating_ns)
{
	const struct cxms_recording *rec = b->rec;
	const struct cxms_cells *cells = b->cells;
	const struct cxms_evidence *ev = b->ev;
	struct cxms_load_map *m = b->map;
	double *mix = b->mix;
	double bytes = (double)cxms_pages_total_bytes(rec->pages);
	const double walk_ps[CXMS_SPAN_COUNT] = {cxms_stair_walk_high_ps(&ev->stair, bytes, false),
						 cxms_stair_walk_ps(&ev->stair, bytes, false), 0};
	struct cxms_wait wait;
	cxms_wait_model(ev->stair.mem_ps, walk_ps, false, 0, (unsigned)CXMS_ASSUMED_UNLOOPED_UOPS,
			NULL, &wait);
	const struct cxms_grain grain = cxms_grain_of(share, &wait);
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
		if (sum <= 0) {
			touched_shares(rec, b->target_of_page, m->n_target, mix);
			sum = 1;
		}
		for (size_t t = 0; t < m->n_target; t++)
			if (mix[t] > 0)
				add(&m->at[c * m->n_target + t], &grain,
				    floating_ns[c] * mix[t] / sum, m->sample_ns, b->faster_ps[t],
				    false);
	}
}

/* Time that the kernel waits while it fills so many bytes. */
static double fill_ps(double bytes, double mem_ps, enum cxms_span end)
{
	return bytes / CXMS_LINE_BYTES / cxms_kernel_lines(end) * mem_ps * cxms_wait_spread(end);
}

/* Bytes filled by first touches, cut to the time they took where that is too short for them. */
static void add_filling(const struct cxms_recording *rec, const struct cxms_cells *cells,
			double mem_ps, const uint32_t *target_of_page, struct cxms_load_map *m)
{
	for (size_t i = 0; i < rec->n_fault; i++) {
		const struct cxms_rec_fault *f = &rec->fault[i];
		size_t c = cxms_cells_at(cells, f->thread, f->time_ns);
		const struct cxms_cell *cell = &cells->cell[c];
		struct cxms_load_cell *to = &m->at[c * m->n_target + target_of_page[f->page]];
		double bytes = (double)cxms_pages_at(rec->pages, f->page)->bytes;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
			double in_flight = cxms_kernel_lines((enum cxms_span)k);
			double all_ps = fill_ps(cell->filled_bytes, mem_ps, (enum cxms_span)k);
			double cut = fmin(1, cell->filling_ns * (double)CXMS_PS_PER_NS / all_ps);
			double lines = cut * bytes / CXMS_LINE_BYTES;
			to->kernel_waits[k] += lines / in_flight;
			to->kernel_reads[k] += lines;
			to->kernel_writes[k] += lines;
		}
	}
}

/* Kernel time of a cell that known first touches did not wait in. */
static double unfilled_ps(const struct cxms_cell *c, double mem_ps, enum cxms_span end)
{
	double filling_ps = c->filling_ns * (double)CXMS_PS_PER_NS;
	return c->kernel_ns * (double)CXMS_PS_PER_NS -
	       fmin(filling_ps, fill_ps(c->filled_bytes, mem_ps, end));
}

/*
 * Share of that time in which first touches waited whose records were lost: none, but at the upper
 * end as many bytes as they can have filled, each a huge page where the recording has some.
 */
static double lost_share(const struct build *b, double mem_ps, enum cxms_span end)
{
	const struct cxms_recording *rec = b->rec;
	double each = (double)rec->facts.page_bytes, spare = 0;
	if (end != CXMS_SPAN_HI || rec->lost_faults == 0)
		return 0;
	for (size_t i = 0; i < cxms_pages_count(rec->pages); i++)
		each = fmax(each, (double)cxms_pages_at(rec->pages, (uint32_t)i)->bytes);
	for (size_t c = 0; c < b->cells->n; c++)
		spare += unfilled_ps(&b->cells->cell[c], mem_ps, end);
	double ps = fill_ps((double)rec->lost_faults * each, mem_ps, end);
	return spare > 0 ? fmin(1, ps / spare) : 0;
}

/* Nobody knows where a lost touch was: in the slowest place that holds anything. */
static size_t slowest_place(const struct build *b, const double *share)
{
	size_t slowest = 0;
	double least = INFINITY;
	for (size_t t = 0; t < b->n_target; t++) {
		if (share[t] <= 0 || b->faster_ps[t][CXMS_SPAN_HI] >= least)
			continue;
		least = b->faster_ps[t][CXMS_SPAN_HI];
		slowest = t;
	}
	return slowest;
}

/* @written: of the lines read */
static void add_kernel_waits(struct cxms_load_cell *to, enum cxms_span end, double waits,
			     double written)
{
	to->kernel_waits[end] += waits;
	to->kernel_reads[end] += waits * cxms_kernel_lines(end);
	to->kernel_writes[end] += waits * cxms_kernel_lines(end) * written;
}

/*
 * Of time beside first touches that no sample was taken in, what waits for memory. Threads that
 * ended before their first sample were in the kernel as others, and at the high end waited
 * themselves; accesses that the hardware samples come whatever a thread's length.
 */
static double unsampled_ratio(const struct build *b, const struct cxms_cell *cell,
			      enum cxms_span end)
{
	if (end == CXMS_SPAN_HI && !b->rec->hw.cells && cxms_rec_is_unseen(b->rec, cell->thread))
		return 1;
	return cxms_kernel_copy_ratio(end);
}

/*
 * Lost first touches, and copies: of the lines copied, half are written, from user pages or to
 * them. @share: of the touched bytes, by place
 */
static void add_rest(const struct build *b, double mem_ps, const double *share)
{
	size_t slowest = slowest_place(b, share);
	for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
		enum cxms_span end = (enum cxms_span)k;
		double each_ps = mem_ps * cxms_wait_spread(end);
		double lost = lost_share(b, mem_ps, end);
		for (size_t c = 0; c < b->cells->n; c++) {
			const struct cxms_cell *cell = &b->cells->cell[c];
			struct cxms_load_cell *at = &b->map->at[c * b->n_target];
			double spare = unfilled_ps(cell, mem_ps, end);
			double rest = (cell->kernel_ns - cell->filling_ns) * (double)CXMS_PS_PER_NS;
			rest = fmin(rest, (1 - lost) * spare) * unsampled_ratio(b, cell, end);
			add_kernel_waits(&at[slowest], end, lost * spare / each_ps, 1);
			for (size_t t = 0; t < b->n_target && rest > 0; t++)
				add_kernel_waits(&at[t], end, share[t] * rest / each_ps, 0.5);
		}
	}
}

static int build_init(struct build *b, const double *place_ps)
{
	b->floating_ns = calloc(b->cells->n + 1, sizeof(*b->floating_ns));
	b->unread_ns = calloc(b->cells->n + 1, sizeof(*b->unread_ns));
	b->mix = calloc(b->n_target + 1, sizeof(*b->mix));
	b->faster_ps = calloc(b->n_target + 1, sizeof(*b->faster_ps));
	if (!b->floating_ns || !b->unread_ns || !b->mix || !b->faster_ps)
		return -ENOMEM;
	for (size_t t = 0; t < b->n_target; t++)
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			b->faster_ps[t][k] =
				b->ev->stair.mem_ps * cxms_wait_spread((enum cxms_span)k) -
				place_ps[t];
	return 0;
}

static void build_fini(struct build *b)
{
	free(b->floating_ns);
	free(b->unread_ns);
	free(b->mix);
	free(b->faster_ps);
	cxms_meeting_fini(&b->meeting);
}

/* Its lines come from where its page lies; it waits for them, or for slower ones in flight. */
static void add_sample(const struct build *b, const struct cxms_rec_sample *s, size_t cell,
		       uint32_t g, double weight_ns)
{
	const struct cxms_grain *grain = &b->ev->grain[g];
	uint32_t company = b->ev->company_of_group[g / 2], own = b->target_of_page[s->page];
	struct cxms_load_cell *at = &b->map->at[cell * b->n_target];
	bool store = grain->store || s->flags & CXMS_SAMPLE_WRITE;
	if (company == CXMS_NO_GRAIN) {
		add(&at[own], grain, weight_ns, weight_ns, b->faster_ps[own], store);
		return;
	}
	add_lines(&at[own], grain, weight_ns, store);
	for (uint32_t t = 0; t < b->n_target; t++) {
		double part[CXMS_SPAN_COUNT], most = 0;
		for (int k = 0; k < CXMS_SPAN_COUNT; k++) {
			part[k] =
				cxms_meeting_part(&b->meeting, company, own, t, (enum cxms_span)k);
			most = fmax(most, part[k]);
		}
		if (most > 0)
			add_waits(&at[t], grain, weight_ns, weight_ns, part, b->faster_ps[t]);
	}
}

static void add_samples(const struct build *b, enum cxms_half half, double times, uint64_t seed)
{
	for (size_t i = 0; i < b->rec->n_sample; i++) {
		const struct cxms_rec_sample *s = &b->rec->sample[i];
		if (half != CXMS_HALF_ALL && cxms_sample_half(i, seed) != half)
			continue;
		size_t cell = b->cells->cell_of_sample[i];
		uint32_t g = b->ev->grain_of_sample[i];
		if (g != CXMS_NO_GRAIN)
			add_sample(b, s, cell, g, s->weight_ns * times);
		else if (cxms_rec_is_wait(b->rec, s))
			b->floating_ns[cell] += s->weight_ns * times;
		else if (b->ev->unread_ns > 0 && cxms_rec_is_unread(b->rec, s))
			b->unread_ns[cell] += s->weight_ns * times;
	}
}

static void add_others(const struct build *b)
{
	const struct cxms_evidence *ev = b->ev;
	spread_floating(b, ev->floating_share, b->floating_ns);
	if (ev->unread_ns > 0)
		spread_floating(b, ev->unread_share, b->unread_ns);
	add_filling(b->rec, b->cells, ev->stair.mem_ps, b->target_of_page, b->map);
	touched_shares(b->rec, b->target_of_page, b->n_target, b->mix);
	add_rest(b, ev->stair.mem_ps, b->mix);
}

int cxms_load_build(const struct cxms_recording *rec, const struct cxms_cells *cells,
		    const struct cxms_evidence *ev, const uint32_t *target_of_page,
		    const double *place_ps, size_t n_target, enum cxms_half half, uint64_t seed,
		    struct cxms_load_map *out, struct cxms_err *err)
{
	struct build b = {.rec = rec,
			  .cells = cells,
			  .ev = ev,
			  .target_of_page = target_of_page,
			  .n_target = n_target,
			  .map = out};
	struct cxms_load_cell *at = calloc(cells->n * n_target + 1, sizeof(*at));
	int rc = at ? build_init(&b, place_ps) : -ENOMEM;
	if (!rc)
		rc = cxms_meeting_build(rec, ev, target_of_page, place_ps, n_target, half, seed,
					&b.meeting);
	if (!rc) {
		double times = half == CXMS_HALF_ALL ? 1 : 2;
		free(out->at);
		*out = (struct cxms_load_map){.n_target = n_target,
					      .sample_ns = times * mean_weight(rec),
					      .whole = half == CXMS_HALF_ALL,
					      .at = at};
		add_samples(&b, half, times, seed);
		add_others(&b);
	} else {
		free(at);
		rc = cxms_fail(err, ENOMEM, "out of memory for the demand of the program");
	}
	build_fini(&b);
	return rc;
}

void cxms_load_fini(struct cxms_load_map *m)
{
	free(m->at);
	*m = (struct cxms_load_map){0};
}

#include "sim/company.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/linewait.h"
#include "core/overlap.h"
#include "place/pagemap.h"
#include "sim/evidence.h"
#include "sim/recording.h"
#include "sim/traffic.h"

/* What a loop's loads, or its counted stores, fill and wait for, of all samples. */
struct sums {
	double lines, waits, turns, window_turns;
};

/* Nothing tells how often it runs, but each turn of its loop may have one of its own in flight. */
static bool is_uncounted(const struct cxms_rec_site *site, const struct cxms_group *g)
{
	return (site->kind == CXMS_SITE_LOAD || site->kind == CXMS_SITE_UPDATE) &&
	       !cxms_is_carried(site) && g->lines_per_stall_ns <= 0 &&
	       !(site->flags & CXMS_SITE_LONG);
}

static bool has_company(const struct cxms_recording *rec, const struct cxms_group *g)
{
	const struct cxms_rec_site *site = &rec->site[g->site];
	bool is_counted = g->runs_per_stall_ns > 0 &&
			  (site->kind == CXMS_SITE_LOAD || site->kind == CXMS_SITE_UPDATE ||
			   site->kind == CXMS_SITE_STORE);
	return site->loop_ip && !(site->flags & CXMS_SITE_NONTEMP) &&
	       (is_counted || is_uncounted(site, g));
}

/* Numbers the loops: the loads of one, and, in a queue of their own, its stores. */
static int assign(const struct cxms_recording *rec, struct cxms_evidence *ev)
{
	struct cxms_pagemap map = {0};
	int rc = 0;
	ev->company_of_group = calloc(ev->n_group + 1, sizeof(*ev->company_of_group));
	if (!ev->company_of_group)
		return -ENOMEM;
	for (size_t i = 0; i < ev->n_group && !rc; i++) {
		const struct cxms_rec_site *site = &rec->site[ev->group[i].site];
		ev->company_of_group[i] = CXMS_NO_GRAIN;
		if (!has_company(rec, &ev->group[i]))
			continue;
		uint64_t queue = site->loop_ip << 1 | (site->kind == CXMS_SITE_STORE);
		uint32_t number = cxms_pagemap_get(&map, site->pid, queue);
		if (number == CXMS_NO_PAGE) {
			number = (uint32_t)ev->n_company++;
			rc = cxms_pagemap_put(&map, site->pid, queue, number);
		}
		ev->company_of_group[i] = number;
	}
	cxms_pagemap_fini(&map);
	return rc;
}

/* CXMS_NO_GRAIN: none. */
static uint32_t company_of_sample(const struct cxms_evidence *ev, size_t sample)
{
	uint32_t grain = ev->grain_of_sample[sample];
	return grain == CXMS_NO_GRAIN ? CXMS_NO_GRAIN : ev->company_of_group[grain / 2];
}

static void add_up(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		   struct sums *sum)
{
	for (size_t i = 0; i < rec->n_sample; i++) {
		uint32_t c = company_of_sample(ev, i);
		if (c == CXMS_NO_GRAIN)
			continue;
		const struct cxms_grain *g = &ev->grain[ev->grain_of_sample[i]];
		sum[c].lines += rec->sample[i].weight_ns * g->lines[CXMS_SPAN_MID];
		sum[c].waits += rec->sample[i].weight_ns * g->waits[CXMS_SPAN_MID];
	}
	for (size_t i = 0; i < ev->n_group; i++) {
		uint32_t c = ev->company_of_group[i];
		if (c == CXMS_NO_GRAIN)
			continue;
		sum[c].turns = ev->turns[ev->group[i].site].turns;
		sum[c].window_turns = cxms_traffic_window_turns(rec, ev, &ev->group[i],
								CXMS_ASSUMED_RECORDED_ROB);
	}
}

/* Of the machine that recorded. */
static double registers_of(const struct cxms_facts *facts)
{
	return strstr(facts->cpu, "AMD") ? CXMS_MOST_L1D_MSHRS : CXMS_ASSUMED_RECORDED_MSHRS;
}

/* Of loads that are not counted each may wait alone, and at the high end in turn after turn. */
static struct cxms_company uncounted(const struct sums *s, double registers)
{
	return (struct cxms_company){.window = fmax(1, fmin(registers, s->window_turns)),
				     .flight = 1};
}

static struct cxms_company company_of(const struct sums *s, double registers)
{
	if (s->turns <= 0)
		return uncounted(s, registers);
	double a_turn = s->turns > 0 ? s->lines / s->turns : 0;
	double window = fmax(1, a_turn * s->window_turns);
	double flight = s->waits > 0 ? fmin(window, fmax(1, s->lines / s->waits)) : 1;
	return (struct cxms_company){.window = window,
				     .flight = flight,
				     .full = cxms_linewait_full(flight / registers, CXMS_SPAN_MID)};
}

int cxms_company_find(const struct cxms_recording *rec, struct cxms_evidence *ev)
{
	int rc = assign(rec, ev);
	if (rc)
		return rc;
	struct sums *sum = calloc(ev->n_company + 1, sizeof(*sum));
	ev->company = calloc(ev->n_company + 1, sizeof(*ev->company));
	if (!sum || !ev->company) {
		free(sum);
		return -ENOMEM;
	}
	add_up(rec, ev, sum);
	for (size_t i = 0; i < ev->n_company; i++)
		ev->company[i] = company_of(&sum[i], registers_of(&rec->facts));
	free(sum);
	return 0;
}

/* Few places: by insertion, stable. */
static void rank_places(const double *place_ps, struct cxms_meeting *m)
{
	for (size_t i = 0; i < m->n_place; i++) {
		size_t at = i;
		for (; at > 0 && place_ps[m->order[at - 1]] > place_ps[i]; at--)
			m->order[at] = m->order[at - 1];
		m->order[at] = (uint32_t)i;
	}
	for (size_t i = 0; i < m->n_place; i++)
		m->rank[m->order[i]] = (uint32_t)i;
}

/* Of waits for fast lines, the share that lasts as long as slow ones, where a share @slow of the
 * lines is slow. */
static void set_ends(const struct cxms_company *c, double slow, double fast_ps, double slow_ps,
		     double later[CXMS_SPAN_COUNT])
{
	double window = cxms_overlap_slow_share(slow, c->flight, c->flight, fast_ps, slow_ps);
	double registers = cxms_overlap_slow_share(slow, c->window, c->flight, fast_ps, slow_ps);
	double most = cxms_overlap_slow_share(slow, c->window, c->window, fast_ps, slow_ps);
	later[CXMS_SPAN_MID] = ((1 - c->full) * window + c->full * registers - slow) / (1 - slow);
	later[CXMS_SPAN_HI] = (most - slow) / (1 - slow);
}

/* @sum: [rank] lines of the company there. */
static void set_later(const struct cxms_company *c, const double *sum, const double *place_ps,
		      const struct cxms_meeting *m, double (*later)[CXMS_SPAN_COUNT])
{
	double all = 0, all_ps = 0, slow = 0, slow_ps = 0;
	for (size_t r = 0; r < m->n_place; r++) {
		all += sum[r];
		all_ps += sum[r] * place_ps[m->order[r]];
	}
	for (size_t r = m->n_place; r-- > 1;) {
		slow += sum[r];
		slow_ps += sum[r] * place_ps[m->order[r]];
		double share = all > 0 ? fmin(1, slow / all) : 0;
		for (int k = 0; k < CXMS_SPAN_COUNT && share >= 1; k++)
			later[r][k] = 1; /* of none */
		if (share > 0 && share < 1)
			set_ends(c, share, (all_ps - slow_ps) / (all - slow), slow_ps / slow,
				 later[r]);
	}
	/* no more can be longer than here or beyond than beyond the place before */
	for (size_t r = 2; r < m->n_place; r++)
		for (int k = 0; k < CXMS_SPAN_COUNT; k++)
			later[r][k] = fmin(later[r][k], later[r - 1][k]);
}

static int meet(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		const uint32_t *place_of_page, const double *place_ps, enum cxms_half half,
		uint64_t seed, struct cxms_meeting *m)
{
	double *sum = calloc(ev->n_company * m->n_place + 1, sizeof(*sum));
	if (!sum)
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_sample; i++) {
		uint32_t c = company_of_sample(ev, i);
		if (c == CXMS_NO_GRAIN ||
		    (half != CXMS_HALF_ALL && cxms_sample_half(i, seed) != half))
			continue;
		uint32_t at = m->rank[place_of_page[rec->sample[i].page]];
		const struct cxms_grain *g = &ev->grain[ev->grain_of_sample[i]];
		sum[c * m->n_place + at] +=
			rec->sample[i].weight_ns *
			(g->known ? g->lines[CXMS_SPAN_MID] : g->waits[CXMS_SPAN_MID]);
	}
	for (size_t c = 0; c < ev->n_company; c++)
		set_later(&ev->company[c], &sum[c * m->n_place], place_ps, m,
			  &m->later[c * m->n_place]);
	free(sum);
	return 0;
}

int cxms_meeting_build(const struct cxms_recording *rec, const struct cxms_evidence *ev,
		       const uint32_t *place_of_page, const double *place_ps, size_t n_place,
		       enum cxms_half half, uint64_t seed, struct cxms_meeting *out)
{
	*out = (struct cxms_meeting){.n_place = n_place};
	out->order = calloc(n_place + 1, sizeof(*out->order));
	out->rank = calloc(n_place + 1, sizeof(*out->rank));
	out->later = calloc(ev->n_company * n_place + 1, sizeof(*out->later));
	int rc = out->order && out->rank && out->later ? 0 : -ENOMEM;
	if (!rc) {
		rank_places(place_ps, out);
		rc = meet(rec, ev, place_of_page, place_ps, half, seed, out);
	}
	if (rc)
		cxms_meeting_fini(out);
	return rc;
}

void cxms_meeting_fini(struct cxms_meeting *m)
{
	free(m->order);
	free(m->rank);
	free(m->later);
	*m = (struct cxms_meeting){0};
}

double cxms_meeting_part(const struct cxms_meeting *m, uint32_t company, uint32_t own,
			 uint32_t place, enum cxms_span end)
{
	const double(*later)[CXMS_SPAN_COUNT] =
		(const double(*)[CXMS_SPAN_COUNT]) & m->later[company * m->n_place];
	uint32_t from = m->rank[own], to = m->rank[place];
	double beyond = to + 1 < m->n_place && to + 1 > from ? later[to + 1][end] : 0;
	if (to < from)
		return 0;
	return (to == from ? 1 : later[to][end]) - beyond;
}

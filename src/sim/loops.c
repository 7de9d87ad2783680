#include "sim/loops.h"

#include <errno.h>
#include <stdlib.h>

#include "place/pagemap.h"
#include "sim/recording.h"

/* What a loop calls is sampled elsewhere: up to so many samples lie between two in the loop. */
#define MAX_GAP_PERIODS 16.0
#define NO_LOOP		UINT32_MAX

struct loop {
	int64_t step, outer_step;
	uint8_t reg;	  /* as count_reg of its sites */
	bool counts_rest; /* it tells what is left */
};

/* Samples by loop: point[first[l]] to before point[first[l + 1]]. */
struct points {
	size_t *first; /* n_loop + 2 */
	struct cxms_turn_point *point;
};

struct search {
	const struct cxms_recording *rec;
	/* [site] NO_LOOP: none whose turns are counted. Around: the loop around, counted by the
	 * register that samples of this one carry as well. */
	uint32_t *loop_of_site, *around_of_site;
	size_t n_loop;
	struct loop *loop;
	struct points own, all; /* in the loop itself; and in its inner loops */
	struct cxms_turns *turns;
	double *work, max_gap_ns;
};

static void number_loop(struct search *s, const struct cxms_rec_site *site)
{
	s->loop[s->n_loop++] = (struct loop){.step = site->step,
					     .outer_step = site->outer_step,
					     .reg = site->count_reg,
					     .counts_rest = site->kind == CXMS_SITE_STRING};
}

static uint32_t around(const struct search *s, const struct cxms_pagemap *map,
		       const struct cxms_rec_site *site)
{
	uint32_t loop = site->outer_reg && site->outer_back
				? cxms_pagemap_get(map, site->pid, site->loop_ip - site->outer_back)
				: CXMS_NO_PAGE;
	if (loop == CXMS_NO_PAGE || s->loop[loop].reg != site->outer_reg ||
	    s->loop[loop].step != site->outer_step)
		return NO_LOOP;
	return loop;
}

/* Loops are told apart by process and address. */
static int number_loops(struct search *s)
{
	const struct cxms_recording *rec = s->rec;
	struct cxms_pagemap map = {0};
	int rc = 0;
	for (size_t i = 0; i < rec->n_site && !rc; i++) {
		const struct cxms_rec_site *site = &rec->site[i];
		s->loop_of_site[i] = NO_LOOP;
		if (!site->count_reg || !site->step)
			continue;
		s->loop_of_site[i] = cxms_pagemap_get(&map, site->pid, site->loop_ip);
		if (s->loop_of_site[i] != CXMS_NO_PAGE)
			continue;
		s->loop_of_site[i] = (uint32_t)s->n_loop;
		rc = cxms_pagemap_put(&map, site->pid, site->loop_ip, s->loop_of_site[i]);
		number_loop(s, site);
	}
	for (size_t i = 0; i < rec->n_site && !rc; i++)
		s->around_of_site[i] = around(s, &map, &rec->site[i]);
	cxms_pagemap_fini(&map);
	return rc;
}

static uint32_t loop_of(const struct search *s, const struct cxms_rec_sample *sample)
{
	return sample->site != CXMS_NO_SITE && sample->flags & CXMS_SAMPLE_COUNT
		       ? s->loop_of_site[sample->site]
		       : NO_LOOP;
}

static uint32_t around_of(const struct search *s, const struct cxms_rec_sample *sample)
{
	return sample->site != CXMS_NO_SITE && sample->flags & CXMS_SAMPLE_OUTER
		       ? s->around_of_site[sample->site]
		       : NO_LOOP;
}

static void begin_lists(const struct search *s, struct points *p)
{
	for (size_t l = 2; l < s->n_loop + 2; l++)
		p->first[l] += p->first[l - 1];
}

static void add_point(struct points *p, uint32_t loop, const struct cxms_turn_point *point)
{
	if (loop != NO_LOOP)
		p->point[p->first[loop + 1]++] = *point;
}

static void add_sample(struct search *s, const struct cxms_rec_order *order, size_t i)
{
	const struct cxms_rec_sample *from = &s->rec->sample[order->sample[i]];
	struct cxms_turn_point point = {.time_ns = order->cpu_ns[i],
					.count = from->count,
					.outer = from->outer,
					.weight_ns = from->weight_ns,
					.thread = from->thread,
					.sleeps = order->sleeps[i]};
	add_point(&s->own, loop_of(s, from), &point);
	add_point(&s->all, loop_of(s, from), &point);
	point.count = from->outer;
	add_point(&s->all, around_of(s, from), &point);
}

static int gather_points(struct search *s)
{
	const struct cxms_recording *rec = s->rec;
	struct cxms_rec_order order;
	double weight = 0;
	int rc = cxms_rec_order_init(rec, &order);
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		uint32_t loop = loop_of(s, &rec->sample[i]);
		uint32_t around = around_of(s, &rec->sample[i]);
		weight += rec->sample[i].weight_ns;
		if (loop != NO_LOOP) {
			s->own.first[loop + 2]++;
			s->all.first[loop + 2]++;
		}
		if (around != NO_LOOP)
			s->all.first[around + 2]++;
	}
	begin_lists(s, &s->own);
	begin_lists(s, &s->all);
	for (size_t i = 0; i < rec->n_sample && !rc; i++)
		add_sample(s, &order, i);
	if (rec->n_sample)
		s->max_gap_ns = MAX_GAP_PERIODS * weight / (double)rec->n_sample;
	cxms_rec_order_fini(&order);
	return rc;
}

static int search_init(struct search *s)
{
	const size_t n_site = s->rec->n_site + 1, n_sample = s->rec->n_sample + 1;
	s->loop_of_site = malloc(n_site * sizeof(*s->loop_of_site));
	s->around_of_site = malloc(n_site * sizeof(*s->around_of_site));
	s->loop = malloc(n_site * sizeof(*s->loop));
	s->own.first = calloc(n_site + 1, sizeof(*s->own.first));
	s->own.point = malloc(n_sample * sizeof(*s->own.point));
	s->all.first = calloc(n_site + 1, sizeof(*s->all.first));
	s->all.point = malloc(2 * n_sample * sizeof(*s->all.point));
	s->work = malloc(CXMS_TURNS_MAX_PAIRS * sizeof(*s->work));
	s->turns = calloc(n_site, sizeof(*s->turns));
	return s->loop_of_site && s->around_of_site && s->loop && s->own.first && s->own.point &&
			       s->all.first && s->all.point && s->work && s->turns
		       ? 0
		       : -ENOMEM;
}

static void search_fini(struct search *s)
{
	free(s->loop_of_site);
	free(s->around_of_site);
	free(s->loop);
	free(s->own.first);
	free(s->own.point);
	free(s->all.first);
	free(s->all.point);
	free(s->work);
	free(s->turns);
}

/* By the register of the loop around it, where many of its runs lie between two samples; else by
 * its own. That alone would count the gap from row to row as turns. */
static void count_turns(struct search *s, size_t loop)
{
	const struct loop *l = &s->loop[loop];
	struct cxms_turn_point *point = s->own.point + s->own.first[loop];
	size_t n = s->own.first[loop + 1] - s->own.first[loop];
	size_t n_all = s->all.first[loop + 1] - s->all.first[loop];
	struct cxms_turns *out = &s->turns[loop];
	if (l->counts_rest) {
		cxms_turns_fit_left(point, n, l->outer_step, s->max_gap_ns, s->work, out);
		return;
	}
	if (l->outer_step)
		cxms_turns_fit_nested(point, n, l->step, l->outer_step, s->max_gap_ns, s->work,
				      out);
	if (!out->found && n_all > n)
		cxms_turns_fit_around(s->all.point + s->all.first[loop], n_all, l->step,
				      s->max_gap_ns, s->work, out);
	if (!out->found)
		cxms_turns_fit(point, n, l->step, s->max_gap_ns, s->work, out);
}

int cxms_turns_find(const struct cxms_recording *rec, struct cxms_turns **out)
{
	struct search s = {.rec = rec};
	struct cxms_turns *of_site = calloc(rec->n_site + 1, sizeof(*of_site));
	int rc = search_init(&s);
	if (!rc)
		rc = of_site ? number_loops(&s) : -ENOMEM;
	if (!rc)
		rc = gather_points(&s);
	for (size_t l = 0; l < s.n_loop && !rc; l++)
		count_turns(&s, l);
	for (size_t i = 0; i < rec->n_site && !rc; i++)
		if (s.loop_of_site[i] != NO_LOOP)
			of_site[i] = s.turns[s.loop_of_site[i]];
	search_fini(&s);
	if (rc)
		free(of_site);
	else
		*out = of_site;
	return rc;
}

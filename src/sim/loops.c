#include "sim/loops.h"

#include <errno.h>
#include <stdlib.h>

#include "place/pagemap.h"
#include "sim/recording.h"

/* What a loop calls is sampled elsewhere: up to so many samples lie between two in the loop. */
#define MAX_GAP_PERIODS 16.0
#define NO_LOOP		UINT32_MAX

struct search {
	const struct cxms_recording *rec;
	uint32_t *loop_of_site; /* NO_LOOP: none whose turns are counted */
	size_t n_loop;
	size_t *first; /* n_loop + 2: of the points of a loop */
	struct cxms_turn_point *point;
	int64_t *step, *outer_step; /* [loop] */
	bool *counts_rest;	    /* [loop] its register tells what is left */
	struct cxms_turns *turns;
	double *work, max_gap_ns;
};

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
		uint32_t loop = cxms_pagemap_get(&map, site->pid, site->loop_ip);
		if (loop == CXMS_NO_PAGE) {
			loop = (uint32_t)s->n_loop;
			rc = cxms_pagemap_put(&map, site->pid, site->loop_ip, loop);
			s->outer_step[s->n_loop] = site->outer_step;
			s->counts_rest[s->n_loop] = site->kind == CXMS_SITE_STRING;
			s->step[s->n_loop++] = site->step;
		}
		s->loop_of_site[i] = loop;
	}
	cxms_pagemap_fini(&map);
	return rc;
}

static uint32_t loop_of(const struct search *s, const struct cxms_rec_sample *sample)
{
	return sample->site != CXMS_NO_SITE && sample->flags & CXMS_SAMPLE_COUNT
		       ? s->loop_of_site[sample->site]
		       : NO_LOOP;
}

static int gather_points(struct search *s)
{
	const struct cxms_recording *rec = s->rec;
	struct cxms_rec_order order;
	double weight = 0;
	int rc = cxms_rec_order_init(rec, &order);
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		uint32_t loop = loop_of(s, &rec->sample[i]);
		weight += rec->sample[i].weight_ns;
		if (loop != NO_LOOP)
			s->first[loop + 2]++;
	}
	for (size_t l = 2; l < s->n_loop + 2; l++)
		s->first[l] += s->first[l - 1];
	for (size_t i = 0; i < rec->n_sample && !rc; i++) {
		const struct cxms_rec_sample *from = &rec->sample[order.sample[i]];
		uint32_t loop = loop_of(s, from);
		if (loop != NO_LOOP)
			s->point[s->first[loop + 1]++] =
				(struct cxms_turn_point){.time_ns = order.cpu_ns[i],
							 .count = from->count,
							 .outer = from->outer,
							 .weight_ns = from->weight_ns,
							 .thread = from->thread,
							 .sleeps = order.sleeps[i]};
	}
	if (rec->n_sample)
		s->max_gap_ns = MAX_GAP_PERIODS * weight / (double)rec->n_sample;
	cxms_rec_order_fini(&order);
	return rc;
}

static int search_init(struct search *s)
{
	const struct cxms_recording *rec = s->rec;
	s->loop_of_site = malloc((rec->n_site + 1) * sizeof(*s->loop_of_site));
	s->step = malloc((rec->n_site + 1) * sizeof(*s->step));
	s->outer_step = malloc((rec->n_site + 1) * sizeof(*s->outer_step));
	s->counts_rest = malloc((rec->n_site + 1) * sizeof(*s->counts_rest));
	s->first = calloc(rec->n_site + 2, sizeof(*s->first));
	s->point = malloc((rec->n_sample + 1) * sizeof(*s->point));
	s->work = malloc(CXMS_TURNS_MAX_PAIRS * sizeof(*s->work));
	s->turns = calloc(rec->n_site + 1, sizeof(*s->turns));
	return s->loop_of_site && s->step && s->outer_step && s->counts_rest && s->first &&
			       s->point && s->work && s->turns
		       ? 0
		       : -ENOMEM;
}

/* By the register of the loop around it, where many of its runs lie between two samples; else by
 * its own. That alone would count the gap from row to row as turns. */
static void count_turns(struct search *s, size_t loop)
{
	struct cxms_turn_point *point = s->point + s->first[loop];
	size_t n = s->first[loop + 1] - s->first[loop];
	struct cxms_turns *out = &s->turns[loop];
	if (s->counts_rest[loop])
		cxms_turns_fit_left(point, n, s->outer_step[loop], s->max_gap_ns, s->work, out);
	else if (s->outer_step[loop])
		cxms_turns_fit_nested(point, n, s->step[loop], s->outer_step[loop], s->max_gap_ns,
				      s->work, out);
	if (!out->found && !s->counts_rest[loop])
		cxms_turns_fit(point, n, s->step[loop], s->max_gap_ns, s->work, out);
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
	free(s.loop_of_site);
	free(s.step);
	free(s.outer_step);
	free(s.counts_rest);
	free(s.first);
	free(s.point);
	free(s.work);
	free(s.turns);
	if (rc)
		free(of_site);
	else
		*out = of_site;
	return rc;
}
